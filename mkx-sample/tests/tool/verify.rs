//! `mkx-sample verify` on a right sample, and on the same sample with one fault at a time.

use mkx_tests::studio::Studio;
use mkx_tests::tool::Finished;
use serde_json::Value;
use std::collections::BTreeSet;

/// The names of the checks that found something, and the document.
fn verify(studio: &Studio) -> (BTreeSet<String>, Value, i32) {
    judged(&studio.tool("mkx-sample").args(["verify"]).run())
}

fn judged(finished: &Finished) -> (BTreeSet<String>, Value, i32) {
    let document: Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", finished.stdout, finished.stderr));
    let wrong = document["checks"]
        .as_array()
        .expect("a list of checks")
        .iter()
        .filter(|check| check["ok"] == false)
        .map(|check| check["name"].as_str().expect("a name").to_owned())
        .collect();
    (wrong, document, finished.code)
}

/// The places of what a check found.
fn findings(document: &Value, check: &str) -> Vec<Value> {
    let findings = document["findings"].as_array().expect("a list of findings");
    let rule = check.replace('_', "-");
    let of_check = findings.iter().filter(|one| one["rule"] == *rule);
    of_check
        .flat_map(|one| one["evidence"].as_array().expect("places").clone())
        .collect()
}

/// A fault is found by the check that is there for it, at its place, with exit code 1. Gives all
/// that the tool said.
#[track_caller]
fn check(studio: &Studio, fault: &str, check: &str, place: &str) -> String {
    studio.refill();
    studio.in_eb(fault);
    let finished = studio.tool("mkx-sample").args(["verify"]).run();
    let said = format!("{}{}", finished.stdout, finished.stderr);
    let (wrong, document, code) = judged(&finished);
    assert!(
        wrong.contains(check),
        "{fault}\nwas found by {wrong:?}, not by {check}: {document:#}"
    );
    assert_eq!(code, 1, "{fault}");
    assert_eq!(document["ok"], false);
    assert_eq!(document["judged_snapshot"], Value::Null);
    let found = findings(&document, check);
    let place = place.split_once('.').unwrap_or((place, ""));
    let is_there = |shown: &Value| {
        let column = shown["column"].as_str().unwrap_or_default();
        shown["table"] == place.0 && column == place.1 && shown["environment"] == "eb"
    };
    assert!(
        found.iter().any(is_there),
        "{fault}\nwas found at {found:?}, not at {place:?}"
    );
    said
}

#[test]
fn a_right_sample_has_no_finding() {
    let studio = Studio::make();
    let (wrong, document, code) = verify(&studio);
    assert_eq!(wrong, BTreeSet::new(), "{document:#}");
    assert_eq!(code, 0);
    assert_eq!(document["ok"], true);
    assert_eq!(document["source_has_moved"], false);
    assert_eq!(
        document["judged_snapshot"],
        mark(&studio)["judged_snapshot"]
    );
    assert_eq!(document["record"], "mkx.sample.verification/2");
}

#[test]
fn every_fault_of_structure_is_found_by_its_check() {
    let studio = Studio::make();
    check(
        &studio,
        "ALTER TABLE comments DROP CONSTRAINT comments_post_id_fkey; DELETE FROM posts WHERE id = (SELECT min(post_id) FROM comments)",
        "foreign_keys",
        "comments.comments_post_id_fkey",
    );
    check(
        &studio,
        "ALTER TABLE posts DROP CONSTRAINT posts_owner_id_fkey; \
         ALTER TABLE posts ADD CONSTRAINT posts_owner_id_fkey FOREIGN KEY (owner_id) REFERENCES users (id) NOT VALID",
        "foreign_keys",
        "posts.posts_owner_id_fkey",
    );
    check(
        &studio,
        "ALTER TABLE posts DISABLE TRIGGER ALL",
        "foreign_keys",
        "posts.posts_owner_id_fkey",
    );
    check(
        &studio,
        "SELECT setval('posts_id_seq', 3)",
        "sequences",
        "posts.id",
    );
    check(&studio, "DROP TABLE sessions", "schema", "sessions.token");
    check(
        &studio,
        "DROP INDEX posts_owner",
        "schema",
        "posts.posts_owner",
    );
    check(
        &studio,
        "ALTER TABLE users ALTER bio TYPE varchar(4000)",
        "schema",
        "users.bio",
    );
    check(
        &studio,
        "INSERT INTO sessions SELECT id, user_id, 'x' FROM logins LIMIT 1",
        "row_counts",
        "sessions",
    );
    check(
        &studio,
        "DELETE FROM licenses WHERE id = 3 AND false; UPDATE posts SET license_id = NULL WHERE license_id = 3; DELETE FROM licenses WHERE id = 3",
        "row_counts",
        "licenses",
    );
}

#[test]
fn every_fault_of_choice_is_found_by_its_check() {
    let studio = Studio::make();
    let owner =
        "(SELECT owner_id FROM posts GROUP BY owner_id ORDER BY count(*) DESC, owner_id LIMIT 1)";
    check(
        &studio,
        "CREATE TEMPORARY TABLE gone AS SELECT user_id AS id FROM logins ORDER BY 1 LIMIT 5; \
         ALTER TABLE comments DROP CONSTRAINT comments_parent_id_fkey; \
         DELETE FROM comments WHERE author_id IN (TABLE gone) OR post_id IN (SELECT id FROM posts WHERE owner_id IN (TABLE gone)); \
         DELETE FROM comments c WHERE parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM comments p WHERE p.id = c.parent_id); \
         ALTER TABLE comments ADD CONSTRAINT comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES comments (id); \
         DELETE FROM posts WHERE owner_id IN (TABLE gone); DELETE FROM logins WHERE user_id IN (TABLE gone); \
         DELETE FROM users WHERE id IN (TABLE gone)",
        "rate",
        "users",
    );
    check(
        &studio,
        "DELETE FROM comments WHERE parent_id IS NOT NULL AND id = (SELECT id FROM comments WHERE parent_id IS NOT NULL ORDER BY id LIMIT 1)",
        "owned",
        "comments.post_id",
    );
    check(
        &studio,
        &format!(
            "CREATE TEMPORARY TABLE gone AS SELECT id FROM posts WHERE owner_id = {owner} ORDER BY id LIMIT 1; \
             ALTER TABLE comments DISABLE TRIGGER ALL; DELETE FROM comments WHERE post_id IN (TABLE gone); \
             DELETE FROM comments c WHERE parent_id IS NOT NULL AND NOT EXISTS (SELECT FROM comments p WHERE p.id = c.parent_id); \
             ALTER TABLE comments ENABLE TRIGGER ALL; DELETE FROM posts WHERE id IN (TABLE gone)"
        ),
        "owned",
        "posts.owner_id",
    );
    check(
        &studio,
        "INSERT INTO logins SELECT gen_random_uuid(), max(id), 'github' FROM users WHERE handle LIKE 'user-%'",
        "stubs",
        "logins.user_id",
    );
    check(
        &studio,
        "ALTER TABLE posts DISABLE TRIGGER ALL; DELETE FROM posts WHERE format = 'gif'",
        "coverage",
        "posts.format",
    );
    check(
        &studio,
        "INSERT INTO posts (id, owner_id, storage_key, storage_shard, title, format, size_bytes) \
         SELECT 100000, min(owner_id), gen_random_uuid(), '00/00', 'Made up', 'png', 1 FROM posts",
        "rows",
        "posts",
    );
    check(
        &studio,
        "UPDATE posts SET title = 'Another title' WHERE id = (SELECT min(id) FROM posts WHERE NOT hidden)",
        "rows",
        "posts.title",
    );
}

/// Copies values out of production by hand, so that each fault is a true leak.
fn of_ea(studio: &Studio, query: &str) -> String {
    let row = studio.ea.client("ea").query_one(query, &[]);
    row.expect("production answers").get(0)
}

#[test]
fn every_leak_is_found_by_its_check_and_never_shown() {
    let studio = Studio::make();
    let email = of_ea(&studio, "SELECT email FROM users WHERE id = 77");
    let token = of_ea(&studio, "SELECT token FROM logins WHERE user_id = 77");
    let hash = of_ea(&studio, "SELECT secret_hash FROM logins WHERE user_id = 76");
    let ip = of_ea(&studio, "SELECT ip FROM logins WHERE user_id = 77");
    let owner = "(SELECT min(id) FROM users WHERE handle LIKE 'artist%')";
    let leaks = [
        (
            format!("UPDATE users SET bio = 'Mail me: {email}!' WHERE id = {owner}"),
            "sensitive_anywhere",
            "users.bio",
        ),
        (
            format!("UPDATE users SET bio = 'Mail me: {email}!' WHERE id = {owner}"),
            "email_addresses",
            "users.bio",
        ),
        (
            format!("UPDATE users SET email = upper('{email}') WHERE id = {owner}"),
            "sensitive_anywhere",
            "users.email",
        ),
        (
            format!(
                "UPDATE posts SET tags = ARRAY['x', '{email}'] WHERE id = (SELECT min(id) FROM posts)"
            ),
            "sensitive_anywhere",
            "posts.tags",
        ),
        (
            format!("UPDATE users SET roles = '{{\"note\": \"{token}\"}}' WHERE id = {owner}"),
            "sensitive_anywhere",
            "users.roles",
        ),
        (
            format!("UPDATE logins SET token = '{token}' WHERE user_id = {owner}"),
            "sensitive_columns",
            "logins.token",
        ),
        (
            format!(
                "UPDATE posts SET title = 'see {token}' WHERE id = (SELECT min(id) FROM posts)"
            ),
            "sensitive_anywhere",
            "posts.title",
        ),
        (
            format!("UPDATE logins SET secret_hash = '{hash}' WHERE user_id = {owner}"),
            "passwords",
            "logins.secret_hash",
        ),
        (
            format!("UPDATE logins SET secret_hash = '{hash}' WHERE secret_hash IS NOT NULL"),
            "sensitive_anywhere",
            "logins.secret_hash",
        ),
        (
            format!(
                "UPDATE comments SET body = 'from {ip}, I think' WHERE id = (SELECT min(id::text) FROM comments)::uuid"
            ),
            "sensitive_anywhere",
            "comments.body",
        ),
        (
            format!(
                "UPDATE comments SET author_ip = '{ip}' WHERE id = (SELECT min(id::text) FROM comments)::uuid"
            ),
            "sensitive_anywhere",
            "comments.author_ip",
        ),
        (
            format!("UPDATE users SET bio = 'call +49 170 1234567' WHERE id = {owner}"),
            "telephone_numbers",
            "users.bio",
        ),
        (
            format!(
                "UPDATE users SET bio = 'at https://me:hunter2@files.org/x' WHERE id = {owner}"
            ),
            "url_secrets",
            "users.bio",
        ),
        (
            format!(
                "UPDATE users SET bio = 'https://files.org/x?a=1&access_token=abc' WHERE id = {owner}"
            ),
            "url_secrets",
            "users.bio",
        ),
        (
            format!("UPDATE users SET website = 'https://ea.test/u/1' WHERE id = {owner}"),
            "urls",
            "users.website",
        ),
        (
            "UPDATE posts SET body = 'About a hidden one' WHERE hidden".into(),
            "hidden_values",
            "posts.body",
        ),
        (
            "UPDATE posts SET title = title || id WHERE hidden".into(),
            "hidden_values",
            "posts.title",
        ),
    ];
    for (fault, name, place) in &leaks {
        let said = check(&studio, fault, name, place).to_lowercase();
        for secret in [&email, &token, &hash, &ip] {
            assert!(!said.contains(&secret.to_lowercase()), "{fault}: {said}");
        }
    }
}

#[test]
fn what_production_changes_later_is_drift_and_no_fault() {
    let studio = Studio::make();
    studio.in_ea(
        "UPDATE posts SET title = 'Renamed'; UPDATE users SET bio = 'New', handle = handle || 'x'; \
         DELETE FROM comments WHERE parent_id IS NULL AND NOT EXISTS (SELECT FROM comments r WHERE r.parent_id = comments.id); \
         INSERT INTO posts (owner_id, storage_key, storage_shard, title, format, size_bytes) \
         SELECT id, md5('new' || id)::uuid, '00/00', 'New', 'apng', 1 FROM users; \
         INSERT INTO users (handle, email, state) SELECT 'new' || n, 'new' || n || '@new.org', 'new' FROM generate_series(1, 30) n",
    );
    let (wrong, document, code) = verify(&studio);
    assert_eq!(wrong, BTreeSet::new(), "{document:#}");
    assert_eq!(code, 0);
    assert_eq!(document["source_has_moved"], true);
    assert_eq!(document["judged_snapshot"], Value::Null);
    // What is the same in every row is so whatever production did to it.
    studio
        .in_eb("UPDATE users SET roles = '[\"moderator\"]' WHERE id = (SELECT min(id) FROM users)");
    assert!(verify(&studio).0.contains("hidden_values"));
    // A leak is no drift.
    studio.in_eb("UPDATE users SET bio = 'new7@new.org' WHERE id = (SELECT min(id) FROM users)");
    assert!(verify(&studio).0.contains("sensitive_anywhere"));
}

/// The mark of EB's database.
fn mark(studio: &Studio) -> Value {
    let comment =
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'eb'";
    let row = studio.eb.client("postgres").query_one(comment, &[]);
    let mark: String = row.expect("a mark").get(0);
    serde_json::from_str(&mark).expect("a mark is JSON")
}

fn forge(studio: &Studio, change: impl FnOnce(&mut Value)) {
    let mut forged = mark(studio);
    change(&mut forged);
    studio.in_eb(&format!("COMMENT ON DATABASE eb IS '{forged}'"));
}

/// A mark that names a moment before all rows would excuse any of them.
#[test]
fn a_mark_of_another_moment_excuses_nothing_at_all() {
    let studio = Studio::make();
    forge(&studio, |mark| mark["judged_snapshot"] = "3:3:".into());
    let (wrong, document, code) = verify(&studio);
    assert!(wrong.contains("rows"), "{document:#}");
    assert_eq!(code, 1);
}

/// What an earlier version's run noted in it is not the judge's word.
#[test]
fn a_mark_without_a_moment_excuses_changes_and_says_so() {
    let studio = Studio::make();
    studio
        .in_eb("UPDATE posts SET title = 'Another' WHERE id = (SELECT min(id) FROM posts WHERE NOT hidden)");
    assert_eq!(verify(&studio).0, BTreeSet::from(["rows".to_owned()]));
    forge(&studio, |mark| {
        let mark = mark.as_object_mut().expect("a mark is an object");
        let moment = mark.remove("judged_snapshot").expect("it has a moment");
        mark.insert("source_snapshot".into(), moment);
    });
    let finished = studio.tool("mkx-sample").args(["verify"]).run();
    let (wrong, document, code) = judged(&finished);
    assert_eq!((wrong, code), (BTreeSet::new(), 0), "{document:#}");
    assert_eq!(document["source_has_moved"], true);
    assert_eq!(document["judged_snapshot"], Value::Null);
    let said = "nothing tells when EB was found right";
    assert!(finished.stderr.contains(said), "{}", finished.stderr);
    studio.in_eb("UPDATE users SET bio = 'at me@new.org' WHERE id = (SELECT min(id) FROM users)");
    assert!(verify(&studio).0.contains("email_addresses"));
}

#[test]
fn a_row_that_production_never_had_is_no_drift() {
    let studio = Studio::make();
    studio.in_ea("UPDATE posts SET title = 'Renamed' WHERE id = 1");
    let make_up = "INSERT INTO users (id, handle, email, state) \
                   VALUES (77777777, 'made-up', 'made-up@example.com', 'active')";
    let rows = |document: &Value| {
        let checks = document["checks"].as_array().expect("a list of checks");
        let found = checks.iter().find(|check| check["name"] == "rows");
        found.expect("a check of rows").clone()
    };
    studio.in_eb(make_up);
    let (_, document, code) = verify(&studio);
    assert_eq!(document["source_has_moved"], true);
    let found = findings(&document, "rows");
    assert_eq!(
        found[0]["what"], "rows with keys that EA never gave; rows: 1",
        "{document:#}"
    );
    assert_eq!(found[0]["table"], "users");
    assert_eq!(code, 1);
    let arguments = ["verify", "--format", "table"];
    let shown = studio.tool("mkx-sample").args(arguments).run();
    assert_eq!(shown.code, 1);
    let head = "error    rows  users\n         users: rows with keys that EA never gave\n";
    assert!(shown.stdout.contains(head), "{}", shown.stdout);
    // Its last post production may have deleted since.
    studio.refill();
    let mut eb = studio.eb.client("eb");
    let last = eb.query_one("SELECT max(id) FROM posts", &[]);
    let last: i32 = last.expect("development answers").get(0);
    drop(eb);
    studio.in_ea(&format!(
        "DELETE FROM comments WHERE parent_id IN (SELECT id FROM comments WHERE post_id >= {last}); \
         DELETE FROM comments WHERE post_id >= {last}; DELETE FROM posts WHERE id >= {last}"
    ));
    let (wrong, document, code) = verify(&studio);
    assert_eq!((wrong, code), (BTreeSet::new(), 0), "{document:#}");
    assert_eq!(rows(&document)["counts"]["vanished_posts"], 1);
    // That most rows of a table are gone is no drift.
    studio.in_ea("TRUNCATE comments");
    studio.in_eb("INSERT INTO licenses SELECT -n, 'Made up' FROM generate_series(1, 30) n");
    let (wrong, document, code) = verify(&studio);
    let found = findings(&document, "rows");
    let is_bounded = |table: &str| found.iter().any(|place| place["table"] == table);
    assert_eq!(
        (
            is_bounded("comments"),
            is_bounded("licenses"),
            wrong.contains("row_counts"),
            code
        ),
        (true, true, true, 1),
        "{document:#}"
    );
}

#[test]
fn the_judge_leaves_both_databases_as_they_were() {
    use mkx_tests::fingerprint::fingerprint;
    let studio = Studio::make();
    let prints = |studio: &Studio| {
        (
            fingerprint(&mut studio.ea.client("ea")).unwrap(),
            fingerprint(&mut studio.eb.client("eb")).unwrap(),
        )
    };
    let before = prints(&studio);
    verify(&studio);
    assert_eq!(prints(&studio), before);
}
