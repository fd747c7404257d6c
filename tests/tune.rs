//! `parallax tune` measures variants of kernels in the page, and sweeps of the same place run with what is better.
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;

use end_to_end::{Ended, Scene, case, ended};
use serde_json::{Value, json};

const MODEL: &str = "bert-tiny";
const TARGETS: [&str; 2] = ["webgpu@chrome", "webgpu@firefox"];

fn tuned(scene: &Scene, more: &[&str]) -> Ended {
    let mut command = scene.parallax(["tune"]);
    command.args(more).arg("--db").arg(scene.database());
    ended(command)
}

fn swept(scene: &Scene, tuning: &str) -> Vec<Value> {
    let sweep = ended(scene.sweep(&[MODEL], &TARGETS, &["--samples", "2", "--tuning", tuning]));
    assert_ne!(sweep.code, Some(2), "{tuning}: {}{}", sweep.stdout, sweep.stderr);
    sweep.cases()
}

#[test]
fn what_tuning_finds_is_used_where_it_was_found() {
    let scene = Scene::new();
    let found =
        tuned(&scene, &["--models", MODEL, "--targets", &TARGETS.join(","), "--budget-s", "1", "--json"]);
    assert_eq!(found.code, Some(0), "{}{}", found.stdout, found.stderr);
    let document = found.document();
    let classes = document["classes"].as_array().unwrap();
    for target in TARGETS {
        let own: Vec<&Value> = classes.iter().filter(|class| class["target"] == target).collect();
        let mut products = own.iter().filter(|class| class["family"] == "matmul");
        let products = products.find(|class| class["class"] == "small").unwrap();
        assert!(products["shapes"].as_u64().unwrap() > 1, "{target}: {products:#}");
        let trials = products["trials"].as_array().unwrap();
        for [lanes, lines] in [[256, 1], [128, 2], [64, 1], [16, 16]] {
            let has = |trial: &Value| {
                let choice = &trial["choice"];
                choice["lanes"] == lanes && choice["lines"].as_u64().unwrap_or(1) == lines
            };
            assert!(trials.iter().any(has), "{target}: {lanes} by {lines} was not tried");
        }
        assert_eq!(trials[0]["end"]["kind"], "measured", "{target}: {:#}", trials[0]);
        assert!(trials[0]["rounds_ms"].as_array().unwrap().iter().all(|ms| ms.as_f64().unwrap() > 0.0));
        // What is kept is faster by an interval, and what noise could explain is not kept.
        for class in own.iter().filter(|class| !class["row"].is_null()) {
            assert!(class["better"]["times_as_fast"]["low"].as_f64().unwrap() > 1.0, "{class:#}");
        }
    }

    let stored = swept(&scene, "stored");
    let plain = swept(&scene, "default");
    for target in TARGETS {
        let row = case(&stored, MODEL, target);
        assert_eq!(row["verdict"], "pass", "{row:#}");
        assert_eq!(row["features"]["tuning_source"], "stored", "{row:#}");
        assert_eq!(case(&plain, MODEL, target)["features"].get("tuning_source"), None);
    }
}

/// A file that says of both targets what no table says: so many invocations in a line.
fn file(scene: &Scene, lanes: u32) -> String {
    let detected = swept(scene, "default");
    let place = |target: &str| {
        // Firefox's adapter says nothing of itself; what its row names, others found out.
        let is_chrome = target.ends_with("chrome");
        let adapter = &case(&detected, MODEL, target)["adapter"];
        let words = if is_chrome { words(adapter) } else { String::new() };
        let row = row(if is_chrome { "chromium" } else { "firefox" }, lanes);
        json!({
            "target": target, "browser_version": null, "adapter_words": words, "adapter": "a name", "software": true,
            "rows": [row],
        })
    };
    let places: Vec<Value> = TARGETS.map(place).to_vec();
    let path = scene.path("tunings.json");
    fs::write(&path, json!({ "parallax_tunings": 1, "places": places }).to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

fn words(adapter: &Value) -> String {
    let names =
        ["vendor", "device", "architecture", "description"].map(|name| adapter[name].as_str().unwrap());
    names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ")
}

fn row(implementation: &str, lanes: u32) -> Value {
    let choice = json!({ "variant": "alone", "tile": [3, 1], "lanes": lanes });
    json!({
        "family": "matmul", "class": "small", "software": true, "implementation": implementation, "choice": choice,
        "times_as_fast": 1.5, "interval": [1.2, 1.8], "shapes": 1,
    })
}

#[test]
fn a_file_of_tunings_is_used_or_refused_with_the_reason() {
    let scene = Scene::new();
    let path = file(&scene, 16);
    let cases = swept(&scene, &path);
    for target in TARGETS {
        let row = case(&cases, MODEL, target);
        assert_eq!(row["verdict"], "pass", "{row:#}");
        assert_eq!(row["features"]["tuning_source"], path.as_str(), "{row:#}");
        let rows: Value = serde_json::from_str(row["features"]["tuning"].as_str().unwrap()).unwrap();
        let used = rows.as_array().unwrap().iter().any(|row| row["choice"]["tile"] == json!([3, 1]));
        assert!(used, "{target}: {rows:#}");
    }

    let path = file(&scene, 100_000);
    for row in swept(&scene, &path) {
        assert_eq!(row["verdict"], "unsupported", "{row:#}");
        let message = row["message"].as_str().unwrap();
        assert!(message.contains("maxComputeInvocationsPerWorkgroup"), "{message}");
    }

    let path = file(&scene, 16);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"adapter_words\":\"", "\"adapter_words\":\"another ")).unwrap();
    for row in swept(&scene, &path) {
        assert_eq!(row["verdict"], "unsupported", "{row:#}");
        assert!(row["message"].as_str().unwrap().contains("--tuning default"), "{row:#}");
    }

    fs::write(&path, text.replace("\"parallax_tunings\":1", "\"parallax_tunings\":2")).unwrap();
    let refused = ended(scene.sweep(&[MODEL], &TARGETS, &["--tuning", &path]));
    assert_eq!(refused.code, Some(2), "{}", refused.stdout);
    assert!(refused.stderr.contains("update Parallax"), "{}", refused.stderr);
}

#[test]
fn what_cannot_be_tuned_is_said() {
    let scene = Scene::new();
    let refused = tuned(&scene, &["--models", MODEL, "--targets", "wasm@chrome", "--json"]);
    assert_eq!(refused.code, Some(3), "{}{}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("the kernels are the engine's own"), "{}", refused.stderr);
    let path = scene.path("nothing.json");
    let empty = tuned(&scene, &["--export", path.to_str().unwrap()]);
    assert_eq!(empty.code, Some(2), "{}", empty.stderr);
    assert!(empty.stderr.contains("run `parallax tune` first"), "{}", empty.stderr);
}
