//! Reads the text of a request (R7).

use hyperion_model::facts::Class;
use serde::{Deserialize, Serialize};

use crate::pattern::SearchPattern;
use crate::place::FoundPath;
use crate::trace::traces;
use crate::{class, error_name, keyword, pattern, place, symbol, vague, word};

/// What a text names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Paths, with lines where it says them.
    pub paths: Vec<FoundPath>,
    /// Names of code.
    pub symbols: Vec<String>,
    /// Words that carry the meaning, the most frequent first.
    pub keywords: Vec<String>,
    /// Error codes, exceptions, signals.
    pub errors: Vec<String>,
    /// What to search the repository for, the most telling first.
    pub patterns: Vec<SearchPattern>,
    /// The class that its words suggest.
    pub class_hint: Option<Class>,
    /// What a person has to answer before anything can begin.
    pub vague: Option<Vec<String>>,
}

/// Reads the text of a request.
pub fn request(text: &str) -> Findings {
    let words = word::words(word::readable(text));
    let errors = error_name::errors(&words.all);
    let mut paths = place::paths(&words.all);
    let traces = traces(word::readable(text));
    for trace in &traces {
        place::of_trace(trace, &mut paths);
    }
    // Calls of the language itself say nothing about the project.
    let foreign: Vec<&str> = traces
        .iter()
        .flat_map(|trace| trace.frames.iter().filter(|frame| !frame.is_own))
        .filter_map(|frame| frame.function.as_deref())
        .collect();
    let mut findings = Findings {
        paths,
        // An exception's name is an error first, and needs no second mention.
        symbols: symbol::symbols(&words.all)
            .into_iter()
            .filter(|name| !errors.contains(name) && !foreign.contains(&name.as_str()))
            .collect(),
        keywords: keyword::keywords(&words.all),
        errors,
        patterns: Vec::new(),
        class_hint: None,
        vague: None,
    };
    let names_code = !findings.paths.is_empty() || !findings.symbols.is_empty();
    findings.class_hint = class::hint(&words.all, names_code);
    findings.patterns = pattern::patterns(&findings, &words.quotes);
    findings.vague = vague::questions(&findings);
    findings
}
