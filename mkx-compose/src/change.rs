//! What a change to an environment must pass before Docker Compose is asked for it.

use mkx_contract::tool::compose::{Compose, Profiles};
use mkx_contract::{Environment, EnvironmentName, Failure, Record, Result, Site};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::model::Model;

/// What was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// `up`, `down`, `build`, `restart`.
    pub verb: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// Its project.
    pub project: String,
    /// The services that were named; empty: all.
    pub services: Vec<String>,
    /// Milliseconds.
    pub duration_ms: u64,
}

impl Record for Change {
    const RECORD: &'static str = "mkx.compose.change/1";
}

/// What a change may touch of an environment: the services that it is about, and what they use.
///
/// # Errors
/// Exit 3 where the files can not be resolved.
pub fn touched(compose: &Compose, environment: &Environment, words: &[&str]) -> Result<Touched> {
    let chosen = Model::parse(compose.config(environment, Profiles::Chosen)?)?;
    let is_known = |word: &&str| word.starts_with('-') || chosen.services.contains_key(*word);
    // A service that is named starts whatever its profiles say.
    let whole = match words.iter().all(is_known) {
        true => chosen,
        false => {
            let mut all = Model::parse(compose.config(environment, Profiles::All)?)?;
            let named = all.with_dependencies(words);
            all.keep(|name| chosen.services.contains_key(name) || named.contains(name));
            all
        }
    };
    let named = whole.with_dependencies(words);
    let mut started = whole.clone();
    if !named.is_empty() {
        started.keep(|name| named.contains(name));
    }
    Ok(Touched { whole, started })
}

/// What a change may touch.
pub struct Touched {
    /// Everything of the environment's.
    pub whole: Model,
    /// The services that were named and those that they wait for; all where none was.
    pub started: Model,
}

/// Passes where development's project makes neither the shared network nor a shared volume itself.
///
/// # Errors
/// Exit 5.
pub fn check_shared(site: &Site, model: &Model) -> Result<()> {
    let eb = &site.environments.eb.project;
    for (key, network) in &model.networks {
        if model.network_name(key) == site.shared.network && !network.external {
            return cannot_touch(
                eb,
                &format!(
                    "its network {key} is the shared {}, and it is not external",
                    site.shared.network
                ),
            );
        }
    }
    for (key, volume) in &model.volumes {
        let name = model.volume_name(key);
        if site.shared.volumes.contains(&name) && !volume.external {
            return cannot_touch(
                eb,
                &format!("its volume {key} is the shared {name}, and it is not external"),
            );
        }
    }
    Ok(())
}

fn cannot_touch(project: &str, cause: &str) -> Result<()> {
    Err(
        Failure::refused(format!("cannot touch {project}: {cause}")).hint(
            "give it a name of its own in development's files; mkx-compose audit says where it is",
        ),
    )
}

/// Whose the containers, volumes and networks are that development's project takes for its own.
pub struct Owners<'a> {
    /// The site.
    pub site: &'a Site,
    /// Production's model with every profile; none where its files can not be resolved.
    pub production: Option<&'a Model>,
    /// What the engine has.
    pub engine: &'a Engine,
}

impl Owners<'_> {
    /// Passes where nothing that development's project makes, removes or uses as its own is somebody
    /// else's: production's by its model, any project's by the engine. What it only uses (external)
    /// is looked at where `uses` is true, and must not be production's.
    ///
    /// # Errors
    /// Exit 5.
    pub fn check(&self, model: &Model, uses: bool) -> Result<()> {
        let eb = &self.site.environments.eb.project;
        for (key, volume) in &model.volumes {
            let name = model.volume_name(key);
            let shared = self.site.shared.volumes.contains(&name);
            let owner = match volume.external {
                _ if shared => None,
                true if uses => self.production_has_volume(&name),
                true => None,
                false => self.volume_owner(&name),
            };
            if let Some(owner) = owner {
                return cannot_touch(eb, &format!("its volume {key} is {name}, {owner}"));
            }
        }
        for (key, network) in &model.networks {
            let name = model.network_name(key);
            if network.external {
                continue;
            }
            if let Some(owner) = self.network_owner(&name) {
                return cannot_touch(eb, &format!("its network {key} is {name}, {owner}"));
            }
        }
        for service in model.services.keys() {
            let name = model.container_name(service);
            if let Some(owner) = self.container_owner(&name) {
                return cannot_touch(
                    eb,
                    &format!("its service {service} makes the container {name}, {owner}"),
                );
            }
        }
        Ok(())
    }

    fn ea(&self) -> &str {
        &self.site.environments.ea.project
    }

    /// What the engine says of something that `project` made.
    fn made_by(&self, project: Option<&str>) -> Option<String> {
        let eb = &self.site.environments.eb.project;
        match project? {
            project if project == eb => None,
            project if project == self.ea() => Some("which is production's".into()),
            project => Some(format!("which is of the project {project}")),
        }
    }

    /// Production's by its model, by the project that made it, or by a container that has it.
    fn production_has_volume(&self, name: &str) -> Option<String> {
        let written = self.production.is_some_and(|model| {
            let mut names = model.volumes.keys().map(|key| model.volume_name(key));
            names.any(|one| one == name)
        });
        let made = self.engine.volume_project(name) == Some(self.ea());
        let mut users = self.engine.users(name);
        let mounted = users.any(|(container, _)| container.project() == Some(self.ea()));
        (written || made || mounted).then(|| "which is production's".into())
    }

    fn volume_owner(&self, name: &str) -> Option<String> {
        let eb = self.site.environments.eb.project.as_str();
        self.production_has_volume(name)
            .or_else(|| self.made_by(self.engine.volume_project(name)))
            .or_else(|| {
                let mut users = self.engine.users(name);
                let (other, _) = users.find(|(one, _)| one.project() != Some(eb))?;
                Some(format!("which {} has mounted", other.words()))
            })
    }

    fn network_owner(&self, name: &str) -> Option<String> {
        let written = self.production.is_some_and(|model| {
            let mut names = model.networks.keys().map(|key| model.network_name(key));
            names.any(|one| one == name)
        });
        match written {
            true => Some("which is production's".into()),
            false => self.made_by(self.engine.network_project(name)),
        }
    }

    fn container_owner(&self, name: &str) -> Option<String> {
        let written = self.production.is_some_and(|model| {
            let mut names = model.services.keys().map(|one| model.container_name(one));
            names.any(|one| one == name)
        });
        if written {
            return Some("which is production's".into());
        }
        let mut containers = self.engine.containers.iter();
        let there = containers.find(|one| one.name() == name)?;
        match there.project() {
            None => Some("which somebody made without Docker Compose".into()),
            project => self.made_by(project),
        }
    }
}

/// Passes where no running container of another project writes to a volume that these services
/// mount: two servers on one volume lose what is in it.
///
/// # Errors
/// Exit 5 with the container's name and its project's.
pub fn check_nobody_writes(
    site: &Site,
    environment: &Environment,
    model: &Model,
    engine: &Engine,
) -> Result<()> {
    for key in model.volumes.keys() {
        let name = model.volume_name(key);
        if site.shared.volumes.contains(&name) {
            continue;
        }
        let writer = engine.users(&name).find(|(container, only_reads)| {
            let project = container.project();
            !only_reads && container.is_running() && project != Some(&environment.project)
        });
        if let Some((container, _)) = writer {
            let (project, other) = (&environment.project, container.name());
            return Err(Failure::refused(format!(
                "cannot start {project}: its volume {name} is mounted by {}, which runs and may write to it",
                container.words()
            ))
            .hint(format!(
                "stop it first: docker stop {other}; two servers on one volume destroy what is in it"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Container, Volume};
    use crate::preset::Preset;
    use serde_json::{Value, json};

    fn container(name: &str, project: Option<&str>, status: &str, mount: &Value) -> Container {
        let labels = match project {
            Some(project) => json!({"com.docker.compose.project": project}),
            None => Value::Null,
        };
        Container(json!({
            "Name": format!("/{name}"),
            "Config": {"Labels": labels},
            "State": {"Status": status},
            "Mounts": [mount],
        }))
    }

    fn mount(volume: &str, writes: bool) -> Value {
        json!({"Type": "volume", "Name": volume, "Source": "", "RW": writes})
    }

    /// An engine with a volume, a network and a container of each of these projects, by names that
    /// say nothing: `data-PROJECT`, `net-PROJECT`, `box-PROJECT`.
    fn engine() -> Engine {
        let mut engine = Engine::default();
        for project in ["makapix-prod", "makapix-dev", "former"] {
            let of = Some(project.to_owned());
            let volume = Volume {
                project: of.clone(),
                folders: Vec::new(),
            };
            engine.volumes.insert(format!("data-{project}"), volume);
            engine.networks.insert(format!("net-{project}"), of);
            let name = format!("box-{project}");
            let held = mount(&format!("held-{project}"), true);
            engine
                .containers
                .push(container(&name, Some(project), "exited", &held));
        }
        engine
            .containers
            .push(container("by-hand", None, "running", &mount("hand", true)));
        engine
    }

    #[track_caller]
    fn verdict(done: &Result<()>, expected: Option<&str>) {
        match (done, expected) {
            (Ok(()), None) => {}
            (Err(failure), Some(words)) => {
                assert!(failure.message.contains(words), "{}", failure.message);
                assert_eq!(failure.kind.exit_code(), 5);
            }
            (done, _) => panic!("{done:?}, not {expected:?}"),
        }
    }

    #[track_caller]
    fn check(model: Value, expected: Option<&str>) {
        let production = json!({
            "name": "makapix-prod",
            "services": {"db": {"container_name": "rows"}, "web": {}},
            "networks": {"back": {"name": "back"}, "edge": {"name": "caddy_net", "external": true}},
            "volumes": {
                "pg": {"name": "pgdata", "external": true},
                "tls": {"name": "makapix-stack_caddy_data", "external": true},
            },
        });
        let production = Model::parse(production).unwrap();
        let (site, engine) = (Preset::Makapix.tested(), engine());
        let owners = Owners {
            site: &site,
            production: Some(&production),
            engine: &engine,
        };
        let model = Model::parse(model).unwrap();
        let done = check_shared(&site, &model).and_then(|()| owners.check(&model, true));
        verdict(&done, expected);
    }

    fn volume(volume: Value) -> Value {
        json!({"name": "makapix-dev", "volumes": {"v": volume}})
    }

    fn network(network: Value) -> Value {
        json!({"name": "makapix-dev", "networks": {"n": network}})
    }

    fn service(name: &str) -> Value {
        json!({"name": "makapix-dev", "services": {"db": {"container_name": name}}})
    }

    #[test]
    fn development_never_makes_what_is_shared() {
        check(
            network(json!({"name": "caddy_net", "external": true})),
            None,
        );
        check(network(json!({"name": "caddy_net"})), Some("not external"));
        let tls = "makapix-stack_caddy_data";
        check(volume(json!({"name": tls})), Some("not external"));
        check(volume(json!({"name": tls, "external": true})), None);
    }

    #[test]
    fn development_never_owns_what_is_productions_by_its_model() {
        check(volume(json!({"name": "makapix-dev_pg"})), None);
        check(volume(json!({"name": "pgdata"})), Some("production's"));
        let only_used = json!({"name": "pgdata", "external": true});
        check(volume(only_used), Some("production's"));
        check(network(json!({"name": "back"})), Some("production's"));
        check(service("rows"), Some("production's"));
        check(service("makapix-prod-web-1"), Some("production's"));
        check(service("makapix-dev-db"), None);
        // A prefix says nothing of whose it is.
        check(service("makapix-prod-db"), None);
        check(volume(json!({"name": "makapix-prod_x"})), None);
    }

    #[test]
    fn development_never_owns_what_another_projects_is_by_the_engine() {
        for (project, expected) in [
            ("makapix-dev", None),
            ("makapix-prod", Some("production's")),
            ("former", Some("former")),
        ] {
            check(volume(json!({"name": format!("data-{project}")})), expected);
            check(volume(json!({"name": format!("held-{project}")})), expected);
            check(network(json!({"name": format!("net-{project}")})), expected);
            check(service(&format!("box-{project}")), expected);
        }
        check(volume(json!({"name": "hand"})), Some("by-hand"));
        check(service("by-hand"), Some("without Docker Compose"));
        // What it only uses must not be production's.
        let used = |name: &str| volume(json!({"name": name, "external": true}));
        check(used("data-makapix-prod"), Some("production's"));
        check(used("held-makapix-prod"), Some("production's"));
        check(used("data-former"), None);
    }

    #[test]
    fn what_is_only_used_does_not_keep_development_from_being_taken_down() {
        let (site, engine) = (Preset::Makapix.tested(), engine());
        let owners = Owners {
            site: &site,
            production: None,
            engine: &engine,
        };
        let name = "data-makapix-prod";
        let used = Model::parse(volume(json!({"name": name, "external": true}))).unwrap();
        verdict(&owners.check(&used, false), None);
        let owned = Model::parse(volume(json!({ "name": name }))).unwrap();
        verdict(&owners.check(&owned, false), Some("production's"));
    }

    #[test]
    fn nothing_starts_beside_another_server_on_its_volume() {
        let site = Preset::Makapix.tested();
        let ea = &site.environments.ea;
        let model = json!({"name": "makapix-prod", "volumes": {"pg": {"name": "pgdata"}}});
        let model = Model::parse(model).unwrap();
        let check = |project: Option<&str>, status: &str, writes: bool, expected| {
            let other = container("former-db", project, status, &mount("pgdata", writes));
            let engine = Engine {
                containers: vec![other],
                ..Engine::default()
            };
            let done = check_nobody_writes(&site, ea, &model, &engine);
            verdict(&done, expected);
        };
        let former = Some("former-db (project former)");
        check(Some("former"), "running", true, former);
        check(Some("former"), "paused", true, former);
        check(Some("former"), "exited", true, None);
        check(Some("former"), "running", false, None);
        check(Some("makapix-prod"), "running", true, None);
        check(None, "running", true, Some("former-db (no project)"));
    }
}
