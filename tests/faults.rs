//! Things that die or hang half-way: each costs its own case, and nothing is lost or left running.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use end_to_end::{Process, Scene, case, descendants, ended, signal, started, survivors, wait_for};

const LONG: Duration = Duration::from_secs(90);

/// Finished trials in a database that nobody holds any more; `None` while it cannot be read.
fn finished_trials(database: &Path) -> Option<i64> {
    let store = duckdb::Connection::open(database).ok()?;
    store.query_row("select count(*) from trials", [], |row| row.get(0)).ok()
}

/// The database's size on disk, its write-ahead log included: grows as trials are committed.
fn size_on_disk(database: &Path) -> u64 {
    let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    size(database) + size(&database.with_extension("duckdb.wal"))
}

#[test]
fn a_tab_killed_half_way_costs_its_case_and_a_fresh_session_runs_the_rest() {
    let scene = Scene::new();
    let sweep = scene.sweep(&["bert-tiny", "vit-tiny"], &["webgpu@chrome"], &["--samples", "4000"]);
    let mut command = sweep;
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let harness = command.spawn().unwrap();
    let pid = harness.id();
    // The page's renderer is the one that burns processor time once the model runs.
    let renderer = wait_for("a busy renderer", LONG, || busiest_renderer(pid));
    signal("KILL", renderer.pid);
    let output = harness.wait_with_output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = document["cases"].as_array().cloned().unwrap_or_default();
    let verdicts: Vec<&str> = cases.iter().filter_map(|case| case["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["crash", "pass"], "{document:#}");
    assert_eq!(output.status.code(), Some(1));
}

fn busiest_renderer(harness: u32) -> Option<Process> {
    let renderers = descendants(harness).into_iter().filter(|process| is_page(&process.command));
    renderers
        .filter(|process| processor_ticks(process.pid) > 40)
        .max_by_key(|process| processor_ticks(process.pid))
}

/// Chromium has a renderer of its own besides, for its windows' frames.
fn is_page(command: &str) -> bool {
    command.contains("--type=renderer") && !command.contains("top-chrome-webui")
}

fn processor_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<u64>().ok()).sum()
}

#[test]
fn a_page_that_never_answers_is_a_timeout_and_the_next_target_still_runs() {
    let scene = Scene::new();
    fs::create_dir_all(scene.path("www/pkg")).unwrap();
    for file in ["wasm_runtime.js", "wasm_runtime_bg.wasm"] {
        fs::write(scene.path("www/pkg").join(file), "").unwrap();
    }
    fs::write(scene.path("www/index.html"), "<!doctype html><script src=main.js></script>").unwrap();
    let script = "globalThis.parallax = { ready: Promise.resolve(), run: () => new Promise(() => {}) }";
    fs::write(scene.path("www/main.js"), script).unwrap();
    let targets = ["webgpu@chrome", "webgpu@firefox", "wgpu:vulkan"];
    let mut sweep = scene.sweep(&["bert-tiny"], &targets, &["--samples", "2", "--timeout-s", "5"]);
    sweep.env("PARALLAX_WWW", scene.path("www"));
    let sweep = ended(sweep);
    let cases = sweep.cases();
    for target in ["webgpu@chrome", "webgpu@firefox"] {
        let row = case(&cases, "bert-tiny", target);
        assert_eq!(row["verdict"], "timeout", "{row:#}");
        assert!(row["message"].as_str().is_some_and(|message| message.contains("5 s")), "{row:#}");
    }
    assert_eq!(case(&cases, "bert-tiny", "wgpu:vulkan")["verdict"], "pass");
    assert_eq!(sweep.code, Some(1));
}

#[test]
fn a_harness_stopped_dead_leaves_every_finished_trial_and_no_process() {
    let scene = Scene::new();
    let targets = ["wgpu:vulkan", "onnxruntime:cpu", "webgpu@chrome", "webgpu@firefox"];
    let mut harness = started(scene.sweep(&["bert-tiny"], &targets, &["--samples", "2000"]));
    let family = wait_for("a browser's renderer", LONG, || family_with(harness.id(), "--type=renderer"));
    let committed = size_on_disk(&scene.database());
    signal("KILL", harness.id());
    harness.wait().unwrap();
    assert!(committed > 0, "the database was there before the end");
    // Two native cases were finished before the browser started.
    assert_eq!(wait_for("the database", LONG, || finished_trials(&scene.database())), 2);
    wait_for("every process to end", LONG, || survivors(&family).is_empty().then_some(()));
}

#[test]
fn an_interrupt_keeps_the_finished_trials_and_stops_everything_it_started() {
    let scene = Scene::new();
    let targets = ["wgpu:vulkan", "webgpu@firefox", "webgpu@chrome"];
    let mut harness = started(scene.sweep(&["bert-tiny"], &targets, &["--samples", "2000"]));
    let family = wait_for("Firefox's content process", LONG, || family_with(harness.id(), "-contentproc"));
    signal("INT", harness.id());
    let status = harness.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(finished_trials(&scene.database()), Some(1));
    wait_for("every process to end", Duration::from_secs(10), || survivors(&family).is_empty().then_some(()));
}

/// The harness's descendants, once one of them has `mark` in its command line.
fn family_with(harness: u32, mark: &str) -> Option<Vec<Process>> {
    let family = descendants(harness);
    family.iter().any(|process| process.command.contains(mark)).then_some(family)
}

#[test]
fn the_native_runner_killed_half_way_is_a_crash_and_the_next_model_still_runs() {
    let scene = Scene::new();
    let mut command = scene.sweep(&["bert-tiny", "vit-tiny"], &["onnxruntime:cpu"], &["--samples", "3000"]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null());
    let harness = command.spawn().unwrap();
    let runner = wait_for("the native runner", LONG, || {
        descendants(harness.id()).into_iter().find(|process| process.command.contains("native-runner"))
    });
    signal("KILL", runner.pid);
    let output = harness.wait_with_output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let cases = document["cases"].as_array().cloned().unwrap_or_default();
    assert_eq!(case(&cases, "bert-tiny", "onnxruntime:cpu")["verdict"], "crash", "{document:#}");
    assert_eq!(case(&cases, "vit-tiny", "onnxruntime:cpu")["verdict"], "pass", "{document:#}");
}
