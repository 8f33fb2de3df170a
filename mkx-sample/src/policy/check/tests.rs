use serde_json::{Value, json};

use super::*;
use crate::database::catalog::{Column, ForeignKey, TableName};

fn name(name: &str) -> TableName {
    TableName {
        schema: "public".into(),
        name: name.into(),
    }
}

fn column(name: &str, base: &str, is_nullable: bool) -> Column {
    Column {
        name: name.into(),
        type_name: base.into(),
        base_type: base.into(),
        max_length: None,
        is_nullable,
        is_generated: name == "computed",
        is_enum: false,
    }
}

fn table(of: &str, columns: Vec<Column>, keys: &[(&str, &str)]) -> Table {
    Table {
        name: name(of),
        is_partitioned: false,
        columns,
        primary_key: vec!["id".into()],
        unique_keys: Vec::new(),
        foreign_keys: keys
            .iter()
            .map(|(column, parent)| ForeignKey {
                name: format!("{of}_{column}"),
                columns: vec![(*column).into()],
                parent: name(parent),
                parent_columns: vec!["id".into()],
            })
            .collect(),
        estimated_rows: 0.0,
    }
}

fn catalog() -> Catalog {
    let users = table(
        "users",
        vec![
            column("id", "int4", false),
            column("handle", "text", false),
            column("computed", "text", true),
        ],
        &[],
    );
    let posts = table(
        "posts",
        vec![
            column("id", "int4", false),
            column("owner_id", "int4", false),
            column("editor_id", "int4", true),
            column("tags", "_text", false),
        ],
        &[("owner_id", "users"), ("editor_id", "users")],
    );
    let kinds = table("kinds", vec![column("id", "int4", false)], &[]);
    Catalog {
        release: crate::database::release::Release(170_000),
        tables: [users, posts, kinds]
            .into_iter()
            .map(|t| (t.name.clone(), t))
            .collect(),
    }
}

fn good() -> Value {
    json!({
        "record": "mkx.sample.policy/1",
        "application": "test",
        "root": {"table": "users", "name_column": "handle"},
        "tables": {
            "users": {"rows": "sampled", "columns": {"id": "keep", "handle": "keep"}},
            "posts": {
                "rows": "sampled",
                "edges": {"owner_id": "own", "editor_id": "null"},
                "columns": {"id": "keep", "owner_id": "keep", "editor_id": "keep", "tags": "keep"}
            },
            "kinds": {"rows": "all", "columns": {"id": "keep"}}
        }
    })
}

fn problems(document: &Value) -> (PolicyFile, Vec<Problem>) {
    let text = serde_json::to_string_pretty(document).unwrap();
    let file = PolicyFile::parse(text, "policy.json").unwrap();
    let problems = against(&catalog(), &file.policy);
    (file, problems)
}

/// One change to a good policy makes one problem.
#[track_caller]
fn finds(pointer: &str, value: Value, expected: &str) {
    let mut document = good();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = document
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap();
    match value {
        Value::Null => drop(parent.remove(member)),
        value => drop(parent.insert(member.to_owned(), value)),
    }
    let (file, problems) = problems(&document);
    let texts: Vec<String> = problems.iter().map(|problem| problem.text(&file)).collect();
    let texts: Vec<&str> = texts
        .iter()
        .map(|text| text.splitn(4, ':').nth(3).unwrap().trim_start())
        .collect();
    assert_eq!(texts, [expected]);
}

#[test]
fn a_policy_that_fits_has_no_problem() {
    assert_eq!(problems(&good()).1, []);
}

#[test]
fn what_is_not_classified_is_named_with_the_line_to_add() {
    finds(
        "/tables/users/columns/handle",
        Value::Null,
        "tables.users.columns: no transform for \"handle\" (text); add \"handle\": { \"pseudonym\": { \"form\": \"handle\" } }",
    );
    finds(
        "/tables/kinds",
        Value::Null,
        "tables: no policy for the table \"kinds\"; add\n    \"kinds\": {\n      \"rows\": \"all\",\n      \"columns\": {\n        \"id\": \"keep\"\n      }\n    }",
    );
    finds(
        "/tables/posts/edges/editor_id",
        Value::Null,
        "tables.posts.edges: no edge for the foreign key of \"editor_id\" to \"users\"; add \"editor_id\": \"null\"",
    );
}

#[test]
fn what_the_database_does_not_have_is_named() {
    finds(
        "/tables/ghosts",
        json!({"rows": "none", "columns": {}}),
        "tables.ghosts: the database has no such table: \"ghosts\"",
    );
    finds(
        "/tables/users/columns/age",
        json!("keep"),
        "tables.users.columns.age: the database has no such column: \"age\"",
    );
    finds(
        "/tables/users/edges",
        json!({"id": "own"}),
        "tables.users.edges.id: the table has no foreign key of these columns",
    );
    finds(
        "/root/name_column",
        json!("nick"),
        "root.name_column: the database has no such column: \"nick\"",
    );
    finds(
        "/tables/posts/cap",
        json!({"newest": 1, "per": "owner_id", "by": "at"}),
        "tables.posts.cap.by: the database has no such column: \"at\"",
    );
    finds(
        "/guesses",
        json!(["users.age"]),
        "guesses.0: \"users.age\" is not in the policy",
    );
}

#[test]
fn edges_that_can_not_be_followed_are_named() {
    for edge in ["stub", "null"] {
        let mut document = good();
        document["tables"]["posts"]["edges"]["owner_id"] = json!(edge);
        let (_, found) = problems(&document);
        let rules: Vec<_> = found.iter().map(|problem| problem.rule).collect();
        assert_eq!(rules, [Rule::Edge, Rule::UnreachedTable], "{edge}");
    }
    finds(
        "/tables/kinds/rows",
        json!("sampled"),
        "tables.kinds.rows: no row of it would come: no \"own\" edge leads to it, no row brings it along, and nothing is pinned; say \"all\" or \"none\", or give it an edge",
    );
    finds(
        "/tables/users/stub",
        json!({"handle": {"pseudonym": {"form": "handle"}}}),
        "tables.users.stub: no edge brings a row of this table as a stub",
    );
}

#[test]
fn what_does_not_fit_is_named() {
    finds(
        "/tables/posts/columns/tags",
        json!("null"),
        "tables.posts.columns.tags: cannot use \"null\" for posts.tags: the column is NOT NULL",
    );
    finds(
        "/tables/posts/columns/owner_id",
        json!({"pseudonym": {"form": "digits"}}),
        "tables.posts.columns.owner_id: it refers to users.id, so it needs the same transform",
    );
    finds(
        "/tables/posts/references",
        json!([{"column": "editor_id", "table": "users", "key": "id", "otherwise": "prune"}]),
        "tables.posts.references.0: \"prune\" is for arrays, and for arrays in JSON",
    );
    finds(
        "/tables/posts/max_share",
        json!(1.5),
        "tables.posts.max_share: it must be more than 0 and at most 1",
    );
}

#[test]
fn every_error_is_in_one_failure_with_its_place() {
    let mut document = good();
    document["tables"]["users"]["columns"] = json!({"id": "keep"});
    document["tables"]["kinds"]["columns"] = json!({});
    let (file, found) = problems(&document);
    let failure = failure(&file, &found).unwrap();
    assert_eq!(failure.kind, mkx_contract::Kind::Input);
    assert!(
        failure.message.starts_with(
            "cannot use the policy policy.json: 2 things are not right\n  policy.json:"
        )
    );
    assert!(
        failure.message.contains("add \"id\": \"keep\""),
        "{}",
        failure.message
    );
}

#[test]
fn a_guess_is_a_warning_and_no_failure() {
    let mut document = good();
    document["guesses"] = json!(["users", "users.handle"]);
    let (file, found) = problems(&document);
    assert_eq!(found.len(), 2);
    assert_eq!(failure(&file, &found), None);
}

#[test]
fn an_unknown_member_is_refused_with_its_place() {
    let text = "{\"record\": \"mkx.sample.policy/1\",\n \"application\": \"x\",\n \"tabels\": {}}";
    let failure = PolicyFile::parse(text, "policy.json").unwrap_err();
    assert!(
        failure
            .message
            .starts_with("policy.json:3:2: tabels: unknown field"),
        "{}",
        failure.message
    );
}
