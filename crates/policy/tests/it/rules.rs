//! Rules: how they are read, and that a repository can only narrow them.

use hyperion_policy::{RepoPolicy, RuleSource, Rules, assess};

use crate::change::{auto_rules, bugfix, create, edit, shipped_rules};

fn repo(toml: &str) -> RepoPolicy {
    toml::from_str(toml).unwrap()
}

// Decisions §2.2: a repository narrows policy, and whatever loosens is refused by name.
#[test]
fn a_repository_that_loosens_is_refused_by_key() {
    let refused = |rules: &Rules, toml: &str| rules.narrowed(&repo(toml)).unwrap_err().to_string();
    let off = shipped_rules();
    insta::assert_snapshot!(refused(&off, "auto_approve.enabled = true"), @"narrow policy by the repository's `policy.auto_approve.enabled`: it would switch auto-approval on; a repository may only narrow policy, so set it on the machine or remove it");
    insta::assert_snapshot!(refused(&auto_rules(), "auto_approve.max_lines = 200"), @"narrow policy by the repository's `policy.auto_approve.max_lines`: 200 is more than the machine's 20; a repository may only narrow policy, so set it on the machine or remove it");
    insta::assert_snapshot!(refused(&off, "paths.deny = ['*.sqlite', '!.env']"), @r#"narrow policy by the repository's `policy.paths.deny`: "!.env" takes paths out of the machine's list; a repository may only narrow policy, so set it on the machine or remove it"#);
    insta::assert_snapshot!(refused(&off, "protected = ['!hyperion.toml']"), @r#"narrow policy by the repository's `policy.protected`: "!hyperion.toml" takes paths out of the machine's list; a repository may only narrow policy, so set it on the machine or remove it"#);
    insta::assert_snapshot!(refused(&off, "protected = ['a[']"), @r#"read `policy.protected`: the glob "a[" does not parse; correct or remove it"#);
}

#[test]
fn an_unknown_setting_of_a_repository_is_refused_by_name() {
    let error = toml::from_str::<RepoPolicy>("tests = ['src/**']").unwrap_err();
    insta::assert_snapshot!(error.message(), @"unknown field `tests`, expected one of `paths`, `auto_approve`, `protected`, `schema`, `public_api`, `dependencies`, `security`, `commands`");
    let error = toml::from_str::<RepoPolicy>("[auto_approve]\nmax_line = 3").unwrap_err();
    insta::assert_snapshot!(error.message(), @"unknown field `max_line`, expected `enabled` or `max_lines`");
}

#[test]
fn a_repository_narrows() {
    let rules = auto_rules()
        .narrowed(&repo(
            "protected = ['deploy']\npaths = { allow = ['src', 'deploy'], deny = ['*.sqlite'] }\nauto_approve.max_lines = 3",
        ))
        .unwrap();
    let level = |path: &str, lines: &[&str]| {
        let assessment = assess(&bugfix([edit(path, lines)]), &rules, &Default::default());
        let codes: Vec<_> = assessment.blockers.iter().map(|b| b.code.name()).collect();
        format!("{:?} {}", assessment.decision, codes.join(" "))
    };
    insta::assert_snapshot!(level("src/a.rs", &["-a", "+b"]), @"Allow");
    insta::assert_snapshot!(level("src/a.rs", &["-a", "-b", "+b"]), @"Ask(TeamLead)");
    insta::assert_snapshot!(level("deploy/run", &["-a", "+b"]), @"Ask(Admin)");
    insta::assert_snapshot!(level("src/x.sqlite", &["-a", "+b"]), @"Deny path.denied");
    insta::assert_snapshot!(level("lib/a.rs", &["-a", "+b"]), @"Deny path.not_allowed");
    insta::assert_snapshot!(level("src/.ENV", &["-a", "+b"]), @"Deny path.denied");
    // Narrowing twice narrows further: both lists hold.
    let twice = rules.narrowed(&repo("paths.allow = ['src/api']")).unwrap();
    let outside = assess(
        &bugfix([create("src/a.rs", &["x"])]),
        &twice,
        &Default::default(),
    );
    assert!(!outside.allowed());
    let inside = assess(
        &bugfix([create("src/api/a.rs", &["x"])]),
        &twice,
        &Default::default(),
    );
    assert!(inside.allowed());
}

#[test]
fn the_digest_names_what_was_judged_by() {
    let shipped = shipped_rules();
    assert_eq!(shipped.digest(), shipped_rules().digest());
    assert_eq!(
        shipped.digest(),
        shipped.narrowed(&RepoPolicy::default()).unwrap().digest()
    );
    assert_ne!(shipped.digest(), auto_rules().digest());
    let narrowed = shipped.narrowed(&repo("paths.allow = ['src']")).unwrap();
    assert_ne!(shipped.digest(), narrowed.digest());
    // What is shown can be read back.
    let text = serde_json::to_string(shipped.source()).unwrap();
    let source: RuleSource = serde_json::from_str(&text).unwrap();
    assert_eq!(Rules::compile(source).unwrap().digest(), shipped.digest());
}

#[test]
fn the_last_glob_that_covers_a_path_says_who_owns_it() {
    let owners = [
        ("src/**".to_owned(), vec!["ada".to_owned()]),
        (
            "*.sql".to_owned(),
            vec!["grace".to_owned(), "ada".to_owned()],
        ),
        ("src/gen/".to_owned(), vec![]),
    ];
    let rules = shipped_rules().with_owners(owners.to_vec().into()).unwrap();
    assert_eq!(rules.owners_of("src/db/a.sql"), ["grace", "ada"]);
    assert_eq!(rules.owners_of("src/a.rs"), ["ada"]);
    for nobodys in ["README.md", "src/gen/a.rs"] {
        assert!(rules.owners_of(nobodys).is_empty(), "{nobodys}");
    }
    assert!(
        shipped_rules()
            .with_owners(vec![("a[".to_owned(), vec![])].into())
            .is_err()
    );
}
