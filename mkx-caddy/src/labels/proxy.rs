//! What caddy-docker-proxy makes of labels, by the rules that its README documents: the Caddyfile
//! that it would hand to Caddy.

use std::collections::BTreeMap;

use mkx_contract::{EnvironmentName, Failure, Result};
use regex::Regex;

use crate::edge::directive::{self, Directive};

/// The labels of one container.
pub struct Container {
    /// Whose it is, where that is known.
    pub environment: Option<EnvironmentName>,
    /// Its name: what `{{upstreams}}` stands for here (the proxy itself writes addresses).
    pub name: String,
    /// Label names and values, as Docker holds them.
    pub labels: BTreeMap<String, String>,
}

/// A block while it is put together.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    /// From `N_`; without it a block stands behind those that have one.
    order: u64,
    words: Vec<String>,
    children: Vec<Block>,
}

/// The Caddyfile of all containers' labels together.
///
/// # Errors
/// Exit 3 for a template other than `{{upstreams}}`, and for quotes that do not end.
pub fn caddyfile(containers: &[Container]) -> Result<String> {
    let mut merged: Vec<Block> = Vec::new();
    for container in containers {
        merge(&mut merged, from_labels(container)?);
    }
    sort(&mut merged);
    let mut text = String::new();
    directive::write(&mut text, &directives(merged), 0);
    Ok(text)
}

/// Labels by the parts of their names.
#[derive(Default)]
struct Tree<'a> {
    words: Vec<String>,
    children: BTreeMap<&'a str, Tree<'a>>,
}

fn from_labels(container: &Container) -> Result<Vec<Block>> {
    let mut root = Tree::default();
    let labels = container.labels.iter();
    for (label, value) in labels.filter(|(label, _)| is_ours(label)) {
        let value = with_upstreams(value, container)?;
        let mut tree = &mut root;
        for name in label.split('.') {
            tree = tree.children.entry(name).or_default();
        }
        tree.words = words(&value).map_err(|cause| {
            let name = &container.name;
            Failure::input(format!("cannot read the label {label} of {name}: {cause}"))
        })?;
    }
    let sites = root.children.into_values();
    Ok(sites.map(|site| site.block(u64::MAX, None)).collect())
}

fn is_ours(label: &str) -> bool {
    label.strip_prefix("caddy").is_some_and(|rest| {
        let number = rest.strip_prefix('_').unwrap_or_default();
        rest.is_empty() || rest.starts_with('.') || number.starts_with(|c: char| c.is_ascii_digit())
    })
}

impl Tree<'_> {
    /// A site's block has no name of its own.
    fn block(self, order: u64, name: Option<&str>) -> Block {
        let children = self.children.into_iter().map(|(name, tree)| {
            let (order, name) = ordered(name);
            tree.block(order, Some(name))
        });
        Block {
            order,
            words: name
                .map(str::to_owned)
                .into_iter()
                .chain(self.words)
                .collect(),
            children: children.collect(),
        }
    }
}

/// `2_handle_1`: the order, and the directive's name without the number that keeps it apart.
pub fn ordered(name: &str) -> (u64, &str) {
    let (order, name) = match name.split_once('_') {
        Some((number, rest)) if is_number(number) => (number.parse().unwrap_or(u64::MAX), rest),
        _ => (u64::MAX, name),
    };
    match name.rsplit_once('_') {
        Some((rest, number)) if is_number(number) && !rest.is_empty() => (order, rest),
        _ => (order, name),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits a value as Caddy's lexer does: at spaces, but for what stands in double quotes or
/// backticks.
pub fn words(value: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut characters = value.chars().peekable();
    while let Some(first) = characters.next() {
        if first.is_whitespace() {
            continue;
        }
        let mut word = String::new();
        if first == '#' {
            // A comment goes on to the end of the line.
            characters.by_ref().find(|c| *c == '\n');
            continue;
        }
        if matches!(first, '"' | '`') {
            loop {
                match characters.next() {
                    None => return Err(format!("the {first} is never closed")),
                    Some('\\') if first == '"' && characters.peek() == Some(&'"') => {
                        characters.next();
                        word.push('"');
                    }
                    Some(c) if c == first => break,
                    Some(c) => word.push(c),
                }
            }
        } else {
            word.push(first);
            while let Some(c) = characters.next_if(|c| !c.is_whitespace()) {
                word.push(c);
            }
        }
        words.push(word);
    }
    Ok(words)
}

fn with_upstreams(value: &str, container: &Container) -> Result<String> {
    if !value.contains("{{") {
        return Ok(value.to_owned());
    }
    let template = Regex::new(r"\{\{\s*upstreams(?:\s+(https?|h2c))?(?:\s+(\d+))?\s*\}\}")
        .expect("the pattern is right");
    let text = template.replace_all(value, |found: &regex::Captures<'_>| {
        let scheme = found.get(1).map(|scheme| format!("{}://", scheme.as_str()));
        let port = found.get(2).map(|port| format!(":{}", port.as_str()));
        scheme.unwrap_or_default() + &container.name + &port.unwrap_or_default()
    });
    if text.contains("{{") {
        return Err(Failure::input(format!(
            "cannot read a label of {}: the template {value:?} is not {{{{upstreams}}}}",
            container.name
        )));
    }
    Ok(text.into_owned())
}

/// Blocks with the same words become one; upstreams of the same proxy are put together.
fn merge(into: &mut Vec<Block>, from: Vec<Block>) {
    for block in from {
        if let Some(same) = into.iter_mut().find(|other| other.words == block.words) {
            merge(&mut same.children, block.children);
            continue;
        }
        if let Some(proxy) = into.iter_mut().find(|other| is_same_proxy(other, &block)) {
            let own = 1 + usize::from(matcher(proxy).is_some());
            proxy.words.extend_from_slice(&block.words[own..]);
            continue;
        }
        into.push(block);
    }
}

fn matcher(block: &Block) -> Option<&String> {
    let second = block.words.get(1);
    second.filter(|word| word.starts_with(['/', '@']) || *word == "*")
}

fn is_same_proxy(a: &Block, b: &Block) -> bool {
    let is_proxy = |block: &Block| {
        block
            .words
            .first()
            .is_some_and(|word| word == "reverse_proxy")
    };
    is_proxy(a) && is_proxy(b) && matcher(a) == matcher(b) && a.children == b.children
}

/// Global options, then snippets, then by order, then by the words.
fn sort(blocks: &mut [Block]) {
    for block in blocks.iter_mut() {
        sort(&mut block.children);
    }
    blocks.sort_by(|a, b| {
        let rank = |block: &Block| match block.words.first() {
            None => 0,
            Some(word) if word.starts_with('(') => 1,
            Some(_) => 2,
        };
        (rank(a), a.order, &a.words).cmp(&(rank(b), b.order, &b.words))
    });
}

fn directives(blocks: Vec<Block>) -> Vec<Directive> {
    blocks
        .into_iter()
        .map(|block| Directive::new(block.words, directives(block.children)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(labels: &[(&str, &str)], expected: &str) {
        let container = Container {
            environment: None,
            name: "makapix-dev-web".into(),
            labels: labels
                .iter()
                .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()))
                .collect(),
        };
        assert_eq!(caddyfile(&[container]).unwrap(), expected);
    }

    #[test]
    fn a_label_is_a_directive_and_its_name_the_way_to_it() {
        check(
            &[
                ("caddy", "a.example b.example"),
                ("caddy.reverse_proxy", "{{upstreams 3000}}"),
                ("caddy.header.X-Robots-Tag", "\"noindex, nofollow\""),
                ("com.example", "other"),
            ],
            "a.example b.example {\n\theader {\n\t\tX-Robots-Tag \"noindex, nofollow\"\n\t}\n\treverse_proxy makapix-dev-web:3000\n}\n",
        );
    }

    #[test]
    fn order_and_isolation_follow_the_numbers() {
        check(
            &[
                ("caddy_7", "a.example"),
                ("caddy_7.2_handle", "/b/*"),
                ("caddy_7.2_handle.respond", "b"),
                ("caddy_7.10_handle_1", "/a/*"),
                ("caddy_7.10_handle_1.respond", "a"),
            ],
            "a.example {\n\thandle /b/* {\n\t\trespond b\n\t}\n\thandle /a/* {\n\t\trespond a\n\t}\n}\n",
        );
    }

    #[test]
    fn a_value_without_quotes_falls_apart() {
        check(
            &[
                ("caddy", "a.example"),
                ("caddy.header.X-Robots-Tag", "noindex, nofollow"),
            ],
            "a.example {\n\theader {\n\t\tX-Robots-Tag noindex, nofollow\n\t}\n}\n",
        );
    }
}
