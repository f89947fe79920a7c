//! The corpora: what commands and paths have to be judged, written before the code.

use std::collections::BTreeMap;

use hyperion_policy::{Access, Place, RuleSource, Rules, judge_command, judge_path};

const COMMANDS: &[(&str, &str)] = &[
    ("reading", include_str!("../corpus/commands/reading.txt")),
    ("changing", include_str!("../corpus/commands/changing.txt")),
    (
        "forbidden",
        include_str!("../corpus/commands/forbidden.txt"),
    ),
    ("unclear", include_str!("../corpus/commands/unclear.txt")),
];
const PATHS: &str = include_str!("../corpus/paths.txt");

/// One case of a corpus.
pub(crate) struct Case {
    pub(crate) verdict: &'static str,
    pub(crate) text: String,
    category: String,
    place: String,
}

/// Reads a corpus; a line that is no case is a mistake.
fn cases(name: &str, corpus: &'static str) -> Vec<Case> {
    let mut category = String::new();
    let mut cases = Vec::new();
    for (at, line) in corpus.lines().enumerate() {
        let place = format!("{name}.txt:{}", at + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            category = rest.split(']').next().unwrap().to_owned();
            assert!(rest.contains("] "), "{place}: a category has a reason");
            continue;
        }
        let (word, text) = line.split_once(' ').unwrap_or((line, ""));
        let (word, encoded) = match word.strip_suffix('%') {
            Some(word) => (word, true),
            None => (word, false),
        };
        let verdict = match word {
            "allow" => "allow",
            "ask" => "ask",
            "deny" => "deny",
            other => panic!("{place}: {other:?} is no verdict"),
        };
        assert!(
            !category.is_empty(),
            "{place}: a case stands below a category"
        );
        let text = if encoded {
            decoded(text)
        } else {
            text.to_owned()
        };
        cases.push(Case {
            verdict,
            text,
            category: category.clone(),
            place,
        });
    }
    cases
}

pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).unwrap()
}

/// Every command of the corpus.
pub(crate) fn commands() -> Vec<Case> {
    COMMANDS
        .iter()
        .flat_map(|(name, corpus)| cases(name, corpus))
        .collect()
}

pub(crate) fn place() -> Place {
    Place::at("/repo", Some("/home/me")).unwrap()
}

pub(crate) fn rules() -> Rules {
    Rules::compile(RuleSource::default()).unwrap()
}

// X2: what only looks runs, what changes something asks, what nobody may do is refused.
#[test]
fn commands_are_judged_as_the_corpus_says() {
    let (rules, place) = (rules(), place());
    let cases = commands();
    assert!(cases.len() >= 300, "{} cases", cases.len());
    let mut wrong = Vec::new();
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        let judged = judge_command(&case.text, &rules, &place);
        *counted.entry(case.verdict).or_default() += 1;
        if judged.verdict() != case.verdict {
            wrong.push(format!(
                "{} [{}] {:?}: {} instead of {}: {:?}",
                case.place,
                case.category,
                case.text,
                judged.verdict(),
                case.verdict,
                judged.reasons
            ));
        }
        // What is not allowed says why.
        assert_eq!(
            judged.is_allowed(),
            judged.reasons.is_empty(),
            "{:?}",
            case.text
        );
    }
    assert!(counted.values().all(|count| *count >= 100), "{counted:?}");
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

// X1: only below the roots, nothing that holds secrets, whatever it is spelled like.
#[test]
fn paths_are_judged_as_the_corpus_says() {
    let (rules, place) = (rules(), place());
    let cases = cases("paths", PATHS);
    let mut wrong = Vec::new();
    for case in &cases {
        let (access, path) = case.text.split_once(' ').unwrap_or((&case.text, ""));
        let access = match access {
            "read" => Access::Read,
            "write" => Access::Write,
            other => panic!("{}: {other:?} is neither read nor write", case.place),
        };
        let path = decoded(path);
        let judged = judge_path(&path, access, &rules, &place);
        if judged.judgement.verdict() != case.verdict {
            wrong.push(format!(
                "{} {path:?}: {} instead of {}: {:?}",
                case.place,
                judged.judgement.verdict(),
                case.verdict,
                judged.judgement.reasons
            ));
        }
        assert!(
            judged.inside.is_some() || judged.judgement.is_denied(),
            "{path:?}"
        );
    }
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
