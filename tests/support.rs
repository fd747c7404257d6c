//! The means of every end-to-end test: the built `parallax` command, its JSON document, and the process table.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The checkout that is being tested.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// A program built beside the tests, in the same profile.
///
/// # Panics
/// When it is not there: `cargo xtask test` builds it first.
pub fn program(name: &str) -> PathBuf {
    let profile_folder = std::env::current_exe()
        .ok()
        .and_then(|test| test.parent().and_then(Path::parent).map(Path::to_owned))
        .unwrap_or_default();
    let path = profile_folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.is_file(), "{} is missing: run the tests with `cargo xtask test`", path.display());
    path
}

/// Keeps sweeps apart: two at once on few cores would measure each other and run into time limits.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scratch folder in which `parallax` runs, with its database.
pub struct Scene {
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// How a command ended: its exit code and what it wrote.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Scene {
    /// A fresh scene; waits until no other test of this process has one.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[expect(
        clippy::new_without_default,
        clippy::expect_used,
        reason = "a test without a folder cannot go on"
    )]
    pub fn new() -> Scene {
        Scene { _turn: alone(), folder: TempDir::new().expect("a temporary folder") }
    }

    /// A path inside the scene's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database that [`Scene::sweep`] writes.
    pub fn database(&self) -> PathBuf {
        self.path("sweep.duckdb")
    }

    /// The command `parallax` with `arguments`, not yet started.
    pub fn parallax<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(program("parallax"));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).args(arguments);
        command
    }

    /// `parallax sweep --json` over `models` and `targets` into the scene's database.
    pub fn sweep(&self, models: &[&str], targets: &[&str], more: &[&str]) -> Command {
        let mut command = self.parallax(["sweep", "--json", "--models", &models.join(",")]);
        command.args(["--targets", &targets.join(",")]).args(more);
        command.arg("--db").arg(self.database());
        command
    }
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot be started.
#[expect(clippy::expect_used, reason = "a test whose command does not start cannot go on")]
pub fn ended(mut command: Command) -> Ended {
    let Output { status, stdout, stderr } = command.output().expect("the command starts");
    Ended {
        code: status.code(),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    }
}

impl Ended {
    /// The JSON document on standard output.
    ///
    /// # Panics
    /// When there is none.
    #[expect(clippy::panic, reason = "the test's own failure")]
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no document ({error}): {self:?}"))
    }

    /// The cases of a sweep's document.
    pub fn cases(&self) -> Vec<Value> {
        self.document()["cases"].as_array().cloned().unwrap_or_default()
    }
}

/// The case of one model on one target.
///
/// # Panics
/// When the sweep has no such case.
#[expect(clippy::panic, reason = "the test's own failure")]
pub fn case<'a>(cases: &'a [Value], model: &str, target: &str) -> &'a Value {
    cases
        .iter()
        .find(|case| case["model"] == model && case["target"] == target)
        .unwrap_or_else(|| panic!("no case {model} on {target} among {cases:#?}"))
}

/// Holds an adapter to what it is called: one whose name is that of a CPU's renderer says that it is software.
///
/// # Panics
/// Where it does not.
pub fn check_adapter(adapter: &Value) {
    let names = ["vendor", "architecture", "device", "description"].map(|field| adapter[field].to_string());
    let is_a_cpu = |name: &String| {
        let name = name.to_lowercase();
        ["swiftshader", "llvmpipe", "lavapipe"].iter().any(|renderer| name.contains(renderer))
    };
    assert!(adapter["software"].is_boolean(), "{adapter:#}");
    assert!(adapter["software"] == true || !names.iter().any(is_a_cpu), "{adapter:#}");
}

/// A folder with a broken or special model from `fixtures/bad`.
pub fn bad_model(name: &str) -> String {
    checkout().join("fixtures/bad").join(name).to_string_lossy().into_owned()
}

/// Waits until `condition` gives something, at most `limit`.
///
/// # Panics
/// When it never does.
pub fn wait_for<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(start.elapsed() < limit, "gave up after {limit:?} waiting for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A running process, as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id.
    pub parent: u32,
    /// Its command line, arguments separated by spaces.
    pub command: String,
    /// When it started, in clock ticks since boot: tells it from a later process with the same id.
    pub started: u64,
}

/// Every process that is not a zombie.
pub fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(read_process)
        .collect()
}

fn read_process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    if fields.first() == Some(&"Z") {
        return None;
    }
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        command,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// Every process below `root`, children before grandchildren.
pub fn descendants(root: u32) -> Vec<Process> {
    let all = processes();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for process in all.iter().filter(|process| process.parent == parent) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// Those of `earlier` that still run.
pub fn survivors(earlier: &[Process]) -> Vec<Process> {
    let now = processes();
    let same = |a: &Process, b: &Process| a.pid == b.pid && a.started == b.started;
    earlier.iter().filter(|process| now.iter().any(|other| same(process, other))).cloned().collect()
}

/// Sends a signal (`KILL`, `INT`) to a process.
pub fn signal(name: &str, pid: u32) {
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
}

/// Starts a command whose output nobody reads.
///
/// # Panics
/// When it cannot be started.
#[expect(clippy::expect_used, reason = "a test whose command does not start cannot go on")]
pub fn started(mut command: Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts")
}
