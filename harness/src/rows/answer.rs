//! The rows that a query gave, whatever they are of.

use std::collections::BTreeSet;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

/// The rows of one query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The columns' names, in order.
    pub columns: Vec<String>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Vec<Cell>>,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Nothing,
    /// True or false.
    Truth(bool),
    /// A number, all its digits as text.
    Number(String),
    /// Text; times are ISO 8601.
    Text(String),
    /// A list, a structure or JSON.
    Json(Value),
}

impl Answer {
    /// The columns' names, of which each is there once: the second `x` is `x_2`.
    fn keys(&self) -> Vec<String> {
        let mut taken = BTreeSet::new();
        let unique = |name: &String| {
            let numbered = (2..).map(|number: usize| format!("{name}_{number}"));
            let mut names = std::iter::once(name.clone()).chain(numbered);
            names.find(|name| taken.insert(name.clone())).unwrap_or_default()
        };
        self.columns.iter().map(unique).collect()
    }
}

/// One row, with what its cells are called.
struct Row<'a>(&'a [String], &'a [Cell]);

/// A list of objects.
impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = self.keys();
        let mut rows = serializer.serialize_seq(Some(self.rows.len()))?;
        for row in &self.rows {
            rows.serialize_element(&Row(&keys, row))?;
        }
        rows.end()
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.1.len()))?;
        for (key, cell) in self.0.iter().zip(self.1) {
            map.serialize_entry(key, cell)?;
        }
        map.end()
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Cell::Nothing => serializer.serialize_unit(),
            Cell::Truth(truth) => serializer.serialize_bool(*truth),
            // JSON has no number that is not finite: such a one is null.
            Cell::Number(text) => {
                serde_json::from_str::<Value>(text).unwrap_or_default().serialize(serializer)
            }
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Json(value) => value.serialize(serializer),
        }
    }
}
