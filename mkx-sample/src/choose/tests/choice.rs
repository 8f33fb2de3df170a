//! Which users are chosen: the rate, the strata, samples inside larger samples, and the rows that
//! come besides so that every value of an enum-like column occurs.

use std::collections::BTreeSet;

use mkx_tests::postgres_server::{Options, PostgresServer};
use serde_json::json;

use crate::choose::choice::Choice;
use crate::choose::selection::{Selection, select};
use crate::database::catalog::Catalog;
use crate::policy::Policy;
use crate::transform::Context;

/// 2,000 users; the busier, the fewer: user 1 has 1,000 posts, user 1,000 has one.
const DATA: &str = "
CREATE TABLE users (id integer PRIMARY KEY, handle text NOT NULL);
CREATE TABLE posts (id bigserial PRIMARY KEY, owner_id integer NOT NULL REFERENCES users);
INSERT INTO users SELECT n, 'user ' || n FROM generate_series(1, 2000) n;
INSERT INTO posts (owner_id) SELECT n FROM generate_series(1, 1000) n, generate_series(1, 1000 / n);
ANALYZE;
";

struct World {
    server: PostgresServer,
    policy: Policy,
}

impl World {
    fn new() -> World {
        // Statistics are as old as the data.
        let server = PostgresServer::with(&Options {
            settings: vec![("autovacuum".into(), "off".into())],
            ..Options::default()
        });
        server.create_database("ea");
        server.client("ea").batch_execute(DATA).unwrap();
        let keep = |names: &[&str]| -> serde_json::Map<_, _> {
            names
                .iter()
                .map(|name| ((*name).to_owned(), json!("keep")))
                .collect()
        };
        let policy = json!({
            "application": "test",
            "root": {
                "table": "users", "name_column": "handle",
                "activity": [{ "table": "posts", "column": "owner_id" }],
            },
            "tables": {
                "users": { "rows": "sampled", "columns": keep(&["id", "handle"]) },
                "posts": {
                    "rows": "sampled", "edges": { "owner_id": "own" },
                    "columns": keep(&["id", "owner_id"]),
                },
            },
        });
        World {
            server,
            policy: serde_json::from_value(policy).unwrap(),
        }
    }

    fn try_select(&self, choice: &Choice) -> mkx_contract::Result<(Selection, BTreeSet<i32>)> {
        let mut source = super::source(&self.server, "ea");
        let catalog = Catalog::read(&mut source.client).unwrap();
        let context = Context {
            urls: Vec::new(),
            email_domain: "users.example.com".into(),
        };
        let selection = select(&mut source, &catalog, &self.policy, choice, &context)?;
        let users = selection
            .tables
            .iter()
            .find(|copy| copy.table.name == "users")
            .unwrap();
        let rows = source.client.query(&users.selects[0], &[]).unwrap();
        let ids = rows.iter().map(|row| row.get(0)).collect();
        Ok((selection, ids))
    }

    fn chosen(&self, percent: f64, seed: &str) -> BTreeSet<i32> {
        self.try_select(&choice(percent, seed, &[])).unwrap().1
    }
}

fn choice(percent: f64, seed: &str, include: &[&str]) -> Choice {
    Choice {
        percent,
        seed: seed.into(),
        include: include.iter().map(|name| (*name).to_owned()).collect(),
        cap: None,
    }
}

#[test]
fn the_same_seed_gives_the_same_users_and_a_larger_sample_contains_the_smaller() {
    let world = World::new();
    let mut before = BTreeSet::new();
    for percent in [0.01, 1.0, 7.3, 10.0, 20.0, 50.0, 99.9, 100.0] {
        let now = world.chosen(percent, "spring");
        let expected = ((2000.0 * percent / 100.0_f64).round() as usize).max(1);
        assert_eq!(now.len(), expected, "at {percent} %");
        assert!(now.is_superset(&before), "at {percent} %");
        before = now;
    }
    assert_eq!(world.chosen(10.0, "spring"), world.chosen(10.0, "spring"));
    assert_ne!(world.chosen(10.0, "spring"), world.chosen(10.0, "autumn"));
}

#[test]
fn every_stratum_of_activity_comes_at_the_rate() {
    let world = World::new();
    for seed in ["a", "b", "c", "d"] {
        let chosen = world.chosen(10.0, seed);
        for stratum in 0..10 {
            let members: Vec<i32> = (1..=2000)
                .filter(|n: &i32| {
                    (if *n <= 1000 { 1 + 1000 / n } else { 1_i32 }).ilog2() == stratum
                })
                .collect();
            let taken = members.iter().filter(|id| chosen.contains(id)).count();
            let exact = members.len() as f64 / 10.0;
            assert!(
                (taken as f64 - exact).abs() < 1.0,
                "{taken} of {} in {stratum}",
                members.len()
            );
        }
    }
}

#[test]
fn included_users_come_besides_and_unknown_ones_are_named() {
    let world = World::new();
    let (selection, ids) = world
        .try_select(&choice(1.0, "s", &["user 1", "user 2000"]))
        .unwrap();
    assert!(ids.contains(&1) && ids.contains(&2000));
    assert_eq!(selection.roots.sampled, 20);
    let failure = world
        .try_select(&choice(1.0, "s", &["nobody's"]))
        .unwrap_err();
    assert_eq!(failure.kind.exit_code(), 3);
    assert!(
        failure.message.contains("cannot include \"nobody's\""),
        "{failure}"
    );
}

#[test]
fn a_table_that_comes_in_larger_part_than_allowed_stops_the_selection() {
    let mut world = World::new();
    world.policy.tables["posts"].max_share = Some(0.01);
    let failure = world.try_select(&choice(50.0, "s", &[])).unwrap_err();
    assert_eq!(failure.kind.exit_code(), 3);
    assert!(
        failure.message.starts_with("cannot sample posts: "),
        "{failure}"
    );
    assert!(failure.hint.unwrap().contains("max_share of posts"));
}

/// Columns that a migration brings, before anyone looked at them: two kinds of a type of few values,
/// a number, a domain, a text that is often null, one of very many values and one that is prose.
const MIGRATION: &str = "
CREATE TYPE stage AS ENUM ('draft', 'shown', 'gone');
CREATE DOMAIN licence AS varchar(20);
ALTER TABLE posts ADD review boolean NOT NULL DEFAULT false, ADD stage stage NOT NULL DEFAULT 'shown',
    ADD level integer NOT NULL DEFAULT 3, ADD licence licence NOT NULL DEFAULT 'CC0', ADD reason text,
    ADD title text, ADD prose text;
UPDATE posts SET title = 'Piece ' || id, prose = repeat('long ', 9) || id % 2;
UPDATE posts SET review = true WHERE id = 7001;
UPDATE posts SET stage = 'draft' WHERE id = 7002;
UPDATE posts SET level = 9 WHERE id = 7003;
UPDATE posts SET licence = 'GPL' WHERE id = 7004;
UPDATE posts SET reason = 'reason ' || id % 20 WHERE id BETWEEN 7005 AND 7029;
";

#[test]
fn every_value_of_a_column_without_statistics_comes() {
    let mut world = World::new();
    let mut client = world.server.client("ea");
    client.batch_execute(MIGRATION).unwrap();
    let kinds = ["review", "stage", "level", "licence", "reason"];
    for column in kinds.iter().chain(&["title", "prose"]) {
        let columns = &mut world.policy.tables["posts"].columns;
        columns.insert(
            (*column).to_owned(),
            serde_json::from_value(json!("keep")).unwrap(),
        );
    }
    for seed in ["a", "b", "c", "d"] {
        let (selection, _) = world.try_select(&choice(1.0, seed, &[])).unwrap();
        let posts = selection
            .tables
            .iter()
            .find(|copy| copy.table.name == "posts");
        let posts = posts.unwrap().selects.join(" UNION ALL ");
        let missing = |column: &str| {
            format!(
                "SELECT count(*) FROM (SELECT {column}::text FROM posts EXCEPT SELECT {column}::text FROM ({posts}) came) missing"
            )
        };
        for column in kinds {
            let missing: i64 = client.query_one(&missing(column), &[]).unwrap().get(0);
            assert_eq!(missing, 0, "{column}, seed {seed}");
        }
        let added: BTreeSet<&str> = selection
            .coverage
            .iter()
            .map(|added| added.column.as_str())
            .collect();
        assert!(added.is_subset(&kinds.into()), "{added:?}");
    }
}
