//! `parallax tune`: which way to cut each class of kernels is the fastest in a place, by measurement there.

use std::path::Path;
use std::time::{Duration, SystemTime};

use indicatif::ProgressBar;
use protocol::{
    AdapterChoice, Answer, Inference, KernelClass, KernelList, ListKernels, NoReport, Report, Sampling,
    Target, Task, Tune, TuneReport, Verdict,
};

use crate::adapter;
use crate::case::inference;
use crate::cli::TuneArgs;
use crate::error::Error;
use crate::event::RunEnd;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::lane::{Event, Lane, Listener, Open, Then, Unit};
use crate::model::{self, Model, Variant};
use crate::plan;
use crate::report::tuning as report;
use crate::screen;
use crate::session::Context;
use crate::store::{RunId, RunKind, Store};
use crate::tuning_file;

/// Seconds that completing a model may take, and reading all of them in a page.
const READING_S: u64 = 300;

/// Runs `parallax tune`.
///
/// # Errors
/// When a model or browser is not there, or the database, a file or the report cannot be written.
pub async fn run(args: &TuneArgs) -> Result<Exit, Error> {
    if let Some(path) = &args.export {
        let store = Store::open_existing(&args.output.db)?;
        let [places, rows] = tuning_file::write(path, &store.last_tunings()?)?;
        screen::print(&format!("{}: {places} places, {rows} rows", path.display()))?;
        return Ok(Exit::Success);
    }
    let targets = plan::each_once(args.targets.clone());
    let adapter = args.adapter.only()?;
    let context = plan::context(&targets).await?;
    let names = [args.models.clone(), args.suite.map(|suite| suite.models()).unwrap_or_default()].concat();
    let mut models = Vec::new();
    for name in plan::each_once(names) {
        models.push(
            model::find(&name, Path::new(""), &Variant::default(), Duration::from_secs(READING_S)).await?,
        );
    }
    let mut store = Store::open(&args.output.db)?;
    let mut interrupt = Interrupt::listen()?;
    let run = store.begin_run(RunKind::Tune, SystemTime::now())?;
    let asked =
        Asked { models: &models, adapter: &adapter, budget: Duration::from_secs(args.budget_s.get()) };
    let units = targets.into_iter().map(|target| Measuring { target, asked, class: None });
    let mut answers =
        Answers { store: &mut store, run: &run, spinner: screen::spinner(), verdicts: Vec::new() };
    let ended = Lane::new(&context, Open::One).run_until(units, &mut answers, &mut interrupt).await;
    answers.spinner.finish_and_clear();
    let exit = Exit::of(answers.verdicts);
    let finished = store.finish_run(&run, &RunEnd::of(ended.as_ref().copied()), SystemTime::now());
    let printed = store.tuning(&run).and_then(|found| {
        screen::print(&if args.output.json { report::document(&found) } else { report::render(&found) })
    });
    let completion = ended?;
    finished.and(printed).map(|()| completion.exit(exit))
}

/// What is asked of every target.
#[derive(Clone, Copy)]
struct Asked<'a> {
    models: &'a [Model],
    adapter: &'a AdapterChoice,
    budget: Duration,
}

/// One job: to say which classes of kernels the models need, or to measure one.
#[derive(Clone)]
struct Measuring<'a> {
    target: Target,
    asked: Asked<'a>,
    class: Option<KernelClass>,
}

/// What it comes to.
enum Found {
    Kernels(KernelList),
    Tuned(TuneReport),
}

impl Report for Found {
    fn of(answer: Answer) -> Result<Self, NoReport> {
        match answer {
            Answer::KernelsListed(list) => Ok(Found::Kernels(*list)),
            answer => TuneReport::of(answer).map(Found::Tuned),
        }
    }
}

impl Unit for Measuring<'_> {
    type Report = Found;

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn adapter(&self) -> AdapterChoice {
        self.asked.adapter.clone()
    }

    fn task(&self, context: &Context) -> Task {
        let model =
            |model: &Model| -> Inference { inference(context, &self.target, model, Sampling::default()) };
        let models = self.asked.models.iter().map(model).collect();
        match self.class {
            None => Task::ListKernels(ListKernels { models }),
            Some(class) => {
                let budget_ms = self.asked.budget.as_secs_f64() * 1e3;
                Task::Tune(Tune { models, class, kept: Vec::new(), budget_ms })
            }
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(READING_S) + 10 * self.asked.budget
    }
}

/// Keeps what was found as it comes in, and goes on with what is needed.
struct Answers<'a> {
    store: &'a mut Store,
    run: &'a RunId,
    spinner: ProgressBar,
    verdicts: Vec<Verdict>,
}

impl Answers<'_> {
    fn complain(&mut self, unit: &Measuring<'_>, verdict: Verdict, words: &str) {
        self.verdicts.push(verdict);
        let what = unit.class.map_or("no kernel".to_owned(), |class| class.to_string());
        let told = match unit.class {
            None => format!("{} cannot be tuned ({}): {words}", unit.target, verdict.name()),
            Some(_) => format!("{what} on {} was not measured ({}): {words}", unit.target, verdict.name()),
        };
        self.spinner.suspend(|| screen::tell(&told));
    }
}

impl<'u> Listener<Measuring<'u>> for Answers<'_> {
    fn hear(&mut self, event: Event<'_, Measuring<'u>>) -> Result<Then<Measuring<'u>>, Error> {
        let mut then = Then::default();
        match event {
            Event::Started(unit) => {
                self.store.check_file()?;
                let what = unit.class.map_or("looking for kernels".to_owned(), |class| class.to_string());
                self.spinner.set_message(format!("{}: {what}", unit.target));
            }
            Event::Ended(unit, ended) => match ended.answer {
                Err(none) => self.complain(&unit, none.verdict(), &none.to_string()),
                Ok(Found::Kernels(list)) => {
                    match adapter::complaint(unit.asked.adapter, &unit.target, &list.adapter) {
                        Some((verdict, words)) => self.complain(&unit, verdict, &words),
                        None => {
                            let classes = list.classes.iter().map(|needed| needed.class);
                            then.next = classes
                                .map(|class| Measuring { class: Some(class), ..unit.clone() })
                                .collect();
                        }
                    }
                }
                Ok(Found::Tuned(report)) => {
                    self.verdicts.push(Verdict::Pass);
                    let version = ended.observed.facts.get("browser_version");
                    self.store.add_tuning(self.run, &unit.target, version, &report)?;
                }
            },
            Event::Opening(_) | Event::Opened(..) | Event::Closed(..) => {}
        }
        Ok(then)
    }
}
