//! Whether a text names a host: what a name means depends on where the text stands.

use super::renamed::{Rename, What};

/// Where a text stands: what a name in it means depends on that.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// The keys that lead to it.
    pub way: Vec<String>,
    /// The words of a list before and behind it.
    pub around: (Option<String>, Option<String>),
}

impl Place {
    /// True where a key leads to it.
    pub fn has(&self, key: &str) -> bool {
        self.way.iter().any(|name| name == key)
    }

    /// True where the place is a list of words or a line for a shell.
    fn is_command(&self) -> bool {
        ["command", "entrypoint", "test"]
            .iter()
            .any(|key| self.has(key))
    }

    /// What a variable or a label is called.
    fn variable<'a>(&'a self, text: &'a str) -> &'a str {
        let is_list = matches!(
            self.way.last().map(String::as_str),
            Some("environment" | "labels" | "args" | "annotations")
        );
        match text.trim_start_matches(['"', '\'']).split_once('=') {
            Some((name, _)) if is_list => name,
            _ if is_list => "",
            _ => self.way.last().map_or("", String::as_str),
        }
    }
}

/// True where the text names this host at `at`: in a URL, in front of a port, behind an option
/// that takes a host, or alone in what holds one.
pub fn is_host(place: &Place, text: &str, at: usize, rename: &Rename) -> bool {
    let name = rename.former.as_str();
    if !text.is_char_boundary(at) || !text[at..].starts_with(name) || !stands_alone(text, at, name)
    {
        return false;
    }
    let (before, after) = (&text[..at], &text[at + name.len()..]);
    // What stands before an @ in a URL is a user.
    let authority = after.split(['/', ' ', '"', '\'']).next();
    if before.ends_with("//") && authority.is_some_and(|rest| rest.contains('@')) {
        return false;
    }
    if place.has("external_links") {
        return before.trim_start_matches(['"', '\'']).is_empty();
    }
    let variable = place.variable(text).to_ascii_uppercase();
    if rename.what == What::Network {
        return is_whole(text, name) && variable.contains("NETWORK");
    }
    let is_slashed = before.ends_with("//");
    let in_url = is_slashed || (before.ends_with('@') && before.contains("//"));
    let ends = after.is_empty() || !after.starts_with(is_of_names);
    let port = after.strip_prefix(':').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit()) || rest.starts_with("${")
    });
    let starts = before.is_empty()
        || before.ends_with([' ', '\t', '\n', '@', ',', '=', '"', '\'', '(', '[', ';'])
        || before.ends_with(":-")
        || is_slashed;
    let is_option = [
        "host=",
        "hostname=",
        "server=",
        "upstream=",
        "-h ",
        "--host ",
        "-H ",
    ]
    .iter()
    .any(|option| before.to_ascii_lowercase().ends_with(option) || before.ends_with(option));
    let holds_host = ["HOST", "SERVER", "BROKER", "UPSTREAM", "ADDR", "CONTAINER"]
        .iter()
        .any(|word| variable.contains(word))
        && !["USER", "PASSWORD", "DATABASE"]
            .iter()
            .any(|word| variable.contains(word));
    (starts && port)
        || (in_url && ends)
        || (is_option && starts)
        || (holds_host && is_whole(text, name))
        || (place.is_command() && starts && is_hosts_word(place, before, after))
}

/// In a command: behind `-h`, `ping`, `nc -z`, or in front of a port that is a word of its own.
fn is_hosts_word(place: &Place, before: &str, after: &str) -> bool {
    let is_first = before.trim_start_matches(['"', '\'']).is_empty();
    let is_last = after.trim_end_matches(['"', '\'']).is_empty();
    let previous = match is_first {
        true => place.around.0.clone().unwrap_or_default(),
        false => before
            .split_whitespace()
            .next_back()
            .unwrap_or_default()
            .to_owned(),
    };
    let next = match is_last {
        true => place.around.1.clone().unwrap_or_default(),
        false if after.starts_with(' ') => {
            let next = after.split_whitespace().next();
            next.unwrap_or_default().to_owned()
        }
        false => String::new(),
    };
    let asks = [
        "-h",
        "-H",
        "--host",
        "--hostname",
        "--server",
        "ping",
        "curl",
        "wget",
        "hosts",
    ];
    let is_port = |word: &str| word.len() > 1 && word.parse::<u16>().is_ok();
    asks.contains(&previous.as_str()) || (!previous.starts_with("-c") && is_port(&next))
}

/// True where the text is the name and nothing else, quotes, a list's `NAME=` and a default's
/// `${NAME:-` aside.
fn is_whole(text: &str, name: &str) -> bool {
    let value = text.trim().trim_matches(['"', '\'']);
    let value = match value.split_once('=') {
        Some((variable, value)) if !variable.contains(['$', ' ', '/']) => value,
        _ => value,
    };
    let value = match value.strip_prefix("${") {
        Some(inside) => {
            let inside = inside.trim_end_matches('}');
            inside.split_once('-').map_or("", |(_, default)| default)
        }
        None => value,
    };
    value == name
}

fn is_of_names(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn stands_alone(text: &str, at: usize, name: &str) -> bool {
    let before = text[..at].chars().next_back();
    let mut after = text[at + name.len()..].chars();
    let goes_on = match after.next() {
        Some('.') => after.next().is_some_and(is_of_names),
        Some(c) => is_of_names(c),
        None => false,
    };
    // A default's hyphen ends an operator, no name.
    let is_behind_operator = text[..at].ends_with(":-");
    let starts = is_behind_operator
        || !before.is_some_and(|c| is_of_names(c) || c == '.' || c == '$' || c == '{');
    let is_path = before == Some('/') && !text[..at].ends_with("//");
    starts && !is_path && !goes_on
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rename(former: &str) -> Rename {
        Rename {
            former: former.into(),
            now: "${COMPOSE_PROJECT_NAME}-db".into(),
            what: What::Container,
        }
    }

    #[track_caller]
    fn check(way: &[&str], text: &str, expected: bool) {
        let place = Place {
            way: way.iter().map(|&key| key.to_owned()).collect(),
            ..Place::default()
        };
        let found = text
            .match_indices("app_db")
            .any(|(at, _)| is_host(&place, text, at, &rename("app_db")));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_host_is_told_from_a_word() {
        check(&["environment", "DB_HOST"], "app_db", true);
        check(&["environment", "DB_HOST"], "\"${DB_HOST:-app_db}\"", true);
        check(&["environment"], "DB_HOST=app_db", true);
        check(&["environment", "POSTGRES_DB"], "app_db", false);
        check(
            &["environment", "URL"],
            "postgres://u:p@app_db/app_db",
            true,
        );
        check(&["environment", "URL"], "postgres://u:p@x/app_db", false);
        check(&["command"], "wait-for app_db:5432 -- run", true);
        check(&["command"], "nc -z app_db 5432", true);
        check(&["command"], "psql -h app_db -d x", true);
        check(&["command"], "psql -d app_db", false);
        check(&["external_links"], "app_db:db", true);
        check(&["labels", "backup.container"], "app_db", true);
        check(&["labels", "x"], "my_app_db:1", false);
    }
}
