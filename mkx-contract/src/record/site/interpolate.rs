//! `${NAME}` in the text of an environment: the value that its own env files give to NAME.
//!
//! For what is written in an env file already and is no secret (a port, a host name, a path).
//! `directory` and `env_files` say where the env files are and are taken as they stand.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::env_file;
use super::problem::{Problem, Problems};
use crate::record::secret::is_secret_name;

/// Resolves every reference in both environments.
///
/// A problem is at the place of the reference where no env file sets the variable, where its name
/// says that it is a secret, or where the reference is not closed; and at the place of the env file
/// where that can not be read.
pub fn environments(site: &mut Value, found: &mut Problems, folder: &Path) {
    for name in ["ea", "eb"] {
        let way = vec!["environments".to_owned(), name.to_owned()];
        let Some(environment) = site
            .get_mut("environments")
            .and_then(|environments| environments.get_mut(name))
        else {
            continue;
        };
        let env_files = EnvFiles::of(environment, folder);
        Resolver { env_files, found }.walk(environment, &way);
    }
}

/// The environment's env files; read when the first reference is met.
struct EnvFiles {
    paths: Vec<PathBuf>,
    texts: Option<Vec<String>>,
}

impl EnvFiles {
    fn of(environment: &Value, folder: &Path) -> EnvFiles {
        let directory = environment
            .get("directory")
            .and_then(Value::as_str)
            .unwrap_or("");
        let directory = folder.join(directory);
        let paths = environment
            .get("env_files")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|file| directory.join(file))
            .collect();
        EnvFiles { paths, texts: None }
    }
}

struct Resolver<'a> {
    env_files: EnvFiles,
    found: &'a mut Problems,
}

impl Resolver<'_> {
    fn walk(&mut self, value: &mut Value, way: &[String]) {
        let deeper = |name: &str| [way, &[name.to_owned()]].concat();
        match value {
            Value::String(text) if text.contains("${") => match self.resolve(text, way) {
                Ok(resolved) => *text = resolved,
                Err(problem) => self.found.add_at(&problem.pointer, problem.message),
            },
            Value::Array(items) => items
                .iter_mut()
                .enumerate()
                .for_each(|(index, item)| self.walk(item, &deeper(&index.to_string()))),
            Value::Object(fields) => fields
                .iter_mut()
                .filter(|(name, _)| {
                    way.len() != 2 || !matches!(name.as_str(), "directory" | "env_files")
                })
                .for_each(|(name, field)| self.walk(field, &deeper(name))),
            _ => {}
        }
    }

    fn resolve(&mut self, text: &str, way: &[String]) -> Result<String, Problem> {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            resolved.push_str(&rest[..start]);
            let reference = &rest[start + 2..];
            let Some(end) = reference.find('}') else {
                return Err(Problem::at(way, "\"${\" is not closed with \"}\""));
            };
            resolved.push_str(&self.value_of(&reference[..end], way)?);
            rest = &reference[end + 1..];
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    fn value_of(&mut self, name: &str, way: &[String]) -> Result<String, Problem> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(Problem::at(
                way,
                format!("${{{name}}} is not a variable; only ${{NAME}} is known here"),
            ));
        }
        if is_secret_name(name) {
            return Err(Problem::at(
                way,
                format!(
                    "${{{name}}} is a secret by its name; the document holds the places of secrets, never their values"
                ),
            ));
        }
        let value = self
            .texts(way)?
            .iter()
            .rev()
            .find_map(|text| env_file::lookup(text, name));
        match value {
            Some(value) if value.contains("${") => Err(Problem::at(
                way,
                format!(
                    "the value of {name} holds \"${{\" itself, which Docker Compose alone resolves"
                ),
            )),
            Some(value) => Ok(value),
            None => Err(Problem::at(
                way,
                format!("no env file of the environment sets {name}"),
            )),
        }
    }

    fn texts(&mut self, way: &[String]) -> Result<&[String], Problem> {
        let texts = match self.env_files.texts.take() {
            Some(texts) => texts,
            None => self
                .env_files
                .paths
                .iter()
                .enumerate()
                .map(|(index, path)| {
                    std::fs::read_to_string(path)
                        .map_err(|error| self.unreadable(way, index, &error))
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(self.env_files.texts.insert(texts))
    }

    fn unreadable(&self, way: &[String], index: usize, error: &std::io::Error) -> Problem {
        let place = [&way[..2], &["env_files".to_owned(), index.to_string()]].concat();
        let path = self.env_files.paths[index].display();
        Problem::at(&place, format!("cannot read {path}: {error}"))
    }
}
