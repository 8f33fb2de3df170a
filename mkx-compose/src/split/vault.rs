//! The vault that the edge serves: its labels lead to a folder of the edge's own, so development's
//! vault is mounted beside production's, and development's labels lead there.

use super::Work;
use super::edits::indent_of;
use crate::model::Model;
use crate::yaml::Kind;

/// Where the edge has production's vault, and where it has development's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Production's, in the edge's container.
    pub ea: String,
    /// Development's, in the edge's container.
    pub eb: String,
    /// The mount that is missing for that.
    pub missing: Option<String>,
}

impl Served {
    /// Of a file whose edge mounts production's vault.
    pub fn of(site: &mkx_contract::Site, model: &Model) -> Option<Served> {
        let ea = site.environments.ea.vault.as_ref()?;
        let eb = site.environments.eb.vault.as_ref()?;
        let edge = model.services.get(&site.shared.edge.service)?;
        let target = |path: &std::path::Path| {
            let path = path.to_str();
            let mut mounts = edge.volumes.iter();
            mounts
                .find(|mount| mount.source.as_deref() == path)
                .map(|mount| mount.target.clone())
        };
        let own = target(&ea.path)?;
        let (other, missing) = match target(&eb.path) {
            Some(other) => (other, None),
            None => {
                let plain = own.trim_end_matches('/');
                let other = format!("{}-dev", plain.strip_suffix("-prod").unwrap_or(plain));
                let missing = format!("{}:{other}:ro", eb.path.display());
                (other, Some(missing))
            }
        };
        Some(Served {
            ea: own,
            eb: other,
            missing,
        })
    }

    /// True where a label's text leads to production's vault at `at`.
    pub fn is_at(&self, text: &str, at: usize) -> bool {
        let is_of_paths = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let before = text[..at].chars().next_back();
        text[at..].starts_with(&self.ea)
            && !before.is_some_and(|c| is_of_paths(c) || c == '/')
            && !text[at + self.ea.len()..].starts_with(is_of_paths)
    }
}

/// Mounts it, where labels lead to production's.
pub fn mount(work: &mut Work<'_>) {
    let Some(missing) = work
        .served
        .as_ref()
        .and_then(|served| served.missing.clone())
    else {
        return;
    };
    if !work.variables.contains_key("VAULT_SERVED_PATH") {
        return;
    }
    let document = work.document;
    let edge = &work.site.shared.edge.service;
    let services = document.member(&document.root, "services");
    let edge = services.and_then(|(_, services)| document.member(services, edge));
    let mounts = edge.and_then(|(_, edge)| document.member(edge, "volumes"));
    let last = mounts.and_then(|(_, mounts)| match &mounts.kind {
        Kind::Sequence(items) if !document.is_flow(mounts) => items.last(),
        _ => None,
    });
    let Some(last) = last else {
        work.notes.push(format!(
            "the edge serves development's vault too: mount {missing} into it by hand"
        ));
        return;
    };
    // An item begins behind its hyphen.
    let line = document.text[..last.start]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    let indent = document.text[line..].len() - document.text[line..].trim_start().len();
    let indent = indent.min(indent_of(document, last));
    let end = document.content_end(last);
    let end = document.text[end..]
        .find('\n')
        .map_or(document.text.len(), |at| end + at);
    let text = format!("\n{}- {missing} # development's", " ".repeat(indent));
    work.edits.replace(end..end, text);
}
