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
    /// The file is not TOML, or something in it is wrong: before the change, or because of it.
    #[error(transparent)]
    File(#[from] SettingsErrors),
}

/// Gives the file's text with a key set; the result is a valid file.
pub(crate) fn set(path: &Path, text: &str, key: &str, value: &str) -> Result<String, EditError> {
    let setting = editable(path, key)?;
    let value = setting
        .field
        .read(value)
        .map_err(|source| EditError::Value {
            key: key.to_owned(),
            source,
        })?;
    setting
        .field
        .take(&mut super::Settings::default(), &value)
        .map_err(|source| EditError::Value {
            key: key.to_owned(),
            source,
        })?;
    let mut document = parse(path, text)?;
    insert(document.as_table_mut(), key, value);
    checked(path, document.to_string())
}

/// Gives the file's text without a key; none when it was not set there.
pub(crate) fn unset(path: &Path, text: &str, key: &str) -> Result<Option<String>, EditError> {
    editable(path, key)?;
    let mut document = parse(path, text)?;
    let mut names = key.split('.');
    let last = names.next_back().unwrap_or_default();
    let mut table: &mut dyn toml_edit::TableLike = document.as_table_mut();
    for name in names {
        match table.get_mut(name).and_then(Item::as_table_like_mut) {
            Some(inner) => table = inner,
            None => return Ok(None),
        }
    }
    if table.remove(last).is_none() {
        return Ok(None);
    }
    checked(path, document.to_string()).map(Some)
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
    // Says what is wrong with its line, which the editing parser would not.
    combine(path, text, &Variables::default())?;
    // It parsed just now.
    Ok(text.parse().unwrap_or_default())
}

fn checked(path: &Path, text: String) -> Result<String, EditError> {
    combine(path, &text, &Variables::default())?;
    Ok(text)
}

/// Puts a value where a person would: in its section if there is one, else in a new section at the end.
fn insert(table: &mut Table, key: &str, value: Value) {
    let Some((section, rest)) = key.split_once('.') else {
        return put(table, key, value);
    };
    let item = table
        .entry(section)
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(inner) = item.as_table_like_mut() else {
        return;
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
            None => return,
        }
    }
    put(place, last, value);
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
        let text = set(path(), FILE, "merge.workers", "4").unwrap();
        let text = set(path(), &text, "merge.lease_sec", "30").unwrap();
        let text = set(path(), &text, "policy.paths.deny", "*.key,.env").unwrap();
        let text = set(path(), &text, "policy.auto_approve.enabled", "true").unwrap();
        let text = set(path(), &text, "agent.default", "scripted").unwrap();
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
        let text = unset(path(), &text, "merge.workers").unwrap().unwrap();
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
}
