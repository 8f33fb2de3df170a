//! EA's hosts become EB's in absolute and protocol-relative URLs.

use super::scrub::replaced;

/// SQL that rewrites the URLs in a text.
pub(super) fn text(value: &str, hosts: &[(String, String)]) -> String {
    let patterns: Vec<_> = hosts
        .iter()
        .map(|(ea, eb)| (pattern(ea), format!("\\1{eb}")))
        .collect();
    let when = r"strpos(mkx_text, '//') > 0 OR strpos(mkx_text, E'\\/') > 0";
    replaced(value, when, &patterns)
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
