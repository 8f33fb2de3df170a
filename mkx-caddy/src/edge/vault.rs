//! An environment's vault host: files over https and plain http, the URLs of the former layout,
//! and what is never served.

use std::collections::BTreeMap;

use mkx_contract::record::site::{Name, Rewrite, Vault};

use super::directive::Directive;
use super::{Block, Context, Fields, field, headers, robots};

/// What a vault says to crawlers, in both environments.
pub const VAULT_NOINDEX: &str = "noindex, nofollow";

/// How long a file may be kept: for ever, its name changes with its content.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The headers of every answer of a vault host.
pub fn vault_headers() -> Fields {
    let fields = [
        ("Access-Control-Allow-Origin", "*"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Robots-Tag", VAULT_NOINDEX),
    ];
    fields.map(field).into()
}

pub(super) fn block(context: &Context, name: Name, vault: &Vault, outside: &[String]) -> Block {
    let mut route: Vec<Directive> = headers(&vault_headers()).into();
    if name == Name::Eb {
        route.push(robots());
    }
    route.extend(restricted(&vault.restricted, outside));
    let root = vault.edge_path().display().to_string();
    route.push(Directive::line(["root", "*", &root]));
    if let Some(legacy) = &vault.legacy_paths {
        route.extend(self::legacy(&legacy.rewrite));
    }
    let is_file = vec![
        Directive::line(["method", "GET", "HEAD"]),
        Directive::line(["not", "path", "*/"]),
        Directive::line(["file"]),
    ];
    route.extend([
        Directive::block(["@file"], is_file),
        Directive::line(["header", "@file", "Cache-Control", IMMUTABLE]),
        Directive::line(["encode", "gzip"]),
        Directive::line(["file_server"]),
    ]);
    let body = vec![Directive::block(["route"], route)];
    Block {
        environment: name,
        service: vault.service.clone(),
        addresses: vec![vault.domain.clone(), format!("http://{}", vault.domain)],
        body: context.logged(vault.access_log.as_ref(), body),
    }
}

fn restricted(patterns: &[String], outside: &[String]) -> Vec<Directive> {
    if patterns.is_empty() && outside.is_empty() {
        return Vec::new();
    }
    let paths = Directive::line(["path"]).and(patterns).and(outside);
    vec![
        Directive::block(["@restricted"], vec![paths]),
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
    let is_former = vec![
        Directive::line(["path_regexp", "legacy", &format!("^{}$", rewrite.path)]),
        Directive::line(["not", "file"]),
    ];
    directives.push(Directive::block(["@legacy"], is_former));
    directives.push(Directive::line(["rewrite", "@legacy", &to]));
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
    let (from, to) = (
        format!("{{re.legacy.{group}}}"),
        format!("{{legacy_{group}}}"),
    );
    Directive::block(["map", &from, &to], lines.collect())
}
