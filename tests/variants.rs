//! Batch sizes, extents, precisions and settings of features as lists: every combination is a case, checked against what a
//! reference gives at those extents, and one that cannot be had is refused with what there is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::process::Command;

use duckdb::Connection;
use end_to_end::{Scene, checkout, ended};
use serde_json::Value;

const REFERENCE: &str = "onnxruntime:cpu";
const OURS: &str = "wgpu:vulkan";

/// Lets a command see caches of the scene's own.
fn at(scene: &Scene, mut command: Command) -> Command {
    command.env("XDG_CACHE_HOME", scene.path("cache"));
    command.env("PARALLAX_ONNXRUNTIME", protocol::cache::onnxruntime_library());
    command
}

/// What tells a case from others of its target, and how it ended.
fn told(case: &Value) -> String {
    let text = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
    let extents = case["dimensions"].as_object().unwrap().iter();
    let extents: Vec<String> = extents.map(|(name, extent)| format!("{name}={extent}")).collect();
    let parts = [text("model"), extents.join(" "), text("features_off"), text("verdict")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_folder_and_a_bare_file_run_at_every_extent_and_say_against_what() {
    let file = checkout().join("fixtures/models/bert-tiny/model.onnx");
    let targets = [OURS, "webgpu@chrome", REFERENCE];
    for (model, own) in [("bert-tiny", Some("batch=1 sequence=16")), (file.to_str().unwrap(), None)] {
        let scene = Scene::new();
        let flags = ["--batch", "1,2", "--dimension", "sequence=16,sequence=24", "--samples", "3"];
        let sweep = ended(at(&scene, scene.sweep(&[model], &targets, &flags)));
        assert_eq!(sweep.code, Some(0), "{sweep:?}");
        let cases = sweep.cases();
        let expected = |target| {
            let of = cases.iter().filter(|case| case["target"] == target);
            of.map(told).collect::<Vec<_>>()
        };
        for target in targets {
            let variants = [(1, 16), (1, 24), (2, 16), (2, 24)];
            let passed =
                variants.map(|(batch, sequence)| format!("bert-tiny batch={batch} sequence={sequence} pass"));
            assert_eq!(expected(target), passed, "{model} on {target}");
        }
        for case in &cases {
            let from_pytorch = own.is_some_and(|own| told(case).contains(own));
            let reference = case["features"]["reference"].as_str().unwrap_or_default();
            assert_eq!(reference.starts_with("onnxruntime:cpu "), !from_pytorch, "{case:#}");
            assert_eq!(case["batch"], case["dimensions"]["batch"], "{case:#}");
        }
        let keys: std::collections::BTreeSet<&str> =
            cases.iter().filter_map(|case| case["case_key"].as_str()).collect();
        assert_eq!(keys.len(), 12, "each is a case of its own");
        let database = Connection::open(scene.database()).unwrap();
        let sql =
            "select count(*), count(distinct (target, dimension, others)) from scaling where latency_ms > 0";
        let counts = database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        // Twelve cases stand on a curve of each dimension; a curve has two points.
        assert_eq!(counts, (24, 12), "{model}");
    }
}

#[test]
fn a_pipeline_and_a_model_that_generates_run_at_other_extents() {
    let scene = Scene::new();
    for (model, dimension) in [
        ("clip-towers-tiny", "batch=2"),
        ("t5-tiny", "encoder_sequence=14"),
        ("llava-tiny", "sequence=30"),
        ("wav2vec2-tiny", "samples=1600"),
    ] {
        let flags = ["--dimension", dimension, "--samples", "2"];
        let sweep = ended(at(&scene, scene.sweep(&[model], &[OURS, REFERENCE], &flags)));
        let told: Vec<String> = sweep.cases().iter().map(told).collect();
        assert_eq!(told, vec![format!("{model} {dimension} pass"); 2], "{sweep:?}");
    }
}

#[test]
fn precisions_and_features_are_varied_where_there_are_any() {
    let scene = Scene::new();
    let plan = scene.path("plan.toml");
    let text = "models = ['bert-tiny', 'vit-tiny']\ntargets = ['wgpu:vulkan', 'onnxruntime:cpu']\nsamples = 2\n\
                precision = ['fp32', 'int8']\nfeatures = ['', '-fusion']\n";
    fs::write(&plan, text).unwrap();
    let sweep = ended(at(&scene, scene.parallax(["sweep", "--json", plan.to_str().unwrap()])));
    let cases = sweep.cases();
    let told: Vec<String> =
        cases.iter().map(|case| format!("{} {}", told(case), case["target"].as_str().unwrap())).collect();
    let expected = ["bert-tiny", "bert-tiny-int8", "vit-tiny", "vit-tiny-int8"].map(|model| {
        let cells = ["pass wgpu:vulkan", "-fusion pass wgpu:vulkan", "pass onnxruntime:cpu"];
        cells.map(|cell| format!("{model} {cell}"))
    });
    assert_eq!(told, expected.concat(), "{}", sweep.stderr);
}

#[test]
fn what_cannot_be_varied_is_refused_or_a_row_with_what_there_is() {
    let scene = Scene::new();
    let run = |models: &[&str], flags: &[&str]| ended(at(&scene, scene.sweep(models, &[REFERENCE], flags)));
    let most: Vec<String> = (1..=501).map(|extent| extent.to_string()).collect();
    for (models, flags, parts) in [
        (
            &["bert-tiny"][..],
            &["--dimension", "height=2"][..],
            &["no dimension \"height\"", "it has batch, sequence"][..],
        ),
        (&["bert-tiny"], &["--dimension", "sequense=2"], &["did you mean \"sequence\""]),
        (&["t5-tiny"], &["--precision", "q4"], &["\"t5-tiny\" is not kept in q4 here, only in fp32"]),
        (&["llama-tiny"], &["--batch", "4"], &["one prompt at a time", "leave its batch at 1"]),
        (
            &["bert-tiny"],
            &["--dimension", "sequence=100000"],
            &["nothing to expect of it at sequence = 100000"],
        ),
        (&["bert-tiny"], &["--batch", &most.join(",")], &["501 cases", "84 min", "--large"]),
        (&["bert-tiny"], &["--batch", "0"], &["--batch"]),
        (&["bert-tiny"], &["--precision", "fp61"], &["did you mean \"fp16\""]),
        (&["bert-tiny"], &["--features=-tund"], &["did you mean \"tuned\""]),
    ] {
        let refused = run(models, flags);
        assert_eq!(refused.code, Some(2), "{flags:?}: {refused:?}");
        assert!(parts.iter().all(|part| refused.stderr.contains(part)), "{flags:?}: {}", refused.stderr);
    }
    let sweep = run(
        &["bert-tiny", "vit-tiny", "llama-tiny"],
        &["--batch", "1,2", "--dimension", "sequence=8", "--samples", "2"],
    );
    let told: Vec<String> = sweep.cases().iter().map(told).collect();
    let expected = [
        "bert-tiny batch=1 sequence=8 pass",
        "bert-tiny batch=2 sequence=8 pass",
        "llama-tiny batch=1 sequence=8 pass",
        "vit-tiny batch=1 sequence=8 error",
        "vit-tiny batch=2 sequence=8 error",
        "llama-tiny batch=2 sequence=8 unsupported",
    ];
    assert_eq!(told, expected, "{sweep:?}");
    assert_eq!(sweep.code, Some(1));
}

#[test]
fn a_plan_to_start_from_is_written_once_and_runs() {
    let scene = Scene::new();
    let write = || ended(at(&scene, scene.parallax(["plan", "--for", "bert-tiny", "--output", "plan.toml"])));
    let written = write();
    assert_eq!(written.code, Some(0), "{written:?}");
    let text = fs::read_to_string(scene.path("plan.toml")).unwrap();
    assert!(text.contains("\"onnxruntime:cpu\"") && text.contains("# batch = [1, 4]"), "{text}");
    let again = write();
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("cannot write the plan to plan.toml"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(scene.path("plan.toml")).unwrap(), text, "it is left as it was");
    let sweep = ["sweep", "plan.toml", "--json", "--targets", REFERENCE, "--samples", "2", "--batch", "2"];
    let told: Vec<String> = ended(at(&scene, scene.parallax(sweep))).cases().iter().map(told).collect();
    assert_eq!(told, ["bert-tiny batch=2 pass"]);
}
