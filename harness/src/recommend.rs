//! `parallax recommend`: where a model runs best, by what was measured, and how sure of it one can be.

use std::collections::BTreeMap;

use protocol::{Metric, Verdict};

use crate::adapter::adapter_name;
use crate::cli::{Goal, RecommendArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::gate::LATEST_RUNS;
use crate::report::{self, recommendation};
use crate::rows::measurement::{Measurement, Place, Subject};
use crate::rows::recommendation::{Candidate, Recommendation};
use crate::rows::series::{ASSUMED_NOISE, Scale, noise_of_runs};
use crate::screen;
use crate::statistics::{Interval, Summary};
use crate::store::{Store, Wanted};

impl Goal {
    /// Its name, and what it is measured by: a value's name ends in its unit.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Goal::Latency => ("latency", "latency_ms"),
            Goal::Throughput => ("throughput", "throughput_per_s"),
            Goal::Memory => ("memory", "process_memory_bytes"),
            Goal::FirstInference => ("first-inference", "to_first_inference_ms"),
            Goal::Accuracy => ("accuracy", "max_abs_error"),
        }
    }

    /// The metrics that add up to it.
    fn metrics(self) -> Vec<Metric> {
        match self {
            Goal::Latency | Goal::Throughput | Goal::Accuracy => vec![Metric::LatencyMs],
            Goal::Memory => vec![Metric::ProcessMemoryBytes],
            // All that comes before the state is steady.
            Goal::FirstInference => {
                Metric::PARTS_OF_WALL.into_iter().take_while(|part| *part != Metric::WarmUpMs).collect()
            }
        }
    }

    fn more_is_better(self) -> bool {
        self == Goal::Throughput
    }
}

/// Runs `parallax recommend`.
///
/// # Errors
/// When no result of the model is stored, or the report cannot be written.
pub fn run(args: &RecommendArgs) -> Result<Exit, Error> {
    let store = Store::open_existing(&args.output.db)?;
    let run = args.run.as_deref().map(|name| store.find_sweep(name)).transpose()?;
    let latest_runs = Some(LATEST_RUNS);
    let wanted = Wanted { run: run.as_ref(), model: Some(&args.model), latest_runs, ..Wanted::default() };
    let series = args.goal.metrics().into_iter().map(|metric| store.measurements(metric, &wanted));
    let series = series.collect::<Result<Vec<_>, Error>>()?;
    if series.iter().all(Vec::is_empty) {
        let known = store.models()?;
        return Err(Error::NotComparable(format!(
            "no result of \"{}\" is stored{}; `parallax sweep --models {0}` measures it; there are results of {}",
            args.model,
            protocol::suggest::did_you_mean(&args.model, known.iter().map(String::as_str)),
            if known.is_empty() { "no model".to_owned() } else { known.join(", ") },
        )));
    }
    let errors = match args.goal {
        Goal::Accuracy => store.largest_errors(&args.model)?,
        _ => BTreeMap::new(),
    };
    let found = recommend(&args.model, args.goal, &series, &errors);
    screen::print(&if args.output.json { report::document(&found) } else { recommendation::render(&found) })?;
    Ok(if found.recommended.is_some() { Exit::Success } else { Exit::NothingRan })
}

/// A cell's last results.
struct Cell<'a> {
    subject: &'a Subject,
    place: &'a Place,
    /// The trials of its last run, by metric.
    trials: Vec<Vec<&'a Measurement>>,
    /// All trials of the first metric, of any run.
    history: Vec<&'a Measurement>,
}

/// Ranks the places of a model. `errors` are the largest by run, case and target.
fn recommend(
    model: &str,
    goal: Goal,
    series: &[Vec<Measurement>],
    errors: &BTreeMap<(String, String), f64>,
) -> Recommendation {
    let cells = cells(series);
    let mut candidates: Vec<(Candidate, Option<f64>)> =
        cells.iter().filter_map(|cell| Some((cell.candidate(goal, errors)?, cell.noise()))).collect();
    let badness = |value: f64| if goal.more_is_better() { -value } else { value };
    candidates.sort_by(|(one, _), (other, _)| {
        let key = |candidate: &Candidate| candidate.value.map_or(f64::INFINITY, badness);
        key(one).total_cmp(&key(other))
    });
    let best = candidates.first().filter(|(candidate, _)| candidate.value.is_some()).cloned();
    if let Some((best, best_noise)) = &best {
        for (candidate, noise) in &mut candidates {
            stand(
                candidate,
                best,
                noise.unwrap_or(ASSUMED_NOISE).max(best_noise.unwrap_or(ASSUMED_NOISE)),
                goal,
            );
        }
    }
    let candidates: Vec<Candidate> = candidates.into_iter().map(|(candidate, _)| candidate).collect();
    let recommended = candidates.first().filter(|candidate| candidate.value.is_some()).cloned();
    let remarks = remarks(&candidates, recommended.as_ref());
    Recommendation { model: model.to_owned(), goal: goal.names().0, recommended, candidates, remarks }
}

/// The last run of each place, for each variant of the model.
fn cells(series: &[Vec<Measurement>]) -> Vec<Cell<'_>> {
    let mut cells: BTreeMap<(&Subject, &Place), Vec<Vec<&Measurement>>> = BTreeMap::new();
    for (at, of_metric) in series.iter().enumerate() {
        for one in of_metric {
            let all =
                cells.entry((&one.subject, &one.place)).or_insert_with(|| vec![Vec::new(); series.len()]);
            all[at].push(one);
        }
    }
    cells.into_iter().map(|((subject, place), all)| Cell::of_last_run(subject, place, all)).collect()
}

impl<'a> Cell<'a> {
    fn of_last_run(subject: &'a Subject, place: &'a Place, all: Vec<Vec<&'a Measurement>>) -> Cell<'a> {
        let run = all.iter().flatten().map(|one| &one.run).max().cloned();
        let history = all.first().cloned().unwrap_or_default();
        let of_run = |mut trials: Vec<&'a Measurement>| {
            trials.retain(|one| Some(&one.run) == run.as_ref());
            trials
        };
        Cell { subject, place, trials: all.into_iter().map(of_run).collect(), history }
    }

    fn candidate(&self, goal: Goal, errors: &BTreeMap<(String, String), f64>) -> Option<Candidate> {
        let trials = self.trials.first()?;
        let worst = trials.iter().find(|one| one.verdict != Verdict::Pass).or(trials.first())?;
        let passed = worst.verdict == Verdict::Pass;
        let summary = self.summary(goal, errors).filter(|_| passed);
        let interval = summary.and_then(|summary| summary.interval);
        let Subject { precision, batch, .. } = self.subject;
        let extents = self.subject.dimensions.iter().map(|(name, extent)| format!(" {name}={extent}"));
        Some(Candidate {
            place: self.place.to_string(),
            variant: format!(
                "{precision} batch={batch}{}",
                extents.filter(|it| !it.contains(" batch=")).collect::<String>()
            ),
            verdict: worst.verdict.name().to_owned(),
            value: summary.map(|summary| summary.median),
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
            metric: goal.names().1,
            over_best: None,
            standing: "not-sure",
            adapter: worst.adapter.as_deref().map(adapter_name),
            software: worst
                .adapter
                .as_ref()
                .is_some_and(|adapter| adapter.software && adapter.backend != "cpu"),
            run: worst.run.id.clone(),
            started_at: worst.run.started_at.clone(),
        })
    }

    fn summary(&self, goal: Goal, errors: &BTreeMap<(String, String), f64>) -> Option<Summary> {
        let of = |trials: &Vec<&Measurement>| Summary::of(&Scale::Unit.values(trials));
        match goal {
            Goal::Latency | Goal::Memory => of(self.trials.first()?),
            Goal::Throughput => of(self.trials.first()?)?.throughput_per_s(self.subject.batch),
            Goal::FirstInference => {
                let median: f64 = self.trials.iter().filter_map(of).map(|summary| summary.median).sum();
                Some(Summary { median, interval: None, n: self.trials.first()?.len() })
            }
            Goal::Accuracy => {
                let one = self.trials.first()?.first()?;
                let median = *errors.get(&(one.run.id.clone(), one.case_key.clone()))?;
                Some(Summary { median, interval: Some(Interval { low: median, high: median }), n: 1 })
            }
        }
    }

    /// What runs of it differ by.
    fn noise(&self) -> Option<f64> {
        noise_of_runs(&self.history)
    }
}

/// Says how a candidate stands against the best: what neither intervals nor the noise between runs keep apart is not worse.
fn stand(candidate: &mut Candidate, best: &Candidate, noise: f64, goal: Goal) {
    let (Some(value), Some(of_best)) = (candidate.value, best.value) else {
        candidate.standing = "failed";
        return;
    };
    candidate.over_best = (of_best != 0.0).then(|| value / of_best);
    if candidate == best || (candidate.place == best.place && candidate.variant == best.variant) {
        candidate.standing = "best";
        return;
    }
    let overlap = match (candidate.low.zip(candidate.high), best.low.zip(best.high)) {
        (Some((low, high)), Some((best_low, best_high))) => low <= best_high && best_low <= high,
        _ => false,
    };
    // Errors are computed, not timed: they do not scatter.
    let noise = if goal == Goal::Accuracy { 0.0 } else { noise };
    let factor = (value / of_best).max(of_best / value);
    candidate.standing = match (overlap, factor > 1.0 + noise) {
        _ if value == of_best => "same",
        (false, true) => "worse",
        _ => "not-sure",
    };
}

fn remarks(candidates: &[Candidate], recommended: Option<&Candidate>) -> Vec<String> {
    let Some(best) = recommended else {
        return vec!["it ran right nowhere; the verdicts say why".to_owned()];
    };
    let near: Vec<&str> = candidates
        .iter()
        .filter(|candidate| matches!(candidate.standing, "not-sure" | "same"))
        .map(|candidate| candidate.place.as_str())
        .collect();
    let software = best.software.then(|| {
        format!(
            "{} ran on a CPU that stands in for a GPU: on a machine with a GPU the order may be another",
            best.place
        )
    });
    let near = (!near.is_empty()).then(|| {
        format!(
            "not told apart from the best by what is stored: {}; `parallax compare` tells",
            near.join(", ")
        )
    });
    software.into_iter().chain(near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::measurement::tests::measurement;

    fn recommended(goal: Goal, all: Vec<Measurement>) -> Recommendation {
        let errors = all.iter().map(|one| ((one.run.id.clone(), one.case_key.clone()), one.values[0] / 1e6));
        let errors = errors.collect();
        recommend("m", goal, &vec![all; goal.metrics().len()], &errors)
    }

    #[test]
    fn the_best_is_what_ran_right_and_what_is_near_is_said() {
        let wrong = Measurement { verdict: Verdict::Mismatch, ..measurement("webnn:cpu@edge", 1, 0.1) };
        let all = vec![
            measurement("webgpu@chrome", 1, 10.0),
            measurement("webgpu@firefox", 1, 11.0),
            measurement("wasm@chrome", 1, 50.0),
            wrong,
        ];
        let found = recommended(Goal::Latency, all.clone());
        let standing: Vec<(&str, &str)> =
            found.candidates.iter().map(|one| (one.place.as_str(), one.standing)).collect();
        let expected = [
            ("webgpu@chrome", "best"),
            ("webgpu@firefox", "not-sure"),
            ("wasm@chrome", "worse"),
            ("webnn:cpu@edge", "failed"),
        ];
        assert_eq!(standing, expected);
        assert!(found.remarks.iter().any(|remark| remark.contains("webgpu@firefox")), "{found:?}");
        let found = recommended(Goal::Accuracy, all);
        assert_eq!(found.candidates[1].standing, "worse", "errors do not scatter: {found:?}");
    }

    #[test]
    fn throughput_counts_items_and_a_first_inference_all_before_it() {
        let mut batched = measurement("webgpu@chrome", 1, 20.0);
        batched.subject.batch = 4;
        let found = recommended(Goal::Throughput, vec![measurement("webgpu@chrome", 1, 10.0), batched]);
        let best = found.recommended.unwrap();
        assert_eq!((best.variant.as_str(), best.value), ("fp32 batch=4", Some(200.0)));
        let found = recommended(Goal::FirstInference, vec![measurement("webgpu@chrome", 1, 10.0)]);
        assert_eq!(found.recommended.unwrap().value, Some(60.0), "six parts");
    }

    #[test]
    fn the_last_run_counts_and_where_nothing_ran_right_nothing_is_recommended() {
        let found = recommended(
            Goal::Latency,
            vec![measurement("webgpu@chrome", 1, 10.0), measurement("webgpu@chrome", 2, 30.0)],
        );
        assert_eq!(found.recommended.unwrap().value, Some(30.0));
        let crashed = Measurement { verdict: Verdict::Crash, ..measurement("webgpu@chrome", 1, 10.0) };
        let found = recommended(Goal::Latency, vec![crashed]);
        assert_eq!((found.recommended, found.candidates.len()), (None, 1));
    }
}
