//! Puts the layers together: shipped values, the home's file, the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use hyperion_host::ReadError;
use hyperion_policy::{RuleError, RuleSource, Rules};
use toml_edit::{Document, Item, Table, Value};

use super::error::unknown;
use super::{Field, Settings, SettingsError, SettingsErrors, Variables, find};

/// The most bytes of a settings file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of the home's file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Settings with where they come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    /// The values in force.
    pub(crate) settings: Settings,
    /// Where each came from that is not as shipped.
    pub(crate) origins: BTreeMap<&'static str, Origin>,
    /// What the person should know.
    pub(crate) warnings: Vec<String>,
}

/// Loads the settings of a home, and says what is wrong with those that cannot be used and have their shipped values; a missing
/// file sets nothing.
pub(crate) fn load(path: &Path, variables: &Variables) -> (Loaded, Option<SettingsErrors>) {
    let whole = |detail: String| {
        let place = path.display().to_string();
        let wrong = SettingsErrors(vec![SettingsError { place, detail }]);
        (Loaded::default(), Some(wrong))
    };
    match hyperion_host::read_bounded(path, MAX_FILE_BYTES) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => combine_usable(path, &text, variables),
            Err(_) => whole("is not UTF-8".into()),
        },
        Err(ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            combine_usable(path, "", variables)
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            whole(format!("failed to {error}{}", cause.unwrap_or_default()))
        }
    }
}

/// Puts the layers together, collecting every error.
pub(super) fn combine(
    path: &Path,
    text: &str,
    variables: &Variables,
) -> Result<Loaded, SettingsErrors> {
    match combine_usable(path, text, variables) {
        (loaded, None) => Ok(loaded),
        (_, Some(wrong)) => Err(wrong),
    }
}

/// Puts the layers together as far as they are right, with what is wrong with the rest.
pub(super) fn combine_usable(
    path: &Path,
    text: &str,
    variables: &Variables,
) -> (Loaded, Option<SettingsErrors>) {
    let mut layers = Layers {
        path,
        text,
        loaded: Loaded::default(),
        errors: Vec::new(),
    };
    match Document::parse(text) {
        Ok(document) => layers.table("", document.as_table()),
        Err(error) => {
            let line = error.span().map(|span| line_of(text, span.start));
            let detail = error.message().trim().replace('\n', ", ");
            layers.wrong_at(line, format!("is not TOML: {detail}"));
        }
    }
    for (name, key, value) in variables.settings() {
        layers.variable(name, &key, value.to_str(), variables.is_inside_run());
    }
    layers.compile_policy();
    let wrong = (!layers.errors.is_empty()).then_some(SettingsErrors(layers.errors));
    (layers.loaded, wrong)
}

struct Layers<'a> {
    path: &'a Path,
    text: &'a str,
    loaded: Loaded,
    errors: Vec<SettingsError>,
}

impl Layers<'_> {
    fn table(&mut self, prefix: &str, table: &Table) {
        for (name, item) in table {
            let key = format!("{prefix}{name}");
            let line = table
                .key(name)
                .and_then(toml_edit::Key::span)
                .or_else(|| item.span())
                .map(|span| line_of(self.text, span.start));
            match item {
                Item::Table(inner) => self.section(&key, line, inner),
                Item::Value(toml_edit::Value::InlineTable(inner)) => {
                    self.section(&key, line, &inner.clone().into_table());
                }
                Item::Value(value) => self.value(&key, line, value),
                Item::ArrayOfTables(list)
                    if find(&key).is_some_and(|setting| {
                        matches!(setting.field, Field::Commands(_) | Field::Keys(_))
                    }) =>
                {
                    let tables = list
                        .iter()
                        .map(|table| Value::from(table.clone().into_inline_table()));
                    self.value(&key, line, &Value::Array(tables.collect()));
                }
                Item::ArrayOfTables(_) => self.wrong_at(
                    line,
                    format!("`{key}` is a list of tables; write `[{key}]`"),
                ),
                Item::None => {}
            }
        }
    }

    fn section(&mut self, key: &str, line: Option<usize>, table: &Table) {
        let prefix = format!("{key}.");
        if let Some(setting) = find(key) {
            self.wrong_at(
                line,
                format!("`{key}` expects {}, not a table", setting.field.expects()),
            );
        } else if super::all().any(|setting| setting.key.starts_with(&prefix)) {
            self.table(&prefix, table);
        } else {
            self.wrong_at(line, unknown(key));
        }
    }

    fn value(&mut self, key: &str, line: Option<usize>, value: &toml_edit::Value) {
        let Some(setting) = find(key) else {
            let message = if super::all().any(|setting| setting.key.starts_with(&format!("{key}.")))
            {
                format!("`{key}` is a section: write `[{key}]` and its settings below")
            } else {
                unknown(key)
            };
            return self.wrong_at(line, message);
        };
        match setting.field.take(&mut self.loaded.settings, value) {
            Ok(()) => {
                let origin = Origin::File {
                    path: self.path.to_path_buf(),
                    line: line.unwrap_or(1),
                };
                self.loaded.origins.insert(setting.key, origin);
            }
            Err(error) => self.wrong_at(line, format!("`{key}` {error}")),
        }
    }

    fn variable(&mut self, name: String, key: &str, value: Option<&str>, inside_run: bool) {
        let mut wrong = |detail: String| {
            let place = name.clone();
            self.errors.push(SettingsError { place, detail });
        };
        // A budget is guarded before there is one to set.
        let guarded =
            key.starts_with("budget.") || find(key).is_some_and(super::Setting::is_guarded);
        if inside_run && guarded {
            let warning = format!("{name} is ignored: inside a run nothing may change `{key}`");
            return self.loaded.warnings.push(warning);
        }
        let Some(setting) = find(key) else {
            return wrong(unknown(key));
        };
        if setting.is_by_hand() {
            let detail = format!("cannot set `{key}`: a person writes it into the file");
            return wrong(detail);
        }
        let Some(value) = value else {
            return wrong("is not UTF-8".into());
        };
        let taken = setting
            .field
            .read(value)
            .and_then(|value| setting.field.take(&mut self.loaded.settings, &value));
        match taken {
            Ok(()) => {
                self.loaded
                    .origins
                    .insert(setting.key, Origin::Variable(name));
            }
            Err(error) => wrong(error.to_string()),
        }
    }

    /// A bad glob is the setting's error, found here with its line and not when work begins.
    fn compile_policy(&mut self) {
        // What is shipped compiles, as tests see; it takes longer than reading everything else.
        if self.loaded.settings.policy == RuleSource::default() {
            return;
        }
        let Err(error) = Rules::compile(self.loaded.settings.policy.clone()) else {
            return;
        };
        let origin = self.loaded.origins.get(error.key());
        let line = match (&error, origin) {
            (RuleError::BadCommandRule { at, example, .. }, Some(Origin::File { .. })) => {
                rule_line(self.text, *at, *example)
            }
            _ => None,
        };
        let place = match line {
            Some(line) => format!("{}:{line}", self.path.display()),
            None => origin.map_or_else(|| self.path.display().to_string(), ToString::to_string),
        };
        let detail = format!("failed to {error}");
        self.errors.push(SettingsError { place, detail });
        // Rules work together: none of them is used when one is wrong.
        self.loaded.settings.policy = RuleSource::default();
        self.loaded
            .origins
            .retain(|key, _| !key.starts_with("policy."));
    }

    fn wrong_at(&mut self, line: Option<usize>, detail: String) {
        let path = self.path.display();
        let place = line.map_or_else(|| path.to_string(), |line| format!("{path}:{line}"));
        self.errors.push(SettingsError { place, detail });
    }
}

/// Finds the line of a rule about commands, or of one of its examples.
fn rule_line(text: &str, at: usize, example: Option<usize>) -> Option<usize> {
    let document = Document::parse(text).ok()?;
    let rules = document
        .as_table()
        .get("policy")?
        .as_table_like()?
        .get("commands")?;
    let (examples, whole) = match rules {
        Item::ArrayOfTables(list) => {
            let table = list.get(at)?;
            let examples = table.get("examples").and_then(Item::as_value);
            (examples, table.span())
        }
        rules => {
            let value = rules.as_array()?.get(at)?;
            let examples = value
                .as_inline_table()
                .and_then(|table| table.get("examples"));
            (examples, value.span())
        }
    };
    let this = example.and_then(|example| examples?.as_array()?.get(example)?.span());
    this.or(whole).map(|span| line_of(text, span.start))
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().iter().take(offset);
    before.filter(|&&byte| byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, String> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let path = Path::new("/h/config.toml");
        combine(path, text, &Variables::new(variables)).map_err(|errors| {
            let lines = errors.0.iter().map(ToString::to_string);
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn later_layers_win_and_say_where_they_are() {
        let file = "[merge]\nworkers = 4\nlease_sec = 30\n\n[policy]\npaths.allow = [\"src/**\"]\n";
        let variables = [
            ("HYPERION_MERGE__WORKERS", "8"),
            ("HYPERION_HOME", "/h"),
            ("PATH", "/bin"),
        ];
        let loaded = loaded(file, &variables).unwrap();
        assert_eq!(loaded.settings.merge.workers, 8);
        assert_eq!(loaded.settings.merge.lease_sec, 30);
        assert_eq!(loaded.settings.merge.max_attempts, 5);
        assert_eq!(loaded.settings.policy.paths.allow, ["src/**"]);
        let origins: Vec<_> = loaded
            .origins
            .iter()
            .map(|(key, origin)| format!("{key} {origin}"))
            .collect();
        assert_eq!(
            origins,
            [
                "merge.lease_sec /h/config.toml:3",
                "merge.workers HYPERION_MERGE__WORKERS",
                "policy.paths.allow /h/config.toml:6",
            ]
        );
        assert!(loaded.warnings.is_empty());
    }

    // O4: every error at once, each with its place.
    #[test]
    fn every_error_is_found_and_names_its_place() {
        let file = "\
[merge]
worker = 4
lease_sec = \"long\"

[telemetry]
endpoint = \"x\"

[policy]
auto_approve = true
paths.deny = [\"a[\"]

[[approval]]
ttl_sec = 1
";
        let variables = [
            ("HYPERION_MERGE__WORKERS", "many"),
            ("HYPERION_MERG__WORKERS", "1"),
        ];
        insta::assert_snapshot!(loaded(file, &variables).unwrap_err(), @r#"
        /h/config.toml:2: there is no setting `merge.worker`; did you mean `merge.workers`?
        /h/config.toml:3: `merge.lease_sec` expects seconds from 5 to 3600, not the text "long"
        /h/config.toml:5: there is no setting `telemetry`; `hyperion config list` shows all
        /h/config.toml:9: `policy.auto_approve` is a section: write `[policy.auto_approve]` and its settings below
        /h/config.toml:12: `approval` is a list of tables; write `[approval]`
        HYPERION_MERGE__WORKERS: expects workers from 1 to 64, not `many`
        HYPERION_MERG__WORKERS: there is no setting `merg.workers`; did you mean `merge.workers`?
        /h/config.toml:10: failed to read `policy.paths.deny`: the glob "a[" does not parse; correct or remove it
        "#);
    }

    // X2: examples beside the rules are tried whenever the settings are read, and a wrong one names its line.
    #[test]
    fn a_rule_about_commands_is_tried_on_its_examples() {
        let right = "\
[[policy.commands]]
prefix = [\"cargo\", \"test\"]
verdict = \"allow\"
reason = \"tests run in a sandbox here\"
examples = [
  \"allow cargo test retry\",
  \"ask cargo test > log\",
]
";
        let settings = loaded(right, &[]).unwrap().settings;
        assert_eq!(settings.policy.commands[0].prefix, ["cargo", "test"]);
        let wrong = right.replace("ask cargo test > log", "deny cargo test > log");
        insta::assert_snapshot!(loaded(&wrong, &[]).unwrap_err(), @"/h/config.toml:7: failed to read `policy.commands`: rule 1 (`cargo test`) says `deny` of `cargo test > log`, but the verdict is `ask` (writes `log`); correct the example or the rule");
        let inline = "[policy]\ncommands = [\n  { prefix = [\"ls\"], verdict = \"deny\" },\n]\n";
        insta::assert_snapshot!(loaded(inline, &[]).unwrap_err(), @"/h/config.toml:3: failed to read `policy.commands`: rule 1 (`ls`) has no example that begins with it; add `deny ls`");
        insta::assert_snapshot!(loaded("[[policy.commands]]\nprefix = \"ls\"\n", &[]).unwrap_err(), @"/h/config.toml:1: `policy.commands` expects a list of rules, each with `prefix`, `verdict` (allow, ask, deny), `reason` and `examples`, not such a list");
        let variable = [(
            "HYPERION_POLICY__COMMANDS",
            "[{ prefix = ['ls'], verdict = 'deny', examples = ['deny ls'] }]",
        )];
        assert_eq!(
            loaded("", &variable)
                .unwrap()
                .settings
                .policy
                .commands
                .len(),
            1
        );
    }

    #[test]
    fn broken_toml_names_its_line() {
        insta::assert_snapshot!(loaded("[merge]\nworkers = \n", &[]).unwrap_err(), @"/h/config.toml:2: is not TOML: string values must be quoted, expected literal string");
        insta::assert_snapshot!(loaded("[merge]\nworkers = 1\nworkers = 2\n", &[]).unwrap_err(), @"/h/config.toml:3: is not TOML: duplicate key");
    }

    #[test]
    fn a_run_cannot_loosen_what_holds_for_it() {
        let variables = [
            ("HYPERION_RUN_ID", "1"),
            ("HYPERION_POLICY__AUTO_APPROVE__ENABLED", "true"),
            ("HYPERION_REQUEST__REQUIRES_APPROVAL", "false"),
            ("HYPERION_BUDGET__TOKENS", "1"),
            ("HYPERION_MERGE__WORKERS", "2"),
        ];
        let inside = loaded("", &variables).unwrap();
        assert!(!inside.settings.policy.auto_approve.enabled);
        assert!(inside.settings.request.requires_approval);
        assert_eq!(inside.settings.merge.workers, 2);
        assert_eq!(inside.warnings.len(), 3);
        let outside = loaded("", &variables[1..3]).unwrap();
        assert!(outside.settings.policy.auto_approve.enabled);
        assert!(!outside.settings.request.requires_approval);
    }

    #[test]
    fn the_agent_has_a_short_variable_and_the_long_one_wins() {
        let short = ("HYPERION_AGENT", "codex");
        assert_eq!(
            loaded("", &[short]).unwrap().settings.agent.default,
            "codex"
        );
        let long = ("HYPERION_AGENT__DEFAULT", "scripted");
        assert_eq!(
            loaded("", &[short, long]).unwrap().settings.agent.default,
            "scripted"
        );
    }

    #[test]
    fn a_missing_file_sets_nothing_and_a_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let variables = Variables::default();
        let (missing, wrong) = load(&folder.path().join("config.toml"), &variables);
        assert_eq!(wrong, None);
        assert_eq!(missing.settings, Settings::default());
        assert!(load(folder.path(), &variables).1.is_some());
        let binary = folder.path().join("binary.toml");
        std::fs::write(&binary, [0xff, 0xfe]).unwrap();
        assert!(
            load(&binary, &variables).1.unwrap().0[0]
                .detail
                .contains("UTF-8")
        );
    }
}
