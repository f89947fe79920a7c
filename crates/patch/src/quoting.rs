//! File names as git writes them: bare, or quoted as a C string.

/// Writes a name as git does with `core.quotePath` on: bare if it is plain ASCII, else in quotes.
pub(crate) fn quote(prefix: &str, name: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && !matches!(byte, b'"' | b'\\');
    let mut written = prefix.as_bytes().to_vec();
    if name.iter().all(plain) {
        written.extend_from_slice(name);
        return written;
    }
    written.insert(0, b'"');
    for &byte in name {
        match escape_letter(byte) {
            Some(letter) => written.extend_from_slice(&[b'\\', letter]),
            None if plain(&byte) => written.push(byte),
            None => written.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
        }
    }
    written.push(b'"');
    written
}

/// Reads a quoted name from the start of `text`; gives it with what follows the closing quote.
pub(crate) fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut name = Vec::new();
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        match byte {
            b'"' => return Some((name, rest)),
            b'\\' => {
                let (&letter, after) = rest.split_first()?;
                if (b'0'..=b'3').contains(&letter) {
                    let (digits, after) = rest.split_at_checked(3)?;
                    name.push(octal(digits)?);
                    rest = after;
                } else {
                    name.push(unescape_letter(letter)?);
                    rest = after;
                }
            }
            _ => name.push(byte),
        }
    }
}

const ESCAPES: [(u8, u8); 9] = [
    (0x07, b'a'),
    (0x08, b'b'),
    (b'\t', b't'),
    (b'\n', b'n'),
    (0x0b, b'v'),
    (0x0c, b'f'),
    (b'\r', b'r'),
    (b'"', b'"'),
    (b'\\', b'\\'),
];

fn escape_letter(byte: u8) -> Option<u8> {
    ESCAPES
        .iter()
        .find(|(raw, _)| *raw == byte)
        .map(|&(_, letter)| letter)
}

fn unescape_letter(letter: u8) -> Option<u8> {
    ESCAPES
        .iter()
        .find(|(_, escaped)| *escaped == letter)
        .map(|&(raw, _)| raw)
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |value, &digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(digit - b'0'),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_as_git_does() {
        let table: [(&[u8], &str); 6] = [
            (b"src/lib.rs", "a/src/lib.rs"),
            (b"two words", "a/two words"),
            ("grün".as_bytes(), r#""a/gr\303\274n""#),
            (b"tab\there", r#""a/tab\there""#),
            (b"quote\"back\\", r#""a/quote\"back\\""#),
            (b"\xff\x01", r#""a/\377\001""#),
        ];
        for (name, expected) in table {
            let quoted = quote("a/", name);
            assert_eq!(String::from_utf8_lossy(&quoted), expected);
            if quoted.starts_with(b"\"") {
                let (read, rest) = unquote(&quoted).expect("what we quote can be read");
                assert_eq!((&read[2..], rest), (name, &b""[..]));
            }
        }
    }

    #[test]
    fn broken_quotes_are_refused() {
        for text in [
            r#"""#,
            r#""open"#,
            r#""\"#,
            r#""\q""#,
            r#""\40""#,
            r#""\08""#,
            r#""\777""#,
            "bare",
        ] {
            assert_eq!(unquote(text.as_bytes()), None, "{text}");
        }
    }
}
