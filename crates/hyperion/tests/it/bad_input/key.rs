//! Keys that stand for one request.

use super::*;

// R5: the same key answers the same request, whatever happened to it since, and never another one.
#[test]
fn a_key_stands_for_one_request() {
    let mut table = Table::new();
    let keyed = |title: &str| {
        task_request(title)
            .idempotency_key("nightly-7")
            .task(good())
    };
    let dry = table
        .world
        .file_with(&keyed("Clamp"), &["--dry-run"])
        .code(0);
    let ended = table.world.carry_out(&keyed("Clamp"), 0);
    assert_eq!(ended["status"], "completed", "{ended:#}");
    assert_ne!(
        items(&dry.json())[0]["id"],
        ended["id"],
        "a dry run is not the real thing"
    );
    // It landed, so its patch would not apply again; it is not asked to.
    assert_eq!(table.world.file(&keyed("Clamp")), text(&ended["id"]));
    let twice = json!([keyed("Clamp").json(), keyed("Clamp").json()]).to_string();
    let both = table
        .world
        .hyperion
        .run_with_input(&["request", "-", "--format", "json"], twice);
    let both = items(&both.code(0).json());
    assert_eq!(
        (both.len(), &both[0]["id"], &both[1]["id"]),
        (2, &ended["id"], &ended["id"])
    );

    let others = json!([
        task_request("One").idempotency_key("k").json(),
        task_request("Two").idempotency_key("k").json(),
    ]);
    let id = text(&ended["id"]);
    table
        .request("another request", &keyed("Clamp harder"))
        .bytes("two requests of one file", format!("{others:#}"));
    insta::assert_snapshot!(table.rows.replace(crate::world::short(&id), "REQUEST"), @r#"
    ## another request: exit 2
    error: ~/request.json: /idempotency_key: "nightly-7" belongs to request REQUEST, which says something else: choose another key, or leave it out (line 2 column 3)

    ## two requests of one file: exit 2
    error: ~/request.json: /1/idempotency_key: "k" belongs to the request at /0, which says something else: choose another key, or leave it out (line 8 column 5)
    "#);
    assert_eq!(table.world.list(&["request", "list"]).len(), 2);
}
