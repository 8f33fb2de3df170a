//! Named volumes: production's keep the names that they have, development's are the project's.

use super::Work;
use super::edits::member_lines;

/// Goes through `volumes:`.
pub fn all(work: &mut Work<'_>) {
    let document = work.document;
    let Some((all, volumes)) = document.member(&document.root, "volumes") else {
        return;
    };
    let mut is_left = volumes.entries().is_empty();
    for (key, value) in volumes.entries() {
        let Some(name) = key.scalar() else { continue };
        let of = |member: &str| {
            value
                .entries()
                .iter()
                .find(|(key, _)| key.scalar() == Some(member))
        };
        let engine = work.model.volume_name(name);
        let others = value
            .entries()
            .iter()
            .any(|(key, _)| !matches!(key.scalar(), Some("name" | "external")));
        let parameterised = document.text[value.start..value.end.max(value.start)]
            .contains("${COMPOSE_PROJECT_NAME}");
        if parameterised {
            is_left = true;
            continue;
        }
        let edge_only = !work.edge_stays && used_by_edge_only(work, name);
        if edge_only && !document.is_flow(volumes) {
            let range = member_lines(document, key, value);
            let lines = work.edits.within(&document.text, range.clone());
            if of("external").is_some() {
                work.volumes.push_str(&lines);
            } else {
                work.volumes.push_str(&comments(&lines));
                work.volumes.push_str(&format!(
                    "  {name}:\n    external: true\n    name: {engine}\n"
                ));
            }
            work.edits.replace(range, "");
            continue;
        }
        is_left = true;
        if others {
            work.volumes
                .push_str(&format!("  {name}:\n    name: {engine}\n"));
        } else {
            work.volumes.push_str(&format!(
                "  {name}:\n    external: true\n    name: {engine}\n"
            ));
        }
        if of("name").is_none() && of("external").is_none() {
            // A plain volume is the project's already.
            continue;
        }
        for member in ["external", "name"] {
            let Some((own, node)) = of(member) else {
                continue;
            };
            if document.is_flow(value) {
                continue;
            }
            let range = member_lines(document, own, node);
            let kept = comments(&document.text[range.clone()]);
            work.edits.replace(range, kept);
        }
        if document.is_flow(value) && !others {
            // Nothing behind a colon is no mapping between braces.
            let nothing = if document.is_flow(volumes) { " {}" } else { "" };
            work.edits.replace(key.end + 1..value.end, nothing);
        }
    }
    if !is_left {
        // A key without a value is no mapping.
        work.edits.replace(all.end + 1..all.end + 1, " {}");
    }
}

fn comments(lines: &str) -> String {
    lines
        .lines()
        .filter_map(|line| line.find('#').map(|at| (line, at)))
        .filter(|(line, at)| line[..*at].trim().is_empty() || line[..*at].ends_with(' '))
        .map(|(line, at)| format!("  {}\n", &line[at..]))
        .collect()
}

fn used_by_edge_only(work: &Work<'_>, volume: &str) -> bool {
    let mut users = work.model.services.iter().filter(|(_, service)| {
        service
            .volumes
            .iter()
            .any(|mount| mount.source.as_deref() == Some(volume))
    });
    let first = users.next();
    first.is_some_and(|(name, _)| work.is_edge(name)) && users.next().is_none()
}
