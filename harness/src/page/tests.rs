//! The page against real stores and folders: what the contract lists is there, nothing in it acts, nothing of others is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::{Metric, Phase, Samples, Target, Verdict};
use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::case::tests::case as asked;
use crate::event::RunEnd;
use crate::judge::{self, Judgement};
use crate::lane::{Ended, NoAnswer};
use crate::session::{Observed, SessionTurn};
use crate::store::{RunId, RunKind, Store};
use crate::trial::Trial;

pub(crate) fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

/// A trial that took so long, of a model on a target, in its place of a run.
pub(crate) fn trial(model: &str, target: &str, position: u32, latency_ms: f64) -> Trial {
    let mut report = judge::tests::report();
    let values = (0..20).map(|sample| latency_ms * (1.0 + 0.001 * f64::from(sample % 5))).collect();
    report.metrics = vec![Samples { metric: Metric::LatencyMs, phase: Phase::Measured, values }];
    let none = NoAnswer::Fault(crate::fault::Fault::Crash { message: "not yet".to_owned() });
    let mut trial = Trial::of(asked(model, target), Ended::without_session(none));
    let actual_target = target.parse::<Target>().ok();
    trial.judgement = Judgement { verdict: Verdict::Pass, message: None, actual_target };
    (trial.position, trial.started_at, trial.finished_at) = (position, at(10), at(11));
    trial.observe(
        Observed { turn: Some(SessionTurn { session: 1, position }), ..Observed::default() },
        Some(report),
    );
    trial
}

fn failed(model: &str, target: &str, position: u32, message: &str) -> Trial {
    let mut trial = trial(model, target, position, 1.0);
    trial.judgement =
        Judgement { verdict: Verdict::Crash, message: Some(message.to_owned()), actual_target: None };
    (trial.samples, trial.summaries, trial.checks, trial.adapter) = (vec![], vec![], vec![], None);
    trial
}

pub(crate) fn add_run(store: &mut Store, second: u64, trials: &[Trial]) -> RunId {
    let run = store.begin_run(RunKind::Sweep, at(second)).unwrap();
    trials.iter().for_each(|trial| store.add_trial(&run, trial).unwrap());
    store.finish_run(&run, &RunEnd::Finished, at(second + 5)).unwrap();
    run
}

/// What a text would do where it is taken for a part of the page.
const HOSTILE: &str =
    "</script><script>alert(1)</script> \u{2028}\u{2029} \u{1b}[2J \u{9b} \u{202e} & \" ' \\ <!--";

fn scene() -> (Store, RunId) {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    add_run(&mut store, 0, &[trial("m", "webgpu@chrome", 0, 5.0), trial("m", "webgpu@firefox", 1, 40.0)]);
    let now = [
        trial("m", "webgpu@chrome", 0, 10.0),
        trial("m", "webgpu@firefox", 1, 40.0),
        failed("n", "webgpu@chrome", 2, HOSTILE),
    ];
    let run = add_run(&mut store, 100, &now);
    (store, run)
}

/// The arguments of a script's call.
fn data(script: &str, function: &str) -> Value {
    let call = script.trim_end().strip_prefix(&format!("parallaxReport.{function}(")).unwrap();
    serde_json::from_str(&format!("[{}]", call.strip_suffix(");").unwrap())).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_sweep_says_what_the_contract_lists() {
    let (store, run) = scene();
    let page =
        data(&script::sweep(&sweep::of(&store, &run).unwrap()), "sweep").pointer("/0").unwrap().clone();
    let expected = [
        "cells",
        "comparisons",
        "findings",
        "histories",
        "kernels",
        "left_out",
        "made_at",
        "models",
        "parallax",
        "runs",
        "scaling",
        "schema",
        "targets",
        "time_spent",
    ];
    assert_eq!(keys(&page), expected);
    let of_cell = [
        "actual_target",
        "adapter",
        "adapter_choice",
        "attempts",
        "batch",
        "case",
        "compile_ms",
        "dimensions",
        "energy_j",
        "family",
        "features_off",
        "fell_back",
        "first_ms",
        "first_token_ms",
        "flaky",
        "latency",
        "load_ms",
        "max_error",
        "memory_mb",
        "message",
        "modality",
        "model",
        "nodes_elsewhere",
        "precision",
        "run",
        "software",
        "target",
        "throughput",
        "tokens_per_s",
        "tolerance",
        "upload_ms",
        "variant",
        "verdict",
        "warned",
    ];
    assert_eq!(keys(&page["cells"][0]), of_cell);
    assert_eq!(
        (&page["models"], &page["targets"]),
        (&["m", "n"].into(), &["webgpu@chrome", "webgpu@firefox"].into())
    );
    let run_row = [
        "command",
        "commit",
        "finished_at",
        "host",
        "id",
        "message",
        "os",
        "shard",
        "shards",
        "started_at",
        "state",
        "version",
    ];
    assert_eq!(keys(&page["runs"][0]), run_row);
    assert_eq!(page["runs"][0]["started_at"], "1970-01-01T00:01:40.000Z");
    let verdicts: Vec<&Value> =
        page["cells"].as_array().unwrap().iter().map(|cell| &cell["verdict"]).collect();
    assert_eq!(verdicts, ["pass", "pass", "crash"]);
    // Twenty values from 10 to 10.04 ms, and two items in one inference.
    let latency = &page["cells"][0]["latency"];
    assert_eq!((&latency["median"], &latency["n"]), (&10.02.into(), &20.into()));
    assert_eq!(page["cells"][0]["throughput"], 2.0 * 1000.0 / 10.02);
    assert_eq!(page["cells"][2]["latency"], Value::Null);
    let comparison = &page["comparisons"][0];
    assert_eq!(
        keys(comparison),
        ["a", "b", "high", "kind", "low", "model", "ratio", "variant", "verdict", "why"]
    );
    assert_eq!((&comparison["kind"], &comparison["verdict"]), (&"browsers".into(), &"a-faster".into()));
    assert_eq!(keys(&page["findings"]), ["against", "rows", "verdict"]);
    assert_eq!(page["findings"]["verdict"], "fail");
    let row = &page["findings"]["rows"][0];
    let of_row = ["changed", "fails", "high", "low", "model", "ratio", "since", "target", "variant", "what"];
    assert_eq!((keys(row), &row["model"]), (of_row.to_vec(), &"n".into()));
}

#[test]
fn nothing_in_a_script_acts_and_all_of_it_comes_through() {
    let (store, run) = scene();
    let page = sweep::of(&store, &run).unwrap();
    let name = page.cells[2].case.clone();
    let of_case = case::of(&store, &run, &name).unwrap().unwrap();
    for (script, function, message) in [
        (script::sweep(&page), "sweep", "/0/cells/2/message"),
        (script::case(&name, &of_case), "case", "/1/cell/message"),
        (script::failed(HOSTILE), "failed", "/0"),
    ] {
        let acts = |c: char| "<>&\u{2028}\u{2029}\u{202e}".contains(c) || (c.is_control() && c != '\n');
        assert!(!script.chars().any(acts), "{function}: {script}");
        assert_eq!(script.lines().count(), 1, "{function}");
        assert_eq!(data(&script, function).pointer(message).unwrap(), HOSTILE, "{function}");
    }
}

#[test]
fn a_case_has_everything_of_its_cell() {
    let (store, run) = scene();
    let page = sweep::of(&store, &run).unwrap();
    let case = case::of(&store, &run, &page.cells[0].case).unwrap().unwrap();
    assert_eq!(case.cell, page.cells[0]);
    let value = serde_json::to_value(&case).unwrap();
    let expected = [
        "attempts",
        "cell",
        "checks",
        "command",
        "elsewhere",
        "facts",
        "history",
        "kernels",
        "key",
        "metrics",
        "notes",
        "series",
    ];
    assert_eq!(keys(&value), expected);
    assert_eq!(value["series"][0]["values"].as_array().unwrap().len(), 20);
    assert_eq!(keys(&value["series"][0]), ["metric", "of", "outliers", "phase", "values"]);
    assert_eq!(value["history"]["points"].as_array().unwrap().len(), 2, "{value}");
    assert_eq!(value["checks"][0]["output"], "logits");
    assert_eq!(value["command"], "parallax sweep --models m --targets webgpu@chrome --samples 20");
    assert_eq!(case::of(&store, &run, "../../etc").unwrap(), None);
    let all = case::all(&store, &run).unwrap();
    assert_eq!(all.iter().map(|case| &case.cell).collect::<Vec<_>>(), page.cells.iter().collect::<Vec<_>>());
}

#[test]
fn a_key_that_is_no_name_of_a_file_is_given_one() {
    for key in ["../../x", "", "A", "a\"b", &"a".repeat(65)] {
        let name = cell::name(key);
        assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}: {name}");
    }
    assert_eq!(cell::name("0f-a"), "0f-a");
}

#[test]
fn attempts_and_turns_of_a_case_are_one_cell() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let again = |second, position, trial: Trial| Trial { started_at: at(second), position, ..trial };
    let trials = [
        failed("m", "webgpu@chrome", 0, "the tab died"),
        again(20, 1, trial("m", "webgpu@chrome", 1, 10.0)),
        again(30, 2, trial("m", "webgpu@chrome", 2, 14.0)),
    ];
    let run = add_run(&mut store, 0, &trials);
    let page = sweep::of(&store, &run).unwrap();
    let [cell] = &page.cells[..] else { panic!("{page:?}") };
    assert_eq!((cell.verdict, cell.flaky, cell.attempts), (Verdict::Pass, true, 3));
    let case = case::of(&store, &run, &cell.case).unwrap().unwrap();
    assert_eq!(
        case.attempts.iter().map(|one| one.verdict).collect::<Vec<_>>(),
        [Verdict::Crash, Verdict::Pass, Verdict::Pass]
    );
    assert_eq!(case.series[0].of, 40);
}

#[test]
fn what_runs_has_its_cells_and_says_what_comes_later() {
    let (store, run) = scene();
    let page = sweep::of_running(&store, &run).unwrap();
    assert_eq!((page.cells.len(), page.comparisons.len(), page.findings), (3, 0, None));
    assert!(page.left_out[0].contains("until the sweep has ended"), "{:?}", page.left_out);
}

#[test]
fn a_large_page_leaves_out_what_matters_least_and_says_so() {
    let (store, run) = scene();
    let mut page = sweep::of(&store, &run).unwrap();
    page.cells = page.cells.iter().cycle().take(300).cloned().collect();
    page.comparisons = page.comparisons.iter().cycle().take(500).cloned().collect();
    let whole = script::sweep(&page).len();
    assert_eq!(fit::into(page.clone(), whole), page, "what fits stays as it is");
    for (share, words) in [
        (90, &["500 comparisons that are sure"][..]),
        (20, &["500 comparisons that are sure", "cells, first of those that passed"]),
    ] {
        let most = whole * share / 100;
        let found = fit::into(page.clone(), most);
        assert!(script::sweep(&found).len() <= most, "{share}");
        for word in words {
            assert!(found.left_out.iter().any(|told| told.contains(word)), "{share}: {:?}", found.left_out);
        }
        let crashed = found.cells.iter().filter(|cell| cell.verdict == Verdict::Crash).count();
        assert!(crashed == 100 || found.cells.len() == crashed, "{share}: what failed stays longest");
    }
    assert!(script::sweep(&fit::into(page, 4000)).len() <= 4000);
}

/// A folder with every file that the page asks for.
pub(crate) fn assets(folder: &Path) -> Assets {
    let frame = frame(false).unwrap();
    for name in assets::named(&frame).chain(["vendor/LICENSE.txt", "frame.example.html"]) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("// {name}")).unwrap();
    }
    Assets::of(folder).unwrap()
}

struct Folder {
    scratch: TempDir,
    assets: Assets,
    store: Store,
    run: RunId,
}

impl Folder {
    fn new() -> Folder {
        let scratch = TempDir::new().unwrap();
        let assets = assets(&scratch.path().join("assets"));
        let (store, run) = scene();
        Folder { scratch, assets, store, run }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.scratch.path().join("report").join(below)
    }

    fn write(&self) -> Result<(), Error> {
        files::write_with(&self.store, &self.run, &self.scratch.path().join("report"), &self.assets)
    }
}

#[test]
fn a_folder_opens_without_a_server_and_has_a_file_for_every_cell() {
    let folder = Folder::new();
    folder.write().unwrap();
    let index = fs::read_to_string(folder.path("index.html")).unwrap();
    assert!(index.contains("<html lang=\"en\">") && index.contains(GENERATOR), "{index}");
    for name in assets::named(&index).chain(["vendor/LICENSE.txt"]) {
        assert!(folder.path("app").join(name).is_file(), "{name}");
    }
    assert!(!folder.path("app/frame.example.html").exists());
    let script = fs::read_to_string(folder.path("data/sweep.js")).unwrap();
    let cells = data(&script, "sweep")[0]["cells"].as_array().unwrap().clone();
    assert_eq!(fs::read_dir(folder.path("data")).unwrap().count(), 1 + cells.len());
    for cell in cells {
        let name = cell["case"].as_str().unwrap();
        let of_case = fs::read_to_string(folder.path(&format!("data/case-{name}.js"))).unwrap();
        assert_eq!(data(&of_case, "case")[0], name);
    }
}

#[test]
fn a_report_takes_the_place_of_a_report_and_what_was_put_beside_it_stays() {
    let folder = Folder::new();
    folder.write().unwrap();
    fs::write(folder.path("CNAME"), "example.org").unwrap();
    fs::write(folder.path("data/case-old.js"), "old").unwrap();
    folder.write().unwrap();
    assert_eq!(fs::read_to_string(folder.path("CNAME")).unwrap(), "example.org");
    assert!(!folder.path("data/case-old.js").exists());
    let beside: Vec<_> =
        fs::read_dir(folder.scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(beside.len(), 2, "nothing half-written stays: {beside:?}");
}

#[test]
fn a_folder_that_is_not_ours_is_refused_and_stays_as_it_is() {
    for (name, text) in [("notes.txt", "mine"), ("index.html", "<h1>mine</h1>"), ("data/sweep.js", "mine")] {
        let folder = Folder::new();
        let path = folder.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        let error = folder.write().unwrap_err();
        assert!(matches!(error, Error::NotAReport { .. }), "{name}: {error}");
        assert!(error.to_string().contains("name an empty folder or a new one"), "{name}: {error}");
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    }
}

#[test]
fn what_was_stopped_half_way_is_taken_up_again() {
    let folder = Folder::new();
    folder.write().unwrap();
    fs::write(folder.path("CNAME"), "example.org").unwrap();
    let beside = |ending: &str| folder.scratch.path().join(format!("report{ending}"));
    // Stopped while it was written, and between the two steps of putting it in its place.
    fs::create_dir(beside(".unfinished")).unwrap();
    fs::write(beside(".unfinished").join("index.html"), frame(false).unwrap()).unwrap();
    fs::rename(folder.path(""), beside(".before")).unwrap();
    folder.write().unwrap();
    assert_eq!(fs::read_to_string(folder.path("CNAME")).unwrap(), "example.org");
    assert!(!beside(".unfinished").exists() && !beside(".before").exists());
    // Stopped before what is not ours was taken back.
    fs::create_dir(beside(".before")).unwrap();
    fs::write(beside(".before").join("index.html"), frame(false).unwrap()).unwrap();
    fs::rename(folder.path("CNAME"), beside(".before").join("CNAME")).unwrap();
    folder.write().unwrap();
    assert_eq!(fs::read_to_string(folder.path("CNAME")).unwrap(), "example.org");
}

#[test]
fn files_that_are_missing_are_named() {
    let scratch = TempDir::new().unwrap();
    let _all = assets(scratch.path());
    fs::remove_file(scratch.path().join("main.js")).unwrap();
    let message = Assets::of(scratch.path()).unwrap_err().to_string();
    assert!(
        message.contains("the report's main.js is not in") && message.contains("PARALLAX_WWW"),
        "{message}"
    );
}

#[test]
fn an_empty_database_says_what_to_do() {
    let store = Store::open(Path::new(":memory:")).unwrap();
    let message = store.find_sweep("last").unwrap_err().to_string();
    assert!(message.contains("holds no sweep yet; run `parallax sweep`"), "{message}");
}

#[test]
fn a_served_page_says_so() {
    assert!(frame(true).unwrap().contains("<html lang=\"en\" data-served>"));
}
