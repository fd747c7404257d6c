//! `parallax profile` names every kernel's time on each target that has timestamps, and says why elsewhere.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use end_to_end::{Scene, ended};

fn profile(scene: &Scene, model: &str, target: &str, more: &[&str]) -> end_to_end::Ended {
    let mut command = scene.parallax(["profile", "--model", model, "--target", target, "--samples", "2"]);
    command.args(more);
    ended(command)
}

#[test]
fn every_dispatch_is_timed() {
    let scene = Scene::new();
    for target in ["webgpu@chrome", "webgpu@firefox", "wgpu:vulkan"] {
        // A model that generates has two programs; the step runs once for every token after the first.
        let profiled = profile(&scene, "whisper-tiny", target, &["--json"]);
        assert_eq!(profiled.code, Some(0), "{target}: {}", profiled.stderr);
        let document = profiled.document();
        let dispatches = document["dispatches"].as_array().unwrap();
        for (program, runs) in [("prefill", 2), ("step", 2 * 15)] {
            let mut own = dispatches.iter().filter(|dispatch| dispatch["program"] == program).peekable();
            assert!(own.peek().is_some(), "{target}: no dispatch of {program}");
            // A clock that went backwards leaves a gap.
            let complete = own.filter(|dispatch| dispatch["gpu_ms"].as_array().unwrap().len() == runs);
            assert!(complete.count() > 0, "{target}: no dispatch of {program} has {runs} times");
        }
        let kernels = document["kernels"].as_array().unwrap();
        let times: Vec<f64> = kernels.iter().map(|kernel| kernel["gpu_ms"].as_f64().unwrap()).collect();
        assert!(times.is_sorted_by(|a, b| a >= b) && times[0] > 0.0, "{target}: {times:?}");
        assert!(kernels.iter().any(|kernel| kernel["kernel"].as_str().unwrap().starts_with("attention")));
    }
}

#[test]
fn kernels_are_held_against_what_the_adapter_could_do() {
    let scene = Scene::new();
    let before = profile(&scene, "bert-tiny", "wgpu:vulkan", &[]);
    assert!(before.stdout.contains("run `parallax probe --targets wgpu:vulkan` first"), "{before:?}");
    let targets = ["webgpu@chrome", "webgpu@firefox", "wgpu:vulkan"];
    let probed = ended(scene.parallax(["probe", "--targets", &targets.join(","), "--json"]));
    assert_eq!(probed.code, Some(0), "{}", probed.stderr);
    let document = probed.document();
    let found = document["targets"].as_array().unwrap();
    assert_eq!(found.len(), targets.len(), "{document:#}");
    for target in targets {
        let found = found.iter().find(|found| found["target"] == target).unwrap();
        let probes = found["probes"].as_array().unwrap();
        for metric in ["read_gb_per_s", "write_gb_per_s", "copy_gb_per_s", "f32_gflop_per_s"] {
            let probe = probes.iter().find(|probe| probe["metric"] == metric).unwrap();
            let rate = probe["summary"]["median"].as_f64().unwrap();
            assert!(rate > 0.01 && rate < 1e6, "{target}: {metric} is {rate}");
            assert_eq!(probe["samples"].as_array().unwrap().len(), 5, "{target}: {metric}");
        }
        let profiled = profile(&scene, "bert-tiny", target, &["--json"]).document();
        let known = profiled["roofline_known_share"].as_f64().unwrap();
        assert!(known > 0.9, "{target}: work is known of {known} of the time");
        let kernels = profiled["kernels"].as_array().unwrap();
        let product = kernels.iter().find(|kernel| kernel["flops"].as_f64().is_some()).unwrap();
        assert!(product["roofline_share"].as_f64().unwrap() > 0.0, "{target}: {product}");
    }
}

#[test]
fn a_target_without_our_kernels_is_not_probed() {
    let probed = ended(Scene::new().parallax(["probe", "--targets", "onnxruntime:cpu"]));
    assert_eq!(probed.code, Some(3), "{}", probed.stderr);
    assert!(probed.stderr.contains("onnxruntime has no kernels of ours"), "{}", probed.stderr);
}

#[test]
fn what_cannot_be_timed_says_so() {
    let scene = Scene::new();
    for (model, target, code, part) in [
        (
            "bert-tiny",
            "burn:cpu",
            3,
            "burn:cpu cannot be profiled (unsupported): dispatches cannot be timed here",
        ),
        ("bert-tiny", "ort-webgpu@chrome", 3, "the dispatches are the engine's own"),
        ("bert-tiny", "webgpu@nowhere", 2, "nowhere"),
        ("nothing", "wgpu:vulkan", 2, "there is no model \"nothing\""),
    ] {
        let profiled = profile(&scene, model, target, &[]);
        assert_eq!(profiled.code, Some(code), "{target}: {}", profiled.stderr);
        assert!(profiled.stderr.contains(part), "{target}: {}", profiled.stderr);
    }
}
