//! `parallax conformance`: the ONNX project's node tests on each target, batch by batch, into the store.

mod batches;
mod expected;
mod judge;
mod repro;
mod suite;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use indicatif::{ProgressBar, ProgressStyle};
use protocol::{
    Answer, Conformance, ConformanceReport, Failure, FailureKind, Job, Outcome, Target, Task, Tolerance,
};

use self::batches::{Batch, Batches, Finished, Step};
use self::expected::Expected;
use self::suite::Suite;
use crate::browser;
use crate::cli::ConformanceArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::plan::{check_browser, each_once};
use crate::report::conformance::{self as report, REFUSES, TestRow};
use crate::report::screen;
use crate::scratch;
use crate::session::{self, Context, Fault, Place, Session};
use crate::store::{RunId, RunKind, RunState, Store, TargetBegun, TargetEnded};

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
    let browsers = browser::known(&BTreeMap::new())?;
    let open = |path: &PathBuf| Expected::open(path, args.update);
    let mut expected = args.expect.as_ref().map(open).transpose()?;
    let targets = targets(args, expected.as_ref());
    targets.iter().try_for_each(|target| check_browser(target, &browsers))?;
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
        return repro::write(test, &targets, &suite, browsers, packs.path()).await;
    }
    if let (Some(path), Some(expected), Ok(suite), false) = (&args.expect, &expected, &suite, args.update) {
        expected.covers(path, &targets, &suite.name)?;
    }
    let mut store = Store::open(&args.db)?;
    let mut interrupt = Interrupt::listen()?;
    let context = Context::start(browsers).await?;
    let run = store.begin_run(RunKind::Conformance, SystemTime::now())?;
    let exam = Exam { context: &context, suite: &suite, batches: &batches, packs: packs.path(), run };
    let interrupted = tokio::select! {
        biased;
        () = interrupt.received() => true,
        sat = exam.sit_all(&mut store, &targets, args.timeout_s) => sat.map(|()| false)?,
    };
    let state = if interrupted { RunState::Interrupted } else { RunState::Finished };
    store.finish_run(run, state, SystemTime::now())?;
    let mut report = store.conformance(run)?;
    if let (Some(path), Some(expected)) = (&args.expect, &mut expected) {
        hold(&mut report, expected, path, args.update && !interrupted)?;
    }
    publish(&report, args)?;
    Ok(if interrupted { Exit::Interrupted } else { report.exit() })
}

/// The targets asked for, or those of the list.
fn targets(args: &ConformanceArgs, expected: Option<&Expected>) -> Vec<Target> {
    match (args.targets.as_slice(), expected) {
        ([], Some(expected)) => expected.targets.clone(),
        (targets, _) => each_once(targets),
    }
}

/// Holds what was found to the list, or writes the list from it.
fn hold(
    report: &mut report::Conformance,
    expected: &mut Expected,
    path: &Path,
    update: bool,
) -> Result<(), Error> {
    if update {
        expected.learn(report);
        return expected.save(path);
    }
    for target in &mut report.targets {
        target.unexpected = expected.unexpected(&target.target, &target.tests);
    }
    Ok(())
}

fn publish(found: &report::Conformance, args: &ConformanceArgs) -> Result<(), Error> {
    if let Some(path) = &args.document {
        fs::write(path, screen::shown(&report::operators(found))).map_err(Error::Output)?;
    }
    let colour = io::stdout().is_terminal() && console::colors_enabled();
    match args.json {
        true => screen::print(&report::document(found)),
        false => screen::print_coloured(&report::render(found, colour)),
    }
}

/// What every target is given.
struct Exam<'a> {
    context: &'a Context,
    suite: &'a Result<Suite, Fault>,
    batches: &'a [Batch],
    packs: &'a Path,
    run: RunId,
}

impl Exam<'_> {
    /// Where the tests of a batch are. A page would need hundreds of requests for them: it gets one pack.
    fn location(&self, place: &Place, batch: &Batch) -> String {
        match (place, self.suite) {
            (Place::Browser(_), _) => self.context.pages.mount(PACKS, self.packs) + &batch.pack,
            (Place::Native(_), Ok(suite)) => suite.folder.to_string_lossy().into_owned(),
            // Without a suite there is no batch.
            (Place::Native(_), Err(_)) => String::new(),
        }
    }

    /// One target after the other: two at once would slow each other down into time-outs.
    async fn sit_all(&self, store: &mut Store, targets: &[Target], timeout_s: u64) -> Result<(), Error> {
        let tests: usize = self.batches.iter().map(|batch| batch.tests.len()).sum();
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new((tests * targets.len()) as u64).with_style(style.progress_chars("━╸ "));
        bar.enable_steady_tick(Duration::from_millis(120));
        for (position, target) in (0..).zip(targets) {
            bar.set_message(target.to_string());
            let mut sitting = Sitting {
                exam: self,
                store,
                target,
                bar: &bar,
                timeout: Duration::from_secs(timeout_s),
                session: None,
                jobs: 0,
                stored: 0,
                ended: TargetEnded::default(),
            };
            sitting.sit(position).await?;
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// One target going through the tests: at most one session is open.
struct Sitting<'a> {
    exam: &'a Exam<'a>,
    store: &'a mut Store,
    target: &'a Target,
    bar: &'a ProgressBar,
    timeout: Duration,
    session: Option<Box<dyn Session>>,
    jobs: u64,
    stored: usize,
    ended: TargetEnded,
}

impl Sitting<'_> {
    async fn sit(&mut self, position: u32) -> Result<(), Error> {
        let suite = self.exam.suite.as_ref().map_or("", |suite| suite.name.as_str());
        let begun = TargetBegun { position, target: self.target, suite, tolerance: TOLERANCE };
        self.store.begin_target(self.exam.run, &begun, SystemTime::now())?;
        match self.exam.suite {
            Ok(_) => self.go_through(Batches::new(self.exam.batches)).await?,
            Err(fault) => self.ended.unavailable = Some(fault.to_string()),
        }
        self.close().await;
        self.store.end_target(self.exam.run, self.target, &self.ended, SystemTime::now())
    }

    async fn go_through(&mut self, mut batches: Batches) -> Result<(), Error> {
        let mut finished = Finished::Nothing;
        loop {
            finished = match batches.next(finished) {
                Step::Run(batch) => self.run_batch(&batch).await?,
                Step::Restart => self.restart().await,
                Step::Forgo(tests, fault) => self.forgo(tests, &fault)?,
                Step::Done => return Ok(()),
            }
        }
    }

    async fn restart(&mut self) -> Finished {
        self.close().await;
        match session::open(&Place::of(self.target), self.exam.context).await {
            Ok(session) => {
                self.ended.facts.extend(session.facts());
                self.session = Some(session);
                Finished::Opened
            }
            Err(fault) => Finished::NotOpened(fault),
        }
    }

    async fn run_batch(&mut self, batch: &Batch) -> Result<Finished, Error> {
        let job = self.job(batch);
        let limit = self.timeout.mul_f64(1.0 + SHARE_PER_TEST * batch.tests.len() as f64);
        let Some(session) = &mut self.session else {
            return Ok(Finished::Died(Fault::Crash { message: "no session was open".to_owned() }));
        };
        match session.run(&job, limit).await.and_then(conformed) {
            Err(fault) => Ok(Finished::Died(fault)),
            Ok(report) => {
                self.keep(&judge::batch(self.target, &batch.tests, &report))?;
                self.take_in(report);
                Ok(Finished::Answered)
            }
        }
    }

    fn job(&mut self, batch: &Batch) -> Job {
        self.jobs += 1;
        let task = Task::Conform(Conformance {
            location: self.exam.location(&Place::of(self.target), batch),
            tests: batch.tests.clone(),
            tolerance: TOLERANCE,
        });
        self.exam.context.job_of(self.target, self.jobs, task)
    }

    /// Tests that were never run: where the target is not here at all, it and not they is what is missing.
    fn forgo(&mut self, tests: Vec<String>, fault: &Fault) -> Result<Finished, Error> {
        if self.stored == 0 && matches!(fault, Fault::Unavailable { .. }) {
            self.ended.unavailable = Some(fault.to_string());
            self.bar.inc(tests.len() as u64);
            return Ok(Finished::Nothing);
        }
        let row = |test| TestRow {
            test,
            operators: Vec::new(),
            wall_ms: None,
            verdict: fault.verdict(),
            message: Some(fault.to_string()),
        };
        self.keep(&tests.into_iter().map(row).collect::<Vec<_>>())?;
        Ok(Finished::Nothing)
    }

    fn keep(&mut self, rows: &[TestRow]) -> Result<(), Error> {
        self.store.add_tests(self.exam.run, self.target, rows)?;
        self.stored += rows.len();
        self.bar.inc(rows.len() as u64);
        Ok(())
    }

    fn take_in(&mut self, report: ConformanceReport) {
        for (phase, ms) in report.phases_ms {
            *self.ended.phases_ms.entry(phase).or_default() += ms;
        }
        let refused = report.refused.into_iter().map(|(kind, words)| (format!("{REFUSES} {kind}"), words));
        self.ended.facts.extend(refused);
        self.ended.operators = report.operators;
        self.ended.adapter = Some(report.adapter);
    }

    async fn close(&mut self) {
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }
}

/// The answer to a batch; a batch that fails as a whole ends its session.
fn conformed(outcome: Outcome) -> Result<ConformanceReport, Fault> {
    match outcome.answer {
        Answer::Conformed(report) => Ok(*report),
        // Both are said of the engine, before any test: no other session would have it.
        Answer::Failed(Failure { kind: FailureKind::Unavailable | FailureKind::Unsupported, message }) => {
            Err(Fault::Unavailable {
                reason: message,
                remedy: "`parallax detect` says what is here".to_owned(),
            })
        }
        Answer::Failed(failure) => Err(Fault::Crash { message: failure.message }),
        Answer::Inferred(_)
        | Answer::Detected { .. }
        | Answer::Dueled(_)
        | Answer::Reproduced { .. }
        | Answer::Traced(_)
        | Answer::Completed(_)
        | Answer::Profiled(_) => Err(Fault::Crash { message: "it answered another question".to_owned() }),
    }
}
