//! `parallax detect`: what is on this machine, as each browser and engine says itself, and how to get the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use protocol::{Capability, Engine, Presence, SoftwareDriver, Target, Task};
use serde_json::{Value, json};

use crate::adapter::machine;
use crate::browser::{self, Access, BrowserEntry};
use crate::cli::DetectArgs;
use crate::error::Error;
use crate::event::RunEnd;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::lane::{Ended, Lane, NoAnswer, Unit};
use crate::report;
use crate::screen;
use crate::session::Context;
use crate::session::native_adapters::{self, NativeAdapter};
use crate::session::program::{PROGRAMS, Program};
use crate::store::{RunKind, Store};

/// How long one place may take to say what it can do; a driver of a GPU that hangs is a row.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `parallax detect`.
///
/// # Errors
/// When the database or the report cannot be written. What is missing or hangs is a row.
pub async fn run(args: &DetectArgs) -> Result<Exit, Error> {
    let mut store = Store::open(&args.output.db)?;
    let context = Context::start(browser::known(&BTreeMap::new())?).await?;
    let run = store.begin_run(RunKind::Detect, SystemTime::now())?;
    let capabilities = everything(&context).await;
    store.add_detection(&run, &capabilities)?;
    store.finish_run(&run, &RunEnd::Finished, SystemTime::now())?;
    let text = match args.output.json {
        true => format!("{:#}", json!({ "capabilities": capabilities })),
        false => report::capabilities(&capabilities),
    };
    screen::print(&text)?;
    Ok(Exit::Success)
}

/// Looks at one place after the other: two at once would disturb each other's clocks.
async fn everything(context: &Context) -> Vec<Capability> {
    let spinner = screen::spinner();
    let mut capabilities = Vec::new();
    for entry in context.browsers.values() {
        spinner.set_message(format!("looking at {}", entry.name));
        capabilities.extend(in_browser(entry, context).await);
    }
    spinner.set_message("looking at the native engines");
    capabilities.extend(native_engines(context).await);
    spinner.set_message("looking at the Vulkan drivers");
    capabilities.push(gpu());
    capabilities.extend(adapters(context).await);
    spinner.finish_and_clear();
    capabilities
}

/// What the native engines say of themselves and of this machine.
pub async fn native_engines(context: &Context) -> Vec<Capability> {
    let mut capabilities = Vec::new();
    for program in &PROGRAMS {
        capabilities.extend(native(program, context).await);
    }
    // Every program speaks of the machine.
    let mut seen = BTreeSet::new();
    capabilities.retain(|capability| seen.insert(capability.subject.clone()));
    capabilities
}

/// A look at what a place can do.
#[derive(Clone)]
struct Look {
    target: Target,
}

impl Unit for Look {
    type Report = Vec<Capability>;

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn task(&self, _: &Context) -> Task {
        Task::Detect
    }

    fn limit(&self) -> Duration {
        LIMIT
    }
}

/// A browser and what the page finds in it.
async fn in_browser(entry: &BrowserEntry, context: &Context) -> Vec<Capability> {
    let name = &entry.name;
    let access = match entry.access() {
        Ok(access) => access,
        Err(fault) => return vec![missing(name, fault.into())],
    };
    // The engine makes no difference, as long as no version of the browser is too old for it.
    let look = Look { target: Target { engine: Engine::Wasm, device: None, browser: Some(name.clone()) } };
    let Ended { answer, observed, .. } = Lane::only(context, look).await;
    // A browser that could not be opened has said nothing of itself.
    if let (Err(none), true) = (&answer, observed.facts.is_empty()) {
        return vec![missing(name, none.clone())];
    }
    let inside = answer.unwrap_or_else(|none| vec![missing("page", none)]).into_iter();
    let inside = inside
        .map(|capability| Capability { subject: format!("{}@{name}", capability.subject), ..capability });
    std::iter::once(found(name, &access, observed.facts)).chain(inside).collect()
}

/// Asks the engines of a program what they say of this machine.
async fn native(program: &Program, context: &Context) -> Vec<Capability> {
    let Some(engine) = program.an_engine() else { return Vec::new() };
    let look = Look { target: Target { engine, device: None, browser: None } };
    let answer = Lane::only(context, look).await.answer;
    answer.unwrap_or_else(|none| vec![missing(program.name, none)])
}

/// The machine's GPU, by which `--adapter hardware` goes.
fn gpu() -> Capability {
    const SUBJECT: &str = "gpu";
    match machine::gpu() {
        Some(gpu) => {
            Capability { facts: BTreeMap::from([("found".to_owned(), json!(gpu))]), ..present(SUBJECT) }
        }
        None => missing(SUBJECT, machine::without_gpu().into()),
    }
}

/// Every adapter that wgpu finds, whose names `--adapter` takes a part of, with the driver's file that leads to it.
async fn adapters(context: &Context) -> Vec<Capability> {
    const SUBJECT: &str = "adapters";
    let adapters = match native_adapters::all(context).await {
        Ok([]) => {
            let remedy = SoftwareDriver::all().map(SoftwareDriver::remedy).collect::<Vec<_>>().join("; or ");
            let none = Fault::Unavailable { reason: "wgpu finds no adapter".to_owned(), remedy };
            return vec![missing(SUBJECT, none.into())];
        }
        Ok(adapters) => adapters,
        Err(fault) => return vec![missing(SUBJECT, fault.into())],
    };
    let described = |found: &NativeAdapter| {
        let file = found.file.as_ref().map(|file| file.path.display().to_string());
        Capability {
            adapter: Some(found.adapter.clone()),
            facts: file.into_iter().map(|file| ("driver_file".to_owned(), json!(file))).collect(),
            ..present(&format!("adapter {}", found.adapter.device))
        }
    };
    adapters.iter().map(described).collect()
}

fn present(subject: &str) -> Capability {
    Capability {
        subject: subject.to_owned(),
        presence: Presence::Present,
        version: None,
        adapter: None,
        facts: BTreeMap::new(),
    }
}

/// A browser that opened, with the versions and settings that were in effect.
fn found(name: &str, access: &Access, mut facts: BTreeMap<String, String>) -> Capability {
    let version = facts.remove("browser_version");
    match access {
        Access::Local { binary, driver } => {
            facts.insert("binary".to_owned(), binary.display().to_string());
            facts.insert("driver".to_owned(), driver.display().to_string());
        }
        Access::Remote { url } => {
            facts.insert("remote".to_owned(), url.clone());
        }
    }
    let facts = facts.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
    Capability { version, facts, ..present(name) }
}

fn missing(subject: &str, none: NoAnswer) -> Capability {
    let (reason, remedy) = match none {
        // The subject says already whose it is.
        NoAnswer::Fault(Fault::Unavailable { reason, remedy }) => {
            (reason.strip_prefix(&format!("{subject}: ")).unwrap_or(&reason).to_owned(), remedy)
        }
        NoAnswer::Failure(_)
        | NoAnswer::Before { .. }
        | NoAnswer::Fault(Fault::Timeout { .. } | Fault::Crash { .. }) => (
            none.to_string(),
            "run it once more; if it stays, update the browser or the graphics driver".to_owned(),
        ),
    };
    Capability {
        subject: subject.to_owned(),
        presence: Presence::Missing { reason, remedy },
        version: None,
        adapter: None,
        facts: BTreeMap::new(),
    }
}
