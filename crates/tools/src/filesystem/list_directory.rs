//! `listDirectory`

use hyperion_api::Problem;
use hyperion_api::tool::filesystem::{Entry, EntryKind, ListDirectory, ListResult};
use hyperion_host::Kind;

use super::relative;
use crate::walk::{Route, Seen, Walk};
use crate::{Access, Place};

/// Lists a folder, or all that is beneath it, in pages.
pub fn list_directory(place: &Place<'_>, params: &ListDirectory) -> Result<ListResult, Problem> {
    let folder = relative(place, &params.path);
    place.overseer.judge(folder, Access::Read)?;
    let limit = match params.limit {
        None => place.limits.page_entries,
        Some(limit) if (1..=place.limits.page_entries).contains(&limit) => limit,
        Some(limit) => {
            let max = place.limits.page_entries;
            return Err(Problem::new(
                "input.invalid",
                format!("limit is {limit}; give 1 to {max}"),
            ));
        }
    };
    let route = Route {
        recursive: params.recursive.unwrap_or(false),
        heed_ignore: !params.include_ignored.unwrap_or(false),
        after: params.cursor.as_deref(),
    };
    let mut walk = Walk::new(*place, folder, route)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut more = false;
    for seen in walk.by_ref() {
        if entries.len() >= limit as usize {
            more = true;
            break;
        }
        entries.push(entry(seen));
    }
    // A walk that ran out of time goes on from where it came to.
    if let Some(why) = walk.stopped() {
        if entries.is_empty() {
            return Err(Problem::new(
                "file.too_large",
                format!("the list came to no entry: {why}"),
            )
            .hint("list a smaller folder"));
        }
        more = true;
    }
    let last = entries.last().map(|entry| entry.path.clone());
    Ok(ListResult {
        path: folder.to_owned(),
        next_cursor: last.filter(|_| more),
        left_out: walk.left_out(),
        entries,
    })
}

fn entry(seen: Seen) -> Entry {
    let kind = match seen.kind {
        Some(Kind::File) => EntryKind::File,
        Some(Kind::Folder) => EntryKind::Folder,
        Some(Kind::Link) => EntryKind::Link,
        Some(Kind::Other) => EntryKind::Other,
        None => EntryKind::Unnameable,
    };
    Entry {
        path: seen.path,
        kind,
    }
}
