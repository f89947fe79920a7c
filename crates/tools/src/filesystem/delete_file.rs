//! `deleteFile`

use hyperion_api::Problem;
use hyperion_api::tool::filesystem::{DeleteFile, DeleteResult};
use hyperion_host::Expect;

use super::{from_beneath, name_of, read_expected, relative, since};
use crate::{Access, Place, Planned};

/// Deletes a file: what was read, or what is there now.
pub fn delete_file(place: &Place<'_>, params: &DeleteFile) -> Result<DeleteResult, Problem> {
    let path = relative(place, &params.path);
    place.overseer.judge(path, Access::Write)?;
    let before = match &params.sha256 {
        Some(expected) => read_expected(place, path, expected)?,
        None => {
            let found = place.root.read(path, place.limits.file_bytes);
            found.map_err(from_beneath)?.bytes
        }
    };
    place.overseer.before_write(&Planned {
        path,
        before: Some(&before),
        after: None,
    })?;
    place.overseer.recorded()?;
    let is_it = |now: &[u8]| now == before;
    let expect = Expect::Content {
        is_it: &is_it,
        max_bytes: place.limits.file_bytes,
    };
    place
        .root
        .remove(path, expect)
        .map_err(|error| since(place, error, &before))?;
    Ok(DeleteResult {
        path: path.to_owned(),
        sha256: name_of(place, path, &before),
    })
}
