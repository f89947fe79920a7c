//! Keys of those who sign changes from outside.

use hyperion_engine::intake::SigningKey;
use serde::Serialize;
use toml_edit::{Array, InlineTable, Value};

/// A public key with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Key {
    /// How signatures name it.
    pub(crate) id: String,
    /// The 32 bytes of an ed25519 key, in base64.
    pub(crate) public: String,
}

impl Key {
    /// Reads a table; none where a part is missing, wrong or not known.
    pub(super) fn read(table: &InlineTable) -> Option<Self> {
        if table
            .iter()
            .any(|(key, _)| !["id", "public"].contains(&key))
        {
            return None;
        }
        let text = |name: &str| table.get(name)?.as_str();
        let (id, public) = (text("id")?, text("public")?);
        hyperion_model::Name::new(id).ok()?;
        SigningKey::new(id, public)?;
        Some(Self {
            id: id.to_owned(),
            public: public.to_owned(),
        })
    }
}

/// Writes keys as they stand in the settings.
pub(super) fn written(keys: &[Key]) -> Array {
    let written = keys.iter().map(|Key { id, public }| {
        let mut table = InlineTable::new();
        table.insert("id", id.as_str().into());
        table.insert("public", public.as_str().into());
        Value::InlineTable(table)
    });
    written.collect()
}
