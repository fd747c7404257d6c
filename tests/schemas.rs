//! Documents for scripts: what commands print as JSON is what the schemas in `docs/schemas` say, and nothing beside it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;

use end_to_end::{Scene, checkout, ended};
use serde_json::{Value, json};

/// A schema, held more strictly than readers should: a field that it does not name is one that nobody was told of.
fn strict(name: &str) -> Value {
    let path = checkout().join("docs/schemas").join(format!("{name}.schema.json"));
    let mut schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    close(&mut schema);
    schema
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(close);
            if map.contains_key("properties") && map.contains_key("required") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
        }
        Value::Array(all) => all.iter_mut().for_each(close),
        _ => {}
    }
}

fn check(name: &str, document: &Value) {
    let validator = jsonschema::draft202012::new(&strict(name)).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{name}: {faults:#?}");
}

#[test]
fn a_sweep_and_its_matrix_are_as_their_schemas_say() {
    let scene = Scene::new();
    let targets = ["wgpu:vulkan", "onnxruntime:cpu", "webgpu@edge"];
    let sweep =
        ended(scene.sweep(&["bert-tiny"], &targets, &["--adapter", "default,swiftshader", "--samples", "6"]));
    assert_eq!(sweep.cases().len(), 5);
    check("sweep", &sweep.document());
    let database = scene.database();
    let matrix = |flags: &[&str]| {
        let mut command = scene.parallax(["matrix", "--db"]);
        command.arg(&database).args(flags);
        ended(command)
    };
    for flags in [&["--json"][..], &["--json", "--baseline", "onnxruntime:cpu"]] {
        let shown = matrix(flags);
        assert_eq!(shown.code, Some(0), "{shown:?}");
        let document = shown.document();
        check("matrix", &document);
        assert_eq!(document["cells"].as_array().map(Vec::len), Some(5), "{document:#}");
    }
    for flags in [&["--markdown"][..], &["--csv"], &[]] {
        let shown = matrix(flags);
        assert!(shown.code == Some(0) && shown.stdout.contains("bert-tiny"), "{shown:?}");
    }
    let moved = |words: &[&str]| ended(scene.parallax(words));
    let database = database.to_str().unwrap();
    for flags in [&[][..], &["--public"]] {
        let export = [&["export", "--parquet", "out", "--json", "--db", database][..], flags].concat();
        check("export", &moved(&export).document());
        let merged = moved(&["merge", "out", database, "--into", "all.duckdb", "--json"]);
        assert_eq!(merged.code, Some(0), "{merged:?}");
        check("merge", &merged.document());
    }
    for (flags, words) in [
        (&["--baseline", "wasm@chrome"][..], "the targets are onnxruntime:cpu, "),
        (&["--run", "ffffffff"], "there is no run \"ffffffff\""),
        (&["--csv", "--json"], "cannot be used with"),
    ] {
        let refused = matrix(flags);
        assert!(refused.code == Some(2) && refused.stderr.contains(words), "{flags:?}: {refused:?}");
    }
}

#[test]
fn what_is_decided_from_results_is_as_its_schema_says() {
    let scene = Scene::new();
    let database = scene.database();
    let models = "bert-tiny,vit-tiny,t5-tiny,clip-tiny,wav2vec2-tiny,qwen2-tiny,bert-tiny-int8";
    let run = |words: &[&str]| {
        let mut command = scene.parallax(words);
        command.args(["--json", "--db"]).arg(&database);
        ended(command)
    };
    for targets in ["wgpu:vulkan,onnxruntime:cpu", "onnxruntime:cpu"] {
        run(&["sweep", "--models", models, "--targets", targets, "--samples", "6"]);
    }
    let sweep = run(&["sweep", "--models", "llava-tiny", "--targets", "onnxruntime:cpu", "--samples", "6"]);
    assert_eq!(sweep.code, Some(0), "{sweep:?}");
    for (name, words) in [
        ("history", &["history"][..]),
        ("recommend", &["recommend", "--model", "bert-tiny", "--goal", "throughput"]),
        ("predict", &["predict", "--models", "llava-tiny"]),
        ("gate", &["gate", "--run", "last", "--against", "last-pass"]),
        ("compare", &["compare", "--a", "wgpu:vulkan", "--b", "onnxruntime:cpu"]),
    ] {
        let answered = run(words);
        let expected = if name == "gate" { Some(2) } else { Some(0) };
        assert_eq!(answered.code, expected, "{name}: {answered:?}");
        if expected == Some(0) {
            check(name, &answered.document());
        }
    }
    let first = run(&["gate", "--run", "last", "--against", "last-pass", "--allow-no-baseline"]);
    assert_eq!((first.code, &first.document()["verdict"]), (Some(0), &"no-baseline".into()), "{first:?}");
    check("gate", &first.document());
    let again =
        run(&["sweep", "--models", "llava-tiny,vit-tiny", "--targets", "onnxruntime:cpu", "--samples", "6"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    check("gate", &run(&["gate", "--against", "last-pass"]).document());
    let flags = ["noise", "--models", "bert-tiny", "--targets", "onnxruntime:cpu", "--rounds", "5"];
    check("noise", &run(&flags).document());
}

#[test]
fn probes_and_a_profile_beside_them_are_as_their_schemas_say() {
    let scene = Scene::new();
    let probed = ended(scene.parallax(["probe", "--targets", "wgpu:vulkan", "--json"]));
    check("probe", &probed.document());
    let flags = ["profile", "--model", "bert-tiny", "--target", "wgpu:vulkan", "--json"];
    check("profile", &ended(scene.parallax(flags)).document());
}

#[test]
fn what_is_detected_is_as_its_schema_says() {
    let scene = Scene::new();
    let detect = ended(scene.parallax(["detect", "--json", "--db", "detect.duckdb"]));
    check("detect", &detect.document());
}

#[test]
fn a_schema_refuses_what_it_does_not_know() {
    let validator = jsonschema::draft202012::new(&strict("matrix")).unwrap();
    let sound = json!({ "runs": [], "baseline": "wgpu:vulkan", "targets": [], "models": [], "cells": [] });
    for (name, document, expected) in [
        ("sound", sound.clone(), true),
        (
            "a field more",
            json!({ "runs": [], "baseline": "", "targets": [], "models": [], "cells": [], "x": 1 }),
            false,
        ),
        ("a field less", json!({ "runs": [], "baseline": "", "targets": [], "models": [] }), false),
        (
            "a cell of another kind",
            json!({ "runs": [], "baseline": "", "targets": [], "models": [], "cells": [1] }),
            false,
        ),
    ] {
        assert_eq!(validator.is_valid(&document), expected, "{name}");
    }
}
