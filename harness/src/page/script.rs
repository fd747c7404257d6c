//! Data as the text of a script: no text in it can end the script, start another, or act on a terminal that shows it. Pure.

use serde::Serialize;

use crate::screen::shown;

/// The script that gives the page its sweep.
pub fn sweep(data: &impl Serialize) -> String {
    call("sweep", &[text(data)])
}

/// The script that gives the page one of its cases.
pub fn case(name: &str, data: &impl Serialize) -> String {
    call("case", &[text(&name), text(data)])
}

/// The script that gives the page a sweep whose JSON is there.
pub fn of_sweep(json: &str) -> String {
    call("sweep", &[escaped(json)])
}

/// The script that gives the page a case whose JSON is there.
pub fn of_case(name: &str, json: &str) -> String {
    call("case", &[text(&name), escaped(json)])
}

/// The script that says why there is nothing to show.
pub fn failed(message: &str) -> String {
    call("failed", &[text(&message)])
}

/// A call of a function of the page, its arguments in JSON.
fn call(function: &str, arguments: &[String]) -> String {
    format!("parallaxReport.{function}({});\n", arguments.join(", "))
}

/// JSON that may stand in a script. What is replaced stands in strings alone, so it stays the same document.
fn text(data: &impl Serialize) -> String {
    // Only maps with keys that are no strings cannot be written.
    let json = serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned());
    escaped(&json)
}

/// JSON with all that HTML, JavaScript before 2019 or a terminal might act on as escapes.
fn escaped(json: &str) -> String {
    let json = shown(json);
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
