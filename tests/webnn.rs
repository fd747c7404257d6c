//! WebNN in a browser that has it: what the context cannot run runs elsewhere and is told, what it claims and refuses
//! is found, and nothing that ran elsewhere is a pass.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use end_to_end::{Scene, bad_model, case, checkout, ended};
use serde_json::Value;

const WEBNN: &str = "webnn:cpu@headless-shell";

fn feature<'a>(case: &'a Value, name: &str) -> &'a str {
    case["features"][name].as_str().unwrap_or_else(|| panic!("no {name} in {case:#}"))
}

#[test]
fn a_node_that_webnn_lacks_runs_elsewhere_and_is_no_pass() {
    let scene = Scene::new();
    let model = bad_model("ordered-good");
    let sweep =
        ended(scene.sweep(&[&model, "bert-tiny"], &[WEBNN, "webgpu@headless-shell"], &["--samples", "3"]));
    assert_eq!(sweep.code, Some(0), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    let shared = case(&cases, "ordered-good", WEBNN);
    assert_eq!(shared["verdict"], "unsupported", "{shared:#}");
    let message = shared["message"].as_str().unwrap_or_default();
    for part in ["1 of ", "\"order\"", "on webgpu: WebNN has no sorting", "the answer is right"] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert_eq!(feature(shared, "nodes_elsewhere"), "1");
    assert_eq!(feature(shared, "cuts"), "2");
    // The order is 2 by 3 i64, and so is the product that it is of in f32.
    assert_eq!(feature(shared, "copied_bytes"), "72");
    let share: f64 = feature(shared, "share_of_time").parse().unwrap();
    assert!(share > 0.0 && share < 1.0, "{share}");
    assert!(shared["metrics"]["latency_ms"]["median"].is_number(), "{shared:#}");

    let whole = case(&cases, "bert-tiny", WEBNN);
    assert_eq!((&whole["verdict"], feature(whole, "nodes_elsewhere")), (&"pass".into(), "0"), "{whole:#}");
    assert_eq!(feature(whole, "share_of_time"), "1.000");
}

#[test]
fn strict_runs_nothing_elsewhere() {
    let scene = Scene::new();
    let model = bad_model("ordered-good");
    let sweep = ended(scene.sweep(&[&model], &[WEBNN, "webnn:cpu@chrome"], &["--strict"]));
    assert_eq!(sweep.code, Some(3), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    let refused = case(&cases, "ordered-good", WEBNN);
    assert_eq!(refused["verdict"], "unsupported", "{refused:#}");
    assert!(refused["message"].as_str().unwrap_or_default().contains("WebNN has no sorting"), "{refused:#}");
    let absent = case(&cases, "ordered-good", "webnn:cpu@chrome");
    assert_eq!(absent["verdict"], "unavailable", "{absent:#}");
    for row in [refused, absent] {
        assert!(row["actual_target"].is_null() && row["metrics"]["latency_ms"].is_null(), "{row:#}");
    }
}

#[test]
fn without_webnn_the_next_engine_shows_what_it_would_be_like() {
    let scene = Scene::new();
    let targets = ["webnn:cpu@firefox", "webnn:npu@chrome"];
    let sweep = ended(scene.sweep(&["bert-tiny"], &targets, &["--samples", "2"]));
    // Nothing asked for could run.
    assert_eq!(sweep.code, Some(3), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    for (target, actual, why) in [
        ("webnn:cpu@firefox", "webgpu@firefox", "no navigator.ml"),
        ("webnn:npu@chrome", "webgpu@chrome", "no WebNN context for npu"),
    ] {
        let row = case(&cases, "bert-tiny", target);
        assert_eq!(
            (&row["verdict"], &row["actual_target"]),
            (&"unavailable".into(), &actual.into()),
            "{row:#}"
        );
        let message = row["message"].as_str().unwrap_or_default();
        assert!(message.contains(why) && message.contains(&format!("fell back to {actual}")), "{message}");
    }
}

/// The context claims gatherElements, and builds it only for constant indices.
#[test]
fn what_the_browser_claims_and_refuses_is_named_and_can_be_shown_to_its_makers() {
    let scene = Scene::new();
    let test = "test_gather_elements_1";
    let run = ended(scene.parallax(["conformance", "--json", "--targets", WEBNN, "--tests", test]));
    assert_eq!(run.code, Some(0), "{run:?}");
    let target = &run.document()["targets"][0];
    assert_eq!(target["pass"], 1, "{target:#}");
    let refused = target["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 1, "{target:#}");
    assert!(refused[0]["call"].as_str().unwrap().starts_with("gatherElements("), "{target:#}");
    assert!(refused[0]["words"].as_str().unwrap().contains(test), "{target:#}");

    let run = ended(scene.parallax(["conformance", "--targets", WEBNN, "--repro", test]));
    assert_eq!(run.code, Some(0), "{run:?}");
    let page = fs::read_to_string(scene.path(&format!("{test}.html"))).unwrap();
    assert!(page.contains("builder.gatherElements(") && page.contains("await builder.build("), "{page}");
    assert!(!page.contains("wasm"), "{page}");
}

/// A folder with our page, before which a script has its way with the browser. It is a file: the page's policy allows no
/// other.
fn page_after(scene: &Scene, script: &str) -> PathBuf {
    let www = scene.path("www");
    let copied = Command::new("cp").arg("-r").arg(checkout().join("www")).arg(&www).status().unwrap();
    assert!(copied.success());
    let page = fs::read_to_string(www.join("index.html")).unwrap();
    fs::write(www.join("before.js"), script).unwrap();
    let page = page.replacen("<script", "<script src=before.js></script>\n<script", 1);
    fs::write(www.join("index.html"), page).unwrap();
    www
}

/// Our page with a browser that refuses what each of its parts takes.
const REFUSES_TOGETHER: &str = r#"
  const { softmax, layerNormalization, build } = MLGraphBuilder.prototype;
  const seen = new WeakMap();
  const noting = (name, method) => function (...words) {
    seen.set(this, new Set(seen.get(this)).add(name));
    return method.apply(this, words);
  };
  Object.assign(MLGraphBuilder.prototype, {
    softmax: noting("softmax", softmax),
    layerNormalization: noting("layerNormalization", layerNormalization),
    async build(outputs) {
      if (seen.get(this)?.size === 2) throw new TypeError("not in one graph");
      return build.call(this, outputs);
    },
  });
"#;

#[test]
fn calls_that_are_refused_only_together_are_named_and_the_model_goes_elsewhere() {
    let scene = Scene::new();
    let mut sweep = scene.sweep(&["bert-tiny"], &[WEBNN], &["--samples", "2"]);
    sweep.env("PARALLAX_WWW", page_after(&scene, REFUSES_TOGETHER));
    let sweep = ended(sweep);
    assert_eq!(sweep.code, Some(3), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    let row = case(&cases, "bert-tiny", WEBNN);
    assert_eq!(
        (&row["verdict"], &row["actual_target"]),
        (&"unsupported".into(), &"webgpu@headless-shell".into()),
        "{row:#}"
    );
    let message = row["message"].as_str().unwrap_or_default();
    for part in [
        "refuses these calls in one graph",
        "(softmax)",
        "(layerNormalization)",
        ": TypeError: not in one graph",
    ] {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    assert_eq!(message.matches("node_").count(), 2, "no other call is named: {message}");
}

/// Our page with a browser that takes a context away after more dispatches than BERT needs.
const LOSES: &str = r#"
  const { dispatch } = MLContext.prototype;
  let left = 300;
  MLContext.prototype.dispatch = function (...words) {
    if (--left === 0) this.destroy();
    return dispatch.apply(this, words);
  };
"#;

#[test]
fn a_context_lost_half_way_costs_its_case_and_the_next_one_has_another() {
    let scene = Scene::new();
    let mut sweep = scene.sweep(&["llama-tiny", "bert-tiny"], &[WEBNN], &["--samples", "30"]);
    sweep.env("PARALLAX_WWW", page_after(&scene, LOSES));
    let sweep = ended(sweep);
    let cases = sweep.cases();
    let lost = case(&cases, "llama-tiny", WEBNN);
    assert_eq!(lost["verdict"], "device-lost", "{lost:#}");
    assert!(lost["actual_target"].is_null(), "{lost:#}");
    assert_eq!(case(&cases, "bert-tiny", WEBNN)["verdict"], "pass", "{}", sweep.stdout);
    assert_eq!(sweep.code, Some(1));
}

#[test]
fn the_reference_runtime_runs_on_webnn_too() {
    let scene = Scene::new();
    let sweep =
        ended(scene.sweep(&["bert-tiny", "t5-tiny"], &["ort-webnn:cpu@headless-shell"], &["--samples", "2"]));
    assert_eq!(sweep.code, Some(0), "{}{}", sweep.stdout, sweep.stderr);
    let cases = sweep.cases();
    for row in &cases {
        assert_eq!((&row["verdict"], &row["actual_target"]), (&"pass".into(), &row["target"]), "{row:#}");
    }
    // It puts nothing on WebNN whose shape is open: that nearly all is there shows that it was told.
    let bert = case(&cases, "bert-tiny", "ort-webnn:cpu@headless-shell");
    assert_eq!(feature(bert, "free_dimension_overrides"), "model.batch=1 model.sequence=16");
    let [nodes, elsewhere] =
        ["nodes", "nodes_elsewhere"].map(|name| feature(bert, name).parse::<u32>().unwrap());
    assert!(elsewhere * 2 < nodes, "{elsewhere} of {nodes} nodes ran elsewhere");
}

/// Here every device type is the CPU behind another name, and `detect` finds it out.
#[test]
fn a_context_is_held_against_the_cpus() {
    let scene = Scene::new();
    let detect = ended(scene.parallax(["detect", "--json", "--db", "detect.duckdb"]));
    assert_eq!(detect.code, Some(0), "{detect:?}");
    let document = detect.document();
    let capabilities = document["capabilities"].as_array().cloned().unwrap_or_default();
    for device in ["cpu", "gpu", "npu"] {
        let name = format!("webnn:{device}@headless-shell");
        let found = capabilities.iter().find(|capability| capability["subject"] == name.as_str()).unwrap();
        assert_eq!(found["state"], "present", "{found:#}");
        let facts = &found["facts"];
        assert!(facts["operators"].as_u64().is_some_and(|count| count > 80), "{found:#}");
        assert!(facts["product_512_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{found:#}");
        assert_eq!(found["adapter"]["software"], true, "{found:#}");
        let known_by = facts["software_known_by"].as_str();
        assert_eq!(
            known_by.is_some_and(|words| words.contains("the CPU, it seems")),
            device != "cpu",
            "{found:#}"
        );
    }
}
