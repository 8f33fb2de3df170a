//! Loads the generated rows into a server: tables side by side, indexes and foreign keys after the
//! data, so that PostgreSQL itself proves what was generated.

use super::{TABLES, Table, World};
use mkx_contract::{Failure, Result};
use postgres::{Client, NoTls};
use std::collections::VecDeque;
use std::io::Write;
use std::sync::Mutex;

const SCHEMA: &str = include_str!("../../makapix/schema.sql");
const AFTER_THE_DATA: &str = "-- After the data";
const CONNECTIONS: usize = 2;

/// What was loaded: rows by table, in the order of [`TABLES`].
#[derive(Debug)]
pub struct Loaded {
    /// Table and rows.
    pub tables: Vec<(&'static str, u64)>,
}

impl Loaded {
    /// All rows.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|(_, rows)| rows).sum()
    }
}

/// Fills a database. With `schema` it is made first and must be empty; without, the tables are
/// there already, and the role must be allowed to pause foreign keys (a superuser).
pub fn load(url: &str, world: &World, schema: bool, say: &(dyn Fn(&str) + Sync)) -> Result<Loaded> {
    let mut client = connect(url)?;
    let made = schema_for(&mut client, say)?;
    let (tables, keys) = made
        .split_once(AFTER_THE_DATA)
        .expect("the schema has two halves");
    if schema {
        say("tables");
        run(&mut client, "make the tables", tables)?;
    }
    let waiting = Mutex::new(TABLES.iter().collect::<VecDeque<_>>());
    let done = Mutex::new(Vec::new());
    side_by_side(url, &|client| {
        if !schema {
            run(
                client,
                "pause foreign keys",
                "SET session_replication_role = replica",
            )?;
        }
        while let Some(table) = take(&waiting) {
            let rows = copy(client, world, table, schema)?;
            say(&format!("{} {rows}", table.name));
            done.lock()
                .expect("no loader panicked")
                .push((table.name, rows));
        }
        Ok(())
    })?;
    if schema {
        index(url, keys, say)?;
    }
    say("sequences");
    advance_sequences(&mut client)?;
    say("analyze");
    run(&mut client, "analyze", "ANALYZE")?;
    let mut tables = done.into_inner().expect("no loader panicked");
    tables.sort_by_key(|(name, _)| TABLES.iter().position(|table| table.name == *name));
    Ok(Loaded { tables })
}

/// The schema, as far as the server has what it asks for: a PostgreSQL without its additional
/// modules has no trigrams.
fn schema_for(client: &mut Client, say: &(dyn Fn(&str) + Sync)) -> Result<String> {
    let known = "SELECT FROM pg_available_extensions WHERE name = 'pg_trgm'";
    let found = client.query_opt(known, &[]);
    if found
        .map_err(|error| failed("look for trigrams", &error))?
        .is_some()
    {
        return Ok(SCHEMA.to_owned());
    }
    say("no trigrams: this server has no pg_trgm");
    let lines = SCHEMA.lines().filter(|line| !line.contains("trgm"));
    Ok(lines.flat_map(|line| [line, "\n"]).collect())
}

fn copy(client: &mut Client, world: &World, table: &Table, schema: bool) -> Result<u64> {
    if !schema && table.name == "alembic_version" {
        return Ok(0);
    }
    let verb = format!("load table \"{}\"", table.name);
    let statement = format!("COPY {} ({}) FROM STDIN", table.name, table.columns);
    let mut sink = client
        .copy_in(&statement)
        .map_err(|error| failed(&verb, &error))?;
    let written = table.write(world, &mut sink).and_then(|rows| {
        sink.flush()?;
        Ok(rows)
    });
    let rows = written.map_err(|error| Failure::peer(format!("cannot {verb}: {error}")))?;
    sink.finish().map_err(|error| failed(&verb, &error))?;
    Ok(rows)
}

/// Keys and indexes, a table at a time on each connection; then the foreign keys in order, since
/// each locks two tables.
fn index(url: &str, keys: &str, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    say("keys and indexes");
    let statements: Vec<&str> = keys
        .split(";\n")
        .map(without_comments)
        .filter(|statement| statement.contains(' '))
        .collect();
    let (foreign, own): (Vec<&str>, Vec<&str>) = statements
        .into_iter()
        .partition(|statement| statement.contains("FOREIGN KEY"));
    let mut by_table: VecDeque<Vec<&str>> = TABLES
        .iter()
        .map(|table| {
            let of_table = own
                .iter()
                .filter(|statement| is_about(statement, table.name));
            of_table.copied().collect()
        })
        .collect();
    assert_eq!(own.len(), by_table.iter().map(Vec::len).sum::<usize>());
    by_table.retain(|statements| !statements.is_empty());
    let waiting = Mutex::new(by_table);
    side_by_side(url, &|client| {
        while let Some(statements) = take(&waiting) {
            for statement in statements {
                run(client, "make an index", statement)?;
            }
        }
        Ok(())
    })?;
    say("foreign keys");
    let mut client = connect(url)?;
    for statement in foreign {
        run(&mut client, "make a foreign key", statement)?;
    }
    Ok(())
}

fn without_comments(statement: &str) -> &str {
    let start = statement
        .find("\nALTER")
        .or_else(|| statement.find("\nCREATE"))
        .map_or(0, |place| place + 1);
    &statement[start..]
}

fn is_about(statement: &str, table: &str) -> bool {
    let head = statement.split('(').next().unwrap_or_default();
    let words: Vec<&str> = head.split_whitespace().collect();
    words
        .windows(2)
        .any(|pair| ["ON", "TABLE"].contains(&pair[0]) && pair[1] == table)
}

fn take<T>(waiting: &Mutex<VecDeque<T>>) -> Option<T> {
    waiting.lock().expect("no loader panicked").pop_front()
}

fn side_by_side(url: &str, work: &(dyn Fn(&mut Client) -> Result<()> + Sync)) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(|| work(&mut connect(url)?)))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().expect("a loader does not panic"))
    })
}

fn connect(url: &str) -> Result<Client> {
    let mut client = Client::connect(url, NoTls)
        .map_err(|error| failed("connect to the database to fill", &error))?;
    let settings = "SET maintenance_work_mem = '256MB'; SET synchronous_commit = off; \
        SET client_min_messages = warning";
    run(&mut client, "prepare the connection", settings)?;
    Ok(client)
}

/// Every sequence behind a column goes past the column's highest value, some way, as after
/// insertions that were rolled back.
fn advance_sequences(client: &mut Client) -> Result<()> {
    let statement = "DO $$ DECLARE of record; highest bigint; BEGIN \
        FOR of IN SELECT table_name, column_name, \
            pg_get_serial_sequence(quote_ident(table_name), column_name) AS sequence \
            FROM information_schema.columns WHERE table_schema = 'public' \
            AND column_default LIKE 'nextval(%' LOOP \
            EXECUTE format('SELECT max(%I) FROM %I', of.column_name, of.table_name) INTO highest; \
            IF highest IS NOT NULL THEN PERFORM setval(of.sequence, highest + 17); END IF; \
        END LOOP; PERFORM setval('handle_sequence', (SELECT max(id) FROM users) + 40); END $$";
    run(client, "advance the sequences", statement)
}

fn run(client: &mut Client, verb: &str, statements: &str) -> Result<()> {
    client
        .batch_execute(statements)
        .map_err(|error| failed(verb, &error))
}

fn failed(verb: &str, error: &postgres::Error) -> Failure {
    let cause = match error.as_db_error() {
        Some(cause) => match cause.detail() {
            Some(detail) => format!("{} ({detail})", cause.message()),
            None => cause.message().to_owned(),
        },
        None => error.to_string(),
    };
    Failure::peer(format!("cannot {verb}: {cause}"))
}
