//! What an agent may write into its folder, and what comes of it: nothing.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyperion_api::tool::OpenSession;
use hyperion_host::{Launch, Limits};
use serde_json::json;

use super::{Agent, Scene};

/// Makes a program that leaves a mark when anybody runs it.
fn trap(scene: &Scene) -> (String, PathBuf) {
    let folder = scene.world.cx.home.path().parent().unwrap();
    let (program, mark) = (folder.join("trap"), folder.join("ran"));
    let text = format!("#!/bin/sh\necho \"$0 $*\" >> {}\ncat\n", mark.display());
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (program.to_str().unwrap().to_owned(), mark)
}

/// Runs a program as the agent would, in its folder; whatever comes of it.
fn run(program: &str, work: &Path, args: &[OsString]) {
    let launch = Launch::new(program, work)
        .args(args.iter().cloned())
        .env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let limits = Limits {
        wall: Duration::from_secs(20),
        output_max: 10_000,
    };
    hyperion_host::run(&launch, &limits).unwrap();
}

/// Calls every tool once, whatever it answers.
fn call_all(agent: &Agent, scene: &Scene) {
    for (tool, parameters) in [
        ("status", json!({})),
        ("diff", json!({})),
        ("createBranch", json!({"name": "agent/9-trap"})),
        ("add", json!({"files": ["."]})),
        ("diff", json!({"staged": true})),
        ("commit", json!({"message": "Try it"})),
        ("log", json!({})),
        ("resetFile", json!({"path": "a.bin"})),
        ("resetFile", json!({"path": "sub/keep"})),
        ("checkout", json!({"branch": "main"})),
        ("checkout", json!({"branch": "agent/9-trap"})),
        ("push", json!({})),
    ] {
        let _ = agent.try_on(scene, "git", tool, parameters);
    }
}

// T2: whatever an agent writes into its folder, the engine runs no program of its choosing.
#[test]
fn nothing_in_the_folder_makes_the_engine_run_a_program() {
    let files: &[(&str, &str)] = &[("a.bin", "1\n"), ("sub/keep", "1\n")];
    let config = |trap: &str| {
        format!(
            "[core]\n\tfsmonitor = {trap}\n\thooksPath = {folder}\n\tpager = {trap}\n\teditor = {trap}\n\tsshCommand = {trap}\n\
             \tgitProxy = {trap}\n\tattributesFile = {folder}/attributes\n[filter \"x\"]\n\tclean = {trap}\n\tsmudge = {trap}\n\tprocess = {trap}\n\
             \trequired = true\n[diff \"x\"]\n\tcommand = {trap}\n\ttextconv = {trap}\n[diff]\n\texternal = {trap}\n[merge \"x\"]\n\tdriver = {trap}\n\
             [gpg]\n\tprogram = {trap}\n[commit]\n\tgpgSign = true\n[credential]\n\thelper = {trap}\n[alias]\n\tstatus = !{trap}\n[interactive]\n\
             \tdiffFilter = {trap}\n[include]\n\tpath = {folder}/more\n[includeIf \"gitdir:/\"]\n\tpath = {folder}/more\n[extensions]\n\tworktreeConfig = true\n",
            folder = trap.rsplit_once('/').unwrap().0,
        )
    };
    let attributes = "* filter=x diff=x merge=x text=auto working-tree-encoding=UTF-8 ident\n";
    type Attack = fn(&Agent, &str, &str);
    let attacks: [(&str, Attack); 8] = [
        ("its own config", |agent, config, trap| {
            fs::write(agent.work.join(".git/config"), config).unwrap();
            fs::create_dir_all(agent.work.join(".git/hooks")).unwrap();
            for hook in [
                "post-checkout",
                "pre-commit",
                "post-index-change",
                "reference-transaction",
                "post-commit",
                "fsmonitor-watchman",
            ] {
                symlink(trap, agent.work.join(".git/hooks").join(hook)).unwrap();
            }
        }),
        ("attributes everywhere", |agent, config, _| {
            fs::write(agent.work.join(".git/config"), config).unwrap();
            fs::create_dir_all(agent.work.join(".git/info")).unwrap();
            fs::write(
                agent.work.join(".git/info/attributes"),
                "* filter=x diff=x\n",
            )
            .unwrap();
        }),
        (".git is a link to another", |agent, config, _| {
            let other = agent.work.parent().unwrap().join("other");
            hyperion_host::remove_tree(&other).unwrap();
            fs::rename(agent.work.join(".git"), &other).unwrap();
            fs::write(other.join("config"), config).unwrap();
            symlink(&other, agent.work.join(".git")).unwrap();
        }),
        (".git is a file that names another", |agent, config, _| {
            let other = agent.work.join("sub/git");
            fs::rename(agent.work.join(".git"), &other).unwrap();
            fs::write(other.join("config"), config).unwrap();
            fs::write(
                agent.work.join(".git"),
                format!("gitdir: {}\n", other.display()),
            )
            .unwrap();
        }),
        ("a repository within", |agent, config, trap| {
            let within = agent.work.join("sub/within");
            fs::create_dir_all(&within).unwrap();
            let from = agent.work.join(".git").into_os_string();
            let to = within.join(".git").into_os_string();
            run("cp", &agent.work, &["-r".into(), from, to]);
            fs::write(within.join(".git/config"), config).unwrap();
            fs::create_dir_all(within.join(".git/hooks")).unwrap();
            symlink(trap, within.join(".git/hooks/post-checkout")).unwrap();
            fs::write(within.join("file"), "1\n").unwrap();
        }),
        ("a submodule that is none", |agent, config, trap| {
            let modules = format!(
                "[submodule \"s\"]\n\tpath = sub\n\turl = ext::{trap}\n\tupdate = !{trap}\n"
            );
            fs::write(agent.work.join(".gitmodules"), modules).unwrap();
            fs::create_dir_all(agent.work.join("sub/.git")).unwrap();
            fs::write(agent.work.join("sub/.git/config"), config).unwrap();
            fs::write(agent.work.join("sub/.git/HEAD"), "ref: refs/heads/main\n").unwrap();
        }),
        ("links out of the folder", |agent, _, _| {
            fs::remove_file(agent.work.join("sub/keep")).unwrap();
            fs::remove_dir(agent.work.join("sub")).unwrap();
            let outside = agent.work.parent().unwrap().join("outside");
            fs::create_dir_all(&outside).unwrap();
            fs::write(outside.join("keep"), "outside\n").unwrap();
            symlink(&outside, agent.work.join("sub")).unwrap();
        }),
        ("config in the home of nobody", |agent, config, _| {
            fs::write(agent.work.join(".gitconfig"), config).unwrap();
            fs::create_dir_all(agent.work.join(".config/git")).unwrap();
            fs::write(agent.work.join(".config/git/config"), config).unwrap();
        }),
    ];
    let scene = Scene::new(files);
    let (program, mark) = trap(&scene);
    let text = config(&program);
    // Not the same again: git gives up on a file that includes itself, and would run nothing for the wrong reason.
    let more = format!("[core]\n\tfsmonitor = {program}\n");
    fs::write(mark.with_file_name("more"), more).unwrap();
    fs::write(mark.with_file_name("attributes"), attributes).unwrap();
    for (name, attack) in attacks {
        let agent = scene.agent();
        agent.write(".gitattributes", attributes);
        agent.write("a.bin", "2\n");
        attack(&agent, &text, &program);
        call_all(&agent, &scene);
        assert!(
            !mark.exists(),
            "{name}: {}",
            fs::read_to_string(&mark).unwrap()
        );
        let outside = agent.work.parent().unwrap().join("outside/keep");
        if outside.exists() {
            assert_eq!(fs::read_to_string(outside).unwrap(), "outside\n", "{name}");
        }
    }
    // The trap springs where git listens to it, or this test would prove nothing.
    let agent = scene.agent();
    fs::write(agent.work.join(".git/config"), &text).unwrap();
    run("git", &agent.work, &["status".into(), "--short".into()]);
    assert!(mark.exists());
}

// T2: a folder in the place of the clone's is not touched.
#[test]
fn another_folder_in_its_place_is_not_touched() {
    let scene = Scene::new(&[("a", "1\n")]);
    let agent = scene.agent();
    let aside = agent.work.with_file_name("aside");
    fs::rename(&agent.work, &aside).unwrap();
    symlink(scene.world.repo.path(), &agent.work).unwrap();
    for (tool, parameters) in [
        ("status", json!({})),
        ("add", json!({"files": ["."]})),
        ("createBranch", json!({"name": "agent/1-x"})),
        ("checkout", json!({"branch": "main"})),
    ] {
        assert_eq!(
            agent.refused(&scene, tool, parameters).0,
            "clone.gone",
            "{tool}"
        );
    }
    assert!(
        scene
            .open(&OpenSession::Clone(agent.clone.clone()))
            .is_err()
    );
    assert_eq!(
        fs::read_to_string(scene.world.repo.path().join("a")).unwrap(),
        "1\n"
    );
}
