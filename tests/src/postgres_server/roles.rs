//! The roles that an environment has: who owns the schema, who works in it, who only reads.

use super::{PASSWORD, PostgresServer};

/// Owns the database and everything in it; runs migrations.
pub const OWNER: &str = "owner";
/// The application: may read and write rows, and nothing else.
pub const APPLICATION: &str = "api_worker";
/// What a sample is read with: may only SELECT.
pub const READER: &str = "mkx_reader";

/// Makes the roles where they are missing, gives the database and its tables to the owner, and
/// grants what each role needs on what is there and, for the application, on what the owner will
/// make.
pub fn create(server: &PostgresServer, database: &str) {
    let mut statements = String::new();
    for (role, more) in [(OWNER, "CREATEDB"), (APPLICATION, ""), (READER, "")] {
        statements += &format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN {more} PASSWORD '{PASSWORD}'; \
             EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        );
    }
    statements += &format!(
        "ALTER DATABASE \"{database}\" OWNER TO {OWNER};
         ALTER SCHEMA public OWNER TO {OWNER};
         DO $$ DECLARE of record; BEGIN
           FOR of IN SELECT c.oid::regclass AS name FROM pg_class c
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
             AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
           LOOP EXECUTE format('ALTER TABLE %s OWNER TO {OWNER}', of.name); END LOOP;
         END $$;
         GRANT USAGE ON SCHEMA public TO {APPLICATION}, {READER};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APPLICATION};
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APPLICATION};
         GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER};
         GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {READER};
         ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public
           GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APPLICATION};
         ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public
           GRANT USAGE, SELECT ON SEQUENCES TO {APPLICATION};"
    );
    server
        .client(database)
        .batch_execute(&statements)
        .expect("a superuser can make the application's roles");
}
