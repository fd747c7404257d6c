//! Small models that once came out wrong, each standing for a kind of fault: right on every engine, or refused by name
//! where `fixtures/cases/refused.toml` says so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::PathBuf;

use end_to_end::{Scene, checkout, ended};
use serde_json::Value;

const TARGETS: [&str; 6] = [
    "webgpu@chrome",
    "webgpu@firefox",
    "wgpu:vulkan",
    "burn:cpu",
    "wasm@firefox",
    "webnn:cpu@headless-shell",
];

fn folder() -> PathBuf {
    checkout().join("fixtures/cases")
}

/// The paths of the cases' folders: a new one is tested by being there.
fn cases() -> Vec<String> {
    let folders = fs::read_dir(folder()).unwrap().flatten().map(|entry| entry.path());
    let folders = folders.filter(|path| path.join("model.toml").is_file());
    let mut paths: Vec<String> = folders.map(|path| path.to_string_lossy().into_owned()).collect();
    paths.sort();
    paths
}

/// A case that targets refuse, by right.
#[derive(Debug)]
struct Refused {
    case: String,
    targets: Vec<String>,
    /// Words that the message has to contain.
    says: String,
}

impl Refused {
    fn all() -> Vec<Refused> {
        let text = fs::read_to_string(folder().join("refused.toml")).unwrap();
        let table: toml::Table = text.parse().unwrap();
        let text = |row: &toml::Value, key: &str| row[key].as_str().unwrap().to_owned();
        let targets = |row: &toml::Value| {
            let targets = row["targets"].as_array().unwrap().iter();
            targets.map(|target| target.as_str().unwrap().to_owned()).collect()
        };
        let row = |row: &toml::Value| Refused {
            case: text(row, "case"),
            targets: targets(row),
            says: text(row, "says"),
        };
        table["refused"].as_array().unwrap().iter().map(row).collect()
    }

    fn is_about(&self, row: &Value) -> bool {
        row["model"] == self.case.as_str()
            && self.targets.iter().any(|target| row["target"] == target.as_str())
    }
}

#[test]
fn every_case_is_right_on_every_engine() {
    let (cases, refused) = (cases(), Refused::all());
    let names: Vec<&str> = cases.iter().map(String::as_str).collect();
    let scene = Scene::new();
    let sweep = ended(scene.sweep(&names, &TARGETS, &["--samples", "2", "--large"]));
    let rows = sweep.cases();
    assert_eq!(rows.len(), cases.len() * TARGETS.len(), "{}", sweep.stderr);
    let faults: Vec<String> = rows.iter().filter_map(|row| fault(row, &refused)).collect();
    assert!(faults.is_empty(), "{} of {} rows:\n{}", faults.len(), rows.len(), faults.join("\n"));
    for row in &refused {
        let there = |target: &String| {
            rows.iter().any(|found| row.is_about(found) && found["target"] == target.as_str())
        };
        assert!(row.targets.iter().all(there), "refused.toml names what is not there: {row:?}");
    }
}

/// Returns what is wrong with a row, if anything is.
fn fault(row: &Value, refused: &[Refused]) -> Option<String> {
    let name = format!("{} on {}", row["model"], row["target"]);
    let message = row["message"].as_str().unwrap_or_default();
    let expected = refused.iter().find(|refused| refused.is_about(row));
    match (row["verdict"].as_str().unwrap_or_default(), expected) {
        ("pass", None) => None,
        ("pass", Some(_)) => Some(format!("{name} passes: take it out of refused.toml")),
        ("unsupported", Some(expected)) if message.contains(&expected.says) => None,
        (verdict, _) => Some(format!("{name}: {verdict}: {message}")),
    }
}
