//! Bytes of a terminal into plain lines.

/// The most bytes that are read: half from the beginning, where causes are, and half from the end, where sums are.
pub const MAX_OUTPUT_BYTES: usize = 1024 * 1024;
/// The most bytes of one line.
pub const MAX_LINE_BYTES: usize = 4 * 1024;

/// An output that can be read.
#[derive(Debug, Default)]
pub struct Plain {
    /// Its lines, without what only makes them look well.
    pub text: String,
    /// Whether something was left out.
    pub truncated: bool,
}

/// Removes colours, text that a carriage return overwrote, and control characters; bounds the whole and each line.
pub fn plain(bytes: &[u8]) -> Plain {
    let mut plain = Plain::default();
    if bytes.len() <= MAX_OUTPUT_BYTES {
        add(bytes, &mut plain);
        return plain;
    }
    let (head, tail) = (
        &bytes[..MAX_OUTPUT_BYTES / 2],
        &bytes[bytes.len() - MAX_OUTPUT_BYTES / 2..],
    );
    add(head, &mut plain);
    // Half a line says less than none.
    let cut = plain.text.rfind('\n').map_or(0, |at| at + 1);
    plain.text.truncate(cut);
    let start = tail.iter().position(|byte| *byte == b'\n');
    add(&tail[start.map_or(0, |at| at + 1)..], &mut plain);
    plain.truncated = true;
    plain
}

fn add(bytes: &[u8], plain: &mut Plain) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.split_inclusive('\n') {
        let (content, end) = match line.strip_suffix('\n') {
            Some(content) => (content, "\n"),
            None => (line, ""),
        };
        let start = plain.text.len();
        without_codes(content, &mut plain.text);
        let kept = &plain.text[start..];
        // `\r\n` ends a line; `\r` alone begins it anew.
        let kept = kept.trim_end_matches('\r');
        let from = kept.rfind('\r').map_or(0, |at| at + 1);
        let mut until = kept.len();
        if until - from > MAX_LINE_BYTES {
            until = kept.floor_char_boundary(from + MAX_LINE_BYTES);
            plain.truncated = true;
        }
        plain.text.truncate(start + until);
        plain.text.drain(start..start + from);
        plain.text.push_str(end);
    }
}

/// Takes out escape sequences and other control characters.
fn without_codes(line: &str, out: &mut String) {
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                // CSI: until a letter, or what ends it.
                Some('[') => {
                    for c in chars.by_ref() {
                        if ('@'..='~').contains(&c) {
                            break;
                        }
                    }
                }
                // OSC: links and titles, until a bell or a string's end.
                Some(']') => {
                    while let Some(c) = chars.next() {
                        if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                // Which characters a set has: one more.
                Some('(' | ')') => drop(chars.next()),
                Some(_) | None => {}
            },
            '\u{8}' => {
                if !out.ends_with('\n') {
                    out.pop();
                }
            }
            '\t' | '\r' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_read_is_left() {
        let text = |bytes: &[u8]| plain(bytes).text;
        assert_eq!(text(b"\x1b[1;31merror\x1b[0m: x\r\n"), "error: x\n");
        assert_eq!(text(b"10%\r50%\rdone\nnext"), "done\nnext");
        assert_eq!(
            text(b"\x1b]8;;http://a.test\x1b\\link\x1b]8;;\x07 \x1b(Bx"),
            "link x"
        );
        assert_eq!(text(b"a\xff\0b\x08c\n"), "a\u{fffd}c\n");
        assert_eq!(text(b"\x1b["), "");
    }

    #[test]
    fn a_flood_keeps_its_beginning_and_its_end() {
        let mut bytes = b"first cause\n".to_vec();
        bytes.extend(b"noise\n".repeat(MAX_OUTPUT_BYTES / 4));
        bytes.extend(b"last word");
        let plain = plain(&bytes);
        assert!(plain.truncated && plain.text.len() <= MAX_OUTPUT_BYTES);
        assert!(plain.text.starts_with("first cause\nnoise\n"));
        assert!(plain.text.ends_with("noise\nlast word"));
        let long = super::plain(&[b'x'; 3 * MAX_LINE_BYTES]);
        assert_eq!((long.text.len(), long.truncated), (MAX_LINE_BYTES, true));
    }
}
