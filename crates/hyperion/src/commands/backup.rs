//! `hyperion backup`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Subcommand;
use hyperion_api::{ClientError, List, Problem};
use hyperion_backup::{self as backup, Depth, Found, Stage, TakeOptions, Taken};
use hyperion_engine::audit;
use hyperion_host::{Home, Locations};
use serde::Serialize;

use crate::connection::refuse_confined;
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::settings::Settings;
use crate::{view, wiring};

/// Copy the home to another folder while work goes on, and check the copy
///
/// The copy is of one moment: database, stored content, Hyperion's own git objects, settings. The key is always left out: keep it elsewhere,
/// because stored content cannot be read without it. An unfinished backup has a name that begins with a dot, and is never
/// restored. Files that an earlier backup in the same folder has already are linked, not copied again.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  hyperion backup /mnt/backups
  hyperion backup /mnt/backups --logs --format json
  hyperion backup list /mnt/backups
  hyperion config set backup.ship_to /mnt/backups   (all the time, by the engine)"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    take: TakeArgs,
}

#[derive(Debug, clap::Args)]
struct TakeArgs {
    /// The folder that backups are in; one beside the home when absent
    #[arg(value_name = "DEST")]
    dest: Option<PathBuf>,

    /// Also the whole output of runs
    #[arg(long)]
    logs: bool,

    /// Do not open and read the copy: faster, but nobody knows whether it can be restored
    #[arg(long)]
    no_verify: bool,

    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(ListArgs),
}

/// List backups, and what each can be restored to
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion backup list
  hyperion backup list /mnt/backups --format json")]
struct ListArgs {
    /// The folder that backups are in; those that the settings name when absent
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    format: FormatArgs,
}

/// What `hyperion backup` says.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The last event that is in it.
    pub(crate) head_seq: u64,
    /// Its hash.
    pub(crate) head_hash: String,
    /// The key it needs.
    pub(crate) key_id: Option<String>,
    /// Whether it was opened and read.
    pub(crate) verified: bool,
    /// How many files it has.
    pub(crate) files: u64,
    /// How many of them are an earlier backup's.
    pub(crate) linked: u64,
    /// How many bytes it has.
    pub(crate) bytes: u64,
    /// What could not be shown, or has to be known.
    pub(crate) remarks: Vec<String>,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    match args.command {
        Some(Command::List(args)) => list(&args, cx),
        None => take(args.take, cx).await,
    }
}

async fn take(args: TakeArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let locations = cx.locations()?;
    let home = Home::open(&locations)?.filter(|home| home.database().exists());
    let Some(home) = home else {
        let detail = format!("there is no home at {} yet", locations.home.display());
        let problem = Problem::new("home.missing", detail).hint("set HYPERION_HOME to where it is");
        return Err(ClientError::Problem(Box::new(problem)).into());
    };
    let settings = cx.settings()?.settings;
    refuse_confined(&settings)?;
    let folder = match &args.dest {
        Some(dest) => cx.current_dir().join(dest),
        None => beside(&locations),
    };
    let (output, variables) = (cx.output.clone(), cx.variables().clone());
    let (logs, verify) = (args.logs, !args.no_verify);
    let by = wiring::owner(&variables)?;
    let work = move || {
        let engine = wiring::read_only(&settings, home, &variables)?;
        let mut told = Told::default();
        let options = TakeOptions {
            folder: &folder,
            prefix: "backup",
            logs,
            depth: if verify { Depth::Full } else { Depth::None },
        };
        let taken = backup::take(engine.cx().as_ref(), &options, &mut |stage, done, all| {
            if let Some(line) = told.line(stage, done, all) {
                output.progress(&line);
            }
        });
        let taken = taken.map_err(wiring::problem)?;
        let head = taken.manifest.head_seq;
        if let Err(error) = audit::note_backup(engine.cx(), &by, &taken.path, head) {
            // The copy is there; only the record of it is missing.
            tracing::warn!(%error, "could not note that the home was copied");
        }
        Ok::<_, anyhow::Error>(taken)
    };
    let Taken {
        path,
        manifest,
        linked,
        remarks,
    } = tokio::task::spawn_blocking(work)
        .await
        .context("take a backup")??;
    let report = Report {
        path,
        head_seq: manifest.head_seq,
        head_hash: manifest.head_hash.to_string(),
        key_id: manifest.key_id,
        verified: manifest.verified,
        files: manifest.files.len() as u64,
        linked,
        bytes: manifest.files.iter().map(|file| file.bytes).sum(),
        remarks,
    };
    cx.output
        .show(args.format.format, &report, view::backup::taken)?;
    Ok(Exit::Done)
}

fn list(args: &ListArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let folders = match &args.folder {
        Some(folder) => vec![cx.current_dir().join(folder)],
        None => known_folders(&cx.locations()?, &cx.settings()?.settings),
    };
    let mut items: Vec<Found> = Vec::new();
    for folder in &folders {
        items.extend(backup::list(folder).map_err(wiring::problem)?);
    }
    let list = List {
        items,
        next_cursor: None,
    };
    cx.output.list(
        args.format.format,
        &list,
        "There are no backups there. `hyperion backup` takes one.",
        |items, width| view::backup::list(items, cx.zone(), width),
    )?;
    Ok(Exit::Done)
}

/// Where backups are when nobody says otherwise: beside the home, so never inside it.
fn beside(locations: &Locations) -> PathBuf {
    let mut name = locations.home.file_name().unwrap_or_default().to_owned();
    name.push("-backups");
    locations.home.with_file_name(name)
}

fn known_folders(locations: &Locations, settings: &Settings) -> Vec<PathBuf> {
    let shipped = Path::new(&settings.backup.ship_to);
    [beside(locations), shipped.to_path_buf()]
        .into_iter()
        .filter(|folder| folder.is_dir())
        .collect()
}

/// How often progress is told.
const EVERY: Duration = Duration::from_secs(2);

/// What was told of the progress.
#[derive(Default)]
struct Told {
    stage: Option<Stage>,
    at: Option<Instant>,
}

impl Told {
    /// Gives a line when a stage begins, and now and then while it takes long.
    fn line(&mut self, stage: Stage, done: u64, all: u64) -> Option<String> {
        let is_new = self.stage != Some(stage);
        if !is_new && self.at.is_some_and(|at| at.elapsed() < EVERY) {
            return None;
        }
        self.stage = Some(stage);
        self.at = Some(Instant::now());
        let (doing, unit) = match stage {
            Stage::Database => ("Copying the database", "pages"),
            Stage::Content => ("Copying content", "files"),
            Stage::Objects => ("Copying objects", "files"),
            Stage::Verify => ("Checking the copy", "files"),
        };
        Some(if is_new {
            doing.to_owned()
        } else {
            format!("{doing}: {done} of {all} {unit}")
        })
    }
}
