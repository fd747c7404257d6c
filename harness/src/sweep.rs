//! The sweep: has a lane run every turn of every case, judges each answer, and tells its listeners.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, SystemTime};

use protocol::{
    AdapterChoice, Answer, ControlReport, InferenceReport, Metric, NoReport, Target, Task, Verdict,
};

use crate::case::{self, Case};
use crate::cli::{ProgressForm, SweepArgs};
use crate::error::Error;
use crate::estimate::{Ahead, Estimate};
use crate::event::{Event, Listener, RunEnd};
use crate::exit::Exit;
use crate::fallback;
use crate::interrupt::Interrupt;
use crate::judge;
use crate::lane::{self, Completion, Ended, Lane, NoAnswer, Open, Then, Unit};
use crate::part::Part;
use crate::plan::Plan;
use crate::report::{self, Progress};
use crate::rows::Report;
use crate::schedule::{self, Block};
use crate::screen;
use crate::serve::live::Live;
use crate::session::{Context, SessionKind};
use crate::shard::name;
use crate::store::{Recorder, RunId, Store};
use crate::trial::Trial;
use crate::turn::Turn;

/// Runs `parallax sweep`.
///
/// # Errors
/// When the request is bad, or the database or the report cannot be written. A case that goes wrong is a row.
pub async fn run(args: &SweepArgs) -> Result<Exit, Error> {
    let mut interrupt = Interrupt::listen()?;
    let mut plan = Plan::resolve(args, &mut interrupt).await?;
    let mut store = Store::open(&args.output.db)?;
    plan.tunings.look_up(|| store.last_tunings())?;
    let asked = asked(args, plan, &store)?;
    let (run, ended) = measure(&asked, &mut store, interrupt).await?;
    let report = store.report_of_run(&run);
    // What is there is reported, whatever kept the rest from being there.
    let printed = report.and_then(|report| print(&report, args.output.json).map(|()| report.exit()));
    let completion = ended?;
    printed.map(|exit| completion.exit(if asked.tell_if_empty() { Exit::Success } else { exit }))
}

/// Measures what flags ask for into a database, for a command that looks at it afterwards; gives the exit code that a sweep would
/// have.
///
/// # Errors
/// When the request is bad, or the database fails.
pub async fn measured(args: &SweepArgs, db: &Path) -> Result<(Store, RunId, Exit), Error> {
    let mut interrupt = Interrupt::listen()?;
    let mut plan = Plan::resolve(args, &mut interrupt).await?;
    let mut store = Store::open(db)?;
    plan.tunings.look_up(|| store.last_tunings())?;
    let asked = asked(args, plan, &store)?;
    let (run, ended) = measure(&asked, &mut store, interrupt).await?;
    let exit = ended?.exit(store.report_of_run(&run)?.exit());
    Ok((store, run, exit))
}

/// All that decides what a sweep runs.
struct Asked {
    plan: Plan,
    /// What of it is run here.
    part: Part,
    /// What cases took before, by key.
    durations: BTreeMap<String, Duration>,
    progress: Option<ProgressForm>,
}

/// What flags and a plan ask for, if it is of a size that somebody meant.
fn asked(args: &SweepArgs, plan: Plan, store: &Store) -> Result<Asked, Error> {
    let durations = store.durations()?;
    let sweep = args.shard.name.clone().or_else(|| name::of_ci(|variable| env::var(variable).ok()));
    let shard = args.shard.shard;
    let before = shard.map(|shard| store.durations_before(shard.of(), sweep.as_deref())).transpose()?;
    let part = Part::of(&plan, &before.unwrap_or_default(), shard, sweep);
    part.check_size(&plan, &durations)?;
    Ok(Asked { plan, part, durations, progress: args.progress })
}

impl Asked {
    /// Says so where the shard has no model, and returns whether it has none.
    fn tell_if_empty(&self) -> bool {
        let Asked { plan, part, .. } = self;
        let models = plan.models.iter().map(|model| model.manifest.name.as_str());
        let lost = plan.lost.iter().map(|lost| lost.name.as_str());
        let is_empty = !models.chain(lost).any(|model| part.has(model));
        if let (true, Some(shard)) = (is_empty, part.shard) {
            let others = part.elsewhere();
            screen::tell(&format!(
                "shard {shard} has nothing to run: the other shards have the plan's {others} {}",
                if others == 1 { "model" } else { "models" }
            ));
        }
        is_empty
    }

    /// What is known beforehand of how long these blocks take.
    fn estimate(&self, blocks: &[Block]) -> Estimate {
        let ahead = |block: &Block, case: &Case| {
            let key = case.key();
            Ahead {
                known_s: self.durations.get(&key).map(Duration::as_secs_f64),
                key,
                model: case.model.manifest.name.clone(),
                target: case.target.to_string(),
                turns: block.turns() / block.cases().len().max(1),
            }
        };
        let mine = blocks.iter().filter(|block| block.is_of(&self.part));
        let cases = mine.flat_map(|block| block.cases().iter().map(|case| ahead(block, case)));
        Estimate::of(cases, self.plan.jobs.get() as usize)
    }
}

/// Measures what is asked for into the store, and shows how far it is; gives the run, and how it ended.
async fn measure(
    asked: &Asked,
    store: &mut Store,
    interrupt: Interrupt,
) -> Result<(RunId, Result<Completion, Error>), Error> {
    let Asked { plan, part, durations, .. } = asked;
    let context = Context::start(plan.browsers.clone()).await?;
    let blocks = schedule::blocks(plan);
    let mut live = Live::beside(store).await;
    let mut recorder = Recorder::new(store).of_part(part);
    let open = plan.rounds.is_some_and(|rounds| rounds.precision.is_some());
    let mut progress = Progress::new(asked.progress, asked.estimate(&blocks), open);
    let listeners: &mut [&mut dyn Listener] = &mut [&mut recorder, &mut progress, &mut live];
    let sweep = Sweep { listeners, plan, part, blocks, durations, positions: 0 };
    let ended = sweep.run(&context, interrupt).await;
    match (recorder.run(), ended) {
        (Some(run), ended) => Ok((run, ended)),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(Error::NothingRan("the run was not kept".to_owned())),
    }
}

fn print(report: &Report, json: bool) -> Result<(), Error> {
    let colour = io::stdout().is_terminal() && console::colors_enabled();
    match json {
        true => screen::print(&report::document(report)),
        false => screen::print_coloured(&report::render(report, colour)),
    }
}

/// What a sweep has done in a session.
#[derive(Clone)]
enum Work {
    /// A case.
    Inference(Inference),
    /// The fixed work that tells how fast the machine is now.
    Control,
}

/// A case in its turn, run as it is or in place of another.
#[derive(Clone)]
struct Inference {
    case: Case,
    /// Whose turn it is: the place of its block.
    block: usize,
    turn: Turn,
    limit: Duration,
    /// The case that its target cannot run, where this one is run in its place.
    instead_of: Option<Box<Pending>>,
}

/// A case that its target cannot run, while the next engines of its browser are tried in place of it.
#[derive(Clone)]
struct Pending {
    trial: Trial,
    waiting: VecDeque<Target>,
}

/// The report of either work.
enum WorkReport {
    Inference(Box<InferenceReport>),
    Control(ControlReport),
}

impl protocol::Report for WorkReport {
    fn of(answer: Answer) -> Result<Self, NoReport> {
        match answer {
            Answer::Controlled(report) => Ok(WorkReport::Control(report)),
            answer => InferenceReport::of(answer).map(|report| WorkReport::Inference(Box::new(report))),
        }
    }
}

/// What the drift control may take.
const CONTROL_LIMIT: Duration = Duration::from_secs(5);
/// Cases between two of its turns, where each runs once.
const CASES_TO_A_CONTROL: usize = 8;

impl Unit for Work {
    type Report = WorkReport;

    fn target(&self) -> Target {
        match self {
            Work::Inference(inference) => inference.case.target.clone(),
            Work::Control => Target { engine: protocol::Engine::Onnxruntime, device: None, browser: None },
        }
    }

    fn adapter(&self) -> AdapterChoice {
        match self {
            Work::Inference(inference) => inference.case.adapter.clone(),
            Work::Control => AdapterChoice::Default,
        }
    }

    fn kind(&self) -> SessionKind {
        match self {
            Work::Inference(inference) => schedule::kind_of(&inference.case),
            Work::Control => SessionKind::Control,
        }
    }

    fn task(&self, context: &Context) -> Task {
        match self {
            Work::Inference(inference) => inference.case.task(context),
            Work::Control => Task::Control,
        }
    }

    fn limit(&self) -> Duration {
        match self {
            Work::Inference(inference) => inference.limit,
            Work::Control => CONTROL_LIMIT,
        }
    }

    fn needs_new_session(&self) -> bool {
        match self {
            Work::Inference(inference) => inference.turn.new_session,
            Work::Control => false,
        }
    }
}

/// A sweep under way.
struct Sweep<'a> {
    listeners: &'a mut [&'a mut dyn Listener],
    plan: &'a Plan,
    part: &'a Part,
    /// Of the whole plan, those of other shards too: places in the matrix are the same for all.
    blocks: Vec<Block>,
    /// What cases took before, by key.
    durations: &'a BTreeMap<String, Duration>,
    /// Trials of rounds so far.
    positions: u32,
}

impl Sweep<'_> {
    /// Runs all cases after those whose models cannot be had.
    async fn run(mut self, context: &Context, mut interrupt: Interrupt) -> Result<Completion, Error> {
        let lost = case::lost(self.plan);
        let mine = self.blocks.iter().filter(|block| block.is_of(self.part));
        let turns = lost.len() + mine.map(Block::turns).sum::<usize>();
        self.tell(&Event::RunStarted { turns, at: SystemTime::now() })?;
        let ended = match self.write_off(lost) {
            Ok(()) => {
                let open = if self.plan.rounds.is_none() { Open::One } else { Open::OneOfEachKind };
                let units = self.units();
                let lane = Lane::new(context, open).with_jobs(self.plan.jobs);
                lane.run_until(units, &mut self, &mut interrupt).await
            }
            Err(error) => Err(error),
        };
        let end = RunEnd::of(ended.as_ref().copied());
        let finished = Event::RunFinished { end: &end, at: SystemTime::now() };
        // All of them, though one may be what failed.
        let told: Vec<_> = self.listeners.iter_mut().map(|listener| listener.hear(&finished)).collect();
        ended.and_then(|ended| told.into_iter().collect::<Result<(), Error>>().map(|()| ended))
    }

    /// The first turn of every block, and the control before, between and after.
    fn units(&mut self) -> Vec<Work> {
        let mut units = Vec::new();
        let mut order = schedule::order(&self.blocks, self.plan.jobs, self.durations);
        order.retain(|block| self.blocks[*block].is_of(self.part));
        if order.is_empty() {
            return units;
        }
        for (place, block) in order.into_iter().enumerate() {
            let controlled = self.plan.rounds.is_none() && place % CASES_TO_A_CONTROL == 0;
            units.extend(controlled.then_some(Work::Control));
            units.extend(self.next(block));
        }
        units.push(Work::Control);
        units
    }

    /// The next turn of a block, where there is one; a round begins with the control.
    fn next(&mut self, block: usize) -> Vec<Work> {
        let Some(turn) = self.blocks[block].next_turn() else { return Vec::new() };
        let case = self.blocks[block].cases()[turn.case].clone();
        let limit = self.plan.timeout;
        let inference = Work::Inference(Inference { case, block, turn, limit, instead_of: None });
        let begins_round = turn.round.is_some_and(|place| place.position == 0);
        begins_round.then_some(Work::Control).into_iter().chain([inference]).collect()
    }

    /// The rows of models that cannot be had.
    fn write_off(&mut self, lost: Vec<(Case, NoAnswer)>) -> Result<(), Error> {
        let first = if self.plan.rounds.is_none() { self.blocks.len() as u32 } else { 0 };
        self.positions = first + lost.len() as u32;
        for (position, (case, none)) in (first..).zip(lost) {
            if self.part.has(&case.model.manifest.name) {
                self.tell(&Event::CaseFinished(&Trial { position, ..Trial::lost(case, none) }))?;
            }
        }
        Ok(())
    }

    fn ended(&mut self, work: Work, ended: Ended<WorkReport>) -> Result<Then<Work>, Error> {
        let Ended { answer, observed, started_at, concurrency } = ended;
        let inference = match (work, answer) {
            (Work::Inference(inference), Ok(WorkReport::Inference(report))) => {
                (inference, Ended { answer: Ok(*report), observed, started_at, concurrency })
            }
            (Work::Inference(inference), Err(none)) => {
                (inference, Ended { answer: Err(none), observed, started_at, concurrency })
            }
            (Work::Control, Ok(WorkReport::Control(ControlReport { times_ms }))) => {
                self.tell(&Event::Controlled { times_ms: &times_ms, at: started_at, concurrency })?;
                // Nothing of it waits beside what is measured.
                return Ok(Then { spent: true, ..Then::default() });
            }
            // Without the control, nothing is told of drift; no session answers one's work with the other's report.
            (Work::Control, _) | (Work::Inference(_), Ok(WorkReport::Control(_))) => {
                return Ok(Then::default());
            }
        };
        let (mut inference, ended) = inference;
        match inference.instead_of.take() {
            None => self.answered(inference, ended),
            Some(pending) => self.answered_instead(*pending, inference, ended),
        }
    }

    /// A case ended that is none in place of another.
    fn answered(&mut self, inference: Inference, ended: Ended<InferenceReport>) -> Result<Then<Work>, Error> {
        // Something that ran in part has shown what the rest costs.
        let may_fall_back = matches!(&ended.answer, Err(NoAnswer::Failure(_))) && !inference.case.strict;
        let trial = Trial::of(inference.case.clone(), ended);
        if may_fall_back {
            let waiting = fallback::targets(&trial.case.target, trial.judgement.verdict).into();
            return self.fall_back(Pending { trial, waiting }, inference);
        }
        self.finished(trial, &inference)
    }

    /// The next engine of the browser is tried in place of one that cannot run the model, where there is one.
    fn fall_back(&mut self, mut pending: Pending, inference: Inference) -> Result<Then<Work>, Error> {
        let Some(target) = pending.waiting.pop_front() else {
            return self.finished(pending.trial, &inference);
        };
        let case = Case { target, ..pending.trial.case.clone() };
        let next = Inference { case, instead_of: Some(Box::new(pending)), ..inference };
        Ok(Then { next: vec![Work::Inference(next)], spent: false })
    }

    /// A case ended that was run in place of another.
    fn answered_instead(
        &mut self,
        mut pending: Pending,
        inference: Inference,
        ended: Ended<InferenceReport>,
    ) -> Result<Then<Work>, Error> {
        let case = &inference.case;
        let judgement = judge::answer(case, &ended.answer);
        match (judgement.verdict, ended.answer) {
            (_, Err(NoAnswer::Fault(_))) => return self.finished(pending.trial, &inference),
            (Verdict::DeviceLost, _) => {
                let finished = self.finished(pending.trial, &inference)?;
                return Ok(Then { spent: true, ..finished });
            }
            (Verdict::Pass, Ok(report)) => {
                pending.trial.fell_back(case.target.clone(), report);
                return self.finished(pending.trial, &inference);
            }
            _ if pending.waiting.is_empty() => pending.trial.nothing_instead(&case.target, judgement),
            _ => {}
        }
        self.fall_back(pending, inference)
    }

    /// A turn is over: it is told, and the next of its block follows.
    fn finished(&mut self, mut trial: Trial, inference: &Inference) -> Result<Then<Work>, Error> {
        let Inference { block, turn, .. } = *inference;
        trial.round = turn.round;
        trial.position = match turn.round {
            None => block as u32,
            Some(_) => self.positions,
        };
        self.positions += u32::from(turn.round.is_some());
        self.tell(&Event::CaseFinished(&trial))?;
        let verdict = trial.judgement.verdict;
        let latencies_ms = trial.measured(Metric::LatencyMs).filter(|_| verdict == Verdict::Pass);
        // A clock that was set back in between tells nothing.
        let spent = trial.finished_at.duration_since(trial.started_at).unwrap_or_default();
        self.blocks[block].took(turn, spent, latencies_ms);
        Ok(Then { spent: verdict == Verdict::DeviceLost, next: self.next(block) })
    }

    fn tell(&mut self, event: &Event<'_>) -> Result<(), Error> {
        self.listeners.iter_mut().try_for_each(|listener| listener.hear(event))
    }
}

impl lane::Listener<Work> for Sweep<'_> {
    fn hear(&mut self, event: lane::Event<'_, Work>) -> Result<Then<Work>, Error> {
        match event {
            lane::Event::Opening(kind) => self.tell(&Event::SessionOpening(kind))?,
            lane::Event::Opened(kind, number, opening) => {
                self.tell(&Event::SessionOpened { kind, number, opening })?;
            }
            lane::Event::Closed(number, took_ms) => self.tell(&Event::SessionClosed { number, took_ms })?,
            lane::Event::Started(Work::Inference(Inference { case, instead_of: None, .. })) => {
                self.tell(&Event::CaseStarted(case))?;
            }
            lane::Event::Started(_) => {}
            lane::Event::Ended(work, ended) => return self.ended(work, ended),
        }
        Ok(Then::default())
    }
}
