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
    let mut compare = scene.parallax(["compare", "--json", "--models", "bert-tiny,vit-tiny"]);
    compare.args([
        "--a",
        "wgpu:vulkan",
        "--b",
        "onnxruntime:cpu",
        "--rounds",
        "5",
        "--rounds-in-a-session",
        "5",
    ]);
    let compare = ended_with(compare.args(["--samples", "4"]), &scene);
    let store = duckdb::Connection::open(scene.database()).unwrap();
    for row in compare["comparisons"].as_array().unwrap() {
        let sql = "select median(b_over_a), min(b_over_a), max(b_over_a), count(*) from turn_ratios \
                   where model = ? and a = 'wgpu:vulkan' and run_id = ?";
        let asked = [row["model"].as_str().unwrap(), row["runs"][0].as_str().unwrap()];
        let (ratio, least, most, rounds): (f64, f64, f64, i64) = store
            .query_row(sql, asked, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .unwrap();
        let printed = row["ratio"]["median"].as_f64().unwrap();
        assert!((least..=most).contains(&printed) && rounds == 5, "{ratio} over {rounds} rounds: {row:#}");
        assert_eq!((&row["paired"], &row["rounds"]), (&true.into(), &5.into()), "{row:#}");
    }
    let count = |sql: &str| -> i64 { store.query_row(sql, [], |row| row.get(0)).unwrap() };
    assert_eq!(count("select count(*) from trials where round is not null"), 2 * 5 * 4);
    assert_eq!(
        count("select count(*) from samples where metric = 'latency_ms' and phase = 'measured'"),
        2 * 5 * 4 * 4
    );
    // There and back: the first of a round is its last.
    let palindromes = "select count(*) from (select count(distinct target) as targets from trials \
                       join cases on key = case_key where round_position in (0, 3) group by round, model) where targets = 1";
    assert_eq!(count(palindromes), 10);
    assert_eq!(count("select count(distinct session) from trials"), 2);
    assert_eq!(
        count("select count(*) from sessions where closing_ms is not null"),
        2 + 11,
        "the control's too"
    );
    assert_eq!(
        count("select count(distinct position) from controls"),
        2 * 5 + 1,
        "before each round and after the last"
    );
}

/// The document of a command that succeeds.
fn ended_with(command: &mut Command, scene: &Scene) -> Value {
    command.arg("--db").arg(scene.database());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
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
    // About 0.7 MB in the log for each of the two.
    let sweep = scene.sweep(&["bert-tiny", "vit-tiny"], &["onnxruntime:cpu"], &["--samples", "80000"]);
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
