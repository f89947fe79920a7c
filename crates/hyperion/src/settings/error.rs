//! What can be wrong with settings; every error names its place.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {detail}")]
pub(crate) struct SettingsError {
    /// `file:line`, or a variable.
    pub(crate) place: String,
    /// What is wrong and what to do.
    pub(crate) detail: String,
}

/// Everything that is wrong, found in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SettingsErrors(pub(crate) Vec<SettingsError>);

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("a setting is wrong"),
            several => write!(f, "{several} settings are wrong"),
        }
    }
}

impl std::error::Error for SettingsErrors {}

impl SettingsErrors {
    /// Says in several lines what is wrong with each.
    pub(crate) fn in_full(&self) -> String {
        let each = self.0.iter().map(|error| format!("\n  {error}"));
        format!("{self}:{}", each.collect::<String>())
    }
}

/// Says that there is no such key, and which one may be meant.
pub(crate) fn unknown(key: &str) -> String {
    match nearest(key) {
        Some(meant) => format!("there is no setting `{key}`; did you mean `{meant}`?"),
        None => format!("there is no setting `{key}`; `hyperion config list` shows all"),
    }
}

/// How alike two keys have to be, from 0 to 1.
const ALIKE: f64 = 0.88;

fn nearest(key: &str) -> Option<&'static str> {
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
    let in_other_section = || super::all().find(|setting| last(setting.key) == last(key));
    super::all()
        .map(|setting| (strsim::jaro_winkler(setting.key, key), setting.key))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, key)| key)
        .or_else(|| in_other_section().map(|setting| setting.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_the_one_that_may_be_meant() {
        assert_eq!(nearest("merge.worker"), Some("merge.workers"));
        assert_eq!(nearest("aproval.ttl_sec"), Some("approval.ttl_sec"));
        assert_eq!(nearest("queue.max_attempts"), Some("merge.max_attempts"));
        assert_eq!(nearest("telemetry.endpoint"), None);
    }
}
