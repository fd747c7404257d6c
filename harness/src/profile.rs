//! `parallax profile`: where the device's time goes, kernel by kernel.

use std::path::Path;
use std::time::{Duration, SystemTime};

use protocol::{AdapterChoice, Inference, ProfileReport, Sampling, Target, Task};

use crate::adapter;
use crate::case::inference;
use crate::cli::{self, ProfileArgs};
use crate::error::Error;
use crate::event::RunEnd;
use crate::exit::Exit;
use crate::lane::{Completion, Lane, NoAnswer, Unit};
use crate::model::{self, Model};
use crate::plan;
use crate::report::profile as report;
use crate::screen;
use crate::session::{Context, Observed};
use crate::store::{RunKind, Store};

/// Runs `parallax profile`.
///
/// # Errors
/// When a flag names what is not there, when the target cannot run the model or time it, or the database or the report cannot
/// be written.
pub async fn run(args: &ProfileArgs) -> Result<Exit, Error> {
    let model = model::find(
        &args.model,
        Path::new(""),
        &cli::asked(&args.dimensions),
        Duration::from_secs(args.timeout_s),
    )
    .await?;
    let adapter = args.adapter.only()?;
    let context = plan::context([&args.target]).await?;
    let mut store = Store::open(&args.output.db)?;
    let run = store.begin_run(RunKind::Profile, SystemTime::now())?;
    let kept = match profile(args, &adapter, &model, &context).await {
        Ok((report, observed)) => store.add_profile(&run, &model, &args.target, &report, &observed.facts),
        Err(error) => Err(error),
    };
    let end = RunEnd::of(kept.as_ref().map(|()| Completion::Complete));
    store.finish_run(&run, &end, SystemTime::now())?;
    kept?;
    let profile = store.profile(&run)?;
    screen::print(&if args.output.json { report::document(&profile) } else { report::render(&profile) })?;
    Ok(Exit::Success)
}

async fn profile(
    args: &ProfileArgs,
    adapter: &AdapterChoice,
    model: &Model,
    context: &Context,
) -> Result<(ProfileReport, Observed), Error> {
    let ProfileArgs { target, samples, timeout_s, .. } = args;
    let spinner = screen::spinner();
    spinner.set_message(format!("{} on {target}", args.model));
    let unit =
        Profiling { model, target, adapter, samples: *samples, limit: Duration::from_secs(*timeout_s) };
    let ended = Lane::only(context, unit).await;
    spinner.finish_and_clear();
    let report = ended.answer.map_err(|none| refused(target, &none))?;
    if report.engine != target.engine {
        return Err(Error::NothingRan(format!("{target}: it ran on {} instead", report.engine.name())));
    }
    match adapter::complaint(adapter, target, &report.adapter) {
        Some((_, words)) => Err(Error::NothingRan(format!("{target}: {words}"))),
        None => Ok((report, ended.observed)),
    }
}

/// A model run with a pass for every dispatch.
#[derive(Clone)]
struct Profiling<'a> {
    model: &'a Model,
    target: &'a Target,
    adapter: &'a AdapterChoice,
    samples: u32,
    limit: Duration,
}

impl Unit for Profiling<'_> {
    type Report = ProfileReport;

    fn target(&self) -> Target {
        self.target.clone()
    }

    fn adapter(&self) -> AdapterChoice {
        self.adapter.clone()
    }

    fn task(&self, context: &Context) -> Task {
        let sampling = Sampling { samples: self.samples, ..Sampling::default() };
        let inference = inference(context, self.target, self.model, sampling);
        Task::Profile(Inference { strict: true, ..inference })
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

fn refused(target: &Target, none: &NoAnswer) -> Error {
    Error::NothingRan(format!("{target} cannot be profiled ({}): {none}", none.verdict().name()))
}
