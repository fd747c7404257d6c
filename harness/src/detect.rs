//! `parallax detect`: what is on this machine, as each browser and engine says itself, and how to get the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use indicatif::ProgressBar;
use protocol::{Answer, BrowserKind, Capability, Engine, Job, Presence, Task};
use serde_json::{Value, json};

use crate::browser::{self, Access, BrowserEntry};
use crate::cli::DetectArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{self, screen};
use crate::session::program::{PROGRAMS, Program};
use crate::session::{self, Context, Fault, Place};
use crate::store::Store;

/// How long one place may take to say what it can do; a driver of a GPU that hangs is a row.
const LIMIT: Duration = Duration::from_secs(60);
/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// Runs `parallax detect`.
///
/// # Errors
/// When the database or the report cannot be written. What is missing or hangs is a row.
pub async fn run(args: &DetectArgs) -> Result<Exit, Error> {
    let begun = SystemTime::now();
    let mut store = Store::open(&args.db)?;
    let context = Context::start(browser::known(&BTreeMap::new())?).await?;
    let capabilities = everything(&context).await;
    store.add_detection(&capabilities, begun)?;
    let text = match args.json {
        true => format!("{:#}", json!({ "capabilities": capabilities })),
        false => report::capabilities(&capabilities),
    };
    screen::print(&text)?;
    Ok(Exit::Success)
}

/// Looks at one place after the other: two at once would disturb each other's clocks.
async fn everything(context: &Context) -> Vec<Capability> {
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(TICK);
    let mut capabilities = Vec::new();
    for entry in context.browsers.values() {
        spinner.set_message(format!("looking at {}", entry.name));
        capabilities.extend(in_browser(entry, context).await);
    }
    for program in &PROGRAMS {
        spinner.set_message(format!("looking at the engines of {}", program.name));
        capabilities.extend(native(program, context).await);
    }
    // Every program speaks of the machine.
    let mut seen = BTreeSet::new();
    capabilities.retain(|capability| seen.insert(capability.subject.clone()));
    spinner.finish_and_clear();
    capabilities
}

/// What a place said, and the facts of the session in which it said it.
type Said = (Result<Vec<Capability>, Fault>, BTreeMap<String, String>);

async fn in_browser(entry: &BrowserEntry, context: &Context) -> Vec<Capability> {
    let name = &entry.name;
    let asked = match entry.access() {
        Ok(access) => {
            ask(&Place::Browser(name.clone()), Some(entry.kind), context).await.map(|said| (access, said))
        }
        Err(fault) => Err(fault),
    };
    let (access, (said, facts)) = match asked {
        Ok(answered) => answered,
        Err(fault) => return vec![missing(name, fault)],
    };
    let at = |subject: &str| format!("{subject}@{name}");
    let inside = said.unwrap_or_else(|fault| vec![missing("page", fault)]).into_iter();
    let inside = inside.map(|capability| Capability { subject: at(&capability.subject), ..capability });
    std::iter::once(found(name, &access, facts)).chain(inside).collect()
}

async fn native(program: &Program, context: &Context) -> Vec<Capability> {
    let Some(engine) = program.an_engine() else { return Vec::new() };
    match ask(&Place::Native(engine), None, context).await {
        Ok((Ok(capabilities), _)) => capabilities,
        Ok((Err(fault), _)) | Err(fault) => vec![missing(program.name, fault)],
    }
}

/// Opens a session and asks it what it can do.
async fn ask(place: &Place, browser: Option<BrowserKind>, context: &Context) -> Result<Said, Fault> {
    let mut session = session::open(place, context).await?;
    let (engine, peer) = (Engine::Wgpu, context.peer(place));
    let job = Job { id: 1, engine, device: None, browser, peer, task: Task::Detect };
    let outcome = session.run(&job, LIMIT).await;
    let facts = session.facts();
    session.close().await;
    Ok((outcome.map(|outcome| capabilities_in(outcome.answer)), facts))
}

fn capabilities_in(answer: Answer) -> Vec<Capability> {
    let unexpected = |reason: String| vec![missing("answer", Fault::Crash { message: reason })];
    match answer {
        Answer::Detected { capabilities } => capabilities,
        Answer::Failed(failure) => unexpected(failure.message),
        Answer::Inferred(_)
        | Answer::Conformed(_)
        | Answer::Dueled(_)
        | Answer::Reproduced { .. }
        | Answer::Traced(_)
        | Answer::Completed(_)
        | Answer::Profiled(_) => unexpected("it answered another question".to_owned()),
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
    Capability {
        subject: name.to_owned(),
        presence: Presence::Present,
        version,
        adapter: None,
        facts: facts.into_iter().map(|(key, value)| (key, Value::from(value))).collect(),
    }
}

fn missing(subject: &str, fault: Fault) -> Capability {
    let (reason, remedy) = match fault {
        // The subject says already whose it is.
        Fault::Unavailable { reason, remedy } => {
            (reason.strip_prefix(&format!("{subject}: ")).unwrap_or(&reason).to_owned(), remedy)
        }
        Fault::Timeout { .. } | Fault::Crash { .. } => (
            fault.to_string(),
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
