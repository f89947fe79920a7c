//! XML as test reports have it: bounded, and without document types, whose entities could expand or fetch.

use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{self, BytesRef, BytesStart};

use super::{MAX_SAID_BYTES, Unreadable, malformed};

/// How deep elements may stand in each other.
const MAX_DEPTH: usize = 64;
/// The most attributes of an element that are read.
const MAX_ATTRIBUTES: usize = 100;

/// What comes next in a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An element begins.
    Start {
        name: String,
        attributes: Vec<(String, String)>,
    },
    /// The element that began last ends.
    End { name: String },
    /// A part of the text within the element; of a long one only the beginning.
    Text(String),
}

/// Goes through a document.
pub(super) struct Events<'t> {
    reader: quick_xml::Reader<&'t [u8]>,
    depth: usize,
}

impl<'t> Events<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut reader = quick_xml::Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { reader, depth: 0 }
    }

    /// Gives what comes next; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Event>, Unreadable> {
        loop {
            let event = self.reader.read_event();
            let text = match event.map_err(|error| malformed(&error.to_string()))? {
                events::Event::Start(tag) => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Err(malformed("elements too deep in each other"));
                    }
                    return start(&tag).map(Some);
                }
                events::Event::End(tag) => {
                    self.depth = self.depth.saturating_sub(1);
                    let name = tag.name().0.to_owned();
                    return Ok(Some(Event::End { name }));
                }
                events::Event::Eof if self.depth > 0 => {
                    return Err(malformed("an element does not end"));
                }
                events::Event::Eof => return Ok(None),
                events::Event::DocType(_) => {
                    return Err(malformed("a document type, which no report needs"));
                }
                events::Event::Text(text) => said(&text),
                events::Event::CData(text) => said(&text),
                events::Event::GeneralRef(reference) => resolved(&reference),
                events::Event::Empty(_)
                | events::Event::Comment(_)
                | events::Event::Decl(_)
                | events::Event::PI(_) => continue,
            };
            if self.depth > 0 {
                return Ok(Some(Event::Text(text)));
            }
            if !text.trim().is_empty() {
                return Err(malformed("text outside of elements"));
            }
        }
    }
}

fn start(tag: &BytesStart<'_>) -> Result<Event, Unreadable> {
    let name = tag.name().0.to_owned();
    if name.is_empty() {
        return Err(malformed("a tag without a name"));
    }
    let mut attributes = Vec::new();
    for attribute in tag.attributes().with_checks(false).take(MAX_ATTRIBUTES) {
        let attribute = attribute.map_err(|error| malformed(&error.to_string()))?;
        let value = said(&attribute.value);
        // A name that XML does not know is left as it is written.
        let value = unescape(&value).map_or_else(|_| value.clone(), std::borrow::Cow::into_owned);
        attributes.push((attribute.key.0.to_owned(), value));
    }
    Ok(Event::Start { name, attributes })
}

fn said(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_SAID_BYTES.min(text.len()))].to_owned()
}

/// Gives what `&lt;` and its kin stand for; anything else is left as it is written.
fn resolved(reference: &BytesRef<'_>) -> String {
    let known = match reference.resolve_char_ref() {
        Ok(Some(c)) => Some(c.to_string()),
        _ => resolve_predefined_entity(reference).map(str::to_owned),
    };
    known.unwrap_or_else(|| format!("&{};", &**reference))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Event>, Unreadable> {
        let mut events = Events::new(text);
        let mut found = Vec::new();
        while let Some(event) = events.next()? {
            match (found.last_mut(), event) {
                (Some(Event::Text(before)), Event::Text(text)) => before.push_str(&text),
                (_, event) => found.push(event),
            }
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
                    name: "a".to_owned(),
                    attributes: vec![
                        ("x".to_owned(), "1 < 2".to_owned()),
                        ("y".to_owned(), "A".to_owned()),
                    ],
                },
                Event::Text("t & &nope; <b>".to_owned()),
                Event::Start {
                    name: "c".to_owned(),
                    attributes: vec![]
                },
                Event::End {
                    name: "c".to_owned()
                },
                Event::End {
                    name: "a".to_owned()
                },
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
