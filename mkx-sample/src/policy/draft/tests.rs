use serde_json::json;

use super::*;
use crate::database::catalog::{Column, TableName};

fn column(name: &str, base: &str, max_length: Option<u32>, is_nullable: bool) -> Column {
    Column {
        name: name.into(),
        type_name: match max_length {
            Some(length) => format!("character varying({length})"),
            None => base.into(),
        },
        base_type: base.into(),
        max_length,
        is_nullable,
        is_generated: false,
        is_enum: false,
    }
}

fn table(name: &str, columns: Vec<Column>, keys: &[(&str, &str)]) -> Table {
    let of = |name: &str| TableName {
        schema: "public".into(),
        name: name.into(),
    };
    Table {
        name: of(name),
        is_partitioned: false,
        columns,
        primary_key: vec!["id".into()],
        unique_keys: Vec::new(),
        foreign_keys: keys
            .iter()
            .map(|(column, parent)| ForeignKey {
                name: format!("{name}_{column}"),
                columns: vec![(*column).into()],
                parent: of(parent),
                parent_columns: vec!["id".into()],
            })
            .collect(),
        estimated_rows: 10.0,
    }
}

fn id(name: &str) -> Column {
    column(name, "int4", None, false)
}

#[track_caller]
fn guesses(column: Column, expected: serde_json::Value) {
    let guess = transform(&table("users", vec![column.clone()], &[]), &column);
    assert_eq!(
        serde_json::to_value(guess).unwrap(),
        expected,
        "{}",
        column.name
    );
}

#[test]
fn names_and_types_let_guess_on_the_safe_side() {
    let short = |name: &str| column(name, "varchar", Some(50), true);
    let needed = |name: &str| column(name, "varchar", Some(6), false);
    guesses(id("id"), json!("keep"));
    guesses(short("email"), json!({"pseudonym": {"form": "email"}}));
    guesses(short("last_login_ip"), json!({"pseudonym": {"form": "ip"}}));
    guesses(short("zip_code"), json!("null"));
    guesses(needed("otp_code"), json!("hash"));
    guesses(needed("zip_code"), json!("hash"));
    guesses(
        column("password_hash", "text", None, false),
        json!("password"),
    );
    guesses(
        column("api_token", "uuid", None, false),
        json!({"pseudonym": {"form": "uuid"}}),
    );
    guesses(
        column("settings", "jsonb", None, false),
        json!({"json_keep": []}),
    );
    guesses(short("status"), json!("keep"));
    guesses(
        column("description", "text", None, false),
        json!({"chain": ["scrub", "rewrite_url"]}),
    );
    guesses(
        column("moderator_note", "text", None, false),
        json!({"constant": "(emptied)"}),
    );
    guesses(
        column("latitude", "float8", None, false),
        json!({"constant": 0}),
    );
    guesses(column("birthday", "date", None, true), json!("null"));
    guesses(column("email_verified", "bool", None, false), json!("keep"));
    guesses(column("blob", "bytea", None, true), json!("null"));
    guesses(
        column("created_at", "timestamptz", None, false),
        json!("keep"),
    );
}

fn shop() -> Catalog {
    let tables = [
        table(
            "customers",
            vec![id("id"), column("login", "text", None, false)],
            &[],
        ),
        table(
            "orders",
            vec![id("id"), id("customer_id")],
            &[("customer_id", "customers")],
        ),
        table(
            "lines",
            vec![id("id"), id("order_id"), id("product_id")],
            &[("order_id", "orders"), ("product_id", "products")],
        ),
        table("products", vec![id("id")], &[]),
        table(
            "friends",
            vec![id("id"), id("customer_id"), id("friend_id")],
            &[("friend_id", "customers"), ("customer_id", "customers")],
        ),
        table(
            "login_tokens",
            vec![id("id"), id("customer_id")],
            &[("customer_id", "customers")],
        ),
        table(
            "visits",
            vec![id("id"), column("ip", "inet", None, true)],
            &[],
        ),
    ];
    Catalog {
        release: crate::database::release::Release(170_000),
        tables: tables
            .into_iter()
            .map(|table| (table.name.clone(), table))
            .collect(),
    }
}

#[test]
fn a_draft_follows_ownership_from_the_people() {
    let policy = policy(&shop(), "shop", None).unwrap();
    assert_eq!(policy.root.table, "customers");
    assert_eq!(policy.root.name_column, "login");
    let rows = |name: &str| policy.tables[name].rows;
    assert_eq!(rows("lines"), Rows::Sampled);
    assert_eq!(rows("products"), Rows::All);
    assert_eq!(rows("login_tokens"), Rows::None);
    assert_eq!(rows("visits"), Rows::None, "traces of nobody in particular");
    assert_eq!(policy.tables["friends"].edges["customer_id"], Edge::Own);
    assert_eq!(policy.tables["friends"].edges["friend_id"], Edge::Stub);
    assert_eq!(policy.tables["lines"].edges.get("product_id"), None);
    assert!(policy.tables["customers"].stub.is_some());
    assert!(policy.guesses.contains(&"customers.login".to_owned()));
    assert!(!policy.guesses.contains(&"customers.id".to_owned()));
}

#[test]
fn a_draft_passes_its_own_check_but_for_the_guesses() {
    let catalog = shop();
    let policy = policy(&catalog, "shop", None).unwrap();
    let problems = crate::policy::check::against(&catalog, &policy);
    let others: Vec<_> = problems
        .iter()
        .filter(|problem| problem.rule != crate::policy::check::Rule::Guess)
        .collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(problems.len(), policy.guesses.len());
}
