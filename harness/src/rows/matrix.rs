//! Models by targets: how each cell ended, how long it takes, and how many times as fast as a baseline it is.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{AdapterChoice, Target, Verdict};

use super::measurement::{Measurement, Place, Subject};
use super::series::{self, Scale};
use crate::adapter::same::same_adapter;
use crate::statistics::ratio::Ratio;
use crate::statistics::{Interval, Summary};

/// Models by targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// The runs that it is of, the earliest first.
    pub runs: Vec<String>,
    /// The target that speed-ups are over.
    pub baseline: Target,
    /// Where models ran, from left to right.
    pub places: Vec<Place>,
    /// What ran, from top to bottom.
    pub subjects: Vec<Subject>,
    /// The cells that were run.
    pub cells: Vec<Cell>,
}

/// One model at one place, by the latest of the runs that has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// What ran.
    pub subject: Subject,
    /// Where.
    pub place: Place,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, unless it passed.
    pub message: Option<String>,
    /// What an inference takes, in milliseconds.
    pub latency_ms: Option<Summary>,
    /// True if a CPU stood in for a GPU.
    pub software: bool,
    /// How it stands to the baseline; none of the baseline itself.
    pub against: Option<Against>,
}

/// A cell beside the baseline's of the same model.
#[derive(Debug, Clone, PartialEq)]
pub struct Against {
    /// The baseline's place.
    pub place: Place,
    /// How many times as fast it is, with a 95 % interval where there is one, or why that cannot be said.
    pub speed_up: Result<Summary, String>,
    /// Whether both computed on one adapter, where that can be told.
    pub same_adapter: Option<bool>,
}

impl Matrix {
    /// The matrix of measurements, the earliest first, over `baseline`, or over the first place's target. Nothing where there is no
    /// measurement, or none at the baseline.
    pub fn of(measurements: &[Measurement], baseline: Option<&Target>) -> Option<Matrix> {
        let latest = latest(measurements);
        let mut places = each_once(measurements.iter().map(|it| it.place.clone()));
        if measurements.iter().any(|it| it.turn.is_some()) {
            // Turns are taken in random order.
            places.sort();
        }
        let baseline = baseline.cloned().or_else(|| places.first().map(|place| place.target.clone()))?;
        if places.iter().all(|place| place.target != baseline) {
            return None;
        }
        let cell = |(subject, place): &(Subject, Place), taken: &Vec<&Measurement>| {
            let other = baseline_of(place, &baseline, &places).filter(|other| *other != place);
            let against = other.and_then(|other| {
                let of_other = latest.get(&(subject.clone(), other.clone()))?;
                Some(against(taken, other, of_other))
            });
            cell(subject, place, taken, against)
        };
        Some(Matrix {
            runs: each_once(measurements.iter().map(|it| it.run.id.clone())),
            subjects: each_once(measurements.iter().map(|it| it.subject.clone())),
            cells: latest.iter().map(|(key, taken)| cell(key, taken)).collect(),
            baseline,
            places,
        })
    }

    /// The cell of a model at a place, if it was run.
    pub fn cell(&self, subject: &Subject, place: &Place) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.subject == *subject && cell.place == *place)
    }
}

/// Of every cell, what the latest run that has it took, in order.
fn latest(measurements: &[Measurement]) -> BTreeMap<(Subject, Place), Vec<&Measurement>> {
    let mut cells: BTreeMap<(Subject, Place), Vec<&Measurement>> = BTreeMap::new();
    for measurement in measurements {
        let taken = cells.entry((measurement.subject.clone(), measurement.place.clone())).or_default();
        if taken.first().is_some_and(|earlier| earlier.run != measurement.run) {
            taken.clear();
        }
        taken.push(measurement);
    }
    cells
}

/// The baseline's place that a place is held against: on the same adapter and with the same optimisations, where there is one.
fn baseline_of<'a>(place: &Place, baseline: &Target, places: &'a [Place]) -> Option<&'a Place> {
    let of_target = || places.iter().filter(|other| other.target == *baseline);
    let alike = |other: &&Place| other.adapter == place.adapter && other.features == place.features;
    let plain = |other: &&Place| other.adapter == AdapterChoice::Default && other.features == place.features;
    of_target().find(alike).or_else(|| of_target().find(plain)).or_else(|| of_target().next())
}

fn cell(subject: &Subject, place: &Place, taken: &[&Measurement], against: Option<Against>) -> Cell {
    let failed = taken.iter().find(|it| it.verdict != Verdict::Pass);
    let of_passed = taken.iter().filter(|it| it.verdict == Verdict::Pass && failed.is_none());
    let values: Vec<f64> = of_passed.flat_map(|it| it.values.iter().copied()).collect();
    let software = |it: &&Measurement| it.adapter.as_ref().is_some_and(|adapter| adapter.software);
    Cell {
        subject: subject.clone(),
        place: place.clone(),
        verdict: failed.map_or(Verdict::Pass, |it| it.verdict),
        message: failed.and_then(|it| it.message.clone()),
        latency_ms: Summary::of(&values),
        software: place.target.engine.chooses_adapter() && taken.iter().any(software),
        against,
    }
}

fn against(cell: &[&Measurement], place: &Place, baseline: &[&Measurement]) -> Against {
    let adapter = |taken: &[&Measurement]| taken.iter().find_map(|it| it.adapter.clone());
    let same_adapter = same_adapter(adapter(cell).as_deref(), adapter(baseline).as_deref()).is_same();
    Against { place: place.clone(), speed_up: speed_up(cell, baseline), same_adapter }
}

/// How many times as fast a cell is, by rounds where both have turns in one run, else by all their samples.
fn speed_up(cell: &[&Measurement], baseline: &[&Measurement]) -> Result<Summary, String> {
    if let Some(failed) = baseline.iter().find(|it| it.verdict != Verdict::Pass) {
        return Err(format!("the baseline did not pass: {}", failed.verdict.name()));
    }
    if let Some(failed) = cell.iter().find(|it| it.verdict != Verdict::Pass) {
        return Err(failed.verdict.name().to_owned());
    }
    let (Some(first), Some(other)) = (cell.first(), baseline.first()) else {
        return Err("nothing was measured".to_owned());
    };
    if first.model_digest != other.model_digest {
        return Err("the model's files are not the same".to_owned());
    }
    if first.conditions != other.conditions {
        let told = |it: &Measurement| format!("{} at a time", it.conditions.concurrency);
        return Err(format!("not taken alike: {} and {}", told(first), told(other)));
    }
    let ratio = match series::pairs(cell, baseline) {
        Some(pairs) => Ratio::paired(&pairs),
        None => Ratio::unpaired(&Scale::Unit.values(cell), &Scale::Unit.values(baseline)),
    };
    let Ratio { median, low, high, n, .. } = ratio.ok_or("a time is not above zero, or none was measured")?;
    let interval = low.zip(high).map(|(low, high)| Interval { low, high });
    Ok(Summary { median, interval, n })
}

fn each_once<T: Ord + Clone>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    all.filter(|one| seen.insert(one.clone())).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use protocol::Adapter;

    use super::*;
    use crate::rows::measurement::{Conditions, RunOf, Versions};
    use crate::turn;

    /// A measurement of a model at `target/adapter` in a run.
    pub(crate) fn measured(run: u32, model: &str, place: &str, values: &[f64]) -> Measurement {
        let (target, adapter) = place.split_once('/').unwrap_or((place, "default"));
        let target: Target = target.parse().unwrap();
        let device = if adapter == "swiftshader" { "SwiftShader" } else { "llvmpipe" };
        let backend = if target.browser.is_some() { "webgpu" } else { "vulkan" };
        Measurement {
            run: RunOf { started_at: format!("2026-01-0{run}"), id: format!("run {run}") },
            case_key: String::new(),
            subject: Subject {
                model: model.to_owned(),
                precision: "fp32".to_owned(),
                batch: 1,
                dimensions: BTreeMap::new(),
            },
            model_digest: "digest".to_owned(),
            place: Place { target, adapter: adapter.to_owned().into(), features: String::new() },
            conditions: Conditions { concurrency: 1, temperature: None },
            versions: Versions::default(),
            verdict: Verdict::Pass,
            message: None,
            adapter: Some(Arc::new(Adapter {
                device: device.to_owned(),
                backend: backend.to_owned(),
                software: true,
                ..Adapter::default()
            })),
            adapter_evidence: None,
            turn: None,
            session: Some(1),
            values: values.to_vec(),
            control_ms: None,
        }
    }

    fn speed_up_of(measurements: &[Measurement], baseline: &str, place: &str) -> Option<Result<f64, String>> {
        let matrix = Matrix::of(measurements, Some(&baseline.parse().unwrap())).unwrap();
        let place = measured(1, "m", place, &[]).place;
        let cell = matrix.cells.iter().find(|cell| cell.place == place).unwrap();
        let speed_up = cell.against.as_ref().map(|against| against.speed_up.clone());
        speed_up.map(|it| it.map(|it| (it.median * 100.0).round() / 100.0))
    }

    const CHROME: &str = "webgpu@chrome";
    const NATIVE: &str = "wgpu:vulkan";

    #[test]
    fn a_speed_up_is_how_many_times_as_fast_as_the_baseline_it_is_where_both_may_be_compared() {
        let fast = measured(1, "m", CHROME, &[2.0, 2.0, 2.0]);
        let slow = measured(1, "m", NATIVE, &[6.0, 6.0, 6.0]);
        let with = |change: fn(&mut Measurement)| {
            let mut other = slow.clone();
            change(&mut other);
            vec![fast.clone(), other]
        };
        let refused = |words: &str| Some(Err(words.to_owned()));
        for (name, measurements, expected) in [
            ("three times as fast", with(|_| {}), Some(Ok(3.0))),
            (
                "a baseline that failed",
                with(|it| it.verdict = Verdict::Crash),
                refused("the baseline did not pass: crash"),
            ),
            (
                "another model of the name",
                with(|it| it.model_digest = "x".to_owned()),
                refused("the model's files are not the same"),
            ),
            (
                "beside others",
                with(|it| it.conditions.concurrency = 2),
                refused("not taken alike: 1 at a time and 2 at a time"),
            ),
            (
                "nothing measured",
                with(|it| it.values.clear()),
                refused("a time is not above zero, or none was measured"),
            ),
            ("another model", with(|it| it.subject.model = "n".to_owned()), None),
            ("another precision", with(|it| it.subject.precision = "fp16".to_owned()), None),
        ] {
            assert_eq!(speed_up_of(&measurements, NATIVE, CHROME), expected, "{name}");
        }
        assert_eq!(speed_up_of(&with(|_| {}), NATIVE, NATIVE), None, "the baseline itself");
    }

    #[test]
    fn the_latest_run_that_has_a_cell_counts_and_rounds_are_compared_round_by_round() {
        let earlier = measured(1, "m", CHROME, &[9.0]);
        let native = measured(1, "m", NATIVE, &[4.0]);
        let later = measured(2, "m", CHROME, &[2.0]);
        let overlaid = [earlier, native, later];
        assert_eq!(speed_up_of(&overlaid, NATIVE, CHROME), Some(Ok(2.0)));
        // The machine is ten times as slow in the second round: on each side alone, most of what is seen.
        let turn = |place: &str, round, latency| Measurement {
            turn: Some(turn::Place { round, position: 0 }),
            ..measured(1, "m", place, &[latency])
        };
        let rounds =
            [turn(NATIVE, 0, 3.0), turn(CHROME, 0, 1.0), turn(CHROME, 1, 10.0), turn(NATIVE, 1, 30.0)];
        assert_eq!(speed_up_of(&rounds, NATIVE, CHROME), Some(Ok(3.0)));
    }

    #[test]
    fn a_place_is_held_against_the_baseline_on_its_own_adapter() {
        let measurements = [
            measured(1, "m", NATIVE, &[1.0]),
            measured(1, "m", "wgpu:vulkan/swiftshader", &[2.0]),
            measured(1, "m", CHROME, &[4.0]),
            measured(1, "m", "webgpu@chrome/swiftshader", &[4.0]),
            measured(1, "m", "webgpu@firefox/lavapipe", &[4.0]),
        ];
        let matrix = Matrix::of(&measurements, None).unwrap();
        assert_eq!(matrix.baseline.to_string(), NATIVE);
        for (place, speed_up, same_adapter) in [
            (CHROME, 0.25, Some(true)),
            ("webgpu@chrome/swiftshader", 0.5, Some(true)),
            ("webgpu@firefox/lavapipe", 0.25, Some(true)),
        ] {
            let place = measured(1, "m", place, &[]).place;
            let against = matrix.cell(&matrix.subjects[0], &place).unwrap().against.clone().unwrap();
            assert!((against.speed_up.unwrap().median - speed_up).abs() < 1e-9, "{place:?}");
            assert_eq!(against.same_adapter, same_adapter, "{place:?}");
        }
        assert_eq!(Matrix::of(&measurements, Some(&"burn:cpu".parse().unwrap())), None);
        assert_eq!(Matrix::of(&[], None), None);
    }

    #[test]
    fn one_turn_that_failed_is_the_cells_verdict() {
        let failed = Measurement {
            verdict: Verdict::Mismatch,
            message: Some("off".to_owned()),
            ..measured(1, "m", CHROME, &[1.0])
        };
        let matrix = Matrix::of(&[measured(1, "m", CHROME, &[1.0]), failed], None).unwrap();
        let [cell] = &matrix.cells[..] else { panic!("{matrix:?}") };
        assert_eq!((cell.verdict, cell.latency_ms), (Verdict::Mismatch, None));
        assert_eq!(cell.message.as_deref(), Some("off"));
    }
}
