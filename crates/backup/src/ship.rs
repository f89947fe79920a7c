//! Ships what was committed: a base, then segments behind it.
//!
//! Every step can die: a base has its name only when it is whole, a segment too, and files that a
//! segment names are there before it. Where it stands is asked of the folder, not of memory; the store
//! keeps only which base is this home's, and what the doctor tells.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hyperion_fault::{Point, reached};
use hyperion_git::FolderScan;
use hyperion_host::{copy_new, create_private_dir, fsync_dir, read_bounded, remove_tree};
use hyperion_model::repo::Repo;
use hyperion_model::{Digest, Time};
use hyperion_store::{Filter, Positions, ShipPosition, schema_version};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::find;
use crate::manifest::{FileEntry, Manifest, RepoEntry};
use crate::segment::{self, RefFile, Segment};
use crate::take::{Depth, TakeOptions, take};
use crate::{BLOBS, Error, REPOS, Source, chain, io};

/// Under which name the store keeps where shipping stands.
pub const STATE: &str = "backup.ship";
/// How a base's name begins.
const PREFIX: &str = "base";
/// After this long a new base is taken: a restore reads one day's segments at most.
const BASE_EVERY: Duration = Duration::from_secs(86_400);
/// After this many events a new base is taken.
const BASE_EVENTS: u64 = 100_000;
/// After this many segments a new base is taken.
const BASE_SEGMENTS: u64 = 10_000;
/// The most shipments in one go; the rest waits for the next.
const MAX_SHIPMENTS: u32 = 1000;
/// The most names of shipped content that are remembered; forgetting ships some of it again.
const MAX_REMEMBERED: usize = 200_000;
/// The most bytes of one ref or settings file.
const MAX_REF_BYTES: u64 = 64 * 1024 * 1024;
/// The most repositories of a home.
const MAX_REPOS: u32 = 1000;

/// Where shipping stands, as the store keeps it for the doctor and for the next engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipState {
    /// The folder that is shipped to.
    pub folder: String,
    /// The base that is this home's, below that folder.
    pub base: Option<String>,
    /// The last event that was shipped.
    pub seq: u64,
    /// When it was shipped.
    pub at: Option<Time>,
    /// What went wrong since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// What shipping remembers between two times; free to lose.
#[derive(Default)]
pub struct Shipping {
    at: Option<Base>,
    kept: Option<ShipState>,
}

/// What was shipped in one go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shipped {
    /// How many events.
    pub events: u64,
    /// The last event that is in the folder.
    pub seq: u64,
    /// Whether a new base was taken.
    pub base: bool,
}

struct Base {
    path: PathBuf,
    seq: u64,
    taken_at: Time,
    segments: u64,
    position: ShipPosition,
    shipped: HashSet<[u8; 32]>,
    scans: HashMap<PathBuf, FolderScan>,
    /// The digests of refs and settings as they were shipped last.
    refs: HashMap<String, Digest>,
}

/// Ships what was committed since the last time; what cannot be shipped now waits for the next.
pub fn ship_once(cx: &impl Source, shipping: &mut Shipping) -> Result<Shipped, Error> {
    let Some(folder) = cx.ship_to().map(Path::to_path_buf) else {
        return Ok(Shipped::default());
    };
    // What is under the home's name now may be another home.
    cx.store().stands()?;
    let mut shipped = Shipped::default();
    let done = ship(cx, shipping, &folder, &mut shipped);
    if done.is_err() {
        // What is on the disk there is asked anew: some of it may have failed half-way.
        shipping.at = None;
    }
    let trouble = done.as_ref().err().map(|error| chain(error));
    note(cx, shipping, &folder, &shipped, trouble)?;
    done.map(|()| shipped)
}

fn ship(
    cx: &impl Source,
    shipping: &mut Shipping,
    folder: &Path,
    shipped: &mut Shipped,
) -> Result<(), Error> {
    let kept = state(cx)?;
    if shipping.at.as_ref().is_none_or(|base| !base.path.is_dir()) {
        shipping.at = resume(cx, folder, &kept)?;
    }
    let now = cx.now();
    let is_due = |base: &Base| {
        cx.store()
            .last_seq()
            .is_ok_and(|last| last > base.position.seq)
            && (now.duration_since(base.taken_at) >= BASE_EVERY.try_into().unwrap_or_default()
                || base.position.seq - base.seq >= BASE_EVENTS
                || base.segments >= BASE_SEGMENTS)
    };
    if shipping.at.as_ref().is_none_or(is_due) {
        shipping.at = Some(new_base(cx, folder)?);
        shipped.base = true;
        clear_old(cx, folder, now);
    }
    let Some(base) = &mut shipping.at else {
        return Ok(());
    };
    shipped.seq = base.position.seq;
    for _ in 0..MAX_SHIPMENTS {
        let before = base.position.seq;
        if !ship_segment(cx, base)? {
            return Ok(());
        }
        shipped.seq = base.position.seq;
        shipped.events += base.position.seq - before;
    }
    Ok(())
}

/// Says where shipping stands, as the store knows it.
pub fn state(cx: &impl Source) -> Result<ShipState, Error> {
    let text = cx.store().meta(STATE)?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

/// Keeps where shipping stands, when that changed.
fn note(
    cx: &impl Source,
    shipping: &mut Shipping,
    folder: &Path,
    shipped: &Shipped,
    trouble: Option<String>,
) -> Result<(), Error> {
    let before = match shipping.kept.take() {
        Some(kept) => kept,
        None => state(cx)?,
    };
    let base = shipping.at.as_ref().and_then(|base| {
        let name = base.path.file_name()?;
        Some(name.to_string_lossy().into_owned())
    });
    let moved = shipped.events > 0 || shipped.base;
    let now = ShipState {
        folder: folder.display().to_string(),
        base: base.or_else(|| before.base.clone()),
        seq: if trouble.is_none() {
            shipped.seq
        } else {
            before.seq.max(shipped.seq)
        },
        at: if moved || before.at.is_none() && trouble.is_none() {
            Some(cx.now())
        } else {
            before.at
        },
        trouble,
    };
    if now != before {
        if let Some(trouble) = &now.trouble {
            if before.trouble.is_none() {
                tracing::warn!(
                    folder = now.folder,
                    trouble,
                    "could not ship; it is tried again"
                );
            }
        } else if before.trouble.is_some() {
            tracing::info!(folder = now.folder, seq = now.seq, "shipping goes on");
        }
        let text = serde_json::to_string(&now).map_err(Error::Encode)?;
        cx.store().set_meta(STATE, &text)?;
        reached(Point::ShipNoted);
    }
    shipping.kept = Some(now);
    Ok(())
}

/// Finds where an earlier engine of this home stopped; none when there is nothing to go on from.
fn resume(cx: &impl Source, folder: &Path, kept: &ShipState) -> Result<Option<Base>, Error> {
    let Some(name) = kept
        .base
        .as_ref()
        .filter(|_| kept.folder == folder.display().to_string())
    else {
        return Ok(None);
    };
    let path = folder.join(name);
    let manifest = match Manifest::read(&path) {
        Ok(Some(manifest)) => manifest,
        // Gone or damaged: what is shipped from now on stands on a new one.
        Ok(None) | Err(Error::Problem(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut base = Base::new(path, &manifest);
    let mut hash = manifest.head_hash;
    let names = segment::names(&base.path)?;
    base.segments = names.len() as u64;
    for name in &names {
        if name.first != base.position.seq + 1 {
            return Ok(None);
        }
        base.position.seq = name.last;
    }
    if let Some(last) = names.last() {
        let Ok(segment) = Segment::read(last) else {
            return Ok(None);
        };
        base.position = segment.shipment.next;
        hash = segment
            .shipment
            .events
            .last()
            .map_or(hash, |text| Digest::of(text.as_bytes()));
    }
    // Another history under the same numbers: this home was restored, or is another one.
    let ours = match base.position.seq {
        0 => Some(hash),
        seq => cx
            .store()
            .event_text(seq)?
            .map(|text| Digest::of(text.as_bytes())),
    };
    Ok((ours == Some(hash)).then_some(base))
}

fn new_base(cx: &impl Source, folder: &Path) -> Result<Base, Error> {
    let options = TakeOptions {
        folder,
        prefix: PREFIX,
        logs: false,
        depth: Depth::Structure,
    };
    let taken = take(cx, &options, &mut |_, _, _| {})?;
    reached(Point::ShipBaseTaken);
    Ok(Base::new(taken.path, &taken.manifest))
}

impl Base {
    fn new(path: PathBuf, manifest: &Manifest) -> Self {
        let [blob, receipt] = manifest.tables;
        Self {
            path,
            seq: manifest.head_seq,
            taken_at: manifest.taken_at,
            segments: 0,
            position: ShipPosition {
                seq: manifest.head_seq,
                tables: Positions { blob, receipt },
            },
            shipped: HashSet::new(),
            scans: HashMap::new(),
            refs: HashMap::new(),
        }
    }
}

/// Ships one segment; tells whether there was anything to ship.
fn ship_segment(cx: &impl Source, base: &mut Base) -> Result<bool, Error> {
    if cx.store().last_seq()? <= base.position.seq {
        return Ok(false);
    }
    let Some(shipment) = cx.store().shipment(&base.position, &base.shipped)? else {
        return Ok(false);
    };
    let mut segment = Segment {
        shipped_at: cx.now(),
        schema: schema_version(),
        shipment,
        repos: Vec::new(),
        files: Vec::new(),
        refs: Vec::new(),
    };
    let mut synced = HashSet::new();
    for content in &segment.shipment.contents {
        let Some(file) = &content.file else { continue };
        let path = Path::new(BLOBS).join(file);
        let from = cx.home().blobs().join(file);
        segment
            .files
            .extend(copy_file(&base.path, &from, &path, &mut synced)?);
    }
    // After the events were read: what they name was durable before them.
    copy_objects(cx, base, &mut segment, &mut synced)?;
    for folder in &synced {
        fsync_dir(folder).map_err(io(folder))?;
    }
    reached(Point::ShipFilesCopied);
    segment.write(&base.path)?;
    if base.shipped.len() > MAX_REMEMBERED {
        base.shipped.clear();
    }
    base.shipped
        .extend(segment.shipment.contents.iter().map(|content| content.name));
    base.position = segment.shipment.next;
    base.segments += 1;
    Ok(true)
}

fn copy_objects(
    cx: &impl Source,
    base: &mut Base,
    segment: &mut Segment,
    synced: &mut HashSet<PathBuf>,
) -> Result<(), Error> {
    let now = SystemTime::from(cx.now());
    for repo in cx
        .store()
        .list::<Repo>(&Filter::default().limit(MAX_REPOS))?
        .rows
    {
        let folder = Path::new(REPOS).join(format!("{}.git", repo.id));
        let own = cx.home().path().join(&folder);
        segment.repos.push(RepoEntry {
            id: repo.id.to_string(),
            path: repo.path,
        });
        let scan = base.scans.entry(own.clone()).or_default();
        for file in scan.files(&own, now)? {
            let (from, path) = (own.join(&file.path), folder.join(&file.path));
            if file.fixed {
                if !base.path.join(&path).exists() {
                    segment
                        .files
                        .extend(copy_file(&base.path, &from, &path, synced)?);
                }
                continue;
            }
            let content = match read_bounded(&from, MAX_REF_BYTES) {
                Ok(content) => content,
                // A ref that was let go meanwhile.
                Err(_) if !from.exists() => continue,
                Err(error) => {
                    return Err(io(&from)(std::io::Error::other(error)));
                }
            };
            let path = path.to_string_lossy().into_owned();
            let digest = Digest::of(&content);
            if base.refs.insert(path.clone(), digest) != Some(digest) {
                segment.refs.push(RefFile { path, content });
            }
        }
    }
    Ok(())
}

/// Copies a file that never changes under its name, whole or not at all; none when it is gone.
fn copy_file(
    base: &Path,
    from: &Path,
    path: &Path,
    synced: &mut HashSet<PathBuf>,
) -> Result<Option<FileEntry>, Error> {
    let to = base.join(path);
    let Some(folder) = to.parent().map(Path::to_path_buf) else {
        return Ok(None);
    };
    create_private_dir(&folder).map_err(io(&folder))?;
    let draft = base.join(".copying");
    match fs::remove_file(&draft) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(&draft)(error)),
    }
    let mut hash = Sha256::new();
    let bytes = match copy_new(from, &draft, &mut |piece| hash.update(piece)) {
        Ok(bytes) => bytes,
        // Purged meanwhile: nothing that can be restored needs it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !from.exists() => {
            return Ok(None);
        }
        Err(error) => return Err(io(&draft)(error)),
    };
    fs::File::open(&draft)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&draft, &to))
        .map_err(io(&to))?;
    // The names above it may be new as well, up to the base.
    synced.extend(
        folder
            .ancestors()
            .take_while(|above| above.starts_with(base))
            .map(Path::to_path_buf),
    );
    Ok(Some(FileEntry {
        path: path.to_string_lossy().into_owned(),
        bytes,
        sha256: Digest::from_bytes(hash.finalize().into()),
    }))
}

/// Removes bases whose whole time is further back than is kept; never the newest one.
fn clear_old(cx: &impl Source, folder: &Path, now: Time) {
    let mut bases: Vec<_> = find::candidates(folder)
        .unwrap_or_default()
        .into_iter()
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
        })
        .filter_map(|path| {
            let manifest = Manifest::read(&path).ok()??;
            Some((manifest.taken_at, path))
        })
        .collect();
    bases.sort();
    let before = now - cx.keep();
    for pair in bases.windows(2) {
        if let [(_, old), (next_taken_at, _)] = pair
            && *next_taken_at <= before
        {
            // Out of the list first: half a base must not be taken for one.
            let gone = old.with_file_name(format!(
                ".{}.part",
                old.file_name().unwrap_or_default().to_string_lossy()
            ));
            let removed = fs::rename(old, &gone).and_then(|()| remove_tree(&gone));
            if let Err(error) = removed {
                tracing::warn!(folder = %old.display(), %error, "an old base could not be removed");
            }
        }
    }
}
