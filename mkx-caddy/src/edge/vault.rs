//! An environment's vault host: files over https and plain http, the URLs of the former layout,
//! and what is never served.

use std::collections::BTreeMap;

use mkx_contract::record::site::{Name, Rewrite, Vault};

use super::directive::Directive;
use super::{Block, Carrier, Context, headers, robots};

/// What a vault says to crawlers, in both environments.
pub const VAULT_NOINDEX: &str = "noindex, nofollow";

/// How long a file may be kept: for ever, its name changes with its content.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The headers of every answer of a vault host.
pub fn vault_headers() -> Vec<(String, String)> {
    [
        ("Access-Control-Allow-Origin", "*"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Robots-Tag", VAULT_NOINDEX),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

pub(super) fn block(context: &Context, name: Name, vault: &Vault, outside: &[String]) -> Block {
    let mut route: Vec<Directive> = headers(&vault_headers()).into();
    if name == Name::Eb {
        route.push(robots());
    }
    route.extend(restricted(&vault.restricted, outside));
    route.push(Directive::line([
        "root",
        "*",
        &vault.edge_path().display().to_string(),
    ]));
    if let Some(legacy) = &vault.legacy_paths {
        route.extend(self::legacy(&legacy.rewrite));
    }
    route.extend([
        Directive::block(
            ["@file"],
            vec![
                Directive::line(["method", "GET", "HEAD"]),
                Directive::line(["not", "path", "*/"]),
                Directive::line(["file"]),
            ],
        ),
        Directive::line(["header", "@file", "Cache-Control", IMMUTABLE]),
        Directive::line(["encode", "gzip"]),
        Directive::line(["file_server"]),
    ]);
    Block {
        environment: name,
        carrier: Carrier::Vault,
        addresses: vec![vault.domain.clone(), format!("http://{}", vault.domain)],
        body: context.logged(
            vault.access_log.as_ref(),
            vec![Directive::block(["route"], route)],
        ),
    }
}

fn restricted(patterns: &[String], outside: &[String]) -> Vec<Directive> {
    let mut words = vec!["path".to_owned()];
    words.extend(patterns.iter().chain(outside).cloned());
    if words.len() == 1 {
        return Vec::new();
    }
    vec![
        Directive::block(["@restricted"], vec![Directive::new(words, Vec::new())]),
        Directive::line(["respond", "@restricted", "404"]),
    ]
}

/// What has no file at the path that was asked for is looked for at the one that it is now.
fn legacy(rewrite: &Rewrite) -> Vec<Directive> {
    let mut to = rewrite.to.clone();
    let mut directives = Vec::new();
    for (group, pair) in &rewrite.translate {
        to = to.replace(&format!("{{{group}}}"), &format!("{{legacy_{group}}}"));
        directives.push(translation(group, pair));
    }
    // What was translated bears a name, what is taken as it is still a number.
    for group in '1'..='9' {
        to = to.replace(&format!("{{{group}}}"), &format!("{{re.legacy.{group}}}"));
    }
    directives.extend([
        Directive::block(
            ["@legacy"],
            vec![
                Directive::line(["path_regexp", "legacy", &format!("^{}$", rewrite.path)]),
                Directive::line(["not", "file"]),
            ],
        ),
        Directive::line(["rewrite", "@legacy", &to]),
    ]);
    directives
}

/// `map` of a group's character to the one that stands in its place.
fn translation(group: &str, [from, to]: &[String; 2]) -> Directive {
    let mut classes: BTreeMap<char, String> = BTreeMap::new();
    for (from, to) in from.chars().zip(to.chars()) {
        classes.entry(to).or_default().push(from);
    }
    let lines = classes
        .iter()
        .map(|(to, from)| Directive::line([&format!("~[{from}]"), &to.to_string()]));
    Directive::block(
        [
            "map",
            &format!("{{re.legacy.{group}}}"),
            &format!("{{legacy_{group}}}"),
        ],
        lines.collect(),
    )
}
