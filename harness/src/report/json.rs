//! Reports as one JSON document: fields are added as needed and never renamed.

use serde::Serialize;

/// The document, indented.
pub fn document(report: &impl Serialize) -> String {
    // Every field has a JSON form, so there is no error to tell.
    serde_json::to_string_pretty(report).unwrap_or_default()
}
