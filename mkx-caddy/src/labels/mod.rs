//! The edge as labels for caddy-docker-proxy: a compose file that gives each service of an
//! environment its own.
//!
//! A label's name is the way through the blocks, joined by dots; `N_` in front of a name puts it
//! in order (without it directives are sorted by name); its value is the rest of the line, split
//! at spaces unless quoted. Compose takes `$$` for `$`.

pub mod compose;
pub mod proxy;

use std::collections::BTreeMap;
use std::fmt::Write;

use mkx_contract::record::site::{Name, Site};

use crate::edge::Edge;
use crate::edge::directive::{self, Directive};

/// The compose file of one environment, as YAML.
pub fn compose_file(site: &Site, edge: &Edge, name: Name) -> String {
    let mut services: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    if name == Name::Ea && !edge.globals.is_empty() {
        let labels = services.entry(&site.shared.edge.service).or_default();
        children(labels, "caddy", &edge.globals);
    }
    let blocks = edge.blocks.iter().filter(|block| block.environment == name);
    for (index, block) in blocks.enumerate() {
        let labels = services.entry(&block.service).or_default();
        let key = format!("caddy_{index}");
        labels.push((key.clone(), directive::line(&block.addresses)));
        children(labels, &key, &block.body);
    }
    let mut text = String::from("services:\n");
    for (service, labels) in services {
        let _ = writeln!(text, "  {service}:\n    labels:");
        for (key, value) in labels {
            let value = value.replace('$', "$$");
            let _ = writeln!(text, "      {}: {}", scalar(&key), scalar(&value));
        }
    }
    text
}

fn children(labels: &mut Vec<(String, String)>, parent: &str, block: &[Directive]) {
    let width = block.len().to_string().len();
    for (index, directive) in block.iter().enumerate() {
        let words = directive.words.split_first();
        let (name, arguments) = words.expect("a directive has a name");
        let key = match block.len() {
            1 => format!("{parent}.{name}"),
            _ => format!("{parent}.{:0width$}_{name}", index + 1),
        };
        labels.push((key.clone(), directive::line(arguments)));
        children(labels, &key, &directive.block);
    }
}

/// A YAML scalar; quoted unless it is a plain word.
fn scalar(text: &str) -> String {
    let is_word = ["true", "false", "null", "yes", "no", "on", "off"].contains(&text);
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "/._-@+ ".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(is_harmless)
        && !text.ends_with(' ')
        && !is_word;
    if is_plain {
        text.to_owned()
    } else if text.contains(|c: char| c.is_control()) {
        serde_json::to_string(text).expect("text is writable as JSON")
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::edge::Version;
    use crate::world::World;
    use crate::world::server::BOTH;

    /// Resolved by Docker Compose and merged by caddy-docker-proxy's rules.
    #[test]
    fn the_merged_labels_of_both_environments_adapt_to_the_same_json() {
        let mut world = World::new();
        let services = "services: {web: {image: x}, vault: {image: x}, caddy: {image: x}}";
        for name in ["ea", "eb"] {
            std::fs::write(world.path(&format!("{name}/base.yml")), services).unwrap();
            let environment = &mut world.site["environments"][name];
            environment["compose_files"] = serde_json::json!(["base.yml", "labels.yml"]);
            environment["env_files"] = serde_json::json!([]);
        }
        world.write_site();
        let site = world.resolved();
        for which in BOTH {
            let version = Version::from_str(which.version(), false).unwrap();
            let edge = Edge::of(&site, version).unwrap();
            for name in [Name::Ea, Name::Eb] {
                let text = compose_file(&site, &edge, name);
                std::fs::write(site.environment(name).path("labels.yml".as_ref()), text).unwrap();
            }
            let merged = proxy::caddyfile(&compose::of_site(&site).unwrap()).unwrap();
            assert_eq!(
                which.adapt(&merged),
                which.adapt(&edge.caddyfile()),
                "{merged}"
            );
        }
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(scalar(text), expected);
    }

    #[test]
    fn a_yaml_scalar_is_quoted_where_yaml_would_read_something_else() {
        check("makapix.club", "makapix.club");
        check(
            "file /var/log/caddy/access.log",
            "file /var/log/caddy/access.log",
        );
        check("0", "'0'");
        check("", "''");
        check("\"noindex, nofollow\"", "'\"noindex, nofollow\"'");
        check("frame-ancestors 'self'", "'frame-ancestors ''self'''");
        check("a\nb", "\"a\\nb\"");
        check("no", "'no'");
    }
}
