//! A constant as an SQL literal of the column's type.

use mkx_contract::Result;
use serde_json::Value;

use super::Place;
use super::kind::Kind;
use crate::sql;

impl Place<'_> {
    pub(super) fn constant(&self, value: &Value) -> Result<String> {
        let type_name = &self.column.type_name;
        let unfit = |cause: &str| Err(self.unfit("constant", cause));
        if self.is_unique() {
            return unfit("the column is unique, and a constant is the same in every row");
        }
        match (self.kind, value) {
            (Kind::Json | Kind::Jsonb, value) => Ok(sql::literal(&value.to_string())),
            (_, Value::Null) => unfit("it is null; use \"null\""),
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
            | (_, value @ (Value::Array(_) | Value::Object(_))) => {
                unfit(&format!("{value} is not a value of {type_name}"))
            }
            (_, Value::String(text)) => Ok(sql::literal(text)),
            (_, value) => Ok(sql::literal(&value.to_string())),
        }
    }

    fn text(&self, text: &str) -> Result<String> {
        let length = text.chars().count();
        if self.length_up_to(length) < length {
            let cause = format!("{text:?} is too long for {}", self.column.type_name);
            return Err(self.unfit("constant", &cause));
        }
        Ok(sql::literal(text))
    }

    fn array(&self, elements: &[Value]) -> Result<String> {
        let mut texts = Vec::new();
        for element in elements {
            match element {
                Value::String(text) => texts.push(text.clone()),
                Value::Number(_) | Value::Bool(_) => texts.push(element.to_string()),
                _ => {
                    let cause = format!("{element} is not an element of {}", self.column.type_name);
                    return Err(self.unfit("constant", &cause));
                }
            }
        }
        let element = self.column.type_name.trim_end_matches("[]");
        Ok(sql::array(texts, element))
    }
}
