//! What is asked of an environment's vault host: with the files that are really there, where the
//! vault is on this machine.

use std::path::Path;

use mkx_contract::record::site::{Name, Rewrite, Vault};
use mkx_contract::{Result, Site};
use regex::Regex;
use walkdir::WalkDir;

use super::{Expected, Matrix};
use crate::edge::links;
use crate::edge::{IMMUTABLE, vault_headers};
use crate::route::{Request, is_path};
use crate::rule::Rule;

/// How many entries of a vault are looked at for examples.
const LOOKED_AT: usize = 20_000;

/// Real files of a vault, as examples.
#[derive(Default)]
struct Examples {
    /// Served: the path below the root.
    served: Option<String>,
    /// Served, and the path that it may have had in a former layout.
    former: Option<(String, String)>,
    /// Not in the other vault.
    own: Option<String>,
    /// One for each pattern that is not served.
    restricted: Vec<String>,
}

pub(super) fn rows(matrix: &mut Matrix, site: &Site, name: Name) -> Result<()> {
    let Some(vault) = &site.environment(name).vault else {
        return Ok(());
    };
    let other = site.environment(name.other()).vault.as_ref();
    let examples = if vault.path.is_dir() {
        examples(vault, other.map(|other| other.path.as_path()))
    } else {
        matrix.left_out.push(format!(
            "the files of {}: {} is not on this machine",
            vault.domain,
            vault.path.display()
        ));
        Examples::default()
    };
    let outside = links::leading_out(&vault.path)?;
    let fields = vault_headers();
    for scheme in ["https", "http"] {
        let ask = |path: &str| Request::get(scheme, &vault.domain, path);
        let refused = || Expected {
            no_headers: vec!["Cache-Control".into()],
            ..Expected::one_of([403, 404]).headers(&fields)
        };
        let missing = Expected {
            certificate: scheme == "https",
            http2: scheme == "https",
            ..refused()
        };
        let nowhere = ask("/mkx-probe/none.png");
        matrix.add(Rule::VaultMissing, name, nowhere, missing);
        for (rule, file, path) in served(&examples) {
            let kept = Expected::one_of([200]).header("Cache-Control", IMMUTABLE);
            let expected = Expected {
                file: Some(vault.path.join(&file)),
                ..kept.headers(&fields)
            };
            matrix.add(rule, name, ask(&path), expected);
        }
        for path in restricted(vault, &examples) {
            matrix.add(Rule::Restricted, name, ask(&path), refused());
        }
        for path in outside.iter().filter(|pattern| !pattern.contains('*')) {
            matrix.add(Rule::LeadsOut, name, ask(path), refused());
        }
        if name == Name::Eb {
            let robots = Expected::robots(&fields);
            matrix.add(Rule::Robots, name, ask("/robots.txt"), robots);
        }
    }
    if let (Some(path), Some(other)) = (&examples.own, other) {
        let request = Request::get("https", &other.domain, &format!("/{path}"));
        let expected = Expected::one_of([403, 404]).headers(&fields);
        matrix.add(Rule::OwnEnvironment, name.other(), request, expected);
    }
    Ok(())
}

/// Files, and the paths that they are asked for by.
fn served(examples: &Examples) -> Vec<(Rule, String, String)> {
    let present = [&examples.served, &examples.own].into_iter().flatten();
    let present = present.map(|file| (Rule::VaultFile, file.clone(), format!("/{file}")));
    let former = examples.former.iter();
    let former = former.map(|(file, path)| (Rule::VaultLegacy, file.clone(), path.clone()));
    present.chain(former).collect()
}

fn whole(rewrite: &Rewrite) -> Option<Regex> {
    Regex::new(&format!("^(?:{})$", rewrite.path)).ok()
}

/// The path that the document makes of this one, where it makes any.
fn rewritten(rewrite: &Rewrite, pattern: &Regex, path: &str) -> Option<String> {
    let groups = pattern.captures(path)?;
    let mut to = rewrite.to.clone();
    for (index, group) in groups.iter().enumerate().skip(1) {
        let mut part = group.map_or("", |group| group.as_str()).to_owned();
        if let Some([from, to]) = rewrite.translate.get(&index.to_string()) {
            let at = from.chars().position(|one| part == one.to_string())?;
            part = to.chars().nth(at)?.into();
        }
        to = to.replace(&format!("{{{index}}}"), &part);
    }
    Some(to)
}

/// Restricted files that are there, by every spelling of their path; what is not there is asked
/// for all the same, since a configuration tells even without the file.
fn restricted(vault: &Vault, examples: &Examples) -> Vec<String> {
    let mut paths = Vec::new();
    for pattern in &vault.restricted {
        let stem = pattern.replace('*', "mkx-probe");
        paths.push(format!("/{}", stem.strip_prefix('/').unwrap_or(&stem)));
    }
    for file in &examples.restricted {
        let (first, rest) = file.split_at(1);
        let upper = file.to_uppercase();
        paths.extend([
            format!("/{file}"),
            format!("//{file}"),
            format!("/./{file}"),
            format!("/mkx/../{file}"),
            format!("/%{:02x}{rest}", first.as_bytes()[0]),
            format!("/{upper}"),
        ]);
    }
    paths
}

fn examples(vault: &Vault, other: Option<&Path>) -> Examples {
    let mut examples = Examples::default();
    let legacy = vault.legacy_paths.as_ref();
    let example = legacy.and_then(|legacy| Some((&legacy.example, whole(&legacy.example)?)));
    let former = |path: &str| {
        let (rewrite, pattern) = example.as_ref()?;
        rewritten(rewrite, pattern, path)
    };
    let mut patterns: Vec<&String> = vault.restricted.iter().collect();
    let files = WalkDir::new(&vault.path)
        .sort_by_file_name()
        .into_iter()
        .filter_map(std::result::Result::ok)
        .take(LOOKED_AT)
        .filter(|entry| entry.file_type().is_file());
    for entry in files {
        let Some(path) = below(&vault.path, entry.path()) else {
            continue;
        };
        let asked = format!("/{path}");
        let is_hit = |pattern: &str| is_path(pattern, &asked).unwrap_or(false);
        if vault.restricted.iter().any(|pattern| is_hit(pattern)) {
            if patterns.iter().any(|pattern| is_hit(pattern)) {
                patterns.retain(|pattern| !is_hit(pattern));
                examples.restricted.push(path);
            }
            continue;
        }
        if entry.file_name().to_string_lossy().starts_with("index.") {
            continue;
        }
        if examples.former.is_none()
            && let Some(former) = former(&asked)
        {
            examples.former = Some((path.clone(), former));
        }
        let is_missing = |other: &Path| std::fs::symlink_metadata(other.join(&path)).is_err();
        if examples.own.is_none() && other.is_some_and(is_missing) {
            examples.own = Some(path.clone());
        }
        examples.served.get_or_insert(path);
    }
    examples
}

/// The path below the root, where a URL can hold it as it is.
fn below(root: &Path, path: &Path) -> Option<String> {
    let text = path.strip_prefix(root).ok()?.to_str()?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    text.bytes().all(is_plain).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_path_is_made_of_a_files_as_the_document_says() {
        let rewrite = Rewrite {
            path: "/([0-3])(.)/(.*)".into(),
            to: "/{1}{2}/00/{3}".into(),
            translate: [("1".into(), ["0123".into(), "cdef".into()])].into(),
        };
        let made = |path| rewritten(&rewrite, &whole(&rewrite).unwrap(), path);
        assert_eq!(made("/24/a.png").as_deref(), Some("/e4/00/a.png"));
        assert_eq!(made("/a4/a.png"), None);
    }
}
