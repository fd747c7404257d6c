//! All 13 model families, in every precision they are kept in, on every engine: as right as PyTorch, token by token
//! where they make tokens, and a refusal only where the adapter cannot keep f16.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::Path;

use end_to_end::{Scene, ended};
use serde_json::Value;

const TARGETS: [&str; 10] = [
    "webgpu@chrome",
    "webgpu@firefox",
    "webnn:cpu@headless-shell",
    "wasm@chrome",
    "wasm@firefox",
    "wasm@webkit",
    "wasm@headless-shell",
    "wgpu:vulkan",
    "burn:cpu",
    "onnxruntime:cpu",
];
const FAMILIES: [&str; 14] = [
    "bert",
    "clap",
    "clip",
    "detr",
    "llama",
    "llava",
    "llava-next",
    "qwen2",
    "qwen3",
    "t5",
    "vit",
    "wav2vec2",
    "whisper",
    "xclip",
];

/// The names of the tiny fixtures, read from their folder: a new one is tested by being there.
fn tiny_models() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fixtures/models");
    let names = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> =
        names.filter(|name| name.contains("-tiny") && !name.starts_with("openai")).collect();
    names.sort();
    names
}

#[test]
fn every_family_is_right_on_every_engine() {
    let models = tiny_models();
    for family in FAMILIES {
        assert!(models.contains(&format!("{family}-tiny")), "there is no {family}-tiny among {models:?}");
    }
    let scene = Scene::new();
    let names: Vec<&str> = models.iter().map(String::as_str).collect();
    let sweep = ended(scene.sweep(&names, &TARGETS, &["--samples", "2"]));
    let cases = sweep.cases();
    assert_eq!(cases.len(), models.len() * TARGETS.len(), "{}", sweep.stderr);
    for case in &cases {
        check(case);
    }
}

fn check(case: &Value) {
    let name = format!("{} on {}", case["model"], case["target"]);
    if case["verdict"] == "unsupported" {
        let message = case["message"].as_str().unwrap_or_default();
        let says_why = message.contains("no feature shader-f16") && message.contains("node");
        assert!(says_why && case["model"].as_str().unwrap().ends_with("-fp16"), "{name}: {message}");
        // The processor keeps f16, and the row says that it is not what was asked for.
        assert_eq!(case["actual_target"], "wasm@chrome", "{name}: {message}");
        assert!(message.contains("fell back to wasm@chrome, which is right"), "{name}: {message}");
        return;
    }
    assert_eq!(case["verdict"], "pass", "{name}: {case:#}");
    assert_eq!(case["actual_target"], case["target"], "{name}");
    let generates = case["checks"].as_array().unwrap().iter().any(|check| check["output"] == "tokens");
    for metric in ["time_to_first_token_ms", "tokens_per_s"] {
        let value = case["metrics"][metric]["median"].as_f64();
        assert_eq!(value.is_some_and(|value| value > 0.0), generates, "{name}: {metric} is {value:?}");
    }
}
