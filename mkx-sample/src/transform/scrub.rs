//! What tells where a person can be reached, or opens a door, is taken out of free text.
//!
//! Each pattern is an advanced regular expression of PostgreSQL and is matched without regard to
//! case. None of them matches a quote, a backslash or U+0001 across which JSON text would break
//! (see `json.rs`).

use crate::sql;

/// What is looked for in texts for which a cheap condition holds, and what stands in its place.
struct Step {
    /// SQL; most texts are not searched at all.
    when: &'static str,
    patterns: &'static [(&'static str, &'static str)],
}

/// In this order.
const STEPS: [Step; 6] = [
    Step {
        when: "strpos(mkx_text, '@') > 0",
        patterns: &[
            // the user part of a URL: https://user:password@host
            (r#"([a-z][a-z0-9+.-]*://)[^\s/?#@"'<>\\\u0001]+@"#, r"\1"),
            // e-mail addresses
            (
                r#"[^\s@"'<>()\[\]{}|\\,;:/?=&#\u0001]+@(?:[^\s@"'<>()\[\]{}|\\,;:/?=&#!.\u0001]+\.)+[^\s@"'<>()\[\]{}|\\,;:/?=&#!.\d\u0001]{2,}"#,
                "[e-mail]",
            ),
        ],
    },
    Step {
        when: "(strpos(mkx_text, '=') > 0 OR strpos(mkx_text, ':') > 0) AND mkx_text ~* 'token|key|pass|pwd|secret|auth|sig|ses|sid|code|otp'",
        patterns: &[
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
        ],
    },
    Step {
        when: "mkx_text <> translate(mkx_text, '([{', '')",
        patterns: &[
            // name (at) example (dot) org
            (
                r"[[:alnum:]._%+-]+\s?[\[({]\s?at\s?[\])}]\s?[[:alnum:]-]+(?:\s?(?:\.|[\[({]\s?dot\s?[\])}])\s?[[:alnum:]-]+)+",
                "[e-mail]",
            ),
        ],
    },
    Step {
        when: "strpos(mkx_text, '::') > 0 OR length(mkx_text) - length(replace(mkx_text, ':', '')) > 6",
        patterns: &[
            // IPv6: eight groups, or fewer around ::, with a digit somewhere (a::b is code)
            (
                r"(?<![[:alnum:]_:.])(?=[a-f:]*\d)(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){1,6}(?::[0-9a-f]{1,4}){1,6}|(?:[0-9a-f]{1,4}:){2,7}:|::[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})(?![[:alnum:]_:])",
                "[ip]",
            ),
        ],
    },
    Step {
        when: "length(mkx_text) - length(replace(mkx_text, '.', '')) > 2",
        patterns: &[
            // IPv4
            (
                r"(?<![[:alnum:]_.])(?:(?:25[0-5]|2[0-4]\d|[01]?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|[01]?\d?\d)(?![[:alnum:]_]|\.\d)",
                "[ip]",
            ),
        ],
    },
    Step {
        when: "length(mkx_text) - length(translate(mkx_text, '0123456789', '')) > 6",
        patterns: &[
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
        ],
    },
];

/// SQL that scrubs a text. One in which no step finds anything to look at, as in most, is not
/// handed from step to step.
pub(super) fn text(value: &str) -> String {
    let searched = STEPS.map(|step| format!("({})", step.when)).join(" OR ");
    let scrubbed = STEPS.iter().fold("mkx_text".to_owned(), |value, step| {
        once_where(&value, step.when, &patterns_replaced(step.patterns))
    });
    once_where(value, &searched, &scrubbed)
}

/// SQL of `result`, as in [`once`], where `when` holds of `mkx_text`, else of the value.
fn once_where(value: &str, when: &str, result: &str) -> String {
    once(
        value,
        &format!("CASE WHEN {when} THEN {result} ELSE mkx_text END"),
    )
}

/// SQL over `mkx_text` that replaces patterns, one after the other.
pub(super) fn patterns_replaced<S: AsRef<str>>(patterns: &[(S, S)]) -> String {
    let patterns = patterns.iter();
    patterns.fold("mkx_text".to_owned(), |text, (pattern, with)| {
        let (pattern, with) = (sql::literal(pattern.as_ref()), sql::literal(with.as_ref()));
        format!("regexp_replace({text}, {pattern}, {with}, 'gi')")
    })
}

/// SQL of `result`, in which `mkx_text` is the value. OFFSET 0 keeps the planner from computing
/// it once for each time that it is named.
pub(super) fn once(value: &str, result: &str) -> String {
    format!("(SELECT {result} FROM (SELECT {value} AS mkx_text OFFSET 0) AS mkx_step)")
}
