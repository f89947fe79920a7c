//! What the filesystem tools answer, in words: for agents that read text.

use std::fmt::Write as _;

use hyperion_api::tool::filesystem::{
    DeleteResult, Encoding, EntryKind, LineEnding, ListResult, ReadFileResult, SearchResult,
    WriteResult,
};

/// Gives the lines of a file, numbered.
pub fn read_file(read: &ReadFileResult) -> String {
    let mut head = read.path.clone();
    if read.encoding == Encoding::Base64 {
        let _ = write!(head, ", {} bytes in base64", read.bytes);
    } else if read.total_lines == 0 {
        head.push_str(", empty");
    } else {
        let _ = write!(
            head,
            ", lines {}–{} of {}",
            read.start_line, read.end_line, read.total_lines
        );
    }
    if !matches!(read.encoding, Encoding::Utf8 | Encoding::Base64) {
        let _ = write!(head, ", {}", read.encoding.name());
    }
    if read.line_ending == LineEnding::Crlf {
        head.push_str(", CRLF");
    }
    let _ = writeln!(head, ", sha256 {}", read.sha256);
    if read.redacted {
        head.push_str("Secrets are masked: edit by line numbers, and leave masked lines alone.\n");
    }
    if read.truncated {
        let _ = writeln!(head, "Cut: go on with startLine {}.", read.end_line + 1);
    }
    format!("{head}\n{}", read.content)
}

/// Tells of a file that was written.
pub fn written(written: &WriteResult) -> String {
    let what = if written.created { "Made" } else { "Changed" };
    format!(
        "{what} {}: {} bytes, {} lines, sha256 {}",
        written.path, written.bytes, written.total_lines, written.sha256
    )
}

/// Tells of a file that was deleted.
pub fn deleted(deleted: &DeleteResult) -> String {
    format!(
        "Deleted {}; it held sha256 {}",
        deleted.path, deleted.sha256
    )
}

/// Lists the entries of a folder.
pub fn listed(listed: &ListResult) -> String {
    let mut text = String::new();
    for entry in &listed.entries {
        let mark = match entry.kind {
            EntryKind::File => "",
            EntryKind::Folder => "/",
            EntryKind::Link => " (link, not followed)",
            EntryKind::Other => " (not a file)",
            EntryKind::Unnameable => " (its name is not UTF-8)",
        };
        let _ = writeln!(text, "{}{mark}", entry.path);
    }
    if listed.entries.is_empty() {
        text.push_str("Nothing is in it.\n");
    }
    if let Some(cursor) = &listed.next_cursor {
        let _ = writeln!(text, "There is more: call again with cursor {cursor:?}.");
    }
    if let Some(why) = &listed.left_out {
        let _ = writeln!(text, "Not all is listed: {why}.");
    }
    text
}

/// Lists the matches of a search.
pub fn found(found: &SearchResult) -> String {
    let mut text = String::new();
    for one in &found.matches {
        match (one.line, one.column, &one.text) {
            (Some(line), Some(column), Some(shown)) => {
                let _ = writeln!(text, "{}:{line}:{column}: {shown}", one.path);
            }
            _ => {
                let _ = writeln!(text, "{}", one.path);
            }
        }
    }
    if found.matches.is_empty() {
        let _ = writeln!(text, "Nothing was found in {} files.", found.files);
    }
    if let Some(why) = &found.stopped {
        let _ = writeln!(
            text,
            "There may be more: {why}. Narrow the pattern or the folder."
        );
    }
    text
}
