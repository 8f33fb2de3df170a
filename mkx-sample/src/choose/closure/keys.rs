//! Sets of keys, held in the client as sorted vectors: 8 bytes a key for integers, 16 for UUIDs.

use postgres::Row;
use postgres::types::{FromSql, Type};

use super::ROW;
use crate::database::catalog::Table;
use crate::sql;

/// What a key is made of: the columns of a primary key, of a unique key, or of one that the
/// policy refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The columns.
    pub columns: Vec<String>,
    /// Their types as SQL.
    types: Vec<String>,
    form: Form,
}

/// How a key's values are held and compared in the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One integer of any width.
    Int,
    /// One UUID.
    Uuid,
    /// The text forms; equal texts are equal values.
    Text,
    /// The text forms; values of different text may be equal to the server (citext, numeric), so
    /// what a child holds is looked up in the parent.
    Loose,
}

/// Text forms of a composite key stand with this between them; PostgreSQL's text never holds it.
const BETWEEN: char = '\0';

impl Key {
    /// The key over these columns of the table; system columns are known too.
    pub fn of(table: &Table, columns: &[String]) -> Key {
        let described = columns.iter();
        let described = described.map(|name| match (table.column(name), name.as_str()) {
            (Some(column), _) => (element_type(&column.type_name), form_of(&column.base_type)),
            (None, "tableoid") => ("oid".into(), form_of("oid")),
            (None, _) => ("tid".into(), form_of("tid")),
        });
        let (types, forms): (Vec<String>, Vec<Form>) = described.unzip();
        Key {
            columns: columns.to_vec(),
            types,
            form: match forms[..] {
                [form] => form,
                _ if forms.contains(&Form::Loose) => Form::Loose,
                _ => Form::Text,
            },
        }
    }

    /// How its values are held.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The select list that gives the key of a row: one column.
    pub fn select(&self) -> String {
        self.select_of(&self.sql_columns())
    }

    /// The same over other expressions, for instance a child's columns.
    pub fn select_of(&self, values: &[String]) -> String {
        match self.form {
            Form::Int => format!("({})::bigint", values[0]),
            Form::Uuid => format!("({})::uuid", values[0]),
            Form::Text | Form::Loose => match values {
                [one] => format!("({one})::text"),
                // A text can not hold the separator, so an array's elements are sent instead.
                many => {
                    let texts = sql::list(many.iter().map(|v| format!("({v})::text")));
                    let has_null = sql::any(many.iter().map(|v| format!("({v}) IS NULL")));
                    format!("CASE WHEN {has_null} THEN NULL ELSE ARRAY[{texts}] END")
                }
            },
        }
    }

    /// Its columns in a row.
    pub fn sql_columns(&self) -> Vec<String> {
        columns_of(&self.columns)
    }

    /// An empty set of such keys.
    pub fn none(&self) -> Keys {
        match self.form {
            Form::Int => Keys::Int(Vec::new()),
            Form::Uuid => Keys::Uuid(Vec::new()),
            Form::Text | Form::Loose => Keys::Text(Vec::new()),
        }
    }

    /// SQL: the values are one of the keys. Null where a value is null. Hashed by the server, and
    /// fit for any place (CASE, OR).
    pub fn contains(&self, keys: &Keys, values: &[String]) -> String {
        if keys.is_empty() {
            return "FALSE".into();
        }
        match values {
            [one] => format!("{one} = ANY ({})", self.arrays(keys)[0]),
            many => format!(
                "({}) IN (SELECT * FROM unnest({}))",
                sql::list(many),
                sql::list(self.arrays(keys))
            ),
        }
    }

    /// SQL: the value, which need not be of the key's type, is one of the keys. An integer's value
    /// is a bigint, a UUID's a uuid, any other's a text.
    pub fn contains_text(&self, keys: &Keys, value: &str) -> String {
        if keys.is_empty() {
            return "FALSE".into();
        }
        let type_name = match self.form {
            Form::Int => "bigint",
            Form::Uuid => "uuid",
            Form::Text | Form::Loose => "text",
        };
        format!("{value} = ANY ({})", keys.array(type_name))
    }

    /// The same as a condition of its own at the top of WHERE, where the server may join.
    pub fn joins(&self, keys: &Keys, values: &[String]) -> String {
        match values {
            [one] if !keys.is_empty() => {
                format!("{one} IN (SELECT unnest({}))", self.arrays(keys)[0])
            }
            _ => self.contains(keys, values),
        }
    }

    /// An array literal for each column.
    fn arrays(&self, keys: &Keys) -> Vec<String> {
        match (keys, &self.types[..]) {
            (Keys::Text(keys), types @ [_, _, ..]) => {
                let types = types.iter().enumerate();
                let arrays = types.map(|(at, name)| {
                    let parts = keys
                        .iter()
                        .map(|key| key.split(BETWEEN).nth(at).unwrap_or(""));
                    sql::array(parts, name)
                });
                arrays.collect()
            }
            (keys, _) => vec![keys.array(&self.types[0])],
        }
    }
}

/// `mkx."column"`.
pub fn column_of(column: &str) -> String {
    format!("{ROW}.{}", sql::identifier(column))
}

/// The same for each.
pub fn columns_of(columns: &[String]) -> Vec<String> {
    columns.iter().map(|name| column_of(name)).collect()
}

/// The type without what would cut values short: `character varying(9)` compares as text.
fn element_type(type_name: &str) -> String {
    if type_name.starts_with("character varying") {
        "text".into()
    } else {
        type_name.into()
    }
}

fn form_of(base_type: &str) -> Form {
    match base_type {
        "int2" | "int4" | "int8" | "oid" => Form::Int,
        "uuid" => Form::Uuid,
        "text" | "varchar" | "name" | "date" | "timestamp" | "timestamptz" | "bool" | "tid" => {
            Form::Text
        }
        _ => Form::Loose,
    }
}

/// A set of keys, sorted, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Integers.
    Int(Vec<i64>),
    /// UUIDs.
    Uuid(Vec<u128>),
    /// Text forms; of composite keys with a NUL between.
    Text(Vec<Box<str>>),
}

impl Keys {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Keys::Int(keys) => keys.len(),
            Keys::Uuid(keys) => keys.len(),
            Keys::Text(keys) => keys.len(),
        }
    }

    /// An array literal.
    fn array(&self, type_name: &str) -> String {
        match self {
            Keys::Int(keys) => sql::array(keys.iter().map(i64::to_string), type_name),
            Keys::Uuid(keys) => sql::array(keys.iter().map(|key| format!("{key:032x}")), type_name),
            Keys::Text(keys) => sql::array(keys.iter(), type_name),
        }
    }

    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the key in a column that [`Key::select`] gave; the set is in order only after
    /// [`Keys::settle`]. Null adds nothing.
    pub fn push(&mut self, row: &Row, column: usize) {
        match self {
            Keys::Int(keys) => keys.extend(row.get::<_, Option<i64>>(column)),
            Keys::Uuid(keys) => keys.extend(row.get::<_, Option<Bits>>(column).map(|bits| bits.0)),
            Keys::Text(keys) => keys.extend(text_of(row, column)),
        }
    }

    /// Adds a key from its text; what is no such key adds nothing.
    pub fn push_text(&mut self, text: &str) {
        match self {
            Keys::Int(keys) => keys.extend(text.parse::<i64>()),
            Keys::Uuid(keys) => keys.extend(u128::from_str_radix(&text.replace('-', ""), 16)),
            Keys::Text(keys) => keys.push(text.into()),
        }
    }

    /// Brings the set into order after [`Keys::push`].
    pub fn settle(&mut self) {
        fn settle<T: Ord>(keys: &mut Vec<T>) {
            keys.sort_unstable();
            keys.dedup();
            keys.shrink_to_fit();
        }
        match self {
            Keys::Int(keys) => settle(keys),
            Keys::Uuid(keys) => settle(keys),
            Keys::Text(keys) => settle(keys),
        }
    }

    /// Those of `self` or `other`.
    pub fn union(&self, other: &Keys) -> Keys {
        let mut all = self.clone();
        all.add(other);
        all
    }

    /// Adds those of `other`.
    pub fn add(&mut self, other: &Keys) {
        if other.is_empty() {
            return;
        }
        match (&mut *self, other) {
            (Keys::Int(keys), Keys::Int(more)) => keys.extend_from_slice(more),
            (Keys::Uuid(keys), Keys::Uuid(more)) => keys.extend_from_slice(more),
            (Keys::Text(keys), Keys::Text(more)) => keys.extend_from_slice(more),
            _ => unreachable!("sets of one key have one form"),
        }
        self.settle();
    }

    /// Those of `self` that are not in `other`.
    pub fn without(&self, other: &Keys) -> Keys {
        fn without<T: Ord + Clone>(keys: &[T], other: &[T]) -> Vec<T> {
            keys.iter()
                .filter(|key| other.binary_search(key).is_err())
                .cloned()
                .collect()
        }
        match (self, other) {
            (Keys::Int(keys), Keys::Int(other)) => Keys::Int(without(keys, other)),
            (Keys::Uuid(keys), Keys::Uuid(other)) => Keys::Uuid(without(keys, other)),
            (Keys::Text(keys), Keys::Text(other)) => Keys::Text(without(keys, other)),
            _ => unreachable!("sets of one key have one form"),
        }
    }
}

fn text_of(row: &Row, column: usize) -> Option<Box<str>> {
    if *row.columns()[column].type_() == Type::TEXT {
        return row.get::<_, Option<&str>>(column).map(Into::into);
    }
    let parts: Option<Vec<&str>> = row.get(column);
    parts.map(|parts| parts.join(&BETWEEN.to_string()).into())
}

/// A UUID as a number.
struct Bits(u128);

impl<'a> FromSql<'a> for Bits {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Bits(u128::from_be_bytes(raw.try_into()?)))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(keys: &[i64]) -> Keys {
        Keys::Int(keys.to_vec())
    }

    #[test]
    fn sets_stay_sorted_and_without_doubles() {
        assert_eq!(ints(&[1, 3]).union(&ints(&[2, 3])), ints(&[1, 2, 3]));
        assert_eq!(ints(&[1, 2, 3]).without(&ints(&[2])), ints(&[1, 3]));
    }
}
