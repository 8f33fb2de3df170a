//! A request's path and query, as Go's `net/url` and Caddy treat them.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What Go escapes in a path (`net/url`, shouldEscape for encodePath).
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// `URL.Path`, `URL.RawPath` and `URL.RawQuery`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uri {
    /// Unescaped.
    pub path: String,
    raw: Option<String>,
    /// Behind the `?`.
    pub query: Option<String>,
}

impl Uri {
    /// From a request line; nothing where Go refuses it with 400.
    pub fn parse(text: &str) -> Option<Uri> {
        let (path, query) = parts(text);
        let mut uri = Uri {
            query: query.map(str::to_owned),
            ..Uri::default()
        };
        uri.set_escaped(path)?;
        Some(uri)
    }

    /// Sets the path from its escaped form; nothing where an escape is not right.
    pub fn set_escaped(&mut self, escaped: &str) -> Option<()> {
        self.path = unescaped(escaped)?;
        // Go keeps the escaped form only where nothing in it lacks its escape (validEncoded).
        let is_whole = escaped
            .split(['%', '[', ']'])
            .all(|part| escape(part) == part);
        self.raw = (is_whole && escape(&self.path) != escaped).then(|| escaped.to_owned());
        Some(())
    }

    /// Sets the path from its unescaped form.
    pub fn set_path(&mut self, path: &str) {
        path.clone_into(&mut self.path);
        self.raw = None;
    }

    /// The path as it is sent on.
    pub fn escaped_path(&self) -> String {
        let raw = self.raw.clone();
        raw.unwrap_or_else(|| escape(&self.path))
    }

    /// Path and query as they are sent on.
    pub fn request_uri(&self) -> String {
        let mut path = self.escaped_path();
        if path.is_empty() {
            path.push('/');
        }
        match &self.query {
            Some(query) => format!("{path}?{query}"),
            None => path,
        }
    }
}

/// What stands in front of the first `?`, and what behind it.
pub fn parts(text: &str) -> (&str, Option<&str>) {
    match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    }
}

fn escape(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

/// Unescapes; nothing where a `%` is not followed by two hex digits.
pub fn unescaped(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        let digit = |offset: usize| bytes.get(index + offset).is_some_and(u8::is_ascii_hexdigit);
        if *byte == b'%' && !(digit(1) && digit(2)) {
            return None;
        }
    }
    Some(percent_decode_str(text).decode_utf8_lossy().into_owned())
}

/// Go's `path.Clean`, but a slash at the end stays.
pub fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let mut clean = format!("/{}", parts.join("/"));
    if path.ends_with('/') && clean != "/" {
        clean.push('/');
    }
    clean
}

/// Takes `prefix` from an escaped path, without regard to case, as Caddy's `uri strip_prefix`.
pub fn without_prefix(escaped: &str, prefix: &str) -> String {
    let rest = behind_prefix(escaped, prefix);
    rest.unwrap_or(escaped).to_owned()
}

fn behind_prefix<'a>(escaped: &'a str, prefix: &str) -> Option<&'a str> {
    let mut at = 0;
    for expected in prefix.bytes() {
        let mut byte = *escaped.as_bytes().get(at)?;
        if byte == b'%' && expected != b'%' {
            byte = u8::from_str_radix(escaped.get(at + 1..at + 3)?, 16).ok()?;
            at += 2;
        }
        if !byte.eq_ignore_ascii_case(&expected) {
            return None;
        }
        at += 1;
    }
    escaped.get(at..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        assert_eq!(cleaned(path), expected);
    }

    #[test]
    fn a_path_is_cleaned_as_caddy_cleans_it() {
        check("//mkpx", "/mkpx");
        check("/./mkpx/", "/mkpx/");
        check("/x/../mkpx", "/mkpx");
        check("/../..", "/");
        check("/", "/");
    }

    #[test]
    fn a_prefix_is_taken_escaped_or_not_in_any_case() {
        assert_eq!(without_prefix("/api/health", "/api"), "/health");
        assert_eq!(without_prefix("/API/health", "/api"), "/health");
        assert_eq!(without_prefix("/%61pi/health", "/api"), "/health");
        assert_eq!(without_prefix("/ap", "/api"), "/ap");
    }

    #[test]
    fn an_escape_that_is_not_right_is_none() {
        assert_eq!(Uri::parse("/%zz"), None);
        assert_eq!(Uri::parse("/a%2fb").unwrap().request_uri(), "/a%2fb");
        assert_eq!(Uri::parse("/a b?c").unwrap().request_uri(), "/a%20b?c");
    }
}
