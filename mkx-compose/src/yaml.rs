//! YAML as written: a tree whose nodes know their place in the text, anchors and aliases kept.

use std::path::Path;

use mkx_contract::{Failure, Result};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};

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
    /// Parses.
    ///
    /// # Errors
    /// Exit 3 with `FILE:LINE:COLUMN`.
    pub fn parse(text: &str, name: &Path) -> Result<Document> {
        let offsets = Offsets::of(text);
        let mut parser = Parser::new_from_str(text);
        let mut builder = Builder {
            offsets,
            stack: Vec::new(),
            root: None,
        };
        while builder.root.is_none() {
            match parser.next_event() {
                Some(Ok((event, span))) => builder.take(event, span),
                Some(Err(error)) => {
                    let at = error.marker();
                    return Err(Failure::input(format!(
                        "{}:{}:{}: {}",
                        name.display(),
                        at.line(),
                        at.col() + 1,
                        error.info()
                    )));
                }
                None => break,
            }
        }
        let root = builder.root.ok_or_else(|| {
            Failure::input(format!("cannot read {}: it is empty", name.display()))
        })?;
        Ok(Document {
            text: text.to_owned(),
            root,
        })
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

/// Builds the tree from the parser's events.
struct Builder {
    offsets: Offsets,
    stack: Vec<(Node, Option<Node>)>,
    root: Option<Node>,
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
        Node {
            start: self.offsets.byte(span.start.index()),
            end: self.offsets.byte(span.end.index()),
            line: span.start.line() as u64,
            anchor,
            kind,
        }
    }

    fn put(&mut self, node: Node) {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some((parent, key)) => match (&mut parent.kind, key.take()) {
                (Kind::Sequence(items), _) => items.push(node),
                (Kind::Mapping(entries), Some(name)) => entries.push((name, node)),
                (_, None) => *key = Some(node),
                _ => {}
            },
        }
    }
}

/// From the parser's count of characters to bytes.
struct Offsets(Option<Vec<usize>>, usize);

impl Offsets {
    fn of(text: &str) -> Offsets {
        let table = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
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
    fn a_text_that_is_no_yaml_says_where() {
        let failure = Document::parse("a: [1\nb: 2\n", Path::new("x.yml")).unwrap_err();
        assert!(failure.message.starts_with("x.yml:2:"), "{failure}");
    }
}
