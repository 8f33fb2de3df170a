//! An environment's vault host: files over https and plain http, the URLs of the former layout,
//! and what is never served.

use mkx_contract::record::site::{Name, Vault};

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

/// `/[avatar/]hh/hh/hh/NAME`: three folders, named by a digest's first bytes.
const LEGACY_PATH: &str =
    "^/(avatar/)?([0-9a-f])([0-9a-f])/([0-9a-f])([0-9a-f])/[0-9a-f]{2}/([0-9A-Za-z._-]+)$";

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
    if vault.legacy_paths {
        route.extend(legacy());
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
        body: vec![
            context.log(vault.access_log.as_ref(), "vault-access", name),
            Directive::block(["route"], route),
        ],
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

/// A file that is gone from its former place lies in the folders whose names keep the low two
/// bits of the leading digits.
fn legacy() -> Vec<Directive> {
    let low_bits = |source: &str, destination: &str| {
        let classes = ["~[048c] 0", "~[159d] 1", "~[26ae] 2", "~[37bf] 3"];
        let lines = classes.map(|class| {
            let words = class.split(' ').map(str::to_owned).collect();
            Directive::new(words, Vec::new())
        });
        Directive::block(["map", source, destination], lines.into())
    };
    vec![
        low_bits("{re.legacy.2}", "{legacy_first}"),
        low_bits("{re.legacy.4}", "{legacy_second}"),
        Directive::block(
            ["@legacy"],
            vec![
                Directive::line(["path_regexp", "legacy", LEGACY_PATH]),
                Directive::line(["not", "file"]),
            ],
        ),
        Directive::line([
            "rewrite",
            "@legacy",
            "/{re.legacy.1}{legacy_first}{re.legacy.3}/{legacy_second}{re.legacy.5}/{re.legacy.6}",
        ]),
    ]
}
