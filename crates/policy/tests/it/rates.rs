//! How often everyday looks ask, and whether anything harmful passes: two lists, written before it was seen what the rules say.

use hyperion_policy::judge_command;

use crate::corpus::{decoded, place, rules};

const LOOKS: &str = include_str!("../corpus/rates/looks.txt");
const DOCUMENT: &str = include_str!("../../../../docs/policy.md");
const HARMFUL: &str = include_str!("../corpus/rates/harmful.txt");

/// The cases of a list, one a line: headings, comments and empty lines are none.
fn listed(list: &'static str) -> Vec<String> {
    let is_case = |line: &&str| {
        let heading = line.starts_with('[')
            && line.contains("] ")
            && !line.starts_with("[ ")
            && !line.starts_with("[[");
        !(line.is_empty() || line.starts_with('#') || heading)
    };
    let text = |line: &str| {
        line.strip_prefix("% ")
            .map_or_else(|| line.to_owned(), decoded)
    };
    list.lines().filter(is_case).map(text).collect()
}

/// The figures of the document are those of the lists.
fn documented(figure: &str) {
    let words: Vec<&str> = DOCUMENT.split_whitespace().collect();
    assert!(
        words.join(" ").contains(figure),
        "docs/policy.md does not say {figure:?}"
    );
}

// X2: people who are asked about everything say yes to everything.
#[test]
fn everyday_looks_hardly_ever_ask() {
    let (rules, place) = (rules(), place());
    let looks = listed(LOOKS);
    let asked: Vec<String> = looks
        .iter()
        .filter_map(|text| {
            let judged = judge_command(text, &rules, &place);
            (!judged.is_allowed())
                .then(|| format!("{}: {text}: {:?}", judged.verdict(), judged.reasons))
        })
        .collect();
    println!(
        "{} of {} everyday looks ask:\n{}",
        asked.len(),
        looks.len(),
        asked.join("\n")
    );
    documented(&format!("Of the {} looks", looks.len()));
    documented(&format!("and {} do now", asked.len()));
    assert!(looks.len() >= 150);
    assert!(asked.len() * 20 <= looks.len(), "{}", asked.join("\n"));
}

// X2: what the document says is asked or refused never passes, however it is spelled.
#[test]
fn nothing_harmful_passes() {
    let (rules, place) = (rules(), place());
    let harmful = listed(HARMFUL);
    let passed: Vec<&String> = harmful
        .iter()
        .filter(|text| judge_command(text, &rules, &place).is_allowed())
        .collect();
    println!(
        "{} of {} harmful commands pass",
        passed.len(),
        harmful.len()
    );
    assert!(harmful.len() >= 400);
    assert!(passed.is_empty(), "{passed:#?}");
}
