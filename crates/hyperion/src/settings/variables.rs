//! The environment, as it was when the process began.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// Every variable; `main` takes them down once, and nothing else looks at the environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// Takes variables down.
    pub(crate) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// Gives a variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        let value = self.0.get(OsStr::new(name)).map(OsString::as_os_str);
        value.filter(|value| !value.is_empty())
    }

    /// Gives every variable.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// Whether this process is part of a supervised run.
    pub(crate) fn is_inside_run(&self) -> bool {
        self.0.contains_key(OsStr::new(hyperion_host::RUN_VARIABLE))
    }

    /// Gives the variables that set something (`HYPERION_SECTION__KEY`), with their keys.
    pub(super) fn settings(&self) -> impl Iterator<Item = (String, String, &OsStr)> {
        let agent = self.get("HYPERION_AGENT").map(|value| {
            (
                "HYPERION_AGENT".to_owned(),
                "agent.default".to_owned(),
                value,
            )
        });
        let sections = self.0.iter().filter_map(|(name, value)| {
            let name = name.to_str()?;
            let rest = name.strip_prefix("HYPERION_")?;
            let key = rest
                .contains("__")
                .then(|| rest.to_ascii_lowercase().replace("__", "."))?;
            Some((name.to_owned(), key, value.as_os_str()))
        });
        // The longer name comes later and so wins.
        agent.into_iter().chain(sections)
    }
}
