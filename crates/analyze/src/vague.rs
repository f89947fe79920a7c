//! Tells whether a request says enough to begin, and asks what is missing (R2).

use hyperion_model::facts::Class;

use crate::keyword::is_specific;
use crate::request::Findings;

/// The fewest words with a meaning of their own, where nothing else is named.
const ENOUGH: usize = 2;

/// Gives the questions that a person has to answer first; none where the request says enough.
pub(crate) fn questions(findings: &Findings) -> Option<Vec<String>> {
    let Findings {
        paths,
        symbols,
        keywords,
        errors,
        patterns: _,
        class_hint,
        vague: _,
    } = findings;
    let specific: Vec<&String> = keywords
        .iter()
        .filter(|keyword| is_specific(keyword))
        .collect();
    let named =
        !symbols.is_empty() || !errors.is_empty() || paths.iter().any(|path| path.line.is_some());
    let place = !paths.is_empty();
    let enough = named || specific.len() >= ENOUGH || (place && !specific.is_empty());
    if enough {
        return None;
    }
    let has = |words: &[&str]| {
        keywords
            .iter()
            .any(|keyword| words.contains(&keyword.as_str()))
    };
    let (with, about) = match (paths.first(), specific.first()) {
        (Some(found), _) => (format!(" in {}", found.path), format!(" in {}", found.path)),
        (None, Some(word)) => (format!(" with `{word}`"), format!(" about `{word}`")),
        (None, None) => (String::new(), String::new()),
    };
    let mut questions = Vec::new();
    if keywords.is_empty() && !place {
        questions.push("What should be done? One sentence is enough.".to_owned());
    } else if has(&[
        "faster",
        "fast",
        "slow",
        "slower",
        "performance",
        "speed",
        "optimize",
        "optimise",
    ]) {
        questions.push(format!(
            "What is too slow{about}, and how fast should it be?"
        ));
    } else if *class_hint == Some(Class::Bugfix)
        || has(&[
            "bug", "bugs", "issue", "issues", "problem", "problems", "error", "errors", "broken",
            "working",
        ])
    {
        questions.push(format!(
            "What goes wrong{with}, and what should happen instead?"
        ));
        questions.push("Is there an error message, or a way to see it happen?".to_owned());
    } else {
        questions.push(format!("What exactly should change{about}?"));
    }
    if !place {
        questions.push("Where is it: which file, command or page?".to_owned());
    }
    questions.push("How can one tell that it is done?".to_owned());
    Some(questions)
}
