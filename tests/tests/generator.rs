//! The generated production database: its shape, the truth of its references, what is rare in it.

#![allow(clippy::unwrap_used)]

use mkx_tests::fingerprint::fingerprint;
use mkx_tests::generate::canary::{canaries, found_in};
use mkx_tests::generate::{self, Spec, World, classes, vault};
use mkx_tests::postgres_server::PostgresServer;
use postgres::Client;

fn fill(server: &PostgresServer, database: &str, spec: &Spec) -> (Client, generate::Loaded) {
    server.create_database(database);
    let world = World::new(spec);
    let loaded = generate::load(&server.url(database), &world, true, &|_| ()).unwrap();
    (server.client(database), loaded)
}

fn number(client: &mut Client, query: &str) -> i64 {
    client.query_one(query, &[]).unwrap().get(0)
}

#[track_caller]
fn some(client: &mut Client, condition: &str) {
    let found = number(client, &format!("SELECT count(*) FROM {condition}"));
    assert!(found > 0, "no row of {condition}");
}

#[track_caller]
fn none(client: &mut Client, condition: &str) {
    let found = number(client, &format!("SELECT count(*) FROM {condition}"));
    assert_eq!(found, 0, "rows of {condition}");
}

#[test]
fn the_schema_has_the_tables_columns_and_foreign_keys_of_production() {
    let server = PostgresServer::start();
    let (mut client, _) = fill(&server, "ea", &Spec::new(20, 1));
    let client = &mut client;
    let catalog = "WHERE table_schema = 'public'";
    let count =
        |client: &mut Client, of: &str| number(client, &format!("SELECT count(*) FROM {of}"));
    assert_eq!(
        count(client, &format!("information_schema.tables {catalog}")),
        46
    );
    assert_eq!(
        count(client, &format!("information_schema.columns {catalog}")),
        449
    );
    assert_eq!(
        count(client, "pg_constraint WHERE contype = 'f' AND convalidated"),
        62
    );
    assert_eq!(count(client, "pg_extension WHERE extname = 'pg_trgm'"), 1);
    let classes = [
        "key",
        "fk",
        "public_content",
        "private_content",
        "personal",
        "secret",
        "operational",
    ];
    let mut of_class = classes::columns_of_class(&classes);
    of_class.sort();
    let in_catalog: Vec<(String, String)> = client
        .query(
            &format!(
                "SELECT table_name::text, column_name::text FROM information_schema.columns \
                 {catalog} ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\""
            ),
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert_eq!(of_class, in_catalog);
}

#[test]
fn every_table_has_rows_from_twenty_users_on() {
    let server = PostgresServer::start();
    for users in [20, 100] {
        let (mut client, loaded) = fill(&server, &format!("ea{users}"), &Spec::new(users, 3));
        assert_eq!(loaded.tables.len(), 46);
        for (table, rows) in loaded.tables {
            assert!(rows > 0, "no row in {table} for {users} users");
            let there = number(&mut client, &format!("SELECT count(*) FROM {table}"));
            assert_eq!(there, rows as i64, "{table}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_database_and_another_seed_another() {
    let server = PostgresServer::start();
    let prints: Vec<_> = [("a", 7), ("b", 7), ("c", 8)]
        .into_iter()
        .map(|(database, seed)| {
            let (mut client, _) = fill(&server, database, &Spec::new(150, seed));
            fingerprint(&mut client).unwrap()
        })
        .collect();
    assert_eq!(prints[0], prints[1]);
    assert_ne!(prints[0], prints[2]);
}

#[test]
fn a_single_changed_value_changes_the_fingerprint() {
    let server = PostgresServer::start();
    let (mut client, _) = fill(&server, "ea", &Spec::new(40, 1));
    let before = fingerprint(&mut client).unwrap();
    client
        .execute("UPDATE users SET bio = bio || '.' WHERE id = (SELECT min(id) FROM users WHERE bio IS NOT NULL)", &[])
        .unwrap();
    let after = fingerprint(&mut client).unwrap();
    let changed: Vec<_> = before
        .keys()
        .filter(|table| before[*table] != after[*table])
        .collect();
    assert_eq!(changed, ["public.users"]);
}

#[test]
fn activity_has_a_heavy_tail_and_one_account_holds_the_import() {
    let server = PostgresServer::start();
    let (mut client, _) = fill(&server, "ea", &Spec::new(2_000, 1));
    let client = &mut client;
    let posts = number(client, "SELECT count(*) FROM posts");
    let top = "SELECT count(*) FROM posts GROUP BY owner_id ORDER BY 1 DESC LIMIT 1";
    let share = number(client, top) as f64 / posts as f64;
    assert!(
        (0.25..0.40).contains(&share),
        "the import account holds {share}"
    );
    let without = number(
        client,
        "SELECT count(*) FROM users u WHERE NOT EXISTS (SELECT FROM posts WHERE owner_id = u.id)",
    );
    assert!(without > 600, "{without} of 2,000 users have no post");
    let views = number(client, "SELECT count(*) FROM view_events");
    let busiest = number(
        client,
        "SELECT sum(n)::bigint FROM (SELECT count(*) AS n FROM view_events GROUP BY post_id \
         ORDER BY 1 DESC LIMIT 400) busiest",
    );
    assert!(
        busiest * 3 > views,
        "a tenth of the posts has {busiest} of {views} views"
    );
    assert!(
        number(client, "SELECT max(id)::bigint FROM posts") > posts,
        "ids have gaps"
    );
}

#[test]
fn what_is_rare_dangling_or_odd_on_a_real_site_occurs() {
    let server = PostgresServer::start();
    let (mut client, _) = fill(&server, "ea", &Spec::new(2_000, 1));
    let client = &mut client;
    some(
        client,
        "posts WHERE storage_shard ~ '^[0-3][0-9a-f]/[0-3][0-9a-f]$'",
    );
    some(
        client,
        "posts WHERE storage_shard ~ '^[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{2}$'",
    );
    none(
        client,
        "posts WHERE (kind = 'playlist') <> (storage_shard IS NULL)",
    );
    none(
        client,
        "posts WHERE (kind = 'playlist') <> (id IN (SELECT post_id FROM playlist_posts))",
    );
    none(
        client,
        "posts p WHERE kind = 'artwork' AND NOT EXISTS \
        (SELECT FROM post_files WHERE post_id = p.id AND is_native)",
    );
    for state in [
        "hidden_by_user",
        "hidden_by_mod",
        "deleted_by_user",
        "NOT visible",
        "NOT public_visibility",
    ] {
        some(client, &format!("posts WHERE {state}"));
    }
    for state in [
        "deactivated",
        "NOT email_verified",
        "hidden_by_mod",
        "banned_until < '2100-01-01'",
        "banned_until > '9999-01-01'",
        "avatar_source_post_id IS NOT NULL",
        "bio LIKE '%@%'",
        "handle ~ '[^[:ascii:]]'",
        "email_normalized IS NULL",
    ] {
        some(client, &format!("users WHERE {state}"));
    }
    assert_eq!(
        number(
            client,
            "SELECT count(*) FROM users WHERE roles::text LIKE '%owner%'"
        ),
        1
    );
    for once in [
        "posts WHERE creation_method = 'plotter'",
        "reports WHERE status = 'escalated'",
        "players WHERE registration_status = 'revoked'",
        "batch_download_requests WHERE status = 'expired'",
        "audit_logs WHERE action = 'transfer_ownership'",
        "site_events WHERE event_type = 'upload_quota_reached'",
    ] {
        assert_eq!(
            number(client, &format!("SELECT count(*) FROM {once}")),
            1,
            "{once}"
        );
    }
    some(client, "comments WHERE depth = 2");
    none(
        client,
        "comments c JOIN comments p ON p.id = c.parent_id WHERE c.depth <> p.depth + 1 OR c.post_id <> p.post_id",
    );
    some(
        client,
        "playlists, unnest(post_ids) AS named WHERE named NOT IN (SELECT id FROM posts)",
    );
    some(
        client,
        "playlists, unnest(post_ids) AS named WHERE named IN (SELECT id FROM posts)",
    );
    some(
        client,
        "batch_download_requests, unnest(post_ids) AS named WHERE named NOT IN (SELECT id FROM posts)",
    );
    some(
        client,
        "social_notifications WHERE comment_id NOT IN (SELECT id FROM comments)",
    );
    some(
        client,
        "social_notifications WHERE actor_id IS NULL AND actor_handle IS NOT NULL",
    );
    some(client, "post_lineage WHERE parent_post_id IS NULL");
    some(client, "comments WHERE length(body) > 1000");
    some(
        client,
        "comments WHERE body ~ '[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+'",
    );
    some(client, "comments WHERE body LIKE '%https://%:%@%'");
    none(
        client,
        "auth_identities a JOIN users u ON u.id = a.user_id \
        WHERE provider = 'password' AND provider_user_id <> email_normalized",
    );
    none(
        client,
        "posts WHERE art_url NOT LIKE 'https://vault.makapix.club/' || storage_shard || '/' || storage_key || '.%'",
    );
}

#[test]
fn canaries_are_in_every_sensitive_column_and_nowhere_without_them() {
    let server = PostgresServer::start();
    for users in [100, 2_000] {
        let (mut client, _) = fill(
            &server,
            &format!("ea{users}"),
            &Spec::new(users, 5).with_canaries(),
        );
        assert_eq!(canaries().len(), classes::sensitive_columns().len());
        for canary in canaries() {
            some(
                &mut client,
                &format!(
                    "{} WHERE {}::text ILIKE '{}'",
                    canary.table, canary.column, canary.like
                ),
            );
        }
        for text in [
            "comments WHERE body",
            "users WHERE bio",
            "blog_posts WHERE body",
        ] {
            some(&mut client, &format!("{text} LIKE '%@kleinpost-mail.net%'"));
        }
    }
    let (mut client, _) = fill(&server, "plain", &Spec::new(300, 5));
    for canary in canaries() {
        none(
            &mut client,
            &format!(
                "{} WHERE {}::text ILIKE '{}'",
                canary.table, canary.column, canary.like
            ),
        );
    }
}

#[test]
fn a_text_is_searched_for_canaries_without_regard_to_case() {
    assert_eq!(
        found_in("mail canary-users-email-17@kleinpost-mail.net"),
        ["CANARY"]
    );
    assert_eq!(
        found_in("from 77.123.0.9 at 12:00:01.271828+00"),
        ["77.123.", ".271828"]
    );
    assert!(found_in("nothing of interest").is_empty());
}

#[test]
fn a_database_that_has_the_schema_already_can_be_filled() {
    let server = PostgresServer::start();
    let (mut first, _) = fill(&server, "first", &Spec::new(60, 2));
    server.create_database("second");
    let mut second = server.client("second");
    second
        .batch_execute(include_str!("../makapix/schema.sql"))
        .unwrap();
    second
        .batch_execute("INSERT INTO alembic_version VALUES ('d4e5f6a7b8c9')")
        .unwrap();
    let world = World::new(&Spec::new(60, 2));
    generate::load(&server.url("second"), &world, false, &|_| ()).unwrap();
    assert_eq!(
        fingerprint(&mut first).unwrap(),
        fingerprint(&mut second).unwrap()
    );
}

#[test]
fn the_vault_holds_the_files_that_rows_name_with_the_digests_that_rows_say() {
    let server = PostgresServer::start();
    let (mut client, _) = fill(&server, "ea", &Spec::new(100, 1));
    let root = tempfile::tempdir().unwrap();
    let written = vault::write(&server.url("ea"), root.path(), None, &|_| ()).unwrap();
    let rows = client
        .query(
            "SELECT storage_shard || '/' || storage_key || '.' || format, file_bytes, hash, is_native \
             FROM posts JOIN post_files ON post_id = posts.id",
            &[],
        )
        .unwrap();
    assert!(written.files > rows.len() as u64);
    for row in rows {
        let content = std::fs::read(root.path().join(row.get::<_, String>(0))).unwrap();
        assert_eq!(content.len(), row.get::<_, i32>(1) as usize);
        if row.get(3) {
            assert_eq!(generate::files::digest(&content), row.get::<_, String>(2));
        }
    }
    for directory in ["avatar", "blog_image", "mkpx", "bdr", "lost+found"] {
        assert!(root.path().join(directory).is_dir(), "{directory}");
    }
}

#[test]
fn a_limited_vault_has_exactly_that_many_files() {
    let server = PostgresServer::start();
    fill(&server, "ea", &Spec::new(100, 1));
    let root = tempfile::tempdir().unwrap();
    let written = vault::write(&server.url("ea"), root.path(), Some(50), &|_| ()).unwrap();
    assert_eq!(written.files, 50);
}
