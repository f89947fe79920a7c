//! Paths of API calls, percent-encoded.

use std::fmt::Write as _;

/// A path with its query.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    text: String,
    has_query: bool,
}

impl Route {
    /// Starts with a collection, for instance `/api/requests`.
    pub(crate) fn new(collection: &str) -> Self {
        Self {
            text: collection.to_owned(),
            has_query: false,
        }
    }

    /// Adds a segment that somebody typed.
    #[must_use]
    pub(crate) fn segment(mut self, segment: &str) -> Self {
        self.text.push('/');
        encode(segment.as_bytes(), &mut self.text);
        self
    }

    /// Adds a part of the query.
    #[must_use]
    pub(crate) fn query(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.push_str(name);
        self.text.push('=');
        encode(value.as_ref(), &mut self.text);
        self
    }

    /// Adds a part of the query where there is one.
    #[must_use]
    pub(crate) fn maybe(self, name: &str, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Gives the text to call.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Leaves alone only what means itself everywhere (RFC 3986, unreserved).
fn encode(bytes: &[u8], text: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_typed_can_change_the_call() {
        let route = Route::new("/api/repos")
            .segment("../requests?x")
            .query("dir", "/home/Ä b&c=d".as_bytes())
            .query("bytes", [0xff, b'/'])
            .maybe("since", None::<&str>)
            .maybe("limit", Some("5"));
        assert_eq!(
            route.as_str(),
            "/api/repos/..%2Frequests%3Fx?dir=%2Fhome%2F%C3%84%20b%26c%3Dd&bytes=%FF%2F&limit=5"
        );
    }
}
