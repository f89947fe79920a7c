//! `hyperion restore`

use std::path::PathBuf;

use anyhow::Context as _;
use hyperion_api::engine::Mode;
use hyperion_backup::{self as backup, Point, RestoreOptions};
use hyperion_host::{Claim, Home, Locations};

use crate::background::dismiss;
use crate::connection::{Listens, listens, refuse_confined};
use crate::context::Cx;
use crate::exit::Exit;
use crate::output::FormatArgs;
use crate::time::Since;
use crate::{view, wiring};

/// Make a home from a backup, as it was at its end or at an earlier moment
///
/// BACKUP is a backup, or a folder of them: then the newest from which the moment can be reached is used. Every digest is checked before
/// anything changes; the home is made beside its place, verified, and put there in one step. A home that has data is refused, or kept aside
/// under a name that is told.
///
/// The key is not in a backup: it has to be at HYPERION_KEY_FILE, in the home, or named with --key.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion restore /mnt/backups --home ~/drill
  hyperion restore /mnt/backups --to-time 2026-11-21T14:00:00Z --replace
  hyperion restore /mnt/backups/base-20261121T060000Z --to-seq 4711 --key ~/safe/key --home ~/drill")]
pub(crate) struct Args {
    /// A backup, or the folder that backups are in
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,

    /// Only what had happened by then: a time, or how long ago (2h)
    #[arg(long, value_name = "TIME", conflicts_with = "to_seq")]
    to_time: Option<Since>,

    /// Only up to this event; a batch of which it is not the last is left out
    #[arg(long, value_name = "SEQ")]
    to_seq: Option<u64>,

    /// The home to make; the one in use when absent
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,

    /// Keep a home that has data aside, and put the restored one in its place
    #[arg(long)]
    replace: bool,

    /// The file with the key that the backup needs
    #[arg(long, value_name = "FILE", conflicts_with = "without_key")]
    key: Option<PathBuf>,

    /// Restore without the key, if it is lost: content that it encrypted can no longer be read
    #[arg(long)]
    without_key: bool,

    #[command(flatten)]
    format: FormatArgs,
}

pub(crate) async fn run(args: Args, cx: &Cx) -> anyhow::Result<Exit> {
    let locations = match &args.home {
        Some(home) => cx.locations_of(home)?,
        None => cx.locations()?,
    };
    refuse_confined(&cx.settings()?.settings)?;
    let _claim = if args.replace {
        make_room(&locations).await?
    } else {
        None
    };
    let from = cx.current_dir().join(&args.backup);
    let point = match (&args.to_seq, &args.to_time) {
        (Some(seq), _) => Point::Seq(*seq),
        (None, Some(time)) => Point::Time(time.moment(&cx.now_here())),
        (None, None) => Point::End,
    };
    let variable = cx.variables().get("HYPERION_KEY_FILE").map(PathBuf::from);
    let named = args.key.map(|key| cx.current_dir().join(key));
    let now = wiring::now();
    let output = cx.output.clone();
    let (replace, without_key) = (args.replace, args.without_key);
    let work = move || {
        let options = RestoreOptions {
            from: &from,
            locations: &locations,
            point,
            replace,
            key: named.as_deref().or(variable.as_deref()),
            key_stays: named.is_none() && variable.is_some(),
            without_key,
            now,
        };
        backup::restore(&options, &mut |line| output.progress(line)).map_err(wiring::problem)
    };
    let restored = tokio::task::spawn_blocking(work)
        .await
        .context("restore a backup")??;
    let is_elsewhere = args.home.is_some();
    cx.output.show(args.format.format, &restored, |restored| {
        view::backup::restored(restored, is_elsewhere, cx.zone())
    })?;
    Ok(Exit::Done)
}

/// Has an engine in the background leave the home that is replaced, and no other one take its place.
async fn make_room(locations: &Locations) -> anyhow::Result<Option<Claim>> {
    let home = Home::open(locations)?.filter(|home| home.database().exists());
    let Some(home) = home else { return Ok(None) };
    let claim = home.claim()?;
    if let Listens::Engine(Some(up)) = listens(&locations.socket()).await
        && up.mode == Some(Mode::Background)
    {
        dismiss(locations).await?;
    }
    Ok(claim)
}
