//! Changes the file, leaving comments and order as they are.

use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, Value};

use super::layers::combine;
use super::{FieldError, Setting, SettingsErrors, Variables, error, find};

/// Says why the file cannot be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    /// There is no such key.
    #[error("{0}")]
    Unknown(String),
    /// The value does not fit.
    #[error("`{key}` {source}")]
    Value {
        /// The key.
        key: String,
        /// Why.
        source: FieldError,
    },
    /// No command changes it.
    #[error(
        "`{key}` is set by hand only: write it into {path} with an editor, as the person whose home it is"
    )]
    ByHand {
        /// The key.
        key: &'static str,
        /// The file.
        path: String,
    },
    /// The file is not TOML, or the key has no place in it, or the value is wrong there.
    #[error(transparent)]
    File(#[from] SettingsErrors),
}

/// The file's text after a change.
#[derive(Debug)]
pub(crate) struct Edited {
    /// The text.
    pub(crate) text: String,
    /// What was wrong with other settings before, and still is.
    pub(crate) wrong: Option<SettingsErrors>,
}

/// Gives the file's text with a key set to a value that is right.
pub(crate) fn set(path: &Path, text: &str, key: &str, value: &str) -> Result<Edited, EditError> {
    let setting = editable(path, key)?;
    let wrong = |source| EditError::Value {
        key: key.to_owned(),
        source,
    };
    let value = setting.field.read(value).map_err(wrong)?;
    setting
        .field
        .take(&mut super::Settings::default(), &value)
        .map_err(wrong)?;
    // By itself, so that what is wrong elsewhere in the file keeps nobody from setting this one right.
    let mut alone = DocumentMut::new();
    insert(alone.as_table_mut(), key, value.clone());
    combine(path, &alone.to_string(), &Variables::default()).map_err(|mut errors| {
        for error in &mut errors.0 {
            error.place = path.display().to_string();
        }
        errors
    })?;
    let mut document = parse(path, text)?;
    if !insert(document.as_table_mut(), key, value) {
        // Something else stands where the section should be, which is wrong in itself.
        combine(path, text, &Variables::default())?;
    }
    Ok(edited(path, &document))
}

/// Gives the file's text without a key, be there such a setting or not; none when it was not in the file.
pub(crate) fn unset(path: &Path, text: &str, key: &str) -> Result<Option<Edited>, EditError> {
    let known = editable(path, key);
    if let Err(by_hand @ EditError::ByHand { .. }) = known {
        return Err(by_hand);
    }
    let mut document = parse(path, text)?;
    let mut names = key.split('.');
    let last = names.next_back().unwrap_or_default();
    let mut table: Option<&mut dyn toml_edit::TableLike> = Some(document.as_table_mut());
    for name in names {
        table = table
            .and_then(|table| table.get_mut(name))
            .and_then(Item::as_table_like_mut);
    }
    if table.and_then(|table| table.remove(last)).is_none() {
        return known.map(|_| None);
    }
    Ok(Some(edited(path, &document)))
}

fn editable(path: &Path, key: &str) -> Result<&'static Setting, EditError> {
    let setting = find(key).ok_or_else(|| EditError::Unknown(error::unknown(key)))?;
    if setting.is_by_hand() {
        return Err(EditError::ByHand {
            key: setting.key,
            path: path.display().to_string(),
        });
    }
    Ok(setting)
}

fn parse(path: &Path, text: &str) -> Result<DocumentMut, EditError> {
    match text.parse() {
        Ok(document) => Ok(document),
        Err(_) => {
            // Says what is wrong with its line, which the editing parser does not.
            combine(path, text, &Variables::default())?;
            Ok(DocumentMut::new())
        }
    }
}

fn edited(path: &Path, document: &DocumentMut) -> Edited {
    let text = document.to_string();
    let wrong = combine(path, &text, &Variables::default()).err();
    Edited { text, wrong }
}

/// Puts a value where a person would: in its section if there is one, else in a new section at the end. Tells whether there
/// was a place for it.
fn insert(table: &mut Table, key: &str, value: Value) -> bool {
    let Some((section, rest)) = key.split_once('.') else {
        put(table, key, value);
        return true;
    };
    let item = table
        .entry(section)
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(inner) = item.as_table_like_mut() else {
        return false;
    };
    // Below its section a key stays dotted: `paths.deny = …` reads better than one more heading.
    let mut names: Vec<&str> = rest.split('.').collect();
    let last = names.pop().unwrap_or_default();
    let mut place = inner;
    for name in names {
        let item = place.entry(name).or_insert_with(|| {
            let mut table = Table::new();
            table.set_dotted(true);
            Item::Table(table)
        });
        match item.as_table_like_mut() {
            Some(inner) => place = inner,
            None => return false,
        }
    }
    put(place, last, value);
    true
}

fn put(table: &mut dyn toml_edit::TableLike, name: &str, mut value: Value) {
    match table.get_mut(name) {
        Some(Item::Value(old)) => {
            // Keeps the comment behind the value.
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        _ => {
            table.insert(name, Item::Value(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# My settings.

[merge]
# The laptop has two cores.
workers = 2 # no more
";

    fn path() -> &'static Path {
        Path::new("config.toml")
    }

    #[test]
    fn comments_and_order_stay() {
        let set = |text: &str, key, value| set(path(), text, key, value).unwrap().text;
        let text = set(FILE, "merge.workers", "4");
        let text = set(&text, "merge.lease_sec", "30");
        let text = set(&text, "policy.paths.deny", "*.key,.env");
        let text = set(&text, "policy.auto_approve.enabled", "true");
        let text = set(&text, "agent.default", "scripted");
        insta::assert_snapshot!(text, @r#"
        # My settings.

        [merge]
        # The laptop has two cores.
        workers = 4 # no more
        lease_sec = 30

        [policy]
        paths.deny = ["*.key", ".env"]
        auto_approve.enabled = true

        [agent]
        default = "scripted"
        "#);
        let text = unset(path(), &text, "merge.workers").unwrap().unwrap().text;
        assert!(!text.contains("workers ="));
        assert!(unset(path(), &text, "merge.workers").unwrap().is_none());
        assert!(
            unset(path(), &text, "checks.timeout_sec")
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn nothing_wrong_is_ever_written() {
        assert!(matches!(
            set(path(), "", "merge.worker", "1"),
            Err(EditError::Unknown(_))
        ));
        assert!(matches!(
            set(path(), "", "engine.allow_confined", "true"),
            Err(EditError::ByHand { .. })
        ));
        assert!(matches!(
            unset(path(), "", "engine.allow_confined"),
            Err(EditError::ByHand { .. })
        ));
        assert!(matches!(
            set(path(), "", "merge.workers", "0"),
            Err(EditError::Value { .. })
        ));
        assert!(matches!(
            set(path(), "", "policy.paths.deny", "a["),
            Err(EditError::File(_))
        ));
        assert!(matches!(
            set(path(), "[merge", "merge.workers", "1"),
            Err(EditError::File(_))
        ));
        assert!(matches!(
            set(path(), "merge = 1", "merge.workers", "1"),
            Err(EditError::File(_))
        ));
    }
    #[test]
    fn what_is_wrong_elsewhere_keeps_nobody_from_mending() {
        let broken = "[merge]\nworkers = 0\nworker = 2\n\n[policy]\npaths.deny = [\"a[\"]\n";
        let edited = set(path(), broken, "merge.workers", "2").unwrap();
        assert_eq!(edited.wrong.unwrap().0.len(), 2);
        let edited = unset(path(), &edited.text, "merge.worker")
            .unwrap()
            .unwrap();
        assert_eq!(edited.wrong.unwrap().0.len(), 1);
        let edited = set(path(), &edited.text, "policy.paths.deny", "*.key").unwrap();
        assert_eq!(edited.wrong, None);
        assert!(matches!(
            unset(path(), broken, "merge.other"),
            Err(EditError::Unknown(_))
        ));
    }
}
