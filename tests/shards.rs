//! A plan split over machines: together its shards run each case once, and each in a database of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::BTreeSet;

use end_to_end::{Ended, Scene, ended};
use serde_json::json;

const MODELS: [&str; 4] = ["bert-tiny", "vit-tiny", "t5-tiny", "clip-tiny"];
const TARGETS: [&str; 1] = ["onnxruntime:cpu"];

/// A shard of the plan, in a database that is called after it.
fn shard(scene: &Scene, shard: &str, more: &[&str]) -> Ended {
    let mut command = scene.parallax(["sweep", "--json", "--samples", "4", "--models", &MODELS.join(",")]);
    command.args(["--targets", &TARGETS.join(","), "--shard", shard, "--sweep", "once"]).args(more);
    command.arg("--db").arg(scene.path(&format!("shard-{}.duckdb", shard.replace('/', "-of-"))));
    ended(command)
}

fn cells(shard: &Ended) -> Vec<String> {
    shard.cases().iter().map(|case| format!("{} on {}", case["model"], case["target"])).collect()
}

#[test]
fn two_shards_run_each_case_once() {
    let scene = Scene::new();
    let [first, second] = ["1/2", "2/2"].map(|number| shard(&scene, number, &[]));
    let mut all = BTreeSet::new();
    for (shard, number) in [(&first, 1), (&second, 2)] {
        assert_eq!(shard.code, Some(0), "{shard:?}");
        assert!(shard.cases().iter().all(|case| case["verdict"] == "pass"), "{shard:?}");
        let shards = &shard.document()["shards"];
        assert_eq!(shards["of"], json!(2), "{shards:#}");
        assert_eq!(
            (&shards["runs"][0]["number"], &shards["missing"]),
            (&json!(number), &json!([3 - number]))
        );
        for cell in cells(shard) {
            assert!(all.insert(cell.clone()), "{cell} was run twice");
        }
    }
    assert_eq!(all.len(), MODELS.len() * TARGETS.len());
    let digest = |name: &str| -> (String, String) {
        let store = duckdb::Connection::open(scene.path(name)).unwrap();
        let sql = "select plan_digest, sweep from runs";
        store.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let (first, second) = (digest("shard-1-of-2.duckdb"), digest("shard-2-of-2.duckdb"));
    assert_eq!(first, second, "they agree about who runs what");
    assert_eq!(first.1, "once");
}

#[test]
fn shards_in_one_database_are_one_sweep() {
    let scene = Scene::new();
    let run = |words: &[&str]| {
        let mut command = scene.parallax(words);
        command.args(["--json", "--db"]).arg(scene.database());
        ended(command)
    };
    let (models, targets) = (MODELS.join(","), TARGETS.join(","));
    let sweep = ["sweep", "--samples", "4", "--models", &models, "--targets", &targets, "--shard"];
    for shard in ["1/2", "2/2"] {
        let swept = run(&[&sweep[..], &[shard]].concat());
        assert_eq!(swept.code, Some(0), "{swept:?}");
        assert!(swept.cases().len() < MODELS.len(), "a sweep reports its own cases: {swept:?}");
    }
    // What the first shard took does not have the second one deal otherwise.
    let matrix = run(&["matrix"]).document();
    assert_eq!(matrix["models"].as_array().map(Vec::len), Some(MODELS.len()), "{matrix:#}");
    assert_eq!(matrix["runs"].as_array().map(Vec::len), Some(1), "{matrix:#}");
    let report = ended({
        let mut command = scene.parallax(["report", "--db"]);
        command.arg(scene.database());
        command
    });
    assert!(report.stdout.contains("4 pass; 2 shards"), "{report:?}");
}

#[test]
fn a_shard_without_a_model_is_a_run_without_a_case() {
    let scene = Scene::new();
    // Of eight shards, four at least have none of four models.
    let empty =
        (1..=8).map(|number| shard(&scene, &format!("{number}/8"), &[])).find(|it| it.cases().is_empty());
    let empty = empty.unwrap();
    assert_eq!(empty.code, Some(0), "{empty:?}");
    assert!(
        empty.stderr.contains("has nothing to run: the other shards have the plan's 4 models"),
        "{empty:?}"
    );
    assert_eq!(empty.document()["run"]["state"], "finished", "{empty:?}");
}

#[test]
fn what_is_no_terminal_is_told_what_fails_and_a_line_for_each_case_where_it_asks() {
    let scene = Scene::new();
    let sweep = |more: &[&str]| {
        let models = [MODELS[0], &end_to_end::bad_model("not-onnx")];
        ended(scene.sweep(&models, &TARGETS, &[&["--samples", "2"], more].concat()))
    };
    for (more, lines) in [(&[][..], 1), (&["--progress", "quiet"], 1), (&["--progress", "lines"], 2)] {
        let ended = sweep(more);
        assert_eq!(
            ended.stderr.lines().filter(|line| line.contains(" on onnxruntime:cpu")).count(),
            lines,
            "{ended:?}"
        );
    }
}
