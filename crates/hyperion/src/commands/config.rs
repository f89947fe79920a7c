//! `hyperion config`

use std::path::Path;

use anyhow::Context as _;
use clap::Subcommand;
use hyperion_host::ReadError;
use serde_json::json;

use crate::connection::refuse_confined;
use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::table::{Table, fixed, prose};
use crate::output::{Format, FormatArgs};
use crate::settings::{self, EditError, Loaded, Setting, Settings, SettingsErrors};
use crate::view::{field, hint};

/// The most bytes of the settings file.
const MAX_BYTES: u64 = 1024 * 1024;
/// Only its owner may read the file: policy is nobody else's business.
const FILE_MODE: u32 = 0o600;

/// See and change this machine's settings
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
    Get(GetArgs),
    Set(SetArgs),
    Unset(UnsetArgs),
    Check(CheckArgs),
    Path(PathArgs),
}

/// List every setting, its value and where that comes from
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion config list
  hyperion config list --changed")]
struct ListArgs {
    /// Only what differs from the shipped values
    #[arg(long)]
    changed: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Show one setting
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion config get merge.workers")]
struct GetArgs {
    /// Its key, for instance merge.workers
    key: String,
    #[command(flatten)]
    format: FormatArgs,
}

/// Set one setting in the file, keeping comments
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion config set merge.workers 2
  hyperion config set policy.paths.deny \"...,*.sqlite\"")]
struct SetArgs {
    /// Its key, for instance merge.workers
    key: String,
    /// Its value; several globs are parted by commas, and ... stands for the shipped ones
    #[arg(allow_hyphen_values = true)]
    value: String,
}

/// Go back to a setting's shipped value
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion config unset merge.workers")]
struct UnsetArgs {
    /// Its key, for instance merge.workers
    key: String,
}

/// Read the file and the variables without doing anything
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion config check")]
struct CheckArgs {}

/// Say where the file is
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $EDITOR \"$(hyperion config path)\"")]
struct PathArgs {}

pub(crate) fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Command::List(args) => list(&args, cx),
        Command::Get(args) => get(&args, cx),
        Command::Set(args) => set(&args, cx),
        Command::Unset(args) => unset(&args, cx),
        Command::Check(CheckArgs {}) => check(cx),
        Command::Path(PathArgs {}) => {
            cx.output.data(&cx.config_path()?.display().to_string());
            Ok(Exit::Done)
        }
    }
}

/// A setting with its value and where it comes from.
struct Row {
    setting: &'static Setting,
    text: String,
    json: serde_json::Value,
    origin: String,
}

impl Row {
    fn of(setting: &'static Setting, loaded: &mut Loaded) -> Self {
        let origin = loaded.origins.get(setting.key);
        Self {
            setting,
            origin: origin.map_or_else(|| "shipped".to_owned(), ToString::to_string),
            text: setting.field.show(&mut loaded.settings),
            json: setting.field.json(&mut loaded.settings),
        }
    }

    fn as_json(&self) -> serde_json::Value {
        json!({"key": self.setting.key, "value": self.json, "origin": self.origin, "about": self.setting.about})
    }
}

/// Loads the settings to be looked at, and says what is wrong with them.
fn look(cx: &Cx) -> anyhow::Result<Loaded> {
    let (loaded, wrong) = cx.usable_settings()?;
    say_wrong(wrong.as_ref(), cx);
    Ok(loaded)
}

fn say_wrong(wrong: Option<&SettingsErrors>, cx: &Cx) {
    if let Some(wrong) = wrong {
        cx.output.say(&crate::view::warning(&wrong.in_full()));
    }
}

fn list(args: &ListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let mut loaded = look(cx)?;
    let mut rows = Vec::new();
    for setting in settings::all() {
        if !args.changed || loaded.origins.contains_key(setting.key) {
            rows.push(Row::of(setting, &mut loaded));
        }
    }
    match args.format.format {
        Format::Json => {
            let items: Vec<_> = rows.iter().map(Row::as_json).collect();
            cx.output.data(&crate::output::format::pretty(
                &json!({"items": items, "next_cursor": null}),
            )?);
        }
        Format::Jsonl => {
            for row in &rows {
                cx.output.data(&row.as_json().to_string());
            }
        }
        Format::Table if rows.is_empty() => cx.output.say("Every setting has its shipped value."),
        Format::Table => {
            let mut table = Table::new([fixed("KEY"), fixed("FROM"), prose("VALUE")]);
            for row in &rows {
                table.row([
                    row.setting.key.into(),
                    (&row.origin).into(),
                    (&row.text).into(),
                ]);
            }
            cx.output.data(&table.render(cx.output.width()));
            say_lost(&loaded, None, cx);
        }
    }
    Ok(Exit::Done)
}

fn get(args: &GetArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let setting = known(&args.key)?;
    let mut loaded = look(cx)?;
    let row = Row::of(setting, &mut loaded);
    if args.format.format.is_json() {
        cx.output
            .show(args.format.format, &row.as_json(), |_| String::new())?;
        return Ok(Exit::Done);
    }
    cx.output.data(&row.text);
    let mut talk = field("from", &row.origin);
    talk.push_str(&field("takes", &setting.field.expects()));
    if !setting.is_by_hand() {
        talk.push_str(&field("variable", &setting.variable()));
    }
    talk.push_str(&field("about", setting.about));
    cx.output.progress(&talk);
    say_lost(&loaded, Some(setting.key), cx);
    Ok(Exit::Done)
}

/// Refuses a process inside a run, which could give itself leave by changing what it is judged by.
fn refuse_runs(cx: &Cx) -> anyhow::Result<()> {
    // Settings that cannot be read give no leave.
    let (loaded, wrong) = cx.usable_settings()?;
    let settings = wrong.map_or(loaded.settings, |_| Settings::default());
    refuse_confined(&settings)
}

fn set(args: &SetArgs, cx: &Cx) -> anyhow::Result<Exit> {
    refuse_runs(cx)?;
    let path = cx.config_path()?;
    let edited = settings::set(&path, &read(&path)?, &args.key, &args.value).map_err(refused)?;
    write(&path, &edited.text)?;
    cx.output
        .say(&format!("Set {} in {}.", args.key, path.display()));
    let (loaded, _) = cx.usable_settings()?;
    say_lost(&loaded, Some(&args.key), cx);
    overridden(&args.key, cx);
    say_wrong(edited.wrong.as_ref(), cx);
    Ok(Exit::Done)
}

fn unset(args: &UnsetArgs, cx: &Cx) -> anyhow::Result<Exit> {
    refuse_runs(cx)?;
    let path = cx.config_path()?;
    match settings::unset(&path, &read(&path)?, &args.key).map_err(refused)? {
        Some(edited) => {
            write(&path, &edited.text)?;
            cx.output.say(&match settings::find(&args.key) {
                Some(_) => format!("{} has its shipped value again.", args.key),
                None => format!("Took {} out of {}.", args.key, path.display()),
            });
            say_wrong(edited.wrong.as_ref(), cx);
        }
        None => cx
            .output
            .say(&format!("{} is not set in {}.", args.key, path.display())),
    }
    overridden(&args.key, cx);
    Ok(Exit::Done)
}

/// Says what lists no longer have of the shipped ones: all, or the one with this key.
fn say_lost(loaded: &Loaded, key: Option<&str>, cx: &Cx) {
    let mut lost = loaded.lost();
    lost.retain(|lost| key.is_none_or(|key| key == lost.key));
    for lost in &lost {
        cx.output.say(&crate::view::warning(&lost.to_string()));
    }
    if !lost.is_empty() {
        cx.output.progress(&hint(settings::REMEDY));
    }
}

/// Says when a variable hides what the file says now, and that a running engine keeps what it has.
fn overridden(key: &str, cx: &Cx) {
    let variable = settings::find(key).map(Setting::variable);
    if let Some(variable) = variable.filter(|variable| cx.variables().get(variable).is_some()) {
        cx.output.say(&crate::view::warning(&format!(
            "{variable} is set and wins over the file"
        )));
    }
    cx.output.progress(&hint(
        "an engine that is up reads its settings when it starts",
    ));
}

fn check(cx: &Cx) -> anyhow::Result<Exit> {
    let path = cx.config_path()?;
    let loaded = cx.settings()?;
    let changed = crate::view::count(loaded.origins.len(), "setting");
    let file = if path.exists() {
        path.display().to_string()
    } else {
        format!("{} (not there)", path.display())
    };
    cx.output
        .data(&format!("All is well: {changed} changed, file {file}"));
    say_lost(&loaded, None, cx);
    Ok(Exit::Done)
}

fn known(key: &str) -> Result<&'static Setting, Failure> {
    settings::find(key).ok_or_else(|| Failure::usage(settings::unknown(key)))
}

fn refused(error: EditError) -> anyhow::Error {
    match error {
        EditError::File(errors) => errors.into(),
        error @ (EditError::Unknown(_) | EditError::Value { .. } | EditError::ByHand { .. }) => {
            Failure::usage(error.to_string()).into()
        }
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    match hyperion_host::read_bounded(path, MAX_BYTES) {
        Ok(bytes) => Ok(String::from_utf8(bytes)
            .map_err(|_| Failure::usage(format!("{} is not UTF-8", path.display())))?),
        Err(ReadError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            Ok(String::new())
        }
        Err(error) => Err(error.into()),
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let writing = || format!("write {}", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        hyperion_host::create_private_dir(folder).with_context(writing)?;
    }
    hyperion_host::write_atomic(path, text.as_bytes(), FILE_MODE).with_context(writing)
}
