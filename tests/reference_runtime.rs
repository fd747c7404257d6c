//! The reference runtime in the same sweep: onnxruntime-web passes the same checks, and says what it is and where nodes ran.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use end_to_end::{Scene, case, check_adapter, checkout, ended};
use serde_json::Value;

const MODELS: [&str; 2] = ["bert-tiny", "vit-tiny"];
const TARGETS: [&str; 4] = ["ort-webgpu@chrome", "ort-wasm@chrome", "ort-webgpu@firefox", "ort-wasm@firefox"];

#[test]
fn the_reference_runtime_passes_the_same_checks_and_says_what_ran_where() {
    let scene = Scene::new();
    let sweep = ended(scene.sweep(&MODELS, &TARGETS, &["--samples", "6"]));
    assert_eq!(sweep.code, Some(0), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    for model in MODELS {
        for target in TARGETS {
            check_case(case(&cases, model, target), target);
        }
    }
    // It computes shapes on the CPU, and the model has some: the row has to say so.
    let elsewhere = number(case(&cases, "bert-tiny", "ort-webgpu@chrome"), "nodes_elsewhere");
    assert!(elsewhere > 0.0, "no node of bert-tiny ran on the CPU");
}

fn check_case(case: &Value, target: &str) {
    let name = format!("{} on {target}", case["model"]);
    assert_eq!(case["verdict"], "pass", "{name}: {case:#}");
    assert_eq!(case["actual_target"], target, "{name}");
    let (webgpu, firefox) = (target.starts_with("ort-webgpu"), target.ends_with("firefox"));
    assert_eq!(case["adapter"]["backend"], if webgpu { "webgpu" } else { "wasm" }, "{name}");
    check_adapter(&case["adapter"]);
    assert!(webgpu || case["adapter"]["software"] == true, "it runs on the processor: {name}");
    let features = &case["features"];
    assert!(text(features, "onnxruntime_web").starts_with("1."), "{name}: {features:#}");
    assert_eq!(text(features, "cross_origin_isolated"), "true", "{name}: {features:#}");
    assert!(number(case, "wasm_threads") >= 1.0, "{name}: {features:#}");
    let (nodes, elsewhere) = (number(case, "nodes"), number(case, "nodes_elsewhere"));
    assert!(nodes > 50.0 && elsewhere < nodes, "{name}: {elsewhere} of {nodes} nodes ran elsewhere");
    assert!(webgpu || elsewhere == 0.0, "{name}: {features:#}");
    // Without it, Firefox's times would be multiples of 100 ms.
    assert_eq!(text(features, "completion_kick"), (webgpu && firefox).to_string(), "{name}");
    for metric in ["load_ms", "open_ms", "compile_ms", "first_inference_ms", "latency_ms"] {
        assert!(case["metrics"][metric]["median"].is_number(), "{name}: {metric} in {case:#}");
    }
}

fn text<'a>(features: &'a Value, key: &str) -> &'a str {
    features[key].as_str().unwrap_or_default()
}

fn number(case: &Value, feature: &str) -> f64 {
    text(&case["features"], feature).parse().unwrap_or(f64::NAN)
}

#[test]
fn the_reference_runtime_runs_models_of_several_components_and_makes_their_tokens() {
    let scene = Scene::new();
    let models = ["clip-towers-tiny", "whisper-tiny"];
    let sweep = ended(scene.sweep(&models, &["ort-wasm@chrome"], &["--samples", "2"]));
    assert_eq!(sweep.code, Some(0), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    let whisper = case(&cases, "whisper-tiny", "ort-wasm@chrome");
    assert!(whisper["metrics"]["tokens_per_s"]["median"].is_number(), "{whisper:#}");
}

#[test]
fn a_reference_runtime_that_was_not_fetched_is_a_row_with_a_remedy() {
    let scene = Scene::new();
    let mut sweep = scene.sweep(&["bert-tiny"], &["ort-wasm@chrome"], &["--samples", "2"]);
    sweep.env("XDG_CACHE_HOME", scene.path("empty"));
    let sweep = ended(sweep);
    assert_eq!(sweep.code, Some(3), "{sweep:?}");
    let row = &sweep.cases()[0];
    assert_eq!(row["verdict"], "unavailable", "{row:#}");
    let message = row["message"].as_str().unwrap_or_default();
    assert!(message.contains("onnxruntime-web") && message.contains("cargo xtask setup"), "{message}");
}

#[test]
fn the_reference_runtime_takes_what_our_reader_keeps_otherwise_and_is_not_told_what_it_cannot_bear() {
    let scene = Scene::new();
    let models = ["untaken_branch", "input_as_output"]
        .map(|name| checkout().join("fixtures/cases").join(name).to_string_lossy().into_owned());
    let models = models.each_ref().map(String::as_str);
    let sweep = ended(scene.sweep(&models, &["ort-wasm@chrome", "ort-webgpu@chrome"], &["--samples", "2"]));
    assert_eq!(sweep.code, Some(0), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    let told = &case(&cases, "untaken_branch", "ort-wasm@chrome")["features"];
    assert!(text(told, "notes").contains("freeDimensionOverrides"), "{told:#}");
    assert_eq!(text(told, "free_dimension_overrides"), "", "{told:#}");
    // Its WebGPU provider opens no model of doubles.
    let double = checkout().join("fixtures/cases/double_input").to_string_lossy().into_owned();
    let targets = ["ort-wasm@chrome", "ort-webgpu@chrome"];
    let sweep = ended(scene.sweep(&[&double], &targets, &["--samples", "2"]));
    assert_eq!(sweep.code, Some(1), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    assert_eq!(case(&cases, "double_input", "ort-wasm@chrome")["verdict"], "pass");
    let refused = case(&cases, "double_input", "ort-webgpu@chrome");
    let message = refused["message"].as_str().unwrap_or_default();
    assert!(refused["verdict"] == "error" && message.contains("opening the model"), "{refused:#}");
    let told = &case(&cases, "double_input", "ort-wasm@chrome")["features"];
    assert_eq!(text(told, "notes"), "", "{told:#}");
}
