//! EA's hosts become EB's in absolute and protocol-relative URLs.

use super::scrub::{once, patterns_replaced};
use crate::sql;

/// SQL that rewrites the URLs in a text. Patterns are slow, and most texts have none of the hosts,
/// or are one URL and name no host again: these are told by comparing.
pub(super) fn text(value: &str, hosts: &[(String, String)]) -> String {
    let mut cases = format!("WHEN NOT ({}) THEN mkx_text", named("mkx_text", hosts));
    for (ea, eb) in hosts {
        let is_searched_for = hosts.iter().any(|(host, _)| host == eb);
        if !is_searched_for {
            let start = format!("https://{ea}/");
            let rest = format!("substr(mkx_text, {})", start.chars().count() + 1);
            cases.push_str(&format!(
                " WHEN starts_with(mkx_text, {}) AND NOT ({}) THEN {} || {rest}",
                sql::literal(&start),
                named(&rest, hosts),
                sql::literal(&format!("https://{eb}/"))
            ));
        }
    }
    let patterns = hosts
        .iter()
        .map(|(ea, eb)| (pattern(ea), format!("\\1{eb}")));
    let patterns: Vec<_> = patterns.collect();
    let replaced = patterns_replaced(&patterns);
    once(value, &format!("CASE {cases} ELSE {replaced} END"))
}

/// Whether a text names one of the hosts in whatever case. `makapix.club` is looked for and
/// `www.makapix.club`, which contains it, is not.
fn named(text: &str, hosts: &[(String, String)]) -> String {
    let mut names = hosts.iter().map(|(host, _)| host).collect::<Vec<_>>();
    let all = names.clone();
    names.retain(|host| {
        !all.iter()
            .any(|other| other != host && host.contains(other.as_str()))
    });
    sql::any(names.iter().map(|host| {
        let host = sql::literal(&host.to_lowercase());
        format!("strpos(lower({text} COLLATE \"C\"), {host}) > 0")
    }))
}

/// A URL up to its host, where the host is `host` and not merely contains it. A slash may be
/// escaped, as some writers of JSON do. `//host` begins a URL only where a URL can begin.
fn pattern(host: &str) -> String {
    let host = host.replace('.', "\\.");
    let slashes = r"(?:\\?/\u0001?){2}";
    let user = r#"(?:[^\s/?#@"'<>\\]*@)?"#;
    let begin = r#"(?:https?:|(?<![^\s"'(<\[=,>\u0001]))"#;
    let end = r"(?![\w%@-]|\.[\w-]|:[^\s/?#]*@)";
    format!("({begin}{slashes}{user}){host}{end}")
}
