//! The ONNX project's node tests: the same verdicts on every target, and a broken expectation is seen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

use end_to_end::{Scene, checkout, ended};
use serde_json::Value;

const TARGETS: [&str; 3] = ["webgpu@chrome", "webgpu@firefox", "wgpu:vulkan"];
const DATABASE: &str = "conformance.duckdb";

fn conformance(scene: &Scene, targets: &[&str], more: &[&str]) -> Command {
    let mut command = scene.parallax(["conformance", "--json", "--db", DATABASE]);
    command.args(["--targets", &targets.join(",")]).args(more);
    command
}

fn targets(document: &Value) -> &[Value] {
    document["targets"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A folder of tests: copies of the real ones, each `file` of a test changed by `spoil`.
fn suite(scene: &Scene, tests: &[&str], spoil: impl Fn(&str, &str, &mut Vec<u8>)) {
    let whole = std::env::var_os("PARALLAX_NODE_TESTS").map(Into::into);
    let whole = whole.unwrap_or_else(protocol::cache::node_tests_dir);
    for test in tests {
        let (from, to) = (whole.join(test), scene.path("suite").join(test));
        fs::create_dir_all(to.join("test_data_set_0")).unwrap();
        let data = fs::read_dir(from.join("test_data_set_0")).unwrap().flatten();
        let names = data.map(|file| format!("test_data_set_0/{}", file.file_name().to_string_lossy()));
        for name in names.chain(["model.onnx".to_owned()]) {
            let mut bytes = fs::read(from.join(&name)).unwrap();
            spoil(test, &name, &mut bytes);
            fs::write(to.join(&name), bytes).unwrap();
        }
    }
}

#[test]
fn every_target_gives_the_same_answers_and_they_are_kept() {
    let scene = Scene::new();
    let more = ["--tests", "test_add*,test_matmul_*", "--document", "operators.md"];
    let run = ended(conformance(&scene, &TARGETS, &more));
    assert_eq!(run.code, Some(0), "{run:?}");
    let document = run.document();
    assert_eq!(targets(&document).len(), TARGETS.len());
    for (target, name) in targets(&document).iter().zip(TARGETS) {
        let count = |key: &str| target[key].as_u64().unwrap_or_else(|| panic!("no {key}: {target:#}"));
        assert_eq!(target["target"], name);
        assert_eq!((count("fail"), count("pass") + count("unsupported")), (0, 15), "{target:#}");
        // Of the rest, unsigned and short integers have no element type here.
        assert!(count("pass") >= 11, "{target:#}");
        assert_eq!(target["failing"], Value::Array(vec![]));
        assert_eq!(target["tolerance"]["relative"], 1e-3);
        assert!(target["adapter"]["software"].is_boolean(), "{target:#}");
    }
    let text = fs::read_to_string(scene.path("operators.md")).unwrap();
    let row = |operator: &str| text.lines().find(|line| line.starts_with(&format!("| {operator} |")));
    assert!(row("Add").is_some_and(|row| row.matches("pass").count() == TARGETS.len()), "{text}");
    assert!(row("Softmax").is_some_and(|row| row.matches("untested").count() == TARGETS.len()), "{text}");
    check_store(&scene.path(DATABASE));
}

fn check_store(database: &Path) {
    let store = duckdb::Connection::open(database).unwrap();
    let count = |sql: &str| -> usize { store.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("select count(*) from runs where kind = 'conformance' and state = 'finished'"), 1);
    assert_eq!(count("select count(*) from conformance_targets"), TARGETS.len());
    assert_eq!(count("select count(*) from conformance_tests"), TARGETS.len() * 15);
    let passes = "select count(*) from conformance_tests where test = 'test_add' and verdict = 'pass'";
    assert_eq!(count(passes), TARGETS.len());
}

#[test]
fn what_is_wrong_with_a_test_is_that_tests_failure() {
    let scene = Scene::new();
    // The last byte of an output is the exponent of its last float; a model cut in half is none.
    suite(&scene, &["test_add", "test_matmul_2d", "test_relu", "test_sin"], |test, file, bytes| {
        match (test, file) {
            ("test_matmul_2d", "test_data_set_0/output_0.pb") => *bytes.last_mut().unwrap() ^= 0x20,
            ("test_relu", "model.onnx") => bytes.truncate(bytes.len() / 2),
            _ => {}
        }
    });
    let mut command = conformance(&scene, &TARGETS, &[]);
    command.env("PARALLAX_NODE_TESTS", scene.path("suite"));
    let run = ended(command);
    assert_eq!(run.code, Some(1), "{run:?}");
    let document = run.document();
    assert_eq!(targets(&document).len(), TARGETS.len());
    for target in targets(&document) {
        assert_eq!((&target["pass"], &target["fail"]), (&2.into(), &2.into()), "{target:#}");
        let [wrong, broken] = &target["failures"].as_array().unwrap()[..] else { panic!("{target:#}") };
        assert_eq!((&wrong["test"], &wrong["verdict"]), (&"test_matmul_2d".into(), &"mismatch".into()));
        let message = wrong["message"].as_str().unwrap_or_default();
        assert!(message.contains("1 of 9 elements are off: element 8 is "), "{message}");
        assert_eq!((&broken["test"], &broken["verdict"]), (&"test_relu".into(), &"error".into()));
    }
}

/// A page's script that never answers a batch with `test_sin` in it, and finds every other test right.
const HANGING_SCRIPT: &str = r#"
  const adapter = { vendor: "", architecture: "", device: "", description: "", backend: "", software: true,
                    features: [], limits: {} };
  async function run(text) {
    const { id, task } = JSON.parse(text);
    if (task.tests.includes("test_sin")) await new Promise(() => {});
    const tests = task.tests.map((test) => ({ test, operators: [], wall_ms: 1, ended: { kind: "ran", faults: [] } }));
    const answer = { kind: "conformed", engine: "webgpu", device: null, adapter, tests, operators: [], phases_ms: {} };
    return JSON.stringify({ id, answer });
  }
  globalThis.parallax = { ready: Promise.resolve(), run };
"#;

#[test]
fn a_test_that_hangs_its_session_costs_that_test_alone() {
    let scene = Scene::new();
    suite(&scene, &["test_add", "test_relu", "test_sin", "test_tan"], |_, _, _| {});
    fs::create_dir_all(scene.path("www/pkg")).unwrap();
    for file in ["wasm_runtime.js", "wasm_runtime_bg.wasm"] {
        fs::write(scene.path("www/pkg").join(file), "").unwrap();
    }
    fs::write(scene.path("www/index.html"), "<!doctype html><script src=main.js></script>").unwrap();
    fs::write(scene.path("www/main.js"), HANGING_SCRIPT).unwrap();
    let mut command = conformance(&scene, &["webgpu@chrome"], &["--timeout-s", "2"]);
    command.env("PARALLAX_NODE_TESTS", scene.path("suite")).env("PARALLAX_WWW", scene.path("www"));
    let run = ended(command);
    assert_eq!(run.code, Some(1), "{run:?}");
    let target = &run.document()["targets"][0];
    assert_eq!((&target["pass"], &target["fail"]), (&3.into(), &1.into()), "{target:#}");
    assert_eq!(target["failing"], serde_json::json!(["test_sin"]));
    assert_eq!(target["failures"][0]["verdict"], "timeout");
}

#[test]
fn without_tests_nothing_runs_and_the_remedy_is_named() {
    let scene = Scene::new();
    let mut command = conformance(&scene, &["wgpu:vulkan"], &[]);
    command.env("PARALLAX_NODE_TESTS", scene.path("nowhere"));
    let run = ended(command);
    assert_eq!(run.code, Some(3), "{run:?}");
    let unavailable = run.document()["targets"][0]["unavailable"].as_str().unwrap_or_default().to_owned();
    assert!(unavailable.contains("nowhere") && unavailable.contains("cargo xtask setup"), "{unavailable}");
}

#[test]
fn a_pattern_that_matches_nothing_is_refused() {
    let scene = Scene::new();
    let run = ended(conformance(&scene, &["wgpu:vulkan"], &["--tests", "test_frobnicate*"]));
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains("test_frobnicate*"), "{}", run.stderr);
}

#[test]
fn a_target_is_held_to_its_list() {
    let scene = Scene::new();
    let list = scene.path("list.toml");
    let held = |more: &[&str]| {
        let mut command = scene.parallax(["conformance", "--json", "--db", DATABASE, "--expect"]);
        command.arg(&list).args(["--tests", "test_ad*"]).args(more);
        ended(command)
    };
    let made = held(&["--targets", "wgpu:vulkan", "--update"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let text = fs::read_to_string(&list).unwrap();
    let unsupported = text.lines().find(|line| line.starts_with("test_adagrad")).expect("training");
    for (list_now, code, unexpected) in [
        (text.clone(), 0, None),
        (text.replace(unsupported, ""), 1, Some(("pass", "unsupported"))),
        (format!("{text}test_add = [\"*\"]\n"), 1, Some(("unsupported", "pass"))),
        (text.replace("wgpu:vulkan", "wgpu:metal"), 2, None),
    ] {
        fs::write(&list, &list_now).unwrap();
        // Without targets, those of the list.
        let run = held(if code == 2 { &["--targets", "wgpu:vulkan"] } else { &[] });
        assert_eq!(run.code, Some(code), "{list_now}{run:?}");
        if let Some((expected, found)) = unexpected {
            let row = &run.document()["targets"][0]["unexpected"][0];
            assert_eq!((&row["expected"], &row["found"]), (&expected.into(), &found.into()), "{row:#}");
        }
    }
}

/// The suite whole: what is not supported is named on the list, and nothing is wrong.
#[test]
fn every_test_of_the_suite_ends_as_expected() {
    let scene = Scene::new();
    let mut command = scene.parallax(["conformance", "--json", "--db", DATABASE, "--expect"]);
    command.arg(checkout().join("fixtures/node-tests.toml"));
    let run = ended(command);
    let document = run.document();
    assert!(targets(&document).len() >= 6, "{}", run.stderr);
    for target in targets(&document) {
        let name = &target["target"];
        let nothing = Value::Array(vec![]);
        assert_eq!((&target["failing"], &target["unexpected"]), (&nothing, &nothing), "{name}");
        assert_eq!(target["unavailable"], Value::Null, "{name}");
        assert!(target["wall_s"].as_f64().is_some_and(|seconds| seconds < 600.0), "{}", target["wall_s"]);
    }
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}
