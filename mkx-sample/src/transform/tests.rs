use mkx_contract::Kind as Exit;
use serde_json::json;

use super::*;
use crate::database::catalog::TableName;

fn column(name: &str, type_name: &str) -> Column {
    let max_length = type_name
        .split_once('(')
        .and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    let array = if type_name.ends_with("[]") { "_" } else { "" };
    let base = match type_name.split(['(', '[']).next().unwrap_or_default() {
        "character varying" => "varchar",
        "character" => "bpchar",
        "integer" => "int4",
        "bigint" => "int8",
        "boolean" => "bool",
        "timestamp with time zone" => "timestamptz",
        other => other,
    };
    Column {
        name: name.into(),
        type_name: type_name.into(),
        base_type: format!("{array}{base}"),
        max_length,
        is_nullable: false,
        is_generated: false,
        is_enum: false,
    }
}

fn table() -> Table {
    Table {
        name: TableName {
            schema: "public".into(),
            name: "users".into(),
        },
        is_partitioned: false,
        columns: Vec::new(),
        primary_key: vec!["id".into()],
        unique_keys: vec![vec!["email".into()], vec!["code".into()]],
        foreign_keys: Vec::new(),
        estimated_rows: 0.0,
    }
}

fn made(transform: serde_json::Value, name: &str, type_name: &str) -> Result<String> {
    let transform: Transform = serde_json::from_value(transform).unwrap();
    let context = Context {
        urls: vec![("a.example".into(), "b.example".into())],
        email_domain: "users.example.com".into(),
    };
    expression(
        &transform,
        &table(),
        &column(name, type_name),
        "row",
        &context,
    )
}

#[track_caller]
fn refuses(transform: serde_json::Value, name: &str, type_name: &str, message: &str) {
    let failure = made(transform, name, type_name).unwrap_err();
    assert_eq!(failure.kind, Exit::Input);
    assert_eq!(failure.message, message);
}

#[test]
fn keep_is_the_column_itself() {
    assert_eq!(
        made(json!("keep"), "odd\"name", "text").unwrap(),
        "row.\"odd\"\"name\""
    );
}

#[test]
fn every_other_value_is_cast_to_the_columns_type() {
    let sql = made(json!("scrub"), "bio", "character varying(50)").unwrap();
    assert!(sql.ends_with(")::character varying(50)"), "{sql}");
}

#[test]
fn a_transform_that_does_not_fit_is_named_with_its_column() {
    refuses(
        json!("null"),
        "bio",
        "text",
        "cannot use \"null\" for users.bio: the column is NOT NULL",
    );
    refuses(
        json!({"pseudonym": {"form": "handle"}}),
        "bio",
        "character varying(6)",
        "cannot use \"pseudonym\" for users.bio: the form handle has 13 characters at least, \
         too long for character varying(6)",
    );
    refuses(
        json!({"pseudonym": {"form": "token"}}),
        "code",
        "character varying(6)",
        "cannot use \"pseudonym token\" for users.code: character varying(6) is too short to \
         keep the values of a unique column apart",
    );
    refuses(
        json!({"pseudonym": {"form": "ipv4"}}),
        "email",
        "text",
        "cannot use \"pseudonym\" for users.email: the form ipv4 can not keep the values of a \
         unique column apart",
    );
    refuses(
        json!({"pseudonym": {"form": "email"}}),
        "data",
        "json",
        "cannot use \"pseudonym\" for users.data: the form email does not fit json",
    );
    refuses(
        json!({"constant": "x"}),
        "email",
        "text",
        "cannot use \"constant\" for users.email: the column is unique, and a constant is the \
         same in every row",
    );
    refuses(
        json!({"constant": "seven"}),
        "count",
        "integer",
        "cannot use \"constant\" for users.count: \"seven\" is not a value of integer",
    );
    refuses(
        json!({"constant": "too long"}),
        "bio",
        "character varying(6)",
        "cannot use \"constant\" for users.bio: \"too long\" is too long for character varying(6)",
    );
    refuses(
        json!("scrub"),
        "count",
        "integer",
        "cannot use \"scrub\" for users.count: it is for text, and the column is integer",
    );
    refuses(
        json!("hash"),
        "key",
        "uuid",
        "cannot use \"hash\" for users.key: a hash is text, and the column is uuid",
    );
    refuses(
        json!("password"),
        "secret",
        "character varying(40)",
        "cannot use \"password\" for users.secret: a bcrypt hash is text of 60 characters, and \
         the column is character varying(40)",
    );
    refuses(
        json!({"json_keep": ["a"]}),
        "bio",
        "text",
        "cannot use \"json_keep\" for users.bio: it is for JSON, and the column is text",
    );
}

#[test]
fn a_short_column_that_is_not_unique_takes_a_short_token() {
    let sql = made(
        json!({"pseudonym": {"form": "token"}}),
        "other",
        "character varying(6)",
    );
    assert!(sql.unwrap().contains("1, 3)"));
}

#[test]
fn neither_the_key_nor_the_password_is_in_the_text() {
    let sql = made(json!("password"), "secret", "text").unwrap();
    assert!(
        sql.contains("current_setting('mkx.password_hash')"),
        "{sql}"
    );
    let sql = made(json!("hash"), "other", "text").unwrap();
    assert!(sql.contains("current_setting('mkx.key')"), "{sql}");
}
