//! Sets a member in JSON that people write, with comments and commas too many, and leaves all else as it is.

use serde_json::Value;
use thiserror::Error;

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;

/// The deepest nesting that is read.
const DEPTH_MAX: usize = 128;

/// Why a text cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum JsoncError {
    /// It is not JSON, even with comments.
    #[error("it is not JSON: {what} at byte {at}")]
    NotJson {
        /// What is wrong.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// Something else stands where an object has to be.
    #[error("{name:?} is not an object")]
    NotAnObject {
        /// The member.
        name: String,
    },
}

/// Sets `text[outer][name]`, adding what is missing; gives the whole text.
pub(super) fn set(
    text: &str,
    outer: &str,
    name: &str,
    value: &Value,
) -> Result<String, JsoncError> {
    let text = if text.trim().is_empty() {
        "{\n}\n"
    } else {
        text
    };
    let top = Reader::new(text).document()?;
    let indent = indent_of(text, &top);
    match top.member(outer) {
        None => {
            let inner = serde_json::json!({ name: value });
            Ok(add(text, &top, outer, &inner, &indent, 1))
        }
        Some(member) => {
            let object = Reader::at(text, member.start).object(0)?;
            let object = object.ok_or_else(|| JsoncError::NotAnObject {
                name: outer.to_owned(),
            })?;
            Ok(match object.member(name) {
                None => add(text, &object, name, value, &indent, 2),
                Some(member) => replace(text, member.start, member.end, value, &indent, 2),
            })
        }
    }
}

/// Reads the value behind a text with comments, for comparing.
pub(super) fn value(text: &str) -> Result<Value, JsoncError> {
    if text.trim().is_empty() {
        return Ok(serde_json::json!({}));
    }
    let mut reader = Reader::new(text);
    reader.document()?;
    serde_json::from_str(&reader.plain).map_err(|_| JsoncError::NotJson {
        what: "a value that does not read",
        at: 0,
    })
}

/// A member's name, and where its value is.
struct Member {
    name: String,
    start: usize,
    end: usize,
}

/// An object, and where its parts are.
struct Object {
    members: Vec<Member>,
    /// Just behind its `{`.
    inside: usize,
    /// Its `}`.
    close: usize,
    /// Just behind the comma that follows the last member, if one does.
    comma: Option<usize>,
}

impl Object {
    fn member(&self, name: &str) -> Option<&Member> {
        // Of several, the last one counts.
        self.members.iter().rev().find(|member| member.name == name)
    }
}

/// Reads with an eye on places; gathers the text without comments and commas too many on the way.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    plain: String,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Self::at(text, at)
    }

    const fn at(text: &'t str, at: usize) -> Self {
        Self {
            text,
            at,
            plain: String::new(),
        }
    }

    fn document(&mut self) -> Result<Object, JsoncError> {
        self.skip()?;
        let object = self.object(0)?;
        let object = object.ok_or(JsoncError::NotJson {
            what: "no object",
            at: self.at,
        })?;
        self.skip()?;
        match self.peek() {
            None => Ok(object),
            Some(_) => self.wrong("something behind the end"),
        }
    }

    /// Reads an object, if one begins here.
    fn object(&mut self, depth: usize) -> Result<Option<Object>, JsoncError> {
        if self.peek() != Some(b'{') {
            return Ok(None);
        }
        self.take(1);
        let inside = self.at;
        let (mut members, mut comma) = (Vec::new(), None);
        loop {
            self.skip()?;
            match self.peek() {
                Some(b'}') => break,
                Some(b'"') if members.is_empty() || comma.is_some() => {}
                _ => return self.wrong("no member where one has to be"),
            }
            if !members.is_empty() {
                self.plain.push(',');
            }
            let from = self.at;
            self.string()?;
            let name = self.text.get(from..self.at).unwrap_or_default();
            let name = serde_json::from_str(name).or_else(|_| self.wrong("a bad name"))?;
            self.skip()?;
            if self.peek() != Some(b':') {
                return self.wrong("no colon");
            }
            self.take(1);
            self.skip()?;
            let start = self.at;
            self.any(depth + 1)?;
            members.push(Member {
                name,
                start,
                end: self.at,
            });
            self.skip()?;
            comma = self.comma().then_some(self.at);
        }
        let close = self.at;
        self.take(1);
        Ok(Some(Object {
            members,
            inside,
            close,
            comma,
        }))
    }

    fn any(&mut self, depth: usize) -> Result<(), JsoncError> {
        if depth > DEPTH_MAX {
            return self.wrong("too deep");
        }
        match self.peek() {
            Some(b'{') => self.object(depth).map(drop),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
                let len = rest.iter().take_while(|byte| is_part(byte)).count();
                self.take(len);
                Ok(())
            }
            _ => self.wrong("no value where one has to be"),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), JsoncError> {
        self.take(1);
        let (mut items, mut goes_on) = (0, true);
        loop {
            self.skip()?;
            if self.peek() == Some(b']') {
                self.take(1);
                return Ok(());
            }
            if !goes_on {
                return self.wrong("no comma");
            }
            if items > 0 {
                self.plain.push(',');
            }
            self.any(depth + 1)?;
            items += 1;
            self.skip()?;
            goes_on = self.comma();
        }
    }

    fn string(&mut self) -> Result<(), JsoncError> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let mut escaped = false;
        for (len, byte) in rest.iter().enumerate().skip(1) {
            match byte {
                b'"' if !escaped => {
                    self.take(len + 1);
                    return Ok(());
                }
                b'\n' => break,
                _ => escaped = *byte == b'\\' && !escaped,
            }
        }
        self.wrong("a text without an end")
    }

    /// Passes a comma over; whether it is one too many shows later.
    fn comma(&mut self) -> bool {
        let is_one = self.peek() == Some(b',');
        self.at += usize::from(is_one);
        is_one
    }

    /// Passes blanks and comments over.
    fn skip(&mut self) -> Result<(), JsoncError> {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let blank = rest.len() - rest.trim_ascii_start().len();
            let rest = rest.get(blank..).unwrap_or_default();
            self.at += blank;
            self.at += if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                match rest.get(2..).and_then(|rest| rest.find("*/")) {
                    Some(end) => end + 4,
                    None => return self.wrong("a comment without an end"),
                }
            } else {
                return Ok(());
            };
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, len: usize) {
        let end = self.at + len;
        self.plain
            .push_str(self.text.get(self.at..end).unwrap_or_default());
        self.at = end;
    }

    fn wrong<T>(&self, what: &'static str) -> Result<T, JsoncError> {
        Err(JsoncError::NotJson { what, at: self.at })
    }
}

/// Finds out how far the file indents, by its first member.
fn indent_of(text: &str, top: &Object) -> String {
    let Some(first) = top.members.first() else {
        return "  ".to_owned();
    };
    let before = text.get(top.inside..first.start).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let len = line.len() - line.trim_start_matches([' ', '\t']).len();
    match line.get(..len) {
        Some(indent) if !indent.is_empty() && before.contains('\n') => indent.to_owned(),
        _ => "  ".to_owned(),
    }
}

fn rendered(value: &Value, indent: &str, depth: usize) -> String {
    // Cannot fail: it is a value already.
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut text = String::new();
    for (number, line) in pretty.lines().enumerate() {
        let content = line.trim_start_matches(' ');
        let levels = (line.len() - content.len()) / 2;
        if number > 0 {
            text.push('\n');
            text.push_str(&indent.repeat(depth + levels));
        }
        text.push_str(content);
    }
    text
}

fn add(
    text: &str,
    object: &Object,
    name: &str,
    value: &Value,
    indent: &str,
    depth: usize,
) -> String {
    let pad = indent.repeat(depth);
    let name = Value::from(name);
    let member = format!("\n{pad}{name}: {}", rendered(value, indent, depth));
    // The comma goes right behind the last member, and what is remarked on its line stays there.
    let behind = match (object.members.last(), object.comma) {
        (None, _) => object.inside,
        (Some(_), Some(comma)) => comma,
        (Some(last), None) => last.end,
    };
    let (before, rest) = text.split_at(behind);
    let remarked = if object.members.is_empty() {
        0
    } else {
        remark(rest, object.close - behind)
    };
    let (comment, after) = rest.split_at(remarked);
    let comma = if object.members.is_empty() || object.comma.is_some() {
        ""
    } else {
        ","
    };
    let tail = if object.comma.is_some() { "," } else { "" };
    let close = if after.trim_start_matches([' ', '\t']).starts_with('}') {
        format!("\n{}", indent.repeat(depth - 1))
    } else {
        String::new()
    };
    let after = if close.is_empty() {
        after
    } else {
        after.trim_start_matches([' ', '\t'])
    };
    format!("{before}{comma}{comment}{member}{tail}{close}{after}")
}

/// How long the remark is that ends the line behind a member, if only a remark does.
fn remark(rest: &str, close: usize) -> usize {
    let line = rest.find('\n').filter(|end| *end < close);
    let line = line.and_then(|end| rest.get(..end)).unwrap_or_default();
    let mut left = line.trim_start();
    while let Some(inside) = left.strip_prefix("/*") {
        match inside.find("*/") {
            Some(end) => left = inside.get(end + 2..).unwrap_or_default().trim_start(),
            None => return 0,
        }
    }
    if left.is_empty() || left.starts_with("//") {
        // Only blanks of JSON: whatever else ends a remark is a part of it.
        line.trim_end_matches([' ', '\t', '\r']).len()
    } else {
        0
    }
}

fn replace(
    text: &str,
    start: usize,
    end: usize,
    value: &Value,
    indent: &str,
    depth: usize,
) -> String {
    format!(
        "{}{}{}",
        text.get(..start).unwrap_or_default(),
        rendered(value, indent, depth),
        text.get(end..).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn server() -> Value {
        json!({"command": "hyperion", "args": ["mcp"]})
    }

    #[track_caller]
    fn edited(text: &str) -> String {
        let edited = set(text, "mcpServers", "files", &server()).unwrap();
        let mut expected = value(text).unwrap();
        expected["mcpServers"]["files"] = server();
        assert_eq!(value(&edited).unwrap(), expected, "{edited}");
        edited
    }

    // T5: what is there stays, with its comments.
    #[test]
    fn comments_and_what_else_is_there_stay() {
        insta::assert_snapshot!(edited(""), @r#"
        {
          "mcpServers": {
            "files": {
              "args": [
                "mcp"
              ],
              "command": "hyperion"
            }
          }
        }
        "#);
        insta::assert_snapshot!(edited("{\n    // mine\n    \"theme\": \"dark\", // loved\n    \"mcpServers\": {\n        \"other\": {\"command\": \"x\"} // keep\n    }\n}\n"), @r#"
        {
            // mine
            "theme": "dark", // loved
            "mcpServers": {
                "other": {"command": "x"}, // keep
                "files": {
                    "args": [
                        "mcp"
                    ],
                    "command": "hyperion"
                }
            }
        }
        "#);
        insta::assert_snapshot!(edited("{\n  \"mcpServers\": {\n    \"files\": {\"command\": \"old\"}, /* old */\n  },\n}\n"), @r#"
        {
          "mcpServers": {
            "files": {
              "args": [
                "mcp"
              ],
              "command": "hyperion"
            }, /* old */
          },
        }
        "#);
    }

    #[test]
    fn any_spelling_is_edited_to_the_same_value() {
        for text in [
            "{}",
            "{ }",
            "\u{feff}{}",
            "{\"a\":1}",
            "{\"a\":1,}",
            "{\n\t\"a\": 1,\n}",
            "{\"mcpServers\":{}}",
            "{\"mcpServers\":{\"o\":1,},\"z\":[1,2,],}",
            "// top\n{\"mcpServers\": { // none\n }}\n// end",
            "{\"a\": \"//no comment\", \"mcpServers\": {\"b}\": \"\\\"}\"}}",
            "{\"mcpServers\":{\"files\":1,\"files\":2}}",
            "{\"a\":1 // c,\n}",
        ] {
            edited(text);
        }
    }

    // T5: one letter more or less anywhere: it is refused, or edited to what it meant, with the server in it.
    #[test]
    fn a_slip_anywhere_is_refused_or_edited_rightly() {
        let text = "{ // a\n \"o\": [1, {\"b\": \"c\\\"}\"}], /* , */\n \"mcpServers\": {\"x\": {} /* } */, }\n}\n";
        let mut edits = 0;
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            for put in [
                "", "\"", "{", "}", "[", ",", ":", "/", "/*", "*/", "//", "\n", "1", "ö",
            ] {
                for skip in [0, 1] {
                    let Some(rest) = text.get(at + skip..) else {
                        continue;
                    };
                    let slip = format!("{}{put}{rest}", &text[..at]);
                    let (Ok(mut expected), Ok(edited)) =
                        (value(&slip), set(&slip, "mcpServers", "files", &server()))
                    else {
                        continue;
                    };
                    expected["mcpServers"]["files"] = server();
                    assert_eq!(value(&edited).unwrap(), expected, "{slip}\n{edited}");
                    edits += 1;
                }
            }
        }
        assert!(edits > 100, "{edits}");
    }

    #[test]
    fn what_is_no_json_is_left_alone() {
        for text in [
            "[]",
            "{",
            "{\"a\"}",
            "{\"a\":1 \"b\":2}",
            "{} x",
            "{\"a\":}",
            "{/*",
            "{\"a\":\"x\n\"}",
        ] {
            let refused = set(text, "mcpServers", "files", &server());
            assert!(
                matches!(refused, Err(JsoncError::NotJson { .. })),
                "{text}: {refused:?}"
            );
        }
        let refused = set("{\"mcpServers\": 7}", "mcpServers", "files", &server());
        assert!(
            matches!(refused, Err(JsoncError::NotAnObject { .. })),
            "{refused:?}"
        );
    }
}
