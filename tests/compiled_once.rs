//! No crate is compiled twice because of what is built beside it: whatever is selected, shared crates have the same
//! features.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use end_to_end::checkout;

/// Selections that are built by themselves: by `cargo build -p …`, `cargo install --path …`, and `cargo xtask` with its checks.
const SELECTIONS: [&[&str]; 6] = [
    &["--package", "xtask"],
    &["--package", "harness"],
    &["--package", "native-runner"],
    &["--package", "burn-runner"],
    &["--workspace", "--exclude", "xtask"],
    &["--workspace", "--exclude", "xtask", "--exclude", "burn-engine", "--exclude", "burn-runner"],
];
/// The page's two modules, which are compiled for another target.
const MODULES: [&[&str]; 2] =
    [&["--package", "wasm-runtime"], &["--package", "wasm-runtime", "--features", "burn"]];
/// These differ on purpose, and hold next to no code.
const OWN: [&str; 2] = ["alike", "wasm-runtime"];

/// The crate that every procedural macro is made of: with it, all that is derived would be compiled anew.
const OF_MACROS: &str = "syn";

/// The features of each crate of a selection.
fn features(selection: &[&str], target: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = listed(selection, target, "normal,no-proc-macro");
    let with_macros = listed(selection, target, "normal");
    found.extend(with_macros.into_iter().filter(|(package, _)| name(package) == OF_MACROS));
    found.retain(|package, _| !OWN.contains(&name(package)));
    assert!(found.len() > 20, "{selection:?}: {found:?}");
    found
}

fn name(package: &str) -> &str {
    package.split(' ').next().unwrap_or_default()
}

fn listed(selection: &[&str], target: &[&str], edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tree = Command::new(cargo);
    tree.args(["tree", "--edges", edges, "--prefix", "none", "--format", "{p}|{f}"]);
    let output = tree.args(selection).args(target).current_dir(checkout()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        // "bytes v1.12.1|default,std", "graph v0.1.0 (/checkout/graph)| (*)"
        let Some((package, features)) = line.split_once('|') else { continue };
        let features = features.trim_end_matches("(*)").trim().to_owned();
        found.entry(package.to_owned()).or_default().insert(features);
    }
    found
}

/// Returns what differs between selections, a line for each crate and pair.
fn differences(selections: &[&[&str]], target: &[&str]) -> Vec<String> {
    let found: Vec<_> = selections.iter().map(|selection| (selection, features(selection, target))).collect();
    let pairs = found
        .iter()
        .enumerate()
        .flat_map(|(index, one)| found.iter().skip(index + 1).map(move |other| (one, other)));
    let of_a_pair = pairs.flat_map(|((one, ones), (other, others))| {
        let shared =
            ones.iter().filter_map(move |(package, here)| Some((package, here, others.get(package)?)));
        let apart = shared.filter(|(_, here, there)| here != there);
        apart.map(move |(package, here, there)| {
            format!("{package}: {here:?} in {one:?}, {there:?} in {other:?}")
        })
    });
    of_a_pair.collect()
}

#[test]
fn no_selection_changes_the_features_of_a_shared_crate() {
    let found = differences(&SELECTIONS, &[]);
    assert!(found.is_empty(), "add them to alike/Cargo.toml:\n{}", found.join("\n"));
}

#[test]
fn the_pages_modules_share_all_that_is_not_burns() {
    let found = differences(&MODULES, &["--target", "wasm32-unknown-unknown"]);
    assert!(found.is_empty(), "add them to alike/Cargo.toml:\n{}", found.join("\n"));
}
