//! Where two targets disagree: real runs whose every value is compared.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use end_to_end::{Ended, Scene, bad_model, ended};
use serde_json::Value;

fn diverge(scene: &Scene, model: &str, a: &str, b: &str, more: &[&str]) -> Ended {
    let mut command = scene.parallax(["diverge", "--json", "--model", model, "--a", a, "--b", b]);
    command.args(more);
    ended(command)
}

fn steps(document: &Value) -> &[Value] {
    document["steps"].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[test]
fn a_browser_and_the_reference_agree_at_every_node() {
    let scene = Scene::new();
    for target in ["webgpu@chrome", "webgpu@firefox", "wgpu:vulkan", "burn:cpu"] {
        let ended = diverge(&scene, "bert-tiny", target, "onnxruntime:cpu", &[]);
        assert_eq!(ended.code, Some(0), "{target}: {ended:?}");
        let document = ended.document();
        assert_eq!((&document["verdict"], &document["a"]["target"]), (&"agree".into(), &target.into()));
        let nodes = steps(&document);
        assert!(nodes.len() > 25, "{target}: {} values compared", nodes.len());
        let worst =
            nodes.iter().filter_map(|step| step["comparison"]["relative"].as_f64()).fold(0.0, f64::max);
        assert!(worst > 0.0 && worst < 1e-5, "{target}: {worst:e}");
        assert!(nodes.iter().any(|step| step["node"]["value"] == "last_hidden_state"), "{target}");
    }
}

#[test]
fn a_tolerance_of_0_names_the_first_rounding_difference() {
    let scene = Scene::new();
    let ended = diverge(&scene, "vit-tiny", "wgpu:vulkan", "onnxruntime:cpu", &["--tolerance", "0"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let document = ended.document();
    let first = &document["first_apart"];
    // The first node of the graph that does more than move elements.
    assert_eq!(first["step"]["node"]["node"], "node_conv2d", "{first:#}");
    assert_eq!((&first["step"]["finding"], &first["step"]["inherited"]), (&"parts".into(), &0.0.into()));
    let operands: Vec<_> =
        first["operands"].as_array().unwrap().iter().map(|operand| &operand["name"]).collect();
    assert_eq!((operands.len(), operands[0], operands[3]), (4, &"pixel_values".into(), &"conv2d".into()));
    assert!(document["message"].as_str().unwrap().starts_with("first apart at node \"node_conv2d\" (Conv)"));
}

#[test]
fn before_fusion_there_is_more_to_compare_and_components_keep_their_names_apart() {
    let scene = Scene::new();
    let fused = diverge(&scene, "t5-tiny", "wgpu:vulkan", "onnxruntime:cpu", &[]).document();
    let unfused = diverge(&scene, "t5-tiny", "wgpu:vulkan", "onnxruntime:cpu", &["--unfused"]).document();
    assert_eq!((&fused["verdict"], &unfused["verdict"]), (&"agree".into(), &"agree".into()));
    assert!(steps(&unfused).len() > steps(&fused).len());
    assert_eq!(fused["a"]["program"], "prefill");
    for component in ["encoder_model", "decoder_model"] {
        let of_it = steps(&fused).iter().filter(|step| step["node"]["component"] == component);
        assert!(of_it.count() > 10, "{component}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused_with_the_remedy() {
    let scene = Scene::new();
    let unknown = bad_model("unknown-operator");
    for (model, a, more, code, parts) in [
        ("bert-tiny", "webgup@chrome", &[][..], 2, &["did you mean \"webgpu\""][..]),
        ("bert-tiny", "webgpu@chorme", &[], 2, &["did you mean \"chrome\""]),
        ("bert-tny", "burn:cpu", &[], 2, &["did you mean \"bert-tiny\""]),
        ("bert-tiny", "burn:cpu", &["--tolerance", "-1"], 2, &["0 or more"]),
        ("bert-tiny", "burn:metal", &[], 3, &["burn:metal cannot run the model (unavailable)"]),
        (&unknown, "burn:cpu", &[], 3, &["burn:cpu cannot run the model (unsupported)", "Frobnicate"]),
        (&unknown, "onnxruntime:cpu", &[], 3, &["onnxruntime:cpu", "Frobnicate"]),
    ] {
        let more: Vec<String> = more.chunks(2).map(|pair| pair.join("=")).collect();
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let ended = diverge(&scene, model, a, "onnxruntime:cpu", &more);
        assert_eq!(ended.code, Some(code), "{model} on {a}: {ended:?}");
        assert!(parts.iter().all(|part| ended.stderr.contains(part)), "{model} on {a}: {}", ended.stderr);
    }
}
