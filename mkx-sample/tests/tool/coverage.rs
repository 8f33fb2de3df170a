//! The judge finds a value that is missing from an enum-like column, whatever the column's type and
//! whether or not the server has statistics of it; and no row is added for a value that is there.

use mkx_tests::shop::sample;
use mkx_tests::site::{DATABASE, Site};
use serde_json::Value;

/// 600 members; one alone carries the rare value of each column. `fresh` is a column that a migration
/// added after the last look at the data, `score` has many values and `motto` is each member's own.
/// No sample can hold the `office` of those who are hidden or left out.
const CLUB: &str = "
CREATE EXTENSION citext;
CREATE DOMAIN shade AS varchar(20);
CREATE TYPE kind AS ENUM ('full', 'guest', 'honorary');
CREATE TABLE member (id integer PRIMARY KEY, level integer, month text, tint shade, kind kind, season text,
    office text, team citext, score integer, motto text)
    WITH (autovacuum_enabled = false);
INSERT INTO member SELECT id, id % 4, 'month ' || id % 11, 'red', 'full', 'spring',
    'none', 'Red', id, 'motto ' || id FROM generate_series(1, 600) id;
UPDATE member SET level = 9 WHERE id = 301;
UPDATE member SET month = 'month 12' WHERE id = 302;
UPDATE member SET tint = 'blue' WHERE id = 303;
UPDATE member SET kind = 'honorary' WHERE id = 305;
UPDATE member SET season = NULL WHERE id = 306;
UPDATE member SET office = 'cashier' WHERE id = 307;
UPDATE member SET office = 'spy' WHERE id = 308;
UPDATE member SET office = 'banned' WHERE id = 309;
UPDATE member SET team = 'red' WHERE id = 310;
ANALYZE;
ALTER TABLE member ADD fresh boolean NOT NULL DEFAULT false;
UPDATE member SET fresh = true WHERE id = 304;
";

const POLICY: &str = r#"{
  "record": "mkx.sample.policy/1",
  "application": "club",
  "root": { "table": "member", "name_column": "id", "activity": [] },
  "tables": { "member": {
    "rows": "sampled",
    "where": "office <> 'banned'",
    "columns": {
      "id": "keep", "level": "keep", "month": "keep", "tint": "keep", "kind": "keep", "season": "keep",
      "office": "keep", "team": "keep", "score": "keep", "motto": "keep", "fresh": "keep"
    },
    "variants": [{ "name": "hidden", "when": "office = 'spy'", "columns": { "office": { "constant": "none" } } }]
  } }
}"#;

/// The columns where the check `coverage` found something.
fn missing(site: &Site, code: i32) -> Vec<String> {
    let finished = sample(site, &["verify"]).run().expect_code(code);
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let coverage = findings
        .iter()
        .filter(|finding| finding["rule"] == "coverage");
    let places = coverage.flat_map(|finding| finding["evidence"].as_array().unwrap());
    places
        .map(|place| place["column"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_missing_value_is_found_in_every_kind_of_column() {
    let site = Site::of_application(CLUB, "public", POLICY);
    sample(&site, &["run"]).run().expect_code(0);
    assert_eq!(missing(&site, 0), Vec::<String>::new());
    let mut eb = site.eb.client(DATABASE);
    for (column, rare, usual) in [
        ("level", "9", "1"),
        ("month", "'month 12'", "'month 2'"),
        ("tint", "'blue'", "'red'"),
        ("kind", "'honorary'", "'full'"),
        ("season", "NULL", "'spring'"),
        ("office", "'cashier'", "'none'"),
        ("team", "'red'", "'Red'"),
        ("fresh", "true", "false"),
    ] {
        let write = |from: &str, to: &str| {
            format!(
                "UPDATE member SET {column} = {to} \
                 WHERE {column}::text IS NOT DISTINCT FROM {from}::text RETURNING id"
            )
        };
        let bearer: i32 = eb.query_one(&write(rare, usual), &[]).unwrap().get(0);
        assert_eq!(missing(&site, 1), [column]);
        let mend = format!("UPDATE member SET {column} = {rare} WHERE id = {bearer}");
        eb.batch_execute(&mend).unwrap();
    }
    assert_eq!(missing(&site, 0), Vec::<String>::new());
}

/// Everything comes but a visit to somebody who never was: the last of many visits shows a value of its own, and of six badges, two to a
/// colour, three come because guests refer to them.
const FAIR: &str = "
CREATE TABLE badge (id integer PRIMARY KEY, colour text);
INSERT INTO badge SELECT id, 'colour ' || id % 3 FROM generate_series(0, 5) id;
CREATE TABLE guest (id integer PRIMARY KEY, badge_id integer NOT NULL REFERENCES badge);
INSERT INTO guest SELECT id, 3 + id % 3 FROM generate_series(1, 30) id;
CREATE TABLE visit (id integer PRIMARY KEY, guest_id integer NOT NULL REFERENCES guest, stand text,
    host integer NOT NULL);
INSERT INTO visit SELECT id, 1 + id % 30, CASE WHEN id = 20500 THEN 'last' ELSE 'first' END,
    1 + id % 30 FROM generate_series(1, 20500) id;
INSERT INTO visit VALUES (20501, 1, 'nowhere', 99);
ANALYZE;
";

const FAIR_POLICY: &str = r#"{
  "record": "mkx.sample.policy/1",
  "application": "fair",
  "root": { "table": "guest", "name_column": "id", "activity": [] },
  "tables": {
    "badge": { "rows": "sampled", "columns": { "id": "keep", "colour": "keep" } },
    "guest": {
      "rows": "sampled",
      "edges": { "badge_id": "include" },
      "columns": { "id": "keep", "badge_id": "keep" }
    },
    "visit": {
      "rows": "sampled",
      "edges": { "guest_id": "own" },
      "references": [{ "column": "host", "table": "guest", "key": "id", "otherwise": "drop" }],
      "columns": { "id": "keep", "guest_id": "keep", "stand": "keep", "host": "keep" }
    }
  }
}"#;

#[test]
fn nothing_is_added_or_asked_for_where_every_value_is_there_or_can_not_be() {
    let site = Site::of_application(FAIR, "public", FAIR_POLICY);
    let run = sample(&site, &["run", "--percent", "100"])
        .run()
        .expect_code(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["coverage"], serde_json::json!([]));
    assert_eq!(report["rows"], 20_533);
}
