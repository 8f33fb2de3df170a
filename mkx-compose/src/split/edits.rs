//! Changes of a text by place: cuts of whole lines and replacements.

use std::ops::Range;

use crate::yaml::{Document, Node};

/// Changes that do not overlap.
#[derive(Debug, Default)]
pub struct Edits {
    changes: Vec<(Range<usize>, String)>,
}

impl Edits {
    /// True where nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Replaces a range; a change inside a range that is cut already is dropped. True where it
    /// was not.
    pub fn replace(&mut self, range: Range<usize>, text: impl Into<String>) -> bool {
        let inside = |other: &Range<usize>| other.start <= range.start && range.end <= other.end;
        let is_free = !self.changes.iter().any(|(other, _)| inside(other));
        if is_free {
            self.changes.push((range, text.into()));
        }
        is_free
    }

    /// The changed text.
    pub fn apply(&self, text: &str) -> String {
        self.within(text, 0..text.len())
    }

    /// The changed text of a part: what moves is changed too. A cut of the part itself does not
    /// count.
    pub fn within(&self, text: &str, part: Range<usize>) -> String {
        let mut changes: Vec<&(Range<usize>, String)> = self
            .changes
            .iter()
            .filter(|(range, _)| part.start <= range.start && range.end <= part.end)
            .filter(|(range, _)| *range != part)
            .filter(|(range, _)| !self.is_swallowed(range, &part))
            .collect();
        changes.sort_by_key(|(range, _)| range.start);
        let mut result = String::new();
        let mut at = part.start;
        for (range, replacement) in changes {
            result.push_str(&text[at..range.start]);
            result.push_str(replacement);
            at = range.end;
        }
        result.push_str(&text[at..part.end]);
        result
    }

    /// True where a larger change inside the part takes the range's place.
    fn is_swallowed(&self, range: &Range<usize>, part: &Range<usize>) -> bool {
        self.changes.iter().any(|(other, _)| {
            other != range
                && other != part
                && other.start <= range.start
                && range.end <= other.end
                && part.start <= other.start
                && other.end <= part.end
        })
    }
}

/// The column that a node begins at, from 0.
pub fn indent_of(document: &Document, node: &Node) -> usize {
    let before = &document.text[..node.start];
    node.start - before.rfind('\n').map_or(0, |newline| newline + 1)
}

/// Lines of a file with another indentation, as the overrides have it.
pub fn reindented(lines: &str, from: usize, to: usize) -> String {
    if from == to {
        return lines.to_owned();
    }
    lines
        .split_inclusive('\n')
        .map(|line| match line.get(..from) {
            Some(indent) if indent.trim().is_empty() => {
                format!("{}{}", " ".repeat(to), &line[from..])
            }
            _ => line.to_owned(),
        })
        .collect()
}

/// The whole lines of a member: the comments right above it, it, and the comments behind it that
/// are indented deeper.
pub fn member_lines(document: &Document, key: &Node, value: &Node) -> Range<usize> {
    let text = &document.text;
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = |at: usize| {
        text[at..]
            .find('\n')
            .map_or(text.len(), |newline| at + newline + 1)
    };
    let indent = key.start - line_start(key.start);
    let mut start = line_start(key.start);
    while start > 0 {
        let above = line_start(start - 1);
        let line = &text[above..start];
        let is_comment = line.trim_start().starts_with('#');
        if !is_comment || line.len() - line.trim_start().len() != indent {
            break;
        }
        start = above;
    }
    let mut end = line_end(document.content_end(value).max(key.end));
    while end < text.len() {
        let next = line_end(end);
        let line = &text[end..next];
        let is_comment = line.trim_start().starts_with('#');
        if !is_comment || line.len() - line.trim_start().len() <= indent {
            break;
        }
        end = next;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_member_takes_its_comments_along() {
        let text = "a:\n  # of x\n  x:\n    - 1 # one\n    # - 2\n  # of y\n  y: 2\n";
        let document = Document::parse(text, Path::new("x")).unwrap();
        let (_, a) = document.member(&document.root, "a").unwrap();
        let (key, value) = document.member(a, "x").unwrap();
        let range = member_lines(&document, key, value);
        assert_eq!(&text[range], "  # of x\n  x:\n    - 1 # one\n    # - 2\n");
    }

    #[test]
    fn what_moves_is_changed_on_the_way() {
        let mut edits = Edits::default();
        edits.replace(2..3, "X");
        edits.replace(0..5, "");
        assert_eq!(edits.within("abcdefg", 0..5), "abXde");
    }
}
