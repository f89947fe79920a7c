//! The ways in which a secret that Hyperion holds can stand in a text.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// The fewest bytes of a secret that is looked for everywhere; a shorter one would take out ordinary words.
pub const MIN_KNOWN_BYTES: usize = 6;
/// The fewest bytes of one line of a secret that has several.
const MIN_LINE_BYTES: usize = 20;
/// The fewest characters of base64 that are looked for; fewer stand in any image.
const MIN_BASE64_CHARS: usize = 10;

/// Gives every form of some secrets: as they are, and as JSON (also within JSON), XML, addresses and base64 write them.
pub(super) fn forms(secrets: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for secret in secrets {
        let secret = secret.as_ref().trim();
        add_forms(secret, &mut all);
        if !secret.contains('\n') {
            continue;
        }
        // A key is shown indented, or line by line; its first and last line are no secret.
        add_forms(&secret.replace("\r\n", "\n"), &mut all);
        add_forms(
            &secret.replace("\r\n", "\n").replace('\n', "\r\n"),
            &mut all,
        );
        for line in secret.lines().map(str::trim) {
            if line.len() >= MIN_LINE_BYTES && !line.starts_with("-----") {
                add_forms(line, &mut all);
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn add_forms(secret: &str, all: &mut Vec<String>) {
    if secret.len() < MIN_KNOWN_BYTES {
        return;
    }
    let quoted = in_json(secret);
    all.push(secret.to_owned());
    all.push(in_json(&quoted));
    all.push(in_xml(secret));
    all.push(percent_encoded(secret, false));
    all.push(percent_encoded(secret, true));
    all.push(percent_encoded(secret, false).replace("%20", "+"));
    for skipped in 0..3 {
        for (alphabet, other) in [(&STANDARD_NO_PAD, '/'), (&URL_SAFE_NO_PAD, '_')] {
            let text = in_base64(alphabet, secret, skipped);
            if text.len() >= MIN_BASE64_CHARS {
                // JSON may write `\/`.
                all.push(text.replace(other, "\\/"));
                all.push(text);
            }
        }
    }
    all.push(quoted);
}

fn in_json(text: &str) -> String {
    let quoted = Value::String(text.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn in_xml(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Gives those characters that stand in base64 for a secret that begins so many bytes after a group of three, whatever
/// stands before and after it: `user:secret` has other characters than `secret`.
fn in_base64(alphabet: &impl Engine, secret: &str, skipped: usize) -> String {
    let bytes = [vec![0; skipped], secret.as_bytes().to_vec()].concat();
    let text = alphabet.encode(&bytes);
    // A character has six bits: the first that is the secret's alone, and the last.
    let first = (skipped * 8).div_ceil(6);
    let end = bytes.len() * 8 / 6;
    text.get(first..end).unwrap_or_default().to_owned()
}

fn percent_encoded(text: &str, lower: bool) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            // Writing to a String cannot fail.
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
                out.push(char::from(byte));
            } else if lower {
                let _ = write!(out, "%{byte:02x}");
            } else {
                let _ = write!(out, "%{byte:02X}");
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_a_secret_is_found_wherever_it_begins() {
        let secret = "Zu9!kq-secret/value?";
        let forms = forms([secret]);
        for before in ["", "u", "us", "user:", "user1:"] {
            for after in ["", ":", "12", "123"] {
                let text = STANDARD_NO_PAD.encode(format!("{before}{secret}{after}"));
                assert!(forms.iter().any(|form| text.contains(form)), "{text}");
            }
        }
    }
}
