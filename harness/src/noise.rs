//! `parallax noise`: what this machine, target and model cannot tell apart, from a target against itself.

use std::collections::BTreeMap;

use protocol::Metric;

use crate::cli::{NoiseArgs, SweepArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::gate;
use crate::report::{self, noise};
use crate::rows::measurement::{Measurement, Place, Subject};
use crate::rows::noise::{Noise, NoiseRow};
use crate::rows::series::{apart_by_chance, noise_of_runs};
use crate::screen;
use crate::statistics::noise::{Effort, floor};
use crate::statistics::outliers;
use crate::statistics::ratio::Ratio;
use crate::store::{Store, Wanted};
use crate::sweep;

/// Runs `parallax noise`: measures the models named, else takes what the store has.
///
/// # Errors
/// When the request is bad, no target took turns, or the database or the report cannot be written.
pub async fn run(args: &NoiseArgs) -> Result<Exit, Error> {
    let (store, run, exit) = match args.models.is_empty() {
        true => {
            let store = Store::open_existing(&args.output.db)?;
            let run = store.find_sweep(args.run.as_deref().unwrap_or("last"))?;
            (store, run, Exit::Success)
        }
        false => {
            let mut rounds = args.rounds.clone();
            rounds.rounds = rounds.rounds.or(ROUNDS);
            let sweep = SweepArgs {
                models: args.models.clone(),
                axes: args.axes.clone(),
                targets: args.targets.clone(),
                adapter: args.adapter.clone(),
                rounds,
                samples: args.samples,
                ..SweepArgs::default()
            };
            sweep::measured(&sweep, &args.output.db).await?
        }
    };
    let of_run = store.measurements(Metric::LatencyMs, &Wanted { run: Some(&run), ..Wanted::default() })?;
    let history = gate::history(&store, std::slice::from_ref(&run))?;
    let rows = rows(&of_run, &history);
    if rows.is_empty() {
        return Err(Error::NotComparable(format!(
            "in run {run} no target took turns, so nothing was held against itself: sweep with --rounds, or name models and \
             targets to have them measured now"
        )));
    }
    let found = Noise { run: run.to_string(), noise: rows };
    screen::print(&if args.output.json { report::document(&found) } else { noise::render(&found) })?;
    Ok(exit)
}

/// Rounds where nothing else is asked for: eight sessions of two.
const ROUNDS: Option<std::num::NonZeroU32> = std::num::NonZeroU32::new(16);

/// A row for each cell that took turns.
fn rows(of_run: &[Measurement], history: &[Measurement]) -> Vec<NoiseRow> {
    let mut cells: BTreeMap<(&Subject, &Place), Vec<&Measurement>> = BTreeMap::new();
    for one in of_run {
        cells.entry((&one.subject, &one.place)).or_default().push(one);
    }
    let row = |((subject, place), turns): ((&Subject, &Place), Vec<&Measurement>)| {
        let pairs = apart_by_chance(&turns);
        let ratio = Ratio::paired(&pairs)?;
        let effort = Effort::of(&pairs);
        let earlier: Vec<&Measurement> =
            history.iter().filter(|one| one.subject == *subject && one.place == *place).collect();
        let marked =
            turns.iter().map(|one| outliers::marks(&one.values).iter().filter(|marked| **marked).count());
        Some(NoiseRow {
            model: subject.to_string(),
            place: place.to_string(),
            rounds: effort.pairs,
            sessions: effort.sessions,
            against_itself: ratio.into(),
            within_a_run: floor(&pairs, effort),
            between_runs: noise_of_runs(&earlier),
            samples: turns.iter().map(|one| one.values.len()).sum(),
            outliers: marked.sum(),
        })
    };
    cells.into_iter().filter_map(row).collect()
}
