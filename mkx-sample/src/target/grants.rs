//! Who may do what in EB: taken from the database that is replaced, and from the site document.
//! Nothing of EA's privileges comes over.

use std::collections::BTreeMap;

use mkx_contract::record::site::Grant;
use mkx_contract::tool::voice;
use mkx_contract::{Failure, Result};
use postgres::Client;

use crate::database::endpoint::{Endpoint, cause};
use crate::sql::{identifier, identifiers, literal};
use crate::target::cluster::Cluster;

/// What the database that is replaced says about privileges; all of it names roles of EB's own
/// cluster.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// The owner of the database.
    pub database_owner: Option<String>,
    /// The role that owns most of the tables.
    pub table_owner: Option<String>,
    connection_limit: Option<i32>,
    /// Nothing: the default privileges of a database.
    database_grants: Option<Vec<Privileges>>,
    /// Role (nothing: every role), name, value.
    settings: Vec<(Option<String>, String, String)>,
    default_privileges: Vec<String>,
    /// Every object, also one that is its owner's alone.
    objects: BTreeMap<Object, ObjectGrants>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Privileges {
    /// `SELECT, INSERT`.
    names: String,
    /// Nothing: everyone.
    role: Option<String>,
    may_grant: bool,
}

/// Kind (`TABLE`, `SEQUENCE`, `SCHEMA`, `FUNCTION`) and name, as SQL.
type Object = (String, String);

/// What others than its owner may do with an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ObjectGrants {
    /// True where everyone lacks what everyone has by default.
    is_closed: bool,
    /// `SELECT, INSERT`, with columns where they are for columns.
    grants: Vec<Privileges>,
}

const DATABASE: &str = "
SELECT pg_get_userbyid(datdba)::text, datconnlimit, datacl IS NULL,
       (SELECT pg_get_userbyid(relowner)::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ('r', 'p') AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
        GROUP BY relowner ORDER BY count(*) DESC, relowner LIMIT 1)
FROM pg_database WHERE datname = current_database()";

const DATABASE_GRANTS: &str = "
SELECT string_agg(privilege_type, ', '), CASE WHEN grantee <> 0 THEN pg_get_userbyid(grantee)::text END,
       is_grantable
FROM pg_database, aclexplode(datacl) WHERE datname = current_database() AND grantee <> datdba
GROUP BY grantee, is_grantable";

const SETTINGS: &str = "
SELECT CASE WHEN setrole <> 0 THEN pg_get_userbyid(setrole)::text END,
       split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
FROM pg_db_role_setting, unnest(setconfig) setting
WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// A default that is replaced as a whole (no schema named) may also lack what everyone has.
const DEFAULT_PRIVILEGES: &str = "
WITH defaults AS (
  SELECT d.oid, defaclacl, defaclnamespace, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I', pg_get_userbyid(defaclrole))
         || COALESCE(' IN SCHEMA ' || quote_ident(nspname), '') AS head, defaclrole,
         CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
              WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' END AS kind
  FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = defaclnamespace)
SELECT format('%s REVOKE ALL ON %s FROM PUBLIC', head, kind) FROM defaults
WHERE defaclnamespace = 0 AND kind IN ('FUNCTIONS', 'TYPES')
  AND NOT EXISTS (SELECT FROM aclexplode(defaclacl) WHERE grantee = 0)
UNION ALL
SELECT format('%s GRANT %s ON %s TO %s%s', head, string_agg(privilege_type, ', '), kind,
              CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
              CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM defaults, aclexplode(defaclacl)
WHERE kind IS NOT NULL AND grantee <> defaclrole
GROUP BY head, kind, grantee, is_grantable";

/// Objects' own privileges (sessions have an empty search path, so that names come whole), but for their owners' and an extension's. The
/// first row of each object has no privileges and says whether everyone lacks the default ones.
const OBJECTS: &str = "
WITH spaces AS (SELECT * FROM pg_namespace
                WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'),
objects AS (
  SELECT CASE WHEN relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
         format('%I.%I', nspname, relname) AS name, relacl AS acl, relowner AS owner,
         NULL::text AS columns, 'pg_class'::regclass AS class, c.oid
  FROM pg_class c JOIN spaces n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'v', 'm', 'S')
  UNION ALL
  SELECT 'TABLE', format('%I.%I', nspname, relname), attacl, relowner, quote_ident(attname),
         'pg_class'::regclass, c.oid
  FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN spaces n ON n.oid = relnamespace
  WHERE attacl IS NOT NULL AND NOT attisdropped
  UNION ALL
  SELECT 'SCHEMA', quote_ident(nspname), nspacl, nspowner, NULL, 'pg_namespace'::regclass, oid FROM spaces
  UNION ALL
  SELECT 'FUNCTION', p.oid::regprocedure::text, proacl, proowner, NULL, 'pg_proc'::regclass, p.oid
  FROM pg_proc p JOIN spaces n ON n.oid = pronamespace WHERE prokind IN ('f', 'w')),
own AS (SELECT * FROM objects o WHERE NOT EXISTS (
          SELECT FROM pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e'))
SELECT kind, name, NULL, NULL, false, bool_or(acl IS NOT NULL AND kind IN ('SCHEMA', 'FUNCTION')
         AND NOT EXISTS (SELECT FROM aclexplode(acl) WHERE grantee = 0)) FROM own GROUP BY kind, name
UNION ALL
SELECT kind, name,
       string_agg(privilege_type || COALESCE(' (' || columns || ')', ''), ', ' ORDER BY columns, privilege_type),
       CASE WHEN grantee <> 0 THEN pg_get_userbyid(grantee)::text END, is_grantable, NULL
FROM own, aclexplode(acl) WHERE grantee <> owner
GROUP BY kind, name, grantee, is_grantable
ORDER BY 1, 2, 3 NULLS FIRST, 4";

impl Kept {
    /// Reads them from the database that is to be replaced.
    ///
    /// # Errors
    /// Exit 4.
    pub fn read(client: &mut Client, live: &Endpoint) -> Result<Kept> {
        Self::try_read(client).map_err(|error| live.cannot("read the privileges of", &error))
    }

    fn try_read(client: &mut Client) -> Result<Kept, postgres::Error> {
        let database = client.query_one(DATABASE, &[])?;
        let has_default_grants: bool = database.get(2);
        let grants = client.query(DATABASE_GRANTS, &[])?;
        let settings = client.query(SETTINGS, &[])?;
        let defaults = client.query(DEFAULT_PRIVILEGES, &[])?;
        let objects = objects(client)?;
        Ok(Kept {
            database_owner: Some(database.get(0)),
            table_owner: database.get(3),
            connection_limit: Some(database.get(1)).filter(|limit| *limit >= 0),
            database_grants: (!has_default_grants)
                .then(|| grants.iter().map(|row| privileges(row, 0)).collect()),
            settings: settings
                .iter()
                .map(|row| (row.get(0), row.get(1), row.get(2)))
                .collect(),
            default_privileges: defaults.iter().map(|row| row.get(0)).collect(),
            objects,
        })
    }
}

fn objects(client: &mut Client) -> Result<BTreeMap<Object, ObjectGrants>, postgres::Error> {
    let mut found = BTreeMap::<Object, ObjectGrants>::new();
    for row in client.query(OBJECTS, &[])? {
        let object = found.entry((row.get(0), row.get(1))).or_default();
        match row.get(5) {
            Some(is_closed) => object.is_closed = is_closed,
            None => object.grants.push(privileges(&row, 2)),
        }
    }
    Ok(found)
}

fn privileges(row: &postgres::Row, at: usize) -> Privileges {
    Privileges {
        names: row.get::<_, Option<String>>(at).unwrap_or_default(),
        role: row.get(at + 1),
        may_grant: row.get(at + 2),
    }
}

impl ObjectGrants {
    /// Default privileges may have given what the object did not have.
    fn put_back(&self, client: &mut Client, (kind, name): &Object, now: &ObjectGrants) {
        for privileges in &now.grants {
            let role = privileges.role();
            keep(client, format!("REVOKE ALL ON {kind} {name} FROM {role}"));
        }
        if self.is_closed {
            keep(client, format!("REVOKE ALL ON {kind} {name} FROM PUBLIC"));
        }
        for privileges in &self.grants {
            keep(client, privileges.statement(&format!("{kind} {name}")));
        }
    }
}

impl Privileges {
    fn role(&self) -> String {
        let role = self.role.as_deref();
        role.map_or_else(|| "PUBLIC".into(), identifier)
    }

    fn statement(&self, object: &str) -> String {
        let role = self.role();
        let option = if self.may_grant {
            " WITH GRANT OPTION"
        } else {
            ""
        };
        format!("GRANT {} ON {object} TO {role}{option}", self.names)
    }
}

/// Who owns what in EB's new database, and what others may do there.
pub struct Privilege<'a> {
    /// From the database that is replaced.
    pub kept: &'a Kept,
    /// From the site document.
    pub grants: &'a [Grant],
    /// The owner of the tables.
    pub owner: &'a str,
}

impl Privilege<'_> {
    /// The owner of the database itself, which need not be that of its tables.
    pub fn database_owner(&self) -> &str {
        self.kept.database_owner.as_deref().unwrap_or(self.owner)
    }

    /// Passes where the roles that the site names are there, and this one can make the owners
    /// owners.
    ///
    /// # Errors
    /// Exit 3 with the role that is missing, or that this one is not a member of.
    pub fn check_roles(&self, client: &mut Client, target: &Endpoint) -> Result<()> {
        let named = self.grants.iter().map(|grant| grant.role.as_str());
        for role in named.chain([self.owner]) {
            let found = client
                .query_opt("SELECT FROM pg_roles WHERE rolname = $1::text", &[&role])
                .map_err(|error| target.cannot("read the roles of", &error))?;
            if found.is_none() {
                return Err(Failure::input(format!(
                    "cannot give {} to the role \"{role}\": there is none on {}",
                    target.database(),
                    target.address()
                ))
                .hint(format!("CREATE ROLE {} LOGIN", identifier(role))));
            }
        }
        for owner in [self.owner, self.database_owner()] {
            check_can_be(client, owner, target)?;
        }
        Ok(())
    }

    /// Defaults, before there is a table: what is made from now on has them, and so does a table
    /// that a migration adds later.
    ///
    /// # Errors
    /// Exit 4.
    pub fn prepare(&self, client: &mut Client, target: &Endpoint) -> Result<()> {
        let owner = identifier(self.owner);
        run(
            client,
            target,
            format!("GRANT ALL ON SCHEMA public TO {owner}"),
        )?;
        for statement in self.kept.default_privileges.iter().cloned() {
            keep(client, statement);
        }
        for grant in self.grants {
            let role = identifier(&grant.role);
            let head = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT");
            for (kind, privileges) in given(grant) {
                let privileges = privileges.join(", ");
                run(
                    client,
                    target,
                    format!("{head} {privileges} ON {kind}S TO {role}"),
                )?;
            }
        }
        Ok(())
    }

    /// What the objects' own privileges are, once they are there.
    ///
    /// # Errors
    /// Exit 4.
    pub fn apply(&self, client: &mut Client, target: &Endpoint) -> Result<()> {
        let now =
            objects(client).map_err(|error| target.cannot("read the privileges of", &error))?;
        for (object, before) in &self.kept.objects {
            if let Some(now) = now.get(object)
                && now != before
            {
                before.put_back(client, object, now);
            }
        }
        let schemas = schemas(client, target)?;
        for grant in self.grants {
            let (role, all) = (identifier(&grant.role), identifiers(&schemas));
            run(
                client,
                target,
                format!("GRANT USAGE ON SCHEMA {all} TO {role}"),
            )?;
            for (kind, privileges) in given(grant) {
                let head = format!("GRANT {} ON ALL {kind}S", privileges.join(", "));
                run(client, target, format!("{head} IN SCHEMA {all} TO {role}"))?;
            }
        }
        Ok(())
    }

    /// The database's own privileges and settings; last, because a setting would hold for our
    /// own sessions too.
    ///
    /// # Errors
    /// Exit 4.
    pub fn seal(&self, cluster: &mut Cluster, name: &str) -> Result<()> {
        let database = format!("DATABASE {}", identifier(name));
        let (client, target) = (&mut cluster.client, &cluster.maintenance);
        if let Some(grants) = &self.kept.database_grants {
            run(
                client,
                target,
                format!("REVOKE ALL ON {database} FROM PUBLIC"),
            )?;
            for privileges in grants {
                keep(client, privileges.statement(&database));
            }
        }
        for grant in self.grants {
            let role = identifier(&grant.role);
            run(
                client,
                target,
                format!("GRANT CONNECT ON {database} TO {role}"),
            )?;
        }
        if let Some(limit) = self.kept.connection_limit {
            keep(client, format!("ALTER {database} CONNECTION LIMIT {limit}"));
        }
        for (role, setting, value) in &self.kept.settings {
            let whose = match role {
                Some(role) => format!("ROLE {} IN {database}", identifier(role)),
                None => database.clone(),
            };
            let value = match LISTS.contains(&setting.as_str()) {
                true => value.clone(),
                false => literal(value),
            };
            let setting = identifier(setting);
            keep(client, format!("ALTER {whose} SET {setting} TO {value}"));
        }
        Ok(())
    }
}

/// Settings whose kept value is a list that is quoted already (GUC_LIST_QUOTE).
const LISTS: [&str; 5] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
];

/// What a grant means for tables, and for the sequences behind their columns.
fn given(grant: &Grant) -> Vec<(&'static str, Vec<&str>)> {
    let has = |name: &str| grant.tables.iter().any(|p| p.eq_ignore_ascii_case(name));
    let sequences = match has("ALL") {
        true => vec!["ALL"],
        false => [
            ("SELECT", "SELECT"),
            ("INSERT", "USAGE"),
            ("UPDATE", "UPDATE"),
        ]
        .into_iter()
        .filter_map(|(of_table, of_sequence)| has(of_table).then_some(of_sequence))
        .collect(),
    };
    let tables = grant.tables.iter().map(String::as_str).collect();
    [("TABLE", tables), ("SEQUENCE", sequences)]
        .into_iter()
        .filter(|(_, privileges): &(_, Vec<&str>)| !privileges.is_empty())
        .collect()
}

fn schemas(client: &mut Client, target: &Endpoint) -> Result<Vec<String>> {
    let rows = client
        .query(
            "SELECT nspname::text FROM pg_namespace
             WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%' ORDER BY 1",
            &[],
        )
        .map_err(|error| target.cannot("read the schemas of", &error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn run(client: &mut Client, target: &Endpoint, statement: String) -> Result<()> {
    client.batch_execute(&statement).map_err(|error| {
        Failure::peer(format!(
            "cannot give privileges in \"{}\" ({statement}): {}",
            target.database(),
            cause(&error)
        ))
    })
}

/// Something of the replaced database's that the role may not do is no reason to fail.
fn keep(client: &mut Client, statement: String) {
    if let Err(error) = client.batch_execute(&statement) {
        let why = cause(&error);
        voice::warn(format!(
            "not kept from the replaced database: {statement}: {why}"
        ));
    }
}

/// Passes where the session may act as the owner, and give it what is made.
fn check_can_be(client: &mut Client, owner: &str, target: &Endpoint) -> Result<()> {
    // "SET" is a privilege of its own since PostgreSQL 16.
    let row = client
        .query_one(
            "SELECT CASE WHEN current_setting('server_version_num')::int >= 160000
                         THEN pg_has_role($1::text::name, 'SET')
                         ELSE pg_has_role($1::text::name, 'MEMBER') END",
            &[&owner],
        )
        .map_err(|error| target.cannot("read the roles of", &error))?;
    if row.get(0) {
        return Ok(());
    }
    let (owner_name, role) = (identifier(owner), identifier(&target.role()));
    Err(Failure::input(format!(
        "cannot make \"{owner}\" the owner in {} on {}: the role \"{}\" is not a member of it",
        target.database(),
        target.address(),
        target.role()
    ))
    .hint(format!("GRANT {owner_name} TO {role}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_follow_the_tables() {
        let grant = Grant {
            role: "app".into(),
            tables: vec!["SELECT".into(), "insert".into(), "DELETE".into()],
        };
        let given = given(&grant);
        assert_eq!(given[0], ("TABLE", vec!["SELECT", "insert", "DELETE"]));
        assert_eq!(given[1], ("SEQUENCE", vec!["SELECT", "USAGE"]));
    }
}
