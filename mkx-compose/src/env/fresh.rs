//! An env file for EB, made from EA's: comments, order and spelling stay, values become EB's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use mkx_contract::record::site::{Rule, Variable, env_file};
use mkx_contract::{Failure, Result, Site};
use url::Url;

use super::check::PLACEHOLDER;
use crate::interpolation::references;
use crate::secrecy::{self, Secrecy};
use crate::{names, render};

/// What was done with the variables; names only.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// They have a secret of their own now.
    pub fresh: Vec<String>,
    /// Only a person can provide their values.
    pub ask: Vec<String>,
}

/// The text of EB's env file from the texts of EA's, in order of precedence. What nothing else
/// tells is as `template` has it, the text of EB's template.
///
/// # Errors
/// Exit 4 where the kernel gives no random bytes.
pub fn env_file(site: &Site, texts: &[String], template: &str) -> Result<(String, Outcome)> {
    let template: BTreeMap<&str, String> = env_file::entries(template)
        .into_iter()
        .map(|entry| (entry.name, entry.value))
        .filter(|(name, value)| !value.is_empty() && !site.variables.contains_key(*name))
        .collect();
    let mut outcome = Outcome::default();
    let mut renewed = Renewed::default();
    let mut text = String::from(
        "# Development's variables, made from production's by `mkx-compose env new eb`.\n",
    );
    let mut done = BTreeSet::new();
    for (index, content) in texts.iter().enumerate() {
        let entries = env_file::entries(content);
        let later = |name: &str, from: usize| {
            let others = texts[index + 1..]
                .iter()
                .flat_map(|text| env_file::entries(text));
            entries[from..].iter().any(|entry| entry.name == name)
                || others.into_iter().any(|entry| entry.name == name)
        };
        let mut at = 0;
        for (number, entry) in entries.iter().enumerate() {
            text.push_str(&between(site, &content[at..entry.place.start]));
            at = (entry.place.end + 1).min(content.len());
            if later(entry.name, number + 1) {
                continue;
            }
            done.insert(entry.name.to_owned());
            let (name, value) = (entry.name, entry.value.as_str());
            // What the site's names and fresh secrets do not tell apart.
            let is_told =
                names::translated(site, value) != value || secrecy::is_secret(site, name, value);
            let own = template.get(name).filter(|own| *own != PLACEHOLDER);
            if let Some(own) = own.filter(|own| **own != value && !is_told) {
                writeln!(text, "{}", spelled(name, own)).expect("a string takes all text");
                continue;
            }
            let present = Some((&content[entry.place.clone()], value));
            assign(
                site,
                &mut text,
                &mut outcome,
                &mut renewed,
                entry.name,
                present,
            )?;
        }
        text.push_str(&between(site, &content[at..]));
    }
    for (name, variable) in &site.variables {
        let wanted = variable.required || variable.eb.as_deref().is_some_and(|eb| !eb.is_empty());
        if !done.contains(name) && wanted {
            assign(site, &mut text, &mut outcome, &mut renewed, name, None)?;
        }
    }
    // What only development has.
    for (name, own) in template.iter().filter(|(name, _)| !done.contains(**name)) {
        if own == PLACEHOLDER {
            outcome.ask.push((*name).to_owned());
        }
        writeln!(text, "{}", spelled(name, own)).expect("a string takes all text");
    }
    Ok((text, outcome))
}

/// Comments and blank lines; a comment that gives a value which is not known to be public may hold a
/// secret still, and what is no line of an env file is nothing that anybody reads.
fn between(site: &Site, text: &str) -> String {
    let is_public = |word: &str| match word.split_once('=') {
        Some((name, value)) => secrecy::is_public(site, name, value),
        None => true,
    };
    let lines = text.lines().map(|line| line.trim_start_matches('\u{feff}'));
    lines
        .filter(|line| {
            let line = line.trim_start();
            line.is_empty() || (line.starts_with('#') && line.split([' ', '#']).all(is_public))
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Writes EB's line for a variable; `present` is EA's line and value.
fn assign(
    site: &Site,
    text: &mut String,
    outcome: &mut Outcome,
    renewed: &mut Renewed,
    name: &str,
    present: Option<(&str, &str)>,
) -> Result<()> {
    let unknown = Variable::default();
    let (rule, known) = match site.variables.get(name) {
        Some(variable) => (variable, true),
        None => (&unknown, false),
    };
    let value = present.map(|(_, value)| value).unwrap_or_default();
    let secrecy = match value {
        "" if secrecy::is_secret_name(site, name) => Secrecy::Secret,
        value => secrecy::of(site, name, value),
    };
    let must_be_own = rule.rule == Rule::Differ || !known;
    let line = match present {
        _ if rule.eb.is_some() => spelled(name, rule.eb.as_deref().unwrap_or_default()),
        _ if rule.ask.is_some() => {
            outcome.ask.push(name.to_owned());
            let how = rule.ask.as_deref().unwrap_or_default();
            format!("# {name}: {how}\n{name}={PLACEHOLDER}")
        }
        Some((_, "")) | None if !rule.required => format!("{name}="),
        Some((line, _)) if rule.rule == Rule::Equal => line.to_owned(),
        // Another variable's value, which is development's own then.
        Some((line, value)) if is_reference(value) => line.to_owned(),
        _ if must_be_own && secrecy == Secrecy::Secret => match renewed.secret(value)? {
            Some(own) => {
                outcome.fresh.push(name.to_owned());
                spelled(name, &names::translated(site, &own))
            }
            None => {
                outcome.ask.push(name.to_owned());
                format!("# {name}: a key or hash of development's own\n{name}={PLACEHOLDER}")
            }
        },
        Some(_) if !known && secrecy == Secrecy::Unknown => {
            outcome.ask.push(name.to_owned());
            format!(
                "# {name}: nothing tells that production's value is no secret; give development's own, or\n\
                 # say so in the site document: \"variables\": {{\"{name}\": {{\"secret\": false}}}}\n\
                 {name}={PLACEHOLDER}"
            )
        }
        Some((line, value)) => {
            let value = names::translated(site, value);
            if present.is_some_and(|(_, former)| former == value) && rule.rule == Rule::Differ {
                outcome.ask.push(name.to_owned());
                format!("# {name}: it must differ from production's\n{name}={PLACEHOLDER}")
            } else if present.is_some_and(|(_, former)| former == value) {
                line.to_owned()
            } else {
                spelled(name, &value)
            }
        }
        None => {
            outcome.ask.push(name.to_owned());
            format!("{name}={PLACEHOLDER}")
        }
    };
    writeln!(text, "{line}").expect("a string takes all text");
    Ok(())
}

/// Development's secret for each of production's: what was the same word in two variables (a
/// password, and a URL with it) is the same again.
#[derive(Default)]
struct Renewed(BTreeMap<String, String>);

impl Renewed {
    /// A value of the same form with secrets of its own; none where only a person can make it.
    fn secret(&mut self, value: &str) -> Result<Option<String>> {
        if value.matches("://").count() > 1 {
            let parts = value.split(',').map(|part| self.secret(part));
            let parts: Option<Vec<String>> = parts.collect::<Result<_>>()?;
            return Ok(parts.map(|parts| parts.join(",")));
        }
        if value.contains("-----BEGIN") || value.contains("$2") || value.contains("$argon2") {
            return Ok(None);
        }
        match Url::parse(value) {
            Ok(url) if url.has_host() && url.password().is_some() => {
                let password = url.password().unwrap_or_default();
                let own = self.word(password)?;
                let of = |word: &str| format!(":{word}@");
                Ok(Some(value.replacen(&of(password), &of(&own), 1)))
            }
            // A webhook or a link with a token: another service gives it.
            Ok(url) if url.has_host() => Ok(None),
            _ => self.word(value).map(Some),
        }
    }

    fn word(&mut self, former: &str) -> Result<String> {
        if former.is_empty() {
            return random_text(32);
        }
        let plain = percent_encoding::percent_decode_str(former).decode_utf8_lossy();
        if let Some(own) = self.0.get(plain.as_ref()) {
            return Ok(own.clone());
        }
        let own = random_text(former.len().max(32))?;
        self.0.insert(plain.into_owned(), own.clone());
        Ok(own)
    }
}

/// True for `${NAME}` and `$NAME` as a whole.
fn is_reference(value: &str) -> bool {
    let names: Vec<&str> = references(value).collect();
    matches!(names[..], [name] if value == format!("${{{name}}}") || value == format!("${name}"))
}

/// An assignment that Docker Compose takes literally.
pub fn spelled(name: &str, value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@+%=".contains(c);
    if value.chars().all(is_plain) {
        format!("{name}={value}")
    } else {
        format!("{name}={}", render::quoted(value))
    }
}

/// Lower-case hexadecimal digits from the kernel's random bytes.
fn random_text(length: usize) -> Result<String> {
    let mut text = String::new();
    while text.len() < length {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| {
            Failure::peer(format!("cannot make a secret: no random bytes: {error}"))
        })?;
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
    }
    text.truncate(length.min(128));
    Ok(text)
}
