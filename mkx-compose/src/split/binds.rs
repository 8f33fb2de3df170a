//! Folders of the host: what lies in the checkout stays, other paths become variables.

use super::{Variable, Work, reference};
use crate::names;
use crate::yaml::{Kind, Node};

/// Goes through every service's `volumes:`.
pub fn all(work: &mut Work<'_>) {
    let document = work.document;
    let Some((_, services)) = document.member(&document.root, "services") else {
        return;
    };
    for (name, service) in services.entries() {
        let is_edge = name.scalar().is_some_and(|name| work.is_edge(name));
        let own = service
            .entries()
            .iter()
            .find(|(key, _)| key.scalar() == Some("volumes"));
        if let (Some((_, mounts)), false) = (own, is_edge) {
            list(work, mounts);
        }
    }
    for (key, value) in document.root.entries() {
        if key.scalar().is_some_and(|key| key.starts_with("x-")) {
            extension(work, value);
        }
    }
}

/// Files of secrets and configs that lie outside the checkout are each environment's own.
pub fn files(work: &mut Work<'_>) {
    let document = work.document;
    for kind in ["secrets", "configs"] {
        let all = document.member(&document.root, kind);
        for (_, given) in all.iter().flat_map(|(_, all)| all.entries()) {
            if let Some((_, file)) = document.member(given, "file") {
                let path = file.scalar().unwrap_or_default();
                parameterise(work, file, path, (false, true));
            }
        }
    }
}

fn extension(work: &mut Work<'_>, node: &Node) {
    for (key, value) in node.entries() {
        match key.scalar() {
            Some("volumes") => list(work, value),
            _ => extension(work, value),
        }
    }
}

fn list(work: &mut Work<'_>, mounts: &Node) {
    for mount in mounts.items() {
        match &mount.kind {
            Kind::Scalar { value, .. } => {
                let mut parts = value.split(':');
                let (source, mode) = (parts.next().unwrap_or_default(), parts.nth(1));
                parameterise(
                    work,
                    mount,
                    source,
                    (mode.is_some_and(|mode| mode.contains("ro")), false),
                );
            }
            Kind::Mapping(_) => {
                let read_only = work.document.member(mount, "read_only");
                let read_only = read_only.is_some_and(|(_, node)| node.scalar() == Some("true"));
                if let Some((_, source)) = work.document.member(mount, "source") {
                    let path = source.scalar().unwrap_or_default();
                    parameterise(work, source, path, (read_only, false));
                }
            }
            _ => {}
        }
    }
}

fn parameterise(
    work: &mut Work<'_>,
    node: &Node,
    source: &str,
    (read_only, is_file): (bool, bool),
) {
    let (ea, eb) = (&work.site.environments.ea, &work.site.environments.eb);
    let vaults = ea.vault.as_ref().zip(eb.vault.as_ref());
    let vaults = vaults.map(|(ea, eb)| [ea, eb].map(|vault| vault.path.display().to_string()));
    let is_below = |root: &str| source == root || source.starts_with(&format!("{root}/"));
    let is_plain = source.starts_with('/') && !source.contains('$');
    let is_system = ["/etc", "/usr", "/sys", "/proc", "/dev", "/run", "/var/run"]
        .iter()
        .any(|folder| source.starts_with(&format!("{folder}/")));
    if !is_plain || (is_system && !is_file) {
        return;
    }
    let (variable, root, own) = if let Some([vault, own]) = vaults.filter(|[ea, _]| is_below(ea)) {
        ("VAULT_HOST_PATH".to_owned(), vault, own)
    } else if read_only {
        return;
    } else {
        let last = source
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        let word: String = last
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect();
        let translated = names::translated(work.site, source);
        let own = match translated == source {
            true => format!("{}-dev", source.trim_end_matches('/')),
            false => translated,
        };
        // Two folders may end alike.
        let names = (1..).map(|index| match index {
            1 => format!("{word}_HOST_PATH"),
            n => format!("{word}_{n}_HOST_PATH"),
        });
        let mut names = names.filter(|name| {
            let known = work.variables.get(name);
            known.is_none_or(|known| known.ea == source)
        });
        let variable = names.next().unwrap_or_default();
        (variable, source.to_owned(), own)
    };
    let text = &work.document.text[node.start..node.end];
    let changed = text.replacen(&root, &reference(&variable), 1);
    let plain_in_flow = !changed.starts_with(['"', '\'']);
    let changed = match plain_in_flow && in_flow(&work.document.text, node.start) {
        true => format!("\"{changed}\""),
        false => changed,
    };
    work.edits.replace(node.start..node.end, changed);
    work.variables
        .insert(variable, Variable { ea: root, eb: own });
}

/// True where a bracket or brace is open on the line, in front of the place.
fn in_flow(text: &str, at: usize) -> bool {
    let line = &text[text[..at].rfind('\n').map_or(0, |newline| newline + 1)..at];
    line.matches(['[', '{']).count() > line.matches([']', '}']).count()
}
