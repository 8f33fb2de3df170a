//! Env files as Docker Compose reads them, as far as looking up one variable needs.

/// The value that `text` gives to `name`: the last assignment wins; single quotes are literal,
/// double quotes know `\n`, `\"`, `\\`; an unquoted value ends at ` #`.
///
/// Interpolation (`${OTHER}`) is Docker Compose's own and is not done here.
pub fn lookup(text: &str, name: &str) -> Option<String> {
    assignments(text)
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value)
        .last()
}

/// All assignments in order, as name and value.
pub fn assignments(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        if line.starts_with('#') {
            return None;
        }
        let (name, value) = line.split_once('=')?;
        Some((name.trim(), unquote(value.trim())))
    })
}

fn unquote(value: &str) -> String {
    if let Some(rest) = value.strip_prefix('\'') {
        return rest.split('\'').next().unwrap_or_default().to_owned();
    }
    if let Some(rest) = value.strip_prefix('"') {
        return unescape(rest);
    }
    match value.find(" #") {
        Some(at) => value[..at].trim_end().to_owned(),
        None => value.to_owned(),
    }
}

fn unescape(rest: &str) -> String {
    let mut value = String::new();
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => match characters.next() {
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some(other) => value.push(other),
                None => {}
            },
            other => value.push(other),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(lookup(text, "A").as_deref(), expected);
    }

    #[test]
    fn a_value_is_read_as_docker_compose_reads_it() {
        check("A=1", Some("1"));
        check("export A = 1 ", Some("1"));
        check("#A=1", None);
        check("A=1\nA=2", Some("2"));
        check("A=x # a comment", Some("x"));
        check("A=x#y", Some("x#y"));
        check("A='x # y'", Some("x # y"));
        check("A=\"x \\\"y\\\"\" # z", Some("x \"y\""));
        check("AA=1", None);
        check("A=", Some(""));
    }
}
