//! What a column's name and type let guess of it.

use indexmap::IndexMap;
use serde_json::json;

use super::EMAIL_DOMAIN;
use crate::database::catalog::{Column, Table};
use crate::policy::{Form, Pseudonym, Transform};
use crate::transform::{Context, expression};

/// Words in names of columns, and what they say; the first that occurs decides. A word matches
/// whole parts of a name (`ip` is in `user_ip`, not in `description`).
const WORDS: [(&str, Meaning); 13] = [
    ("password passwd pwd", Meaning::Password),
    (
        "token secret otp pin key_pem private_key api_key credential credentials cert certificate \
         pem serial session nonce salt",
        Meaning::Secret,
    ),
    ("email mail e_mail", Meaning::Email),
    ("ip ip_address remote_addr inet", Meaning::Address),
    ("user_agent useragent ua", Meaning::UserAgent),
    ("hash digest fingerprint checksum", Meaning::Hash),
    (
        "phone mobile tel fax country city zip postal postcode street region lat lng lon latitude \
         longitude geo location timezone tz birth birthday birthdate dob gender ssn iban tax \
         local_datetime last_seen last_login last_active banned address",
        Meaning::Personal,
    ),
    (
        "first_name last_name full_name real_name surname firstname lastname",
        Meaning::Name,
    ),
    (
        "handle username nickname login nick screen_name display_name",
        Meaning::Handle,
    ),
    (
        "note notes message reason error private original preview",
        Meaning::Private,
    ),
    ("url uri href link website avatar", Meaning::Text),
    (
        "type kind status state role format locale language lang currency version version_num \
         category level mode slug",
        Meaning::Word,
    ),
    ("key code", Meaning::Secret),
];

#[derive(Clone, Copy, PartialEq)]
enum Meaning {
    Password,
    Secret,
    Email,
    Address,
    UserAgent,
    Hash,
    Personal,
    Name,
    Handle,
    Private,
    Text,
    Word,
}

/// A guess that fits the column.
pub fn transform(table: &Table, column: &Column) -> Transform {
    if is_key(table, &column.name) {
        return Transform::Keep;
    }
    candidates(column)
        .into_iter()
        .find(|transform| fits(table, column, transform))
        .unwrap_or(Transform::Keep)
}

/// True for columns of the primary key and of foreign keys: they are what rows hang together by.
pub(super) fn is_key(table: &Table, column: &str) -> bool {
    let foreign_keys = table.foreign_keys.iter().map(|key| &key.columns);
    let mut keys = foreign_keys.chain([&table.primary_key]);
    keys.any(|columns| columns.iter().any(|name| name == column))
}

/// True where the name alone says that the column is about a person.
pub(super) fn is_personal(name: &str) -> bool {
    matches!(
        meaning(name),
        Some(
            Meaning::Password
                | Meaning::Secret
                | Meaning::Email
                | Meaning::Address
                | Meaning::UserAgent
                | Meaning::Personal
                | Meaning::Name
        )
    )
}

/// The column by which people name a row of the root table.
pub(super) fn name_column(table: &Table) -> String {
    let names = || table.columns.iter().map(|column| &column.name);
    let handle = names().find(|name| meaning(name) == Some(Meaning::Handle));
    let name = handle.or_else(|| names().find(|name| name.ends_with("name")));
    let name = name.or_else(|| table.primary_key.first());
    name.cloned().unwrap_or_default()
}

/// What a stub's columns are where they would otherwise say something.
pub(super) fn stub(
    table: &Table,
    columns: &IndexMap<String, Transform>,
) -> IndexMap<String, Transform> {
    let mut stub = IndexMap::new();
    for column in table.written_columns() {
        let says_something = matches!(
            columns.get(&column.name),
            Some(Transform::Keep | Transform::Scrub | Transform::Chain(_) | Transform::RewriteUrl)
        );
        if !says_something || is_key(table, &column.name) || !holds_text(column) {
            continue;
        }
        let empty = [
            Transform::Null,
            Transform::Constant(json!([])),
            pseudonym(Form::Handle),
            Transform::Constant(json!("")),
        ];
        if let Some(transform) = empty.into_iter().find(|t| fits(table, column, t)) {
            stub.insert(column.name.clone(), transform);
        }
    }
    stub
}

fn holds_text(column: &Column) -> bool {
    is_text(column) || is_json(column) || column.type_name.ends_with("[]")
}

fn is_text(column: &Column) -> bool {
    matches!(
        column.base_type.trim_start_matches('_'),
        "text" | "varchar" | "bpchar" | "citext"
    )
}

fn is_json(column: &Column) -> bool {
    matches!(column.base_type.as_str(), "json" | "jsonb")
}

/// Candidates in order; the first that fits the column is the guess.
fn candidates(column: &Column) -> Vec<Transform> {
    let meaning = meaning(&column.name);
    let hidden = [
        Transform::Null,
        Transform::Hash,
        pseudonym(Form::Token),
        pseudonym(Form::Uuid),
        Transform::JsonKeep(Vec::new()),
        Transform::Constant(json!("")),
        Transform::Constant(json!([])),
        Transform::Constant(json!(0)),
        Transform::Constant(json!("1970-01-01")),
    ];
    let mut list = match meaning {
        _ if matches!(column.base_type.as_str(), "bool" | "date")
            && meaning != Some(Meaning::Personal) =>
        {
            vec![Transform::Keep]
        }
        Some(Meaning::Password) => vec![Transform::Password],
        Some(Meaning::Email) => vec![pseudonym(Form::Email)],
        Some(Meaning::Address) => vec![pseudonym(Form::Ip), pseudonym(Form::Ipv6)],
        Some(Meaning::UserAgent) => vec![pseudonym(Form::UserAgent)],
        Some(Meaning::Hash) => vec![Transform::Hash],
        Some(Meaning::Name) => vec![pseudonym(Form::Name)],
        Some(Meaning::Handle) => vec![pseudonym(Form::Handle)],
        Some(Meaning::Secret) if column.base_type == "uuid" => vec![pseudonym(Form::Uuid)],
        Some(Meaning::Secret | Meaning::Personal) if holds_text(column) => Vec::new(),
        Some(Meaning::Personal) => vec![Transform::Null],
        Some(Meaning::Private) if column.base_type == "text" => {
            vec![Transform::Null, Transform::Constant(json!("(emptied)"))]
        }
        Some(Meaning::Word) if is_text(column) => vec![Transform::Keep],
        _ if is_json(column) => vec![Transform::JsonKeep(Vec::new())],
        _ if is_text(column) => {
            let steps = vec![Transform::Scrub, Transform::RewriteUrl];
            return vec![Transform::Chain(steps)];
        }
        _ if column.base_type == "bytea" || column.base_type == "inet" => Vec::new(),
        _ => vec![Transform::Keep],
    };
    list.extend(hidden);
    list
}

fn meaning(name: &str) -> Option<Meaning> {
    let name = format!("_{}_", name.to_lowercase());
    let is_part = |word: &str| name.contains(&format!("_{word}_"));
    let mut words = WORDS.iter();
    let (_, meaning) = words.find(|(words, _)| words.split(' ').any(is_part))?;
    Some(*meaning)
}

fn pseudonym(form: Form) -> Transform {
    Transform::Pseudonym(Pseudonym { form, of: None })
}

fn fits(table: &Table, column: &Column, transform: &Transform) -> bool {
    let context = Context::new(None, EMAIL_DOMAIN);
    expression(transform, table, column, "ea", &context).is_ok()
}
