//! What the Docker engine has, and whose it says that is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

/// Everything that can be somebody's.
#[derive(Debug, Clone, Default)]
pub struct Engine {
    /// Every container, running or not.
    pub containers: Vec<Container>,
    /// Every volume, by its name.
    pub volumes: BTreeMap<String, Volume>,
    /// Every network by its name, and the project that made it.
    pub networks: BTreeMap<String, Option<String>>,
}

/// A volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// The project that made it.
    pub project: Option<String>,
    /// Where it lies on the host: the engine's folder, and the one that stands for it.
    pub folders: Vec<PathBuf>,
}

/// A container as `docker inspect` shows it.
#[derive(Debug, Clone)]
pub struct Container(pub Value);

/// A mount of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<'a> {
    /// The volume's name, where it is one.
    pub volume: Option<&'a str>,
    /// The host's folder or file; a volume that is not local has none.
    pub source: &'a str,
    /// True where the container can not write to it.
    pub read_only: bool,
}

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";

impl Engine {
    /// The containers that Docker Compose made for a service of the project.
    pub fn of(&self, project: &str) -> Vec<&Container> {
        let all = self.containers.iter();
        all.filter(|one| one.is_of(project)).collect()
    }

    /// The project that made this network.
    pub fn network_project(&self, name: &str) -> Option<&str> {
        self.networks.get(name)?.as_deref()
    }

    /// The project that made this volume.
    pub fn volume_project(&self, name: &str) -> Option<&str> {
        self.volumes.get(name)?.project.as_deref()
    }

    /// The containers that have this volume mounted, and whether they only read it.
    pub fn users<'a>(&'a self, volume: &'a str) -> impl Iterator<Item = (&'a Container, bool)> {
        self.containers.iter().filter_map(move |one| {
            let mounts: Vec<Held<'_>> = (one.mounts())
                .filter(|held| self.is_volume(held, volume))
                .collect();
            let only_reads = mounts.iter().all(|held| held.read_only);
            (!mounts.is_empty()).then_some((one, only_reads))
        })
    }

    /// Where a mount lies on the host.
    pub fn folders(&self, held: &Held<'_>) -> Vec<PathBuf> {
        let known = held.volume.and_then(|name| self.volumes.get(name));
        match known {
            Some(volume) => volume.folders.clone(),
            None if held.source.is_empty() => Vec::new(),
            None => vec![PathBuf::from(held.source)],
        }
    }

    /// True where the mount is this volume, by its name or by the folder that it lies in.
    fn is_volume(&self, held: &Held<'_>, name: &str) -> bool {
        let lies_in = |folder: &PathBuf| {
            let mut theirs = self.folders(held).into_iter();
            theirs.any(|other| other.starts_with(folder))
        };
        let volume = self.volumes.get(name);
        held.volume == Some(name) || volume.is_some_and(|one| one.folders.iter().any(lies_in))
    }
}

impl Volume {
    /// Reads what `docker volume inspect` says.
    pub fn of(inspected: &Value) -> Volume {
        let text = |value: &Value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let options = &inspected["Options"];
        // The local driver mounts a folder of the host as `mount` does.
        let bound = options["o"].as_str().is_some_and(|given| {
            let mut words = given.split(',');
            words.any(|word| matches!(word, "bind" | "rbind"))
        });
        let device = text(&options["device"]).filter(|_| bound);
        let folders = text(&inspected["Mountpoint"]).into_iter().chain(device);
        Volume {
            project: text(&inspected["Labels"][PROJECT]),
            folders: folders.map(PathBuf::from).collect(),
        }
    }
}

impl Container {
    /// Its name.
    pub fn name(&self) -> &str {
        let name = self.0["Name"].as_str().unwrap_or_default();
        name.trim_start_matches('/')
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.0["Id"].as_str().unwrap_or_default()
    }

    fn label(&self, name: &str) -> Option<&str> {
        let value = self.0["Config"]["Labels"][name].as_str();
        value.filter(|text| !text.is_empty())
    }

    /// The project that made it.
    pub fn project(&self) -> Option<&str> {
        self.label(PROJECT)
    }

    /// The service that it is for.
    pub fn service(&self) -> Option<&str> {
        self.label(SERVICE)
    }

    /// Which of its service's containers it is.
    pub fn number(&self) -> Option<&str> {
        self.label("com.docker.compose.container-number")
    }

    /// True where Docker Compose made it for a service of the project.
    pub fn is_of(&self, project: &str) -> bool {
        self.project() == Some(project) && self.service().is_some()
    }

    /// True where `docker compose run` made it.
    pub fn is_one_off(&self) -> bool {
        let label = self.label("com.docker.compose.oneoff");
        label.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `running`, `exited`, …
    pub fn status(&self) -> &str {
        self.0["State"]["Status"].as_str().unwrap_or_default()
    }

    /// True where it runs, or goes on by itself: one that is paused, or starts again.
    pub fn is_running(&self) -> bool {
        matches!(self.status(), "running" | "paused" | "restarting")
            || self.0["State"]["Running"].as_bool() == Some(true)
    }

    /// Its name and whose it is, for a person.
    pub fn words(&self) -> String {
        let name = self.name();
        match self.project() {
            Some(project) => format!("{name} (project {project})"),
            None => format!("{name} (no project)"),
        }
    }

    /// What is mounted into it.
    pub fn mounts(&self) -> impl Iterator<Item = Held<'_>> {
        let mounts = self.0["Mounts"].as_array().into_iter().flatten();
        mounts.filter_map(|mount| {
            let volume = match mount["Type"].as_str()? {
                "volume" => Some(mount["Name"].as_str()?),
                "bind" => None,
                _ => return None,
            };
            Some(Held {
                volume,
                source: mount["Source"].as_str().unwrap_or_default(),
                read_only: mount["RW"].as_bool() == Some(false),
            })
        })
    }

    /// The networks that it is on, and the names that it answers to there.
    pub fn answers(&self) -> BTreeMap<&str, Vec<&str>> {
        let networks = self.0["NetworkSettings"]["Networks"].as_object();
        let networks = networks.into_iter().flatten();
        networks
            .map(|(network, attachment)| {
                let texts = |member: &str| {
                    let list = attachment[member].as_array().into_iter().flatten();
                    list.filter_map(Value::as_str)
                };
                // Newer engines say it in DNSNames; both hold the short id.
                let given = texts("Aliases").chain(texts("DNSNames"));
                let mut names: Vec<&str> = given
                    .filter(|name| !(name.len() >= 12 && self.id().starts_with(name)))
                    .collect();
                names.push(self.name());
                names.sort_unstable();
                names.dedup();
                (network.as_str(), names)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_answers_to_its_aliases_and_its_name_but_not_to_its_id() {
        let networks = json!({
            "old": {"Aliases": ["db", "0123456789ab"], "DNSNames": null},
            "new": {"Aliases": null, "DNSNames": ["x-db-1", "0123456789ab", "rows"]},
        });
        let container = Container(json!({
            "Id": "0123456789abcdef",
            "Name": "/x-db-1",
            "NetworkSettings": {"Networks": networks},
        }));
        let answers = container.answers();
        assert_eq!(answers["old"], ["db", "x-db-1"]);
        assert_eq!(answers["new"], ["rows", "x-db-1"]);
    }

    #[test]
    fn a_volume_is_where_its_files_are() {
        let volume = |options: Value| {
            Volume::of(&json!({
                "Mountpoint": "/var/lib/docker/volumes/v/_data",
                "Labels": {"com.docker.compose.project": "shop"},
                "Options": options,
            }))
        };
        assert_eq!(volume(Value::Null).project.as_deref(), Some("shop"));
        let bound = volume(json!({"type": "none", "o": "rw,bind", "device": "/srv/rows"}));
        assert_eq!(bound.folders[1], PathBuf::from("/srv/rows"));
        let disk = volume(json!({"type": "ext4", "device": "/dev/sdb1"}));
        assert_eq!(disk.folders.len(), 1);
        let engine = Engine {
            volumes: [("v".to_owned(), bound)].into(),
            ..Engine::default()
        };
        let held = |source| Held {
            volume: None,
            source,
            read_only: false,
        };
        assert!(engine.is_volume(&held("/srv/rows/base"), "v"));
        assert!(!engine.is_volume(&held("/srv"), "v"));
    }

    #[test]
    fn what_is_paused_or_starts_again_runs() {
        for (status, runs) in [
            ("running", true),
            ("paused", true),
            ("restarting", true),
            ("created", false),
            ("exited", false),
        ] {
            let container = Container(json!({"State": {"Status": status}}));
            assert_eq!(container.is_running(), runs, "{status}");
        }
    }
}
