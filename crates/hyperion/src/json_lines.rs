//! Finds the line that a JSON pointer means, in a file that a person wrote.
//!
//! The file may hold one value, an array, or several values one after the other (JSON lines); in the
//! last two cases the pointer's first part is the number of the value.

/// Gives the line, from 1, of the value that a pointer names, or of the nearest that is there.
pub(crate) fn line_of(text: &str, pointer: &str) -> Option<usize> {
    let parts: Vec<String> = pointer
        .split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect();
    let mut scan = Scan {
        text: text.as_bytes(),
        at: 0,
    };
    let mut starts = Vec::new();
    loop {
        scan.space();
        if scan.at >= scan.text.len() {
            break;
        }
        starts.push(scan.at);
        scan.value(0)?;
    }
    let (start, parts) = match starts.as_slice() {
        [] => return None,
        [one] => (*one, parts.as_slice()),
        several => {
            let (first, rest) = parts.split_first()?;
            (*several.get(first.parse::<usize>().ok()?)?, rest)
        }
    };
    scan.at = start;
    let found = scan.find(parts)?;
    let before = text.as_bytes().get(..found)?;
    Some(before.iter().filter(|&&byte| byte == b'\n').count() + 1)
}

/// Deeper than this nobody nests by hand.
const DEPTH_MAX: usize = 128;

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Gives the place of the value that the parts lead to, as far as they lead.
    fn find(&mut self, parts: &[String]) -> Option<usize> {
        self.space();
        let here = self.at;
        let Some((first, rest)) = parts.split_first() else {
            return Some(here);
        };
        let mut index = 0_usize;
        match self.peek()? {
            b'{' => {
                self.at += 1;
                while !self.take(b'}') {
                    self.space();
                    let name_at = self.at;
                    let name = self.string()?;
                    if !self.take(b':') {
                        return Some(here);
                    }
                    if name == *first {
                        // The name's line is where a person looks, even if the value begins below it.
                        return if rest.is_empty() {
                            Some(name_at)
                        } else {
                            self.find(rest)
                        };
                    }
                    self.value(0)?;
                    self.take(b',');
                }
                Some(here)
            }
            b'[' => {
                let wanted: usize = first.parse().ok()?;
                self.at += 1;
                while !self.take(b']') {
                    if index == wanted {
                        return self.find(rest);
                    }
                    self.value(0)?;
                    self.take(b',');
                    index += 1;
                }
                Some(here)
            }
            _ => Some(here),
        }
    }

    /// Passes over a value; none where the text is no JSON.
    fn value(&mut self, depth: usize) -> Option<()> {
        self.space();
        match self.peek()? {
            b'"' => self.string().map(drop),
            open @ (b'{' | b'[') if depth < DEPTH_MAX => {
                let close = if open == b'{' { b'}' } else { b']' };
                self.at += 1;
                while !self.take(close) {
                    if open == b'{' {
                        self.space();
                        self.string()?;
                        self.take(b':').then_some(())?;
                    }
                    self.value(depth + 1)?;
                    self.take(b',');
                }
                Some(())
            }
            byte if byte.is_ascii_alphanumeric() || byte == b'-' => {
                while self
                    .peek()
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
                {
                    self.at += 1;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_slice(self.text.get(start..self.at)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{
  "title": "a \"quoted\" title",
  "a/b": 1,
  "tasks": [
    {"id": "T1",
     "owns": [
       "src/a",
       "src/b"
     ]},
    {
      "id": "T2"
    }
  ]
}
"#;

    #[test]
    fn pointers_lead_to_lines() {
        for (pointer, line) in [
            ("", 1),
            ("/title", 2),
            ("/a~1b", 3),
            ("/tasks", 4),
            ("/tasks/0", 5),
            ("/tasks/0/owns", 6),
            ("/tasks/0/owns/1", 8),
            ("/tasks/1", 10),
            ("/tasks/1/id", 11),
            // What is missing is looked for where it should be.
            ("/tasks/1/owns/0", 10),
            ("/tasks/7", 4),
            ("/schema", 1),
            ("/title/0", 2),
        ] {
            assert_eq!(line_of(ONE, pointer), Some(line), "{pointer}");
        }
    }

    #[test]
    fn several_values_are_numbered() {
        let lines = "{\"title\": 1}\n\n{\"title\": 2}\n";
        assert_eq!(line_of(lines, "/1/title"), Some(3));
        assert_eq!(line_of(lines, "/2/title"), None);
        assert_eq!(line_of("[\n{},\n{\"x\": 1}\n]", "/1/x"), Some(3));
    }

    #[test]
    fn what_is_no_json_has_no_lines() {
        for text in [
            "",
            "{",
            "{\"a\"",
            "[1, 2",
            "{\"a\" 1}",
            "\"\\",
            "?",
            &"[".repeat(1000),
        ] {
            assert_eq!(line_of(text, "/a"), None, "{text:.20}");
        }
    }
}
