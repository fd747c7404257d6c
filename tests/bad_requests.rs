//! Bad requests: refused before anything starts, with exit code 2 and a message that says what would be right.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;

use end_to_end::{Scene, ended, program};

fn check(scene: &Scene, arguments: &[&str], parts: &[&str]) {
    let refused = ended(scene.parallax(arguments));
    assert_eq!(refused.code, Some(2), "{arguments:?}: {refused:?}");
    for part in parts {
        assert!(refused.stderr.contains(part), "{arguments:?}: no {part:?} in {}", refused.stderr);
    }
    assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
}

#[test]
fn a_typo_is_refused_with_the_nearest_word_and_what_there_is() {
    let scene = Scene::new();
    let sweep = |model: &'static str, target: &'static str| ["sweep", "--models", model, "--targets", target];
    check(&scene, &sweep("bert-tiny", "webgup@chrome"), &["webgup", "did you mean \"webgpu\""]);
    check(&scene, &sweep("bert-tiny", "webgpu@chorme"), &["chorme", "did you mean \"chrome\""]);
    check(&scene, &sweep("bert-tiny", "burn:cpuu"), &["cpuu", "did you mean \"cpu\""]);
    check(&scene, &sweep("bert-tny", "burn:cpu"), &["bert-tny", "did you mean \"bert-tiny\"", "vit-tiny"]);
    check(&scene, &["sweep"], &["--models", "--targets"]);
    check(&scene, &["sweep", "missing.toml"], &["missing.toml"]);
}

#[test]
fn a_plan_with_an_unknown_key_is_refused_with_its_place() {
    let scene = Scene::new();
    fs::write(scene.path("plan.toml"), "models = [\"bert-tiny\"]\ntargts = [\"burn:cpu\"]\n").unwrap();
    check(&scene, &["sweep", "plan.toml"], &["plan.toml", "targts", "2"]);
}

#[test]
fn a_file_that_is_not_a_database_is_refused_and_left_as_it_was() {
    let scene = Scene::new();
    let text = "this is a letter, not a database\n".repeat(400);
    fs::write(scene.path("letter.duckdb"), &text).unwrap();
    let arguments = ["sweep", "--models", "bert-tiny", "--targets", "burn:cpu", "--db", "letter.duckdb"];
    check(&scene, &arguments, &["letter.duckdb", "not a"]);
    assert_eq!(fs::read_to_string(scene.path("letter.duckdb")).unwrap(), text);
}

#[test]
fn a_database_that_is_not_there_is_not_made_by_who_asks_about_it() {
    let scene = Scene::new();
    for question in [
        &["report"][..],
        &["report", "--html", "page"],
        &["matrix"],
        &["history"],
        &["recommend", "--model", "bert-tiny"],
        &["predict"],
        &["gate", "--against", "last-pass", "--allow-no-baseline"],
        &["compare", "--a", "wgpu:vulkan", "--b", "onnxruntime:cpu"],
        &["noise"],
        &["query", "select 1"],
        &["query", "--write", "delete from runs"],
        &["export", "--parquet", "out"],
        &["prune", "--keep", "3"],
    ] {
        let words = [question, &["--db", "mistyped.duckdb"]].concat();
        check(&scene, &words, &["there is no database mistyped.duckdb", "--db"]);
        assert!(!scene.path("mistyped.duckdb").exists(), "{question:?}");
    }
}

#[test]
fn a_database_that_another_process_holds_is_refused_by_name() {
    let scene = Scene::new();
    let _held = duckdb::Connection::open(scene.path("held.duckdb")).unwrap();
    let arguments = ["sweep", "--models", "bert-tiny", "--targets", "burn:cpu", "--db", "held.duckdb"];
    check(&scene, &arguments, &["held.duckdb", &std::process::id().to_string()]);
}

#[test]
fn a_browser_that_is_not_installed_is_a_row_with_a_remedy() {
    let scene = Scene::new();
    let plan = "models = [\"bert-tiny\"]\ntargets = [\"webgpu@nowhere\"]\n\
                [browsers.nowhere]\nkind = \"chromium\"\nbinary = \"/nowhere/chrome\"\n";
    fs::write(scene.path("plan.toml"), plan).unwrap();
    let sweep = ended(scene.parallax(["sweep", "plan.toml", "--json"]));
    assert_eq!(sweep.code, Some(3), "{sweep:?}");
    let row = &sweep.cases()[0];
    assert_eq!(row["verdict"], "unavailable", "{row:#}");
    assert!(row["message"].as_str().is_some_and(|message| message.contains("/nowhere/chrome")), "{row:#}");
}

#[test]
fn edge_is_a_row_where_it_is_not_installed() {
    let scene = Scene::new();
    let sweep = ended(scene.sweep(&["bert-tiny"], &["webgpu@edge", "onnxruntime:cpu"], &["--samples", "2"]));
    let cases = sweep.cases();
    assert_eq!(cases.len(), 2);
    let edge = end_to_end::case(&cases, "bert-tiny", "webgpu@edge");
    assert!(edge["verdict"] == "unavailable" || edge["verdict"] == "pass", "{edge:#}");
    assert_eq!(end_to_end::case(&cases, "bert-tiny", "onnxruntime:cpu")["verdict"], "pass");
}

#[test]
fn a_driver_of_the_wrong_version_is_a_row_that_says_which_it_wants() {
    let scene = Scene::new();
    let plan = format!(
        "models = [\"bert-tiny\"]\ntargets = [\"webgpu@old\"]\n[browsers.old]\nkind = \"chromium\"\n\
         binary = {binary:?}\ndriver = {driver:?}\n",
        binary = std::env::current_exe().unwrap(),
        driver = program("stand-in-driver"),
    );
    fs::write(scene.path("plan.toml"), plan).unwrap();
    let sweep = ended(scene.parallax(["sweep", "plan.toml", "--json"]));
    assert_eq!(sweep.code, Some(3), "{sweep:?}");
    let row = &sweep.cases()[0];
    assert_eq!(row["verdict"], "unavailable", "{row:#}");
    let message = row["message"].as_str().unwrap_or_default();
    assert!(message.contains("only supports Chrome version 99"), "{message}");
    assert!(message.contains("same version"), "the remedy: {message}");
}
