//! Things that die or hang half-way: each costs its own case, and nothing is lost or left running.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::{Process, Scene, case, checkout, descendants, ended, signal, started, survivors, wait_for};

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

/// Something done to a session while it runs a case.
struct Injury {
    /// Part of the command line of the process that it is done to.
    process: &'static str,
    signal: &'static str,
    /// How the case ends, and what its message says.
    verdict: &'static str,
    words: &'static str,
}

const fn killed(process: &'static str, verdict: &'static str, words: &'static str) -> Injury {
    Injury { process, signal: "KILL", verdict, words }
}

const GUARD: &str = "guard --";
const IN_CHROME: [Injury; 5] = [
    killed("--type=renderer", "crash", "chrome: the tab's process died"),
    killed("--type=gpu-process", "device-lost", "the browser's GPU process ended"),
    killed("--no-first-run", "crash", "chrome: the browser ended"),
    killed("chromedriver", "crash", "chrome: its driver was killed by signal 9"),
    killed(GUARD, "crash", "chrome: its driver was ended with its guard, which was killed by signal 9"),
];
const IN_FIREFOX: [Injury; 2] = [
    killed("-isForBrowser", "crash", "firefox: the tab's process died"),
    killed("--marionette", "crash", "firefox: the browser ended"),
];
const IN_A_RUNNER: [Injury; 2] = [
    killed("native-runner", "crash", "native-runner was killed by signal 9"),
    killed(GUARD, "crash", "native-runner was ended with its guard"),
];
/// It does not end what it guards when it is told to.
const STOPPED: Injury = Injury { process: GUARD, signal: "STOP", verdict: "pass", words: "" };
const NONE: Injury = Injury { process: "", signal: "", verdict: "pass", words: "" };

#[test]
fn whatever_dies_of_chrome_half_way_costs_its_case_says_what_it_was_and_leaves_nothing() {
    check_injuries("webgpu@chrome", "1500", &IN_CHROME, &NONE);
}

#[test]
fn whatever_dies_of_firefox_half_way_costs_its_case_says_what_it_was_and_leaves_nothing() {
    check_injuries("webgpu@firefox", "1500", &IN_FIREFOX, &NONE);
}

#[test]
fn whatever_dies_of_a_runner_half_way_costs_its_case_says_what_it_was_and_leaves_nothing() {
    check_injuries("onnxruntime:cpu", "20000", &IN_A_RUNNER, &STOPPED);
}

/// Injures one session after the other; `last` is done to the last.
fn check_injuries(target: &str, samples: &str, injuries: &[Injury], last: &Injury) {
    let scene = Scene::new();
    let all: Vec<&Injury> = injuries.iter().chain([last]).collect();
    let models: Vec<String> = (0..all.len()).map(|index| copy_of_a_model(&scene, index)).collect();
    let models: Vec<&str> = models.iter().map(String::as_str).collect();
    fs::create_dir(scene.path("tmp")).unwrap();
    let sweep = scene.sweep(&models, &[target], &["--samples", samples]);
    let mut harness = with_a_file_open(&scene, &sweep).env("TMPDIR", scene.path("tmp")).spawn().unwrap();
    let mut seen: Vec<Process> = Vec::new();
    for injury in all.iter().filter(|injury| !injury.process.is_empty()) {
        let worker = wait_for(injury.words, LONG, || busy_worker(harness.id(), target, &seen));
        assert_eq!(survivors(&seen), [], "beside the case for {}", injury.words);
        let family = descendants(harness.id());
        assert_eq!(held_in_common(&scene, harness.id(), &family), [] as [String; 0], "{target}");
        let mut fit = family.iter().filter(|process| is_meant(injury, process, &worker));
        let victim = fit.next().unwrap_or_else(|| panic!("no {} among {family:#?}", injury.process));
        signal(injury.signal, victim.pid);
        seen.extend(family);
    }
    let output = harness.stdout.take().unwrap();
    let document: serde_json::Value = serde_json::from_reader(output).unwrap();
    assert_eq!(harness.wait().unwrap().code(), Some(1), "{document:#}");
    let cases = document["cases"].as_array().unwrap();
    assert_eq!(cases.len(), all.len());
    for (injury, case) in all.iter().zip(cases) {
        assert_eq!(case["verdict"], injury.verdict, "{}: {case:#}", injury.process);
        let message = case["message"].as_str().unwrap_or_default();
        assert!(message.contains(injury.words), "{}: {message}", injury.process);
        assert!(!message.contains("Starting ChromeDriver"), "a greeting is no last word: {message}");
    }
    assert_eq!(survivors(&seen), []);
    let folders: Vec<_> = fs::read_dir(scene.path("tmp")).unwrap().collect();
    assert!(folders.is_empty(), "{folders:?}");
}

/// Makes a copy of the model under another name.
fn copy_of_a_model(scene: &Scene, index: usize) -> String {
    let (from, to) = (checkout().join("fixtures/models/bert-tiny"), scene.path(&format!("copy-{index}")));
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let manifest = fs::read_to_string(to.join("model.toml")).unwrap();
    fs::write(to.join("model.toml"), manifest.replace("\"bert-tiny\"", &format!("\"copy-{index}\"")))
        .unwrap();
    to.to_str().unwrap().to_owned()
}

/// A command whose caller has a file open that nobody below has to do with.
fn with_a_file_open(scene: &Scene, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec 7>held; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(scene.path("")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    shell
}

/// A process of a page or a runner that computes.
fn busy_worker(harness: u32, target: &str, seen: &[Process]) -> Option<Process> {
    let is_worker = |command: &str| match target {
        "webgpu@chrome" => command.contains("--type=renderer") && !command.contains("top-chrome-webui"),
        "webgpu@firefox" => command.contains("-isForBrowser"),
        _ => command.contains("native-runner") && !command.contains(GUARD),
    };
    let fresh = |process: &Process| !seen.iter().any(|other| other.pid == process.pid);
    let family = descendants(harness).into_iter().filter(|it| is_worker(&it.command) && fresh(it));
    family.filter(|process| processor_ticks(process.pid) > 60).max_by_key(|it| processor_ticks(it.pid))
}

fn is_meant(injury: &Injury, process: &Process, worker: &Process) -> bool {
    let is_guard = process.command.contains(GUARD);
    match worker.command.contains(injury.process) {
        true => process == worker,
        false => process.command.contains(injury.process) && is_guard == (injury.process == GUARD),
    }
}

/// The files, pipes and sockets that are open in the harness, or were open where it was started, and also in a process
/// below, but for a guard's output.
fn held_in_common(scene: &Scene, harness: u32, family: &[Process]) -> Vec<String> {
    let guards = || family.iter().filter(|process| process.command.contains(GUARD));
    let spoken_through: Vec<String> = guards().flat_map(|guard| open_in(guard.pid)).collect();
    let of_the_harness: Vec<String> =
        open_in(harness).into_iter().filter(|it| !spoken_through.contains(it)).collect();
    let private = |open: &String| {
        let has_a_number = open.starts_with("socket:") || open.starts_with("pipe:");
        has_a_number && of_the_harness.contains(open) || Path::new(open).parent() == Some(&scene.path(""))
    };
    family.iter().flat_map(|process| open_in(process.pid)).filter(private).collect()
}

fn open_in(process: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.to_str()?.to_owned())).collect()
}

#[test]
fn a_browser_that_has_no_room_for_its_profile_is_a_crash_that_says_so() {
    let scene = Scene::new();
    fs::create_dir(scene.path("t")).unwrap();
    let targets = ["webgpu@chrome", "webgpu@firefox", "wasm@webkit"];
    let sweep = scene.sweep(&["bert-tiny"], &targets, &["--samples", "2"]);
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg(
        "mount -t tmpfs -o size=1m tmpfs t && { cat /dev/zero 2>/dev/null >t/full; exec \"$0\" \"$@\"; }",
    );
    command.arg(sweep.get_program()).args(sweep.get_args());
    command.env("TMPDIR", scene.path("t")).current_dir(scene.path("")).stdin(Stdio::null());
    let sweep = ended(command);
    if sweep.stdout.is_empty() {
        eprintln!("SKIPPED: no small file system can be had here: {}", sweep.stderr);
        return;
    }
    let cases = sweep.cases();
    for target in targets {
        let row = case(&cases, "bert-tiny", target);
        assert_eq!(row["verdict"], "crash", "{row:#}");
        let message = row["message"].as_str().unwrap_or_default();
        let words =
            format!("{} (0 bytes free), where the browser keeps its profile", scene.path("t").display());
        assert!(message.contains(&words) && message.ends_with("set TMPDIR"), "{message}");
    }
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
