//! Makes a home from a backup, as it was at its end or at an earlier moment.
//!
//! The home is made in a folder beside the one it will be, checked there, and exchanged with it in one
//! step: a restore that dies leaves the old home, or the new one. What was there is kept, under a name
//! that is said.

mod cut;
mod place;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyperion_fault::{Point as FaultPoint, reached};
use hyperion_git::complete_folder;
use hyperion_host::{
    Home, Locations, copy_new, create_private_dir, remove_tree, sync_filesystem, write_atomic,
};
use hyperion_model::{Digest, Time};
use hyperion_store::{
    Import, KeySource, Mode, NoRedaction, Notice, Store, StoreConfig, key_ids, schema_version,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use self::cut::{Cut, cut};
use self::place::{draft_of, put_in_place};
use crate::manifest::{FileEntry, Manifest};
use crate::segment::{self, Segment, SegmentName};
use crate::verify::remove_side_files;
use crate::{BLOBS, DATABASE, Error, REPOS, SHIP_STATE, chain, find, io, unusable, verify};

/// Under which name a restored home keeps where it came from.
pub const RESTORED: &str = "backup.restored";

/// A moment that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The end of what there is.
    End,
    /// Everything up to this event, as far as whole batches go.
    Seq(u64),
    /// Everything that had happened at this time.
    Time(Time),
}

/// What is restored, and to where.
#[derive(Debug, Clone)]
pub struct RestoreOptions<'a> {
    /// A backup, or a folder of them.
    pub from: &'a Path,
    /// The home.
    pub locations: &'a Locations,
    /// The moment.
    pub point: Point,
    /// Whether a home that has data gives way; it is kept aside.
    pub replace: bool,
    /// The key file, where it is not the one in the home that is replaced.
    pub key: Option<&'a Path>,
    /// Whether the restored home is to find the key there, and not in itself.
    pub key_stays: bool,
    /// Whether to go on without the key: content cannot be read then.
    pub without_key: bool,
    /// The time.
    pub now: Time,
}

/// A home that was restored.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// The home.
    pub home: PathBuf,
    /// The backup that was used.
    pub backup: PathBuf,
    /// The last event.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
    /// When it happened.
    pub time: Option<Time>,
    /// How many events came from segments.
    pub from_segments: u64,
    /// How many events of the backup are later than the moment, and were left out.
    pub left_out: u64,
    /// Where the home is that was there before.
    pub aside: Option<PathBuf>,
    /// What could not be shown, or has to be known.
    pub remarks: Vec<String>,
}

/// Makes a home from a backup.
pub fn restore(options: &RestoreOptions<'_>, say: &mut dyn FnMut(&str)) -> Result<Restored, Error> {
    let (backup, manifest) = choose(options)?;
    let home = &options.locations.home;
    // Held to the end: no engine starts on what is replaced.
    let _lock = look_at_home(options)?;
    let key = find_key(options, &manifest)?;
    let cut = cut(&backup, &manifest, options.point)?;

    let draft = draft_of(home)?;
    let made = make(
        options,
        &backup,
        &manifest,
        &cut,
        key.as_deref(),
        &draft,
        say,
    );
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            let _ = remove_tree(&draft);
            return Err(error);
        }
    };
    reached(FaultPoint::RestoreChecked);
    let aside = put_in_place(&draft, home, options.now)?;
    reached(FaultPoint::RestorePlaced);
    Ok(Restored {
        home: home.clone(),
        backup,
        aside,
        ..made
    })
}

/// Finds the backup from which the moment is reached, and makes sure that this Hyperion can read it.
fn choose(options: &RestoreOptions<'_>) -> Result<(PathBuf, Manifest), Error> {
    let from = options.from;
    let (path, manifest) = if let Some(manifest) = Manifest::read(from)? {
        (from.to_path_buf(), manifest)
    } else {
        if !from.is_dir() {
            return Err(unusable(
                format!("there is no backup at {}", from.display()),
                "name a backup, or the folder that backups are in",
            ));
        }
        // Read one by one: a damaged one must be named, not passed over for an older one.
        let mut all = Vec::new();
        for path in find::candidates(from)? {
            if let Some(manifest) = Manifest::read(&path)? {
                all.push((last_heard(&path, &manifest)?, path, manifest));
            }
        }
        all.sort_by_key(|(heard, _, manifest)| (*heard, manifest.taken_at));
        let is_before = |manifest: &Manifest| match options.point {
            Point::End => true,
            Point::Seq(seq) => manifest.head_seq <= seq,
            Point::Time(time) => manifest.head_time.is_none_or(|head| head <= time),
        };
        let oldest = all.iter().map(|(_, _, manifest)| manifest.head_seq).min();
        let chosen = all
            .into_iter()
            .rfind(|(_, _, manifest)| is_before(manifest));
        chosen.map(|(_, path, manifest)| (path, manifest)).ok_or_else(|| match oldest {
            None => unusable(
                format!("there is no backup in {}", from.display()),
                "`hyperion backup` takes one; folders whose name begins with a dot are unfinished",
            ),
            Some(oldest) => too_early(from, oldest),
        })?
    };
    if manifest.schema > schema_version() {
        return Err(unusable(
            format!(
                "the backup {} has schema {}; this Hyperion knows up to {}",
                path.display(),
                manifest.schema,
                schema_version()
            ),
            "restore it with the Hyperion that wrote it, or a newer one",
        ));
    }
    Ok((path, manifest))
}

/// Tells when a backup was written to last.
///
/// Not when it was taken: a base that is shipped to is newer than a backup that was taken meanwhile. And not by
/// its events: a home that was restored goes on with fewer of them.
fn last_heard(path: &Path, manifest: &Manifest) -> Result<Time, Error> {
    Ok(match segment::names(path)?.last() {
        Some(name) => Segment::read(name)?.shipped_at.max(manifest.taken_at),
        None => manifest.taken_at,
    })
}

fn too_early(path: &Path, oldest: u64) -> Error {
    unusable(
        format!(
            "{} does not reach back that far: it begins at event {oldest}",
            path.display()
        ),
        "use an older backup, or a later moment",
    )
}

/// Refuses a home that is in use, or has data and was not to be replaced.
fn look_at_home(options: &RestoreOptions<'_>) -> Result<Option<hyperion_host::HomeLock>, Error> {
    let path = &options.locations.home;
    let opened =
        Home::open(options.locations).map_err(|error| unusable(chain(&error), error.remedy()))?;
    let Some(home) = opened else { return Ok(None) };
    if home.database().exists() && !options.replace {
        return Err(unusable(
            format!("{} is a home with data", path.display()),
            "restore into another one (--home DIR), or have this one kept aside (--replace)",
        ));
    }
    let lock = home.lock().map_err(|error| {
        unusable(
            chain(&error),
            "stop the engine that is up first: `hyperion up` ends with Ctrl-C, a service with systemctl stop",
        )
    })?;
    Ok(Some(lock))
}

/// Finds the key that fits, or says which one is needed.
fn find_key(options: &RestoreOptions<'_>, manifest: &Manifest) -> Result<Option<PathBuf>, Error> {
    let in_home = options.locations.home.join("key");
    let path = options.key.unwrap_or(&in_home);
    let Some(needed) = &manifest.key_id else {
        // Nothing was ever sealed; whatever key is here will do.
        return Ok(path.exists().then(|| path.to_path_buf()));
    };
    let keys = key_ids(path).map_err(|error| unusable(chain(&error), error.hint()))?;
    if keys.contains(needed) {
        return Ok(Some(path.to_path_buf()));
    }
    if options.without_key {
        return Ok(None);
    }
    let found = match keys.as_slice() {
        [] => format!("there is no key at {}", path.display()),
        [only] => format!("the key at {} is {only}", path.display()),
        several => format!("the keys at {} are {}", path.display(), several.join(", ")),
    };
    Err(unusable(
        format!("the backup needs the key {needed}; {found}"),
        "name the key file with --key FILE; if that key is lost for good, --without-key restores everything but the content that it sealed",
    ))
}

/// Makes the home in a folder of its own, and checks it.
fn make(
    options: &RestoreOptions<'_>,
    backup: &Path,
    manifest: &Manifest,
    cut: &Cut,
    key: Option<&Path>,
    draft: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<Restored, Error> {
    say(&format!("Copying {} files", manifest.files.len()));
    for file in &manifest.files {
        copy_checked(backup, file, draft)?;
    }
    reached(FaultPoint::RestoreCopied);
    for folder in [BLOBS, REPOS, crate::RUNS] {
        let folder = draft.join(folder);
        create_private_dir(&folder).map_err(io(&folder))?;
    }
    let key_path = place_key(options, key, draft)?;
    let config = |mode| StoreConfig {
        database: draft.join(DATABASE),
        blobs: draft.join(BLOBS),
        key: KeySource::Adopt {
            path: key_path.clone(),
        },
        mode,
        redact: Arc::new(NoRedaction),
        now: options.now,
    };
    let mut import = Import::open(&config(Mode::ReadWrite))
        .map_err(|error| unusable(chain(&error), error.hint()))?;
    if import.head().seq != manifest.head_seq || import.head().hash != manifest.head_hash {
        return Err(unusable(
            format!(
                "the database in {} does not end where its manifest says",
                backup.display()
            ),
            "use another backup",
        ));
    }
    let mut remarks: Vec<String> = import
        .notices()
        .iter()
        .filter(|notice| matches!(notice, Notice::KeyLost { .. }))
        .map(ToString::to_string)
        .collect();
    if manifest.in_clones > 0 {
        remarks.push(format!(
            "{} not in it: they were not handed in when it was taken; the clones have them, if that home is still there",
            crate::count_in_clones(manifest.in_clones)
        ));
    }
    if !cut.segments.is_empty() {
        say(&format!(
            "Replaying events {} to {}",
            manifest.head_seq + 1,
            cut.seq
        ));
    }
    for name in &cut.segments {
        take_segment(&mut import, name, cut.seq, backup, draft)?;
    }
    for entry in fs::read_dir(draft.join(REPOS))
        .into_iter()
        .flatten()
        .flatten()
    {
        complete_folder(&entry.path())?;
    }
    reached(FaultPoint::RestoreReplayed);
    let came_from = serde_json::json!({
        "at": options.now, "backup": backup, "seq": cut.seq,
    });
    let head = import
        .finish(&[(RESTORED, came_from.to_string())], &[SHIP_STATE])
        .map_err(Error::Store)?;
    say("Checking the restored home");
    check(&config(Mode::ReadOnly), draft, &mut remarks)?;
    sync_filesystem(draft).map_err(io(draft))?;
    Ok(Restored {
        home: PathBuf::new(),
        backup: PathBuf::new(),
        seq: head.seq,
        hash: head.hash,
        time: cut.time,
        from_segments: head.seq - manifest.head_seq,
        left_out: cut.left_out,
        aside: None,
        remarks,
    })
}

/// Puts the key into the new home, unless it is found elsewhere; gives where it is.
fn place_key(
    options: &RestoreOptions<'_>,
    key: Option<&Path>,
    draft: &Path,
) -> Result<PathBuf, Error> {
    let inside = draft.join("key");
    let Some(key) = key else {
        // A new one is made there.
        return Ok(inside);
    };
    if options.key_stays {
        return Ok(key.to_path_buf());
    }
    let bytes = fs::read(key).map_err(io(key))?;
    write_atomic(&inside, &bytes, 0o600).map_err(io(&inside))?;
    Ok(inside)
}

fn take_segment(
    import: &mut Import,
    name: &SegmentName,
    last: u64,
    backup: &Path,
    draft: &Path,
) -> Result<(), Error> {
    let segment = Segment::read(name)?;
    if segment.schema > schema_version() {
        return Err(unusable(
            format!(
                "{} was written by a newer Hyperion (schema {})",
                name.path.display(),
                segment.schema
            ),
            "restore it with that Hyperion, or to an earlier moment with --to-seq",
        ));
    }
    for file in &segment.files {
        let to = draft.join(file.safe_path().unwrap_or_default());
        if !to.exists() {
            copy_checked(backup, file, draft)?;
        }
    }
    for file in &segment.refs {
        let entry = FileEntry {
            path: file.path.clone(),
            bytes: 0,
            sha256: Digest::of(b""),
        };
        let Some(path) = entry.safe_path().filter(|path| path.starts_with(REPOS)) else {
            return Err(segment::damaged(
                &name.path,
                &format!("it names {:?}", file.path),
            ));
        };
        // Refs are only ever added: a pin too many is let go by the next housekeeping.
        let to = draft.join(path);
        if let Some(folder) = to.parent() {
            create_private_dir(folder).map_err(io(folder))?;
        }
        fs::write(&to, &file.content).map_err(io(&to))?;
    }
    import
        .append(&segment.shipment, last)
        .map_err(|error| segment::damaged(&name.path, &error.to_string()))
}

/// Copies a file of a backup, if it is what was written.
fn copy_checked(backup: &Path, file: &FileEntry, draft: &Path) -> Result<(), Error> {
    let path = file.safe_path().unwrap_or_default();
    let (from, to) = (backup.join(&path), draft.join(&path));
    if let Some(folder) = to.parent() {
        create_private_dir(folder).map_err(io(folder))?;
    }
    let mut hash = Sha256::new();
    let bytes = match copy_new(&from, &to, &mut |piece| hash.update(piece)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !from.exists() => {
            return Err(verify::damaged(backup, file, "it is missing"));
        }
        Err(error) => return Err(io(&to)(error)),
    };
    if bytes != file.bytes {
        let detail = format!("it has {bytes} bytes, not {}", file.bytes);
        return Err(verify::damaged(backup, file, &detail));
    }
    if Digest::from_bytes(hash.finalize().into()) != file.sha256 {
        return Err(verify::damaged(
            backup,
            file,
            "it was changed after it was written",
        ));
    }
    Ok(())
}

/// Opens the restored home and reads all of it.
fn check(config: &StoreConfig, draft: &Path, remarks: &mut Vec<String>) -> Result<(), Error> {
    let store = Store::open(config).map_err(|error| unusable(chain(&error), error.hint()))?;
    let structure = store.check_structure()?;
    let found = store.verify()?;
    drop(store);
    remove_side_files(&draft.join(DATABASE))?;
    let mut problems = structure.problems;
    problems.extend(
        found
            .first_bad
            .iter()
            .map(|bad| format!("event {}: {}", bad.seq, bad.detail)),
    );
    problems.extend(
        found
            .rows_differ
            .iter()
            .take(5)
            .map(|row| format!("{:?}: {}", row.subject, row.detail)),
    );
    if !problems.is_empty() {
        return Err(unusable(
            format!("the restored home is not sound: {}", problems.join("; ")),
            "use another backup, or an earlier moment",
        ));
    }
    if let Some((digest, detail)) = found.damaged_blobs.first() {
        // Everything else goes on: that is better than no home.
        remarks.push(format!(
            "{} contents cannot be read, for instance {digest}: {detail}",
            found.damaged_blobs.len()
        ));
    }
    remarks.extend(found.not_shown.into_iter().skip(1));
    Ok(())
}
