//! `mkx-sample run` and `verify` on what PostgreSQL's catalog allows: every claim is held against
//! what is really in development's database, and in production's.

use mkx_tests::shop::sample;
use mkx_tests::site::{DATABASE, Site};
use postgres::Client;
use serde_json::Value;

/// A tenth of the depot's 300 members, in development.
struct Sampled {
    site: Site,
    ea: Client,
    eb: Client,
    /// The ids of the members that were chosen.
    own: String,
    /// The ids of all members that came, as extras and stubs too.
    here: String,
}

fn depot() -> Site {
    Site::of_application(
        include_str!("../depot/schema.sql"),
        r#"depot, "it's ""odd""""#,
        include_str!("../depot/policy.json"),
    )
}

fn run(site: &Site) -> Value {
    let run = sample(site, &["run", "--percent", "10"])
        .run()
        .expect_code(0);
    sample(site, &["verify", "--percent", "10"])
        .run()
        .expect_code(0);
    serde_json::from_str(&run.stdout).unwrap()
}

impl Sampled {
    fn make() -> Sampled {
        let site = depot();
        let report = run(&site);
        let ea = site.ea.client(DATABASE);
        let mut eb = site.eb.client(DATABASE);
        let mut ids = |sql: &str| format!("'{{{}}}'::bigint[]", lines(&mut eb, sql).join(","));
        // Each member has twelve scans, and nothing else brings scans.
        let own = ids("SELECT DISTINCT member_id::text FROM depot.scans ORDER BY 1");
        let here = ids("SELECT id::text FROM depot.members ORDER BY 1");
        assert_eq!(own.matches(',').count() + 1, 30, "{own}");
        assert_eq!(report["roots"]["sampled"], 30);
        Sampled {
            site,
            ea,
            eb,
            own,
            here,
        }
    }

    /// Development's rows are production's for which a condition holds, as text, and there are
    /// some. The condition may name the members `$own` and `$here`.
    #[track_caller]
    fn check(&mut self, table: &str, condition: &str) {
        self.check_rows(
            &format!("SELECT t::text FROM {table} t WHERE {condition}"),
            &format!("SELECT t::text FROM {table} t"),
        );
    }

    #[track_caller]
    fn check_rows(&mut self, expected: &str, found: &str) {
        let (expected, found) = (self.with_members(expected), self.with_members(found));
        let expected = lines(&mut self.ea, &expected);
        let found = lines(&mut self.eb, &found);
        assert!(!expected.is_empty());
        assert_eq!(found, expected);
    }

    fn with_members(&self, sql: &str) -> String {
        sql.replace("$own", &self.own).replace("$here", &self.here)
    }
}

/// The first column, sorted.
#[track_caller]
fn lines(client: &mut Client, sql: &str) -> Vec<String> {
    let rows = match client.query(sql, &[]) {
        Ok(rows) => rows,
        Err(error) => panic!("{sql}: {:?}", error.as_db_error()),
    };
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            row.get::<_, Option<String>>(0)
                .unwrap_or_else(|| "null".into())
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn rows_of_partitions_come_with_their_owner_into_the_partition_they_belong_to() {
    let mut depot = Sampled::make();
    depot.check("depot.events", "member_id = ANY ($own)");
    for partition in [
        "depot.events_2024",
        "depot.events_2025_east",
        r#""it's ""odd"""."Events 2025, rest""#,
        "depot.events_other",
    ] {
        depot.check(partition, "member_id = ANY ($own)");
    }
    let empty = lines(&mut depot.eb, "SELECT id::text FROM depot.events_2030");
    assert_eq!(empty, [""; 0]);
    // What refers to a partitioned table came with its rows.
    depot.check(
        "depot.alarms",
        "event_id IN (SELECT id FROM depot.events WHERE member_id = ANY ($own))",
    );
    let bounds = "SELECT c.oid::regclass || ' ' || pg_get_expr(relpartbound, c.oid) FROM pg_class c WHERE relispartition";
    depot.check_rows(bounds, bounds);
    let unfinished = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid";
    assert_eq!(lines(&mut depot.eb, unfinished), [""; 0]);
}

#[test]
fn a_table_without_a_primary_key_keeps_rows_that_are_the_same() {
    let mut depot = Sampled::make();
    depot.check("depot.scans", "member_id = ANY ($own)");
    depot.check_rows(
        "SELECT DISTINCT '12'",
        "SELECT DISTINCT count(*)::text FROM depot.scans GROUP BY member_id",
    );
    let same = "SELECT DISTINCT count(*)::text FROM depot.scans GROUP BY member_id, gate, note";
    depot.check_rows(same, same);
    // A reference that drops its row, from text to a UUID.
    depot.check(
        "depot.marks",
        "member_id = ANY ($own) AND (on_box IS NULL OR on_box IN (SELECT b.id::text FROM depot.boxes b
             JOIN depot.members m ON b.owner_code = m.code WHERE m.id = ANY ($own)))",
    );
}

#[test]
fn keys_of_several_columns_and_unique_constraints_are_followed() {
    let mut depot = Sampled::make();
    let owner_codes = "(SELECT code FROM depot.members WHERE id = ANY ($own))";
    let boxes = format!("(SELECT id FROM depot.boxes WHERE owner_code IN {owner_codes})");
    depot.check_rows(
        &format!("SELECT id::text FROM depot.boxes WHERE owner_code IN {owner_codes}"),
        "SELECT id::text FROM depot.boxes",
    );
    depot.check("depot.items", &format!("box_id IN {boxes}"));
    depot.check("depot.repairs", &format!("box_id IN {boxes}"));
    // What items refer to by a unique pair comes, what that refers to as well, and nothing else.
    let products =
        format!("(maker, model) IN (SELECT maker, model FROM depot.items WHERE box_id IN {boxes})");
    depot.check("depot.products", &products);
    depot.check(
        "depot.makers",
        &format!("id IN (SELECT maker FROM depot.products WHERE {products})"),
    );
    // Letters keep their sender, who is there as a stub at least.
    depot.check("depot.letters", "member_id = ANY ($own)");
    let senders = "SELECT DISTINCT m.id::text FROM depot.letters l
        JOIN depot.members m ON (m.realm, m.login) = (l.sender_realm, l.sender_login)
        WHERE member_id = ANY ($own)";
    depot.check_rows(
        senders,
        &format!("{senders} AND (m.id = ANY ($own) OR m.about IS NULL OR m.about LIKE 'About %')"),
    );
    let stubs = lines(
        &mut depot.eb,
        "SELECT login FROM depot.members WHERE about IS NULL",
    );
    assert!(!stubs.is_empty());
}

#[test]
fn self_references_and_cycles_hold_and_lose_only_what_did_not_come() {
    let mut depot = Sampled::make();
    depot.check_rows(
        "SELECT format('%s %s', id, CASE WHEN mentor_id = ANY ($here) THEN mentor_id END)
           FROM depot.members WHERE id = ANY ($own)",
        "SELECT format('%s %s', id, mentor_id) FROM depot.members WHERE id = ANY ($own)",
    );
    let boxes = "(SELECT b.id FROM depot.boxes b JOIN depot.members m ON b.owner_code = m.code WHERE m.id = ANY ($own))";
    depot.check_rows(
        &format!("SELECT format('%s %s', id, CASE WHEN parent_box IN {boxes} THEN parent_box END) FROM depot.boxes WHERE id IN {boxes}"),
        "SELECT format('%s %s', id, parent_box) FROM depot.boxes",
    );
    // Around the cycle: a member's main box may be another member's.
    depot.check_rows(
        &format!("SELECT format('%s %s', id, CASE WHEN main_box IN {boxes} THEN main_box END) FROM depot.members WHERE id = ANY ($own)"),
        "SELECT format('%s %s', id, main_box) FROM depot.members WHERE id = ANY ($own)",
    );
    // A topic comes when all that it replies to came.
    depot.check(
        "depot.topics",
        "id IN (WITH RECURSIVE thread AS (
             SELECT id FROM depot.topics WHERE parent_id IS NULL AND member_id = ANY ($own)
             UNION ALL SELECT r.id FROM depot.topics r JOIN thread ON r.parent_id = thread.id WHERE member_id = ANY ($own)
         ) SELECT id FROM thread)",
    );
    let replies = lines(
        &mut depot.eb,
        "SELECT id::text FROM depot.topics WHERE parent_id IS NOT NULL",
    );
    assert!(!replies.is_empty());
    // Neither of the two can be without the other.
    depot.check("depot.locks", "member_id = ANY ($own)");
    depot.check(
        "depot.keys",
        "lock_id IN (SELECT id FROM depot.locks WHERE member_id = ANY ($own))",
    );
}

#[test]
fn ids_in_arrays_and_json_lose_what_did_not_come_and_nothing_else() {
    let mut depot = Sampled::make();
    let boxes = lines(&mut depot.eb, "SELECT id::text FROM depot.boxes").join(",");
    let boxes = format!("'{{{boxes}}}'::uuid[]");
    let codes = "(SELECT code::text FROM depot.members WHERE id = ANY ($here))";
    // What jsonb does not take becomes U+FFFD where json is changed.
    let readable = r#"CROSS JOIN LATERAL (SELECT replace(replace(old::text, '1\u0000', '1\ufffd'),
        '\ud83d ', '\ufffd ')::jsonb) AS r(readable)"#;
    for (column, kept) in [
        (
            "member_ids",
            "CASE WHEN member_ids IS NOT NULL THEN
                array(SELECT e FROM unnest(member_ids) WITH ORDINALITY AS u(e, n) WHERE e = ANY ($here) ORDER BY n) END"
                .to_owned(),
        ),
        (
            "box_ids",
            format!("array(SELECT e FROM unnest(box_ids) WITH ORDINALITY AS u(e, n) WHERE e = ANY ({boxes}) ORDER BY n)"),
        ),
        (
            "readable",
            "CASE WHEN readable #> '{who,ids}' IS NULL THEN readable ELSE jsonb_set(readable, '{who,ids}', (
                SELECT coalesce(jsonb_agg(e ORDER BY n), '[]') FROM jsonb_array_elements(readable #> '{who,ids}') WITH ORDINALITY AS u(e, n)
                WHERE e #>> '{}' = ANY ($here::text[]))) END"
                .to_owned(),
        ),
        (
            "new",
            format!("CASE WHEN NOT new ? 'box' OR (new ->> 'box')::uuid = ANY ({boxes}) THEN new ELSE jsonb_set(new, '{{box}}', 'null') END"),
        ),
        (
            "target",
            format!("CASE WHEN target_kind = 'box' OR target IN {codes} THEN target END"),
        ),
    ] {
        depot.check_rows(
            &format!("SELECT format('%s %s', id, {kept}) FROM depot.lists {readable} WHERE member_id = ANY ($own)"),
            &format!("SELECT format('%s %s', id, {column}) FROM depot.lists {readable}"),
        );
    }
    // Where nothing dangles, json is the same to the byte.
    let whole = "SELECT old::text FROM depot.lists WHERE member_id = ANY ($own) AND old::text NOT LIKE '%ids%'";
    depot.check_rows(whole, whole);
    depot.check_rows(
        &format!(
            "SELECT old::text FROM depot.lists {readable} WHERE id % 3 = 2 AND member_id = ANY ($own)
             AND readable #> '{{who,ids}}' <@ to_jsonb($here)"
        ),
        r"SELECT old::text FROM depot.lists WHERE strpos(old::text, '\u0000\ud83d') > 0",
    );
}

#[test]
fn names_that_need_quotes_and_values_that_need_escapes_arrive_as_they_are() {
    let mut depot = Sampled::make();
    let table = r#""it's ""odd"""."Tab""le, 'quoted'""#;
    let own = r#""Own""er's" IN (SELECT code FROM depot.members WHERE id = ANY ($own))"#;
    depot.check(table, own);
    depot.check(
        r#""it's ""odd"""."child""#,
        &format!(r#""Up" IN (SELECT "Key" FROM {table} WHERE {own})"#),
    );
}

#[test]
fn identity_generated_and_empty_columns_and_tables_work_on() {
    let mut depot = Sampled::make();
    depot.check_rows(
        "SELECT id || label FROM depot.members WHERE id = ANY ($here)",
        "SELECT id || label FROM depot.members",
    );
    let taxed = "SELECT format('%s %s %s', box_id, place, with_tax) FROM depot.items WHERE box_id IN
        (SELECT b.id FROM depot.boxes b JOIN depot.members m ON b.owner_code = m.code WHERE m.id = ANY ($own))";
    depot.check_rows(taxed, taxed);
    for table in ["never_used", "no_settings", "outbox"] {
        let rows = lines(
            &mut depot.eb,
            &format!("SELECT t::text FROM depot.{table} t"),
        );
        assert_eq!(rows, [""; 0], "{table}");
    }
    // New rows get keys that production has not given either.
    let identity = "SELECT format('%s %s %s', attrelid::regclass, attname, attidentity::text || attgenerated::text)
        FROM pg_attribute WHERE attnum > 0 AND attidentity::text || attgenerated::text <> '' AND attrelid::regclass::text LIKE 'depot.%'";
    depot.check_rows(identity, identity);
    for (table, columns, values) in [
        (
            "members",
            "code, realm, login, standing",
            "gen_random_uuid(), 'x', 'y', 'good'",
        ),
        ("pets", "member_id", "(SELECT min(id) FROM depot.members)"),
        (
            "events",
            "member_id, at, zone",
            "(SELECT min(id) FROM depot.members), '2030-05-01', 'east'",
        ),
        (
            "letters",
            "member_id",
            "(SELECT min(id) FROM depot.members)",
        ),
        ("outbox", "body", "'first'"),
    ] {
        let insert =
            format!("INSERT INTO depot.{table} ({columns}) VALUES ({values}) RETURNING id::text");
        let mut owner =
            Client::connect(&depot.site.eb.url_as("owner", DATABASE), postgres::NoTls).unwrap();
        let new: i64 = lines(&mut owner, &insert)[0].parse().unwrap();
        let last = format!("SELECT max(id)::text FROM depot.{table}");
        let last: i64 = lines(&mut depot.ea, &last)[0].parse().unwrap();
        assert!(new > last, "{table}: {new} after {last}");
    }
    let refused = depot.eb.batch_execute(
        "INSERT INTO depot.members (id, code, realm, login, standing) VALUES (1, gen_random_uuid(), 'x', 'z', 'good')",
    );
    assert!(
        refused.is_err(),
        "GENERATED ALWAYS holds in development too"
    );
}

#[test]
fn rare_values_are_there_whether_or_not_anybody_who_was_chosen_carries_them() {
    let mut depot = Sampled::make();
    // An enum of 30 values that the policy names, null too.
    for column in ["pets.breed", "members.is_vip", "members.standing"] {
        let (table, column) = column.split_once('.').unwrap();
        let values = format!("SELECT DISTINCT {column}::text FROM depot.{table}");
        depot.check_rows(&values, &values);
    }
    // They arrived in rows that came whole, not in stubs.
    let whole = "SELECT DISTINCT is_vip::text FROM depot.members";
    depot.check_rows(whole, &format!("{whole} WHERE about IS NOT NULL"));
    let extras = depot.with_members(
        "SELECT id::text FROM depot.members WHERE about IS NOT NULL AND id <> ALL ($own)",
    );
    let extras = lines(&mut depot.eb, &extras);
    assert!(!extras.is_empty() && extras.len() <= 3, "{extras:?}");
}

/// Players own scores; a duel has two players, who must both be there, and no stub stands for one.
const ARENA: &str = "
    CREATE SCHEMA arena;
    CREATE TABLE arena.players (id integer PRIMARY KEY, name text NOT NULL);
    CREATE TABLE arena.scores (id integer PRIMARY KEY, player integer NOT NULL REFERENCES arena.players);
    CREATE TABLE arena.duels (
        id integer PRIMARY KEY, one integer NOT NULL REFERENCES arena.players, other integer NOT NULL REFERENCES arena.players
    );
    INSERT INTO arena.players SELECT n, 'Player ' || n FROM generate_series(1, 200) n;
    INSERT INTO arena.scores SELECT n, 1 + n % 200 FROM generate_series(1, 1000) n;
    INSERT INTO arena.duels SELECT n, 1 + n % 200, 1 + n * 7 % 200 FROM generate_series(1, 400) n;
    ANALYZE;";

const ARENA_POLICY: &str = r#"{
    "record": "mkx.sample.policy/1", "application": "arena",
    "root": { "table": "arena.players", "name_column": "name", "activity": [] },
    "tables": {
        "arena.players": { "rows": "sampled", "columns": { "id": "keep", "name": "keep" } },
        "arena.scores": { "rows": "sampled", "edges": { "player": "own" }, "columns": { "id": "keep", "player": "keep" } },
        "arena.duels": {
            "rows": "sampled", "edges": { "one": "own", "other": "own" },
            "columns": { "id": "keep", "one": "keep", "other": "keep" }
        }
    }
}"#;

#[test]
fn a_row_of_two_owners_brings_the_other_one_and_nothing_of_theirs() {
    let site = Site::of_application(ARENA, "arena", ARENA_POLICY);
    run(&site);
    let (mut ea, mut eb) = (site.ea.client(DATABASE), site.eb.client(DATABASE));
    let own = lines(&mut eb, "SELECT DISTINCT player::text FROM arena.scores");
    assert_eq!(own.len(), 20);
    let own = format!("'{{{}}}'::integer[]", own.join(","));
    let duels =
        format!("SELECT id::text FROM arena.duels WHERE one = ANY ({own}) OR other = ANY ({own})");
    assert_eq!(
        lines(&mut eb, "SELECT id::text FROM arena.duels"),
        lines(&mut ea, &duels)
    );
    // The judge sees what a sampled player lacks, and no fault in what the others lack.
    eb.batch_execute("DELETE FROM arena.scores WHERE id = (SELECT min(id) FROM arena.scores)")
        .unwrap();
    let finished = sample(&site, &["verify", "--percent", "10"])
        .run()
        .expect_code(1);
    let verification: Value = serde_json::from_str(&finished.stdout).unwrap();
    let [wrong] = verification["findings"].as_array().unwrap().as_slice() else {
        panic!("{verification:#}");
    };
    let place = &wrong["evidence"][0];
    assert_eq!(place["column"], "player");
    let what = place["what"].as_str().unwrap();
    assert!(what.ends_with("; rows: 1"), "{what}");
}
