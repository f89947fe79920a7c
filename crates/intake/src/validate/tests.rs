use hyperion_model::Name;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::Sizes;
use crate::draft::Draft;
use crate::errors::Errors;
use crate::parse::{Parsed, parse};
use crate::validate::{Limits, validate};

fn limits() -> Limits {
    Limits {
        max_tasks: 50,
        sizes: Sizes {
            max_content_bytes: 1000,
            max_lock_bytes: 2000,
            max_file_bytes: 10_000,
        },
        default_agent: Name::new("scripted").unwrap(),
        agents: &["scripted"],
    }
}

fn check(request: &Value) -> Result<Draft, Errors> {
    let mut request = request.clone();
    request["schema"] = json!("hyperion.task_request/v1");
    if request.get("title").is_none() {
        request["title"] = json!("Clamp");
    }
    let Parsed { pointer, request } = parse(request.to_string().as_bytes()).unwrap().remove(0);
    assert_eq!(pointer, "");
    validate(Parsed { pointer, request }, &limits()).map_err(|invalid| invalid.errors)
}

fn wrong(request: &Value) -> Vec<String> {
    let errors = check(request).unwrap_err();
    assert_eq!(errors.total(), errors.listed().len());
    errors
        .listed()
        .iter()
        .map(|error| error.pointer.clone())
        .collect()
}

fn ids(draft: &Draft) -> Vec<&str> {
    draft.tasks.iter().map(|task| task.id.as_str()).collect()
}

// R3: each task comes after those it depends on, and otherwise where it was written.
#[test]
fn tasks_are_put_in_order() {
    let draft = check(&json!({"tasks": [
        {"id": "T3", "depends_on": ["T1", "T2", "T1"]},
        {"id": "T2", "depends_on": ["T1"]},
        {"id": "T0"},
        {"id": "T1"},
    ]}))
    .unwrap();
    assert_eq!(ids(&draft), ["T0", "T1", "T2", "T3"]);
    assert_eq!(
        draft.tasks[3].depends_on.len(),
        2,
        "named twice is meant once"
    );
    assert_eq!(draft.tasks[3].index, 0, "pointers speak of the file");
}

// R3: whatever else is wrong, circles and overlaps are found too.
#[test]
fn one_error_hides_no_other() {
    let pointers = wrong(&json!({"title": "", "tasks": [
        {"id": "T1", "title": "\u{7}", "depends_on": ["T2"], "owns": ["src/**"]},
        {"id": "T2", "depends_on": ["T1", "T2", "T9"]},
        {"id": "T3", "owns": ["src/a.rs"], "changes": [
            {"operation": "modify", "path": "../x"},
            {"operation": "chmod", "path": "src/b.rs"},
        ]},
        {"id": "T3"},
        {"id": ""},
    ]}));
    assert_eq!(
        pointers,
        [
            "/title",
            "/tasks/3/id",
            "/tasks/4/id",
            "/tasks/0/title",
            "/tasks/1/depends_on/1",
            "/tasks/1/depends_on/2",
            "/tasks/2/changes/0/path",
            "/tasks/2/changes/0",
            "/tasks/2/changes/1/mode",
            "/tasks/2/changes/1/path",
            "/tasks/0/depends_on",
            "/tasks/2/owns",
        ]
    );
}

// What is left of a request that cannot be filed builds on nothing that is wrong.
#[test]
fn the_rest_is_what_can_be_judged() {
    let request = json!({"schema": "hyperion.task_request/v1", "title": "", "tasks": [
        {"id": "T1", "checks": [""]},
        {"id": "T2", "depends_on": ["T1"]},
        {"id": "T3", "depends_on": ["T2"]},
        {"id": "T4"},
        {"id": "T5", "depends_on": ["T6"]},
        {"id": "T6", "depends_on": ["T5"]},
        {"id": "T7", "depends_on": ["T4"]},
    ]});
    let parsed = parse(request.to_string().as_bytes()).unwrap().remove(0);
    let invalid = validate(parsed, &limits()).unwrap_err();
    assert_eq!(ids(&invalid.rest), ["T4", "T7"]);
}

// R3, R5: ownership that does not need to be said twice.
#[test]
fn without_owns_a_task_owns_what_it_changes() {
    let draft = check(&json!({"tasks": [
        {"id": "T1", "changes": [{"operation": "delete", "path": "app/[id].tsx"}]},
        {"id": "T2", "changes": [{"operation": "rename", "from_path": "a", "path": "app/[slug].tsx"}]},
    ]}))
    .unwrap();
    assert_eq!(draft.tasks[0].owns, ["app/[[]id[]].tsx"]);
    assert_eq!(draft.tasks[1].owns, ["app/[[]slug[]].tsx", "a"]);
    let pointers = wrong(&json!({"tasks": [
        {"id": "T1", "changes": [{"operation": "delete", "path": "a"}]},
        {"id": "T2", "changes": [{"operation": "rename", "from_path": "a", "path": "b"}]},
    ]}));
    assert_eq!(pointers, ["/tasks/1/owns"]);
}

#[test]
fn limits_are_said_where_they_are_passed() {
    let long = "x".repeat(1001);
    let tasks = |count: usize| -> Value {
        (0..count)
            .map(|at| json!({"id": format!("T{at}")}))
            .collect()
    };
    let wild = |count: usize| -> Value {
        (0..count)
            .map(|at| json!({"id": format!("T{at}"), "owns": (0..60).map(|glob| format!("{at}/{glob}*")).collect::<Vec<_>>()}))
            .collect()
    };
    for (request, pointer) in [
        (json!({"tasks": tasks(51)}), "/tasks"),
        (json!({"tasks": wild(9)}), "/tasks"),
        (
            json!({"tasks": [{"id": "T1", "checks": vec!["true"; 21]}]}),
            "/tasks/0/checks",
        ),
        (
            json!({"tasks": [{"id": "T1", "checks": [long]}]}),
            "/tasks/0/checks/0",
        ),
        (
            json!({"tasks": [{"id": "T1", "owns": vec!["a"; 201]}]}),
            "/tasks/0/owns",
        ),
        (
            json!({"tasks": [{"id": "T1", "instructions": "x".repeat(70_000)}]}),
            "/tasks/0/instructions",
        ),
        (
            json!({"tasks": [{"id": "T1", "changes": vec![json!({"operation": "delete", "path": "a"}); 2001]}]}),
            "/tasks/0/changes",
        ),
        (
            json!({"tasks": [{"id": "T1", "changes": [{"operation": "create", "path": "a", "content": long}]}]}),
            "/tasks/0/changes/0/content",
        ),
        (json!({"acceptance": vec!["x"; 51]}), "/acceptance"),
        (json!({"acceptance": ["a\nb"]}), "/acceptance/0"),
        (json!({"target_files": vec!["a"; 1001]}), "/target_files"),
        (
            json!({"error_context": {"logs": "x".repeat(70_000)}}),
            "/error_context/logs",
        ),
        (
            json!({"source": {"kind": "slack", "thread": long}}),
            "/source/thread",
        ),
        (json!({"base": "a\u{0}b"}), "/base"),
        (json!({"session_id": ""}), "/session_id"),
        (json!({"description": "a\u{0}b"}), "/description"),
    ] {
        assert_eq!(wrong(&request), [pointer]);
    }
    assert!(check(&json!({"tasks": tasks(50)})).is_ok());
    assert!(check(&json!({"tasks": wild(8)})).is_ok());
}

#[test]
fn a_patch_and_its_change_say_the_same() {
    let change = |change: Value| json!({"tasks": [{"id": "T1", "changes": [change]}]});
    let patch = "diff --git a/a b/a\nold mode 100644\nnew mode 100755\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y\n";
    let with_mode = |mode: &str| {
        change(json!({"operation": "modify", "path": "a", "patch": patch, "mode": mode}))
    };
    assert!(check(&with_mode("100755")).is_ok());
    assert_eq!(wrong(&with_mode("100644")), ["/tasks/0/changes/0/patch"]);
    // The last newline of a pasted patch is easily lost.
    let pasted = patch.trim_end();
    assert!(
        check(&change(
            json!({"operation": "modify", "path": "a", "patch": pasted})
        ))
        .is_ok()
    );
    let copy = "diff --git a/b b/a\nsimilarity index 100%\ncopy from b\ncopy to a\n";
    assert_eq!(
        wrong(&change(
            json!({"operation": "rename", "from_path": "b", "path": "a", "patch": copy})
        )),
        ["/tasks/0/changes/0/patch"]
    );
}

/// Any JSON, and often something close to a task request.
fn any_request() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("hyperion.task_request/v1".to_owned()),
        Just("T1".to_owned()),
        Just("src/a.rs".to_owned()),
        Just("**/[a".to_owned()),
        Just("{a/b,**}/*".to_owned()),
        Just("sha256:00".to_owned()),
        Just("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-x\n+y".to_owned()),
        Just("modify".to_owned()),
        Just("base64".to_owned()),
        any::<String>(),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let key = prop_oneof![
        9 => proptest::sample::select(vec![
            "schema", "title", "description", "class", "priority", "repo", "base", "acceptance", "agent", "atomic",
            "target_files", "source", "kind", "idempotency_key", "tasks", "id", "owns", "depends_on", "checks", "changes",
            "operation", "path", "from_path", "mode", "base_hash", "result_hash", "patch", "content", "encoding",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A request of the right shape with hostile words in it.
fn shaped_request() -> impl Strategy<Value = Value> {
    let word = || {
        prop_oneof![
            proptest::sample::select(vec![
                "T1", "T2", "T3", "a", "a/b", "src/**", "*", "**", "[", "{a,b}", "../x", ""
            ])
            .prop_map(str::to_owned),
            "\\PC{0,8}",
            any::<String>(),
        ]
    };
    let words = move || prop::collection::vec(word(), 0..4);
    let operation = proptest::sample::select(vec!["create", "modify", "delete", "rename", "chmod"]);
    let change = (operation, word(), prop::option::of(word()), prop::option::of(word()), prop::option::of(word()), prop::option::of(word()))
        .prop_map(|(operation, path, from_path, patch, content, mode)| {
            json!({
                "operation": operation, "path": path, "from_path": from_path, "patch": patch, "content": content, "mode": mode,
                "encoding": "base64", "base_hash": path,
            })
        });
    let task = (word(), words(), words(), words(), prop::collection::vec(change, 0..3)).prop_map(
        |(id, owns, depends_on, checks, changes)| {
            json!({"id": id, "owns": owns, "depends_on": depends_on, "checks": checks, "changes": changes})
        },
    );
    (word(), prop::option::of(word()), words(), prop::collection::vec(task, 0..5)).prop_map(
        |(title, agent, acceptance, tasks)| {
            json!({
                "schema": "hyperion.task_request/v1", "title": title, "agent": agent, "acceptance": acceptance, "tasks": tasks,
            })
        },
    )
}

/// Reads and checks; whatever comes is an answer, and every error has a place in the document and words.
fn answers(text: &[u8]) -> Result<(), TestCaseError> {
    let Ok(several) = parse(text) else {
        return Ok(());
    };
    let document: Value = serde_json::from_slice(text).unwrap_or_default();
    for parsed in several {
        let Err(invalid) = validate(parsed, &limits()) else {
            continue;
        };
        prop_assert!(!invalid.errors.is_empty());
        for error in invalid.errors.listed() {
            let parent = error
                .pointer
                .rsplit_once('/')
                .map_or("", |(parent, _)| parent);
            prop_assert!(document.pointer(parent).is_some(), "{error:?}");
            prop_assert!(!error.detail.is_empty());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_json_is_answered(value in any_request()) {
        answers(value.to_string().as_bytes())?;
    }

    #[test]
    fn any_request_is_answered(value in shaped_request()) {
        answers(value.to_string().as_bytes())?;
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        answers(&bytes)?;
    }

    // Strict reading differs from the usual one in nothing but keys that stand twice.
    #[test]
    fn strict_reading_reads_the_same(value in any_request()) {
        let text = value.to_string();
        let strict: crate::json::Strict = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(strict.0, value);
    }
}

// T1: what could not be the subject of the commit that lands is refused when it is filed.
#[test]
fn a_title_that_cannot_be_a_commit_is_refused() {
    for title in [
        "Fix\u{202e} it",
        "Hyperion-Approved-By: eve",
        " hyperion-audit: 7:abc",
    ] {
        assert_eq!(wrong(&json!({"title": title})), ["/title"], "{title:?}");
        let task = json!({"tasks": [{"id": "T1", "title": title}]});
        assert_eq!(wrong(&task), ["/tasks/0/title"], "{title:?}");
    }
    // Too long for a subject is cut where it lands.
    assert!(check(&json!({"title": "x".repeat(150)})).is_ok());
}

// O9: an agent that is not there is refused when a request is filed, whoever names it.
#[test]
fn an_agent_that_is_not_there_is_refused_also_as_the_usual_one() {
    let set = Limits {
        default_agent: Name::new("ghost").unwrap(),
        ..limits()
    };
    let filed = |agent: Option<&str>| {
        let request =
            json!({"schema": "hyperion.task_request/v1", "title": "Clamp", "agent": agent});
        let parsed = parse(request.to_string().as_bytes()).unwrap().remove(0);
        validate(parsed, &set).map_err(|invalid| invalid.errors)
    };
    assert!(filed(Some("scripted")).is_ok());
    let errors = filed(None).unwrap_err();
    assert_eq!(errors.listed()[0].pointer, "/agent");
    insta::assert_snapshot!(errors.listed()[0].detail, @r#"no agent is called "ghost" (the setting `agent.default`, or HYPERION_AGENT, names it); use scripted"#);
}
