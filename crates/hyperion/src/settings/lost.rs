//! What a list that was set no longer has of the list that is shipped.

use std::fmt;

use super::{Field, Loaded, Settings, all};

/// How many globs a sentence names.
const NAMED_MAX: usize = 5;

/// A shipped list that was replaced, and not by one that has all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The setting.
    pub(crate) key: &'static str,
    /// Where it was set.
    pub(crate) origin: String,
    /// What it no longer has.
    pub(crate) globs: Vec<String>,
}

/// What to do about it.
pub(crate) const REMEDY: &str = "begin the list with \"...\", which stands for the shipped list, and take single globs out by `!`";

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, origin, globs } = self;
        let named: Vec<_> = globs
            .iter()
            .take(NAMED_MAX)
            .map(|glob| format!("`{glob}`"))
            .collect();
        write!(
            f,
            "`{key}` ({origin}) replaces the shipped list and no longer has {}",
            named.join(", ")
        )?;
        match globs.len().saturating_sub(NAMED_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl Loaded {
    /// Lists what was lost of each shipped list that was replaced.
    pub(crate) fn lost(&self) -> Vec<Lost> {
        let (mut shipped, mut in_force) = (Settings::default(), self.settings.clone());
        let mut lost = Vec::new();
        for setting in all() {
            let (Field::Globs(at), Some(origin)) = (&setting.field, self.origins.get(setting.key))
            else {
                continue;
            };
            let kept = at(&mut in_force);
            let mut globs = at(&mut shipped).clone();
            globs.retain(|glob| !kept.contains(glob));
            if !globs.is_empty() {
                let origin = origin.to_string();
                lost.push(Lost {
                    key: setting.key,
                    origin,
                    globs,
                });
            }
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::super::Variables;
    use super::super::layers::combine;
    use std::path::Path;

    fn loaded(text: &str) -> Result<super::Loaded, String> {
        let path = Path::new("/h/config.toml");
        combine(path, text, &Variables::default()).map_err(|errors| errors.0[0].to_string())
    }

    #[test]
    fn a_list_is_extended_in_place_and_loses_nothing() {
        let extended =
            loaded("[policy]\npaths.deny = [\"a.x\", \"...\", \"!.npmrc\"]\nprotected = [\"...\", \"deploy\"]\n")
                .unwrap();
        assert_eq!(extended.lost(), []);
        let deny = &extended.settings.policy.paths.deny;
        assert_eq!(deny.len(), hyperion_policy::defaults::DENY.len() + 2);
        assert_eq!((deny[0].as_str(), deny[1].as_str()), ("a.x", ".env"));
        assert_eq!(deny.last().unwrap(), "!.npmrc");
        let variable = [("HYPERION_POLICY__PROTECTED".into(), "...,deploy".into())];
        let loaded = combine(Path::new("c"), "", &Variables::new(variable)).unwrap();
        assert_eq!(loaded.lost(), []);
        assert!(
            loaded
                .settings
                .policy
                .protected
                .contains(&"hyperion.toml".to_owned())
        );
    }

    #[test]
    fn a_replaced_list_says_what_is_lost() {
        let replaced = loaded("[policy]\npaths.deny = [\"*.key\", \".env\"]\n").unwrap();
        let [lost] = &replaced.lost()[..] else {
            panic!()
        };
        assert!(!lost.globs.contains(&".env".to_owned()));
        let told = lost.to_string();
        let start = "`policy.paths.deny` (/h/config.toml:2) replaces the shipped list and no longer has `.env.*`, ";
        assert!(told.starts_with(start), "{told}");
        assert_eq!(
            loaded("[policy]\npaths.allow = [\"src\"]\n")
                .unwrap()
                .lost(),
            []
        );
    }

    #[test]
    fn what_stands_for_the_shipped_list_stands_once_and_where_there_is_one() {
        for list in [
            "paths.allow = [\"...\"]",
            "schema = [\"...\", \"x\", \"...\"]",
        ] {
            let error = loaded(&format!("[policy]\n{list}\n")).unwrap_err();
            assert!(error.contains("stands for the shipped list"), "{error}");
        }
    }
}
