//! `parallax bench models`: each model on two targets, turn by turn, and how many times as long the second takes.

use std::time::{Duration, SystemTime};

use indicatif::ProgressBar;
use protocol::{AdapterChoice, InferenceReport, Target, Task, Verdict};

use crate::case::{self, Case, expand};
use crate::cli::{ModelsArgs, SweepArgs};
use crate::error::Error;
use crate::event::RunEnd;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::lane::{Completion, Ended, Event, Lane, Listener, Open, Queue, Then, Unit};
use crate::pair::Pair;
use crate::plan::Plan;
use crate::report::comparison as report;
use crate::rows::comparison::Side;
use crate::screen;
use crate::session::Context;
use crate::store::{ComparisonId, RunId, RunKind, Store, TurnPlace};
use crate::trial::Trial;

/// Runs `parallax bench models`.
///
/// # Errors
/// For a model, target or browser that is not known, or a database or report that cannot be written. A model that goes wrong
/// on either side is a row.
pub async fn run(args: &ModelsArgs) -> Result<Exit, Error> {
    let mut interrupt = Interrupt::listen()?;
    let plan = plan(args, &mut interrupt).await?;
    let mut store = Store::open(&args.db)?;
    let context = Context::start(plan.browsers.clone()).await?;
    let run = store.begin_run(RunKind::BenchModels, SystemTime::now())?;
    let bench = Bench { args, plan: &plan, run: &run, store: &mut store, trials: 0, comparisons: 0 };
    let ended = bench.go(&context, interrupt).await;
    let finished = store.finish_run(&run, &RunEnd::of(ended.as_ref().copied()), SystemTime::now());
    // What is there is reported, whatever kept the rest from being there.
    let found = store.comparisons(&run);
    let printed = found.and_then(|found| {
        let text = if args.json { report::document(&found) } else { report::render(&found) };
        screen::print(&text).map(|()| found.exit())
    });
    let completion = ended?;
    finished.and(printed).map(|exit| completion.exit(exit))
}

async fn plan(args: &ModelsArgs, interrupt: &mut Interrupt) -> Result<Plan, Error> {
    let targets = args.pairs.iter().flat_map(|pair| [pair.ours.clone(), pair.other.clone()]).collect();
    let args = SweepArgs {
        plan: None,
        models: args.models.clone(),
        dimensions: args.dimensions.clone(),
        targets,
        samples: Some(args.samples),
        timeout_s: Some(args.timeout_s),
        strict: false,
        db: args.db.clone(),
        json: args.json,
    };
    Plan::resolve(&args, interrupt).await
}

/// A run of comparisons.
struct Bench<'a> {
    args: &'a ModelsArgs,
    plan: &'a Plan,
    run: &'a RunId,
    store: &'a mut Store,
    /// How many trials and comparisons there were so far.
    trials: u32,
    comparisons: u32,
}

impl Bench<'_> {
    async fn go(mut self, context: &Context, mut interrupt: Interrupt) -> Result<Completion, Error> {
        let spinner = screen::spinner();
        self.write_off()?;
        let cases = expand(self.plan);
        for pair in &self.args.pairs {
            let side = |name: &str, target: &Target| {
                cases.iter().find(|case| case.model.manifest.name == name && case.target == *target)
            };
            let turns = self.plan.models.iter().filter_map(|model| {
                let name = &model.manifest.name;
                let sides = [side(name, &pair.ours)?, side(name, &pair.other)?];
                Some(Turn { sides, turn: 0, limit: self.plan.timeout })
            });
            let queue = Queue::new(turns.collect::<Vec<_>>());
            let mut turns =
                Turns { bench: &mut self, pair, spinner: &spinner, comparison: None, begun: None };
            let lane = Lane::new(context, Open::OneOfEachKind);
            if lane.run_until(queue, &mut turns, &mut interrupt).await? == Completion::Interrupted {
                return Ok(Completion::Interrupted);
            }
        }
        spinner.finish_and_clear();
        Ok(Completion::Complete)
    }

    /// The rows of models that cannot be had: each a comparison whose first turn says why.
    fn write_off(&mut self) -> Result<(), Error> {
        for (case, none) in case::lost(self.plan) {
            for pair in self.args.pairs.iter().filter(|pair| pair.ours == case.target) {
                let comparison = self.begin(&case.model.manifest.name, pair)?;
                let place = TurnPlace { round: 0, side: Side::Ours, position: 0 };
                self.keep(&comparison, place, Trial::lost(case.clone(), none.clone()))?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, model: &str, pair: &Pair) -> Result<ComparisonId, Error> {
        self.comparisons += 1;
        self.store.begin_comparison(self.run, self.comparisons - 1, model, pair)
    }

    fn keep(&mut self, comparison: &ComparisonId, place: TurnPlace, mut trial: Trial) -> Result<(), Error> {
        trial.case.position = self.trials;
        self.trials += 1;
        self.store.add_turn(self.run, comparison, place, &trial)
    }
}

/// One side of a model's comparison in a round: who begins changes from round to round.
#[derive(Clone)]
struct Turn<'a> {
    sides: [&'a Case; 2],
    /// From 0: two to a round.
    turn: u32,
    limit: Duration,
}

impl Turn<'_> {
    fn place_in_comparison(&self) -> TurnPlace {
        let (round, position) = (self.turn / 2, self.turn % 2);
        let side = if (position ^ (round % 2)) == 0 { Side::Ours } else { Side::Other };
        TurnPlace { round, side, position }
    }

    fn case(&self) -> &Case {
        self.sides[self.place_in_comparison().side as usize]
    }
}

impl Unit for Turn<'_> {
    type Report = InferenceReport;

    fn target(&self) -> Target {
        self.case().target.clone()
    }

    fn adapter(&self) -> AdapterChoice {
        self.case().adapter.clone()
    }

    fn task(&self, context: &Context) -> Task {
        self.case().task(context)
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

/// The turns of a pair, as they come in.
struct Turns<'a, 'b> {
    bench: &'a mut Bench<'b>,
    pair: &'a Pair,
    spinner: &'a ProgressBar,
    comparison: Option<ComparisonId>,
    /// When the turn that is taken was begun.
    begun: Option<SystemTime>,
}

impl<'t> Listener<Turn<'t>> for Turns<'_, '_> {
    fn hear(&mut self, event: Event<'_, Turn<'t>>) -> Result<Then<Turn<'t>>, Error> {
        match event {
            Event::Opening(_) => {}
            Event::Started(turn) => {
                self.bench.store.check_file()?;
                self.begun = Some(SystemTime::now());
                let Pair { ours, other } = self.pair;
                let model = &turn.case().model.manifest.name;
                self.spinner.set_message(screen::shown(&format!("{model}: {ours} against {other}")));
            }
            Event::Ended(turn, ended) => {
                return Ok(Then { spent: false, next: self.ended(turn, ended)? });
            }
        }
        Ok(Then::default())
    }
}

impl Turns<'_, '_> {
    /// Keeps a turn, and gives the next one of the model, if there is one.
    fn ended<'t>(
        &mut self,
        turn: Turn<'t>,
        ended: Ended<InferenceReport>,
    ) -> Result<Option<Turn<'t>>, Error> {
        let begun = self.begun.take().unwrap_or_else(SystemTime::now);
        let trial = Trial::of(turn.case().clone(), ended, begun);
        let verdict = trial.judgement.verdict;
        let comparison = match self.comparison.take() {
            Some(comparison) => comparison,
            None => self.bench.begin(&turn.case().model.manifest.name, self.pair)?,
        };
        self.bench.keep(&comparison, turn.place_in_comparison(), trial)?;
        if verdict == Verdict::Pass && turn.turn + 1 < 2 * self.bench.args.rounds {
            self.comparison = Some(comparison);
            return Ok(Some(Turn { turn: turn.turn + 1, ..turn }));
        }
        // A run of hours tells what it has measured.
        let found = self.bench.store.comparisons(self.bench.run)?;
        let row = found.comparisons.last().map(|row| report::cells(row).join("  "));
        self.spinner.suspend(|| screen::tell(&row.unwrap_or_default()));
        Ok(None)
    }
}
