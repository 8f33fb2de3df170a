//! A Caddyfile as a tree of directives, and its text.

/// One line of a Caddyfile with the block that it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// The name and its arguments, unquoted.
    pub words: Vec<String>,
    /// What stands between its braces; empty: no braces.
    pub block: Vec<Directive>,
}

impl Directive {
    /// A line without a block; the arguments are unquoted.
    pub fn line<const N: usize>(words: [&str; N]) -> Directive {
        Directive::new(words.map(str::to_owned).to_vec(), Vec::new())
    }

    /// A line with a block.
    pub fn block<const N: usize>(words: [&str; N], block: Vec<Directive>) -> Directive {
        Directive::new(words.map(str::to_owned).to_vec(), block)
    }

    /// The same with further words.
    #[must_use]
    pub fn and(mut self, words: &[String]) -> Directive {
        self.words.extend_from_slice(words);
        self
    }

    /// From words that are already owned.
    pub fn new(words: Vec<String>, block: Vec<Directive>) -> Directive {
        Directive { words, block }
    }
}

/// A word as a Caddyfile (and a label of caddy-docker-proxy) takes it for one argument.
pub fn quoted(word: &str) -> String {
    let is_plain = !word.is_empty()
        && !word.starts_with('#')
        && !matches!(word, "{" | "}")
        && !word.contains(['"', '`', ' ', '\t', '\n', '\r']);
    if is_plain {
        word.to_owned()
    } else {
        format!("\"{}\"", word.replace('"', "\\\""))
    }
}

/// The words of a line, quoted where they must be.
pub fn line(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

/// Writes directives, indented by tabs as `caddy fmt` does.
pub fn write(text: &mut String, directives: &[Directive], depth: usize) {
    let indent = "\t".repeat(depth);
    for directive in directives {
        text.push_str(&indent);
        text.push_str(&line(&directive.words));
        if directive.block.is_empty() {
            text.push('\n');
            continue;
        }
        let is_bare = directive.words.is_empty();
        text.push_str(if is_bare { "{\n" } else { " {\n" });
        write(text, &directive.block, depth + 1);
        text.push_str(&indent);
        text.push_str("}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: &str) {
        assert_eq!(quoted(word), expected);
    }

    #[test]
    fn a_word_is_quoted_only_where_it_would_fall_apart() {
        check("nosniff", "nosniff");
        check("/api/*", "/api/*");
        check("$2b$12$abc/def.ghi", "$2b$12$abc/def.ghi");
        check("noindex, nofollow", "\"noindex, nofollow\"");
        check(
            "max-age=1; includeSubDomains",
            "\"max-age=1; includeSubDomains\"",
        );
        check("say \"no\"", "\"say \\\"no\\\"\"");
        check("", "\"\"");
        check("#1", "\"#1\"");
        check("{", "\"{\"");
    }

    #[test]
    fn blocks_are_indented_as_caddy_formats_them() {
        let mut text = String::new();
        let tree = [Directive::block(
            ["handle", "/api/*"],
            vec![Directive::line(["reverse_proxy", "api:8000"])],
        )];
        write(&mut text, &tree, 0);
        assert_eq!(text, "handle /api/* {\n\treverse_proxy api:8000\n}\n");
    }
}
