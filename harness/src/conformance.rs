//! `parallax conformance`: the ONNX project's node tests on each target, batch by batch, into the store.

mod expected;
mod judge;
mod repro;
mod suite;

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use indicatif::{ProgressBar, ProgressStyle};
use protocol::{
    AdapterChoice, Conformance, ConformanceReport, Failure, FailureKind, Target, Task, Tolerance,
};

use self::expected::Expected;
use self::suite::{Batch, Suite};
use crate::adapter::complaint;
use crate::cli::ConformanceArgs;
use crate::error::Error;
use crate::event::RunEnd;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::interrupt::Interrupt;
use crate::lane::{Completion, Ended, Event, Lane, Listener, NoAnswer, Open, Then, Unit};
use crate::plan::{self, each_once};
use crate::report::conformance as report;
use crate::rows::conformance::{Conformance as Found, REFUSES, TestRow};
use crate::scratch;
use crate::screen;
use crate::session::Context;
use crate::store::{RunId, RunKind, Store, TargetBegun, TargetEnded};

/// ONNX's own runner allows 1e-3 and 1e-7, whatever the scale: less than f32 holds where large terms cancel.
const TOLERANCE: Tolerance = Tolerance { relative: 1e-3, absolute: 1e-6 };
/// A batch may take as long as one test, and this share of it for each test in it.
const SHARE_PER_TEST: f64 = 0.1;
/// Where the packs appear in the page server.
const PACKS: &str = "node-tests";
const TEMPLATE: &str = "{spinner} [{bar:24}] {pos}/{len}  {msg}  {elapsed} gone, {eta} left";

/// Runs `parallax conformance`.
///
/// # Errors
/// When the request is bad, a test cannot be read, or the database or a report cannot be written. A test or a
/// target that goes wrong is a row.
pub async fn run(args: &ConformanceArgs) -> Result<Exit, Error> {
    let open = |path: &PathBuf| Expected::open(path, args.update);
    let mut expected = args.expect.as_ref().map(open).transpose()?;
    let targets = targets(args, expected.as_ref());
    let adapter = args.adapter.only()?;
    let context = plan::context(&targets).await?;
    let packs =
        scratch::folder().map_err(|source| Error::NodeTests { path: std::env::temp_dir(), source })?;
    let suite = Suite::find();
    let wanted = match &args.repro {
        Some(test) => std::slice::from_ref(test),
        None => &args.tests,
    };
    let batches = match &suite {
        Ok(suite) => suite.pack(&suite.names(wanted)?, packs.path())?,
        Err(_) => Vec::new(),
    };
    if let Some(test) = &args.repro {
        return repro::write(test, &targets, &suite, &context, packs.path()).await;
    }
    if let (Some(path), Some(expected), Ok(suite), false) = (&args.expect, &expected, &suite, args.update) {
        expected.covers(path, &targets, &suite.name)?;
    }
    let mut store = Store::open(&args.output.db)?;
    let mut interrupt = Interrupt::listen()?;
    let run = store.begin_run(RunKind::Conformance, SystemTime::now())?;
    let timeout = Duration::from_secs(args.timeout_s);
    let suite_run = SuiteRun {
        context: &context,
        adapter: &adapter,
        suite: &suite,
        batches: &batches,
        packs: packs.path(),
        run: &run,
        timeout,
    };
    let ended = suite_run.go(&mut store, &targets, &mut interrupt).await;
    let finished = store.finish_run(&run, &RunEnd::of(ended.as_ref().copied()), SystemTime::now());
    let published = store.conformance(&run).and_then(|mut report| {
        let complete = matches!(ended, Ok(Completion::Complete));
        if let (Some(path), Some(expected)) = (&args.expect, &mut expected) {
            hold(&mut report, expected, path, args.update && complete)?;
        }
        publish(&report, args).map(|()| report.exit())
    });
    // What is there is reported, whatever kept the rest from being there.
    let completion = ended?;
    finished.and(published).map(|exit| completion.exit(exit))
}

/// The targets asked for, or those of the list.
fn targets(args: &ConformanceArgs, expected: Option<&Expected>) -> Vec<Target> {
    match (args.targets.as_slice(), expected) {
        ([], Some(expected)) => expected.targets.clone(),
        (targets, _) => each_once(targets.to_vec()),
    }
}

/// Holds what was found to the list, or writes the list from it.
fn hold(report: &mut Found, expected: &mut Expected, path: &Path, update: bool) -> Result<(), Error> {
    if update {
        expected.learn(report);
        return expected.save(path);
    }
    for target in &mut report.targets {
        target.unexpected = expected.unexpected(&target.target, &target.tests);
    }
    Ok(())
}

fn publish(found: &Found, args: &ConformanceArgs) -> Result<(), Error> {
    if let Some(path) = &args.document {
        fs::write(path, screen::shown(&report::operators(found))).map_err(Error::Output)?;
    }
    let colour = io::stdout().is_terminal() && console::colors_enabled();
    match args.output.json {
        true => screen::print(&report::document(found)),
        false => screen::print_coloured(&report::render(found, colour)),
    }
}

/// The givens of a run, the same for every target.
struct SuiteRun<'a> {
    context: &'a Context,
    adapter: &'a AdapterChoice,
    suite: &'a Result<Suite, Fault>,
    batches: &'a [Batch],
    packs: &'a Path,
    run: &'a RunId,
    timeout: Duration,
}

impl SuiteRun<'_> {
    /// One target after the other: two at once would slow each other down into time-outs.
    async fn go(
        &self,
        store: &mut Store,
        targets: &[Target],
        interrupt: &mut Interrupt,
    ) -> Result<Completion, Error> {
        let tests: usize = self.batches.iter().map(|batch| batch.tests.len()).sum();
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new((tests * targets.len()) as u64).with_style(style.progress_chars("━╸ "));
        bar.enable_steady_tick(Duration::from_millis(120));
        for (position, target) in (0..).zip(targets) {
            bar.set_message(target.to_string());
            let suite = self.suite.as_ref().map_or("", |suite| suite.name.as_str());
            let begun = TargetBegun { position, target, suite, tolerance: TOLERANCE };
            store.begin_target(self.run, &begun, SystemTime::now())?;
            let mut verdicts = Verdicts {
                store,
                run: self.run,
                target,
                adapter: self.adapter,
                bar: &bar,
                stored: 0,
                ended: TargetEnded::default(),
            };
            let batches =
                self.batches.iter().map(|batch| BatchRun { suite: self, target, batch: batch.clone() });
            let completion = match self.suite {
                Ok(_) => {
                    let lane = Lane::new(self.context, Open::One);
                    lane.run_until(batches, &mut verdicts, interrupt).await?
                }
                Err(fault) => {
                    verdicts.ended.unavailable = Some(fault.to_string());
                    Completion::Complete
                }
            };
            if completion == Completion::Interrupted {
                return Ok(completion);
            }
            let Verdicts { ended, .. } = verdicts;
            store.end_target(self.run, target, &ended, SystemTime::now())?;
        }
        bar.finish_and_clear();
        Ok(Completion::Complete)
    }

    /// Where the tests of a batch are. A page would need hundreds of requests for them: it gets one pack.
    fn location(&self, target: &Target, batch: &Batch) -> String {
        match (&target.browser, self.suite) {
            (Some(_), _) => self.context.pages.mount(PACKS, self.packs) + &batch.pack,
            (None, Ok(suite)) => suite.folder.to_string_lossy().into_owned(),
            // Without a suite there is no batch.
            (None, Err(_)) => String::new(),
        }
    }
}

/// A batch of tests on a target.
#[derive(Clone)]
struct BatchRun<'a> {
    suite: &'a SuiteRun<'a>,
    target: &'a Target,
    batch: Batch,
}

impl Unit for BatchRun<'_> {
    type Report = ConformanceReport;

    const CAN_BE_HALVED: bool = true;

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn adapter(&self) -> AdapterChoice {
        self.suite.adapter.clone()
    }

    fn task(&self, _: &Context) -> Task {
        Task::Conform(Conformance {
            location: self.suite.location(self.target, &self.batch),
            tests: self.batch.tests.clone(),
            tolerance: TOLERANCE,
        })
    }

    fn limit(&self) -> Duration {
        self.suite.timeout.mul_f64(1.0 + SHARE_PER_TEST * self.batch.tests.len() as f64)
    }

    /// A batch that fails as a whole ends its session.
    fn ends_session(&self, failure: &Failure) -> Option<Fault> {
        let message = failure.message.clone();
        Some(match failure.kind {
            // Both are said of the engine, before any test: no other session would have it.
            FailureKind::Unavailable | FailureKind::Unsupported => Fault::Unavailable {
                reason: message,
                remedy: "`parallax detect` says what is here".to_owned(),
            },
            _ => Fault::Crash { message },
        })
    }

    fn halves(&self) -> Option<[Self; 2]> {
        Some(self.batch.halves()?.map(|batch| BatchRun { batch, ..self.clone() }))
    }
}

/// The verdicts of a target, as they come in.
struct Verdicts<'a> {
    store: &'a mut Store,
    run: &'a RunId,
    target: &'a Target,
    adapter: &'a AdapterChoice,
    bar: &'a ProgressBar,
    stored: usize,
    ended: TargetEnded,
}

impl<'a> Listener<BatchRun<'a>> for Verdicts<'_> {
    fn hear(&mut self, event: Event<'_, BatchRun<'a>>) -> Result<Then<BatchRun<'a>>, Error> {
        if let Event::Ended(BatchRun { batch, .. }, Ended { answer, observed, .. }) = event {
            self.ended.facts.extend(observed.facts);
            match answer {
                Ok(report) => self.answered(&batch, report)?,
                Err(none) => self.skip(batch, &none)?,
            }
        }
        Ok(Then::default())
    }
}

impl Verdicts<'_> {
    fn answered(&mut self, batch: &Batch, report: ConformanceReport) -> Result<(), Error> {
        if let Some((_, words)) = complaint(self.adapter, self.target, &report.adapter) {
            self.ended.unavailable = Some(words);
            self.bar.inc(batch.tests.len() as u64);
            return Ok(());
        }
        self.keep(&judge::batch(self.target, &batch.tests, &report))?;
        for (phase, ms) in report.phases_ms {
            *self.ended.phases_ms.entry(phase).or_default() += ms;
        }
        let refused = report.refused.into_iter().map(|(kind, words)| (format!("{REFUSES} {kind}"), words));
        self.ended.facts.extend(refused);
        self.ended.operators = report.operators;
        self.ended.adapter = Some(report.adapter);
        Ok(())
    }

    /// Tests without an answer: where the target is not here at all, it and not they is what is missing.
    fn skip(&mut self, batch: Batch, none: &NoAnswer) -> Result<(), Error> {
        if self.stored == 0 && none.is_unavailable() {
            self.ended.unavailable = Some(none.to_string());
            self.bar.inc(batch.tests.len() as u64);
            return Ok(());
        }
        let row = |test| TestRow {
            test,
            operators: Vec::new(),
            wall_ms: None,
            verdict: none.verdict(),
            message: Some(none.to_string()),
        };
        self.keep(&batch.tests.into_iter().map(row).collect::<Vec<_>>())
    }

    fn keep(&mut self, rows: &[TestRow]) -> Result<(), Error> {
        self.store.add_tests(self.run, self.target, rows)?;
        self.stored += rows.len();
        self.bar.inc(rows.len() as u64);
        Ok(())
    }
}
