//! `parallax history`: where results changed over many runs, and with what.

use std::collections::BTreeMap;

use crate::cli::HistoryArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::gate::findings::changes;
use crate::report::{self, history};
use crate::rows::history::{Drift, Histories, History, Point, Step};
use crate::rows::measurement::{Measurement, Place, Subject};
use crate::rows::series::{Scale, by_run};
use crate::screen;
use crate::side_by_side::metric;
use crate::statistics::Summary;
use crate::statistics::history::change_points;
use crate::store::{Store, Wanted};

/// Runs `parallax history`.
///
/// # Errors
/// When there is nothing to look at, a history of one run is all there is, or the report cannot be written.
pub fn run(args: &HistoryArgs) -> Result<Exit, Error> {
    let metric = metric(&args.metric)?;
    let store = Store::open_existing(&args.output.db)?;
    let target = args.target.as_ref().map(ToString::to_string);
    let models = args.model.clone().map_or_else(|| store.models(), |model| Ok(vec![model]))?;
    let mut found = Vec::new();
    // One model after the other: a database may hold more than memory does.
    for model in &models {
        let wanted =
            Wanted { model: Some(model), target: target.clone(), in_short: true, ..Wanted::default() };
        found.extend(histories(&store.measurements(metric, &wanted)?));
    }
    let histories = found;
    let longest = histories.iter().map(|history| history.points.len()).max().unwrap_or(0);
    if longest < 2 {
        let all = match longest {
            0 => "there is no result of that in the database",
            _ => "there is one run of it, and a history takes two at least; eight tell where it changed",
        };
        return Err(Error::NotComparable(format!("no history: {all}; `parallax sweep` adds runs")));
    }
    let found = Histories { metric: metric.name().to_owned(), histories };
    screen::print(&if args.output.json { report::document(&found) } else { history::render(&found) })?;
    Ok(Exit::Success)
}

/// A model in a place on a machine.
pub(crate) type Cell<'a> = (&'a Subject, &'a Place, &'a Option<String>);

/// A history for each cell on each machine.
fn histories(measurements: &[Measurement]) -> Vec<History> {
    let cells = by_cell(measurements).into_iter();
    cells.map(|((subject, place, host), trials)| history(subject, place, host.clone(), trials)).collect()
}

/// The trials of each cell on each machine of which there is a time.
pub(crate) fn by_cell(measurements: &[Measurement]) -> BTreeMap<Cell<'_>, Vec<&Measurement>> {
    let mut cells: BTreeMap<_, Vec<&Measurement>> = BTreeMap::new();
    for one in measurements.iter().filter(|one| one.median().is_some_and(|median| median > 0.0)) {
        cells.entry((&one.subject, &one.place, &one.versions.host)).or_default().push(one);
    }
    cells
}

/// The history of one cell on one machine, of trials in the order in which their runs were begun.
pub(crate) fn history(
    subject: &Subject,
    place: &Place,
    host: Option<String>,
    trials: Vec<&Measurement>,
) -> History {
    let scale = Scale::of(trials.iter().copied());
    let (over_control, runs) = (scale == Scale::OverControl, by_run(trials));
    let median = |values: &[f64]| Summary::of(values).map_or(f64::NAN, |summary| summary.median);
    let points: Vec<Point> = runs
        .iter()
        .map(|(run, trials)| Point {
            run: run.id.clone(),
            started_at: run.started_at.clone(),
            median: median(&Scale::Unit.values(trials)),
            over_control: over_control.then(|| median(&scale.values(trials))),
        })
        .collect();
    let series: Vec<f64> = points.iter().map(|point| point.over_control.unwrap_or(point.median)).collect();
    let found = change_points(&series);
    let first = |at: usize| runs.values().nth(at).and_then(|trials| trials.first().copied());
    let changed = |at: usize| match (at.checked_sub(1).and_then(first), first(at)) {
        (Some(before), Some(now)) => changes(before, now),
        _ => Vec::new(),
    };
    let steps = found.points.iter().map(|point| Step {
        run: points[point.at].run.clone(),
        started_at: points[point.at].started_at.clone(),
        ratio: point.ratio,
        p_value: point.p_value,
        changed: changed(point.at),
    });
    History {
        model: subject.to_string(),
        place: place.to_string(),
        host,
        over_control,
        changes: steps.collect(),
        drift: found.drift.map(|drift| Drift {
            run: points[drift.from].run.clone(),
            started_at: points[drift.from].started_at.clone(),
            per_run: drift.per_run,
        }),
        depends_on_itself: found.dependent,
        effective_runs: found.effective_n,
        points,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::gate::Change;
    use crate::rows::measurement::tests::measurement;

    #[test]
    fn a_step_is_found_at_its_run_with_what_changed_and_the_machine_is_taken_out() {
        let mut random = fastrand::Rng::with_seed(5);
        let runs: Vec<Measurement> = (1..=24)
            .map(|run| {
                let (level, browser) = if run < 15 { (10.0, "156") } else { (11.5, "157") };
                // The machine is half as fast on some days, and its control says so.
                let machine = if run % 3 == 0 { 2.0 } else { 1.0 };
                let scatter = 1.0 + 0.01 * (random.f64() - 0.5);
                let mut one = measurement("webgpu@chrome", run, level * machine * scatter);
                one.control_ms = Some(10.0 * machine);
                one.versions.browser = Some(browser.to_owned());
                one
            })
            .collect();
        let found = histories(&runs);
        let [history] = &found[..] else { panic!("{found:?}") };
        let [step] = &history.changes[..] else { panic!("{history:?}") };
        assert_eq!((step.run.as_str(), history.over_control), ("run-15", true));
        assert!((step.ratio - 1.15).abs() < 0.02, "{step:?}");
        let change = Change { what: "browser", from: "156".to_owned(), to: "157".to_owned() };
        assert_eq!(step.changed, [change]);
    }

    #[test]
    fn machines_have_histories_of_their_own() {
        let mut there = measurement("webgpu@chrome", 2, 20.0);
        there.versions.host = Some("there".to_owned());
        let found = histories(&[measurement("webgpu@chrome", 1, 10.0), there]);
        assert_eq!(found.iter().map(|history| history.points.len()).collect::<Vec<_>>(), [1, 1]);
    }
}
