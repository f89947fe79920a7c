//! What a setting can hold, and how that is read and written.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;

use hyperion_policy::{CommandRule, RuleVerdict};
use toml_edit::{Array, InlineTable, Value};

use super::Settings;
use super::keys::{self, Key};

/// A setting: its key, its place and its words.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its key, for instance `merge.workers`.
    pub(crate) key: &'static str,
    /// What it does, in a sentence or two.
    pub(crate) about: &'static str,
    /// Where it is held and what it may be.
    pub(crate) field: Field,
}

impl Setting {
    /// Whether a process inside a run may not set it: it could loosen what holds for the run.
    pub(crate) fn is_guarded(&self) -> bool {
        [
            "policy.",
            "approval.",
            "budget.",
            "sandbox.",
            "server.",
            "request.requires_approval",
            "notify.",
        ]
        .iter()
        .any(|guarded| self.key.starts_with(guarded))
    }

    /// Gives the name of its environment variable.
    pub(crate) fn variable(&self) -> String {
        format!(
            "HYPERION_{}",
            self.key.to_ascii_uppercase().replace('.', "__")
        )
    }
}

/// Where a setting is held, by what it can hold.
#[derive(Debug)]
pub(crate) enum Field {
    /// A whole number in a range, with its unit.
    Whole(
        fn(&mut Settings) -> &mut u64,
        RangeInclusive<u64>,
        &'static str,
    ),
    /// A whole number that other crates hold in fewer bits.
    Small(
        fn(&mut Settings) -> &mut u32,
        RangeInclusive<u32>,
        &'static str,
    ),
    /// A number of things.
    Count(
        fn(&mut Settings) -> &mut usize,
        RangeInclusive<usize>,
        &'static str,
    ),
    /// On or off.
    Switch(fn(&mut Settings) -> &mut bool),
    /// A short name.
    Name(fn(&mut Settings) -> &mut String),
    /// An absolute path of a folder, or nothing.
    Folder(fn(&mut Settings) -> &mut String),
    /// A text of a form, with what is said of the form.
    Text(
        fn(&mut Settings) -> &mut String,
        fn(&str) -> bool,
        &'static str,
    ),
    /// An absolute path of a file, or nothing.
    File(fn(&mut Settings) -> &mut String),
    /// An address that messages are posted to, or nothing.
    Url(fn(&mut Settings) -> &mut String),
    /// Some of a few words.
    Several(
        fn(&mut Settings) -> &mut Vec<String>,
        &'static [&'static str],
    ),
    /// One of a few words.
    Choice(
        fn(&mut Settings) -> &mut &'static str,
        &'static [&'static str],
    ),
    /// Names of hosts.
    Hosts(fn(&mut Settings) -> &mut Vec<String>),
    /// Globs of paths.
    Globs(fn(&mut Settings) -> &mut Vec<String>),
    /// Rules about commands, a table each.
    Commands(fn(&mut Settings) -> &mut Vec<CommandRule>),
    /// Public keys, a table each.
    Keys(fn(&mut Settings) -> &mut Vec<Key>),
}

/// What stands in a list for all that is shipped.
const SHIPPED: &str = "...";
/// The most globs of one list.
const GLOBS_MAX: usize = 1000;

/// Says why a value cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldError {
    /// It is of another kind.
    #[error("expects {expected}, not {given}")]
    Kind {
        /// What can be set.
        expected: String,
        /// What was given.
        given: String,
    },
}

impl Field {
    /// Says what can be set.
    pub(crate) fn expects(&self) -> String {
        match self {
            Self::Whole(_, range, unit) => numbers(range.start(), range.end(), unit),
            Self::Small(_, range, unit) => numbers(range.start(), range.end(), unit),
            Self::Count(_, range, unit) => numbers(range.start(), range.end(), unit),
            Self::Switch(_) => "true or false".into(),
            Self::Name(_) => "a name of letters, digits, `.`, `_` and `-`".into(),
            Self::Folder(_) => "the absolute path of a folder, or nothing".into(),
            Self::Text(.., form) => (*form).into(),
            Self::File(_) => "the absolute path of a file, or nothing".into(),
            Self::Url(_) => {
                "an https address (on this machine also http), or nothing".into()
            }
            Self::Several(_, words) => format!("a list of some of {}", words.join(", ")),
            Self::Choice(_, words) => format!("one of {}", words.join(", ")),
            Self::Hosts(_) => {
                "a list of hosts, such as `crates.io`, `*.example.org` or `example.org:8443`".into()
            }
            Self::Globs(_) => {
                "a list of globs, in which `\"...\"` stands for the shipped list".into()
            }
            Self::Commands(_) => {
                "a list of rules, each with `prefix`, `verdict` (allow, ask, deny), `reason` and `examples`".into()
            }
            Self::Keys(_) => {
                "a list of keys, each with `id` and `public`, the 32 bytes of an ed25519 key in base64".into()
            }
        }
    }

    /// Shows the value in force as TOML.
    pub(crate) fn show(&self, settings: &mut Settings) -> String {
        match self {
            Self::Whole(at, ..) => at(settings).to_string(),
            Self::Small(at, ..) => at(settings).to_string(),
            Self::Count(at, ..) => at(settings).to_string(),
            Self::Switch(at) => at(settings).to_string(),
            Self::Name(at)
            | Self::Folder(at)
            | Self::File(at)
            | Self::Url(at)
            | Self::Text(at, ..) => Value::from(at(settings).as_str()).to_string(),
            Self::Choice(at, _) => Value::from(*at(settings)).to_string(),
            Self::Globs(at) | Self::Hosts(at) | Self::Several(at, _) => {
                list(at(settings)).to_string()
            }
            Self::Commands(at) => rules(at(settings)).to_string(),
            Self::Keys(at) => keys::written(at(settings)).to_string(),
        }
    }

    /// Gives the value in force as JSON.
    pub(crate) fn json(&self, settings: &mut Settings) -> serde_json::Value {
        match self {
            Self::Whole(at, ..) => (*at(settings)).into(),
            Self::Small(at, ..) => (*at(settings)).into(),
            Self::Count(at, ..) => (*at(settings)).into(),
            Self::Switch(at) => (*at(settings)).into(),
            Self::Name(at)
            | Self::Folder(at)
            | Self::File(at)
            | Self::Url(at)
            | Self::Text(at, ..) => at(settings).as_str().into(),
            Self::Choice(at, _) => (*at(settings)).into(),
            Self::Globs(at) | Self::Hosts(at) | Self::Several(at, _) => {
                at(settings).as_slice().into()
            }
            Self::Commands(at) => serde_json::json!(at(settings)),
            Self::Keys(at) => serde_json::json!(at(settings)),
        }
    }

    /// Takes a value of the file.
    pub(crate) fn take(&self, settings: &mut Settings, value: &Value) -> Result<(), FieldError> {
        let wrong = || FieldError::Kind {
            expected: self.expects(),
            given: given(value),
        };
        match self {
            Self::Whole(at, range, _) => {
                *at(settings) = in_range(value, range).ok_or_else(wrong)?;
            }
            Self::Small(at, range, _) => {
                *at(settings) = in_range(value, range).ok_or_else(wrong)?;
            }
            Self::Count(at, range, _) => {
                *at(settings) = in_range(value, range).ok_or_else(wrong)?;
            }
            Self::Switch(at) => *at(settings) = value.as_bool().ok_or_else(wrong)?,
            Self::Name(at) => {
                let name = value
                    .as_str()
                    .filter(|name| hyperion_model::Name::new(*name).is_ok());
                *at(settings) = name.ok_or_else(wrong)?.to_owned();
            }
            Self::Folder(at) | Self::File(at) => {
                let folder = value
                    .as_str()
                    .filter(|folder| folder.is_empty() || Path::new(folder).is_absolute());
                *at(settings) = folder.ok_or_else(wrong)?.to_owned();
            }
            Self::Text(at, is_of_form, _) => {
                let text = value.as_str().filter(|text| is_of_form(text));
                *at(settings) = text.ok_or_else(wrong)?.to_owned();
            }
            Self::Url(at) => {
                let fits =
                    |url: &&str| url.is_empty() || hyperion_engine::notify::check_url(url).is_ok();
                let url = value.as_str().filter(fits);
                *at(settings) = url.ok_or_else(wrong)?.to_owned();
            }
            Self::Several(at, words) => {
                let array = value.as_array().filter(|array| array.len() <= words.len());
                let given = array.ok_or_else(wrong)?.iter().map(|word| {
                    let word = word.as_str().filter(|word| words.contains(word))?;
                    Some(word.to_owned())
                });
                *at(settings) = given.collect::<Option<_>>().ok_or_else(wrong)?;
            }
            Self::Choice(at, words) => {
                let word = value
                    .as_str()
                    .and_then(|given| words.iter().find(|word| **word == given));
                *at(settings) = word.ok_or_else(wrong)?;
            }
            Self::Hosts(at) => {
                let array = value.as_array().filter(|array| array.len() <= GLOBS_MAX);
                let hosts = array.ok_or_else(wrong)?.iter().map(|host| {
                    let host = host.as_str().filter(|host| is_host(host))?;
                    Some(host.to_owned())
                });
                *at(settings) = hosts.collect::<Option<_>>().ok_or_else(wrong)?;
            }
            Self::Globs(at) => {
                let array = value.as_array().filter(|array| array.len() <= GLOBS_MAX);
                let globs = array.ok_or_else(wrong)?.iter().map(Value::as_str);
                let globs: Option<Vec<&str>> = globs.collect();
                let globs = globs.ok_or_else(wrong)?.into_iter().map(str::to_owned);
                let mut globs: Vec<String> = globs.collect();
                let shipped = at(&mut Settings::default()).clone();
                // Where nothing is shipped it stays, and is refused as a glob: an empty list may mean all.
                if let Some(place) = globs.iter().position(|glob| glob == SHIPPED)
                    && !shipped.is_empty()
                {
                    globs.splice(place..=place, shipped);
                }
                *at(settings) = globs;
            }
            Self::Commands(at) => {
                let array = value.as_array().filter(|array| array.len() <= GLOBS_MAX);
                let read = array
                    .ok_or_else(wrong)?
                    .iter()
                    .map(|value| rule(value.as_inline_table()?));
                *at(settings) = read.collect::<Option<_>>().ok_or_else(wrong)?;
            }
            Self::Keys(at) => {
                let array = value.as_array().filter(|array| array.len() <= GLOBS_MAX);
                let read = array
                    .ok_or_else(wrong)?
                    .iter()
                    .map(|value| Key::read(value.as_inline_table()?));
                *at(settings) = read.collect::<Option<_>>().ok_or_else(wrong)?;
            }
        }
        Ok(())
    }

    /// Reads what was typed, on the command line or into a variable.
    ///
    /// There nobody wants to write TOML's quotes: a name stands for itself and commas make a list.
    pub(crate) fn read(&self, text: &str) -> Result<Value, FieldError> {
        let wrong = || FieldError::Kind {
            expected: self.expects(),
            given: format!("`{text}`"),
        };
        let text = text.trim();
        match self {
            Self::Whole(..) | Self::Small(..) | Self::Count(..) => {
                text.parse::<i64>().map(Value::from).map_err(|_| wrong())
            }
            Self::Switch(_) => text.parse::<bool>().map(Value::from).map_err(|_| wrong()),
            Self::Name(_)
            | Self::Folder(_)
            | Self::File(_)
            | Self::Url(_)
            | Self::Text(..)
            | Self::Choice(..) => Ok(Value::from(text)),
            Self::Commands(_) | Self::Keys(_) => text.parse::<Value>().map_err(|_| wrong()),
            Self::Globs(_) | Self::Hosts(_) | Self::Several(..) if text.starts_with('[') => {
                text.parse::<Value>().map_err(|_| wrong())
            }
            Self::Globs(_) | Self::Hosts(_) | Self::Several(..) => {
                let globs = text
                    .split(',')
                    .map(str::trim)
                    .filter(|glob| !glob.is_empty());
                Ok(Value::Array(globs.collect()))
            }
        }
    }
}

/// Whether a text names a host, or by `*.` all below one, with or without a port.
fn is_host(text: &str) -> bool {
    const MAX_BYTES: usize = 253;
    const MAX_LABEL_BYTES: usize = 63;
    if text.parse::<std::net::IpAddr>().is_ok() || text.parse::<std::net::SocketAddr>().is_ok() {
        return true;
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port),
        None => (text, "443"),
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && !label.starts_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    port.parse::<u16>().is_ok_and(|port| port > 0)
        && name.len() <= MAX_BYTES
        && name.split('.').all(is_label)
}

/// Reads a rule about commands; none where a part is missing, wrong or not known.
fn rule(table: &InlineTable) -> Option<CommandRule> {
    let texts = |value: &Value| -> Option<Vec<String>> {
        let texts = value
            .as_array()?
            .iter()
            .map(|text| text.as_str().map(str::to_owned));
        texts.collect()
    };
    let known = ["prefix", "verdict", "reason", "examples"];
    if table.iter().any(|(key, _)| !known.contains(&key)) {
        return None;
    }
    let verdict = match table.get("verdict")?.as_str()? {
        "allow" => RuleVerdict::Allow,
        "ask" => RuleVerdict::Ask,
        "deny" => RuleVerdict::Deny,
        _ => return None,
    };
    Some(CommandRule {
        prefix: texts(table.get("prefix")?)?,
        verdict,
        reason: match table.get("reason") {
            Some(reason) => reason.as_str()?.to_owned(),
            None => String::new(),
        },
        examples: match table.get("examples") {
            Some(examples) => texts(examples)?,
            None => Vec::new(),
        },
    })
}

fn rules(rules: &[CommandRule]) -> Array {
    let written = rules.iter().map(|rule| {
        let CommandRule {
            prefix,
            verdict,
            reason,
            examples,
        } = rule;
        let mut table = InlineTable::new();
        table.insert("prefix", Value::Array(list(prefix)));
        table.insert("verdict", verdict.name().into());
        if !reason.is_empty() {
            table.insert("reason", reason.as_str().into());
        }
        table.insert("examples", Value::Array(list(examples)));
        Value::InlineTable(table)
    });
    written.collect()
}

fn list(globs: &[String]) -> Array {
    globs.iter().map(String::as_str).collect()
}

fn numbers(from: &impl fmt::Display, to: &impl fmt::Display, unit: &str) -> String {
    format!("{unit} from {from} to {to}")
}

fn in_range<T: TryFrom<i64> + PartialOrd + Copy>(
    value: &Value,
    range: &RangeInclusive<T>,
) -> Option<T> {
    let number = T::try_from(value.as_integer()?).ok()?;
    range.contains(&number).then_some(number)
}

fn given(value: &Value) -> String {
    let text: String = value.to_string().trim().chars().take(40).collect();
    match value {
        Value::String(_) => format!("the text {text}"),
        Value::Array(_) => "such a list".into(),
        Value::InlineTable(_) => "a table".into(),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    fn taken(key: &str, toml: &str) -> Result<String, String> {
        let mut settings = Settings::default();
        let field = &find(key).unwrap().field;
        let value: Value = toml.parse().unwrap();
        field
            .take(&mut settings, &value)
            .map_err(|error| error.to_string())?;
        Ok(field.show(&mut settings))
    }

    #[test]
    fn values_of_the_right_kind_are_taken_and_others_explained() {
        assert_eq!(taken("merge.workers", "4").unwrap(), "4");
        assert_eq!(
            taken("policy.paths.allow", r#"["src/**"]"#).unwrap(),
            r#"["src/**"]"#
        );
        for (key, toml) in [
            ("merge.workers", "0"),
            ("merge.workers", "\"4\""),
            ("merge.workers", "-1"),
            ("merge.workers", "1.5"),
            ("request.requires_approval", "1"),
            ("agent.default", "\"\""),
            ("policy.paths.allow", "[1]"),
            ("backup.ship_to", "\"backups\""),
            ("sandbox.checks", "\"none\""),
            ("server.bind", "\"localhost:4750\""),
            ("server.bind", "\"127.0.0.1\""),
            ("server.public_url", "\"hyperion.example.org\""),
            ("sandbox.checks_network", "\"gateway\""),
            ("sandbox.network_hosts", r#"["*"]"#),
            ("sandbox.network_hosts", r#"["https://crates.io"]"#),
            ("sandbox.network_hosts", r#"["crates.io:0"]"#),
            ("sandbox.memory_max_mb", "0"),
            ("policy.auto_approve.max_lines", "99999999999"),
        ] {
            let error = taken(key, toml).unwrap_err();
            assert!(error.starts_with("expects "), "{key} = {toml}: {error}");
        }
        let hosts = r#"["crates.io", "*.example.org", "example.org:8443", "10.0.0.1", "[::1]:80"]"#;
        assert_eq!(taken("sandbox.network_hosts", hosts).unwrap(), hosts);
        assert_eq!(
            taken("supervisor.on_stall", "\"ignore\"").unwrap_err(),
            "expects one of warn, restart, kill, not the text \"ignore\""
        );
        assert_eq!(
            taken("merge.workers", "\"4\"").unwrap_err(),
            "expects workers from 1 to 64, not the text \"4\""
        );
    }

    #[test]
    fn typed_values_need_no_quotes() {
        let read = |key: &str, text: &str| {
            find(key)
                .unwrap()
                .field
                .read(text)
                .map(|value| value.to_string())
        };
        assert_eq!(read("sandbox.checks", "partial").unwrap(), "\"partial\"");
        let hosts = read("sandbox.network_hosts", "crates.io, *.example.org");
        assert_eq!(hosts.unwrap(), r#"["crates.io", "*.example.org"]"#);
        assert_eq!(read("agent.default", "scripted").unwrap(), "\"scripted\"");
        assert_eq!(
            read("policy.paths.deny", "*.key, .env").unwrap(),
            r#"["*.key", ".env"]"#
        );
        assert_eq!(read("policy.paths.deny", "['a,b']").unwrap(), "['a,b']");
        assert_eq!(read("policy.paths.deny", "").unwrap(), "[]");
        assert!(read("merge.workers", "many").is_err());
    }
}
