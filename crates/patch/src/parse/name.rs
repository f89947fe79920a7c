//! The names of a file: bare or quoted, with or without git's prefixes.

use super::PATH_BYTES_MAX;
use super::error::ParseErrorKind;
use crate::quoting::unquote;

/// Reads the name on a `---` or `+++` line; the inner `None` is `/dev/null`.
pub(super) fn side_name(value: &[u8]) -> Option<Option<Vec<u8>>> {
    let name = if value.starts_with(b"\"") {
        unquote(value)?.0
    } else {
        // A tab ends a bare name: git puts one after a name with blanks, diff puts a date behind it.
        value.split(|&byte| byte == b'\t').next()?.to_vec()
    };
    match name.as_slice() {
        b"" => None,
        b"/dev/null" => Some(None),
        _ => Some(Some(name)),
    }
}

/// Reads the one name that `a/NAME b/NAME` says twice; a rename says two, and then there is none.
pub(super) fn header_name(value: &[u8]) -> Option<Vec<u8>> {
    let (left, right) = if value.starts_with(b"\"") {
        let (left, rest) = unquote(value)?;
        let rest = rest.strip_prefix(b" ")?;
        let right = if rest.starts_with(b"\"") {
            unquote(rest)?.0
        } else {
            rest.to_vec()
        };
        (left, right)
    } else if value.ends_with(b"\"") {
        let at = value.windows(2).position(|pair| pair == b" \"")?;
        (value[..at].to_vec(), unquote(&value[at + 1..])?.0)
    } else {
        // Bare names may hold blanks; but the two are equally long.
        let middle = value.len() / 2;
        (
            value.get(..middle)?.to_vec(),
            value.get(middle..)?.strip_prefix(b" ")?.to_vec(),
        )
    };
    common_name(&left, &right).map(<[u8]>::to_vec)
}

/// Gives the name both sides mean: the same text, or the same behind two different letters of git's.
pub(super) fn common_name<'a>(old: &'a [u8], new: &[u8]) -> Option<&'a [u8]> {
    if old == new {
        return Some(old);
    }
    match (old, new) {
        ([left, b'/', old @ ..], [right, b'/', new @ ..])
            if is_prefix(*left) && is_prefix(*right) && old == new =>
        {
            Some(old)
        }
        _ => None,
    }
}

/// The letters of git's prefixes: `a`, `b`, and with `diff.mnemonicPrefix` commit, index, object, work tree.
fn is_prefix(letter: u8) -> bool {
    b"abciow".contains(&letter)
}

pub(super) fn is_named(written: &[u8], name: &[u8]) -> bool {
    written == name
        || matches!(written, [letter, b'/', rest @ ..] if is_prefix(*letter) && rest == name)
}

/// Gives the name of a file that is only on one side.
pub(super) fn one_name(named: Option<&[u8]>, written: Vec<u8>, prefix: &[u8]) -> Vec<u8> {
    match named {
        Some(named) if is_named(&written, named) => named.to_vec(),
        Some(_) | None => without_prefix(written, prefix),
    }
}

pub(super) fn without_prefix(name: Vec<u8>, prefix: &[u8]) -> Vec<u8> {
    name.strip_prefix(prefix)
        .map(<[u8]>::to_vec)
        .unwrap_or(name)
}

/// Refuses names that no file can have.
pub(super) fn check_name(name: &[u8]) -> Result<(), ParseErrorKind> {
    match name.is_empty() || name.len() > PATH_BYTES_MAX || name.contains(&0) {
        true => Err(ParseErrorKind::Name),
        false => Ok(()),
    }
}
