//! Weights go to the device without ever filling the page's memory: the one of a model of full size stays small.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use end_to_end::{Scene, case, ended};
use serde_json::Value;

const MODEL: &str = "t5-small";
/// Bytes that its 60.5 million weights take on the device, the embedding a second time as the matrix of the logits.
const WEIGHTS_BYTES: f64 = 300e6;
/// A piece of a weight, once as it came and once as numbers, and all that is no weight.
const MOST_WASM_BYTES: f64 = 64e6;

#[test]
fn the_pages_memory_stays_far_below_the_weights() {
    let scene = Scene::new();
    let targets = ["webgpu@chrome", "webgpu@firefox"];
    let sweep = ended(scene.sweep(&[MODEL], &targets, &["--samples", "2"]));
    assert_eq!(sweep.code, Some(0), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    for target in targets {
        let row = case(&cases, MODEL, target);
        assert_eq!(row["verdict"], "pass", "{row:#}");
        let (wasm, device) = (median(row, "wasm_memory_bytes"), median(row, "device_memory_bytes"));
        assert!(device > WEIGHTS_BYTES, "{target}: {device} bytes on the device: are these the weights?");
        assert!(wasm < MOST_WASM_BYTES, "{target}: {wasm} bytes of the page's memory");
    }
}

fn median(case: &Value, metric: &str) -> f64 {
    case["metrics"][metric]["median"].as_f64().unwrap_or_else(|| panic!("no {metric} in {case:#}"))
}

/// Inferences after which nothing may have grown, and before: both after warm-up.
const MANY: &str = "220";
const FEW: &str = "20";
/// Starts of a browser: in one of ten or so, Firefox has not yet started all its processes and takes a tenth less.
const STARTS: &str = "3";

#[test]
fn two_hundred_inferences_leave_memory_as_it_was() {
    let scene = Scene::new();
    let targets = ["webgpu@chrome", "webgpu@firefox"];
    let after = |samples: &str| {
        let starts = ["--rounds", STARTS, "--rounds-in-a-session", "1"];
        let sweep =
            ended(scene.sweep(&["bert-tiny"], &targets, &[&["--samples", samples], &starts[..]].concat()));
        assert_eq!(sweep.code, Some(0), "{}{}", sweep.stdout, sweep.stderr);
        sweep.cases()
    };
    let (few, many) = (after(FEW), after(MANY));
    for target in targets {
        let of = |cases: &[Value], metric| -> Vec<f64> {
            let rows = cases.iter().filter(|row| row["target"] == target);
            let mut bytes: Vec<f64> = rows.map(|row| median(row, metric)).collect();
            bytes.sort_by(f64::total_cmp);
            bytes
        };
        let [wasm_few, wasm_many] = [&few, &many].map(|cases| of(cases, "wasm_memory_bytes"));
        assert_eq!(wasm_few, wasm_many, "{target}: the page's memory");
        let [few, many] = [&few, &many].map(|cases| of(cases, "process_memory_bytes"));
        // What grows does so in every start; the starts themselves differ by some per cent.
        let (most_few, least_many) = (few[few.len() - 1], many[0]);
        assert!(
            least_many < most_few * 1.1,
            "{target}: {few:?} bytes after {FEW} inferences, {many:?} after {MANY}"
        );
    }
}
