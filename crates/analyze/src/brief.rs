//! The engineer role without a model: a request's text put in order, with nothing added (R2).

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_BRIEF_ENTRIES, MAX_ENTRY_CHARS};
use crate::request::request;
use crate::word::readable;

/// A request as the engineer understood it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brief {
    /// What is to be done.
    pub scope: Vec<String>,
    /// What is not to be done.
    pub non_goals: Vec<String>,
    /// How one can tell that it is done.
    pub acceptance: Vec<String>,
    /// What a person should answer; where [`crate::Findings::vague`] has them too, nothing begins.
    pub open_questions: Vec<String>,
}

/// Where a sentence belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Scope,
    NonGoals,
    Acceptance,
    Questions,
}

/// Puts a request in order.
///
/// Every entry is the person's own words: headings, then words such as "must" and "do not",
/// say where a sentence belongs.
pub fn brief(title: &str, description: &str, acceptance: &[String]) -> Brief {
    let mut brief = Brief::default();
    let mut add = |part: Part, text: &str| {
        let list = match part {
            Part::Scope => &mut brief.scope,
            Part::NonGoals => &mut brief.non_goals,
            Part::Acceptance => &mut brief.acceptance,
            Part::Questions => &mut brief.open_questions,
        };
        let text = entry(text);
        if !text.is_empty() && list.len() < MAX_BRIEF_ENTRIES && !list.contains(&text) {
            list.push(text);
        }
    };
    add(Part::Scope, title);
    for text in acceptance {
        add(Part::Acceptance, text);
    }
    let mut under: Option<Part> = None;
    let mut fenced = false;
    for line in readable(description).lines() {
        let line = line.trim();
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        if let Some((part, rest)) = heading(line) {
            under = part;
            if let (Some(part), false) = (part, rest.is_empty()) {
                add(part, rest);
            }
            continue;
        }
        let bullet = line.trim_start_matches(['-', '*', '•', '+']).trim_start();
        let bullet = bullet
            .strip_prefix("[ ]")
            .or_else(|| bullet.strip_prefix("[x]"))
            .unwrap_or(bullet);
        for sentence in sentences(bullet) {
            add(under.unwrap_or_else(|| part_of(sentence)), sentence);
        }
    }
    let questions = request(&format!("{title}\n{description}"))
        .vague
        .unwrap_or_default();
    for question in questions {
        add(Part::Questions, &question);
    }
    brief
}

/// Reads a heading: `## Non-goals`, `Acceptance:`, `Out of scope: the parser`.
fn heading(line: &str) -> Option<(Option<Part>, &str)> {
    let marked = line.starts_with('#');
    let plain = line.trim_start_matches('#').trim();
    let (head, rest) = plain.split_once(':').unwrap_or((plain, ""));
    let name = head.trim_matches(['*', '_', ' ']).to_lowercase();
    let rest = rest.trim_matches(['*', ' ']);
    let part = match name.as_str() {
        "scope" | "goals" | "goal" | "tasks" | "what" | "in scope" | "requirements" => {
            Some(Part::Scope)
        }
        "non-goals" | "non goals" | "non-goal" | "out of scope" | "not in scope" => {
            Some(Part::NonGoals)
        }
        "acceptance" | "acceptance criteria" | "done when" | "definition of done" | "expected" => {
            Some(Part::Acceptance)
        }
        "questions" | "open questions" => Some(Part::Questions),
        // Any other heading ends the part above it.
        _ if marked => return Some((None, "")),
        _ => return None,
    };
    (marked || plain.contains(':')).then_some((part, rest))
}

/// Says where a sentence belongs that stands under no heading.
fn part_of(sentence: &str) -> Part {
    let text = format!(" {} ", sentence.to_lowercase().replace('’', "'"));
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if sentence.ends_with('?') {
        Part::Questions
    } else if has(&[
        " do not ",
        " don't ",
        " must not ",
        " should not ",
        " shouldn't ",
        " mustn't ",
        "out of scope",
        "not in scope",
        " no need to ",
        " leave ",
        " without changing ",
        " without touching ",
        " keep the ",
        " not part of ",
    ]) {
        Part::NonGoals
    } else if has(&[
        " should ",
        " must ",
        " shall ",
        " passes",
        " pass ",
        " never ",
        " always ",
        " expected ",
    ]) {
        Part::Acceptance
    } else {
        Part::Scope
    }
}

/// Splits a line where a sentence ends: a mark, a space, and a capital or digit.
fn sentences(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    for (at, c) in line.char_indices() {
        if !matches!(c, '.' | '!' | '?') {
            continue;
        }
        let rest = &line[at + 1..];
        let next = rest.trim_start().chars().next();
        let begins =
            next.is_none_or(|next| next.is_uppercase() || next.is_ascii_digit() || next == '`');
        let ends = rest.is_empty() || rest.starts_with(' ');
        let short = ["e.g", "i.e", "etc", "vs", "cf"]
            .iter()
            .any(|word| line[start..at].ends_with(word));
        if ends && begins && !short {
            out.push(line[start..=at].trim());
            start = at + 1;
        }
    }
    out.push(line[start..].trim());
    out.retain(|sentence| !sentence.is_empty());
    out
}

/// Makes one line of bounded length of a sentence.
fn entry(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let kept = line.trim_end_matches('.');
    if kept.chars().count() <= MAX_ENTRY_CHARS {
        return kept.to_owned();
    }
    let cut: String = kept.chars().take(MAX_ENTRY_CHARS - 1).collect();
    format!("{cut}…")
}
