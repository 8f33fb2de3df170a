//! What a sample of Makapix promises those who use it, held against the data: one run, then another
//! with a password and a cap of its own. Both are shared by all that is asked of them.

use mkx_tests::generate::{Spec, files};
use mkx_tests::postgres_server::roles;
use mkx_tests::shop;
use mkx_tests::site::{DATABASE, Site, Size};
use postgres::types::FromSqlOwned;
use postgres::{Client, NoTls};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A sample of Makapix, and the report of the run that made it.
struct Sample {
    site: Site,
    report: Value,
    ea: RefCell<Client>,
    eb: RefCell<Client>,
}

impl Sample {
    fn take() -> Sample {
        let size = Size {
            spec: Spec::new(300, 3),
            max_files: Some(4),
        };
        let site = Site::with_policy(&size);
        let report = run(&site, &[]);
        Sample {
            ea: RefCell::new(site.ea.client(DATABASE)),
            eb: RefCell::new(site.eb.client(DATABASE)),
            report,
            site,
        }
    }

    /// Another sample in the place of this one.
    fn again(self, arguments: &[&str]) -> Sample {
        // the swap ends every session, and a role that is no superuser can not end ours
        drop(self.eb);
        let report = run(&self.site, arguments);
        Sample {
            eb: RefCell::new(self.site.eb.client(DATABASE)),
            report,
            ..self
        }
    }

    /// The first column of what production answers.
    #[track_caller]
    fn in_ea<T: FromSqlOwned>(&self, sql: &str) -> Vec<T> {
        column(&mut self.ea.borrow_mut(), sql)
    }

    /// The first column of what development answers.
    #[track_caller]
    fn in_eb<T: FromSqlOwned>(&self, sql: &str) -> Vec<T> {
        column(&mut self.eb.borrow_mut(), sql)
    }

    /// How many rows of a table, or of a query's tail, development has.
    #[track_caller]
    fn count_in_eb(&self, tail: &str) -> i64 {
        self.in_eb(&format!("SELECT count(*) FROM {tail}"))[0]
    }

    /// What the report says that an edge brought.
    #[track_caller]
    fn edge(&self, table: &str, column: &str, policy: &str) -> i64 {
        let edges = self.report["edges"].as_array().unwrap().iter();
        let mut edges = edges.filter(|edge| edge["table"] == table && edge["columns"] == column);
        let edge = edges.next().expect("the edge is reported");
        assert_eq!(edge["policy"], policy, "{table}.{column}");
        edge["rows"].as_i64().unwrap()
    }
}

#[track_caller]
fn run(site: &Site, arguments: &[&str]) -> Value {
    let finished = shop::sample(site, &["run"]).args(arguments).run();
    serde_json::from_str(&finished.expect_code(0).stdout).unwrap()
}

#[track_caller]
fn column<T: FromSqlOwned>(client: &mut Client, sql: &str) -> Vec<T> {
    let rows = client.query(sql, &[]);
    let rows = rows.unwrap_or_else(|error| panic!("{sql}: {:?}", error.as_db_error()));
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_sample_is_what_was_promised() {
    let sample = Sample::take();
    statistics_are_there_for_every_filled_table(&sample);
    the_application_starts_and_keeps_its_accounts(&sample);
    the_password_opens_every_account(&sample, &kept_password(&sample));
    the_report_counts_what_edges_and_coverage_brought(&sample);
    the_plan_says_the_same_before(&sample);
    files_are_exactly_those_that_may_be_seen(&sample);

    std::fs::write(sample.site.path("secrets/development"), "ours, für alle\n").unwrap();
    set_in_site(
        &sample.site,
        "/sample/password",
        &json!({ "file": "secrets/development" }),
    );
    let sample = sample.again(&["--cap", "4"]);
    assert_eq!(sample.report["password_file"], Value::Null);
    the_password_opens_every_account(&sample, "ours, für alle");
    no_owner_has_more_than_the_newest(&sample, 4);
    let judge = |more: &[&str]| shop::sample(&sample.site, &["verify"]).args(more).run();
    judge(&[]).expect_code(0);
    judge(&["--cap", "4"]).expect_code(0);
    // so the cap did leave something out
    judge(&["--cap", "100000"]).expect_code(1);
    a_cap_needs_a_number_and_a_table_to_cap(&sample);
}

fn a_cap_needs_a_number_and_a_table_to_cap(sample: &Sample) {
    for (arguments, said) in [
        (&["--cap"][..], "a value is required"),
        (&["--cap", "few"], "invalid value 'few'"),
        (
            &["--cap", "4", "--policy", "capless.json"],
            "no table of the policy has a cap",
        ),
    ] {
        let text = std::fs::read_to_string(sample.site.path("policy.json")).unwrap();
        let mut policy: Value = serde_json::from_str(&text).unwrap();
        policy["tables"]["posts"]
            .as_object_mut()
            .unwrap()
            .remove("cap");
        std::fs::write(sample.site.path("capless.json"), policy.to_string()).unwrap();
        for verb in ["plan", "run"] {
            let refused = shop::sample(&sample.site, &[verb]).args(arguments).run();
            let refused = refused.expect_code(2);
            assert!(refused.stderr.contains(said), "{verb}: {}", refused.stderr);
            assert_eq!(refused.stdout, "", "{verb}");
        }
    }
}

fn set_in_site(site: &Site, place: &str, value: &Value) {
    let text = std::fs::read_to_string(site.document_path()).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let (parent, name) = place.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[name] = value.clone();
    std::fs::write(site.document_path(), document.to_string()).unwrap();
}

fn statistics_are_there_for_every_filled_table(sample: &Sample) {
    let tables: Vec<String> = sample.in_eb(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    );
    let filled: BTreeSet<String> = tables
        .into_iter()
        .filter(|table| sample.count_in_eb(&format!("(SELECT FROM \"{table}\" LIMIT 1) one")) > 0)
        .collect();
    assert!(filled.len() > 30, "{filled:?}");
    let known = sample.in_eb::<String>(
        "SELECT DISTINCT tablename::text FROM pg_stats WHERE schemaname = 'public'",
    );
    // not by a server that happened to do so by itself in the meantime
    let by_us = sample.in_eb::<String>(
        "SELECT relname::text FROM pg_stat_user_tables WHERE last_analyze IS NOT NULL",
    );
    let both: BTreeSet<String> = known.into_iter().filter(|t| by_us.contains(t)).collect();
    let without: Vec<&String> = filled.difference(&both).collect();
    assert!(without.is_empty(), "without statistics: {without:?}");
}

/// What the application asks for at its start, and what its nightly jobs would delete.
fn the_application_starts_and_keeps_its_accounts(sample: &Sample) {
    for whole in ["alembic_version", "licenses", "badge_definitions"] {
        let rows = format!("SELECT md5(t::text) FROM {whole} t ORDER BY 1");
        let (ea, eb) = (sample.in_ea::<String>(&rows), sample.in_eb::<String>(&rows));
        assert!(!ea.is_empty() && ea == eb, "{whole}: {ea:?} is not {eb:?}");
    }
    let owners = "SELECT handle::text FROM users WHERE roles::jsonb @> '[\"owner\"]' ORDER BY 1";
    let owner: Vec<String> = sample.in_eb(owners);
    assert_eq!((owner.len(), &owner), (1, &sample.in_ea(owners)));
    let unverified = "SELECT count(*) FROM users WHERE NOT email_verified";
    assert!(sample.in_ea::<i64>(unverified)[0] > 0);
    assert_eq!(sample.in_eb::<i64>(unverified)[0], 0);
    let url = sample.site.eb.url_as(roles::APPLICATION, DATABASE);
    let mut application = Client::connect(&url, NoTls).unwrap();
    application
        .batch_execute(
            "BEGIN;
             SELECT * FROM alembic_version;
             INSERT INTO users (user_key, handle, handle_normalized, email, roles)
               VALUES (gen_random_uuid(), 'newcomer', 'newcomer', 'newcomer@mail.test', '[]');
             UPDATE posts SET view_count = view_count + 1;
             DELETE FROM view_events;
             ROLLBACK",
        )
        .unwrap();
}

fn kept_password(sample: &Sample) -> String {
    let file = sample.report["password_file"].as_str().unwrap();
    std::fs::read_to_string(file).unwrap().trim_end().to_owned()
}

fn the_password_opens_every_account(sample: &Sample, password: &str) {
    let hashes: Vec<String> = sample.in_eb(
        "SELECT DISTINCT coalesce(secret_hash, 'none') FROM auth_identities WHERE provider = 'password'",
    );
    assert_eq!(hashes.len(), 1, "{hashes:?}");
    assert!(bcrypt::verify(password, &hashes[0]).unwrap());
    let elsewhere = "auth_identities WHERE provider <> 'password'";
    assert!(sample.count_in_eb(elsewhere) > 0);
    assert_eq!(
        sample.count_in_eb(&format!("{elsewhere} AND secret_hash IS NOT NULL")),
        0
    );
    // the application finds the account by the address that is typed with the password
    let typed = "auth_identities JOIN users ON users.id = user_id WHERE provider = 'password'";
    let owner = "roles::jsonb @> '[\"owner\"]'";
    assert_eq!(sample.count_in_eb(&format!("{typed} AND {owner}")), 1);
    let lost = "provider_user_id IS DISTINCT FROM email_normalized OR lower(users.email) <> email_normalized";
    assert_eq!(sample.count_in_eb(&format!("{typed} AND ({lost})")), 0);
}

fn the_report_counts_what_edges_and_coverage_brought(sample: &Sample) {
    let coverage = sample.report["coverage"].as_array().unwrap();
    let mut checked = 0;
    for (table, owned_by) in [
        ("post_files", "post_id"),
        ("reactions", "post_id"),
        ("category_follows", "user_id"),
        ("blog_post_reactions", "blog_post_id"),
        ("blog_post_view_events", "blog_post_id"),
    ] {
        let own = sample.edge(table, owned_by, "own");
        let added: Vec<&Value> = coverage
            .iter()
            .filter(|added| added["table"] == table)
            .collect();
        let rows: i64 = added
            .iter()
            .map(|added| added["rows"].as_i64().unwrap())
            .sum();
        assert_eq!(sample.count_in_eb(table), own + rows, "{table}");
        for added in added {
            let name = added["column"].as_str().unwrap();
            for value in added["values"].as_array().unwrap() {
                let is = match value.as_str() {
                    Some(value) => format!("\"{name}\"::text = '{value}'"),
                    None => format!("\"{name}\" IS NULL"),
                };
                let there = sample.count_in_eb(&format!("{table} WHERE {is}"));
                // none of the rows that came anyway has it
                assert!(
                    (1..=rows).contains(&there),
                    "{table}: {is}: {there} of {rows}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "{coverage:?}");
    references_that_became_null_are_counted(sample);
    whoever_came_as_a_stub_is_counted(sample);
}

fn references_that_became_null_are_counted(sample: &Sample) {
    let actors = "SELECT id::text FROM social_notifications WHERE actor_id IS ";
    let lost: BTreeSet<String> = sample
        .in_eb(&format!("{actors} NULL"))
        .into_iter()
        .collect();
    let there = sample.in_ea::<String>(&format!("{actors} NOT NULL"));
    let nulled = there.iter().filter(|id| lost.contains(*id)).count();
    assert!(nulled > 0);
    let said = sample.edge("social_notifications", "actor_id", "null");
    assert_eq!(said, i64::try_from(nulled).unwrap());
}

fn whoever_came_as_a_stub_is_counted(sample: &Sample) {
    // only a stub's handle is another
    let handles = "SELECT id || ' ' || handle FROM users";
    let whole: BTreeSet<String> = sample.in_ea(handles).into_iter().collect();
    let stubs: Vec<String> = sample.in_eb::<String>(handles).into_iter().collect();
    let stubs: Vec<&str> = stubs
        .iter()
        .filter(|user| !whole.contains(*user))
        .map(|user| user.split_once(' ').unwrap().0)
        .collect();
    assert_eq!(sample.report["roots"]["stubs"], stubs.len());
    let authors = format!(
        "(SELECT DISTINCT author_id FROM comments WHERE author_id IN ({})) authors",
        stubs.join(",")
    );
    let authors = sample.count_in_eb(&authors);
    assert!(authors > 0);
    assert_eq!(sample.edge("comments", "author_id", "stub"), authors);
}

fn the_plan_says_the_same_before(sample: &Sample) {
    let planned = shop::sample(&sample.site, &["plan"]).run().expect_code(0);
    let plan: Value = serde_json::from_str(&planned.stdout).unwrap();
    for same in ["edges", "coverage", "rows", "rows_in_source"] {
        assert_eq!(plan[same], sample.report[same], "{same}");
    }
    let said = |line: String| {
        assert!(planned.stderr.contains(&line), "{line}: {}", planned.stderr);
    };
    let rows = sample.edge("reactions", "post_id", "own");
    said(format!(
        "reactions.post_id -> posts: {rows} children come along"
    ));
    let rows = sample.edge("comments", "author_id", "stub");
    said(format!(
        "comments.author_id -> users: {rows} parents come as stubs"
    ));
    let added = &plan["coverage"][0];
    let (table, column) = (
        added["table"].as_str().unwrap(),
        added["column"].as_str().unwrap(),
    );
    said(format!("{table}.{column}: {} rows so that ", added["rows"]));
}

/// The manifest names what EB's rows refer to and everybody may see: that and nothing else.
fn files_are_exactly_those_that_may_be_seen(sample: &Sample) {
    let listed = shop::sample(&sample.site, &["files", "--no-report"]).run();
    let listed = listed.expect_code(0).stdout;
    let lines = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut lines: Vec<Value> = lines.collect();
    let end = lines.pop().unwrap();
    assert_eq!(end["ok"], true);
    let said = lines.iter().map(|file| {
        let path = file["path"].as_str().unwrap().to_owned();
        (path, file["optional"] == true)
    });
    let said: BTreeMap<String, bool> = said.collect();
    assert_eq!(said.len(), lines.len());
    let mut expected = artworks(sample);
    let images = avatars_and_blog_images(sample);
    for kind in ["avatar/", "blog_image/"] {
        assert!(images.iter().any(|path| path.starts_with(kind)), "{kind}");
    }
    expected.extend(images.into_iter().map(|path| (path, false)));
    let odd: Vec<_> = said
        .iter()
        .filter(|file| expected.get(file.0) != Some(file.1))
        .collect();
    assert!(odd.is_empty(), "listed, and should not: {odd:?}");
    let lost: Vec<_> = expected
        .iter()
        .filter(|file| !said.contains_key(file.0))
        .collect();
    assert!(lost.is_empty(), "not listed: {lost:?}");
    let hidden = sample.in_ea::<String>(&format!(
        "SELECT storage_key::text FROM posts WHERE NOT ({SEEN}) AND storage_shard IS NOT NULL"
    ));
    assert!(!hidden.is_empty());
    for key in hidden {
        assert!(!listed.contains(&key), "{key} is not public");
    }
}

/// As the application decides whether everybody may see a post.
const SEEN: &str = "visible AND NOT hidden_by_user AND NOT hidden_by_mod AND NOT deleted_by_user";

/// The files of visible artworks, in folders of both schemes, and whether they are optional.
fn artworks(sample: &Sample) -> BTreeMap<String, bool> {
    let seen = format!("posts WHERE kind = 'artwork' AND storage_shard IS NOT NULL AND {SEEN}");
    let named = sample.in_eb::<String>(&format!(
        "SELECT storage_shard || '/' || storage_key || '.' || format FROM post_files \
         JOIN (SELECT id, storage_shard, storage_key FROM {seen}) p ON p.id = post_id"
    ));
    let lengths: BTreeSet<usize> = named.iter().map(|path| path.rfind('/').unwrap()).collect();
    assert_eq!(lengths, BTreeSet::from([5, 8]), "folders of both schemes");
    let emptied = "posts WHERE kind = 'artwork' AND storage_shard IS NULL";
    assert!(sample.count_in_eb(emptied) > 0);
    // a preview is made of the post, whatever files are listed for it
    let previews = sample.in_eb::<String>(&format!(
        "SELECT storage_shard || '/' || storage_key || '_upscaled.webp' FROM {seen}"
    ));
    let previews = previews.into_iter().map(|path| (path, true));
    let named = named.into_iter().map(|path| (path, false));
    named.chain(previews).collect()
}

/// What URLs of EB's vault name, each at the place that its key gives it.
fn avatars_and_blog_images(sample: &Sample) -> BTreeSet<String> {
    let texts = sample.in_eb::<String>(
        "SELECT avatar_url FROM users WHERE avatar_url IS NOT NULL \
         UNION ALL SELECT unnest(image_urls) FROM blog_posts UNION ALL SELECT body FROM blog_posts",
    );
    let mut paths = BTreeSet::new();
    for kind in ["avatar", "blog_image"] {
        let start = format!("/{kind}/");
        for text in &texts {
            for found in text.split(&start).skip(1) {
                let end = found.find(|c: char| !c.is_ascii_alphanumeric() && !"/-.".contains(c));
                let name = found[..end.unwrap_or(found.len())]
                    .rsplit('/')
                    .next()
                    .unwrap();
                let key = Uuid::parse_str(name.split_once('.').unwrap().0).unwrap();
                paths.insert(format!("{kind}/{}/{name}", files::shard(key)));
            }
        }
    }
    paths
}

fn no_owner_has_more_than_the_newest(sample: &Sample, cap: usize) {
    let posts = "SELECT owner_id || ' ' || id FROM posts ORDER BY id DESC";
    let mut newest: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for post in sample.in_ea::<String>(posts) {
        let (owner, id) = post.split_once(' ').unwrap();
        newest.entry(owner.into()).or_default().push(id.into());
    }
    let (mut capped, mut older) = (BTreeSet::new(), 0);
    for post in sample.in_eb::<String>(posts) {
        let (owner, id) = post.split_once(' ').unwrap();
        match newest[owner].iter().position(|other| other == id).unwrap() {
            place if place < cap => capped.insert((owner.to_owned(), id.to_owned())),
            _ => {
                older += 1;
                false
            }
        };
    }
    let own = sample.edge("posts", "owner_id", "own");
    let extra = sample.count_in_eb("posts") - own;
    assert!(
        older <= extra,
        "{older} posts are older than the newest {cap}"
    );
    assert!(own <= i64::try_from(capped.len()).unwrap());
    assert_eq!(sample.report["sample"]["cap"], cap);
}
