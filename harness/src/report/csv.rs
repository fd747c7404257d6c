//! Fields of a line whose fields are apart by commas (RFC 4180).

use crate::screen::shown;

/// A field, in quotes where a reader would take it for several.
pub fn quoted(text: &str) -> String {
    let text = shown(text);
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}
