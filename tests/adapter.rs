//! The adapter chosen: one for all places, each place's own, hardware required where there is none, and names that are no one's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;

use end_to_end::{Ended, Scene, ended};
use serde_json::Value;

const PLACES: [&str; 3] = ["webgpu@chrome", "webgpu@firefox", "wgpu:vulkan"];

fn sweep(scene: &Scene, targets: &[&str], flags: &[&str]) -> Ended {
    let flags = [&["--samples", "3"], flags].concat();
    ended(scene.sweep(&["bert-tiny"], targets, &flags))
}

/// The names by which the store knows what computed a case, in lower case.
fn names(scene: &Scene, target: &str, choice: &str) -> String {
    let store = duckdb::Connection::open(scene.database()).unwrap();
    let sql = "select lower(vendor || ' ' || architecture || ' ' || adapters.device || ' ' || description) from trials \
               join cases on cases.key = case_key join adapters on adapters.id = adapter_id \
               where target = ? and cases.adapter = ?";
    store.query_row(sql, [target, choice], |row| row.get(0)).unwrap()
}

fn case<'a>(cases: &'a [Value], target: &str, choice: &str) -> &'a Value {
    let is_it = |case: &&Value| case["target"] == target && case["adapter_choice"] == choice;
    cases.iter().find(is_it).unwrap_or_else(|| panic!("no {target} on {choice} in {cases:#?}"))
}

/// Whether this machine shows a GPU, as a row that could have computed on it says.
fn has_gpu(row: &Value) -> bool {
    row["features"]["gpu_of_the_machine"].is_string()
}

#[test]
fn three_places_compute_on_one_adapter_beside_each_ones_own() {
    let scene = Scene::new();
    let run = sweep(&scene, &PLACES, &["--adapter", "default,swiftshader"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let cases = run.cases();
    assert_eq!(cases.len(), 6);
    for place in PLACES {
        let one = case(&cases, place, "swiftshader");
        assert_eq!((&one["verdict"], &one["adapter"]["software"]), (&"pass".into(), &true.into()), "{one:#}");
        assert!(names(&scene, place, "swiftshader").contains("swiftshader"), "{one:#}");
        assert_eq!(case(&cases, place, "default")["verdict"], "pass");
    }
    let firefox = case(&cases, "webgpu@firefox", "swiftshader");
    let evidence = firefox["features"]["adapter_evidence"].as_str().unwrap_or_default();
    assert!(evidence.contains("libvk_swiftshader"), "{firefox:#}");
    if !has_gpu(case(&cases, "wgpu:vulkan", "default")) {
        for (place, own) in
            [("webgpu@chrome", "swiftshader"), ("webgpu@firefox", "llvmpipe"), ("wgpu:vulkan", "llvmpipe")]
        {
            assert!(names(&scene, place, "default").contains(own), "{place}");
        }
    }
}

#[test]
fn lavapipe_is_had_where_it_can_be_and_chrome_says_what_it_takes() {
    let scene = Scene::new();
    let run = sweep(&scene, &PLACES, &["--adapter", "lavapipe", "--timeout-s", "60"]);
    let cases = run.cases();
    for place in ["webgpu@firefox", "wgpu:vulkan"] {
        let row = case(&cases, place, "lavapipe");
        assert_eq!(row["verdict"], "pass", "{row:#}");
        assert!(names(&scene, place, "lavapipe").contains("llvmpipe"), "{row:#}");
    }
    let chrome = case(&cases, "webgpu@chrome", "lavapipe");
    match chrome["verdict"].as_str() {
        Some("pass") => {
            assert!(names(&scene, "webgpu@chrome", "lavapipe").contains("llvmpipe"), "{chrome:#}")
        }
        verdict => {
            assert_eq!(verdict, Some("unavailable"), "{chrome:#}");
            let message = chrome["message"].as_str().unwrap_or_default();
            assert!(message.contains("Mesa") && message.contains("swiftshader"), "{message}");
        }
    }
}

#[test]
fn hardware_that_is_required_and_not_there_is_unavailable_and_never_a_pass() {
    let scene = Scene::new();
    let targets = ["webgpu@chrome", "ort-webgpu@firefox", "wgpu:vulkan"];
    let run = sweep(&scene, &targets, &["--require-hardware"]);
    if has_gpu(&sweep(&scene, &["wgpu:vulkan"], &[]).cases()[0]) {
        let is_right = |row: &Value| row["verdict"] != "pass" || row["adapter"]["software"] == false;
        assert!(run.cases().iter().all(is_right), "{run:?}");
        return;
    }
    assert_eq!(run.code, Some(3), "{run:?}");
    for row in run.cases() {
        assert_eq!(row["verdict"], "unavailable", "{row:#}");
        let message = row["message"].as_str().unwrap_or_default();
        assert!(message.contains("no GPU") && message.contains("--require-hardware"), "{message}");
    }
}

#[test]
fn an_adapter_is_taken_by_a_part_of_its_name_and_what_is_no_ones_or_two_ones_is_refused_with_those_there_are()
{
    let scene = Scene::new();
    // Both adapters that a machine without a GPU has, SwiftShader's and llvmpipe's, have an "e" in their names.
    let run = sweep(&scene, &["webgpu@firefox", "wgpu:vulkan"], &["--adapter", "subzero,no-such-card,e"]);
    let cases = run.cases();
    for place in ["webgpu@firefox", "wgpu:vulkan"] {
        let named = case(&cases, place, "subzero");
        assert_eq!(named["verdict"], "pass", "{named:#}");
        assert!(names(&scene, place, "subzero").contains("subzero"), "{named:#}");
        for (choice, parts) in [
            ("no-such-card", ["no adapter here has \"no-such-card\" in its name", "SwiftShader"]),
            ("e", ["adapters here have \"e\" in their names", "give more of the name"]),
        ] {
            let refused = case(&cases, place, choice);
            assert_eq!(refused["verdict"], "unavailable", "{refused:#}");
            let message = refused["message"].as_str().unwrap_or_default();
            assert!(parts.iter().all(|part| message.contains(part)), "{choice}: {message}");
        }
    }
}

#[test]
fn a_plan_names_adapters_and_a_profile_takes_one() {
    let scene = Scene::new();
    let plan = "models = [\"bert-tiny\"]\ntargets = [\"wgpu:vulkan\", \"onnxruntime:cpu\"]\n\
                adapters = [\"lavapipe\", \"swiftshader\"]\nsamples = 2\n";
    fs::write(scene.path("plan.toml"), plan).unwrap();
    let run = ended(scene.parallax(["sweep", "plan.toml"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    for part in ["adapter ", "lavapipe ", "swiftshader ", "3 pass"] {
        assert!(run.stdout.contains(part), "no {part:?} in {}", run.stdout);
    }
    let profile = |choice: &str| {
        let flags =
            ["profile", "--model", "bert-tiny", "--target", "wgpu:vulkan", "--samples", "1", "--json"];
        ended(scene.parallax(flags.into_iter().chain(["--adapter", choice])))
    };
    let profiled = profile("swiftshader");
    assert_eq!(profiled.code, Some(0), "{profiled:?}");
    assert!(profiled.document()["adapter"].to_string().contains("SwiftShader"), "{profiled:?}");
    assert_eq!(profile("no-such-card").code, Some(3));
    assert_eq!(profile("swiftshader,lavapipe").code, Some(2));
}

#[test]
fn every_command_that_computes_on_an_adapter_takes_one() {
    let scene = Scene::new();
    let run = |words: &[&str], choice: &str| {
        let database = scene.database();
        let rest = ["--json", "--adapter", choice, "--db", database.to_str().unwrap()];
        ended(scene.parallax(words.iter().copied().chain(rest)))
    };
    let diverge = ["diverge", "--model", "bert-tiny", "--a", "wgpu:vulkan", "--b", "webgpu@chrome"];
    let conformance = ["conformance", "--targets", "wgpu:vulkan", "--tests", "test_add"];
    let matmul = ["bench", "matmul", "--browsers", "firefox", "--sizes", "64", "--rounds", "1"];
    for words in [&diverge[..], &conformance, &matmul] {
        let on_swiftshader = run(words, "swiftshader");
        assert_eq!(on_swiftshader.code, Some(0), "{on_swiftshader:?}");
        let document = on_swiftshader.document().to_string().to_lowercase();
        assert!(document.contains("swiftshader") && !document.contains("llvmpipe"), "{document}");
        let nowhere = run(words, "no-such-card");
        assert_eq!(nowhere.code, Some(3), "{nowhere:?}");
    }
}
