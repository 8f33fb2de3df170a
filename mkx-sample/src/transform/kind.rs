//! What a transform can do with a column depends on a few families of types.

use crate::database::catalog::Column;

/// A family of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    TextArray,
    Json,
    Jsonb,
    Uuid,
    Inet,
    Bytea,
    Integer,
    Bool,
    Number,
    Array,
    Other,
}

impl Kind {
    pub fn of(column: &Column) -> Kind {
        match column.base_type.as_str() {
            "text" | "varchar" | "bpchar" | "citext" | "name" => Kind::Text,
            "_text" | "_varchar" | "_bpchar" | "_citext" => Kind::TextArray,
            "json" => Kind::Json,
            "jsonb" => Kind::Jsonb,
            "uuid" => Kind::Uuid,
            "inet" | "cidr" => Kind::Inet,
            "bytea" => Kind::Bytea,
            "int2" | "int4" | "int8" => Kind::Integer,
            "bool" => Kind::Bool,
            "numeric" | "float4" | "float8" => Kind::Number,
            _ if column.type_name.ends_with("[]") => Kind::Array,
            _ => Kind::Other,
        }
    }
}
