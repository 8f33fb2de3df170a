//! The rows that a selection gives, held against a brute-force closure over random schemas, data
//! and policies, on a real server.
use mkx_tests::postgres_server::PostgresServer;

use super::brute_force;
use super::world::World;
use crate::choose::choice::Choice;
use crate::choose::selection::{Selection, select};
use crate::database::catalog::Catalog;
use crate::transform::Context;

/// Cases in the suite; MKX_CLOSURE_CASES asks for more.
const CASES: u64 = 200;

#[test]
fn a_selection_is_exactly_the_brute_force_closure() {
    let server = PostgresServer::start();
    server.create_database("ea");
    let mut client = server.client("ea");
    let cases = std::env::var("MKX_CLOSURE_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(CASES);
    let first = std::env::var("MKX_CLOSURE_FIRST")
        .ok()
        .and_then(|first| first.parse().ok())
        .unwrap_or(0);
    for seed in first..first + cases {
        let world = World::random(seed);
        client
            .batch_execute(&format!(
                "DROP SCHEMA public CASCADE; CREATE SCHEMA public; {}",
                world.sql()
            ))
            .unwrap_or_else(|error| panic!("case {seed}: {error:?}\n{}", world.sql()));
        check(&server, &world, seed);
    }
}

fn check(server: &PostgresServer, world: &World, seed: u64) {
    let mut source = super::source(server, "ea");
    let catalog = Catalog::read(&mut source.client).unwrap();
    let choice = Choice {
        percent: world.percent,
        seed: "s".into(),
        include: Vec::new(),
        cap: None,
    };
    let context = Context {
        urls: Vec::new(),
        email_domain: "users.example.com".into(),
    };
    let explain = || format!("case {seed}\n{}\n{:#}", world.sql(), world.policy_json());
    let selection = select(&mut source, &catalog, &world.policy(), &choice, &context)
        .unwrap_or_else(|failure| panic!("{failure} {:?}\n{}", failure.hint, explain()));
    let expected = brute_force::rows(world);
    for (table, expected) in world.tables.iter().zip(expected) {
        let mut found = rows(&mut source.client, &selection, &table.name, &explain);
        found.sort();
        assert_eq!(found, expected, "rows of {}, {}", table.name, explain());
        let copy = selection
            .tables
            .iter()
            .find(|copy| copy.table.name == table.name)
            .unwrap();
        assert_eq!(
            copy.rows,
            found.len() as u64,
            "count of {}, {}",
            table.name,
            explain()
        );
        assert_eq!(
            copy.rows_in_source,
            table.rows.len() as u64,
            "{}",
            explain()
        );
    }
}

/// The rows that a table's SELECTs give, all as text.
fn rows(
    client: &mut postgres::Client,
    selection: &Selection,
    table: &str,
    explain: &dyn Fn() -> String,
) -> Vec<Vec<Option<String>>> {
    let copy = selection
        .tables
        .iter()
        .find(|copy| copy.table.name == table)
        .unwrap();
    let columns: Vec<_> = copy
        .columns
        .iter()
        .map(|name| format!("\"{name}\"::text"))
        .collect();
    let mut rows = Vec::new();
    for select in &copy.selects {
        let query = format!("SELECT {} FROM ({select}) AS copied", columns.join(", "));
        let found = client
            .query(&query, &[])
            .unwrap_or_else(|error| panic!("{error:?}\n{query}\n{}", explain()));
        rows.extend(
            found
                .iter()
                .map(|row| (0..columns.len()).map(|at| row.get(at)).collect()),
        );
    }
    rows
}
