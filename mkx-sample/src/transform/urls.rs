//! EA's hosts become EB's in absolute and protocol-relative URLs.

use crate::sql;

/// SQL that rewrites the URLs in a text.
pub(super) fn text(value: &str, hosts: &[(String, String)]) -> String {
    hosts.iter().fold(value.to_owned(), |value, (ea, eb)| {
        format!(
            "regexp_replace({value}, {}, {}, 'gi')",
            sql::literal(&pattern(ea)),
            sql::literal(&format!("\\1{eb}"))
        )
    })
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
