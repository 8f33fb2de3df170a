//! What tells where a person can be reached, or opens a door, is taken out of free text.
//!
//! Each pattern is an advanced regular expression of PostgreSQL and is matched without regard to
//! case. None of them matches a quote, a backslash or U+0001 across which JSON text would break
//! (see `json.rs`).

use crate::sql;

/// What is looked for, and what stands in its place; in this order.
const PATTERNS: [(&str, &str); 12] = [
    // the user part of a URL: https://user:password@host
    (r#"([a-z][a-z0-9+.-]*://)[^\s/?#@"'<>\\\u0001]+@"#, r"\1"),
    // parameters that open something: ?token=…, &api_key=…
    (
        r#"((?:[?&;#]|\\u0026\u0001)(?:[\w.-]*[_.-])?(?:token|key|apikey|password|passwd|pwd|secret|auth|authorization|signature|sig|session|sid|code|otp)=)[^\s&#"'<>\\\u0001]+"#,
        r"\1[removed]",
    ),
    // the same outside of a URL, where the word leaves no doubt
    (
        r#"(\m(?:[\w.-]*[_.-])?(?:token|apikey|api_key|password|passwd|pwd|secret)\s?[=:]\s?)(?!\[removed\])[^\s&#"'<>\\\u0001]+"#,
        r"\1[removed]",
    ),
    // e-mail addresses
    (
        r#"[^\s@"'<>()\[\]{}|\\,;:/?=&#\u0001]+@(?:[^\s@"'<>()\[\]{}|\\,;:/?=&#!.\u0001]+\.)+[^\s@"'<>()\[\]{}|\\,;:/?=&#!.\d\u0001]{2,}"#,
        "[e-mail]",
    ),
    // name (at) example (dot) org
    (
        r"[[:alnum:]._%+-]+\s?[\[({]\s?at\s?[\])}]\s?[[:alnum:]-]+(?:\s?(?:\.|[\[({]\s?dot\s?[\])}])\s?[[:alnum:]-]+)+",
        "[e-mail]",
    ),
    // IPv6: eight groups, or fewer around ::, with a digit somewhere (a::b is code)
    (
        r"(?<![[:alnum:]_:.])(?=[a-f:]*\d)(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}|(?:[0-9a-f]{1,4}:){2,7}:|::[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})(?![[:alnum:]_:])",
        "[ip]",
    ),
    // IPv4
    (
        r"(?<![[:alnum:]_.])(?:(?:25[0-5]|2[0-4]\d|[01]?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|[01]?\d?\d)(?![[:alnum:]_]|\.\d)",
        "[ip]",
    ),
    // +49 170 1234567, +1 (555) 123-4567, +44 (0) 20 7946 0958
    (
        r"(?<![[:alnum:]_+])\+ ?\d(?:[ ()./\u00a0-]{0,3}\d){7,14}(?!\d)",
        "[phone]",
    ),
    // 0049 170 1234567
    (
        r"(?<![[:alnum:]_.,:/=+-])00[1-9]\d{0,2}[ ()./-]{1,3}\d(?:[ ()./-]{0,2}\d){5,11}(?!\d)",
        "[phone]",
    ),
    // 030 12345678, 0151-23456789, 06221/123456, 020 7946 0958, 01 23 45 67 89
    (
        r"(?<![[:alnum:]_.,:/=+-])\(?0[1-9](?:\d{1,4}\)? ?[ /-] ?(?=(?:[ -]?\d){5,9}(?![ -]?\d))\d{2,}(?:[ -]\d{2,}){0,3}|(?:[ .-]\d{2}){4})(?![[:alnum:]_]|[.-]\d)",
        "[phone]",
    ),
    // (555) 123-4567, 555-123-4567, 555.123.4567
    (
        r"(?<![[:alnum:]_.,:/=+-])(?:1[ .-])?(?:\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}-\d{3}-\d{4}|\d{3}\.\d{3}\.\d{4})(?![[:alnum:]_]|[.-]\d)",
        "[phone]",
    ),
    // call me at 015112345678
    (
        r"(\m(?:tel|telefon|telephone|phone|mobile|mobil|handy|whatsapp|call|sms)[.:]{0,2} ?(?:me |us )?(?:at |on |under )?)\d(?:[ ()./-]{0,2}\d){6,14}(?![[:alnum:]_])",
        r"\1[phone]",
    ),
];

/// SQL that scrubs a text. A text without any digit, `@`, `=` or `:` is not searched.
pub(super) fn text(value: &str) -> String {
    let scrubbed = PATTERNS
        .iter()
        .fold("mkx_text".to_owned(), |text, (pattern, placeholder)| {
            format!(
                "regexp_replace({text}, {}, {}, 'gi')",
                sql::literal(pattern),
                sql::literal(placeholder)
            )
        });
    format!(
        "(SELECT CASE WHEN mkx_text ~ '[0-9@=:]|at' THEN {scrubbed} ELSE mkx_text END \
         FROM (SELECT {value} AS mkx_text OFFSET 0) AS mkx_scrub)"
    )
}
