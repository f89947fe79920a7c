//! Files as text: how bytes are read, and what edits keep.

use hyperion_api::Problem;
use hyperion_api::tool::filesystem::{Encoding, LineEnding};

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16LE_MARK: &[u8] = b"\xff\xfe";
const UTF16BE_MARK: &[u8] = b"\xfe\xff";

/// A file's text, with what it takes to write it back as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// The text, without a byte order mark.
    pub(crate) text: String,
    /// How it was read; never base64.
    pub(crate) encoding: Encoding,
    /// Whether a byte order mark stood before it.
    pub(crate) bom: bool,
}

impl Text {
    /// Reads bytes as text. Without an encoding it is guessed from the bytes; content that is not clearly text is refused.
    pub(crate) fn read(
        path: &str,
        bytes: &[u8],
        wanted: Option<Encoding>,
    ) -> Result<Self, Problem> {
        let marked = [
            (UTF8_MARK, Encoding::Utf8),
            (UTF16LE_MARK, Encoding::Utf16Le),
            (UTF16BE_MARK, Encoding::Utf16Be),
        ];
        let mark = marked.into_iter().find(|(mark, encoding)| {
            bytes.starts_with(mark) && wanted.is_none_or(|wanted| wanted == *encoding)
        });
        let bom = mark.is_some();
        let body = mark.map_or(bytes, |(mark, _)| bytes.get(mark.len()..).unwrap_or(bytes));
        let encoding = wanted.or(mark.map(|(_, encoding)| encoding));
        if encoding.is_none() && bytes.contains(&0) {
            return Err(not_text(
                path,
                "it holds NUL bytes",
                "read it with encoding base64, or utf-16le or utf-16be if it is such text",
            ));
        }
        let encoding = encoding.unwrap_or(Encoding::Utf8);
        let text = match encoding {
            Encoding::Utf8 => match std::str::from_utf8(body) {
                Ok(text) => text.to_owned(),
                Err(error) => {
                    let at = bytes.len() - body.len() + error.valid_up_to();
                    return Err(not_text(
                        path,
                        &format!("byte {at} is not UTF-8"),
                        "read it with encoding latin1 if it is older text (edits keep every byte), or base64",
                    ));
                }
            },
            Encoding::Utf16Le => utf16(path, body, u16::from_le_bytes)?,
            Encoding::Utf16Be => utf16(path, body, u16::from_be_bytes)?,
            Encoding::Latin1 => body.iter().map(|byte| char::from(*byte)).collect(),
            Encoding::Base64 => {
                return Err(Problem::new("input.invalid", "base64 is not text")
                    .hint("edit it as text, or write all of it with writeFile"));
            }
        };
        Ok(Self {
            text,
            encoding,
            bom,
        })
    }

    /// Gives the bytes of another text, written as this one was.
    pub(crate) fn bytes_of(&self, text: &str) -> Result<Vec<u8>, Problem> {
        let mut bytes = Vec::with_capacity(text.len() + 3);
        match self.encoding {
            Encoding::Utf8 | Encoding::Base64 => {
                if self.bom {
                    bytes.extend_from_slice(UTF8_MARK);
                }
                bytes.extend_from_slice(text.as_bytes());
            }
            Encoding::Utf16Le => {
                if self.bom {
                    bytes.extend_from_slice(UTF16LE_MARK);
                }
                bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            }
            Encoding::Utf16Be => {
                if self.bom {
                    bytes.extend_from_slice(UTF16BE_MARK);
                }
                bytes.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
            }
            Encoding::Latin1 => {
                for letter in text.chars() {
                    let byte = u8::try_from(letter).map_err(|_| {
                        Problem::new(
                            "input.invalid",
                            format!("{letter:?} cannot be written in latin1"),
                        )
                        .hint("use only characters up to U+00FF, or write the whole file again in utf-8")
                    })?;
                    bytes.push(byte);
                }
            }
        }
        Ok(bytes)
    }
}

fn utf16(path: &str, bytes: &[u8], read: fn([u8; 2]) -> u16) -> Result<String, Problem> {
    let pairs = bytes.as_chunks::<2>();
    if !pairs.1.is_empty() {
        return Err(not_text(
            path,
            "it has an odd number of bytes, so it is not UTF-16",
            "read it with encoding base64",
        ));
    }
    let units = pairs.0.iter().map(|pair| read(*pair));
    char::decode_utf16(units)
        .collect::<Result<_, _>>()
        .map_err(|_| {
            not_text(
                path,
                "it holds half a surrogate pair, so it is not UTF-16",
                "read it with encoding base64",
            )
        })
}

fn not_text(path: &str, why: &str, hint: &str) -> Problem {
    Problem::new("file.not_text", format!("{path} is not text: {why}")).hint(hint)
}

/// Says how lines end.
pub(crate) fn line_ending(text: &str) -> LineEnding {
    let all = text.matches('\n').count();
    let crlf = text.matches("\r\n").count();
    match (all, crlf) {
        (0, _) => LineEnding::None,
        (_, 0) => LineEnding::Lf,
        (all, crlf) if all == crlf => LineEnding::Crlf,
        _ => LineEnding::Mixed,
    }
}

/// Gives new text the line endings of the file it comes into, unless it has endings of that kind itself.
pub(crate) fn in_style(new: &str, file: LineEnding) -> String {
    if file == LineEnding::Crlf && !new.contains("\r\n") {
        new.replace('\n', "\r\n")
    } else {
        new.to_owned()
    }
}

/// Counts lines.
pub(crate) fn count_lines(text: &str) -> u64 {
    text.split_inclusive('\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    // T1: whatever was read is written back byte for byte.
    #[test]
    fn every_encoding_gives_back_the_bytes_it_was_read_from() {
        type Case<'a> = (&'a [u8], Option<Encoding>, &'a str, Encoding, bool);
        let cases: &[Case<'_>] = &[
            (b"", None, "", Encoding::Utf8, false),
            (b"a\r\nb", None, "a\r\nb", Encoding::Utf8, false),
            ("ä€😀".as_bytes(), None, "ä€😀", Encoding::Utf8, false),
            (b"\xef\xbb\xbfx\n", None, "x\n", Encoding::Utf8, true),
            (b"\xff\xfea\0\n\0", None, "a\n", Encoding::Utf16Le, true),
            (b"\xfe\xff\0a", None, "a", Encoding::Utf16Be, true),
            (
                b"a\0",
                Some(Encoding::Utf16Le),
                "a",
                Encoding::Utf16Le,
                false,
            ),
            (
                b"caf\xe9",
                Some(Encoding::Latin1),
                "café",
                Encoding::Latin1,
                false,
            ),
        ];
        for (bytes, wanted, text, encoding, bom) in cases {
            let read = Text::read("f", bytes, *wanted).unwrap();
            assert_eq!(
                (read.text.as_str(), read.encoding, read.bom),
                (*text, *encoding, *bom)
            );
            assert_eq!(read.bytes_of(&read.text).unwrap(), *bytes);
        }
    }

    // T1: the error for content that is not text says so, and what to do.
    #[test]
    fn what_is_not_text_is_refused_with_the_encoding_that_would_do() {
        let refused = |bytes: &[u8], wanted| {
            let problem = Text::read("f", bytes, wanted).unwrap_err();
            format!("{} ({})", problem.detail, problem.code)
        };
        insta::assert_snapshot!(refused(b"a\0b", None), @"f is not text: it holds NUL bytes (file.not_text)");
        insta::assert_snapshot!(refused(b"ok \xe9", None), @"f is not text: byte 3 is not UTF-8 (file.not_text)");
        insta::assert_snapshot!(refused(b"\xef\xbb\xbfok \xe9", None), @"f is not text: byte 6 is not UTF-8 (file.not_text)");
        insta::assert_snapshot!(refused(b"abc", Some(Encoding::Utf16Be)), @"f is not text: it has an odd number of bytes, so it is not UTF-16 (file.not_text)");
        insta::assert_snapshot!(refused(b"\xd8\x00", Some(Encoding::Utf16Be)), @"f is not text: it holds half a surrogate pair, so it is not UTF-16 (file.not_text)");
    }

    #[test]
    fn new_text_takes_the_line_endings_of_the_file() {
        assert_eq!(line_ending("a"), LineEnding::None);
        assert_eq!(line_ending("a\nb"), LineEnding::Lf);
        assert_eq!(line_ending("a\r\nb\r\n"), LineEnding::Crlf);
        assert_eq!(line_ending("a\r\nb\n"), LineEnding::Mixed);
        assert_eq!(in_style("x\ny\n", LineEnding::Crlf), "x\r\ny\r\n");
        assert_eq!(in_style("x\r\ny\n", LineEnding::Crlf), "x\r\ny\n");
        assert_eq!(in_style("x\ny\n", LineEnding::Mixed), "x\ny\n");
    }
}
