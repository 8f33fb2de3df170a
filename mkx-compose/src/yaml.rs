//! YAML as written: a tree whose nodes know their place in the text, anchors and aliases kept.

use std::path::Path;

use mkx_contract::{Failure, Result};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

/// A text and its tree.
#[derive(Debug, Clone)]
pub struct Document {
    /// The text.
    pub text: String,
    /// The first document's root.
    pub root: Node,
}

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends, in bytes; behind the last line of a block.
    pub end: usize,
    /// The line that it begins on, from 1.
    pub line: u64,
    /// The number of its anchor; 0: none.
    pub anchor: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A scalar; `plain` where it is not quoted.
    Scalar {
        /// Its value.
        value: String,
        /// True where it is not quoted.
        plain: bool,
    },
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, in order.
    Mapping(Vec<(Node, Node)>),
    /// A reference to an anchor.
    Alias(usize),
}

impl Document {
    /// Parses a file that has one document.
    ///
    /// # Errors
    /// Exit 3 with `FILE:LINE:COLUMN`, or where it has several documents.
    pub fn parse(text: &str, name: &Path) -> Result<Document> {
        let mut all = Document::parse_all(text, name)?;
        match all.pop() {
            Some(one) if all.is_empty() => Ok(one),
            _ => Err(Failure::input(format!(
                "cannot edit {}: it has several documents",
                name.display()
            ))
            .hint("write them as one, or as files of their own")),
        }
    }

    /// Parses every document of a file; Docker Compose merges them in their order.
    ///
    /// # Errors
    /// Exit 3 with `FILE:LINE:COLUMN`.
    pub fn parse_all(text: &str, name: &Path) -> Result<Vec<Document>> {
        let roots = tolerantly(text).map_err(|error| {
            let at = error.marker();
            Failure::input(format!(
                "{}:{}:{}: {}",
                name.display(),
                at.line(),
                at.col() + 1,
                error.info()
            ))
        })?;
        if roots.is_empty() {
            let empty = format!("cannot read {}: it is empty", name.display());
            return Err(Failure::input(empty));
        }
        let document = |root| Document {
            text: text.to_owned(),
            root,
        };
        Ok(roots.into_iter().map(document).collect())
    }

    /// The node that an alias stands for; other nodes are themselves.
    pub fn resolve<'a>(&'a self, node: &'a Node) -> &'a Node {
        match node.kind {
            Kind::Alias(anchor) => find_anchor(&self.root, anchor).unwrap_or(node),
            _ => node,
        }
    }

    /// Key and value of a mapping's member, through aliases and merge keys.
    pub fn member<'a>(&'a self, node: &'a Node, key: &str) -> Option<(&'a Node, &'a Node)> {
        let Kind::Mapping(entries) = &self.resolve(node).kind else {
            return None;
        };
        let own = entries.iter().rfind(|(name, _)| name.scalar() == Some(key));
        if let Some((name, value)) = own {
            return Some((name, value));
        }
        let (_, merged) = entries
            .iter()
            .find(|(name, _)| name.scalar() == Some("<<"))?;
        match &self.resolve(merged).kind {
            Kind::Sequence(items) => items.iter().find_map(|item| self.member(item, key)),
            _ => self.member(merged, key),
        }
    }

    /// True where an alias somewhere refers to this anchor.
    pub fn is_referred_to(&self, anchor: usize) -> bool {
        anchor > 0
            && contains(
                &self.root,
                &|node| matches!(node.kind, Kind::Alias(to) if to == anchor),
            )
    }

    /// True where the node is written with brackets or braces.
    pub fn is_flow(&self, node: &Node) -> bool {
        matches!(node.kind, Kind::Sequence(_) | Kind::Mapping(_))
            && self.text[node.start..].starts_with(['[', '{'])
    }

    /// Where the node's last character is, comments behind it not counted.
    pub fn content_end(&self, node: &Node) -> usize {
        let deepest = match &node.kind {
            Kind::Sequence(items) if !self.is_flow(node) => {
                items.last().map(|item| self.content_end(item))
            }
            Kind::Mapping(entries) if !self.is_flow(node) => entries
                .last()
                .map(|(key, value)| self.content_end(value).max(key.end)),
            _ => None,
        };
        let end = deepest.unwrap_or(node.end).max(node.start);
        self.text[..end].trim_end().len().max(node.start)
    }

    /// The deepest node on the way whose key is written, and how much of the way it covers.
    pub fn locate<'a>(&'a self, way: &[&str]) -> (&'a Node, usize) {
        let (mut place, mut node) = (&self.root, &self.root);
        for (depth, name) in way.iter().enumerate() {
            let resolved = self.resolve(node);
            let next = match &resolved.kind {
                Kind::Sequence(items) => match name.parse::<usize>() {
                    Ok(index) => items.get(index).map(|item| (item, item)),
                    Err(_) => items
                        .iter()
                        .find(|item| item.is_assignment_of(name))
                        .map(|item| (item, item)),
                },
                _ => self.member(resolved, name),
            };
            let Some((key, value)) = next else {
                return (place, depth);
            };
            (place, node) = (key, value);
        }
        (place, way.len())
    }
}

impl Node {
    /// Its text, where it is a scalar.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Its members, where it is a mapping.
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Its items, where it is a sequence.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// True for `NAME` and `NAME=value`.
    fn is_assignment_of(&self, name: &str) -> bool {
        self.scalar().is_some_and(|text| {
            text.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    }
}

/// True where the node, or one inside it, is as asked.
pub fn contains(node: &Node, is: &dyn Fn(&Node) -> bool) -> bool {
    is(node)
        || match &node.kind {
            Kind::Sequence(items) => items.iter().any(|item| contains(item, is)),
            Kind::Mapping(entries) => entries
                .iter()
                .any(|(key, value)| contains(key, is) || contains(value, is)),
            _ => false,
        }
}

fn find_anchor(node: &Node, anchor: usize) -> Option<&Node> {
    if node.anchor == anchor {
        return Some(node);
    }
    match &node.kind {
        Kind::Sequence(items) => items.iter().find_map(|item| find_anchor(item, anchor)),
        Kind::Mapping(entries) => entries.iter().find_map(|(key, value)| {
            find_anchor(key, anchor).or_else(|| find_anchor(value, anchor))
        }),
        _ => None,
    }
}

/// Parses what Docker Compose's own reader takes: inside brackets and braces it asks for no
/// indentation, where YAML does. Such a line is joined with the one before it, byte for byte, so
/// that every place stays what it was.
fn tolerantly(text: &str) -> std::result::Result<Vec<Node>, ScanError> {
    let mut tried = text.to_owned();
    let first = match roots(text, &tried) {
        Err(error) => error,
        done => return done,
    };
    let mut error = first.clone();
    loop {
        let offsets = Offsets::of(&tried);
        let at = offsets.byte(error.marker().index());
        let indent_error = error.info().contains("indent") || error.info().contains("flow");
        let joined = tried[..at].rfind('\n').filter(|_| indent_error);
        let Some(newline) = joined else {
            return Err(first);
        };
        let line = tried[..newline].rfind('\n').map_or(0, |before| before + 1);
        let comment = tried[line..newline].find(" #").map(|at| line + at);
        let end = tried[..newline].trim_end_matches('\r').len();
        let blank = comment.unwrap_or(end)..newline + 1;
        let spaces = " ".repeat(blank.len());
        tried.replace_range(blank, &spaces);
        match roots(text, &tried) {
            Err(next) => error = next,
            done => return done,
        }
    }
}

/// The documents' roots; lines are counted in the original.
fn roots(original: &str, text: &str) -> std::result::Result<Vec<Node>, ScanError> {
    let mut builder = Builder {
        offsets: Offsets::of(text),
        lines: original.match_indices('\n').map(|(at, _)| at).collect(),
        stack: Vec::new(),
        roots: Vec::new(),
    };
    let mark = if text.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len_utf8()
    } else {
        0
    };
    for event in Parser::new_from_str(&text[mark..]) {
        let (event, span) = event?;
        builder.take(event, span);
    }
    Ok(builder.roots)
}

const BYTE_ORDER_MARK: char = '\u{feff}';

/// Builds the trees from the parser's events.
struct Builder {
    offsets: Offsets,
    /// Where the original's lines end.
    lines: Vec<usize>,
    stack: Vec<(Node, Option<Node>)>,
    roots: Vec<Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) {
        match event {
            Event::Scalar(value, style, anchor, _) => {
                let kind = Kind::Scalar {
                    value: value.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                let node = self.node(span, anchor, kind);
                self.put(node);
            }
            Event::Alias(anchor) => {
                let node = self.node(span, 0, Kind::Alias(anchor));
                self.put(node);
            }
            Event::SequenceStart(anchor, _) => {
                let node = self.node(span, anchor, Kind::Sequence(Vec::new()));
                self.stack.push((node, None));
            }
            Event::MappingStart(anchor, _) => {
                let node = self.node(span, anchor, Kind::Mapping(Vec::new()));
                self.stack.push((node, None));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((mut node, _)) = self.stack.pop() {
                    node.end = self.offsets.byte(span.end.index());
                    self.put(node);
                }
            }
            _ => {}
        }
    }

    fn node(&self, span: Span, anchor: usize, kind: Kind) -> Node {
        let start = self.offsets.byte(span.start.index());
        Node {
            start,
            end: self.offsets.byte(span.end.index()),
            line: self.lines.partition_point(|end| *end < start) as u64 + 1,
            anchor,
            kind,
        }
    }

    fn put(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => self.roots.push(node),
            Some((parent, key)) => match (&mut parent.kind, key.take()) {
                (Kind::Sequence(items), _) => items.push(node),
                (Kind::Mapping(entries), Some(name)) => entries.push((name, node)),
                (_, None) => *key = Some(node),
                _ => {}
            },
        }
    }
}

/// From the parser's count of characters, behind a byte order mark, to bytes.
struct Offsets(Option<Vec<usize>>, usize);

impl Offsets {
    fn of(text: &str) -> Offsets {
        let characters = text
            .char_indices()
            .filter(|(_, one)| *one != BYTE_ORDER_MARK);
        let table = (!text.is_ascii()).then(|| characters.map(|(at, _)| at).collect());
        Offsets(table, text.len())
    }

    fn byte(&self, index: usize) -> usize {
        match &self.0 {
            None => index.min(self.1),
            Some(table) => table.get(index).copied().unwrap_or(self.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# ä comment\nx: &a\n  image: q\nservices:\n  db:\n    <<: *a\n    ports: ['1:2', \"3:4\"]\n    environment:\n      - A=ü\n      - B\n    command: >-\n      one\n      two\n  web: {image: w}\n";

    fn document() -> Document {
        Document::parse(TEXT, Path::new("x.yml")).unwrap()
    }

    #[track_caller]
    fn check(way: &[&str], line: u64, depth: usize) {
        let document = document();
        let (node, found) = document.locate(way);
        assert_eq!((node.line, found), (line, depth));
    }

    #[test]
    fn a_way_leads_to_the_line_through_anchors_and_lists() {
        check(&["services", "db", "ports", "1"], 7, 4);
        check(&["services", "db", "image"], 3, 3);
        check(&["services", "db", "environment", "A"], 9, 4);
        check(&["services", "db", "environment", "B"], 10, 4);
        check(&["services", "db", "labels", "x"], 5, 2);
        check(&["services", "web", "image"], 14, 3);
    }

    #[test]
    fn a_scalars_span_is_its_text() {
        let document = document();
        let services = document.member(&document.root, "services").unwrap().1;
        let db = document.member(services, "db").unwrap().1;
        let ports = document.member(db, "ports").unwrap().1;
        assert_eq!(
            &TEXT[ports.items()[1].start..ports.items()[1].end],
            "\"3:4\""
        );
        let list = document.member(db, "environment").unwrap().1;
        assert_eq!(&TEXT[list.items()[0].start..list.items()[0].end], "A=ü");
    }

    #[test]
    fn what_docker_compose_reads_is_read() {
        let scalar = |text: &str, way: &[&str]| {
            let all = Document::parse_all(text, Path::new("x.yml")).unwrap();
            let (node, depth) = all[all.len() - 1].locate(way);
            assert_eq!(depth, way.len(), "{text}");
            (text[node.start..node.end].to_owned(), node.line)
        };
        let closing = "a:\n  b: [  # list\n  1,\n  2\n  ]\n  c: {\n  d: 1\n}\ne: f\n";
        assert_eq!(scalar(closing, &["a", "b", "1"]), ("2".into(), 4));
        assert_eq!(scalar(closing, &["e"]), ("e".into(), 9));
        let marked = "\u{feff}a: 1\r\nb:\r\n  c: 2\r\n";
        assert_eq!(scalar(marked, &["b", "c"]), ("c".into(), 3));
        let several = "a: 1\n---\na: 2\nb: 3\n";
        assert_eq!(scalar(several, &["b"]), ("b".into(), 4));
    }

    #[test]
    fn a_text_that_is_no_yaml_says_where() {
        let failure = Document::parse("a: [1\nb: 2\n", Path::new("x.yml")).unwrap_err();
        assert!(failure.message.starts_with("x.yml:2:"), "{failure}");
    }
}
