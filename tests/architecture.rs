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
    ("shaders", &["graph", "protocol"]),
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
        let ours = ARROWS.map(|(name, _)| name);
        for name in &dependencies(folder) {
            let name = name.as_str();
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

/// The lines of a Rust file without comments, in those for tests and in those for all else.
fn parts(path: &Path) -> [String; 2] {
    let text = fs::read_to_string(path).unwrap();
    let mut parts = [String::new(), String::new()];
    let mut item: Option<String> = None;
    for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start() == "#[cfg(test)]" {
            item = Some(format!("{}}}", " ".repeat(indent)));
            continue;
        }
        let part = &mut parts[usize::from(item.is_none())];
        part.push_str(line);
        part.push('\n');
        let one_line = |end: &str| indent + 1 == end.len() && line.ends_with(';');
        if item.as_ref().is_some_and(|end| line == end || one_line(end)) {
            item = None;
        }
    }
    parts
}

/// The code of a crate outside its tests, by its path inside the crate.
fn code(folder: &str) -> Vec<(PathBuf, String)> {
    let root = checkout().join(folder).join("src");
    let files: Vec<(PathBuf, [String; 2])> =
        sources(&root).iter().map(|path| (path.clone(), parts(path))).collect();
    let mut tests = Vec::new();
    for (path, [of_tests, _]) in &files {
        let is_root = ["lib", "main"].iter().any(|name| path.file_stem().is_some_and(|stem| stem == *name));
        let below = if is_root { root.clone() } else { path.with_extension("") };
        let modules = of_tests.lines().filter_map(|line| line.strip_suffix(';')?.split_once("mod "));
        tests.extend(modules.map(|(_, name)| below.join(name)));
    }
    let is_test = |path: &Path| tests.iter().any(|test| path.with_extension("").starts_with(test));
    let kept = files.into_iter().filter(|(path, _)| !is_test(path));
    kept.map(|(path, [_, code])| (path.strip_prefix(&root).unwrap().to_owned(), code)).collect()
}

/// The identifiers in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The top-level modules of a crate, and those of the same crate that each uses outside its tests. An item that the
/// crate's root gives another name is its module's; one of the root itself makes the root a module too.
fn modules(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut root_items: BTreeMap<String, String> = BTreeMap::new();
    let mut used: Vec<(String, String)> = Vec::new();
    let files = code(folder);
    let module = |path: &Path| {
        let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
        first.strip_suffix(".rs").unwrap_or(first).to_owned()
    };
    let all: BTreeSet<String> = files.iter().map(|(path, _)| module(path)).collect();
    for (path, text) in &files {
        let own = module(path);
        if own == "lib" || own == "main" {
            for statement in text.split(';').filter_map(|statement| statement.split_once("use ")) {
                let mut names = words(statement.1).skip_while(|word| *word == "crate");
                let Some(first) = names.next().filter(|first| all.contains(*first)) else { continue };
                root_items.extend(names.map(|name| (name.to_owned(), first.to_owned())));
            }
            let body = text.split(';').filter(|statement| !statement.contains("use "));
            let paths = body.flat_map(|statement| statement.rsplit("::").skip(1));
            let paths = paths.filter_map(|path| words(path).last());
            used.extend(paths.map(|name| (own.clone(), name.to_owned())));
        }
        let up = "super::".repeat(path.components().count());
        let text = text.replace(&up, "crate::");
        let names = text.split("crate::").skip(1).flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        });
        let names = names.filter_map(|path| words(path).next());
        used.extend(names.map(|name| (own.clone(), name.to_owned())));
    }
    let root = if all.contains("lib") { "lib" } else { "main" };
    let mut uses: BTreeMap<String, BTreeSet<String>> =
        all.iter().map(|own| (own.clone(), BTreeSet::new())).collect();
    for (own, name) in used {
        let of_root = || root_items.get(&name).cloned().unwrap_or_else(|| root.to_owned());
        let found = if all.contains(&name) { name.clone() } else { of_root() };
        if found != own {
            uses.entry(own).or_default().insert(found);
        }
    }
    uses
}

/// The modules that go round in a circle, or are used by some that do and use one that does.
fn circle(mut uses: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    loop {
        let used: BTreeSet<String> = uses.values().flatten().cloned().collect();
        let free = |name: &String, of: &BTreeSet<String>| of.is_empty() || !used.contains(name);
        let free: Vec<String> =
            uses.iter().filter(|(name, of)| free(name, of)).map(|(name, _)| name.clone()).collect();
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

/// The crates whose top-level modules use each other one way only.
const WITHOUT_CIRCLES: [&str; 8] =
    ["burn-engine", "graph", "harness", "native-runner", "protocol", "shaders", "wasm-runtime", "webnn"];

#[test]
fn no_circle_of_modules() {
    for folder in WITHOUT_CIRCLES {
        let uses = modules(folder);
        assert!(uses.len() > 5, "only {} modules found in {folder}", uses.len());
        assert_eq!(circle(uses), Vec::<String>::new(), "modules of {folder} that use each other in a circle");
    }
    let (a, b) = ("a".to_owned(), "b".to_owned());
    let round = BTreeMap::from([(a.clone(), [b.clone()].into()), (b, [a].into())]);
    assert_eq!(circle(round).len(), 2);
}

/// Engines: what computes a model.
const ENGINES: &[&str] = &["burn", "candle-core", "ort", "rten", "tch", "tract-onnx", "wgpu"];
/// Crates that reach a file system's far side, the network, a database, a browser or a GPU.
const OUTSIDE: &[&str] = &["axum", "duckdb", "hyper", "reqwest", "tokio", "ureq", "web-sys", "wgpu"];
/// Modules of the standard library that reach outside.
const OUTSIDE_OF_STD: &[&str] = &["std::fs", "std::net", "std::process", "std::time", "std::thread"];

/// Crates, what none of their dependencies may be, however far down, and what their sources may not name.
const APART: [(&str, &[&str], &[&str]); 5] = [
    ("harness", ENGINES, &[]),
    ("xtask", ENGINES, &[]),
    ("graph", OUTSIDE, OUTSIDE_OF_STD),
    ("shaders", OUTSIDE, OUTSIDE_OF_STD),
    ("webnn", OUTSIDE, OUTSIDE_OF_STD),
];

/// The names of the dependencies that a manifest has outside its tests, for whatever target.
fn dependencies(folder: &str) -> BTreeSet<String> {
    let manifest = fs::read_to_string(checkout().join(folder).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let tables = targets.into_iter().flat_map(|targets| targets.values());
    let tables = tables.filter_map(|target| target.get("dependencies")).chain(manifest.get("dependencies"));
    tables.filter_map(toml::Value::as_table).flat_map(|table| table.keys().cloned()).collect()
}

/// Everything that a crate of ours is linked with.
fn linked(folder: &str) -> BTreeSet<String> {
    let lock = fs::read_to_string(checkout().join("Cargo.lock")).unwrap();
    let lock: toml::Table = lock.parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let ours = ARROWS.map(|(name, _)| name);
    let mut found = BTreeSet::new();
    let mut open = dependencies(folder);
    while let Some(name) = open.pop_first() {
        if ours.contains(&name.as_str()) {
            // The lock names the dependencies of our tests too.
            open.extend(dependencies(&name));
        } else {
            let versions = packages.iter().filter(|package| package["name"].as_str() == Some(&name));
            let below = versions.filter_map(|package| package.get("dependencies")?.as_array()).flatten();
            let below = below.filter_map(|name| name.as_str()?.split(' ').next()).map(str::to_owned);
            open.extend(below.filter(|name| !found.contains(name)));
        }
        found.insert(name);
    }
    found
}

#[test]
fn crates_keep_apart_from_engines_and_from_the_outside() {
    for (folder, crates, names) in APART {
        let linked = linked(folder);
        assert!(linked.len() > 5, "only {} dependencies of {folder} found", linked.len());
        for name in crates {
            assert!(!linked.contains(*name), "{folder} must not be linked with {name}");
        }
        for (path, text) in code(folder) {
            for name in names {
                assert!(!text.contains(name), "{folder}/src/{} must not use {name}", path.display());
            }
        }
    }
    assert!(linked("native-runner").contains("ort") && linked("burn-runner").contains("burn"));
}

#[test]
fn sessions_are_opened_in_one_place() {
    let opens = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("session::open(");
    let found: Vec<PathBuf> = sources(&checkout().join("harness/src")).into_iter().filter(opens).collect();
    assert_eq!(found, [checkout().join("harness/src/lane/worker.rs")]);
}
