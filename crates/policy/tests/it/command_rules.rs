//! Rules of the settings about commands: every spelling is covered, and an `allow` lifts what it is about alone.

use hyperion_policy::{CommandRule, RuleSource, Rules, judge_argv, judge_command};
use serde::Deserialize;

use crate::corpus::place;

#[derive(Deserialize)]
struct Policy {
    #[serde(default)]
    commands: Vec<CommandRule>,
}

#[derive(Deserialize)]
struct Settings {
    policy: Policy,
}

/// Compiles settings as they are written; their examples are tried on the way.
fn settings(toml: &str) -> Rules {
    let settings: Settings = toml::from_str(toml).unwrap();
    let commands = settings.policy.commands;
    Rules::compile(RuleSource {
        commands,
        ..RuleSource::default()
    })
    .unwrap()
}

fn judged(rules: &Rules, expected: &[(&str, &[&str])]) {
    for (verdict, commands) in expected {
        for text in *commands {
            let judged = judge_command(text, rules, &place());
            assert_eq!(judged.verdict(), *verdict, "{text}: {:?}", judged.reasons);
        }
    }
}

// X2: a rule is about the program and its subcommand, whatever stands before them.
#[test]
fn a_refused_subcommand_is_refused_in_every_spelling() {
    let rules = settings(
        r#"
        [[policy.commands]]
        prefix = ["git"]
        verdict = "allow"
        reason = "git is fine here"
        examples = ["allow git fetch"]
        [[policy.commands]]
        prefix = ["git", "push"]
        verdict = "deny"
        reason = "people push"
        examples = ["deny git push", "deny git -C . push", "deny sudo git push"]
        [[policy.commands]]
        prefix = ["cargo", "publish"]
        verdict = "deny"
        examples = ["deny cargo publish", "deny cargo +nightly publish", "deny cargo --made-up x publish"]
        [[policy.commands]]
        prefix = ["deploy", "now"]
        verdict = "ask"
        examples = ["ask deploy now"]
        "#,
    );
    judged(
        &rules,
        &[
            (
                "deny",
                &[
                    "git push origin main",
                    "git -C . push",
                    "git -c x.y=z push",
                    "git --no-pager push",
                    "git --git-dir=.git push",
                    "git --git-dir .git push",
                    "git --made-up push",
                    "git --made-up value push",
                    "g\\it pu''sh",
                    "$'git' \"push\"",
                    "command git push",
                    "env A=1 git push",
                    "env -S 'git -C . push'",
                    "nice timeout 5 git push",
                    "/usr/bin/git push",
                    "/opt/git/bin/git push",
                    "./git -P push",
                    "strace -f git -C . push",
                    "made-up --lock a git push",
                    "docker run x git push",
                    "sh -c 'git push'",
                    "bash -lc 'cd src && git push'",
                    "busybox sh -c 'git push'",
                    "echo $(git push)",
                    "find . -exec git push ';'",
                    "ls | xargs git push",
                    "for x in push; do git $x; done",
                ],
            ),
            (
                "allow",
                &[
                    "git fetch",
                    "git -C src commit -m x",
                    "git log push",
                    "git add push",
                ],
            ),
            // What names code, throws work away or takes it from others is not the rule's to lift.
            (
                "ask",
                &[
                    "git -c core.pager=./x log",
                    "git reset --hard",
                    "git rebase -i HEAD~2 > log",
                    "git remote -v",
                    "deploy --region x now",
                ],
            ),
        ],
    );
}

// X2: an `allow` of a wrapper or a runner lifts its own reasons, nothing that stands inside, and no path outside.
#[test]
fn an_allow_lifts_what_the_program_itself_asks() {
    let rules = settings(
        r#"
        [[policy.commands]]
        prefix = ["find"]
        verdict = "allow"
        reason = "looking"
        examples = ["allow find . -name x", "ask find . -exec rm {} +"]
        [[policy.commands]]
        prefix = ["timeout"]
        verdict = "allow"
        reason = "bounded"
        examples = ["allow timeout 5 ls", "ask timeout 5 rm a"]
        [[policy.commands]]
        prefix = ["bash"]
        verdict = "allow"
        examples = ["allow bash run.sh", "ask bash -c 'touch a'"]
        [[policy.commands]]
        prefix = ["env"]
        verdict = "allow"
        examples = ["ask env", "ask env A=1 ls"]
        [[policy.commands]]
        prefix = ["pytest"]
        verdict = "allow"
        reason = "tests"
        examples = ["allow pytest -q", "ask pytest ../other"]
        [[policy.commands]]
        prefix = ["rg"]
        verdict = "allow"
        examples = ["allow rg --hidden x", "ask rg --pre=./x y"]
        "#,
    );
    judged(
        &rules,
        &[
            (
                "allow",
                &[
                    "pytest tests/a.py",
                    "timeout 5 pytest",
                    "find . -exec pytest {} ';'",
                    "pytest --color=yes -k 'a or b'",
                ],
            ),
            (
                "ask",
                &[
                    "find . -exec touch {} +",
                    "find / -name x",
                    "find . -fprint /tmp/x",
                    "timeout 5 find . -exec rm {} ';'",
                    "timeout 5 sh -c 'touch a'",
                    "timeout 5 bash -c 'touch a'",
                    "pytest $X",
                    "pytest -q > log",
                    "pytest /tmp/x",
                    "pytest --rootdir=/tmp",
                    "pytest ~/x",
                    "PYTHONPATH=/x pytest",
                    "cd .. && pytest",
                    "echo x | bash",
                    "env PATH=. ls",
                ],
            ),
            (
                "deny",
                &["find / -delete", "pytest .env", "timeout 5 rm -rf /"],
            ),
        ],
    );
}

// What is written in the documents is what the program does.
#[test]
fn the_examples_of_the_documents_hold() {
    const DOCUMENTS: &[&str] = &[
        include_str!("../../../../docs/policy.md"),
        include_str!("../../../../docs/hyperion-toml.md"),
        include_str!("../../../../docs/configuration.md"),
    ];
    let mut tried = 0;
    for document in DOCUMENTS {
        for block in document.split("```toml\n").skip(1) {
            let toml = block.split("```").next().unwrap();
            if toml.contains("[[policy.commands]]") {
                assert!(!settings(toml).commands().is_empty());
                tried += 1;
            }
        }
        // `hyperion policy test --command '…'`, and the verdict below it.
        for line in document.split("$ hyperion policy test --command '").skip(1) {
            let (text, answer) = line.split_once('\'').unwrap();
            let verdict = match answer.lines().nth(1).unwrap_or_default() {
                answer if answer.starts_with("refused") => "deny",
                answer if answer.starts_with("asks") => "ask",
                _ => "allow",
            };
            judged(&settings("policy = {}"), &[(verdict, &[text])]);
            tried += 1;
        }
    }
    assert!(tried >= 2, "{tried} examples");
}

// S7: what throws work away says so, and nobody agrees to it once and for all.
#[test]
fn discarding_work_says_so_and_has_no_shape() {
    let rules = settings("policy = {}");
    for text in [
        "git checkout -- .",
        "git checkout src/a.rs",
        "git checkout HEAD~1 src",
        "git checkout -f main",
        "git restore .",
        "git restore --staged --worktree a",
        "git reset --hard",
        "git reset --har HEAD~1",
        "git clean -fdx",
        "git stash drop",
        "git stash clear",
        "git switch -f main",
        "git switch --discard-changes main",
        "git rm -f a",
        "git -C . reset --hard",
        "env git clean -f",
        "git merge --abort",
        "git worktree remove --force x",
        "git submodule update --force",
    ] {
        let judged = judge_command(text, &rules, &place());
        let says = judged
            .reasons
            .iter()
            .any(|reason| reason.code == "git.discards");
        assert!(says && judged.shape.is_none(), "{text}: {judged:?}");
    }
    for text in [
        "git checkout -b x",
        "git checkout main",
        "git switch x",
        "git restore --staged a",
        "git reset -q",
        "git stash",
    ] {
        let judged = judge_command(text, &rules, &place());
        let says = judged
            .reasons
            .iter()
            .any(|reason| reason.code == "git.discards");
        assert!(!says && judged.shape.is_some(), "{text}: {judged:?}");
    }
}

// S7: what is not seen in the words is not granted with them.
#[test]
fn what_runs_from_elsewhere_has_no_shape() {
    let rules = settings("policy = {}");
    for text in [
        "cat a.txt | python3 -",
        "cat a.txt | python3 /dev/stdin",
        "python3 - < a.txt",
        "cat a.txt | node",
        "bash /dev/stdin < a.txt",
        "bash - <<< ls",
        "cat a.txt | make -f -",
        "cat a.txt | awk -f -",
        "cat a.txt | made-up",
        "cat a.txt | sqlite3 a.db",
        "echo $(touch a)",
        "touch \"$(cargo test)\"",
        "cat <(cargo test)",
        "wc -l < <(cargo test)",
        "cargo test <<< \"$(touch a)\"",
    ] {
        let judged = judge_command(text, &rules, &place());
        assert!(
            !judged.is_allowed() && judged.shape.is_none(),
            "{text}: {judged:?}"
        );
    }
}

// X2: Hyperion runs a check's text with `/bin/sh`, which need not be bash.
#[test]
fn a_check_is_judged_as_sh_reads_it() {
    let rules = settings("policy = {}");
    let verdict = |text: &str| {
        judge_argv(
            &["/bin/sh", "-c", text].map(str::to_owned),
            &rules,
            &place(),
        )
        .verdict()
    };
    assert_eq!(verdict("rg foo src && ls 2>&1"), "allow");
    assert_eq!(verdict("ls &>/dev/null"), "ask");
    assert_eq!(verdict("cat .env"), "deny");
}
