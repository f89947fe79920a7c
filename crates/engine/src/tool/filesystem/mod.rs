//! The filesystem server: files beneath the folder that the session is bound to.

mod words;

use hyperion_api::Problem;
use hyperion_api::tool::filesystem as wire;
use hyperion_tools::{Limits, Place, filesystem};
use serde_json::Value;

use super::call::{Done, answer, read};
use super::oversee::Oversight;
use crate::Error;

pub(super) fn make(oversight: &Oversight<'_>, parameters: Value) -> Result<Done, Error> {
    let (cx, session) = (oversight.cx, oversight.session);
    let path = parameters.get("path").and_then(Value::as_str);
    let limits = Limits {
        read_bytes: cx.settings.tools.read_bytes,
        // As much as a change that lands may write: lock files of package managers cannot be split.
        write_bytes: match path.is_some_and(hyperion_policy::is_lock_file) {
            true => cx.settings.sizes.max_lock_bytes as u64,
            false => cx.settings.tools.write_bytes,
        },
        file_bytes: cx.settings.sizes.max_file_bytes,
        ..Limits::default()
    };
    let at = Place {
        root: &session.folder()?.root,
        limits: &limits,
        overseer: oversight,
    };
    Ok(match oversight.tool {
        "readFile" => {
            let done = filesystem::read_file(&at, &read(parameters)?);
            if let Ok(found) = &done
                && found.redacted
            {
                session.showed_masked(&found.path);
            }
            answer(done, words::read_file)
        }
        "writeFile" => answer(
            filesystem::write_file(&at, &read::<wire::WriteFile>(parameters)?),
            words::written,
        ),
        "editFile" => answer(
            filesystem::edit_file(&at, &read::<wire::EditFile>(parameters)?),
            words::written,
        ),
        "deleteFile" => answer(
            filesystem::delete_file(&at, &read::<wire::DeleteFile>(parameters)?),
            words::deleted,
        ),
        "listDirectory" => answer(
            filesystem::list_directory(&at, &read::<wire::ListDirectory>(parameters)?),
            words::listed,
        ),
        "searchFiles" => answer(
            filesystem::search_files(&at, &read::<wire::SearchFiles>(parameters)?),
            words::found,
        ),
        other => Err(Problem::new("internal", format!("{other} is not wired"))),
    })
}
