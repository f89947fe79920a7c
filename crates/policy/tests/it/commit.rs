//! Commits and pushes, before they are made.

use hyperion_policy::{Redactor, judge_commit, judge_push};

use crate::change::{bugfix, create, edit};
use crate::corpus::{place, rules};

// X5: message, trailers, size and secrets are looked at before a commit is made.
#[test]
fn a_commit_is_refused_for_what_may_not_stand_in_a_history() {
    let rules = rules();
    let redactor = Redactor::new(["correct-horse-battery-staple"]);
    let codes = |message: &str, items: Vec<_>| {
        let judged = judge_commit(message, &bugfix(items), &rules, &redactor);
        assert_eq!(judged.is_allowed(), judged.reasons.is_empty());
        judged
            .reasons
            .iter()
            .map(|reason| reason.code)
            .collect::<Vec<_>>()
    };
    let fine = || vec![edit("src/a.rs", &["+let a = 1;"])];
    assert_eq!(
        codes("Clamp the delay\n\nIt grew.", fine()),
        Vec::<&str>::new()
    );
    assert_eq!(codes("", fine()), ["commit.message"]);
    assert_eq!(
        codes("Fix\n\nHyperion-Approved-By: me", fine()),
        ["commit.message"]
    );
    assert_eq!(
        codes("Use correct-horse-battery-staple", fine()),
        ["commit.secret"]
    );
    assert_eq!(
        codes("Fix it", vec![edit(".env", &["+A=1"])]),
        ["path.denied"]
    );
    assert_eq!(
        codes(
            "Fix it",
            vec![edit(
                "src/a.rs",
                &["+let key = \"correct-horse-battery-staple\";"]
            )]
        ),
        ["secret.added"]
    );
    let mut large = create("big.txt", &["x"]);
    large.new_size = 600 * 1024;
    assert_eq!(codes("Fix it", vec![large]), ["size.item"]);
    // What a landing asks an admin is no reason to refuse a commit.
    assert_eq!(
        codes("Fix it", vec![edit("hyperion.toml", &["+[checks]"])]),
        Vec::<&str>::new()
    );
}

// X5: force is agreed to by hand, never by a grant, and never on what everybody stands on.
#[test]
fn a_forced_push_is_refused_unless_somebody_agrees_to_that_very_push() {
    let (rules, place) = (rules(), place());
    let push = |branch: &str, force| {
        let judged = judge_push("origin", branch, force, &rules, &place);
        (
            judged.verdict(),
            judged.level().map(hyperion_model::Level::name),
            judged.shape.is_some(),
        )
    };
    assert_eq!(push("feature", false), ("ask", Some("team-lead"), true));
    assert_eq!(push("feature", true), ("ask", Some("manual-only"), false));
    assert_eq!(push("main", true), ("deny", None, false));
    for odd in ["+main", "--force", "a:main", "", "refs/heads/*", "HEAD~1"] {
        assert_eq!(push(odd, false).0, "deny", "{odd:?}");
    }
}
