//! Sessions, which run jobs one after another: a page in a browser, or a process with native engines, behind one trait.

mod browser;
mod launch;
pub mod native_adapters;
pub mod program;
mod runner;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use protocol::{AdapterChoice, Engine, Job, Outcome, Target, Task};
use tokio::sync::OnceCell;

use crate::adapter::driver_file::{self, DriverFile};
use crate::browser::BrowserEntry;
use crate::error::Error;
use crate::fault::Fault;
use crate::page_server::PageServer;
use crate::sensors::Readings;
use native_adapters::NativeAdapter;
use program::{PROGRAMS, Program};

/// Something that can run jobs one after another.
#[async_trait]
pub trait Session: Send {
    /// Runs one job.
    ///
    /// # Errors
    /// A fault means that the session is finished and must be replaced.
    async fn run(&mut self, job: &Job, limit: Duration) -> Result<Outcome, Fault>;

    /// How long it took to open.
    fn opening(&self) -> Opening;

    /// Returns what it sees of itself now.
    fn observed(&self) -> Observed;

    /// Ends it and everything it started.
    async fn close(self: Box<Self>);
}

/// A session's observations, beside what its executor answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Facts that shaped every number taken in it: browser version, flags and preferences in effect, driver version.
    pub facts: BTreeMap<String, String>,
    /// Resident memory of its processes, in bytes; `None` where they run on another machine.
    pub memory_bytes: Option<u64>,
    /// Which job of which session it was.
    pub turn: Option<SessionTurn>,
    /// What the machine's sensors said meanwhile, of a job that measures.
    pub readings: Option<Readings>,
}

/// The time that opening a session took, step by step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Opening {
    /// Starting the driver, or the program with the engines.
    pub driver_ms: f64,
    /// Having the driver start the browser with a new profile.
    pub browser_ms: f64,
    /// Going to the page.
    pub navigation_ms: f64,
    /// Waiting for the page's module.
    pub module_ms: f64,
}

impl Opening {
    /// All of it.
    pub fn total_ms(&self) -> f64 {
        self.driver_ms + self.browser_ms + self.navigation_ms + self.module_ms
    }
}

/// A job's place among those of its session: what ran before may have warmed what runs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTurn {
    /// The session's number in its run, from 1.
    pub session: u32,
    /// Jobs of the session before it.
    pub position: u32,
}

/// A session's kind: units of the same kind share one session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionKind {
    /// A browser that was started for an adapter.
    Browser {
        /// Its configured name.
        name: String,
        /// The adapter.
        adapter: AdapterChoice,
    },
    /// A process of the engine's program that serves this engine alone, started for an adapter.
    Native {
        /// The engine.
        engine: Engine,
        /// The adapter.
        adapter: AdapterChoice,
    },
    /// A process for the drift control.
    Control,
}

impl SessionKind {
    /// The kind that a target's jobs run in, on the adapter asked for.
    pub fn of(target: &Target, adapter: AdapterChoice) -> SessionKind {
        match target.browser.clone() {
            Some(name) => SessionKind::Browser { name, adapter },
            None => SessionKind::Native { engine: target.engine, adapter },
        }
    }

    /// The adapter it is started for.
    pub fn adapter(&self) -> &AdapterChoice {
        match self {
            SessionKind::Browser { adapter, .. } | SessionKind::Native { adapter, .. } => adapter,
            SessionKind::Control => &AdapterChoice::Default,
        }
    }
}

impl fmt::Display for SessionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionKind::Browser { name, .. } => f.write_str(name)?,
            SessionKind::Native { engine, .. } => {
                write!(f, "{} ({})", Program::of(*engine).name, engine.name())?;
            }
            SessionKind::Control => f.write_str("the drift control")?,
        }
        match self.adapter() {
            AdapterChoice::Default => Ok(()),
            chosen => write!(f, " on {chosen}"),
        }
    }
}

/// The surroundings that sessions need: the page server and the configured browsers.
pub struct Context {
    /// Serves the page and the chosen models on loopback.
    pub pages: PageServer,
    /// The configured browsers by name: the built-in entries, overridden by the plan's.
    pub browsers: BTreeMap<String, BrowserEntry>,
    /// The adapters that wgpu finds, once somebody asked.
    native_adapters: OnceCell<Vec<NativeAdapter>>,
    driver_files: OnceLock<Vec<DriverFile>>,
    opened: AtomicU32,
}

impl Context {
    /// Starts the page server.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(browsers: BTreeMap<String, BrowserEntry>) -> Result<Context, Error> {
        Ok(Context {
            pages: PageServer::start().await?,
            browsers,
            native_adapters: OnceCell::new(),
            driver_files: OnceLock::new(),
            opened: AtomicU32::new(0),
        })
    }

    /// The files of this machine's Vulkan drivers, that of Chromium included.
    pub fn driver_files(&self) -> &[DriverFile] {
        self.driver_files.get_or_init(|| driver_file::all(&self.browsers))
    }

    /// Where a job finds the model in `folder`: a URL that ends in `/` for a page, the folder for a process.
    ///
    /// `name` is the model's path segment in the URL; mounting the same folder again changes nothing.
    pub fn location(&self, target: &Target, name: &str, folder: &Path) -> String {
        match target.browser {
            Some(_) => self.pages.mount(name, folder),
            None => folder.to_string_lossy().into_owned(),
        }
    }

    /// The number of the next session, from 1.
    pub fn number_session(&self) -> u32 {
        self.opened.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The job that does a task on a target.
    pub fn job_of(&self, target: &Target, adapter: AdapterChoice, id: u64, task: Task) -> Job {
        let entry = target.browser.as_ref().and_then(|name| self.browsers.get(name));
        Job {
            id,
            engine: target.engine,
            device: target.device,
            adapter,
            browser: entry.map(|entry| entry.kind),
            onnxruntime_web: self.onnxruntime_web(target),
            task,
        }
    }

    /// Where a job of a target finds onnxruntime-web.
    fn onnxruntime_web(&self, target: &Target) -> Option<String> {
        target.browser.as_ref().and_then(|_| self.pages.mount_onnxruntime_web())
    }

    /// Where a job leaves files that end up in `folder`: a URL that ends in `/` for a page, the folder for a process.
    /// `name` is the URL's last segment and holds letters only.
    pub fn deposit(&self, target: &Target, name: &str, folder: &Path) -> String {
        match target.browser {
            Some(_) => self.pages.receive(name, folder),
            None => folder.to_string_lossy().into_owned(),
        }
    }
}

/// Milliseconds since then.
fn elapsed_ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// Opens a session of a kind.
///
/// # Errors
/// `Unavailable` when what it takes is not on this machine; `Crash` or `Timeout` when it did not start.
pub async fn open(kind: &SessionKind, context: &Context) -> Result<Box<dyn Session>, Fault> {
    let launch = launch::launch(kind, context).await?;
    match kind {
        SessionKind::Control => Ok(Box::new(runner::Runner::launch(&PROGRAMS[0], &launch)?)),
        SessionKind::Native { engine, .. } => {
            Ok(Box::new(runner::Runner::launch(Program::of(*engine), &launch)?))
        }
        SessionKind::Browser { name, .. } => {
            let entry = context.browsers.get(name).ok_or_else(|| Fault::Unavailable {
                reason: format!("there is no browser called {name}"),
                remedy: format!("add [browsers.{name}] to the plan"),
            })?;
            Ok(Box::new(browser::BrowserSession::open(entry, context, launch).await?))
        }
    }
}
