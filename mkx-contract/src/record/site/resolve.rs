//! Defaults and absolute paths.

use std::path::{Path, PathBuf};

use super::{Access, Environment, Host, Site};
use crate::record::secret::Source;

/// Fills the defaults that depend on other fields and makes paths absolute.
pub fn make_absolute(site: &mut Site, folder: &Path) {
    if site.state_directory.as_os_str().is_empty() {
        site.state_directory = Path::new("/var/lib/mkx").join(&site.name);
    }
    site.host.get_or_insert_with(Host::here);
    anchor(&mut site.state_directory, folder);
    anchor(&mut site.sample.policy, folder);
    for source in [&mut site.sample.key, &mut site.sample.password] {
        anchor_source(source, folder);
    }
    if let Some(caddyfile) = &mut site.shared.edge.caddyfile {
        let production = site.environments.ea.directory.clone();
        anchor(caddyfile, &folder.join(production));
    }
    if let Some(extra) = &mut site.shared.edge.extra_sites {
        anchor(extra, folder);
    }
    for environment in [&mut site.environments.ea, &mut site.environments.eb] {
        resolve_environment(environment, folder);
    }
}

fn resolve_environment(environment: &mut Environment, folder: &Path) {
    anchor(&mut environment.directory, folder);
    let directory = environment.directory.clone();
    let files = environment.compose_files.iter_mut();
    for path in files.chain(&mut environment.env_files) {
        anchor(path, &directory);
    }
    if let Some(mqtt) = &mut environment.mqtt {
        anchor(&mut mqtt.certificate_directory, &directory);
        anchor(&mut mqtt.config_directory, &directory);
        if let Source::File(path) = &mut mqtt.service.password {
            anchor(path, folder);
        }
    }
    if let Some(vault) = &mut environment.vault {
        anchor(&mut vault.path, folder);
    }
    if let Some(database) = &mut environment.database {
        anchor_source(&mut database.password, folder);
    }
    if let Access::BasicAuth { users_file, .. } = &mut environment.access {
        anchor(users_file, folder);
    }
}

fn anchor_source(source: &mut Option<Source>, folder: &Path) {
    if let Some(Source::File(path)) = source {
        anchor(path, folder);
    }
}

fn anchor(path: &mut PathBuf, folder: &Path) {
    // The components alone: without a slash at the end, without `.`.
    *path = folder.join(&path).components().collect();
}
