//! The reference of all settings, as Markdown.

use super::{SECTIONS, Settings};

/// Lists longer than this are not repeated in the reference.
const LIST_CHARS_MAX: usize = 80;

/// Writes `docs/configuration.md`.
pub(crate) fn documentation() -> String {
    let mut settings = Settings::default();
    let mut text = String::from(INTRODUCTION);
    for (name, about, fields) in SECTIONS {
        text.push_str(&format!("\n## `[{name}]`\n\n{about}\n"));
        for setting in *fields {
            let shipped = setting.field.show(&mut settings);
            let shipped = if shipped.len() > LIST_CHARS_MAX {
                format!(
                    "a shipped list; `hyperion config get {}` shows it",
                    setting.key
                )
            } else {
                format!("`{shipped}`")
            };
            let guarded = if setting.is_guarded() {
                "\n- inside a run its variable is ignored"
            } else {
                ""
            };
            let variable = if setting.is_by_hand() {
                "none".to_owned()
            } else {
                format!("`{}`", setting.variable())
            };
            text.push_str(&format!(
                "\n### `{}`\n\n{}\n\n- takes: {}\n- shipped: {shipped}\n- variable: {variable}{guarded}\n",
                setting.key,
                setting.about,
                setting.field.expects(),
            ));
        }
    }
    text
}

const INTRODUCTION: &str = "\
# Settings

<!-- Written by `hyperion generate config`; change the words in `crates/hyperion/src/settings/`. -->

Hyperion runs without any setting. What you do set stands in one file, `config.toml` in the home
(`hyperion config path` says where), and a variable `HYPERION_SECTION__KEY` wins over the file for
one command:

```toml
# config.toml
[merge]
workers = 2

[policy]
paths.deny = [\"*.key\", \".env\"]
```

```console
$ HYPERION_MERGE__WORKERS=1 hyperion drain
```

`hyperion config list` shows every value and where it comes from, `hyperion config set KEY VALUE`
edits the file and keeps your comments, `hyperion config check` reads it without doing anything.
An unknown key, or a value of the wrong kind, stops every command with the file's line: a setting
that silently did nothing would be worse.

A *repository* says how it is checked in its own `hyperion.toml`, which is read from the target
branch's tip. It may narrow the policy below, never loosen it.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_described() {
        let text = documentation();
        for setting in super::super::all() {
            assert!(text.contains(&format!("### `{}`\n\n{}", setting.key, setting.about)));
        }
    }
}
