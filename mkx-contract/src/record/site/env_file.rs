//! Env files as Docker Compose reads them: names, values, and where they stand.
//!
//! `NAME=value` and `NAME: value`, also behind `export`; `#` comments; single quotes literal, double
//! quotes with escapes, both over several lines; a byte order mark in front.
//!
//! Interpolation (`${OTHER}`) is Docker Compose's own and is not done here.

use std::ops::Range;

/// The value that `text` gives to `name`: the last assignment wins.
pub fn lookup(text: &str, name: &str) -> Option<String> {
    let all = entries(text).into_iter();
    all.filter(|entry| entry.name == name)
        .map(|entry| entry.value)
        .next_back()
}

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The variable.
    pub name: &'a str,
    /// Its value, quotes and escapes read.
    pub value: String,
    /// The line that it begins on, from 1.
    pub line: u64,
    /// Its bytes, to the end of its last line, the line break aside.
    pub place: Range<usize>,
}

/// All assignments in order.
pub fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut found = Vec::new();
    let mut at = text.len() - text.trim_start_matches('\u{feff}').len();
    while at < text.len() {
        let end = line_end(text, at);
        match assignment(text, at, end) {
            Some((name, value, end)) => {
                found.push(Entry {
                    name,
                    value,
                    line: text[..at].matches('\n').count() as u64 + 1,
                    place: at..end,
                });
                at = end + 1;
            }
            None => at = end + 1,
        }
    }
    found
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end)
}

/// Name, value, and where the last line of the assignment ends, where the line is one.
fn assignment(text: &str, start: usize, end: usize) -> Option<(&str, String, usize)> {
    let line = text[start..end].trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || "_.-[]".contains(c);
    let name = &line[..line.find(|c| !is_of_names(c)).unwrap_or(line.len())];
    let rest = line[name.len()..].trim_start();
    let rest = rest
        .strip_prefix(['=', ':'])?
        .trim_start_matches([' ', '\t']);
    if name.is_empty() {
        return None;
    }
    let value_at = end - rest.len();
    let Some(quote) = rest.chars().next().filter(|c| "'\"".contains(*c)) else {
        let plain = rest.find(" #").map_or(rest, |comment| &rest[..comment]);
        let plain = if plain.starts_with('#') { "" } else { plain };
        return Some((name, plain.trim_end().to_owned(), end));
    };
    let (value, length) = quoted(&text[value_at + 1..], quote)?;
    Some((name, value, line_end(text, value_at + 1 + length)))
}

/// What stands up to the closing quote, escapes read, and how long it is; nothing where the quote
/// never closes.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            _ if character == quote => return Some((value, at)),
            '\\' if quote == '"' => match characters.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(lookup(text, "A").as_deref(), expected);
    }

    #[test]
    fn a_value_is_read_as_docker_compose_reads_it() {
        check("A=1", Some("1"));
        check("export A = 1 ", Some("1"));
        check("#A=1", None);
        check("A=1\nA=2", Some("2"));
        check("A=x # a comment", Some("x"));
        check("A=x#y", Some("x#y"));
        check("A='x # y'", Some("x # y"));
        check("A=\"x \\\"y\\\"\" # z", Some("x \"y\""));
        check("AA=1", None);
        check("A=", Some(""));
        check("A: x", Some("x"));
        check("\u{feff}A=x\r\n", Some("x"));
        check("A='x\ny=z'\nB=1", Some("x\ny=z"));
        check("A=\"x", None);
        check("A= # nothing", Some(""));
    }

    #[test]
    fn an_assignment_has_its_place() {
        let text = "# c\nA=1\n\nKEY=\"-----\nab=\n-----\" # k\nB: 2";
        let found: Vec<_> = entries(text)
            .into_iter()
            .map(|entry| (entry.name, entry.line, text[entry.place].to_owned()))
            .collect();
        let expected = [
            ("A", 2, "A=1".to_owned()),
            ("KEY", 4, "KEY=\"-----\nab=\n-----\" # k".to_owned()),
            ("B", 7, "B: 2".to_owned()),
        ];
        assert_eq!(found, expected);
    }
}
