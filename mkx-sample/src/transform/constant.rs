//! A constant as an SQL literal of the column's type.

use mkx_contract::Result;
use serde_json::Value;

use super::Place;
use super::kind::Kind;
use crate::sql;

impl Place<'_> {
    pub(super) fn constant(&self, value: &Value) -> Result<String> {
        if self.is_unique() {
            return Err(self.unfit(
                "constant",
                "the column is unique, and a constant is the same in every row",
            ));
        }
        match (self.kind, value) {
            (Kind::Json | Kind::Jsonb, value) => Ok(sql::literal(&value.to_string())),
            (_, Value::Null) => Err(self.unfit("constant", "it is null; use \"null\"")),
            (Kind::TextArray | Kind::Array, Value::Array(elements)) => self.array(elements),
            (Kind::Text, Value::String(text)) => self.text(text),
            (Kind::Bool, Value::Bool(value)) => Ok(value.to_string()),
            (Kind::Integer, Value::Number(number)) if !number.is_f64() => Ok(number.to_string()),
            (Kind::Number, Value::Number(number)) => Ok(format!("'{number}'")),
            (
                Kind::Text
                | Kind::Bool
                | Kind::Integer
                | Kind::Number
                | Kind::TextArray
                | Kind::Array,
                value,
            )
            | (_, value @ (Value::Array(_) | Value::Object(_))) => Err(self.unfit(
                "constant",
                &format!("{value} is not a value of {}", self.column.type_name),
            )),
            (_, Value::String(text)) => Ok(sql::literal(text)),
            (_, value) => Ok(sql::literal(&value.to_string())),
        }
    }

    fn text(&self, text: &str) -> Result<String> {
        match self.column.max_length {
            Some(length) if text.chars().count() > length as usize => Err(self.unfit(
                "constant",
                &format!("{text:?} is too long for {}", self.column.type_name),
            )),
            _ => Ok(sql::literal(text)),
        }
    }

    fn array(&self, elements: &[Value]) -> Result<String> {
        let mut texts = Vec::new();
        for element in elements {
            match element {
                Value::String(text) => texts.push(text.clone()),
                Value::Number(_) | Value::Bool(_) => texts.push(element.to_string()),
                _ => {
                    return Err(self.unfit(
                        "constant",
                        &format!("{element} is not an element of {}", self.column.type_name),
                    ));
                }
            }
        }
        let element = self.column.type_name.trim_end_matches("[]");
        Ok(sql::array(texts, element))
    }
}
