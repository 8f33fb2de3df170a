//! EB's server: the databases around EB's own, made, marked, cloned and removed. Nothing without
//! our mark is ever removed.

use crate::database::mark::Mark;
use mkx_contract::tool::voice;
use mkx_contract::{Failure, Result};
use postgres::Client;
use postgres::error::SqlState;

use crate::database::endpoint::{Endpoint, advised, cause};
use crate::sql::{identifier, literal};
use crate::target::names::Names;

/// A comment can not be part of CREATE DATABASE, so for an instant a database of ours has none.
/// Until it has, it is known by this connection limit ("mkx" in ASCII), which can.
const BIRTHMARK: i32 = 0x6d_6b_78;

/// Databases that any cluster has, to be in while others are renamed.
const MAINTENANCE: [&str; 2] = ["postgres", "template1"];

/// How databases sort, compare and store text.
#[derive(Debug, Clone)]
pub struct Locale {
    encoding: String,
    collate: String,
    ctype: String,
    provider: String,
    locale: Option<String>,
}

impl Locale {
    /// The locale of the database that the session is in.
    ///
    /// # Errors
    /// Exit 4.
    pub fn of(client: &mut Client) -> Result<Locale> {
        // The column is called daticulocale until PostgreSQL 16, datlocale from 17.
        let row = client
            .query_one(
                "SELECT pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text,
                        datlocprovider::text,
                        COALESCE(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')
                 FROM pg_database d WHERE datname = current_database()",
                &[],
            )
            .map_err(|error| Failure::peer(format!("cannot read the locale: {}", cause(&error))))?;
        Ok(Locale {
            encoding: row.get(0),
            collate: row.get(1),
            ctype: row.get(2),
            provider: row.get(3),
            locale: row.get(4),
        })
    }

    fn clauses(&self) -> String {
        let locale = literal(self.locale.as_deref().unwrap_or_default());
        let provider = match self.provider.as_str() {
            "i" => format!("icu ICU_LOCALE {locale}"),
            "b" => format!("builtin BUILTIN_LOCALE {locale}"),
            _ => "libc".into(),
        };
        format!(
            "ENCODING {} LC_COLLATE {} LC_CTYPE {} LOCALE_PROVIDER {provider}",
            literal(&self.encoding),
            literal(&self.collate),
            literal(&self.ctype)
        )
    }
}

/// What a database of the server says of itself.
pub struct Found {
    /// The number that it keeps whatever it is called.
    pub number: u32,
    /// Its mark, where it has one.
    pub mark: Option<Mark>,
    is_birthmarked: bool,
}

/// EB's server, seen from a database that is not touched.
pub struct Cluster {
    /// EB's own database.
    pub live: Endpoint,
    /// A database of the server that every cluster has.
    pub maintenance: Endpoint,
    /// A session in it.
    pub client: Client,
    /// The databases around EB's own.
    pub names: Names,
    site: Option<String>,
}

impl Cluster {
    /// Opens the server.
    ///
    /// # Errors
    /// Exit 4 where it can not be reached.
    pub fn open(live: &Endpoint, site: Option<&str>) -> Result<Cluster> {
        for name in MAINTENANCE {
            let maintenance = live.with_database(name);
            let options = "-c statement_timeout=0 -c lock_timeout=10s \
                           -c default_transaction_read_only=off -c search_path=pg_catalog";
            if let Some(client) = maintenance.connect_if_exists(options)? {
                return Ok(Cluster {
                    names: Names::of(&live.database()),
                    live: live.clone(),
                    maintenance,
                    client,
                    site: site.map(str::to_owned),
                });
            }
        }
        Err(Failure::peer(format!(
            "cannot work on {}: it has neither a database \"postgres\" nor \"template1\" to be in",
            live.address()
        )))
    }

    /// The same server in a new session.
    ///
    /// # Errors
    /// As [`Cluster::open`].
    pub fn reopened(&self) -> Result<Cluster> {
        Cluster::open(&self.live, self.site.as_deref())
    }

    /// How a database of this server is reached.
    pub fn endpoint(&self, name: &str) -> Endpoint {
        self.live.with_database(name)
    }

    /// Runs one statement; `doing` completes "cannot …".
    ///
    /// # Errors
    /// Exit 4.
    pub fn execute(&mut self, statement: &str, doing: &str) -> Result<()> {
        let done = self.client.batch_execute(statement);
        done.map_err(|error| advised(self.cannot(doing, &error), &error))
    }

    fn cannot(&self, doing: &str, error: &postgres::Error) -> Failure {
        let (address, cause) = (self.live.address(), cause(error));
        Failure::peer(format!("cannot {doing} on {address}: {cause}"))
    }

    /// True where the database is there and ours.
    ///
    /// # Errors
    /// Exit 5 where it is there and someone else's.
    fn is_ours(&mut self, name: &str) -> Result<bool> {
        let Some(found) = self.find(name)? else {
            return Ok(false);
        };
        let is_marked = found.mark.is_some_and(|mark| mark.site == self.site);
        if is_marked || found.is_birthmarked {
            return Ok(true);
        }
        Err(Failure::refused(format!(
            "cannot use the name \"{name}\" on {}: a database that is not ours has it",
            self.live.address()
        ))
        .hint(format!(
            "put it aside: ALTER DATABASE {0} RENAME TO …",
            identifier(name)
        )))
    }

    /// Passes where every name that a build needs is free or ours.
    ///
    /// # Errors
    /// Exit 5.
    pub fn check_names(&mut self) -> Result<()> {
        let names = self.names.clone();
        for name in names
            .leftovers()
            .into_iter()
            .chain([names.pristine.as_str()])
        {
            self.is_ours(name)?;
        }
        Ok(())
    }

    /// The mark of the untouched copy to go back to, where there is one that was finished.
    ///
    /// # Errors
    /// Exit 5 where its name is someone else's.
    pub fn pristine_mark(&mut self) -> Result<Option<Mark>> {
        let name = self.names.pristine.clone();
        if !self.is_ours(&name)? {
            return Ok(None);
        }
        Ok(self.find(&name)?.and_then(|found| found.mark))
    }

    /// Looks for a database of the server.
    ///
    /// # Errors
    /// Exit 4.
    pub fn find(&mut self, name: &str) -> Result<Option<Found>> {
        let row = self.client.query_opt(
            "SELECT shobj_description(oid, 'pg_database'), datconnlimit, oid
             FROM pg_database WHERE datname = $1::text",
            &[&name],
        );
        let row = row.map_err(|error| self.maintenance.cannot("look around from", &error))?;
        Ok(row.map(|row| {
            let comment: Option<String> = row.get(0);
            Found {
                number: row.get(2),
                is_birthmarked: comment.is_none() && row.get::<_, i32>(1) == BIRTHMARK,
                mark: comment.as_deref().and_then(Mark::parse),
            }
        }))
    }

    /// Removes what a killed run left behind, and returns its names.
    ///
    /// # Errors
    /// Exit 5 where a name is someone else's; exit 4 where it can not be removed.
    pub fn remove_leftovers(&mut self) -> Result<Vec<String>> {
        let mut removed = Vec::new();
        for name in self.names.leftovers().map(str::to_owned) {
            if self.is_ours(&name)? {
                self.remove(&name)?;
                removed.push(name);
            }
        }
        Ok(removed)
    }

    /// Removes a database of ours, and whoever is in it.
    ///
    /// # Errors
    /// Exit 4; exit 5 where it is not ours.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        if self.is_ours(name)? {
            let drop = format!("DROP DATABASE {}", identifier(name));
            let forced = self.client.batch_execute(&format!("{drop} WITH (FORCE)"));
            if forced.is_err() {
                // FORCE stops at an autovacuum worker, unless the role may signal all; without
                // it the server ends that worker by itself.
                self.end_sessions(&[name])?;
                self.execute(&drop, &format!("remove \"{name}\""))?;
            }
        }
        Ok(())
    }

    /// Makes an empty database with production's locale, and marks it.
    ///
    /// # Errors
    /// Exit 4.
    pub fn create(&mut self, name: &str, owner: &str, locale: &Locale, mark: &Mark) -> Result<()> {
        let head = format!(
            "CREATE DATABASE {} OWNER {} TEMPLATE template0 CONNECTION LIMIT {BIRTHMARK}",
            identifier(name),
            identifier(owner)
        );
        let exact = format!("{head} {}", locale.clauses());
        match self.client.batch_execute(&exact) {
            Ok(()) => {}
            Err(error) if is_about_locale(&error) => {
                voice::warn(format!(
                    "the development server does not know production's locale ({}): text may sort otherwise there",
                    cause(&error)
                ));
                let plain = format!("{head} ENCODING {}", literal(&locale.encoding));
                self.execute(&plain, &format!("make \"{name}\""))?;
            }
            Err(error) => return Err(self.cannot_make(name, &error)),
        }
        self.mark(name, mark)
    }

    fn cannot_make(&self, name: &str, error: &postgres::Error) -> Failure {
        let failure = self.cannot(&format!("make \"{name}\""), error);
        if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            let role = identifier(&self.live.role());
            return failure.hint(format!(
                "let the role make databases: ALTER ROLE {role} CREATEDB"
            ));
        }
        advised(failure, error)
    }

    /// Makes a copy of a database that nobody is in, and marks it. An untouchable copy lets
    /// nobody in.
    ///
    /// # Errors
    /// Exit 4.
    pub fn clone(
        &mut self,
        from: &str,
        to: &str,
        owner: &str,
        mark: &Mark,
        is_untouchable: bool,
    ) -> Result<()> {
        self.end_sessions(&[from])?;
        let statement = format!(
            "CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy \
             CONNECTION LIMIT {BIRTHMARK} ALLOW_CONNECTIONS {}",
            identifier(to),
            identifier(owner),
            identifier(from),
            !is_untouchable,
        );
        let made = self.client.batch_execute(&statement);
        made.map_err(|error| self.cannot_make(to, &error))?;
        self.mark(to, mark)
    }

    /// Writes a database's mark.
    ///
    /// # Errors
    /// Exit 4.
    pub fn mark(&mut self, name: &str, mark: &Mark) -> Result<()> {
        let (name, comment) = (identifier(name), literal(&mark.to_comment()));
        let comment = format!("COMMENT ON DATABASE {name} IS {comment}");
        let statements = format!("{comment}; ALTER DATABASE {name} CONNECTION LIMIT -1");
        self.execute(&statements, &format!("mark {name}"))
    }

    /// Roles that are in EB's own database and whose sessions can not be ended at the swap.
    ///
    /// # Errors
    /// Exit 4.
    pub fn unendable(&mut self) -> Result<Vec<String>> {
        let rows = self
            .client
            .query(
                "SELECT DISTINCT s.usename::text FROM pg_stat_activity s JOIN pg_roles r ON r.oid = s.usesysid
                 JOIN pg_roles me ON me.rolname = current_user
                 WHERE s.datname = $1::text AND s.pid <> pg_backend_pid() AND NOT me.rolsuper
                   AND (r.rolsuper OR NOT (pg_has_role(s.usesysid, 'USAGE')
                                           OR pg_has_role('pg_signal_backend', 'USAGE')))",
                &[&self.names.live],
            )
            .map_err(|error| self.maintenance.cannot("look around from", &error))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Ends every session in these databases that the role may end.
    ///
    /// # Errors
    /// Exit 4.
    pub fn end_sessions(&mut self, names: &[&str]) -> Result<()> {
        end_sessions(&mut self.client, names)
            .map_err(|error| self.maintenance.cannot("end sessions from", &error))
    }
}

/// Removes what is left, best effort: what can not be removed now, the next run removes.
pub fn clean_up(live: &Endpoint, site: Option<&str>, what: &str) {
    let removed = Cluster::open(live, site).and_then(|mut cluster| cluster.remove_leftovers());
    if let Err(failure) = removed {
        voice::warn(format!("{failure}; the next run removes {what}"));
    }
}

/// Ends every session in these databases that the role may end.
pub fn end_sessions(client: &mut Client, names: &[&str]) -> Result<(), postgres::Error> {
    let sessions = client.query(
        "SELECT pid FROM pg_stat_activity
         WHERE datname = ANY($1::text[]) AND pid <> pg_backend_pid()",
        &[&names],
    )?;
    for session in &sessions {
        let pid: i32 = session.get(0);
        match client.query_one("SELECT pg_terminate_backend($1)", &[&pid]) {
            Ok(_) => {}
            // A superuser's: the rename will say so.
            Err(error) if error.as_db_error().is_some() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The server has no such locale, or it does not go with the encoding.
fn is_about_locale(error: &postgres::Error) -> bool {
    let words = cause(error);
    error.as_db_error().is_some() && (words.contains("locale") || words.contains("LOCALE"))
}
