//! What stands in a broker's configuration and in its ACL: mosquitto.conf(5).

/// Options that every listener has of its own with `per_listener_settings true`, and that are the
/// whole broker's wherever they stand without it.
const SECURITY: [&str; 4] = ["allow_anonymous", "acl_file", "password_file", "plugin"];

/// A configuration.
#[derive(Debug, Default)]
pub struct Settings {
    global: Vec<(String, String)>,
    /// In the file's order.
    pub listeners: Vec<Listener>,
    /// Names of `connection` sections: bridges to other brokers.
    pub bridges: Vec<String>,
    per_listener: bool,
}

/// Where the broker listens.
#[derive(Debug)]
pub struct Listener {
    /// The port; nothing where it is not a number.
    pub port: Option<u16>,
    /// The address or interface; nothing: all.
    pub address: Option<String>,
    values: Vec<(String, String)>,
}

impl Settings {
    /// Reads a configuration.
    pub fn parse(text: &str) -> Settings {
        let mut settings = Settings::default();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let (key, value) = (key.to_owned(), value.trim().to_owned());
            match key.as_str() {
                "listener" | "port" => {
                    let mut words = value.split_whitespace();
                    settings.listeners.push(Listener {
                        port: words.next().and_then(|port| port.parse().ok()),
                        address: words.next().map(str::to_owned),
                        values: Vec::new(),
                    });
                }
                "connection" => settings.bridges.push(value),
                "per_listener_settings" => settings.per_listener = value == "true",
                _ => match settings.listeners.last_mut() {
                    Some(listener) => listener.values.push((key, value)),
                    None => settings.global.push((key, value)),
                },
            }
        }
        settings
    }

    /// What an option is for a listener.
    pub fn get<'a>(&'a self, listener: &'a Listener, key: &str) -> Option<&'a str> {
        let own = || last(&listener.values, key);
        if self.per_listener || !SECURITY.contains(&key) {
            return own();
        }
        self.listeners
            .iter()
            .rev()
            .find_map(|listener| last(&listener.values, key))
            .or_else(|| last(&self.global, key))
    }

    /// True where other files belong to the configuration.
    pub fn includes_others(&self) -> bool {
        let mut values = self
            .listeners
            .iter()
            .flat_map(|listener| &listener.values)
            .chain(&self.global);
        values.any(|(key, _)| key == "include_dir")
    }
}

fn last<'a>(values: &'a [(String, String)], key: &str) -> Option<&'a str> {
    values
        .iter()
        .rev()
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.as_str())
}

/// The rules of an ACL, each as people would say it: `user svc_backend: topic read $SYS/#`.
pub fn rules(text: &str) -> Vec<String> {
    let mut who = "anybody".to_owned();
    let mut rules = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("user"), Some(name)) => who = format!("user {name}"),
            (Some(kind @ ("topic" | "pattern")), Some(first)) => {
                let right = ["read", "write", "readwrite", "deny"].contains(&first);
                let rest: Vec<&str> = words.collect();
                let (right, topic) = match (right, rest.is_empty()) {
                    (true, false) => (first, rest.join(" ")),
                    _ => ("readwrite", [&[first], rest.as_slice()].concat().join(" ")),
                };
                let who = if kind == "pattern" {
                    "every user"
                } else {
                    &who
                };
                rules.push(format!("{who}: {kind} {right} {topic}"));
            }
            _ => rules.push(line.to_owned()),
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_is_the_whole_brokers_unless_it_is_each_listeners() {
        let text = "listener 1883 127.0.0.1\nallow_anonymous true\nlistener 8883\ncrlfile c\n";
        let settings = Settings::parse(text);
        let [plain, tls] = settings.listeners.as_slice() else {
            panic!("two listeners");
        };
        assert_eq!(plain.address.as_deref(), Some("127.0.0.1"));
        assert_eq!(settings.get(tls, "allow_anonymous"), Some("true"));
        assert_eq!(settings.get(plain, "crlfile"), None);
        let text = format!("per_listener_settings true\n{text}");
        let settings = Settings::parse(&text);
        assert_eq!(
            settings.get(&settings.listeners[1], "allow_anonymous"),
            None
        );
    }

    #[track_caller]
    fn check(acl: &str, expected: &str) {
        assert_eq!(rules(acl), [expected]);
    }

    #[test]
    fn a_rule_is_read_as_mosquitto_reads_it() {
        check("topic #", "anybody: topic readwrite #");
        check("user a\ntopic read b/#", "user a: topic read b/#");
        check(
            "user a\npattern write b/%u",
            "every user: pattern write b/%u",
        );
        check("pattern a b", "every user: pattern readwrite a b");
    }
}
