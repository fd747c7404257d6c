//! The architecture holds: crates depend downwards only, and ARCHITECTURE.md names only what exists.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

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

/// The Rust files of a folder and those below it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    paths.flat_map(below).filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

/// The top-level modules of a crate, and those of the same crate that each uses outside its tests.
fn modules(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let root = checkout().join(folder).join("src");
    for path in sources(&root) {
        let inside = path.strip_prefix(&root).unwrap();
        if inside.ends_with("tests.rs") {
            continue;
        }
        let module = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = module.strip_suffix(".rs").unwrap_or(module).to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let text = code.join("\n");
        let used = text.split("crate::").skip(1).map(|rest| {
            rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default()
        });
        let used = used.filter(|name| *name != module).map(str::to_owned);
        uses.entry(module.clone()).or_default().extend(used);
    }
    // What is no module is an item that the crate's root gives another name.
    let names: BTreeSet<String> = uses.keys().cloned().collect();
    uses.values_mut().for_each(|used| used.retain(|name| names.contains(name)));
    uses
}

/// What is left once all modules are taken away that use nothing of the rest: nothing, unless some go round in a circle.
fn circle(mut uses: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let free: Vec<String> =
            uses.iter().filter(|(_, used)| used.is_empty()).map(|(name, _)| name.clone()).collect();
        if free.is_empty() {
            return uses.into_keys().collect();
        }
        for name in free {
            uses.remove(&name);
            uses.values_mut().for_each(|used| {
                used.remove(&name);
            });
        }
    }
}

#[test]
fn no_circle_of_modules() {
    let uses = modules("harness");
    assert!(uses.len() > 5, "only {} modules found", uses.len());
    assert_eq!(circle(uses), Vec::<String>::new(), "modules that use each other in a circle, or use one");
    let (a, b) = ("a".to_owned(), "b".to_owned());
    let round = BTreeMap::from([(a.clone(), [b.clone()].into()), (b, [a].into())]);
    assert_eq!(circle(round).len(), 2);
}

#[test]
fn sessions_are_opened_in_one_place() {
    let opens = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("session::open(");
    let found: Vec<PathBuf> = sources(&checkout().join("harness/src")).into_iter().filter(opens).collect();
    assert_eq!(found, [checkout().join("harness/src/lane.rs")]);
}
