//! Go's `path.Match`, with `*` and `?`.

/// True where the whole text fits the pattern; `*` and `?` stop at slashes.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    fits(&pattern, &text)
}

fn fits(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => {
            let reach = text.iter().take_while(|c| **c != '/').count();
            (0..=reach).any(|taken| fits(rest, &text[taken..]))
        }
        Some(('?', rest)) => text.first().is_some_and(|c| *c != '/') && fits(rest, &text[1..]),
        Some((c, rest)) => text.first() == Some(c) && fits(rest, &text[1..]),
    }
}

/// Values with `*` at their ends (header and query matchers): prefix, suffix, substring or all.
pub fn fits_ends(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        _ if pattern == "*" => true,
        (Some(inner), Some(_)) => text.contains(inner.strip_suffix('*').unwrap_or(inner)),
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => text == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }

    #[test]
    fn a_star_stops_at_a_slash() {
        check("/a/*.png", "/a/b.png", true);
        check("/a/*.png", "/a/b/c.png", false);
        check("/?/x", "/a/x", true);
        check("/x", "/x", true);
        check("/x", "/xy", false);
    }
}
