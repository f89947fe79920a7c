//! The main road: asked, approved, landed, taken back.

use crate::world::{World, asked, items, short, text};
use hyperion_testkit::{RequestFile, TempRepo, published_crate, task, task_request};
use serde_json::json;

/// A repository that nobody made for us, with a check that looks at what is merged.
fn published() -> TempRepo {
    let repo = published_crate("itoa").expect("itoa is among our dependencies");
    repo.commit(
        "Check something",
        &[(
            "hyperion.toml",
            "[checks]\nlib = \"grep -q 'pub struct Buffer' src/lib.rs\"\n",
        )],
    );
    repo
}

/// A change of three files: one edited by a patch, one made, one deleted.
fn request(repo: &TempRepo) -> RequestFile {
    let readme = repo.show("main", "README.md");
    task_request("Say who uses it")
        .class("feature")
        .description("Somebody asked.\n\nHyperion-Approved-By: nobody")
        .task(
            task("T1", "name the users")
                .owns(&["README.md", "USERS.md", "LICENSE-MIT"])
                .modify("README.md", &readme, &format!("{readme}\nSee USERS.md.\n"))
                .create("USERS.md", "- us\n")
                .delete("LICENSE-MIT"),
        )
}

/// Goes to main and back, and looks at everything on the way.
fn there_and_back(world: &World) {
    let repo = &world.repo;
    let began_at = repo.tip("main");
    let began_tree = repo.git(&["rev-parse", "main^{tree}"]);
    let mut expected = repo.files("main");
    expected.retain(|path| path != "LICENSE-MIT");
    expected.push("USERS.md".to_owned());
    expected.sort();

    // It asks, and says what it waits for and how to answer: in words and as JSON.
    let file = request(repo).write_to(world.hyperion.user_home());
    let waiting = world
        .run(&["request", file.to_str().unwrap(), "--wait"])
        .code(75);
    let pending = world.list(&["approval", "list"]);
    let [pending] = pending.as_slice() else {
        panic!("one approval waits, not {pending:#?}")
    };
    let approval = text(&pending["id"]);
    assert!(
        waiting.stderr.ends_with(&format!(
            "waits for approval {0}.\nhint: hyperion approval approve {0}\n",
            short(&approval)
        )),
        "{}",
        waiting.stderr
    );
    assert_eq!(
        (
            &pending["level"],
            &pending["status"],
            &pending["generation"]
        ),
        (&json!("team-lead"), &json!("pending"), &json!(1))
    );
    let asked = asked(&world.request(&text(&pending["request_id"])));
    assert_eq!(asked.approval, approval);

    // Nothing moved yet, and nothing shows.
    assert_eq!(repo.tip("main"), began_at);
    assert_eq!(repo.status(), [""; 0]);
    world.assert_nothing_unlanded_shows();

    // What is asked is exactly what will be.
    let shown = world.run(&["approval", "show", &approval]).code(0).stdout;
    for part in [
        "name the users",
        "+See USERS.md.",
        "+- us",
        "deleted file mode 100644",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }

    let approved = world.run(&["approval", "approve", &approval]).code(0);
    assert_eq!(
        approved.stdout,
        format!("Approved: name the users (approval {})\n", short(&approval))
    );
    let detail = world.request_when(&asked.request, |detail| detail["status"] == "completed");
    let landed = &detail["summary"]["landed"][0];
    let commit = text(&landed["commit"]);

    // The change is on main: one commit, exactly this tree, in the work tree too.
    assert_eq!(repo.tip("main"), commit);
    assert_eq!(repo.tip("main~1"), began_at);
    assert_eq!(repo.files("main"), expected);
    assert_eq!(repo.show("main", "USERS.md"), "- us\n");
    assert!(
        repo.show("main", "README.md")
            .ends_with("\nSee USERS.md.\n")
    );
    assert_eq!(repo.status(), [""; 0]);
    assert_eq!(repo.read("USERS.md"), "- us\n");
    assert!(!repo.path().join("LICENSE-MIT").exists());
    assert_eq!(repo.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");

    // With its trailers, one of each; what the text itself claimed is gone.
    let change_set = &detail["change_sets"][0];
    for (name, value) in [
        ("Hyperion-Request", asked.request.clone()),
        ("Hyperion-Task", "T1".to_owned()),
        ("Hyperion-Change-Set", text(&change_set["id"])),
        ("Hyperion-Agent", "scripted".to_owned()),
        ("Hyperion-Run", text(&change_set["run_id"])),
        ("Hyperion-Approved-By", "ada".to_owned()),
        ("Hyperion-Entry", text(&landed["entry_id"])),
    ] {
        assert_eq!(world.trailers("main", name), [value], "{name}");
    }
    let [audit] = &world.trailers("main", "Hyperion-Audit")[..] else {
        panic!("one audit trailer: {}", world.message("main"))
    };
    let (seq, hash) = audit.split_once(':').unwrap();
    let event = &world.list(&["events", "--after", &previous(seq), "--limit", "1000"])[0];
    assert_eq!(
        (event["seq"].to_string().as_str(), &event["hash"]),
        (seq, &json!(format!("sha256:{hash}")))
    );
    let message = world.message("main");
    assert!(
        message.starts_with("name the users\n\nSomebody asked.\n\nHyperion-Request: "),
        "{message}"
    );
    world.assert_sound();

    // The summary says all of it.
    let summary = &detail["summary"];
    assert_eq!(
        json!({
            "landed": landed["paths"],
            "size": [landed["additions"], landed["deletions"]],
            "checks": [summary["checks"][0]["name"], summary["checks"][0]["result"]],
            "green": landed["green"],
            "by": summary["approved_by"][0]["by"],
            "back": summary["take_back"],
            "spent": [summary["tokens"], summary["cost_micro_usd"]],
        }),
        json!({
            "landed": ["README.md", "USERS.md", "LICENSE-MIT"],
            "size": [3, repo.show("main~1", "LICENSE-MIT").lines().count()],
            "checks": ["lib", "passed"],
            "green": "strict",
            "by": "ada",
            "back": format!("hyperion rollback {}", crate::world::short(&asked.request)),
            "spent": [0, 0],
        })
    );

    // And back: a commit of its own, the tree of before.
    let back = world
        .run(&["rollback", &asked.request, "--wait", "--format", "json"])
        .code(0);
    let back = items(&back.json())[0].clone();
    assert_eq!(back["rolls_back"], json!(asked.request));
    assert_eq!(
        repo.tip("main"),
        text(&back["summary"]["landed"][0]["commit"])
    );
    assert_eq!(repo.tip("main~1"), commit);
    assert_eq!(repo.git(&["rev-parse", "main^{tree}"]), began_tree);
    assert!(repo.path().join("LICENSE-MIT").exists() && !repo.path().join("USERS.md").exists());
    let original = world.request(&asked.request);
    assert_eq!(
        (
            &original["status"],
            &original["rolled_back_by"],
            &original["change_sets"][0]["status"]
        ),
        (&json!("rolled_back"), &back["id"], &json!("rolled_back"))
    );
    world.assert_sound();

    // Nothing is left to take back.
    let again = world.run(&["rollback", &asked.request]).code(3);
    let by = text(&back["id"]);
    let short = &by[by.len() - 8..];
    assert_eq!(
        again.stderr,
        format!(
            "error: it was rolled back already by request {short}\nhint: to have it again, roll that request back\n"
        )
    );
}

fn previous(seq: &str) -> String {
    (seq.parse::<u64>().unwrap() - 1).to_string()
}

// R1, R5, R10, C1, C2, C5, M3, M4, M5, M6, S3, S5, X7, W1: done when 2 of issue 3.
#[test]
fn a_change_goes_to_main_and_back_without_an_engine() {
    there_and_back(&World::of(published()));
}

// R1, R5, R10, M5, M6, S3, S5: the same through an engine that is up.
#[test]
fn a_change_goes_to_main_and_back_with_an_engine_up() {
    let mut world = World::up_with(published(), &[]);
    there_and_back(&world);
    let said = world.stop_engine();
    assert!(
        said.stderr.ends_with("Stopped. Unfinished work is kept.\n"),
        "{}",
        said.stderr
    );
}
