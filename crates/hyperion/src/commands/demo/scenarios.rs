//! The dozen requests of the demo, in the order they are filed.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::copy::CopiedRepo;
use super::patch::patch;
use super::scenario::{Act, Expected, Scenario};

const RETRY: &str = "hyperion-demo/retry.sh";
const LIMITS: &str = "hyperion-demo/limits.conf";
const TEST_LIMITS: &str = "hyperion-demo/tests/limits.conf";
const README: &str = "hyperion-demo/README.md";

/// Gives the demo's acts.
pub(super) fn acts() -> Vec<Act> {
    let by_policy = Expected::Lands { level: "auto" };
    let by_a_person = Expected::Lands { level: "team-lead" };
    vec![
        Act {
            title: "The whole road",
            story: "A small fix. Policy lets it pass by itself,\nand still every check runs on the merged result.",
            every_station: true,
            scenarios: vec![scenario("cap-the-delay", cap_the_delay, by_policy)],
        },
        Act {
            title: "A person decides",
            story: "A feature asks a team lead. As this home's owner that is you.",
            every_station: false,
            scenarios: vec![scenario("say-each-try", say_each_try, Expected::AsDecided)],
        },
        Act {
            title: "Main moved on",
            story: "Both were made on the commit that the demo began with.\nOne still fits what landed since, one does not.",
            every_station: false,
            scenarios: vec![
                scenario("usage", usage, by_policy),
                scenario(
                    "cap-again",
                    cap_again,
                    Expected::Stops {
                        why: "conflict",
                        says: LIMITS,
                        level: Some("auto"),
                    },
                ),
            ],
        },
        Act {
            title: "Work that belongs together",
            story: "Two tasks of which one builds on the other,\nand a set of two of which each would break the tests alone.",
            every_station: false,
            scenarios: vec![
                scenario("report", report, by_a_person),
                scenario("rename-setting", rename_setting, by_a_person),
            ],
        },
        Act {
            title: "Work that must not land",
            story: "A script that does not parse, a file for secrets, and a secret.",
            every_station: false,
            scenarios: vec![
                scenario(
                    "broken-script",
                    broken_script,
                    Expected::Stops {
                        why: "check",
                        says: "scripts",
                        level: Some("auto"),
                    },
                ),
                scenario(
                    "denied-path",
                    denied_path,
                    Expected::Stops {
                        why: "policy",
                        says: "path.denied",
                        level: None,
                    },
                ),
                scenario(
                    "secret",
                    secret,
                    Expected::Stops {
                        why: "policy",
                        says: "secret.added",
                        level: None,
                    },
                ),
            ],
        },
        Act {
            title: "What guards the repository",
            story: "CI, and the checks themselves: both ask an admin. The second even gets the yes,\n\
                    and is stopped all the same: main's checks judge a change, not those it brings.",
            every_station: false,
            scenarios: vec![
                scenario("ci", ci, Expected::Lands { level: "admin" }),
                scenario(
                    "no-checks",
                    no_checks,
                    Expected::Stops {
                        why: "check",
                        says: "scripts",
                        level: Some("admin"),
                    },
                ),
            ],
        },
        Act {
            title: "Housekeeping",
            story: "A moved file, a script made executable, and text.",
            every_station: false,
            scenarios: vec![
                scenario("move-and-chmod", move_and_chmod, by_a_person),
                scenario("docs", docs, by_policy),
            ],
        },
    ]
}

const fn scenario(
    name: &'static str,
    request: fn(&CopiedRepo) -> anyhow::Result<Value>,
    expected: Expected,
) -> Scenario {
    Scenario {
        name,
        request,
        expected,
    }
}

fn cap_the_delay(copy: &CopiedRepo) -> anyhow::Result<Value> {
    let double = "delay_sec=$((delay_sec * 2))";
    let capped = "delay_sec=$((delay_sec < delay_max_sec / 2 ? delay_sec * 2 : delay_max_sec))";
    Ok(request(
        "Cap the delay between tries at 30 s",
        "bugfix",
        [task(
            "T1",
            "Cap the delay at 30 s",
            [
                edit(copy, RETRY, double, capped)?,
                append(copy, LIMITS, "delay_max_sec=30\n")?,
                append(copy, TEST_LIMITS, "delay_max_sec=0\n")?,
            ],
        )],
    ))
}

/// Far enough from what the others change that it still lands when the answer comes last.
fn say_each_try(copy: &CopiedRepo) -> anyhow::Result<Value> {
    let next = "    try=$((try + 1))\n";
    let said =
        "    try=$((try + 1))\n    [ -z \"${RETRY_VERBOSE:-}\" ] || echo \"retry: try $try\" >&2\n";
    Ok(request(
        "Say which try it is when RETRY_VERBOSE is set",
        "feature",
        [task(
            "T1",
            "Say which try it is",
            [edit(copy, RETRY, next, said)?],
        )],
    ))
}

fn report(_: &CopiedRepo) -> anyhow::Result<Value> {
    let script = "#!/bin/sh\n# report.sh LOG: counts what was given up.\nset -eu\n\ngrep -c 'gave up' \"$1\" || true\n";
    let test = "#!/bin/sh\nset -eu\n\nlog=$(mktemp)\necho 'retry: gave up after 3 tries' >\"$log\"\nfound=$(sh report.sh \"$log\")\n\
                rm \"$log\"\n[ \"$found\" = 1 ]\n";
    let path = "hyperion-demo/report.sh";
    let mut tested = task(
        "T2",
        "Test the report",
        [create("hyperion-demo/tests/report_test.sh", test)],
    );
    tested["depends_on"] = json!(["T1"]);
    Ok(request(
        "Report what was given up",
        "feature",
        [
            task("T1", "Count what was given up", [create(path, script)]),
            tested,
        ],
    ))
}

fn rename_setting(copy: &CopiedRepo) -> anyhow::Result<Value> {
    let (old, new) = ("tries_max=3", "attempts_max=3");
    let mut request = request(
        "Call the number of tries attempts_max",
        "refactor",
        [
            task(
                "settings",
                "Rename the setting",
                [
                    edit(copy, LIMITS, old, new)?,
                    edit(copy, TEST_LIMITS, old, new)?,
                ],
            ),
            task(
                "script",
                "Use the new name",
                [edit(copy, RETRY, "$tries_max", "$attempts_max")?],
            ),
        ],
    );
    request["atomic"] = json!(true);
    request["requires_approval"] = json!(true);
    Ok(request)
}

fn usage(copy: &CopiedRepo) -> anyhow::Result<Value> {
    let begin = "set -eu\n";
    let checked =
        "set -eu\n[ \"$#\" -gt 0 ] || { echo 'usage: retry.sh COMMAND...' >&2; exit 2; }\n";
    let started_with = include_str!("project/retry.sh");
    let patched = patch(RETRY, started_with, &started_with.replace(begin, checked));
    let mut request = request(
        "Say how retry.sh is used when no command is given",
        "bugfix",
        [task(
            "T1",
            "Check the arguments of retry.sh",
            [modify(RETRY, &patched)],
        )],
    );
    request["base"] = json!(copy.start);
    Ok(request)
}

/// Somebody else's answer to the same complaint, made on the same commit.
fn cap_again(copy: &CopiedRepo) -> anyhow::Result<Value> {
    let started_with = include_str!("project/limits.conf");
    let patched = patch(
        LIMITS,
        started_with,
        &format!("{started_with}delay_max_sec=60\n"),
    );
    let mut request = request(
        "Cap the delay between tries at 60 s",
        "bugfix",
        [task(
            "T1",
            "Cap the delay at 60 s",
            [modify(LIMITS, &patched)],
        )],
    );
    request["base"] = json!(copy.start);
    Ok(request)
}

fn broken_script(_: &CopiedRepo) -> anyhow::Result<Value> {
    let script = "#!/bin/sh\nfor log in *.log; do\n    echo \"$log\"\n";
    Ok(request(
        "List the logs",
        "bugfix",
        [task(
            "T1",
            "List the logs, in a loop without its end",
            [create("hyperion-demo/list.sh", script)],
        )],
    ))
}

fn denied_path(_: &CopiedRepo) -> anyhow::Result<Value> {
    Ok(request(
        "Keep the settings in .env",
        "bugfix",
        [task(
            "T1",
            "Keep the settings in .env",
            [create("hyperion-demo/.env", "attempts_max=5\n")],
        )],
    ))
}

fn secret(_: &CopiedRepo) -> anyhow::Result<Value> {
    // Put together here, so that no file of Hyperion has anything that looks like a token.
    let token = [
        "gh", "p_", "Zk3vQ9", "mT2xLr", "8WdYc5", "HnB7sF", "1jKp4G", "uA6eRo",
    ]
    .concat();
    Ok(request(
        "Report to the tracker",
        "bugfix",
        [task(
            "T1",
            "Keep the tracker's token in the settings",
            [create(
                "hyperion-demo/tracker.conf",
                &format!("tracker_token={token}\n"),
            )],
        )],
    ))
}

fn ci(_: &CopiedRepo) -> anyhow::Result<Value> {
    let workflow = "name: hyperion-demo\non: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      \
                    - uses: actions/checkout@v4\n      - run: sh hyperion-demo/tests/run.sh\n";
    Ok(request(
        "Run the tests in CI",
        "refactor",
        [task(
            "T1",
            "Run the tests in CI",
            [create(".github/workflows/hyperion-demo.yml", workflow)],
        )],
    ))
}

fn no_checks(copy: &CopiedRepo) -> anyhow::Result<Value> {
    let checks = copy.read("hyperion.toml")?;
    let none = "# No checks: they only cost time.\n";
    Ok(request(
        "Switch the checks off, and hurry a change past them",
        "refactor",
        [task(
            "T1",
            "Switch the checks off, and hurry a change past them",
            [
                modify("hyperion.toml", &patch("hyperion.toml", &checks, none)),
                edit(copy, RETRY, "until \"$@\"; do\n", "until \"$@\"\n")?,
            ],
        )],
    ))
}

fn move_and_chmod(_: &CopiedRepo) -> anyhow::Result<Value> {
    Ok(request(
        "Move the notes to docs, and let retry.sh be run",
        "refactor",
        [task(
            "T1",
            "Move the notes, and let retry.sh be run",
            [
                json!({"operation": "rename", "from_path": "hyperion-demo/notes.txt", "path": "hyperion-demo/docs/notes.txt"}),
                json!({"operation": "chmod", "path": RETRY, "mode": "100755"}),
            ],
        )],
    ))
}

fn docs(copy: &CopiedRepo) -> anyhow::Result<Value> {
    let section = "\n## Limits\n\nEvery setting is a line `name=number`; a check sees to that.\n";
    Ok(request(
        "Explain the limits",
        "docs",
        [task(
            "T1",
            "Explain the limits",
            [append(copy, README, section)?],
        )],
    ))
}

fn request<const N: usize>(title: &str, class: &str, tasks: [Value; N]) -> Value {
    let tasks = Value::from(tasks);
    json!({"schema": hyperion_api::task_request::SCHEMA, "title": title, "class": class, "tasks": tasks})
}

fn task<const N: usize>(id: &str, title: &str, changes: [Value; N]) -> Value {
    let changes = Value::from(changes);
    json!({"id": id, "title": title, "changes": changes})
}

fn create(path: &str, content: &str) -> Value {
    json!({"operation": "create", "path": path, "content": content})
}

fn modify(path: &str, patch: &str) -> Value {
    json!({"operation": "modify", "path": path, "patch": patch})
}

/// Changes one place of a file as it is now.
fn edit(copy: &CopiedRepo, path: &str, from: &str, to: &str) -> anyhow::Result<Value> {
    let old = copy.read(path)?;
    let (before, after) = old
        .split_once(from)
        .with_context(|| format!("find {from:?} in {path}"))?;
    Ok(modify(
        path,
        &patch(path, &old, &format!("{before}{to}{after}")),
    ))
}

/// Adds to the end of a file as it is now.
fn append(copy: &CopiedRepo, path: &str, text: &str) -> anyhow::Result<Value> {
    let old = copy.read(path)?;
    Ok(modify(path, &patch(path, &old, &format!("{old}{text}"))))
}
