//! Static subnets: the host has each once, so production keeps them and development gets what the
//! engine gives it.

use indexmap::IndexMap;

use super::Work;
use super::edits::{indent_of, member_lines, reindented};
use crate::yaml::{Kind, Node, contains};

/// Goes through `networks:`, and the addresses that services have on them.
pub fn all(work: &mut Work<'_>) {
    let document = work.document;
    let Some((_, networks)) = document.member(&document.root, "networks") else {
        return;
    };
    let mut moved = Vec::new();
    for (key, network) in networks.entries() {
        let Some(name) = key.scalar() else { continue };
        let is_external = work
            .model
            .networks
            .get(name)
            .is_some_and(|one| one.external);
        if is_external || work.model.network_name(name) == work.site.shared.network {
            continue;
        }
        let Some((own, ipam)) = document.member(network, "ipam") else {
            continue;
        };
        let has_subnet = |node: &Node| {
            node.entries()
                .iter()
                .any(|(key, _)| key.scalar() == Some("subnet"))
        };
        if !contains(document.resolve(ipam), &has_subnet) {
            continue;
        }
        let is_tied = document.is_flow(networks)
            || document.is_flow(network)
            || !network
                .entries()
                .iter()
                .any(|(key, _)| key.start == own.start)
            || contains(ipam, &|node| {
                matches!(node.kind, Kind::Alias(_)) || node.anchor > 0
            });
        if is_tied {
            work.notes.push(format!(
                "networks.{name} has one subnet for both environments: give development's another one by hand"
            ));
            continue;
        }
        let range = member_lines(document, own, ipam);
        let lines = work.edits.within(&document.text, range.clone());
        let lines = reindented(&lines, indent_of(document, own), 4);
        work.networks.push_str(&format!("  {name}:\n{lines}"));
        work.edits.replace(range, "");
        moved.push(name);
    }
    if !moved.is_empty() {
        addresses(work, &moved);
    }
}

/// Fixed addresses in those networks move along.
fn addresses(work: &mut Work<'_>, networks: &[&str]) {
    let document = work.document;
    let services = document.member(&document.root, "services");
    for (key, service) in services.iter().flat_map(|(_, all)| all.entries()) {
        let (Some(name), Some((_, attached))) =
            (key.scalar(), document.member(service, "networks"))
        else {
            continue;
        };
        let mut lines: IndexMap<&str, String> = IndexMap::new();
        for (network, attachment) in document.resolve(attached).entries() {
            let Some(network) = network.scalar().filter(|one| networks.contains(one)) else {
                continue;
            };
            let of = |member: &str| {
                let mut members = attachment.entries().iter();
                members.find(|(key, _)| key.scalar() == Some(member))
            };
            for member in ["ipv4_address", "ipv6_address"] {
                let Some((own, value)) = of(member) else {
                    continue;
                };
                let text = &document.text[value.start..value.end];
                lines
                    .entry(network)
                    .or_default()
                    .push_str(&format!("        {member}: {text}\n"));
                if !document.is_flow(attachment) {
                    work.edits.replace(member_lines(document, own, value), "");
                    continue;
                }
                let others = attachment.entries().len() > 1;
                let range = match others {
                    true => within_braces(&document.text, own.start, value.end),
                    false => attachment.start + 1..attachment.end - 1,
                };
                work.edits.replace(range, "");
            }
        }
        if lines.is_empty() {
            continue;
        }
        let lines = lines
            .iter()
            .map(|(network, lines)| format!("      {network}:\n{lines}"));
        let lines = format!("    networks:\n{}", lines.collect::<String>());
        work.move_lines(name, &lines);
    }
}

/// A member in braces with the comma behind it, or the one before it.
fn within_braces(text: &str, start: usize, end: usize) -> std::ops::Range<usize> {
    let behind = &text[end..];
    let trimmed = behind.trim_start();
    if let Some(rest) = trimmed.strip_prefix(',') {
        return start..text.len() - rest.trim_start().len();
    }
    let before = text[..start].trim_end();
    before.strip_suffix(',').unwrap_or(before).len()..end
}
