//! What must hold for any text at all; driven by the fuzzer, and by the tests over its findings.

use std::path::Path;

use super::layers::combine;
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
    combine(path, &changed, &variables).expect("what was set can be read");
    if let Ok(Some(without)) = unset(path, &changed, setting.key) {
        let without = combine(path, &without, &variables).expect("what was unset can be read");
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
