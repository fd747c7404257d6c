//! The sweep: has a lane run every case, judges each answer, and tells its listeners.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime};

use protocol::{AdapterChoice, InferenceReport, Target, Task, Verdict};

use crate::case::{self, Case, expand};
use crate::cli::SweepArgs;
use crate::error::Error;
use crate::event::{Event, Listener, RunEnd};
use crate::exit::Exit;
use crate::fallback;
use crate::interrupt::Interrupt;
use crate::judge;
use crate::lane::{self, Completion, Ended, Lane, NoAnswer, Open, Queue, Then, Unit};
use crate::plan::Plan;
use crate::report::{self, Progress};
use crate::rows::Report;
use crate::screen;
use crate::session::Context;
use crate::store::{Recorder, Store};
use crate::trial::Trial;

/// Runs `parallax sweep`.
///
/// # Errors
/// When the request is bad, or the database or the report cannot be written. A case that goes wrong is a row.
pub async fn run(args: &SweepArgs) -> Result<Exit, Error> {
    let mut interrupt = Interrupt::listen()?;
    let plan = Plan::resolve(args, &mut interrupt).await?;
    let mut store = Store::open(&args.db)?;
    let context = Context::start(plan.browsers.clone()).await?;
    let mut recorder = Recorder::new(&mut store);
    let mut progress = Progress::new();
    let listeners: &mut [&mut dyn Listener] = &mut [&mut recorder, &mut progress];
    let ended = Sweep { listeners, begun: None, pending: None }.run(&context, &plan, interrupt).await;
    let Some(run) = recorder.run() else { return ended.map(|_| Exit::NothingRan) };
    let report = store.report(&run);
    // What is there is reported, whatever kept the rest from being there.
    let printed = report.and_then(|report| print(&report, args.json).map(|()| report.exit()));
    let completion = ended?;
    printed.map(|exit| completion.exit(exit))
}

fn print(report: &Report, json: bool) -> Result<(), Error> {
    let colour = io::stdout().is_terminal() && console::colors_enabled();
    match json {
        true => screen::print(&report::document(report)),
        false => screen::print_coloured(&report::render(report, colour)),
    }
}

/// A case, run as it is or in place of another.
#[derive(Clone)]
struct Inference {
    case: Case,
    limit: Duration,
}

impl Unit for Inference {
    type Report = InferenceReport;

    fn target(&self) -> Target {
        self.case.target.clone()
    }

    fn adapter(&self) -> AdapterChoice {
        self.case.adapter.clone()
    }

    fn task(&self, context: &Context) -> Task {
        self.case.task(context)
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

/// A sweep under way.
struct Sweep<'a> {
    listeners: &'a mut [&'a mut dyn Listener],
    /// When the case that is running was begun.
    begun: Option<SystemTime>,
    pending: Option<Pending>,
}

/// A case that its target cannot run, while the next engines of its browser are tried in place of it.
struct Pending {
    trial: Trial,
    waiting: VecDeque<Target>,
}

impl Sweep<'_> {
    /// Runs all cases after those whose models cannot be had.
    async fn run(
        mut self,
        context: &Context,
        plan: &Plan,
        mut interrupt: Interrupt,
    ) -> Result<Completion, Error> {
        let (cases, lost) = (expand(plan), case::lost(plan));
        let all: Vec<Case> = cases.iter().chain(lost.iter().map(|(case, _)| case)).cloned().collect();
        self.tell(&Event::RunStarted { cases: &all, at: SystemTime::now() })?;
        let units = cases.into_iter().map(|case| Inference { case, limit: plan.timeout });
        let ended = match self.write_off(lost) {
            Ok(()) => {
                let lane = Lane::new(context, Open::One);
                lane.run_until(Queue::by_kind(units), &mut self, &mut interrupt).await
            }
            Err(error) => Err(error),
        };
        let end = RunEnd::of(ended.as_ref().copied());
        let finished = Event::RunFinished { end: &end, at: SystemTime::now() };
        // All of them, though one may be what failed.
        let told: Vec<_> = self.listeners.iter_mut().map(|listener| listener.hear(&finished)).collect();
        ended.and_then(|ended| told.into_iter().collect::<Result<(), Error>>().map(|()| ended))
    }

    /// The rows of models that cannot be had.
    fn write_off(&mut self, lost: Vec<(Case, NoAnswer)>) -> Result<(), Error> {
        for (case, none) in lost {
            self.tell(&Event::CaseStarted(&case))?;
            self.tell(&Event::CaseFinished(&Trial::lost(case, none)))?;
        }
        Ok(())
    }

    /// A case ended that is none in place of another.
    fn answered(&mut self, unit: Inference, ended: Ended<InferenceReport>) -> Result<Then<Inference>, Error> {
        let Inference { case, limit } = unit;
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => {
                self.tell(&Event::CaseStarted(&case))?;
                SystemTime::now()
            }
        };
        // Something that ran in part has shown what the rest costs.
        let may_fall_back = matches!(&ended.answer, Err(NoAnswer::Failure(_))) && !case.strict;
        let trial = Trial::of(case, ended, begun);
        if may_fall_back {
            let waiting = fallback::targets(&trial.case.target, trial.judgement.verdict).into();
            return self.fall_back(Pending { trial, waiting }, limit);
        }
        self.finished(trial)
    }

    /// The next engine of the browser is tried in place of one that cannot run the model, where there is one.
    fn fall_back(&mut self, mut pending: Pending, limit: Duration) -> Result<Then<Inference>, Error> {
        let Some(target) = pending.waiting.pop_front() else { return self.finished(pending.trial) };
        let case = Case { target, ..pending.trial.case.clone() };
        self.pending = Some(pending);
        Ok(Then { next: Some(Inference { case, limit }), spent: false })
    }

    /// A case ended that was run in place of another.
    fn answered_instead(
        &mut self,
        mut pending: Pending,
        unit: Inference,
        ended: Ended<InferenceReport>,
    ) -> Result<Then<Inference>, Error> {
        let Inference { case, limit } = unit;
        let judgement = judge::answer(&case, &ended.answer);
        match (judgement.verdict, ended.answer) {
            (_, Err(NoAnswer::Fault(_))) => return self.finished(pending.trial),
            (Verdict::DeviceLost, _) => {
                let finished = self.finished(pending.trial)?;
                return Ok(Then { spent: true, ..finished });
            }
            (Verdict::Pass, Ok(report)) => {
                pending.trial.fell_back(case.target, report);
                return self.finished(pending.trial);
            }
            _ if pending.waiting.is_empty() => pending.trial.nothing_instead(&case.target, judgement),
            _ => {}
        }
        self.fall_back(pending, limit)
    }

    fn finished(&mut self, trial: Trial) -> Result<Then<Inference>, Error> {
        self.tell(&Event::CaseFinished(&trial))?;
        Ok(Then { spent: trial.judgement.verdict == Verdict::DeviceLost, next: None })
    }

    fn tell(&mut self, event: &Event<'_>) -> Result<(), Error> {
        self.listeners.iter_mut().try_for_each(|listener| listener.hear(event))
    }
}

impl lane::Listener<Inference> for Sweep<'_> {
    fn hear(&mut self, event: lane::Event<'_, Inference>) -> Result<Then<Inference>, Error> {
        match event {
            lane::Event::Opening(place) => self.tell(&Event::SessionOpening(place))?,
            lane::Event::Started(unit) if self.pending.is_none() => {
                self.begun = Some(SystemTime::now());
                self.tell(&Event::CaseStarted(&unit.case))?;
            }
            lane::Event::Started(_) => {}
            lane::Event::Ended(unit, ended) => {
                return match self.pending.take() {
                    Some(pending) => self.answered_instead(pending, unit, ended),
                    None => self.answered(unit, ended),
                };
            }
        }
        Ok(Then::default())
    }
}
