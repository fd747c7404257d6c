//! The database during a run and after it: every figure printed is found in it, and where it cannot keep one, the run says so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::{Scene, ended, wait_for};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(90);

#[test]
fn every_figure_of_a_comparison_is_found_in_the_store() {
    let scene = Scene::new();
    let pairs = "wgpu:vulkan/onnxruntime:cpu";
    let mut bench =
        scene.parallax(["bench", "models", "--json", "--models", "bert-tiny,vit-tiny", "--pairs", pairs]);
    bench.args(["--rounds", "3", "--samples", "4"]).arg("--db").arg(scene.database());
    let bench = ended(bench);
    assert_eq!(bench.code, Some(0), "{bench:?}");
    let document = bench.document();
    let store = duckdb::Connection::open(scene.database()).unwrap();
    for row in document["rows"].as_array().unwrap() {
        let sql = "select other_over_ours, rounds from comparison_ratios where model = ? and run_id = ?";
        let asked = [row["model"].as_str().unwrap(), document["run"]["id"].as_str().unwrap()];
        let (ratio, rounds): (f64, i64) =
            store.query_row(sql, asked, |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let printed = row["other_over_ours"]["median"].as_f64().unwrap();
        assert!(
            (printed - ratio).abs() < 1e-9 * ratio && rounds == 3,
            "{ratio} over {rounds} rounds: {row:#}"
        );
    }
    let count = |sql: &str| -> i64 { store.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("select count(*) from turns"), 12);
    assert_eq!(
        count("select count(*) from samples where metric = 'latency_ms' and phase = 'measured'"),
        12 * 4
    );
    // Who begins changes from round to round.
    let begun = "select count(*) from turns where position = 0 and (side = 'ours') = (round % 2 = 0)";
    assert_eq!(count(begun), 6);
    assert_eq!(count("select count(distinct session) from trials"), 2);
}

#[test]
fn a_profile_and_a_divergence_are_found_in_the_store() {
    let scene = Scene::new();
    let common = ["--json", "--model", "bert-tiny"];
    let mut profile = scene.parallax(["profile", "--target", "wgpu:vulkan", "--samples", "2"]);
    profile.args(common).arg("--db").arg(scene.database());
    let mut diverge = scene.parallax(["diverge", "--a", "wgpu:vulkan", "--b", "onnxruntime:cpu"]);
    diverge.args(common).arg("--db").arg(scene.database());
    let (profile, diverge) = (ended(profile).document(), ended(diverge).document());
    let store = duckdb::Connection::open(scene.database()).unwrap();
    let number = |sql: &str| -> f64 { store.query_row(sql, [], |row| row.get(0)).unwrap() };
    let printed: f64 =
        profile["kernels"].as_array().unwrap().iter().filter_map(|kernel| kernel["gpu_ms"].as_f64()).sum();
    let stored = number("select sum(gpu_ms) from kernels");
    assert!((stored - printed).abs() < 1e-9 * printed, "{stored} ms in the store, {printed} ms printed");
    let worst = |step: &Value| step["comparison"]["relative"].as_f64();
    let printed = diverge["steps"].as_array().unwrap().iter().filter_map(worst).fold(0.0, f64::max);
    assert_eq!(number("select max(relative) from divergence_nodes"), printed);
    assert_eq!(number("select count(*)::double from runs where state = 'finished'"), 2.0);
}

#[test]
fn a_database_deleted_during_a_run_ends_it_with_what_is_lost() {
    let scene = Scene::new();
    let mut sweep = scene.sweep(&["bert-tiny", "vit-tiny"], &["onnxruntime:cpu"], &["--samples", "30000"]);
    let sweep = sweep.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the database", LONG, || scene.database().exists().then_some(()));
    fs::remove_file(scene.database()).unwrap();
    let output = sweep.wait_with_output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("is gone: it was deleted or moved away"), "{stderr}");
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["run"]["state"], "failed", "{document:#}");
}

/// A limit on the size of files fails as a full disk does.
#[cfg(unix)]
#[test]
fn a_full_disk_ends_a_run_that_reports_what_is_there() {
    const LIMIT_IN_BLOCKS: u32 = 2400;
    let scene = Scene::new();
    // About 0.8 MB in the log for each of the two.
    let sweep = scene.sweep(&["bert-tiny", "vit-tiny"], &["onnxruntime:cpu"], &["--samples", "20000"]);
    let mut limited = Command::new("sh");
    limited.current_dir(scene.path(".")).arg("-c");
    limited.arg(format!("trap '' XFSZ; ulimit -f {LIMIT_IN_BLOCKS}; exec \"$0\" \"$@\""));
    limited.arg(sweep.get_program()).args(sweep.get_args());
    let limited = ended(limited);
    assert_eq!(limited.code, Some(1), "{limited:?}");
    assert!(limited.stderr.contains("the database failed while adding a trial"), "{}", limited.stderr);
    let document = limited.document();
    let cases = document["cases"].as_array().unwrap();
    assert_eq!((&document["run"]["state"], cases.len()), (&"failed".into(), 1), "{:#}", document["run"]);
    assert_eq!(cases[0]["verdict"], "pass");
    let store = duckdb::Connection::open(scene.database()).unwrap();
    let sql = "select state::varchar, (select count(*) from trials) from runs";
    let found: (String, i64) = store.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(found, ("failed".to_owned(), 1));
}
