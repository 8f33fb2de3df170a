//! The words for the environments: `production` is `ea`, `development` is `eb`.

use serde_json::{Map, Value};

use super::problem::Problems;

const ALIASES: [(&str, &str); 2] = [("production", "ea"), ("development", "eb")];

/// Gives both environments the keys that the tools know, and what their keys imply.
pub fn resolve(site: &mut Value, found: &mut Problems) {
    if let Some(Value::Object(environments)) = site.get_mut("environments") {
        rename(environments, &["environments".into()], found);
        for (role, name) in ALIASES {
            if let Some(Value::Object(environment)) = environments.get_mut(name) {
                environment.entry("role").or_insert_with(|| role.into());
            }
        }
    }
    if let Some(Value::Object(variables)) = site.get_mut("variables") {
        for (name, variable) in variables {
            if let Value::Object(variable) = variable {
                rename(variable, &["variables".into(), name.clone()], found);
            }
        }
    }
}

fn rename(fields: &mut Map<String, Value>, way: &[String], found: &mut Problems) {
    for (alias, name) in ALIASES {
        let Some(value) = fields.shift_remove(alias) else {
            continue;
        };
        if fields.contains_key(name) {
            let place = [way, &[alias.to_owned()]].concat();
            found.add_at(&place, format!("it is there as {name:?} too"));
        } else {
            fields.insert(name.into(), value);
        }
    }
}

/// The way to a place by the names that the document itself uses.
pub fn as_written(site: &Value, pointer: &[String]) -> Vec<String> {
    let mut node = Some(site);
    let written = |name: &String| {
        let alias = ALIASES.iter().find(|(_, short)| short == name);
        let name = match (alias, node) {
            (Some((alias, short)), Some(node))
                if node.get(short).is_none() && node.get(alias).is_some() =>
            {
                (*alias).to_owned()
            }
            _ => name.clone(),
        };
        node = node.and_then(|node| match name.parse::<usize>() {
            Ok(index) if node.is_array() => node.get(index),
            _ => node.get(&name),
        });
        name
    };
    pointer.iter().map(written).collect()
}
