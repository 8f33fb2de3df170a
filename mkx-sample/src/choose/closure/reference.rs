//! References that the database does not know as foreign keys: scalars, arrays, and values in JSON.
//!
//! A value that does not read as the target's key dangles; it is never an error.

use super::graph::{Extent, Graph, Node, Pointer};
use super::keys::{Form, Key, column_of};
use super::sets::{Sets, Which};
use crate::database::catalog::Column;
use crate::policy::Otherwise;
use crate::sql::{self, of_policy};

/// A UUID, with hyphens or without.
const UUID: &str = "^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$";

/// How the column holds its references.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Scalar,
    Array,
    Json,
}

/// SQL: everything that the row refers to is among these rows of the target (or it refers to
/// nothing).
pub fn holds(graph: &Graph, sets: &Sets, pointer: &Pointer, which: Which) -> String {
    let Some(column) = column(graph, pointer) else {
        return "TRUE".into();
    };
    let value = column_of(&column.name);
    let is_member = |value: &str, from: &str| member(graph, sets, pointer, which, (value, from));
    let holds = match holder(column) {
        Holder::Scalar => format!(
            "({value} IS NULL OR ({}) IS TRUE)",
            is_member(&value, &column.base_type)
        ),
        Holder::Array => format!(
            "NOT EXISTS (SELECT FROM unnest({value}) AS e(v) WHERE e.v IS NOT NULL AND ({}) IS NOT TRUE)",
            is_member("e.v", column.base_type.trim_start_matches('_'))
        ),
        Holder::Json => format!(
            "NOT EXISTS (SELECT FROM {} AS e(v) WHERE e.v IS NOT NULL AND ({}) IS NOT TRUE)",
            json_texts(&inner(pointer, &as_jsonb(column, &value))),
            is_member("e.v", "text")
        ),
    };
    match &pointer.policy.when {
        Some(when) => format!("({} IS NOT TRUE OR {holds})", of_policy(when)),
        None => holds,
    }
}

/// SQL for the column's value in EB, from `expression` for it: without what dangles.
pub fn applied(graph: &Graph, sets: &Sets, pointer: &Pointer, expression: &str) -> String {
    let Some(column) = column(graph, pointer) else {
        return expression.to_owned();
    };
    let otherwise = match pointer.policy.otherwise {
        Otherwise::Keep => return expression.to_owned(),
        // A row that came for another reason than its owner can not be dropped any more.
        Otherwise::Drop if !column.is_nullable => return expression.to_owned(),
        Otherwise::Drop => Otherwise::Null,
        other => other,
    };
    let holds = holds(graph, sets, pointer, Which::Any);
    let pruned = match (holder(column), otherwise) {
        (Holder::Array, Otherwise::Prune) => {
            let element = column.base_type.trim_start_matches('_');
            let member = member(graph, sets, pointer, Which::Any, ("e.v", element));
            let kept = format!(
                "ARRAY(SELECT e.v FROM unnest({expression}) WITH ORDINALITY AS e(v, at) WHERE {member} ORDER BY e.at)::{}",
                column.type_name
            );
            match pointer.policy.when.as_deref().map(of_policy) {
                Some(when) => format!("CASE WHEN {when} THEN {kept} ELSE {expression} END"),
                None => kept,
            }
        }
        (Holder::Json, _) => {
            let member = member(graph, sets, pointer, Which::Any, ("(e.v #>> '{}')", "text"));
            json(pointer, column, expression, &member)
        }
        _ => "NULL".into(),
    };
    format!("CASE WHEN {holds} THEN {expression} ELSE {pruned} END")
}

/// The JSON without the dangling value: an array loses the element, a member becomes null.
fn json(pointer: &Pointer, column: &Column, expression: &str, member: &str) -> String {
    let whole = as_jsonb(column, expression);
    let inner = inner(pointer, &whole);
    let kept = format!(
        "CASE jsonb_typeof({inner}) WHEN 'array' THEN (SELECT COALESCE(jsonb_agg(e.v ORDER BY e.at) \
         FILTER (WHERE {member}), '[]') FROM jsonb_array_elements({inner}) WITH ORDINALITY AS e(v, at)) \
         ELSE 'null'::jsonb END"
    );
    let result = match &pointer.policy.path[..] {
        [] => kept,
        path => format!("jsonb_set({whole}, {}, {kept})", sql::array(path, "text")),
    };
    format!("({result})::{}", column.type_name)
}

/// SQL: the value, of the type, is the key of one of these rows. Null counts as no.
fn member(
    graph: &Graph,
    sets: &Sets,
    pointer: &Pointer,
    which: Which,
    (value, base_type): (&str, &str),
) -> String {
    let parent = &graph.nodes[pointer.parent];
    let key = &parent.keys[pointer.key];
    let (value, condition) = match (key.form(), base_type) {
        (Form::Int, "int2" | "int4" | "int8" | "oid") | (Form::Uuid, "uuid") => {
            (value.to_owned(), None)
        }
        (Form::Int, _) => (
            format!("(({value})::text)::bigint"),
            Some(format!("({value})::text ~ '^[+-]?[0-9]{{1,18}}$'")),
        ),
        (Form::Uuid, _) => (
            format!("(({value})::text)::uuid"),
            Some(format!("({value})::text ~* '{UUID}'")),
        ),
        _ => (format!("({value})::text"), None),
    };
    let found = match parent.extent {
        _ if which == Which::Source => in_source(pointer, parent, key, &value),
        Extent::Complete => in_source(pointer, parent, key, &value),
        Extent::Empty => "FALSE".into(),
        _ => key.contains_text(&sets.keys(pointer.parent, pointer.key, which), &value),
    };
    match condition {
        Some(condition) => format!("CASE WHEN {condition} THEN {found} ELSE FALSE END"),
        None => found,
    }
}

/// SQL: the source has a row of the target with this value.
fn in_source(pointer: &Pointer, parent: &Node, key: &Key, value: &str) -> String {
    let name = sql::identifier(&pointer.policy.key);
    let cast = match key.form() {
        Form::Int | Form::Uuid => "",
        _ => "::text",
    };
    format!(
        "EXISTS (SELECT FROM {} AS target WHERE target.{name}{cast} = {value})",
        parent.table.sql_from()
    )
}

/// The scalar value as text, where it is such a reference.
pub fn text(graph: &Graph, pointer: &Pointer) -> Option<String> {
    let column = column(graph, pointer).filter(|column| holder(column) == Holder::Scalar)?;
    let value = column_of(&column.name);
    Some(match &pointer.policy.when {
        Some(when) => format!("CASE WHEN {} THEN {value}::text END", of_policy(when)),
        None => format!("{value}::text"),
    })
}

fn column<'g>(graph: &'g Graph, pointer: &Pointer) -> Option<&'g Column> {
    let table = graph.nodes[pointer.child].table;
    table.column(&pointer.policy.column)
}

fn holder(column: &Column) -> Holder {
    match column.base_type.as_str() {
        "json" | "jsonb" => Holder::Json,
        base if base.starts_with('_') => Holder::Array,
        _ => Holder::Scalar,
    }
}

/// JSON that can be looked into.
fn as_jsonb(column: &Column, json: &str) -> String {
    match column.base_type.as_str() {
        "json" => format!("({})::jsonb", sql::readable_json(json)),
        _ => format!("({json})::jsonb"),
    }
}

/// The value inside the JSON that the path leads to.
fn inner(pointer: &Pointer, json: &str) -> String {
    match &pointer.policy.path[..] {
        [] => format!("({json})"),
        path => format!("({json} #> {})", sql::array(path, "text")),
    }
}

/// A set of rows, one text each: the elements of an array, or the value itself.
fn json_texts(inner: &str) -> String {
    format!(
        "jsonb_array_elements_text(CASE jsonb_typeof({inner}) WHEN 'array' THEN {inner} \
         WHEN 'null' THEN '[]'::jsonb ELSE jsonb_build_array({inner}) END)"
    )
}
