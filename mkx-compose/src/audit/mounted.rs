//! What is mounted into a container, beside what the files say.

use std::collections::BTreeSet;

use super::inspect::real;
use crate::model::{Model, Service};

/// Target, source, and whether it can not be written to.
type Mounted = (String, String, bool);

/// Each mount that is on one side only, in words; true where it is the container that has it.
pub fn compare(model: &Model, written: &Service, running: &Service) -> Vec<(String, bool)> {
    let said = said(model, written);
    let is: BTreeSet<Mounted> = running
        .volumes
        .iter()
        .filter(|mount| matches!(mount.kind.as_str(), "bind" | "volume"))
        .map(|mount| {
            let source = mount.source.clone().unwrap_or_default();
            (mount.target.clone(), source, mount.read_only)
        })
        .collect();
    let mut found = Vec::new();
    for mount in is.difference(&said) {
        if !is_anonymous(&mount.1) && !is_file_of(written, &mount.0) {
            found.push((words(mount), true));
        }
    }
    for mount in said.difference(&is) {
        let nameless = mount.1.is_empty() && is.iter().any(|(target, ..)| *target == mount.0);
        if !nameless {
            found.push((words(mount), false));
        }
    }
    found
}

fn said(model: &Model, written: &Service) -> BTreeSet<Mounted> {
    written
        .volumes
        .iter()
        .filter(|mount| matches!(mount.kind.as_str(), "bind" | "volume"))
        .map(|mount| {
            let source = match (mount.kind.as_str(), mount.source.as_deref()) {
                (_, None | Some("")) => String::new(),
                ("volume", Some(key)) => model.volume_name(key),
                (_, Some(path)) => real(path),
            };
            let target = mount.target.trim_end_matches('/').to_owned();
            (target, source, mount.read_only)
        })
        .collect()
}

/// Volumes that an image asks for are named by the engine.
fn is_anonymous(source: &str) -> bool {
    source.len() == 64 && source.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Docker Compose mounts configs and secrets of the files as files.
fn is_file_of(written: &Service, target: &str) -> bool {
    let configs = written.configs.iter().map(|one| (one, "/"));
    let secrets = written.secrets.iter().map(|one| (one, "/run/secrets/"));
    configs.chain(secrets).any(|(file, folder)| {
        let name = file.target.as_deref().unwrap_or(&file.source);
        let path = if name.starts_with('/') {
            name.to_owned()
        } else {
            format!("{folder}{name}")
        };
        path == target
    })
}

fn words((target, source, read_only): &Mounted) -> String {
    let only = if *read_only { ", read only" } else { "" };
    match source.as_str() {
        "" => format!("a volume at {target}{only}"),
        source => format!("{source} at {target}{only}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(written: &Value, running: &Value, expected: &[(&str, bool)]) {
        let model = json!({"name": "p", "services": {"w": written, "r": running}});
        let model = Model::parse(model).unwrap();
        let found = compare(&model, &model.services["w"], &model.services["r"]);
        let found: Vec<(&str, bool)> = found.iter().map(|(text, is)| (&**text, *is)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_mount_of_one_side_only_is_told() {
        let volume = |source: &str| json!({"type": "volume", "source": source, "target": "/d"});
        let of = |mounts: Value| json!({ "volumes": mounts });
        check(&of(json!([volume("d")])), &of(json!([volume("p_d")])), &[]);
        check(
            &of(json!([volume("d")])),
            &of(json!([volume("p_e")])),
            &[("p_e at /d", true), ("p_d at /d", false)],
        );
        let bind =
            json!({"type": "bind", "source": "/nowhere/x", "target": "/x", "read_only": true});
        check(
            &of(json!([])),
            &of(json!([bind])),
            &[("/nowhere/x at /x, read only", true)],
        );
    }

    #[test]
    fn what_the_engine_and_docker_compose_mount_by_themselves_is_not() {
        let anonymous = json!({"type": "volume", "source": "0a".repeat(32), "target": "/d"});
        check(&json!({}), &json!({"volumes": [anonymous]}), &[]);
        let nameless = json!({"volumes": [{"type": "volume", "target": "/d/"}]});
        check(&nameless, &json!({"volumes": [anonymous]}), &[]);
        check(&nameless, &json!({}), &[("a volume at /d", false)]);
        let secret = json!({"type": "bind", "source": "/s", "target": "/run/secrets/key"});
        let written = json!({"secrets": [{"source": "key"}]});
        check(&written, &json!({"volumes": [secret]}), &[]);
    }
}
