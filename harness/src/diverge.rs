//! `parallax diverge`: runs a model on two targets with every value kept, and says where they first disagree.

mod compare;
mod report;
mod values;
mod walk;

use std::path::Path;
use std::time::{Duration, SystemTime};

use protocol::{Adapter, AdapterChoice, OutputCheck, Target, Task, Trace, TraceReport};

use crate::adapter;
use crate::cli::{self, DivergeArgs};
use crate::error::Error;
use crate::event::RunEnd;
use crate::exit::Exit;
use crate::lane::{Completion, Lane, NoAnswer, Unit};
use crate::model::{self, Model};
use crate::plan;
use crate::rows::{self, divergence::Divergence};
use crate::scratch;
use crate::screen;
use crate::session::Context;
use crate::store::{RunId, RunKind, Store};
use report::Report;
use values::Values;
use walk::{Side, Walk};

/// Runs `parallax diverge`.
///
/// # Errors
/// When a flag names what is not there, when a target cannot run the model, or the report cannot be written.
pub async fn run(args: &DivergeArgs) -> Result<Exit, Error> {
    let model = model::find(
        &args.model,
        Path::new(""),
        &cli::asked(&args.dimensions),
        Duration::from_secs(args.timeout_s),
    )
    .await?;
    let adapter = args.adapter.only()?;
    let context = plan::context([&args.a, &args.b]).await?;
    let mut store = Store::open(&args.output.db)?;
    let run = store.begin_run(RunKind::Diverge, SystemTime::now())?;
    let scene = Scene { context: &context, model: &model, adapter: &adapter, args };
    let ended = scene.walk(&mut store, &run).await;
    store.finish_run(&run, &RunEnd::of(ended.as_ref().map(|_| Completion::Complete)), SystemTime::now())?;
    ended
}

/// A side's target, and what it ran on.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
struct Ran {
    target: Target,
    adapter: Adapter,
    /// The program that was run: `model` or `prefill`.
    program: String,
    /// Its outputs against those of a run in which nothing was kept.
    against_plain: Vec<OutputCheck>,
}

impl Ran {
    fn row(&self) -> rows::divergence::Ran<'_> {
        rows::divergence::Ran { target: &self.target, adapter: &self.adapter }
    }
}

/// The context, model, adapter and arguments that both sides have in common.
struct Scene<'a> {
    context: &'a Context,
    model: &'a Model,
    adapter: &'a AdapterChoice,
    args: &'a DivergeArgs,
}

impl Scene<'_> {
    /// Runs the model on both targets, keeps how far apart they are, and shows it.
    async fn walk(&self, store: &mut Store, run: &RunId) -> Result<Exit, Error> {
        let Scene { model, args, .. } = self;
        let spinner = screen::spinner();
        spinner.set_message(format!("{} on {}", args.model, args.a));
        let (a, side_a) = self.side("a", &args.a).await?;
        spinner.set_message(format!("{} on {}", args.model, args.b));
        let (b, side_b) = self.side("b", &args.b).await?;
        spinner.finish_and_clear();

        let allowed = model.manifest.allowed();
        let tolerance = args.tolerance.unwrap_or(allowed.of_scale);
        let walk = Walk::of(&side_a, &side_b, tolerance);
        if walk.steps.is_empty() {
            let (a, b) = (&args.a, &args.b);
            return Err(Error::NothingRan(format!("{a} and {b} have no value of the same name to compare")));
        }
        let divergence = Divergence {
            model: &model.manifest.name,
            model_digest: &model.digest,
            a: a.row(),
            b: b.row(),
            tolerance,
            unfused: args.unfused,
            nodes: &walk.steps,
        };
        store.add_divergence(run, &divergence)?;
        let operands = walk.first_apart().map(|step| walk.operands(step, &side_a, &side_b));
        let report = Report {
            run: &run.to_string(),
            model: &model.manifest.name,
            a: &a,
            b: &b,
            tolerance,
            allowed_output: allowed,
            unfused: args.unfused,
            walk: &walk,
            operands: operands.unwrap_or_default(),
        };
        screen::print(&if args.output.json { report.document() } else { report.table() })?;
        Ok(if walk.first_apart().is_some() { Exit::GateFailed } else { Exit::Success })
    }

    /// Runs the model on one target and reads what it left.
    async fn side(&self, name: &str, target: &Target) -> Result<(Ran, Side), Error> {
        let not_run = |message: String| Error::NothingRan(message);
        let folder = scratch::folder()
            .map_err(|error| not_run(format!("no folder can be made for the values: {error}")))?;
        let unit = Tracing { scene: self, name, target, folder: folder.path() };
        let refused = |none: NoAnswer| {
            not_run(format!("{target} cannot run the model ({}): {none}", none.verdict().name()))
        };
        let report = Lane::only(self.context, unit).await.answer.map_err(refused)?;
        if report.engine != target.engine {
            let engine = report.engine.name();
            return Err(not_run(format!("{target}: it ran on {engine} instead, which says nothing")));
        }
        if let Some((_, words)) = adapter::complaint(self.adapter, target, &report.adapter) {
            return Err(not_run(format!("{target}: {words}")));
        }
        let values = Values::read(folder.path(), report.files);
        let values =
            values.map_err(|error| not_run(format!("{target} left values that are none: {error}")))?;
        let TraceReport { adapter, program, nodes, constants, against_plain, .. } = report;
        let ran = Ran { target: target.clone(), adapter, program, against_plain };
        Ok((ran, Side { nodes, constants, values }))
    }
}

/// A model run with every value handed over.
#[derive(Clone)]
struct Tracing<'a> {
    scene: &'a Scene<'a>,
    name: &'a str,
    target: &'a Target,
    folder: &'a Path,
}

impl Unit for Tracing<'_> {
    type Report = TraceReport;

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn adapter(&self) -> AdapterChoice {
        self.scene.adapter.clone()
    }

    fn task(&self, context: &Context) -> Task {
        let model = self.scene.model;
        Task::Trace(Trace {
            location: context.location(self.target, &model.manifest.name, &model.folder),
            manifest: model.manifest.clone(),
            deposit: context.deposit(self.target, self.name, self.folder),
            unfused: self.scene.args.unfused,
        })
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.scene.args.timeout_s)
    }
}
