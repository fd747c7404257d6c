//! The store against real files: what goes in comes out, what is not ours is refused, a death loses nothing.

mod analysts;
mod export;
mod files;
mod measurements;
mod merge;
mod migration;
mod runs;
mod shards;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::{Capability, OutputCheck, Presence, Target, Tolerance, Verdict};
use tempfile::TempDir;

use super::*;
use crate::case::tests::case;
use crate::event::RunEnd;
use crate::judge::{self, Judgement};
use crate::rows::conformance::TestRow;
use crate::session::{Observed, SessionTurn};
use crate::trial::Trial;

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

fn failed_trial() -> Trial {
    Trial {
        case: case("m", "webgpu@edge"),
        judgement: Judgement {
            verdict: Verdict::Crash,
            message: Some("the tab died".to_owned()),
            actual_target: None,
        },
        concurrency: 1,
        position: 0,
        round: None,
        turn: None,
        started_at: at(1),
        finished_at: at(2),
        adapter: None,
        checks: vec![],
        samples: vec![],
        summaries: vec![],
        fallback_nodes: vec![],
        features: BTreeMap::from([("browser".to_owned(), "Edge 1".to_owned())]),
    }
}

fn passed_trial() -> Trial {
    let target = "webgpu@chrome";
    let judgement =
        Judgement { verdict: Verdict::Pass, message: None, actual_target: Some(target.parse().unwrap()) };
    let mut trial = Trial { case: case("m", target), judgement, ..failed_trial() };
    trial.position = 1;
    let turn = SessionTurn { session: 1, position: 0 };
    trial.observe(Observed { turn: Some(turn), ..Observed::default() }, Some(judge::tests::report()));
    trial
}

fn count(store: &Store, table: &str) -> i64 {
    let sql = format!("select count(*) from {table}");
    store.connection.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_sweep_comes_back_as_it_went_in() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sweep.duckdb");
    let mut store = Store::open(&path).unwrap();
    let mut recorder = Recorder::new(&mut store);
    recorder.hear(&Event::RunStarted { turns: 2, at: at(0) }).unwrap();
    // Out of the matrix's order, as a schedule may run them.
    recorder.hear(&Event::CaseFinished(&passed_trial())).unwrap();
    recorder.hear(&Event::CaseFinished(&failed_trial())).unwrap();
    recorder.hear(&Event::RunFinished { end: &RunEnd::Interrupted, at: at(3) }).unwrap();
    let run = recorder.run().unwrap();
    drop(store);

    let report = Store::open(&path).unwrap().report(&run).unwrap();
    assert_eq!((&report.run.id, report.run.state.as_str()), (&run.to_string(), "interrupted"));
    assert_eq!(report.run.finished_at.as_deref(), Some("1970-01-01T00:00:03.000Z"));
    let [failed, passed] = &report.cases[..] else { panic!("{report:?}") };
    assert_eq!((failed.verdict, failed.message.as_deref()), (Verdict::Crash, Some("the tab died")));
    assert_eq!((&failed.actual_target, failed.max_abs_error, &failed.adapter), (&None, None, &None));
    assert_eq!(failed.features["browser"], "Edge 1");

    let trial = passed_trial();
    assert_eq!((passed.verdict, passed.message.as_deref()), (Verdict::Pass, None));
    assert_eq!(passed.actual_target.as_deref(), Some("webgpu@chrome"));
    assert_eq!((passed.adapter.clone(), &passed.checks), (trial.adapter.clone(), &trial.checks));
    assert_eq!((passed.batch, passed.case_key.as_str()), (2, trial.case.key().as_str()));
    assert_eq!(passed.started_at, "1970-01-01T00:00:01.000Z");
    assert_eq!((passed.features["kick"].as_str(), passed.features["browser"].as_str()), ("on", "Edge 1"));
    let latency = &passed.metrics["latency_ms"];
    assert_eq!((latency.samples.as_slice(), latency.summary.median), (&[10.0, 11.0, 12.0][..], 11.0));
    // Two items in 11 ms.
    assert_eq!(passed.metrics["throughput_per_s"].summary.median, 2.0 * 1000.0 / 11.0);
}

#[test]
fn an_output_that_cannot_be_compared_is_stored_as_infinitely_wrong() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    let checks = vec![OutputCheck::fault("y", "has shape [2], expected [3]".to_owned())];
    store.add_trial(&run, &Trial { checks: checks.clone(), ..failed_trial() }).unwrap();
    let report = store.report(&run).unwrap();
    assert_eq!((report.cases[0].max_abs_error, &report.cases[0].checks), (Some(f64::INFINITY), &checks));
}

#[test]
fn a_detection_is_kept() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let capability = |presence| Capability {
        subject: "edge".to_owned(),
        presence,
        version: None,
        adapter: None,
        facts: BTreeMap::new(),
    };
    let missing = Presence::Missing { reason: "not found".to_owned(), remedy: "install it".to_owned() };
    let run = store.begin_run(RunKind::Detect, at(0)).unwrap();
    store.add_detection(&run, &[capability(Presence::Present), capability(missing)]).unwrap();
    store.finish_run(&run, &RunEnd::Finished, at(1)).unwrap();
    assert_eq!(count(&store, "capabilities where remedy = 'install it'"), 1);
    assert_eq!(count(&store, "capabilities where state = 'present'"), 1);
    assert_eq!(count(&store, "runs where kind = 'detect' and state = 'finished'"), 1);
}

#[test]
fn node_tests_come_back_as_they_went_in() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tests.duckdb");
    let mut store = Store::open(&path).unwrap();
    let run = store.begin_run(RunKind::Conformance, at(0)).unwrap();
    let [first, second] = ["wgpu:vulkan", "webgpu@edge"].map(|text| text.parse::<Target>().unwrap());
    let tolerance = Tolerance { relative: 1e-3, absolute: 1e-7 };
    // Asked for in the other order than they are written.
    for (position, target) in [(1, &second), (0, &first)] {
        let begun = TargetBegun { position, target, suite: "ONNX 1.22.0", tolerance };
        store.begin_target(&run, &begun, at(1)).unwrap();
    }
    let row = |test: &str, operators: &[&str], verdict, message: Option<&str>| TestRow {
        test: test.to_owned(),
        operators: operators.iter().map(|name| (*name).to_owned()).collect(),
        wall_ms: Some(2.5),
        verdict,
        message: message.map(str::to_owned),
    };
    let wrong = row("test_b", &["Add", "Mul"], Verdict::Mismatch, Some("it's off"));
    let right = row("test_a", &["Add"], Verdict::Pass, None);
    store.add_tests(&run, &first, std::slice::from_ref(&wrong)).unwrap();
    store.add_tests(&run, &first, std::slice::from_ref(&right)).unwrap();
    let ended = TargetEnded {
        operators: vec!["Add".to_owned()],
        phases_ms: BTreeMap::from([("compile".to_owned(), 1.5)]),
        ..TargetEnded::default()
    };
    store.end_target(&run, &first, &ended, at(3)).unwrap();
    drop(store);

    let found = Store::open(&path).unwrap().conformance(&run).unwrap();
    let [ran, stopped] = &found.targets[..] else { panic!("{found:?}") };
    assert_eq!((ran.target.as_str(), ran.wall_s, ran.tolerance), ("wgpu:vulkan", Some(2.0), tolerance));
    assert_eq!(ran.tests, [right, wrong]);
    assert_eq!((&ran.operators, &ran.phases_ms), (&ended.operators, &ended.phases_ms));
    assert_eq!((stopped.target.as_str(), &stopped.finished_at), ("webgpu@edge", &None));
}

#[test]
fn opening_again_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("twice.duckdb");
    let steps = || count(&Store::open(&path).unwrap(), "schema_version");
    assert_eq!(steps(), steps());
}

/// Makes a database of another kind with one statement.
fn foreign(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// Makes a database of ours and adds to it with one statement.
fn handed_over(path: &Path, sql: &str) {
    drop(Store::open(path).unwrap());
    foreign(path, sql);
}

#[test]
fn a_database_reaches_nothing_but_itself() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("secret"), "the secret").unwrap();
    let store = Store::open(&folder.path().join("x.duckdb")).unwrap();
    let secret = folder.path().join("secret").display().to_string();
    for sql in [
        format!("select * from read_text('{secret}')"),
        format!("copy (select 1) to '{secret}'"),
        format!("attach '{secret}.duckdb'"),
        "install httpfs".to_owned(),
        format!("load '{secret}'"),
        "set enable_external_access = true".to_owned(),
        "set lock_configuration = false".to_owned(),
    ] {
        assert!(store.connection.execute_batch(&sql).is_err(), "{sql}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("secret")).unwrap(), "the secret");
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_a_database() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.duckdb");
    drop(Store::open(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    type Make = fn(&Path);
    let rows: [(&str, Make, &str); 10] = [
        (
            "a letter",
            |path| fs::write(path, "not a database\n".repeat(900)).unwrap(),
            "is not a DuckDB database",
        ),
        ("a short letter", |path| fs::write(path, "hello").unwrap(), "is not a DuckDB database"),
        ("a folder", |path| fs::create_dir(path).unwrap(), "cannot open the database"),
        (
            "a view in place of a table",
            |path| handed_over(path, "create view cats as select 1"),
            "a view, cats",
        ),
        (
            "a macro in place of a function",
            |path| handed_over(path, "create macro strftime(a, b) as 'yesterday'"),
            "a macro, strftime",
        ),
        (
            "a type in place of a type",
            |path| handed_over(path, "create type mood as enum ('ok')"),
            "a type, mood",
        ),
        ("another's tables", |path| foreign(path, "create table cats (id int)"), "it holds cats"),
        (
            "another's versions",
            |path| foreign(path, "create table schema_version (name varchar)"),
            "schema_version is another's",
        ),
        (
            "from the future",
            |path| foreign(path, "create table schema_version as select 99::bigint as version"),
            "written by a newer Parallax (schema 99, this one knows ",
        ),
        ("in no folder", |_| {}, "cannot open the database"),
    ];
    for (name, make, part) in rows {
        let folder = TempDir::new().unwrap();
        let path: PathBuf = match name {
            "in no folder" => folder.path().join("missing/x.duckdb"),
            _ => folder.path().join("x.duckdb"),
        };
        make(&path);
        let before = fs::read(&path).ok();
        let error = Store::open(&path).err().unwrap();
        assert!(error.to_string().contains(part), "{name}: {error}");
        assert!(error.to_string().contains("--db"), "{name}: {error}");
        assert_eq!(error.exit(), crate::exit::Exit::BadRequest, "{name}");
        assert_eq!(fs::read(&path).ok(), before, "{name} was changed");
    }
}

const CHILD_DATABASE: &str = "PARALLAX_TEST_DATABASE";

/// Not a test of its own: the process that the next test kills. It adds trials until it dies.
#[test]
fn child_that_adds_trials() {
    let Some(path) = std::env::var_os(CHILD_DATABASE) else { return };
    let mut store = Store::open(Path::new(&path)).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    for number in 1.. {
        let mut trial = passed_trial();
        trial.position = number;
        store.add_trial(&run, &trial).unwrap();
        // Renamed into place: a process killed in the middle of writing leaves the count before.
        let (written, count) = ["written", "count"].map(|name| Path::new(&path).with_extension(name)).into();
        fs::write(&written, number.to_string()).unwrap();
        fs::rename(&written, &count).unwrap();
    }
}

fn child(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::child_that_adds_trials"])
        .env(CHILD_DATABASE, path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn committed(path: &Path) -> i64 {
    fs::read_to_string(path.with_extension("count")).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[test]
fn a_database_held_by_another_process_is_refused_and_after_its_death_holds_every_trial() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("killed.duckdb");
    let mut child = child(&path);
    while committed(&path) < 5 {
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
        std::thread::yield_now();
    }
    let error = Store::open(&path).err().unwrap();
    assert!(error.to_string().contains(&format!("PID {}", child.id())), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    let (told, store) = (committed(&path), Store::open(&path).unwrap());
    let kept = count(&store, "trials");
    assert!(kept == told || kept == told + 1, "{kept} trials kept, {told} were committed");
    assert_eq!(count(&store, "samples"), 3 * kept, "a trial is whole or not there");
    assert_eq!(count(&store, "runs where state = 'running'"), 1);
}
