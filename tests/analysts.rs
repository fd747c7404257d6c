//! The store for analysts, through the command: results are imported, asked for in SQL, and pruned; documents are as their
//! schemas say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::PathBuf;

use end_to_end::{Ended, Scene, checkout, ended};
use serde_json::{Value, json};

/// What a schema in `docs/schemas` says against a document.
fn faults(name: &str, document: &Value) -> Vec<String> {
    let path = checkout().join("docs/schemas").join(format!("{name}.schema.json"));
    let schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    validator.iter_errors(document).map(|fault| format!("{}: {fault}", fault.instance_path())).collect()
}

/// The example of an import's document in docs/store.md.
fn example() -> Value {
    let text = fs::read_to_string(checkout().join("docs/store.md")).unwrap();
    let block = text.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    serde_json::from_str(block).unwrap()
}

fn written(scene: &Scene, name: &str, document: &Value) -> PathBuf {
    let path = scene.path(name);
    fs::write(&path, document.to_string()).unwrap();
    path
}

fn run(scene: &Scene, words: &[&str]) -> Ended {
    let mut command = scene.parallax(words);
    command.arg("--db").arg(scene.database());
    ended(command)
}

#[test]
fn the_example_of_the_documentation_is_imported_asked_for_and_pruned() {
    let scene = Scene::new();
    let document = example();
    assert_eq!(faults("import", &document), Vec::<String>::new());
    let file = written(&scene, "lab.json", &document);
    let file = file.to_str().unwrap();
    for (trials, already) in [(2, 0), (0, 2)] {
        let imported = run(&scene, &["import", file, "--json"]);
        assert_eq!(imported.code, Some(0), "{imported:?}");
        let told = imported.document();
        assert_eq!(faults("imported", &told), Vec::<String>::new());
        assert_eq!(
            (&told["files"][0]["trials"], &told["files"][0]["already"]),
            (&json!(trials), &json!(already))
        );
    }
    let rows = |sql: &str| {
        let answered = run(&scene, &["query", "--json", sql]);
        assert_eq!(answered.code, Some(0), "{sql}: {answered:?}");
        answered.document()
    };
    let sql = "select model_name, platform, browser, success, latency_ms from web_platform_tests order by success desc";
    let crashed = json!({ "model_name": "bert-tiny", "platform": "webnn", "browser": "edge", "success": false, "latency_ms": null });
    let passed = json!({ "model_name": "bert-tiny", "platform": "webgpu", "browser": "chrome", "success": true, "latency_ms": 4 });
    assert_eq!(rows(sql), json!([passed, crashed]));
    assert_eq!(rows("select imported_from from runs"), json!([{ "imported_from": "lab.json" }]));

    let refused = run(&scene, &["query", "delete from runs"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("with --write it may"), "{refused:?}");
    for (flags, left) in [(&["--dry-run"][..], 1), (&[], 0)] {
        let pruned = run(&scene, &[&["prune", "--before", "2100-01-01", "--json"], flags].concat());
        assert_eq!(pruned.code, Some(0), "{pruned:?}");
        assert_eq!(faults("prune", &pruned.document()), Vec::<String>::new());
        assert_eq!(rows("select count(*) as n from runs"), json!([{ "n": left }]));
    }
    let nothing = run(&scene, &["prune"]);
    assert!(nothing.code == Some(2) && nothing.stderr.contains("--before"), "{nothing:?}");
}

#[test]
fn what_the_schema_refuses_is_left_out_and_what_it_takes_is_imported() {
    let scene = Scene::new();
    let changes: [(&str, Value); 14] = [
        ("/runs/0/trials/0/model", json!("")),
        ("/runs/0/trials/0/verdict", json!("perhaps")),
        ("/runs/0/trials/0/batch", json!(0)),
        ("/runs/0/trials/0/batch", json!(8)),
        ("/runs/0/trials/0/precision", json!("fp64")),
        ("/runs/0/trials/0/precision", Value::Null),
        ("/runs/0/trials/0/tolerance", json!(-1)),
        ("/runs/0/trials/0/started_at", json!("yesterday")),
        ("/runs/0/trials/0/started_at", json!("2026-06-01T12:00:00.25+02:00")),
        ("/runs/0/trials/0/metrics/0/unit", json!("fortnights")),
        ("/runs/0/trials/0/metrics/0/values", json!([1, -1])),
        ("/runs/0/trials/0/metrics/0/values", json!([])),
        ("/runs/0/trials/0/adapter", json!({ "name": "card" })),
        ("/runs/0/trials/0/adapter", json!({ "vendor": "nvidia" })),
    ];
    for (number, (place, value)) in changes.into_iter().enumerate() {
        let mut document = example();
        let (parent, field) = place.rsplit_once('/').unwrap();
        let parent = document.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.insert(field.to_owned(), value.clone());
        let file = written(&scene, &format!("{number}.json"), &document);
        let is_right = faults("import", &document).is_empty();
        let imported = run(&scene, &["import", file.to_str().unwrap()]);
        assert_eq!(imported.code, Some(i32::from(!is_right)), "{place} {value}: {imported:?}");
    }
}

#[test]
fn names_with_control_characters_come_out_shown() {
    let scene = Scene::new();
    let mut document = example();
    document["runs"][0]["trials"][0]["model"] = json!("m\u{1b}[2J<script>");
    document["runs"][0]["trials"][1]["\u{1b}[2J"] = json!(1);
    let file = written(&scene, "lab.json", &document);
    let imported = run(&scene, &["import", file.to_str().unwrap()]);
    assert!(imported.code == Some(1) && imported.stdout.contains("\\u001b[2J"), "{imported:?}");
    for form in [&["--csv"][..], &["--json"], &[]] {
        let words = [&["query", "select model from cases where model like 'm%'"], form].concat();
        let answered = run(&scene, &words);
        assert!(answered.code == Some(0) && answered.stdout.contains("m\\u001b[2J<script>"), "{answered:?}");
    }
    let wrong = run(&scene, &["query", "select '\u{1b}[2J' from nothing"]);
    assert!(wrong.code == Some(2) && !wrong.stderr.contains('\u{1b}'), "{wrong:?}");
}
