//! As much of XML as test reports need, and nothing that is dangerous.
//!
//! No document type, so no entities of its own and nothing to fetch; bounded depth. A whole XML library would have to be told
//! not to do all that; this reads tags, attributes, texts and CDATA.

use super::{MAX_SAID_BYTES, Unreadable, malformed};

/// How deep elements may stand in each other.
const MAX_DEPTH: usize = 64;
/// The most attributes of an element that are read.
const MAX_ATTRIBUTES: usize = 100;

/// What comes next in a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'t> {
    /// An element begins.
    Start {
        name: &'t str,
        attributes: Vec<(&'t str, String)>,
    },
    /// The element ends that began last.
    End { name: &'t str },
    /// Text within the element; of a long one only the beginning.
    Text(String),
}

/// Goes through a document.
pub(super) struct Events<'t> {
    text: &'t str,
    at: usize,
    open: Vec<&'t str>,
    /// An element that ended where it began.
    closing: Option<&'t str>,
}

impl<'t> Events<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            open: Vec::new(),
            closing: None,
        }
    }

    /// Gives what comes next; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Event<'t>>, Unreadable> {
        if let Some(name) = self.closing.take() {
            return Ok(Some(Event::End { name }));
        }
        loop {
            let rest = &self.text[self.at..];
            if rest.is_empty() {
                let open = self.open.last();
                return open.map_or(Ok(None), |name| {
                    Err(malformed(&format!("<{name}> does not end")))
                });
            }
            if !rest.starts_with('<') {
                let len = rest.find('<').unwrap_or(rest.len());
                self.at += len;
                let text = &rest[..len];
                if text.trim().is_empty() {
                    continue;
                }
                if self.open.is_empty() {
                    return Err(malformed("text outside of elements"));
                }
                return Ok(Some(Event::Text(plain(text))));
            }
            if let Some(rest) = rest.strip_prefix("<!--") {
                self.at += 4 + self.until(rest, "-->")?;
            } else if let Some(inside) = rest.strip_prefix("<![CDATA[") {
                let len = self.until(inside, "]]>")?;
                self.at += 9 + len;
                let text = &inside[..len - 3];
                let text = &text[..text.floor_char_boundary(MAX_SAID_BYTES.min(text.len()))];
                return Ok(Some(Event::Text(text.to_owned())));
            } else if let Some(rest) = rest.strip_prefix("<?") {
                self.at += 2 + self.until(rest, "?>")?;
            } else if rest.starts_with("<!") {
                return Err(malformed("a document type, which no report needs"));
            } else {
                return self.tag(rest).map(Some);
            }
        }
    }

    fn until(&self, rest: &str, end: &str) -> Result<usize, Unreadable> {
        let found = rest.find(end).map(|at| at + end.len());
        found.ok_or_else(|| malformed(&format!("{end} is missing after byte {}", self.at)))
    }

    fn tag(&mut self, rest: &'t str) -> Result<Event<'t>, Unreadable> {
        if let Some(inside) = rest.strip_prefix("</") {
            let len = self.until(inside, ">")?;
            self.at += 2 + len;
            let name = inside[..len - 1].trim();
            let open = self.open.pop();
            return if open == Some(name) {
                Ok(Event::End { name })
            } else {
                Err(malformed(&format!(
                    "an end that nothing began, before byte {}",
                    self.at
                )))
            };
        }
        let inside = &rest[1..];
        let name_len = inside
            .find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
            .ok_or_else(|| malformed("a tag that does not end"))?;
        let name = &inside[..name_len];
        if name.is_empty() || name.contains(['<', '"', '=']) {
            return Err(malformed("a tag without a name"));
        }
        let (mut attributes, mut left) = (Vec::new(), &inside[name_len..]);
        loop {
            left = left.trim_start();
            if let Some(after) = left.strip_prefix("/>") {
                self.at = self.text.len() - after.len();
                self.closing = Some(name);
                break;
            }
            if let Some(after) = left.strip_prefix('>') {
                self.at = self.text.len() - after.len();
                if self.open.len() >= MAX_DEPTH {
                    return Err(malformed("elements too deep in each other"));
                }
                self.open.push(name);
                break;
            }
            let (key, after) = left
                .split_once('=')
                .ok_or_else(|| malformed("an attribute without a value"))?;
            let quote = after.trim_start();
            let mark = quote.chars().next().filter(|c| matches!(c, '"' | '\''));
            let mark = mark.ok_or_else(|| malformed("an attribute without quotes"))?;
            let value = &quote[1..];
            let end = value
                .find(mark)
                .ok_or_else(|| malformed("an attribute that does not end"))?;
            if attributes.len() < MAX_ATTRIBUTES {
                attributes.push((key.trim(), plain(&value[..end])));
            }
            left = &value[end + 1..];
        }
        Ok(Event::Start { name, attributes })
    }
}

/// Reads what `&lt;` and its kin stand for; anything else is left as it is.
fn plain(text: &str) -> String {
    let text = &text[..text.floor_char_boundary(MAX_SAID_BYTES.min(text.len()))];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest[1..]
            .split(';')
            .next()
            .filter(|name| name.len() <= 8 && name.len() + 2 <= rest.len());
        let c = name.and_then(|name| match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix(['x', 'X']) {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => number.parse().ok(),
                };
                char::from_u32(code?)
            }
        });
        match (c, name) {
            (Some(c), Some(name)) => {
                out.push(c);
                rest = &rest[name.len() + 2..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Event<'_>>, Unreadable> {
        let mut events = Events::new(text);
        let mut found = Vec::new();
        while let Some(event) = events.next()? {
            found.push(event);
        }
        Ok(found)
    }

    #[test]
    fn elements_attributes_and_texts_are_read() {
        let text = "<?xml version=\"1.0\"?>\n<!-- c --><a x=\"1 &lt; 2\" y='&#x41;'>t &amp; &nope; <![CDATA[<b>]]><c/></a>\n";
        assert_eq!(
            all(text).unwrap(),
            [
                Event::Start {
                    name: "a",
                    attributes: vec![("x", "1 < 2".to_owned()), ("y", "A".to_owned())],
                },
                Event::Text("t & &nope; ".to_owned()),
                Event::Text("<b>".to_owned()),
                Event::Start {
                    name: "c",
                    attributes: vec![]
                },
                Event::End { name: "c" },
                Event::End { name: "a" },
            ]
        );
    }

    // What expands, fetches or never ends is refused.
    #[test]
    fn what_is_dangerous_or_broken_is_refused() {
        let deep = "<a>".repeat(MAX_DEPTH + 1);
        for text in [
            "<!DOCTYPE a [<!ENTITY b \"bb\">]><a>&b;</a>",
            "<!ENTITY x SYSTEM \"file:///etc/passwd\">",
            "<a><b></a></b>",
            "<a",
            "<a x=1/>",
            "<a x=\"1/>",
            "<a>",
            "</a>",
            "text",
            "<![CDATA[",
            "<>",
            &deep,
        ] {
            assert!(all(text).is_err(), "{text}");
        }
    }
}
