//! Where a restored home is made, and how it takes the place of the old one.

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_fault::{Point as FaultPoint, reached};
use hyperion_host::{create_private_dir, exchange, fsync_dir, remove_tree, rename_new};
use hyperion_model::Time;

use crate::{Error, io, stamp};

/// Makes an empty folder beside the home; what a restore left that died there is removed.
pub(super) fn draft_of(home: &Path) -> Result<PathBuf, Error> {
    let folder = home.parent().unwrap_or(Path::new("/"));
    let name = home.file_name().unwrap_or_default().to_string_lossy();
    let begins = format!(".{name}.restoring-");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let left = entry.file_name();
        let left = left.to_string_lossy();
        let pid = left.strip_prefix(&begins);
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = remove_tree(&entry.path());
        }
    }
    create_private_dir(folder).map_err(io(folder))?;
    let draft = folder.join(format!("{begins}{}", std::process::id()));
    remove_tree(&draft).map_err(io(&draft))?;
    create_private_dir(&draft).map_err(io(&draft))?;
    Ok(draft)
}

/// The most homes that are put aside in one second.
const MAX_ASIDE: u32 = 100;

/// Exchanges the new home with what is there; gives where that is now.
///
/// Nothing is ever removed on the way: the old home has either its own name or that of a home kept aside.
pub(super) fn put_in_place(draft: &Path, home: &Path, now: Time) -> Result<Option<PathBuf>, Error> {
    let folder = home.parent().unwrap_or(Path::new("/"));
    if fs::symlink_metadata(home).is_err() {
        rename_new(draft, home)
            .and_then(|()| fsync_dir(folder))
            .map_err(io(home))?;
        return Ok(None);
    }
    // The draft takes the name under which the old home is kept, and only then they change places: whoever dies in
    // between leaves nothing that a later restore would clear away.
    let aside = name_aside(draft, home, now)?;
    reached(FaultPoint::RestoreNamed);
    if let Err(error) = exchange(&aside, home) {
        // Still the new one.
        let _ = remove_tree(&aside);
        return Err(io(home)(error));
    }
    reached(FaultPoint::RestoreExchanged);
    fsync_dir(folder).map_err(io(folder))?;
    Ok(Some(aside))
}

/// Names the draft by the time at which the old home gives way.
fn name_aside(draft: &Path, home: &Path, now: Time) -> Result<PathBuf, Error> {
    let folder = home.parent().unwrap_or(Path::new("/"));
    let name = home.file_name().unwrap_or_default().to_string_lossy();
    let stamp = stamp(now);
    let mut number = 1;
    loop {
        // Another restore may have put one aside in this very second.
        let again = match number {
            1 => String::new(),
            more => format!("-{more}"),
        };
        let aside = folder.join(format!("{name}.before-restore-{stamp}{again}"));
        match rename_new(draft, &aside) {
            Err(error)
                if error.kind() == std::io::ErrorKind::AlreadyExists && number < MAX_ASIDE =>
            {
                number += 1;
            }
            renamed => return renamed.map(|()| aside.clone()).map_err(io(&aside)),
        }
    }
}
