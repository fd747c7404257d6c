//! `parallax probe`: what the adapters could do at most, target by target.

use std::time::{Duration, SystemTime};

use indicatif::ProgressBar;
use protocol::{AdapterChoice, ProbeReport, Target, Task, Verdict};

use crate::adapter;
use crate::cli::ProbeArgs;
use crate::error::Error;
use crate::event::RunEnd;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::lane::{Event, Lane, Listener, NoAnswer, Open, Then, Unit};
use crate::plan;
use crate::report::probe as report;
use crate::screen;
use crate::session::Context;
use crate::store::{RunId, RunKind, Store};

/// Runs `parallax probe`.
///
/// # Errors
/// When a browser has no entry, or the database or the report cannot be written. A target that cannot be probed is told.
pub async fn run(args: &ProbeArgs) -> Result<Exit, Error> {
    let targets = plan::each_once(args.targets.clone());
    let adapter = args.adapter.only()?;
    let context = plan::context(&targets).await?;
    let mut store = Store::open(&args.output.db)?;
    let mut interrupt = Interrupt::listen()?;
    let run = store.begin_run(RunKind::Probe, SystemTime::now())?;
    let units = targets.into_iter().map(|target| Probing {
        target,
        adapter: adapter.clone(),
        limit: Duration::from_secs(args.timeout_s),
    });
    let mut answers =
        Answers { store: &mut store, run: &run, spinner: screen::spinner(), verdicts: Vec::new() };
    let ended = Lane::new(&context, Open::One).run_until(units, &mut answers, &mut interrupt).await;
    answers.spinner.finish_and_clear();
    let exit = Exit::of(answers.verdicts);
    let finished = store.finish_run(&run, &RunEnd::of(ended.as_ref().copied()), SystemTime::now());
    let printed = store.probes(&run).and_then(|found| {
        screen::print(&if args.output.json { report::document(&found) } else { report::render(&found) })
    });
    let completion = ended?;
    finished.and(printed).map(|()| completion.exit(exit))
}

/// A target's adapter to be probed.
#[derive(Clone)]
struct Probing {
    target: Target,
    adapter: AdapterChoice,
    limit: Duration,
}

impl Unit for Probing {
    type Report = ProbeReport;

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn adapter(&self) -> AdapterChoice {
        self.adapter.clone()
    }

    fn task(&self, _: &Context) -> Task {
        Task::Probe
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

/// The report of the adapter asked for, or why there is none.
fn found(unit: &Probing, answer: Result<ProbeReport, NoAnswer>) -> Result<ProbeReport, (Verdict, String)> {
    let report = answer.map_err(|none| (none.verdict(), none.to_string()))?;
    adapter::complaint(&unit.adapter, &unit.target, &report.adapter).map_or(Ok(report), Err)
}

/// Keeps probes as they come in.
struct Answers<'a> {
    store: &'a mut Store,
    run: &'a RunId,
    spinner: ProgressBar,
    verdicts: Vec<Verdict>,
}

impl Listener<Probing> for Answers<'_> {
    fn hear(&mut self, event: Event<'_, Probing>) -> Result<Then<Probing>, Error> {
        match event {
            Event::Started(unit) => {
                self.store.check_file()?;
                self.spinner.set_message(format!("probing {}", unit.target));
            }
            Event::Ended(unit, ended) => match found(&unit, ended.answer) {
                Ok(report) => {
                    self.verdicts.push(Verdict::Pass);
                    let version = ended.observed.facts.get("browser_version");
                    self.store.add_probes(self.run, &unit.target, version, &report)?;
                }
                Err((verdict, words)) => {
                    self.verdicts.push(verdict);
                    let (target, verdict) = (&unit.target, verdict.name());
                    self.spinner.suspend(|| {
                        screen::tell(&format!("{target} cannot be probed ({verdict}): {words}"));
                    });
                }
            },
            Event::Opening(_) | Event::Opened(..) | Event::Closed(..) => {}
        }
        Ok(Then::default())
    }
}
