//! `${…}` in a text as Docker Compose reads it: to find a place by, never to resolve a model.

/// The text with its references filled in; what `value` does not know is empty.
pub fn filled(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let (reference, behind) = next(&rest[at..]);
        match reference {
            Some(reference) => result.push_str(&reference.filled(value)),
            None => result.push('$'),
        }
        rest = behind;
    }
    result.push_str(rest);
    result
}

/// The names that a text refers to, those in defaults included.
pub fn references(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find('$')?;
            let after = &rest[at + 1..];
            if let Some(escaped) = after.strip_prefix('$') {
                rest = escaped;
                continue;
            }
            let body = after.strip_prefix('{').unwrap_or(after);
            let name = name_of(body);
            rest = &body[name.len()..];
            if !name.is_empty() {
                return Some(name);
            }
        }
    })
}

/// `${NAME}`, `$NAME`, `${NAME:-default}`, `${NAME?error}`, `${NAME:+replacement}`.
struct Reference<'a> {
    name: &'a str,
    operator: &'a str,
    word: &'a str,
}

impl Reference<'_> {
    fn filled(&self, value: &dyn Fn(&str) -> Option<String>) -> String {
        let own = value(self.name);
        let has_value = match self.operator.starts_with(':') {
            true => own.as_deref().is_some_and(|own| !own.is_empty()),
            false => own.is_some(),
        };
        match (self.operator.trim_start_matches(':'), has_value) {
            ("-", false) | ("+", true) => filled(self.word, value),
            ("+", false) => String::new(),
            _ => own.unwrap_or_default(),
        }
    }
}

/// The reference that a text begins with, none for `$$` and a lone `$`; and the text behind it.
fn next(text: &str) -> (Option<Reference<'_>>, &str) {
    let after = &text[1..];
    if let Some(behind) = after.strip_prefix('$') {
        return (None, behind);
    }
    let Some(body) = after.strip_prefix('{') else {
        let name = name_of(after);
        let reference = (!name.is_empty()).then_some(Reference {
            name,
            operator: "",
            word: "",
        });
        return (reference, &after[name.len()..]);
    };
    let Some(end) = closing(body) else {
        return (None, after);
    };
    let (inside, behind) = (&body[..end], &body[end + 1..]);
    let name = name_of(inside);
    let rest = &inside[name.len()..];
    let length = [":-", ":?", ":+", "-", "?", "+"]
        .iter()
        .find(|operator| rest.starts_with(**operator))
        .map_or(0, |operator| operator.len());
    let reference = Reference {
        name,
        operator: &rest[..length],
        word: &rest[length..],
    };
    (Some(reference), behind)
}

/// Where the brace closes that the text stands behind.
fn closing(body: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, character) in body.char_indices() {
        match character {
            '{' if body[..at].ends_with('$') => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn name_of(text: &str) -> &str {
    let is_of_names = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = text.find(|c| !is_of_names(c)).unwrap_or(text.len());
    match text.starts_with(|c: char| c.is_ascii_digit()) {
        true => "",
        false => &text[..end],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_references(text: &str, expected: &[&str]) {
        assert_eq!(references(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn references_are_found_as_docker_compose_finds_them() {
        check_references("plain", &[]);
        check_references("${A}", &["A"]);
        check_references("$A-${B:-x}", &["A", "B"]);
        check_references("$$A", &[]);
        check_references("$$$A", &["A"]);
        check_references("${A:-${B}}", &["A", "B"]);
        check_references("100$", &[]);
        check_references("$2b$10$x", &["x"]);
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let value = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        assert_eq!(filled(text, &value), expected, "{text}");
    }

    #[test]
    fn a_reference_becomes_its_value_or_what_stands_for_it() {
        check("x-$A.y", "x-a.y");
        check("${A:-x}:${B:-./b}:ro", "a:./b:ro");
        check("${EMPTY-x}${EMPTY:-y}", "y");
        check("${B:-${A}/x}", "a/x");
        check("${A:+set}${B:+set}", "set");
        check("$$A 5$ ${B}", "$A 5$ ");
        check("${A:?why}", "a");
    }
}
