//! Broken models: each is a row with a clear message on every engine, and costs nothing but itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use end_to_end::{Scene, bad_model, case, ended};

const TARGETS: [&str; 7] = [
    "webgpu@chrome",
    "ort-wasm@chrome",
    "webgpu@firefox",
    "ort-webgpu@firefox",
    "wgpu:vulkan",
    "burn:cpu",
    "onnxruntime:cpu",
];

/// Folder under `fixtures/bad`, verdict, and what the message has to name.
const BROKEN: [(&str, &str, &[&str]); 8] = [
    ("not-onnx", "error", &["model.onnx", "not an ONNX"]),
    ("truncated", "error", &["model.onnx", "ONNX"]),
    ("external-missing", "error", &["weights.bin"]),
    ("external-short", "error", &["weights.bin", "20"]),
    ("unknown-operator", "unsupported", &["Frobnicate", "finish"]),
    ("wrong-input-name", "error", &["features", "x"]),
    ("wrong-input-type", "error", &["x", "i64", "f32"]),
    ("wrong-input-shape", "error", &["x", "5", "4"]),
];

#[test]
fn each_broken_model_is_a_row_that_names_the_fault_and_the_next_model_still_passes() {
    let scene = Scene::new();
    let mut models: Vec<String> = BROKEN.iter().map(|(name, ..)| bad_model(name)).collect();
    models.push(bad_model("external-good"));
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    let sweep = ended(scene.sweep(&models, &TARGETS, &["--samples", "2"]));
    assert_eq!(sweep.code, Some(1), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    let mut faults = Vec::new();
    for target in TARGETS {
        for (name, verdict, parts) in BROKEN {
            let row = case(&cases, name, target);
            let message = row["message"].as_str().unwrap_or_default();
            let missing: Vec<_> = parts.iter().filter(|part| !message.contains(**part)).collect();
            if row["verdict"] != verdict || !missing.is_empty() {
                faults
                    .push(format!("{name} on {target}: {} {message:?}, missing {missing:?}", row["verdict"]));
            }
        }
        let sound = case(&cases, "external-good", target);
        assert_eq!(sound["verdict"], "pass", "external data on {target}: {sound:#}");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
