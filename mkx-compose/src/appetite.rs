//! What a process is told to take: settings in its command and in its options' variables.

use crate::model::Service;

/// The setting, and its bytes.
pub fn of(service: &Service) -> Option<(&'static str, u64)> {
    let words = service.command.iter().flatten().map(String::as_str);
    let options = service
        .environment
        .iter()
        .filter(|(name, _)| name.ends_with("OPTIONS") || name.ends_with("OPTS"))
        .filter_map(|(_, value)| value.as_deref());
    appetite(&words.chain(options).collect::<Vec<_>>().join(" "))
}

/// What its container needs for that: a server takes more than what it is told to keep.
pub fn need(service: &Service) -> Option<u64> {
    of(service).map(|(_, told)| told.saturating_add(told / 4))
}

fn appetite(text: &str) -> Option<(&'static str, u64)> {
    [
        ("--maxmemory", &["--maxmemory ", "--maxmemory="][..], 1),
        ("shared_buffers", &["shared_buffers="][..], 8192),
        ("-Xmx", &["-Xmx"][..], 1),
        (
            "--max-old-space-size",
            &["--max-old-space-size="][..],
            1 << 20,
        ),
    ]
    .into_iter()
    .find_map(|(what, starts, unit)| {
        starts.iter().find_map(|start| {
            let rest = &text[text.find(start)? + start.len()..];
            let word = rest.split_whitespace().next()?;
            Some((what, bytes(word, unit)?))
        })
    })
}

/// `256mb`, `1G`, `512`; a number alone counts `unit`.
fn bytes(word: &str, unit: u64) -> Option<u64> {
    let split = word
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(word.len());
    let number: u64 = word[..split].parse().ok()?;
    let factor = match word[split..].to_ascii_lowercase().as_str() {
        "" => unit,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(appetite(text).map(|(_, bytes)| bytes), expected, "{text}");
    }

    #[test]
    fn what_a_process_is_told_to_take_is_read_in_its_own_units() {
        check(
            "redis-server --maxmemory 256mb --maxmemory-policy noeviction",
            Some(256 << 20),
        );
        check("redis-server --maxmemory-policy noeviction", None);
        check("postgres -c shared_buffers=128MB", Some(128 << 20));
        check("postgres -c shared_buffers=1000", Some(1000 * 8192));
        check("java -Xmx1g", Some(1 << 30));
        check("node --max-old-space-size=512", Some(512 << 20));
        check("web", None);
    }
}
