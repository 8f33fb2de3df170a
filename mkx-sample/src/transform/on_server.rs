//! Transforms as PostgreSQL computes them.

use mkx_tests::postgres_server::PostgresServer;
use postgres::Client;
use serde_json::{Value, json};

use super::{Context, expression};
use crate::database::catalog::{Catalog, Table};
use crate::policy::Transform;

const TABLES: &str = "
CREATE TABLE odd (
  id integer PRIMARY KEY, body text, short varchar(12), fixed char(8), email varchar(255) UNIQUE,
  handle varchar(50), name varchar(100), code varchar(6), ip varchar(45), address inet,
  key uuid UNIQUE, secret varchar(255), digest varchar(64), raw bytea, serial varchar(100),
  number bigint, small smallint, agent text, tags text[], urls varchar(80)[], data json,
  datab jsonb, flag boolean, since timestamptz, numbers integer[], \"odd \"\"name\" text);
";

struct World {
    client: Client,
    table: Table,
    _server: PostgresServer,
}

impl World {
    fn new() -> World {
        let server = PostgresServer::start();
        let mut client = server.client("postgres");
        client.batch_execute(TABLES).unwrap();
        client
            .batch_execute("SELECT set_config('mkx.key', 'k1', false), set_config('mkx.password_hash', '$2b$12$hash', false)")
            .unwrap();
        let catalog = Catalog::read(&mut client).unwrap();
        let table = catalog.table("odd").unwrap().clone();
        World {
            client,
            table,
            _server: server,
        }
    }

    /// The transformed value as text; `value` is SQL.
    #[track_caller]
    fn value(&mut self, column: &str, transform: &Value, value: &str) -> Option<String> {
        let transform: Transform = serde_json::from_value(transform.clone()).unwrap();
        let column = self.table.column(column).unwrap();
        let context = Context {
            urls: vec![
                ("vault.makapix.club".into(), "vault-dev.makapix.club".into()),
                ("www.makapix.club".into(), "development.makapix.club".into()),
                ("makapix.club".into(), "development.makapix.club".into()),
            ],
            email_domain: "users.example.com".into(),
        };
        let sql = expression(&transform, &self.table, column, "row", &context).unwrap();
        let quoted = column.name.replace('"', "\"\"");
        let query = format!(
            "SELECT ({sql})::text, pg_typeof({sql}) = '{}'::regtype \
             FROM (SELECT ({value})::{} AS \"{quoted}\", 'other'::text AS other) AS row",
            column.type_name, column.type_name
        );
        let row = self
            .client
            .query_one(&query, &[])
            .unwrap_or_else(|error| panic!("{error:?}\n{query}"));
        assert!(row.get::<_, bool>(1), "not of the column's type: {sql}");
        row.get(0)
    }

    #[track_caller]
    fn check(&mut self, column: &str, transform: Value, value: &str, expected: &str) {
        let literal = format!("$lit${value}$lit$");
        let got = self.value(column, &transform, &literal);
        assert_eq!(got.as_deref(), Some(expected), "for {value}");
    }

    #[track_caller]
    fn scrubs(&mut self, text: &str, expected: &str) {
        self.check("body", json!("scrub"), text, expected);
    }

    #[track_caller]
    fn leaves(&mut self, text: &str) {
        self.scrubs(text, text);
    }

    #[track_caller]
    fn matches(&mut self, column: &str, transform: Value, value: &str, pattern: &str) {
        let got = self
            .value(column, &transform, &format!("$lit${value}$lit$"))
            .unwrap();
        let matched: bool = self
            .client
            .query_one("SELECT $1 ~ ('^(?:' || $2 || ')$')", &[&got, &pattern])
            .unwrap()
            .get(0);
        assert!(matched, "{got:?} is not {pattern}");
    }
}

fn pseudonym(form: &str) -> Value {
    json!({"pseudonym": {"form": form}})
}

#[test]
fn scrub_takes_out_what_reaches_a_person_or_opens_a_door() {
    let mut world = World::new();
    for (text, expected) in [
        (
            "write to Anna.B+x@mail.example.org please",
            "write to [e-mail] please",
        ),
        ("(anna@example.org)", "([e-mail])"),
        ("mailto:anna@example.org.", "mailto:[e-mail]."),
        ("jörg@exämple.de, 花子@例え.jp", "[e-mail], [e-mail]"),
        ("anna (at) example (dot) org", "[e-mail]"),
        (
            "files: https://anna:pa55@files.example.net/a",
            "files: https://files.example.net/a",
        ),
        ("ftp://token@host/x?y", "ftp://host/x?y"),
        (
            "https://x.example/?a=1&token=abc-def&b=2",
            "https://x.example/?a=1&token=[removed]&b=2",
        ),
        (
            "https://x.example/?api_key=s3cr3t",
            "https://x.example/?api_key=[removed]",
        ),
        (
            "https://x.example/?password=hunter2#top",
            "https://x.example/?password=[removed]#top",
        ),
        ("password: hunter2!", "password: [removed]"),
        (
            "my panel is at 77.123.0.1 if you",
            "my panel is at [ip] if you",
        ),
        ("http://192.168.1.20:8080/x", "http://[ip]:8080/x"),
        ("ends with 10.0.0.1.", "ends with [ip]."),
        ("or over v6, 2a02:7712:0::5", "or over v6, [ip]"),
        (
            "http://[2001:DB8::1]:80/ and fe80::1%eth0 and ::1",
            "http://[[ip]]:80/ and [ip]%eth0 and [ip]",
        ),
        ("full 2a01:4f8:0:1:2:3:4:5 form", "full [ip] form"),
        ("call +49 170 7712305", "call [phone]"),
        ("+4917077123", "[phone]"),
        ("+1 (555) 123-4567, +44 (0)20 7946 0958", "[phone], [phone]"),
        ("0049 170 1234567", "[phone]"),
        (
            "030 12345678 or 0151-23456789 or 06221/123456",
            "[phone] or [phone] or [phone]",
        ),
        ("(030) 1234 5678", "[phone]"),
        ("020 7946 0958 or 07700 900123", "[phone] or [phone]"),
        ("01 23 45 67 89", "[phone]"),
        (
            "(555) 123-4567 or 555-123-4567 or 555.123.4567",
            "[phone] or [phone] or [phone]",
        ),
        ("call me at 015112345678", "call me at [phone]"),
    ] {
        world.scrubs(text, expected);
    }
}

#[test]
fn scrub_leaves_what_only_looks_like_it() {
    let mut world = World::new();
    for text in [
        "",
        "love the palette",
        "1920x1080, 64x64, 16 × 16, 8x8@2x",
        "on 2024-01-02, 01.02.2024, 02/01/2024 and 2024-01-02T03:04:05+00:00",
        "at 12:34:56 or 05/06/2024 12:30",
        "sizes 128 256 512 1024 2048",
        "charset 0123456789",
        "v1.2.3.4 and 1.2.3 and 3.14159",
        "id 12345678901234567890",
        "+1000000 points, 100% + 20",
        "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
        "https://vault.makapix.club/24/07/a1b2c3d4-e5f6-7890-abcd-ef1234567890.png",
        "12345678-1234-1234-1234-123456789012",
        "#ff00aa #123456 rgb(255, 128, 000)",
        "std::vector::push a::b 1::2::x",
        "@anna thanks, see you @ the show",
        "ratio 4:3:2:1 key=value monkey=1",
        "$1,234,567.89 and 1.234.567,89",
        "https://medium.com/@anna/post-123-4567890",
        "https://x.example/?page=2&monkey=3&donkey=4",
        "שלום פיקסל 16×16 👩\u{200d}🎨",
        "back\\slash 'quote' \"double\"",
    ] {
        world.leaves(text);
    }
}

#[test]
fn scrub_and_rewrite_reach_into_arrays_and_json_which_stays_json() {
    let mut world = World::new();
    world.check(
        "tags",
        json!("scrub"),
        "{\"a@b.example\",NULL,\"x, y\",fox}",
        "{[e-mail],NULL,\"x, y\",fox}",
    );
    world.check("tags", json!("scrub"), "{}", "{}");
    for column in ["data", "datab"] {
        world.check(
            column,
            json!("scrub"),
            r#"{"a": "x\nbob@x.example\tIP\n77.1.2.3", "n": 4915112345678}"#,
            r#"{"a": "x\n[e-mail]\tIP\n[ip]", "n": 4915112345678}"#,
        );
        world.check(
            column,
            json!({"chain": ["scrub", "rewrite_url"]}),
            r#"["https://makapix.club/a", {"b": "say \"https://u:p@vault.makapix.club\""}]"#,
            r#"["https://development.makapix.club/a", {"b": "say \"https://vault-dev.makapix.club\""}]"#,
        );
        world.check(
            column,
            json!("scrub"),
            "[1, -2.5, null, true]",
            "[1, -2.5, null, true]",
        );
    }
    world.check(
        "data",
        json!({"chain": ["scrub", "rewrite_url"]}),
        r#"{"u": "j\u00f6rg bob\u0040x.example \u00e9rg@x.example \\nina@x.example \u0000 c:\\temp", "v": "https:\/\/makapix.club\/x", "e": 1e+20}"#,
        r#"{"u": "j\u00f6rg [e-mail] \u00e9[e-mail] \\[e-mail] \u0000 c:\\temp", "v": "https:\/\/development.makapix.club\/x", "e": 1e+20}"#,
    );
}

#[test]
fn rewrite_url_changes_eas_hosts_and_no_other() {
    let mut world = World::new();
    for (text, expected) in [
        (
            "https://makapix.club/p/x",
            "https://development.makapix.club/p/x",
        ),
        ("HTTP://Makapix.Club", "HTTP://development.makapix.club"),
        (
            "https://www.makapix.club:8443/?a",
            "https://development.makapix.club:8443/?a",
        ),
        (
            "![a](https://vault.makapix.club/1/2.png).",
            "![a](https://vault-dev.makapix.club/1/2.png).",
        ),
        (
            "see https://makapix.club.",
            "see https://development.makapix.club.",
        ),
        (
            "<img src=\"//vault.makapix.club/a\">",
            "<img src=\"//vault-dev.makapix.club/a\">",
        ),
        ("//makapix.club/a", "//development.makapix.club/a"),
        (
            "https://makapix.club/a https://www.makapix.club/b",
            "https://development.makapix.club/a https://development.makapix.club/b",
        ),
        (
            "https://vault.makapix.club/HTTPS://MAKAPIX.CLUB/c",
            "https://vault-dev.makapix.club/HTTPS://development.makapix.club/c",
        ),
    ] {
        world.check("body", json!("rewrite_url"), text, expected);
    }
    for text in [
        "https://notmakapix.club/",
        "https://makapix.club.evil.com/",
        "https://makapix.club-evil.com/",
        "https://makapix.clubs/",
        "https://development.makapix.club/",
        "https://vault-dev.makapix.club/",
        "https://makapix.club@evil.com/",
        "https://makapix.club:pw@evil.com/",
        "https://evil.com/makapix.club",
        "https://evil.com//makapix.club/a",
        "makapix.club is nice",
        "ftp.makapix.club",
        "https://makapixXclub/",
    ] {
        world.check("body", json!("rewrite_url"), text, text);
    }
    world.check(
        "urls",
        json!("rewrite_url"),
        "{https://vault.makapix.club/b/1.png,https://x.example/}",
        "{https://vault-dev.makapix.club/b/1.png,https://x.example/}",
    );
}

#[test]
fn null_stays_null_but_for_a_constant() {
    let mut world = World::new();
    for (column, transform) in [
        ("body", json!("keep")),
        ("body", json!("null")),
        ("body", json!("scrub")),
        ("body", json!("hash")),
        ("body", json!("rewrite_url")),
        ("body", json!({"chain": ["scrub", "rewrite_url"]})),
        ("secret", json!("password")),
        ("email", pseudonym("email")),
        (
            "handle",
            json!({"pseudonym": {"form": "handle", "of": "other"}}),
        ),
        ("name", pseudonym("name")),
        ("ip", pseudonym("ip")),
        ("ip", pseudonym("ipv4")),
        ("ip", pseudonym("ipv6")),
        ("address", pseudonym("ip")),
        ("key", pseudonym("uuid")),
        ("code", pseudonym("token")),
        ("agent", pseudonym("user_agent")),
        ("serial", pseudonym("digits")),
        ("number", pseudonym("digits")),
        ("raw", json!("hash")),
        ("tags", json!("scrub")),
        ("tags", json!("hash")),
        ("urls", json!("rewrite_url")),
        ("data", json!("scrub")),
        ("datab", json!("rewrite_url")),
        ("data", json!({"json_keep": ["a"]})),
        ("datab", json!({"json_keep": ["a"]})),
    ] {
        assert_eq!(
            world.value(column, &transform, "NULL"),
            None,
            "{column} {transform}"
        );
    }
    assert_eq!(
        world
            .value("flag", &json!({"constant": true}), "NULL")
            .as_deref(),
        Some("true")
    );
}

#[test]
fn constants_are_of_the_columns_type() {
    let mut world = World::new();
    for (column, constant, expected) in [
        ("body", json!("it's \\ \"so\""), "it's \\ \"so\""),
        ("fixed", json!("ab"), "ab"),
        ("flag", json!(false), "false"),
        ("number", json!(-5), "-5"),
        ("tags", json!([]), "{}"),
        ("tags", json!(["a b", "c"]), "{\"a b\",c}"),
        ("numbers", json!([1, 2]), "{1,2}"),
        ("data", json!({"a": "it's"}), "{\"a\":\"it's\"}"),
        ("datab", json!({}), "{}"),
        ("datab", json!(null), "null"),
        (
            "since",
            json!("2024-01-02 00:00:00+00"),
            "2024-01-02 00:00:00+00",
        ),
        ("address", json!("10.0.0.1"), "10.0.0.1/32"),
    ] {
        let got = world.value(column, &json!({"constant": constant}), "NULL");
        assert_eq!(got.as_deref(), Some(expected), "{column} {constant}");
    }
}

#[test]
fn pseudonyms_look_like_what_they_stand_for() {
    let mut world = World::new();
    let letters = "[bcdfghjkpqrstvwx]{16}";
    for (column, form, value, pattern) in [
        (
            "email",
            "email",
            "Anna@x.example",
            format!("user-{letters}@users\\.example\\.com"),
        ),
        ("handle", "handle", "anna", format!("user-{letters}")),
        ("name", "name", "Anna's", format!("name {letters}")),
        (
            "ip",
            "ipv4",
            "84.1.2.3",
            "198\\.1[89]\\.\\d{1,3}\\.\\d{1,3}".into(),
        ),
        (
            "ip",
            "ip",
            "84.1.2.3",
            "198\\.1[89]\\.\\d{1,3}\\.\\d{1,3}".into(),
        ),
        ("ip", "ip", "2a01::1", "2001:db8(:[0-9a-f]{4}){6}".into()),
        ("ip", "ipv6", "84.1.2.3", "2001:db8(:[0-9a-f]{4}){6}".into()),
        (
            "address",
            "ip",
            "84.1.2.3",
            "198\\.1[89]\\.\\d{1,3}\\.\\d{1,3}/32".into(),
        ),
        ("address", "ip", "2a01::1", "2001:db8:[0-9a-f:]+/128".into()),
        (
            "key",
            "uuid",
            "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
            "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}".into(),
        ),
        (
            "secret",
            "uuid",
            "anything",
            "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}".into(),
        ),
        ("code", "token", "ABCDEF", "[0-9a-f]{6}".into()),
        ("secret", "token", "ABCDEF", "[0-9a-f]{40}".into()),
        (
            "agent",
            "user_agent",
            "Mozilla/5.0",
            "mkx/1\\.0 \\([0-9a-f]{16}\\)".into(),
        ),
        ("serial", "digits", "12345", "\\d{5}".into()),
        ("number", "digits", "12345", "\\d{1,5}".into()),
        ("small", "digits", "-32768", "\\d{1,4}".into()),
    ] {
        world.matches(column, pseudonym(form), value, &pattern);
    }
    let long = "7".repeat(90);
    world.matches("serial", pseudonym("digits"), &long, "\\d{90}");
    world.matches("digest", json!("hash"), "x", "[0-9a-f]{64}");
    world.matches("short", json!("hash"), "x", "[0-9a-f]{12}");
    world.matches("raw", json!("hash"), "\\x00ff", "\\\\x[0-9a-f]{64}");
}

#[test]
fn equal_values_have_equal_pseudonyms_and_only_under_the_same_key() {
    let mut world = World::new();
    let handle = |world: &mut World, value: &str| {
        world
            .value("handle", &pseudonym("handle"), &format!("'{value}'"))
            .unwrap()
    };
    let anna = handle(&mut world, "anna");
    assert_eq!(anna, handle(&mut world, "anna"));
    assert_ne!(anna, handle(&mut world, "annb"));
    let of = json!({"pseudonym": {"form": "handle", "of": "'an' || 'na'"}});
    assert_eq!(world.value("name", &of, "'ANNA'").unwrap(), anna);
    let upper = world.value("email", &pseudonym("email"), "'A@X.example'");
    let lower = world.value("secret", &pseudonym("email"), "'a@x.example'");
    assert_eq!(upper, lower);
    world
        .client
        .batch_execute("SELECT set_config('mkx.key', 'k2', false)")
        .unwrap();
    assert_ne!(anna, handle(&mut world, "anna"));
}

#[test]
fn of_a_json_object_only_the_named_members_stay() {
    let mut world = World::new();
    let keep = json!({"json_keep": ["a", "it's"]});
    world.check(
        "datab",
        keep.clone(),
        r#"{"a": 1, "b": {"a": 2}, "it's": null}"#,
        r#"{"a": 1, "it's": null}"#,
    );
    world.check(
        "data",
        keep.clone(),
        r#"{"b": "\u0000", "a": [1,  2]}"#,
        r#"{ "a" : [1,  2] }"#,
    );
    world.check("datab", keep.clone(), r#"{"b": 1}"#, "{}");
    world.check("datab", keep.clone(), r#"["a"]"#, "{}");
    world.check("data", keep, r#""a""#, "{}");
}

#[test]
fn a_value_never_outgrows_its_column_and_odd_names_are_quoted() {
    let mut world = World::new();
    world.check("short", json!("scrub"), "a@b.co, ::1", "[e-mail], [i");
    world.check("odd \"name", json!("scrub"), "a@b.example", "[e-mail]");
    world.matches(
        "secret",
        json!("password"),
        "$2b$12$real",
        "\\$2b\\$12\\$hash",
    );
    world.check(
        "body",
        json!({"sql": "upper(row.body) || other"}),
        "x",
        "Xother",
    );
}
