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
paths.deny = [\"...\", \"*.sqlite\"]  # the shipped list, and more
```

```console
$ HYPERION_MERGE__WORKERS=1 hyperion drain
```

`hyperion config list` shows every value and where it comes from, `hyperion config set KEY VALUE`
edits the file and keeps your comments, `hyperion config check` reads it without doing anything.
A list that is set replaces the shipped one; `\"...\"` in it stands for all that is shipped, so that a list can be
extended, and a `!` behind it takes single globs out. What a list no longer has of the shipped one, `hyperion config check`,
`policy show` and `doctor` say.
An unknown key, or a value of the wrong kind, stops every command with the file's line: a setting
that silently did nothing would be worse.

A *repository* says how it is checked in its own `hyperion.toml`, which is read from the target
branch's tip. It may narrow the policy below, never loosen it.
";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use hyperion_engine::repo::RepoFile;
    use hyperion_policy::{RuleSource, Rules};

    use super::super::Variables;
    use super::super::layers::combine;
    use super::*;

    #[test]
    fn every_setting_is_described() {
        let text = documentation();
        for setting in super::super::all() {
            assert!(text.contains(&format!("### `{}`\n\n{}", setting.key, setting.about)));
        }
    }

    /// Gives the texts in fences of TOML, each with its line.
    fn examples(document: &str) -> Vec<(usize, String)> {
        let mut found: Vec<(usize, String)> = Vec::new();
        let mut is_open = false;
        for (at, line) in document.lines().enumerate() {
            match line {
                "```toml" => {
                    is_open = true;
                    found.push((at + 1, String::new()));
                }
                "```" => is_open = false,
                _ if is_open => {
                    if let Some((_, text)) = found.last_mut() {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
                _ => {}
            }
        }
        found
    }

    // Each example says in its first line whose file it is; it can be read as that, and loses nothing that is shipped.
    #[test]
    fn the_documents_own_examples_hold() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let mut documents = vec![("settings".to_owned(), documentation())];
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // That one is written from the text above.
            if name.ends_with(".md") && name != "configuration.md" {
                documents.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
        let machine = Rules::compile(RuleSource::default()).unwrap();
        let mut tried = 0;
        for (name, text) in &documents {
            for (line, example) in examples(text) {
                let place = format!("{name}:{line}");
                if example.starts_with("# config.toml") {
                    let loaded = combine(Path::new("config.toml"), &example, &Variables::default());
                    assert_eq!(loaded.expect(&place).lost(), [], "{place}");
                } else {
                    assert!(
                        example.starts_with("# hyperion.toml"),
                        "{place}: whose file is it?"
                    );
                    let file = RepoFile::parse(&example).expect(&place);
                    file.rules(&machine).expect(&place);
                }
                tried += 1;
            }
        }
        assert!(tried >= 4, "{tried}");
    }
}
