//! The sweep: runs what the schedule says in sessions, judges each answer, and tells its listeners.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime};

use protocol::{Answer, Failure, Metric, Outcome, Samples, Verdict};

use crate::case::{self, Case, expand};
use crate::cli::SweepArgs;
use crate::error::Error;
use crate::event::{Event, Listener};
use crate::exit::Exit;
use crate::fallback;
use crate::interrupt::Interrupt;
use crate::judge;
use crate::plan::Plan;
use crate::report::{self, Progress, REFERENCE, Report, screen};
use crate::schedule::{Finished, Schedule, Step};
use crate::session::{self, Context, Fault, Place, Session};
use crate::store::{Recorder, Store};
use crate::trial::Trial;

/// Cases never overlap: two at once would measure each other.
const CONCURRENCY: u32 = 1;

/// Runs `parallax sweep`.
///
/// # Errors
/// When the request is bad, or the database or the report cannot be written. A case that goes wrong is a row.
pub async fn run(args: &SweepArgs) -> Result<Exit, Error> {
    let plan = Plan::resolve(args).await?;
    let (cases, lost) = (expand(&plan), case::lost(&plan));
    let mut store = Store::open(&args.db)?;
    let interrupt = Interrupt::listen()?;
    let context = Context::start(plan.browsers.clone()).await?;
    let mut recorder = Recorder::new(&mut store);
    let mut progress = Progress::new();
    let ended = Sweep {
        context: &context,
        timeout: plan.timeout,
        listeners: &mut [&mut recorder, &mut progress],
        session: None,
        jobs: 0,
    }
    .run(&cases, lost, interrupt)
    .await?;
    let Some(run) = recorder.run() else { return Ok(Exit::NothingRan) };
    let report = store.report(run)?;
    print(&report, args.json)?;
    Ok(match ended {
        Ended::Complete => report.exit(),
        Ended::Interrupted => Exit::Interrupted,
    })
}

fn print(report: &Report, json: bool) -> Result<(), Error> {
    let colour = io::stdout().is_terminal() && console::colors_enabled();
    match json {
        true => screen::print(&report::document(report)),
        false => screen::print_coloured(&report::render(report, colour)),
    }
}

/// How a sweep came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Complete,
    Interrupted,
}

/// A sweep under way: at most one session is open.
struct Sweep<'a> {
    context: &'a Context,
    timeout: Duration,
    listeners: &'a mut [&'a mut dyn Listener],
    session: Option<Box<dyn Session>>,
    jobs: u64,
}

impl Sweep<'_> {
    /// Runs all cases after those whose models cannot be had; closes the open session whatever happens.
    async fn run(
        mut self,
        cases: &[Case],
        lost: Vec<(Case, Failure)>,
        mut interrupt: Interrupt,
    ) -> Result<Ended, Error> {
        let all: Vec<Case> = cases.iter().chain(lost.iter().map(|(case, _)| case)).cloned().collect();
        self.tell(&Event::RunStarted { cases: &all, at: SystemTime::now() })?;
        for (case, failure) in lost {
            self.write_off(case, Ok(Outcome { id: 0, answer: Answer::Failed(failure) }))?;
        }
        let ended = tokio::select! {
            biased;
            () = interrupt.received() => Ok(Ended::Interrupted),
            ended = self.run_schedule(Schedule::new(cases)) => ended.map(|()| Ended::Complete),
        };
        // A second wish to stop does not wait for a tidy end: a dropped session kills what it started.
        tokio::select! {
            () = self.close() => {}
            () = interrupt.received() => {}
        }
        let interrupted = matches!(ended, Ok(Ended::Interrupted));
        let told = self.tell(&Event::RunFinished { interrupted, at: SystemTime::now() });
        ended.and_then(|ended| told.map(|()| ended))
    }

    async fn run_schedule(&mut self, mut schedule: Schedule) -> Result<(), Error> {
        let mut finished = Finished::Nothing;
        loop {
            finished = match schedule.next(finished) {
                Step::Run(case) => self.run_case(case).await?,
                Step::Restart(place) => self.restart(&place).await?,
                Step::Forgo(case, fault) => {
                    self.write_off(case, Err(fault))?;
                    Finished::Nothing
                }
                Step::Done => return Ok(()),
            }
        }
    }

    async fn restart(&mut self, place: &Place) -> Result<Finished, Error> {
        self.close().await;
        self.tell(&Event::SessionOpening(place))?;
        match session::open(place, self.context).await {
            Ok(session) => {
                self.session = Some(session);
                Ok(Finished::Opened)
            }
            Err(fault) => Ok(Finished::NotOpened(fault)),
        }
    }

    async fn run_case(&mut self, case: Case) -> Result<Finished, Error> {
        self.tell(&Event::CaseStarted(&case))?;
        let started_at = SystemTime::now();
        self.jobs += 1;
        let job = self.context.job(&case, self.jobs);
        let (answered, facts) = match &mut self.session {
            Some(session) => (session.run(&job, self.timeout).await, session.facts()),
            None => (Err(Fault::Crash { message: "no session was open".to_owned() }), BTreeMap::new()),
        };
        let answered = answered.map(|outcome| with_memory(outcome, self.session.as_deref()));
        let died = answered.is_err();
        // Something that ran in part has shown what the rest costs.
        let ran = matches!(&answered, Ok(Outcome { answer: Answer::Inferred(_), .. }));
        let mut trial = trial(case, answered, facts, started_at);
        let died = if died || ran || trial.case.strict { died } else { self.fall_back(&mut trial).await };
        self.tell(&Event::CaseFinished(&trial))?;
        Ok(if died { Finished::Died } else { Finished::Answered(trial.judgement.verdict) })
    }

    /// Tries the next engines of the browser in place of one that cannot run the model, until one can. Gives whether
    /// the session ended under it.
    async fn fall_back(&mut self, trial: &mut Trial) -> bool {
        let mut last = None;
        for target in fallback::targets(&trial.case.target, trial.judgement.verdict) {
            let case = Case { target, ..trial.case.clone() };
            self.jobs += 1;
            let job = self.context.job(&case, self.jobs);
            let Some(session) = &mut self.session else { return true };
            let Ok(outcome) = session.run(&job, self.timeout).await else { return true };
            let judgement = judge::outcome(&case, &outcome);
            if judgement.verdict == Verdict::DeviceLost {
                return true;
            }
            if let (Verdict::Pass, Answer::Inferred(report)) = (judgement.verdict, outcome.answer) {
                trial.fell_back(case.target, *report);
                return false;
            }
            last = Some((case.target, judgement));
        }
        if let Some((target, judgement)) = last {
            trial.nothing_instead(&target, judgement);
        }
        false
    }

    /// Ends a case that cannot begin.
    fn write_off(&mut self, case: Case, reason: Result<Outcome, Fault>) -> Result<(), Error> {
        self.tell(&Event::CaseStarted(&case))?;
        let trial = trial(case, reason, BTreeMap::new(), SystemTime::now());
        self.tell(&Event::CaseFinished(&trial))
    }

    async fn close(&mut self) {
        if let Some(session) = self.session.take() {
            session.close().await;
        }
    }

    fn tell(&mut self, event: &Event<'_>) -> Result<(), Error> {
        self.listeners.iter_mut().try_for_each(|listener| listener.hear(event))
    }
}

/// Adds what the session's processes hold now. Reading it earlier would disturb what is timed.
fn with_memory(mut outcome: Outcome, session: Option<&dyn Session>) -> Outcome {
    if let (Answer::Inferred(report), Some(bytes)) =
        (&mut outcome.answer, session.and_then(|session| session.memory_bytes()))
    {
        report.metrics.push(Samples { metric: Metric::ProcessMemoryBytes, values: vec![bytes as f64] });
    }
    outcome
}

fn trial(
    case: Case,
    answered: Result<Outcome, Fault>,
    facts: BTreeMap<String, String>,
    started_at: SystemTime,
) -> Trial {
    let judgement = match &answered {
        Ok(outcome) => judge::outcome(&case, outcome),
        Err(fault) => judge::fault(fault),
    };
    // Whom the expected outputs are from belongs to every verdict on them.
    let reference = case.model.manifest.reference.clone().map(|name| (REFERENCE.to_owned(), name));
    let mut trial = Trial {
        case,
        judgement,
        concurrency: CONCURRENCY,
        started_at,
        finished_at: SystemTime::now(),
        adapter: None,
        checks: Vec::new(),
        samples: Vec::new(),
        summaries: Vec::new(),
        features: facts.into_iter().chain(reference).collect(),
    };
    trial.note(trial.case.model.manifest.notes.clone());
    if let Ok(Outcome { answer: Answer::Inferred(report), .. }) = answered {
        trial.take_in(*report);
    }
    trial
}
