//! The filesystem server: files beneath the folder that the session is bound to.

use hyperion_api::Problem;
use hyperion_api::tool::filesystem as wire;
use hyperion_tools::words::filesystem as words;
use hyperion_tools::{Limits, Place, filesystem};
use serde_json::Value;

use super::call::{Done, answer, read};
use super::oversee::Oversight;
use super::session::Session;
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
            if let Ok(found) = &done {
                let whole = found.start_line <= 1 && found.end_line == found.total_lines;
                session.saw(&found.path, &found.sha256, whole && !found.truncated);
                if found.redacted {
                    session.showed_masked(&found.path);
                }
            }
            answer(done, words::read_file)
        }
        "writeFile" => {
            let mut wanted = read::<wire::WriteFile>(parameters)?;
            if wanted.sha256.is_none() {
                let seen = session.last_seen(&wanted.path).filter(|seen| seen.whole);
                wanted.sha256 = seen.map(|seen| seen.sha256);
            }
            written(session, true, filesystem::write_file(&at, &wanted))
        }
        "editFile" => {
            let mut wanted = read::<wire::EditFile>(parameters)?;
            // A text that occurs once needs no version; a masked file is not edited unread.
            if wanted.sha256.is_none()
                && (wanted.start_line.is_some() || session.has_shown_masked(&wanted.path))
            {
                wanted.sha256 = session.last_seen(&wanted.path).map(|seen| seen.sha256);
            }
            let seen = session.last_seen(&wanted.path);
            let whole = seen.is_some_and(|seen| seen.whole);
            written(session, whole, filesystem::edit_file(&at, &wanted))
        }
        "deleteFile" => {
            let done = filesystem::delete_file(&at, &read::<wire::DeleteFile>(parameters)?);
            if let Ok(gone) = &done {
                session.forget(&gone.path);
            }
            answer(done, words::deleted)
        }
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

/// Notes what a file holds now, as its caller knows.
fn written(session: &Session, whole: bool, done: Result<wire::WriteResult, Problem>) -> Done {
    if let Ok(written) = &done {
        session.saw(&written.path, &written.sha256, whole);
    }
    answer(done, words::written)
}
