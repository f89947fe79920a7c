//! What must hold for any text at all; driven by the fuzzer, and by the tests over its findings.

use std::path::Path;

use super::layers::{combine, combine_usable};
use super::{Variables, all, set, unset};

/// Any text is settings or a refusal whose every part says where; changing one setting of it gives a text that is
/// settings again, or a refusal.
pub(crate) fn settings(text: &str) {
    let path = Path::new("config.toml");
    let variables = Variables::default();
    let loaded = combine(path, text, &variables);
    if let Err(errors) = &loaded {
        assert!(!errors.0.is_empty());
        for error in &errors.0 {
            assert!(!error.place.is_empty() && !error.detail.is_empty());
        }
    }
    let Some(setting) = all().nth(text.len() % all().count()) else {
        return;
    };
    let Ok(changed) = set(path, text, setting.key, "7") else {
        return;
    };
    let read = combine(path, &changed.text, &variables);
    assert_eq!(read.err(), changed.wrong, "what is said to be wrong is");
    assert!(
        loaded.is_err() || changed.wrong.is_none(),
        "what is right stays right"
    );
    if let Ok(Some(without)) = unset(path, &changed.text, setting.key) {
        let (without, _) = combine_usable(path, &without.text, &variables);
        assert!(!without.origins.contains_key(setting.key));
    }
}

#[cfg(test)]
mod tests {
    use hyperion_testkit::fuzz::on_each_input;

    #[test]
    fn any_text_is_settings_or_a_refusal() {
        on_each_input("config", 20, |data| {
            if let Ok(text) = std::str::from_utf8(data) {
                super::settings(text);
            }
        });
    }
}
