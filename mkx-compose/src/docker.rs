//! The Docker engine, asked through its own program: containers, images, what is used.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use mkx_contract::tool::compose::{Compose, Profiles};
use mkx_contract::tool::process::{last_words, run, scrubbed};
use mkx_contract::{Environment, Failure, Result};
use serde_json::Value;

use crate::engine::{Container, Engine, Volume};
use crate::model::Model;

/// The environment's model with everything filled in, typed: what `up` starts.
///
/// # Errors
/// As [`Compose::config`].
pub fn model(compose: &Compose, environment: &Environment) -> Result<Model> {
    Model::parse(compose.config(environment, Profiles::Chosen)?)
}

/// The containers of a project, running or not.
///
/// # Errors
/// Exit 4 where the engine can not be reached.
pub fn containers(project: &str) -> Result<Vec<Container>> {
    let filter = format!("label=com.docker.compose.project={project}");
    let all = ["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter];
    let inspected = inspected(&all, "container")?;
    Ok(inspected.into_iter().map(Container).collect())
}

/// What the engine has, whosever it is.
///
/// # Errors
/// Exit 4 where the engine can not be reached.
pub fn engine() -> Result<Engine> {
    let (containers, volumes, networks) = std::thread::scope(|scope| {
        let all = ["ps", "--all", "--quiet", "--no-trunc"];
        let containers = scope.spawn(move || inspected(&all, "container"));
        let volumes = scope.spawn(|| inspected(&["volume", "ls", "--quiet"], "volume"));
        let networks = networks();
        let joined = "asking does not panic";
        let (containers, volumes) = (containers.join(), volumes.join());
        (containers.expect(joined), volumes.expect(joined), networks)
    });
    let name = |volume: &Value| volume["Name"].as_str().unwrap_or_default().to_owned();
    Ok(Engine {
        containers: containers?.into_iter().map(Container).collect(),
        volumes: (volumes?.iter())
            .map(|volume| (name(volume), Volume::of(volume)))
            .collect(),
        networks: networks?,
    })
}

fn networks() -> Result<BTreeMap<String, Option<String>>> {
    let format = "{{.Name}} {{.Label \"com.docker.compose.project\"}}";
    let text = read(&["network", "ls", "--format", format])?;
    let networks = text.lines().filter_map(|line| line.split_once(' '));
    Ok(networks
        .map(|(name, project)| {
            let project = Some(project.to_owned()).filter(|project| !project.is_empty());
            (name.to_owned(), project)
        })
        .collect())
}

/// All that a list names, inspected. What goes in between makes the engine fail: the list is asked
/// for again.
fn inspected(list: &[&str], kind: &str) -> Result<Vec<Value>> {
    let mut tries = 0;
    loop {
        tries += 1;
        let names = read(list)?;
        let names: Vec<&str> = names.split_whitespace().collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        match read(&[&["inspect", "--type", kind][..], &names].concat()) {
            Ok(text) => {
                return serde_json::from_str(&text).map_err(|error| {
                    Failure::peer(format!("cannot read what Docker inspected: {error}"))
                });
            }
            Err(failure) if tries == 5 => return Err(failure),
            Err(_) => {}
        }
    }
}

/// The project whose containers were made from this folder's files; none where there are several.
///
/// # Errors
/// Exit 4 where the engine can not be reached.
pub fn project_in(folder: &Path) -> Result<Option<String>> {
    let label = "com.docker.compose.project.working_dir";
    let filter = format!("label={label}={}", folder.display());
    let format = "{{.Label \"com.docker.compose.project\"}}";
    let text = read(&["ps", "--all", "--filter", &filter, "--format", format])?;
    let projects: BTreeSet<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    Ok(match Vec::from_iter(projects)[..] {
        [one] => Some(one.to_owned()),
        _ => None,
    })
}

/// The images that are here: full name and digest.
///
/// # Errors
/// Exit 4 where the engine can not be reached.
pub fn images() -> Result<BTreeMap<String, String>> {
    let format = "{{.Repository}}:{{.Tag}} {{.ID}}";
    let text = read(&["image", "ls", "--no-trunc", "--format", format])?;
    let images = text.lines().filter_map(|line| line.split_once(' '));
    Ok(images
        .map(|(name, id)| (full_name(name), id.to_owned()))
        .collect())
}

/// An image's name as the engine lists it: without Docker's own registry, with a tag.
pub fn full_name(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

/// What the running containers of a project use now, a JSON object each.
pub fn usage(project: &str) -> Result<Vec<Value>> {
    let filter = format!("label=com.docker.compose.project={project}");
    let names = read(&["ps", "--quiet", "--no-trunc", "--filter", &filter])?;
    let ids: Vec<&str> = names.split_whitespace().collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let flags = [
        "stats",
        "--no-stream",
        "--no-trunc",
        "--format",
        "{{json .}}",
    ];
    let text = read(&[&flags[..], &ids].concat())?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line).map_err(|error| {
                Failure::peer(format!("cannot read what Docker measured: {error}"))
            })
        })
        .collect()
}

fn read(arguments: &[&str]) -> Result<String> {
    let words: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let output = run(&scrubbed(&["docker"], &words), "docker")?;
    if !output.status.success() {
        return Err(Failure::peer(format!(
            "cannot ask Docker for {}: {}",
            arguments[0],
            last_words(&output.stderr)
        )));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::peer("cannot read what Docker answered: it is not UTF-8"))
}
