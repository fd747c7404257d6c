//! Models by targets as a page that a community can keep: one folder, no server, nothing from elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use askama::Template;
use protocol::Target;
use serde_json::{Value, json};

use super::matrix::{fields, place_name, subject_name};
use crate::error::Error;
use crate::rows::collection::{Entry, Kind};
use crate::screen::shown;

/// Files beside the page.
const FILES: [(&str, &str); 2] = [
    ("matrix.css", include_str!("../../../www/matrix/matrix.css")),
    ("matrix.js", include_str!("../../../www/matrix/matrix.js")),
];

#[derive(Template)]
#[template(path = "matrix.html")]
struct Page<'a> {
    version: &'a str,
    data: String,
}

/// Writes the page into a folder, over an earlier one.
///
/// # Errors
/// When it cannot be written.
pub fn write(
    folder: &Path,
    entries: &[Entry],
    baseline: &Target,
    kinds: &BTreeMap<String, Kind>,
) -> Result<(), Error> {
    let page = page(entries, baseline, kinds).map_err(|error| Error::Output(io::Error::other(error)))?;
    let files = FILES.into_iter().chain([("index.html", page.as_str())]);
    let mut written = fs::create_dir_all(folder);
    for (name, text) in files {
        written = written.and_then(|()| fs::write(folder.join(name), text));
    }
    written.map_err(|error| {
        Error::Output(io::Error::new(error.kind(), format!("{}: {error}", folder.display())))
    })
}

fn page(entries: &[Entry], baseline: &Target, kinds: &BTreeMap<String, Kind>) -> askama::Result<String> {
    let cells: Vec<Value> = entries.iter().map(|entry| cell(entry, kinds)).collect();
    let data = json!({ "baseline": baseline.to_string(), "cells": cells });
    Page { version: env!("CARGO_PKG_VERSION"), data: in_script(&data.to_string()) }.render()
}

fn cell(entry: &Entry, kinds: &BTreeMap<String, Kind>) -> Value {
    let Entry { cell, hardware, versions, run, runs } = entry;
    let target = &cell.place.target;
    let (family, modality) = kinds.get(&cell.subject.model).cloned().unwrap_or_default();
    let more = json!({
        "subject": shown(&subject_name(&cell.subject)),
        "place": shown(&place_name(&cell.place)),
        "family": family,
        "modality": modality,
        "engine": target.engine.name(),
        "browser": target.browser,
        "browser_version": versions.browser,
        "driver_version": versions.driver,
        "parallax": versions.parallax,
        "hardware": hardware.as_deref().map(shown),
        "started_at": run.started_at,
        "run": run.id,
        "runs": runs,
    });
    let mut all = fields(cell);
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more);
        for name in ["message", "not_compared"] {
            let text = all.get(name).and_then(Value::as_str).map(shown);
            all.extend(text.map(|text| (name.to_owned(), Value::String(text))));
        }
    }
    all
}

/// JSON that no text in it can end the script of, or start another by.
fn in_script(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut text, c| {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => text.push(c),
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use protocol::Adapter;
    use tempfile::TempDir;

    use super::*;
    use crate::rows::collection;
    use crate::rows::matrix::tests::measured;

    #[test]
    fn a_page_holds_its_results_and_no_text_of_them_ends_its_script() {
        let evil = "</script><script>alert(1)</script>\u{2028}&amp;<!--";
        let mut measurement = measured(1, "m", "webgpu@chrome", &[2.0]);
        measurement.message = Some(evil.to_owned());
        measurement.verdict = protocol::Verdict::Crash;
        let named = |adapter: &Adapter| Adapter { device: evil.to_owned(), ..adapter.clone() };
        measurement.adapter = measurement.adapter.map(|adapter| Arc::new(named(&adapter)));
        let baseline = measurement.place.target.clone();
        let kinds = BTreeMap::from([("m".to_owned(), (Some("bert".to_owned()), Some("text".to_owned())))]);
        let folder = TempDir::new().unwrap();
        let entries = collection::of(&[measurement], &baseline);
        write(&folder.path().join("new"), &entries, &baseline, &kinds).unwrap();
        let page = fs::read_to_string(folder.path().join("new/index.html")).unwrap();
        assert_eq!(page.matches("<script").count(), 2, "the data and the script: {page}");
        assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere: {page}");
        let data = page.split("application/json\">").nth(1).unwrap().split("</script>").next().unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        let cell = &data["cells"][0];
        assert_eq!(
            (&cell["family"], &cell["verdict"], &cell["runs"]),
            (&json!("bert"), &json!("crash"), &json!(1))
        );
        assert_eq!(cell["message"], json!(shown(evil)), "it is the same text");
        for (name, text) in FILES {
            assert_eq!(fs::read_to_string(folder.path().join("new").join(name)).unwrap(), text, "{name}");
        }
        let script = FILES[1].1;
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!script.contains(way), "text enters as text alone: {way}");
        }
    }
}
