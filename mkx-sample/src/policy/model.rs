//! What a policy document holds.
//!
//! SQL in a policy (`where`, `when`, `of`, `pins`, `files`) is written by the maintainer and runs
//! read only; table and column names are the catalog's own, unquoted.

use std::fmt;

use indexmap::IndexMap;
use mkx_contract::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `policy.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The application that it is for.
    pub application: String,
    /// Pseudonymous e-mail addresses are under this reserved domain (RFC 2606).
    #[serde(default = "default_email_domain")]
    pub email_domain: String,
    /// Whose rows are sampled.
    pub root: Root,
    /// Every table, by name; `schema.name` outside the schema `public`.
    pub tables: IndexMap<String, TablePolicy>,
    /// Which vault files EB's rows refer to.
    #[serde(default)]
    pub files: Vec<FileRule>,
    /// What a draft guessed and nobody has looked at yet: `table` (its rows and edges) or
    /// `table.column`. `policy check` warns of each; delete a name here once it is right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guesses: Vec<String>,
}

fn default_email_domain() -> String {
    "users.example.com".into()
}

impl Record for Policy {
    const RECORD: &'static str = "mkx.sample.policy/1";
}

/// The table whose rows are sampled (users), and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// The table.
    pub table: String,
    /// The column that `--include` names rows by.
    pub name_column: String,
    /// Rows of these tables, counted per root row, make its activity; strata are powers of two
    /// of it.
    #[serde(default)]
    pub activity: Vec<Activity>,
    /// SQL condition: only these rows can be sampled (others may still come as stubs).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eligible: Option<String>,
}

/// What is counted as activity: rows of `table` whose `column` refers to the root row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// The table.
    pub table: String,
    /// Its column that refers to the root table.
    pub column: String,
}

/// Which rows of a table come over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// Those that the edges bring.
    Sampled,
    /// All: one set for the whole environment.
    All,
    /// None: the table arrives empty.
    #[default]
    None,
}

/// What happens along one foreign key, seen from the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// The child comes along with an owned parent.
    Own,
    /// The parent comes along with the child, whole.
    Include,
    /// The parent comes along as a stub: an anonymised row with no content.
    Stub,
    /// The reference is nulled where the parent does not come.
    Null,
    /// The child is dropped where the parent does not come.
    Require,
}

/// What happens to one table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TablePolicy {
    /// Which rows come over.
    pub rows: Rows,
    /// Why it is so; for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// SQL condition: other rows do not come along; what a row can not be without still comes.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// What happens along each foreign key; the key is its columns, with commas between.
    /// Absent for a foreign key to a table with `rows: all`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub edges: IndexMap<String, Edge>,
    /// References that the database does not know as foreign keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// SQL conditions: these rows always come, whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pins: Vec<String>,
    /// At most the newest rows for each owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
    /// `run` stops when more than this share (0 to 1) of EA's rows would come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_share: Option<f64>,
    /// Enum-like columns of which every value must occur in EB; absent: found from the
    /// statistics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Vec<String>>,
    /// Every column and its transform.
    pub columns: IndexMap<String, Transform>,
    /// Rows for which some columns are treated otherwise; the first that applies wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// How a row is treated that comes as a stub: columns that differ from `columns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stub: Option<IndexMap<String, Transform>>,
}

/// A reference without a foreign key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The column that holds it: a scalar, an array, or JSON (see `path`).
    pub column: String,
    /// SQL condition: it is such a reference only in these rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// For json and jsonb: the keys that lead to the value; the value is a scalar or an array.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<String>,
    /// The table that it refers to.
    pub table: String,
    /// The column of that table.
    pub key: String,
    /// What happens where the target does not come.
    pub otherwise: Otherwise,
}

impl Reference {
    /// True where it decides whether its row comes.
    pub fn drops(&self) -> bool {
        self.otherwise == Otherwise::Drop
    }
}

/// What happens to a reference without a foreign key whose target does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// The array or JSON array loses the element.
    Prune,
    /// The column, or the JSON member, becomes null.
    Null,
    /// The row is dropped.
    Drop,
    /// It may dangle, as it may in EA.
    Keep,
}

/// At most `newest` rows for each value of `per`, by `by` descending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// How many.
    pub newest: u64,
    /// The owner's column.
    pub per: String,
    /// The column that says what is newest.
    pub by: String,
}

/// Other transforms for some rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What these rows are: "not public".
    pub name: String,
    /// SQL condition on EA's row.
    pub when: String,
    /// Columns that differ.
    pub columns: IndexMap<String, Transform>,
}

/// What happens to the values of a column, inside EA's own SELECT. Null stays null, but for
/// `constant`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// As it is.
    Keep,
    /// Null.
    Null,
    /// The same value in every row (JSON; arrays and objects for array and json columns).
    Constant(Value),
    /// A made-up value that depends on the original and the run's key: equal for equal values,
    /// different for different ones.
    Pseudonym(Pseudonym),
    /// E-mail addresses, URLs with credentials, phone numbers and IP addresses inside free text
    /// are replaced.
    Scrub,
    /// A keyed hash in hexadecimal, as long as the column allows, at most 64 digits.
    Hash,
    /// The hash of the development password (bcrypt).
    Password,
    /// EA's hosts become EB's in URLs, in text, arrays of text and JSON.
    RewriteUrl,
    /// Several, one after the other.
    Chain(Vec<Transform>),
    /// Of a json or jsonb object only these members stay.
    JsonKeep(Vec<String>),
    /// An SQL expression over EA's row; it must not let anything personal through.
    Sql(String),
}

/// A made-up value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pseudonym {
    /// Its form.
    pub form: Form,
    /// SQL expression that it depends on instead of the column's own value, so that two columns
    /// that mean the same get the same pseudonym.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// What a pseudonym looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `user-bkdp…@users.example.com`, made of the lower-cased original.
    Email,
    /// `user-bkdp…`, in letters that are their own look-alike skeleton.
    Handle,
    /// A name of a person or device: `name bkdp…`.
    Name,
    /// In 198.18.0.0/15 (RFC 2544); not for unique columns.
    Ipv4,
    /// In 2001:db8::/32 (RFC 3849).
    Ipv6,
    /// IPv4 or IPv6 as the original.
    Ip,
    /// A UUID of version 4's form.
    Uuid,
    /// Letters and digits, as long as the column allows, at most 40.
    Token,
    /// `mkx/1.0 (5f3a…)`.
    UserAgent,
    /// Decimal digits, as many as the original has; not for unique columns.
    Digits,
}

impl fmt::Display for Form {
    /// As the policy writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Files of the vault that EB's rows refer to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileRule {
    /// What they are: "artwork".
    pub name: String,
    /// SQL that runs on EB, read only, and gives the columns `path` (text, relative to the
    /// vault) and, where known, `size_bytes` (bigint).
    pub query: String,
    /// True where no row says whether the file exists.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}
