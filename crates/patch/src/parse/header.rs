//! The headers before a file's content, and what they say together.

use super::error::{ParseError, ParseErrorKind};
use super::hunk;
use super::name::{
    check_name, common_name, header_name, is_named, one_name, side_name, without_prefix,
};
use super::reader::{Reader, trim_ending};
use crate::binary::{BinaryError, BinaryPatch, Packed};
use crate::file_patch::{BlobIds, Body, FileKind, FilePatch};
use crate::quoting::unquote;

/// Tells whether a file of a plain patch begins here: two names and a hunk.
pub(super) fn is_plain(mut reader: Reader<'_>) -> bool {
    let starts = |line: Option<&[u8]>, with: &[u8]| line.is_some_and(|line| line.starts_with(with));
    starts(reader.next(), b"--- ")
        && starts(reader.next(), b"+++ ")
        && starts(reader.next(), b"@@ -")
}

/// Reads a file of a plain patch.
pub(super) fn plain_file(reader: &mut Reader<'_>) -> Result<FilePatch, ParseError> {
    let first = reader.line();
    let (old, new) = names(reader)?;
    let refuse = |kind| ParseError { line: first, kind };
    let (old_path, new_path, kind) = match (old, new) {
        (None, None) => return Err(refuse(ParseErrorKind::Name)),
        (None, Some(new)) => (None, Some(without_prefix(new, b"b/")), FileKind::Create),
        (Some(old), None) => (Some(without_prefix(old, b"a/")), None, FileKind::Delete),
        (Some(old), Some(new)) => match common_name(&old, &new) {
            Some(name) => (Some(name.to_vec()), Some(name.to_vec()), FileKind::Modify),
            None => {
                return Err(refuse(ParseErrorKind::NamesDiffer {
                    old: show(&old),
                    new: show(&new),
                }));
            }
        },
    };
    for name in old_path.iter().chain(&new_path) {
        check_name(name).map_err(refuse)?;
    }
    let body = Body::Text(hunk::hunks(reader)?);
    Ok(FilePatch {
        old_path,
        new_path,
        old_mode: None,
        new_mode: None,
        kind,
        ids: None,
        body,
    })
}

/// Reads a file that begins with `diff --git`.
pub(super) fn git_file(reader: &mut Reader<'_>) -> Result<FilePatch, ParseError> {
    let first = reader.line();
    let named = reader.next_after("diff --git ").and_then(header_name);
    let headers = extended(reader)?;
    let shape = headers.shape(named, reader, first)?;
    for name in shape.old.iter().chain(&shape.new) {
        check_name(name).map_err(|kind| ParseError { line: first, kind })?;
    }
    let path = shape
        .new
        .as_deref()
        .or(shape.old.as_deref())
        .unwrap_or_default();
    let body = body(reader, path)?;
    let (old_mode, new_mode) = match (shape.kind, headers.old_mode, headers.new_mode) {
        // An `index` line may repeat the mode for a side that is not there.
        (FileKind::Create, _, new_mode) => (None, new_mode),
        (FileKind::Delete, old_mode, _) => (old_mode, None),
        (_, Some(_), None) | (_, None, Some(_)) => return Err(disagree(first, "the mode", path)),
        (_, old_mode, new_mode) => (old_mode, new_mode),
    };
    let modes_differ = old_mode != new_mode;
    let kind = match shape.kind {
        FileKind::Modify if body == Body::Empty && modes_differ => FileKind::ModeChange,
        FileKind::Modify if body == Body::Empty => {
            return Err(ParseError {
                line: first,
                kind: ParseErrorKind::NoChange { path: show(path) },
            });
        }
        kind => kind,
    };
    Ok(FilePatch {
        old_mode,
        new_mode,
        ids: headers.ids,
        old_path: shape.old,
        new_path: shape.new,
        kind,
        body,
    })
}

/// What the lines between `diff --git` and the content say.
#[derive(Default)]
struct Headers {
    old_mode: Option<u32>,
    new_mode: Option<u32>,
    created: bool,
    deleted: bool,
    rename: Move,
    copy: Move,
    similarity: Option<u8>,
    ids: Option<BlobIds>,
}

#[derive(Default)]
struct Move {
    from: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
}

/// The names of a file before and after; none where it is not there.
type Sides = (Option<Vec<u8>>, Option<Vec<u8>>);

/// The names and the kind of a file, agreed on by all its headers.
struct Shape {
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
    kind: FileKind,
}

fn extended(reader: &mut Reader<'_>) -> Result<Headers, ParseError> {
    let mut headers = Headers::default();
    loop {
        if let Some(value) = reader.next_after("old mode ") {
            headers.old_mode = Some(mode(reader, value)?);
        } else if let Some(value) = reader.next_after("new mode ") {
            headers.new_mode = Some(mode(reader, value)?);
        } else if let Some(value) = reader.next_after("new file mode ") {
            headers.created = true;
            headers.new_mode = Some(mode(reader, value)?);
        } else if let Some(value) = reader.next_after("deleted file mode ") {
            headers.deleted = true;
            headers.old_mode = Some(mode(reader, value)?);
        } else if let Some(value) = reader.next_after("rename from ") {
            headers.rename.from = Some(bare_name(reader, value)?);
        } else if let Some(value) = reader.next_after("rename to ") {
            headers.rename.to = Some(bare_name(reader, value)?);
        } else if let Some(value) = reader.next_after("copy from ") {
            headers.copy.from = Some(bare_name(reader, value)?);
        } else if let Some(value) = reader.next_after("copy to ") {
            headers.copy.to = Some(bare_name(reader, value)?);
        } else if let Some(value) = reader.next_after("similarity index ") {
            headers.similarity = percent(value);
        } else if let Some(value) = reader.next_after("index ") {
            headers.index(reader, value)?;
        } else if reader.next_after("dissimilarity index ").is_none() {
            return Ok(headers);
        }
    }
}

impl Headers {
    /// Reads `OLD..NEW[ MODE]`; something else is left alone, as git does.
    fn index(&mut self, reader: &Reader<'_>, value: &[u8]) -> Result<(), ParseError> {
        let Ok(value) = std::str::from_utf8(value) else {
            return Ok(());
        };
        let (ids, unchanged_mode) = match value.split_once(' ') {
            Some((ids, mode)) => (ids, Some(mode)),
            None => (value, None),
        };
        let hexadecimal = |id: &&str| {
            (4..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        if let Some((old, new)) = ids
            .split_once("..")
            .filter(|(old, new)| hexadecimal(old) && hexadecimal(new))
        {
            self.ids = Some(BlobIds {
                old: old.to_owned(),
                new: new.to_owned(),
            });
        }
        if let Some(text) = unchanged_mode {
            let mode = mode(reader, text.as_bytes())?;
            self.old_mode = self.old_mode.or(Some(mode));
            self.new_mode = self.new_mode.or(Some(mode));
        }
        Ok(())
    }

    /// Brings the name of the first line, these headers and the `---`/`+++` lines together.
    fn shape(
        &self,
        named: Option<Vec<u8>>,
        reader: &mut Reader<'_>,
        first: usize,
    ) -> Result<Shape, ParseError> {
        let at = reader.line();
        let pair = match reader.peek() {
            Some(line) if line.starts_with(b"--- ") => Some(names(reader)?),
            Some(_) | None => None,
        };
        let similarity = self.similarity;
        let moved = match (self.rename.is_there(), self.copy.is_there()) {
            (false, false) => None,
            (true, false) => Some((&self.rename, FileKind::Rename { similarity })),
            (false, true) => Some((&self.copy, FileKind::Copy { similarity })),
            (true, true) => {
                return Err(ParseError {
                    line: first,
                    kind: ParseErrorKind::HalfMove,
                });
            }
        };
        if let Some((Move { from, to }, kind)) = moved {
            let (Some(from), Some(to)) = (from, to) else {
                return Err(ParseError {
                    line: first,
                    kind: ParseErrorKind::HalfMove,
                });
            };
            if self.created || self.deleted {
                return Err(disagree(first, "the kind", to));
            }
            if let Some((old, new)) = pair {
                let agree =
                    |name: Option<Vec<u8>>, known| name.is_some_and(|name| is_named(&name, known));
                if !agree(old, from) || !agree(new, to) {
                    return Err(disagree(at, "the name", to));
                }
            }
            return Ok(Shape {
                old: Some(from.clone()),
                new: Some(to.clone()),
                kind,
            });
        }
        let nameless = ParseError {
            line: first,
            kind: ParseErrorKind::Name,
        };
        let (old, new) = match pair {
            // Without `---` and `+++` only the first line tells the name.
            None => {
                let name = named.ok_or(nameless)?;
                if self.created && self.deleted {
                    return Err(disagree(first, "the kind", &name));
                }
                let sides = (
                    (!self.created).then(|| name.clone()),
                    (!self.deleted).then_some(name),
                );
                return self.checked(sides, first);
            }
            Some(pair) => pair,
        };
        let sides = match (old, new) {
            (None, None) => return Err(nameless),
            (Some(old), Some(new)) => match common_name(&old, &new) {
                Some(name) => (Some(name.to_vec()), Some(name.to_vec())),
                None => {
                    let kind = ParseErrorKind::NamesDiffer {
                        old: show(&old),
                        new: show(&new),
                    };
                    return Err(ParseError { line: at, kind });
                }
            },
            (None, Some(new)) => (None, Some(one_name(named.as_deref(), new, b"b/"))),
            (Some(old), None) => (Some(one_name(named.as_deref(), old, b"a/")), None),
        };
        let known = sides.0.as_ref().or(sides.1.as_ref());
        if let (Some(named), Some(known)) = (&named, known)
            && named != known
        {
            return Err(disagree(at, "the name", known));
        }
        self.checked(sides, at)
    }

    /// Holds the sides against `new file` and `deleted file`.
    fn checked(&self, sides: Sides, line: usize) -> Result<Shape, ParseError> {
        let kind = match (&sides, self.created, self.deleted) {
            ((None, Some(_)), _, false) => FileKind::Create,
            ((Some(_), None), false, _) => FileKind::Delete,
            ((Some(_), Some(_)), false, false) => FileKind::Modify,
            ((old, new), _, _) => {
                let name = new
                    .as_ref()
                    .or(old.as_ref())
                    .map_or(&b""[..], Vec::as_slice);
                return Err(disagree(line, "the kind", name));
            }
        };
        Ok(Shape {
            old: sides.0,
            new: sides.1,
            kind,
        })
    }
}

impl Move {
    fn is_there(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }
}

fn body(reader: &mut Reader<'_>, path: &[u8]) -> Result<Body, ParseError> {
    let Some(line) = reader.peek() else {
        return Ok(Body::Empty);
    };
    if line.starts_with(b"@@ ") {
        return Ok(Body::Text(hunk::hunks(reader)?));
    }
    if (line.starts_with(b"Binary files ") || line.starts_with(b"Files "))
        && trim_ending(line).ends_with(b" differ")
    {
        reader.next();
        return Ok(Body::Binary(BinaryPatch::Absent));
    }
    if trim_ending(line) == b"GIT binary patch" {
        reader.next();
        let damaged = |source| ParseErrorKind::Binary {
            path: show(path),
            source,
        };
        let forward = binary_block(reader, &damaged)?;
        let Some((forward, packed, size)) = forward else {
            return Err(reader.refuse(damaged(BinaryError::Absent)));
        };
        let content = packed
            .inflate(size)
            .map_err(|source| reader.refuse_last(damaged(source)))?;
        // The second block leads back; it is read, so that damage shows, and dropped.
        binary_block(reader, &damaged)?;
        return Ok(Body::Binary(forward(content)));
    }
    Ok(Body::Empty)
}

type Block = (fn(Vec<u8>) -> BinaryPatch, Packed, usize);

fn binary_block(
    reader: &mut Reader<'_>,
    damaged: &impl Fn(BinaryError) -> ParseErrorKind,
) -> Result<Option<Block>, ParseError> {
    let (kind, size): (fn(Vec<u8>) -> BinaryPatch, _) =
        if let Some(size) = reader.next_after("literal ") {
            (BinaryPatch::Literal, size)
        } else if let Some(size) = reader.next_after("delta ") {
            (BinaryPatch::Delta, size)
        } else {
            return Ok(None);
        };
    let size = std::str::from_utf8(size)
        .ok()
        .and_then(|size| size.parse().ok());
    let size = size.ok_or_else(|| reader.refuse_last(damaged(BinaryError::Base85)))?;
    let mut packed = Packed::default();
    loop {
        match reader.next().map(trim_ending) {
            Some(b"") => return Ok(Some((kind, packed, size))),
            Some(line) => packed
                .push_line(line)
                .map_err(|source| reader.refuse_last(damaged(source)))?,
            None => return Err(reader.refuse(ParseErrorKind::CutOff)),
        }
    }
}

/// Reads the `---` and `+++` lines; `None` is `/dev/null`.
fn names(reader: &mut Reader<'_>) -> Result<Sides, ParseError> {
    let name = |reader: &mut Reader<'_>, start| match reader.next_after(start) {
        Some(value) => side_name(value).ok_or_else(|| reader.refuse_last(ParseErrorKind::Name)),
        None => Err(reader.refuse(ParseErrorKind::NoNewName)),
    };
    Ok((name(reader, "--- ")?, name(reader, "+++ ")?))
}

fn bare_name(reader: &Reader<'_>, value: &[u8]) -> Result<Vec<u8>, ParseError> {
    let name = match value.starts_with(b"\"") {
        true => unquote(value).map(|(name, _)| name),
        false => Some(value.to_vec()),
    };
    name.ok_or_else(|| reader.refuse_last(ParseErrorKind::Name))
}

fn mode(reader: &Reader<'_>, value: &[u8]) -> Result<u32, ParseError> {
    match value {
        b"100644" => Ok(0o100_644),
        b"100755" => Ok(0o100_755),
        b"120000" => Ok(0o120_000),
        b"160000" => Ok(0o160_000),
        _ => Err(reader.refuse_last(ParseErrorKind::Mode { mode: show(value) })),
    }
}

fn percent(value: &[u8]) -> Option<u8> {
    let digits = value.strip_suffix(b"%").unwrap_or(value);
    std::str::from_utf8(digits)
        .ok()?
        .parse()
        .ok()
        .filter(|&percent: &u8| percent <= 100)
}

fn disagree(line: usize, what: &'static str, path: &[u8]) -> ParseError {
    ParseError {
        line,
        kind: ParseErrorKind::Disagree {
            what,
            path: show(path),
        },
    }
}

fn show(bytes: &[u8]) -> String {
    crate::apply::excerpt(bytes)
}
