//! The architecture holds: crates depend downwards only, and ARCHITECTURE.md names only what exists.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::Path;

use end_to_end::checkout;

/// Each crate, and the crates of ours that it may depend on.
const ARROWS: [(&str, &[&str]); 14] = [
    ("graph", &["protocol"]),
    ("protocol", &[]),
    ("alike", &[]),
    ("archive", &["alike"]),
    ("shaders", &["graph"]),
    ("webnn", &["graph"]),
    ("burn-engine", &["graph"]),
    ("wasm-runtime", &["shaders", "webnn", "burn-engine", "graph", "protocol", "alike"]),
    ("native-runner", &["shaders", "graph", "protocol", "alike"]),
    ("burn-runner", &["native-runner", "burn-engine", "graph", "protocol"]),
    ("fuzz", &["shaders", "graph", "alike"]),
    ("harness", &["protocol", "alike"]),
    ("xtask", &["protocol", "alike"]),
    ("tests", &["alike"]),
];

#[test]
fn dependencies_point_down_only() {
    for (folder, allowed) in ARROWS {
        let manifest = fs::read_to_string(checkout().join(folder).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let ours = ARROWS.map(|(name, _)| name);
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        for name in dependencies.into_iter().flat_map(|table| table.keys()).map(String::as_str) {
            assert!(!ours.contains(&name) || allowed.contains(&name), "{folder} must not depend on {name}");
        }
    }
}

#[test]
fn every_crate_has_its_arrows_written_down() {
    let manifest = fs::read_to_string(checkout().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    for member in members.iter().filter_map(toml::Value::as_str) {
        assert!(ARROWS.iter().any(|(folder, _)| *folder == member), "{member} has no line in ARROWS");
    }
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let text = fs::read_to_string(checkout().join("ARCHITECTURE.md")).unwrap();
    let paths: Vec<&str> =
        text.split('`').skip(1).step_by(2).filter(|word| looks_like_a_path(word)).collect();
    assert!(paths.len() > 20, "only {} paths found in ARCHITECTURE.md", paths.len());
    for path in paths {
        assert!(checkout().join(path).exists(), "ARCHITECTURE.md names {path}, which does not exist");
    }
}

fn looks_like_a_path(word: &str) -> bool {
    let known_ending = Path::new(word).extension().is_some_and(|ending| {
        ["rs", "wgsl", "toml", "md", "sql", "py", "js", "html"].iter().any(|known| ending == *known)
    });
    word.contains('/') && (known_ending || word.ends_with('/')) && !word.contains([' ', '<', '*', '{'])
}
