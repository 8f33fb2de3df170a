//! A throw-away site: a server and a vault for each environment, and the site document of the
//! Makapix preset aimed at them. Everything is gone when it is dropped.

use crate::generate::{self, Spec, World, vault};
use crate::kept::Kept;
use crate::postgres_server::{Fill, Login, Options, PASSWORD, PostgresServer, roles};
use crate::tool::Tool;
use mkx_contract::Result;
use serde_json::{Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The database's name in both environments, as on the real site.
pub const DATABASE: &str = "makapix";

/// Both environments' servers and vaults.
#[derive(Debug)]
pub struct Site {
    /// Production's server; `mkx_reader` may only SELECT.
    pub ea: PostgresServer,
    /// Development's server, with an empty database.
    pub eb: PostgresServer,
    directory: TempDir,
}

/// How much there is in production.
#[derive(Debug)]
pub struct Size {
    /// Accounts, seed, canaries.
    pub spec: Spec,
    /// At most that many vault files; none: all that the rows refer to.
    pub max_files: Option<u64>,
}

impl Size {
    /// Another for each other content.
    fn name(&self) -> String {
        let mut hasher = DefaultHasher::new();
        format!("{self:?}").hash(&mut hasher);
        format!("makapix-{}-{:x}", self.spec.users, hasher.finish())
    }
}

/// An empty database with the application's roles.
fn make_database(server: &PostgresServer) -> Result<()> {
    server.create_database(DATABASE);
    server.create_roles(DATABASE);
    Ok(())
}

fn load(server: &PostgresServer, size: &Size, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    say("production's database");
    generate::load(&server.url(DATABASE), &World::new(&size.spec), true, say)?;
    server.create_roles(DATABASE);
    Ok(())
}

impl Site {
    /// Starts both servers, fills production and its vault, and writes the site document. What is
    /// small is kept, and copied the next time.
    ///
    /// # Errors
    /// Those of the generator.
    pub fn make(size: &Size, say: &(dyn Fn(&str) + Sync)) -> Result<Site> {
        if size.spec.users > 2_000 {
            let site = Self::empty();
            site.fill(size, say)?;
            return Ok(site);
        }
        let site = Self::holding(&size.name(), &|ea| load(ea, size, say), [None, None])?;
        std::fs::remove_dir(site.ea_vault()).expect("the site's folder is ours");
        Kept::new(&format!("vault-{}", size.name())).bring(&site.ea_vault(), || {
            std::fs::create_dir(site.ea_vault()).expect("the site's folder is ours");
            site.fill_vault(size, say)
        })?;
        Ok(site)
    }

    /// Fills production and its vault.
    ///
    /// # Errors
    /// Those of the generator.
    pub fn fill(&self, size: &Size, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
        load(&self.ea, size, say)?;
        self.fill_vault(size, say)
    }

    fn fill_vault(&self, size: &Size, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
        say("production's vault");
        let url = self.ea.url(DATABASE);
        vault::write(&url, &self.ea_vault(), size.max_files, say)?;
        Ok(())
    }

    /// As `make` does, with the preset's policy beside the site document.
    ///
    /// # Panics
    /// When production or the policy can not be made.
    #[track_caller]
    pub fn with_policy(size: &Size) -> Site {
        let site = Self::make(size, &|_| {}).expect("production is made");
        site.bring_policy();
        site
    }

    /// Puts the preset's policy beside the site document.
    ///
    /// # Panics
    /// When it can not be written.
    #[track_caller]
    pub fn bring_policy(&self) {
        Tool::new("mkx-sample")
            .directory(self.folder())
            .args(["policy", "init", "--preset", "makapix"])
            .run()
            .expect_code(0);
    }

    /// Production holds another application's schemas and rows, which the reader may see, and
    /// `policy.json` is its policy; development's database is empty.
    ///
    /// # Panics
    /// When the server does not take the schema.
    #[track_caller]
    pub fn of_application(schema: &str, schemas: &str, policy: &str) -> Site {
        let site = Self::empty();
        site.hold(schema, schemas, policy);
        site
    }

    /// Makes of an empty site what [`Site::of_application`] makes.
    ///
    /// # Panics
    /// When the server does not take the schema.
    #[track_caller]
    pub fn hold(&self, schema: &str, schemas: &str, policy: &str) {
        let mut production = self.ea.client(DATABASE);
        let grants = format!(
            "GRANT USAGE ON SCHEMA {schemas} TO {reader};
             GRANT SELECT ON ALL TABLES IN SCHEMA {schemas} TO {reader};
             GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schemas} TO {reader};",
            reader = roles::READER
        );
        for sql in [schema, &grants] {
            if let Err(error) = production.batch_execute(sql) {
                panic!("cannot fill production: {:?}", error.as_db_error());
            }
        }
        self.write("policy.json", policy);
    }

    /// Both servers with empty databases, and empty vaults.
    pub fn empty() -> Site {
        Self::empty_with([None, None])
    }

    /// As `empty` does, with the programs in these directories for production's server and for
    /// development's; none: the newest on this machine.
    pub fn empty_with(programs: [Option<PathBuf>; 2]) -> Site {
        let nothing: Fill<'_> = &|_| Ok(());
        Self::holding("empty", nothing, programs).expect("an empty database can be made")
    }

    /// `content` says all that `fill` puts into production depends on.
    fn holding(content: &str, fill: Fill<'_>, programs: [Option<PathBuf>; 2]) -> Result<Site> {
        let [ea, eb] = programs.map(|programs| Options {
            login: Login::Password,
            programs,
            ..Options::default()
        });
        let directory = tempfile::Builder::new()
            .prefix("mkx-site-")
            .tempdir()
            .expect("a temporary directory can be made");
        let site = Site {
            ea: PostgresServer::holding(content, &ea, &|ea| {
                make_database(ea)?;
                fill(ea)
            })?,
            eb: PostgresServer::holding("empty", &eb, &make_database)?,
            directory,
        };
        for folder in ["vault-1", "vault-dev", "secrets", "ea", "eb"] {
            std::fs::create_dir(site.path(folder)).expect("the site's folder is ours");
        }
        site.write("secrets/ea-reader-password", PASSWORD);
        site.write("eb/.env", &format!("DB_ADMIN_PASSWORD={PASSWORD}\n"));
        site.write("ea/.env", "");
        site.write("site.json", &format!("{:#}\n", site.document()));
        Ok(site)
    }

    /// A path below the site's folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// The site document's file.
    pub fn document_path(&self) -> PathBuf {
        self.path("site.json")
    }

    /// Production's vault.
    pub fn ea_vault(&self) -> PathBuf {
        self.path("vault-1")
    }

    /// Development's vault.
    pub fn eb_vault(&self) -> PathBuf {
        self.path("vault-dev")
    }

    /// The folder that holds the site document.
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// The Makapix preset, aimed at these servers and folders.
    fn document(&self) -> Value {
        let preset = include_str!("../../mkx-compose/presets/makapix.json");
        let mut site: Value = serde_json::from_str(preset).expect("a preset is JSON");
        site["state_directory"] = json!("state");
        for (name, server, role) in [
            ("ea", &self.ea, roles::READER),
            ("eb", &self.eb, roles::OWNER),
        ] {
            let environment = &mut site["environments"][name];
            environment["directory"] = json!(name);
            environment["env_files"] = json!([".env"]);
            let database = environment["database"].as_object_mut();
            let database = database.expect("the preset has a database");
            database.remove("client_command");
            database.remove("client_url");
            database.insert(
                "url".into(),
                json!(server.url_without_password(role, DATABASE)),
            );
        }
        site["environments"]["ea"]["vault"]["path"] = json!("vault-1");
        site["environments"]["eb"]["vault"]["path"] = json!("vault-dev");
        site
    }

    fn write(&self, relative: &str, text: &str) {
        std::fs::write(self.path(relative), text).expect("the site's folder is ours");
    }
}
