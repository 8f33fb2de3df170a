//! The class of every column of the Makapix schema: what it is to the people it is about.

use serde_json::Value;

const CLASSES: &str = include_str!("../../makapix/classes.json");

/// The columns whose values may not leave production, as (table, column).
pub fn sensitive_columns() -> Vec<(String, String)> {
    columns_of_class(&["personal", "secret", "private_content"])
}

/// All columns of the given classes, as (table, column).
pub fn columns_of_class(classes: &[&str]) -> Vec<(String, String)> {
    let tables: Value = serde_json::from_str(CLASSES).expect("the list of classes is JSON");
    let tables = tables.as_object().expect("the list has an entry a table");
    let mut columns = Vec::new();
    for (table, of_table) in tables {
        for class in classes {
            for column in of_table[class].as_array().into_iter().flatten() {
                let column = column.as_str().expect("a column is named by a text");
                columns.push((table.clone(), column.to_owned()));
            }
        }
    }
    columns
}
