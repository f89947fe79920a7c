//! Patches as they come in mails: who wrote them, what they say, and where the patch itself begins.

use base64::Engine as _;

/// The most patches that are read from one text.
pub(in crate::intake) const PATCHES_MAX: usize = 200;

/// One patch of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::intake) struct Mail {
    /// What it says it does, without `[PATCH 1/2]`.
    pub(in crate::intake) subject: String,
    /// Who wrote it.
    pub(in crate::intake) from: String,
    /// What it says above the patch.
    pub(in crate::intake) message: String,
    /// Everything from the patch on.
    pub(in crate::intake) patch: String,
}

/// Splits a text into patches; one that is no mail is one patch.
pub(in crate::intake) fn split(text: &str) -> Result<Vec<Mail>, String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut starts: Vec<usize> = (0..lines.len())
        .filter(|at| begins_mail(&lines, *at))
        .collect();
    let first = lines.iter().position(|line| !line.trim().is_empty());
    if let Some(first) = first
        && starts.is_empty()
        && has_subject(lines.get(first..).unwrap_or_default())
    {
        starts.push(first);
    }
    if starts.is_empty() {
        return Ok(vec![Mail {
            patch: text.to_owned(),
            ..Mail::default()
        }]);
    }
    if starts.len() > PATCHES_MAX {
        return Err(format!("it holds more than {PATCHES_MAX} patches"));
    }
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    let mails = starts.iter().zip(ends);
    mails
        .map(|(start, end)| read(lines.get(*start..end).unwrap_or_default()))
        .collect()
}

/// Tells whether a mail of an mbox begins on a line: `From somebody some day`, and then its headers.
fn begins_mail(lines: &[&str], at: usize) -> bool {
    let line = |at: usize| lines.get(at).copied().unwrap_or_default();
    line(at).starts_with("From ") && is_header(line(at + 1))
}

/// Tells whether lines begin with the headers of a mail.
fn has_subject(lines: &[&str]) -> bool {
    let headers = lines.iter().take_while(|line| !line.trim().is_empty());
    let is_subject = |line: &&str| line.to_ascii_lowercase().starts_with("subject: ");
    lines.first().is_some_and(|line| is_header(line))
        && headers.copied().any(|line| is_subject(&line))
}

fn is_header(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    })
}

fn read(lines: &[&str]) -> Result<Mail, String> {
    let mut mail = Mail::default();
    let mut rest = lines.iter().copied().peekable();
    rest.next_if(|line| line.starts_with("From "));
    while let Some(line) = rest.next() {
        if line.trim().is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return Err(format!("{:?} is no header of a mail", line.trim()));
        };
        let mut value = value.trim().to_owned();
        while let Some(more) =
            rest.next_if(|line| line.starts_with([' ', '\t']) && !line.trim().is_empty())
        {
            value.push(' ');
            value.push_str(more.trim());
        }
        match name.to_ascii_lowercase().as_str() {
            "subject" => mail.subject = without_tags(&decoded(&value)),
            "from" => mail.from = decoded(&value),
            "content-transfer-encoding" if is_packed(&value) => {
                return Err(format!("its text is sent as {value}"));
            }
            _ => {}
        }
    }
    // Somebody who sends the patch of another names them in the first line.
    if let Some(line) = rest.next_if(|line| line.starts_with("From: ")) {
        mail.from = line.trim_start_matches("From: ").trim().to_owned();
        rest.next_if(|line| line.trim().is_empty());
    }
    while let Some(line) = rest.next_if(|line| !begins_patch(line)) {
        mail.message.push_str(line);
    }
    mail.message = mail.message.trim().to_owned();
    mail.patch = rest.collect();
    Ok(mail)
}

fn is_packed(encoding: &str) -> bool {
    ["quoted-printable", "base64"].contains(&encoding.to_ascii_lowercase().as_str())
}

fn begins_patch(line: &str) -> bool {
    line.trim_end() == "---" || line.starts_with("diff --git ") || line.starts_with("--- ")
}

/// Takes `[PATCH v2 1/3]` and the like off a subject.
fn without_tags(subject: &str) -> String {
    let mut rest = subject.trim();
    while let Some((_, after)) = rest.strip_prefix('[').and_then(|tag| tag.split_once(']')) {
        rest = after.trim_start();
    }
    rest.to_owned()
}

/// Decodes the words of a header that are not ASCII (RFC 2047); those in another encoding than UTF-8 stay as they are.
fn decoded(value: &str) -> String {
    let mut text = String::new();
    let mut last_was_coded = false;
    for word in value.split(' ') {
        let coded = coded_word(word);
        // A blank between two such words is not part of the text.
        let belongs_to_last = last_was_coded && coded.is_some();
        if !text.is_empty() && !belongs_to_last {
            text.push(' ');
        }
        last_was_coded = coded.is_some();
        text.push_str(coded.as_deref().unwrap_or(word));
    }
    text
}

fn coded_word(word: &str) -> Option<String> {
    let inner = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut parts = inner.splitn(3, '?');
    let (charset, kind, body) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let bytes = match kind {
        "b" | "B" => base64::engine::general_purpose::STANDARD
            .decode(body)
            .ok()?,
        "q" | "Q" => unquoted(body)?,
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

fn unquoted(body: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = body.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'_' => bytes.push(b' '),
            b'=' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = rest.get(2..)?;
            }
            other => bytes.push(*other),
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_keeps_who_wrote_what() {
        let text = "From 0123 Mon Sep 17 00:00:00 2001\nFrom: =?UTF-8?q?J=C3=BCrgen_O?= <j@x>\nSubject: [PATCH v2 1/2] =?UTF-8?q?Gr=C3=B6=C3=9Fe?=\n =?UTF-8?q?_=C3=A4ndern?= at\n once\n\nBecause.\n---\n a | 1 +\ndiff --git a/a b/a\n-- \n2.39\n\nFrom 4567 Mon Sep 17 00:00:00 2001\nFrom: Bob <b@x>\nSubject: [PATCH 2/2] Test it\n\nFrom: Ada <ada@x>\n\n--- a/b\n";
        let mails = split(text).unwrap();
        assert_eq!(
            mails[0],
            Mail {
                subject: "Größe ändern at once".to_owned(),
                from: "Jürgen O <j@x>".to_owned(),
                message: "Because.".to_owned(),
                patch: "---\n a | 1 +\ndiff --git a/a b/a\n-- \n2.39\n\n".to_owned(),
            }
        );
        assert_eq!(
            (mails[1].from.as_str(), mails[1].message.as_str()),
            ("Ada <ada@x>", "")
        );
        assert_eq!(mails[1].patch, "--- a/b\n");
    }

    #[test]
    fn what_is_no_mail_is_one_patch() {
        for text in [
            "diff --git a/a b/a\n",
            "",
            "From here on\nthe text is free\n--- a/a\n+++ b/a\n",
            "Index: a\n====\n--- a\n+++ a\n",
        ] {
            assert_eq!(
                split(text).unwrap(),
                [Mail {
                    patch: text.to_owned(),
                    ..Mail::default()
                }]
            );
        }
        let packed = "Subject: x\nContent-Transfer-Encoding: quoted-printable\n\n";
        assert_eq!(
            split(packed).unwrap_err(),
            "its text is sent as quoted-printable"
        );
        let one = split("Subject: [RFC] Do it\nX: y\n\n---\n").unwrap();
        assert_eq!(
            (one[0].subject.as_str(), one[0].patch.as_str()),
            ("Do it", "---\n")
        );
        assert_eq!(
            decoded("=?latin1?q?x?= =?UTF-8?b?w6Q=?= =?UTF-8?q?=zz?="),
            "=?latin1?q?x?= ä =?UTF-8?q?=zz?="
        );
    }
}
