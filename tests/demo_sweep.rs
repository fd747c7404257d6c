//! The main promise: both demo models on every demo target and on Burn, right, measured, and stored.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use end_to_end::{Scene, case, ended};
use protocol::Metric;
use serde_json::Value;

const MODELS: [&str; 2] = ["bert-tiny", "vit-tiny"];
const TARGETS: [&str; 6] = [
    "webgpu@chrome",
    "webgpu@firefox",
    "webnn:cpu@headless-shell",
    "wgpu:vulkan",
    "burn:cpu",
    "onnxruntime:cpu",
];
/// Firefox gives a page no name for its adapter, only whether it is a fallback one; no browser names what is behind
/// WebNN.
const NAMELESS: [&str; 2] = ["webgpu@firefox", "webnn:cpu@headless-shell"];
/// Largest absolute difference from PyTorch in fp32.
const TOLERANCE: f64 = 1e-4;
const SAMPLES: u64 = 12;

#[test]
fn every_demo_case_passes_is_measured_and_is_stored() {
    let scene = Scene::new();
    let sweep = ended(scene.sweep(&MODELS, &TARGETS, &["--samples", "12"]));
    assert_eq!(sweep.code, Some(0), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    assert_eq!(cases.len(), MODELS.len() * TARGETS.len());
    for model in MODELS {
        for target in TARGETS {
            check_case(case(&cases, model, target));
        }
        check_firefox_completion(case(&cases, model, "webgpu@firefox"));
    }
    check_store(&scene, cases.len());
}

fn check_case(case: &Value) {
    let name = format!("{} on {}", case["model"], case["target"]);
    assert_eq!(case["verdict"], "pass", "{name}: {case:#}");
    assert_eq!(case["actual_target"], case["target"], "{name}");
    let error = case["max_abs_error"].as_f64().unwrap_or(f64::NAN);
    assert!(error <= TOLERANCE, "{name}: max error {error}");
    assert!(case["adapter"]["software"].is_boolean(), "{name}: says whether it is a software adapter");
    let named = case["adapter"]["vendor"].as_str().is_some_and(|vendor| !vendor.is_empty());
    assert!(named || NAMELESS.contains(&case["target"].as_str().unwrap()), "{name}: {case:#}");
    // Burn walks the graph: there is nothing to compile, and no figure for it. ONNX Runtime plans while it compiles, and
    // moves nothing.
    let (burn, reference) = (case["target"] == "burn:cpu", case["target"] == "onnxruntime:cpu");
    for (metric, there) in
        [("compile_ms", !burn), ("plan_ms", !reference), ("upload_ms", !reference), ("open_ms", !burn)]
    {
        assert_eq!(case["metrics"][metric].is_object(), there, "{name}: {metric} in {case:#}");
    }
    check_wall(case, &name);
    check_tuning(case, &name);
    for metric in ["load_ms", "first_inference_ms", "latency_ms", "throughput_per_s"] {
        let value = &case["metrics"][metric];
        assert!(value["median"].as_f64().is_some_and(|median| median >= 0.0), "{name}: {metric} is {value}");
    }
    let latency = &case["metrics"]["latency_ms"];
    assert_eq!(latency["n"], SAMPLES, "{name}");
    let [low, median, high] = ["low", "median", "high"].map(|key| latency[key].as_f64().unwrap_or(f64::NAN));
    assert!(low <= median && median <= high, "{name}: {latency}");
}

/// Our kernels say which rows of the tuning table they were cut by, and those are for this kind of adapter.
fn check_tuning(case: &Value, name: &str) {
    let target = case["target"].as_str().unwrap();
    let Some(rows) = case["features"]["tuning"].as_str() else {
        assert!(!target.starts_with("webgpu") && !target.starts_with("wgpu"), "{name}: {case:#}");
        return;
    };
    let rows: Vec<Value> = serde_json::from_str(rows).unwrap();
    assert!(rows.iter().any(|row| row["family"] == "matmul"), "{name}: {rows:#?}");
    let software = &case["adapter"]["software"];
    let fits = |row: &&Value| row["software"].is_null() || row["software"] == *software;
    assert!(rows.iter().all(|row| fits(&row)), "{name}: {rows:#?}");
}

/// All that a measurement is made of adds up to the time it took, within 2 %.
fn check_wall(case: &Value, name: &str) {
    let sum_ms = |metric: &Metric| -> f64 {
        let samples = case["metrics"][metric.name()]["samples"].as_array();
        samples.map_or(0.0, |values| values.iter().filter_map(Value::as_f64).sum())
    };
    let (parts_ms, wall_ms) =
        (Metric::PARTS_OF_WALL.iter().map(sum_ms).sum::<f64>(), sum_ms(&Metric::WallMs));
    assert!((wall_ms - parts_ms).abs() <= 0.02 * wall_ms, "{name}: {parts_ms} of {wall_ms} ms in {case:#}");
}

/// Firefox looks for finished GPU work each 100 ms of its own accord; with the kick, wall time follows the GPU.
fn check_firefox_completion(case: &Value) {
    let samples: Vec<f64> = case["metrics"]["latency_ms"]["samples"]
        .as_array()
        .map(|values| values.iter().filter_map(Value::as_f64).collect())
        .unwrap_or_default();
    assert_eq!(samples.len() as u64, SAMPLES, "{case:#}");
    let on_the_poll = samples
        .iter()
        .filter(|ms| **ms > 90.0 && (*ms / 100.0).fract().min(1.0 - (*ms / 100.0).fract()) < 0.03);
    assert!(on_the_poll.count() * 2 < samples.len(), "latencies sit on multiples of 100 ms: {samples:?}");
    let median = |metric: &str| case["metrics"][metric]["median"].as_f64().unwrap_or(f64::NAN);
    let (wall, gpu) = (median("latency_ms"), median("gpu_ms"));
    assert!(gpu <= wall, "the GPU was busy {gpu} ms of {wall} ms");
    assert!(wall - gpu < 50.0, "wall time {wall} ms is a poll away from the GPU's {gpu} ms");
}

fn check_store(scene: &Scene, cases: usize) {
    let store = duckdb::Connection::open(scene.database()).unwrap();
    let count = |sql: &str| -> i64 { store.query_row(sql, [], |row| row.get(0)).unwrap() };
    let cases = cases as i64;
    assert_eq!(count("select count(*) from runs"), 1);
    assert_eq!(count("select count(*) from trials where verdict = 'pass'"), cases);
    let latencies =
        |phase| format!("select count(*) from samples where metric = 'latency_ms' and phase = '{phase}'");
    assert_eq!(count(&latencies("measured")), cases * SAMPLES as i64);
    assert!(count(&latencies("warm-up")) >= cases, "what does not count is kept");
    assert!(count("select count(*) from checks") >= 2 * cases, "two outputs a model");
    assert!(count("select count(*) from metrics") >= 5 * cases);
    assert!(count("select count(*) from features") >= cases);
}
