//! Measurements: which are read, and what is left of each in short.

use protocol::{Metric, Phase, Samples};

use super::*;
use crate::rows::measurement::Measurement;
use crate::turn::Place;

/// A trial of a model on a target, with ten latencies around so many milliseconds, in a round where one is named.
fn trial((model, target): (&str, &str), position: u32, latency_ms: f64, round: Option<Place>) -> Trial {
    let mut report = judge::tests::report();
    let values = (0..10).map(|at| latency_ms + f64::from(at)).collect();
    report.metrics = vec![Samples { metric: Metric::LatencyMs, phase: Phase::Measured, values }];
    let mut trial = Trial { case: case(model, target), samples: vec![], round, position, ..passed_trial() };
    trial.observe(Observed::default(), Some(report));
    trial.features.insert("adapter_evidence".to_owned(), "loaded drivers".to_owned());
    trial
}

/// Twelve sweeps, one a day: `m` on two targets in each, `rare` in the first two, and in the third `m` in turns.
fn filled() -> (Store, Vec<RunId>) {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let (chrome, wgpu, rare) = (("m", "webgpu@chrome"), ("m", "wgpu:vulkan"), ("rare", "webgpu@chrome"));
    let mut runs = Vec::new();
    for day in 0..12u32 {
        let run = store.begin_run(RunKind::Sweep, at(u64::from(day) * 86_400)).unwrap();
        let base = f64::from(10 * day);
        let mut trials = vec![trial(chrome, 0, base, None), trial(wgpu, 1, base + 500.0, None)];
        if day < 2 {
            trials.push(trial(rare, 2, base, None));
        }
        if day == 2 {
            let turn = |at: u32| Some(Place { round: 0, position: at });
            trials = (0..2).map(|at| trial(chrome, at, f64::from(1000 * at), turn(at))).collect();
        }
        store.add_control(&run, 0, (&[4.0, 6.0, 5.0], at(0), 1)).unwrap();
        store.add_trials(&run, &trials).unwrap();
        runs.push(run);
    }
    (store, runs)
}

fn described(measurements: &[Measurement], runs: &[RunId]) -> Vec<String> {
    let day = |one: &Measurement| runs.iter().position(|run| run.to_string() == one.run.id).unwrap();
    measurements
        .iter()
        .map(|one| format!("{} {} {}", day(one), one.subject.model, one.place.target.engine.name()))
        .collect()
}

#[test]
fn what_is_asked_for_is_read_and_nothing_else() {
    let (store, runs) = filled();
    let (first, last) = (&runs[..1], &runs[11..]);
    let count = |wanted: Wanted<'_>| store.measurements(Metric::LatencyMs, &wanted).unwrap().len();
    let any = Wanted::default;
    for (name, wanted, expected) in [
        ("all", any(), 26),
        ("a run", Wanted { run: Some(&runs[0]), ..any() }, 3),
        ("a run's model", Wanted { run: Some(&runs[0]), model: Some("rare"), ..any() }, 1),
        ("a model", Wanted { model: Some("rare"), ..any() }, 2),
        ("a target", Wanted { target: Some("wgpu:vulkan".to_owned()), ..any() }, 11),
        ("what the first run has", Wanted { like: first, ..any() }, 26),
        ("what the last run has", Wanted { like: last, ..any() }, 24),
        ("the last three runs of each case", Wanted { latest_runs: Some(3), ..any() }, 8),
        ("the last run of what the last has", Wanted { like: last, latest_runs: Some(1), ..any() }, 2),
        ("nothing", Wanted { model: Some("none"), latest_runs: Some(3), ..any() }, 0),
    ] {
        assert_eq!(count(wanted.clone()), expected, "{name}");
        assert_eq!(count(Wanted { in_short: true, ..wanted }), expected, "{name}, in short");
    }
}

#[test]
fn each_case_has_its_own_latest_runs_the_earliest_first() {
    let (store, runs) = filled();
    let wanted = Wanted { latest_runs: Some(2), ..Wanted::default() };
    let found = store.measurements(Metric::LatencyMs, &wanted).unwrap();
    let expected = ["0 rare webgpu", "1 rare webgpu", "10 m webgpu", "10 m wgpu", "11 m webgpu", "11 m wgpu"];
    assert_eq!(described(&found, &runs), expected);
}

/// Ten values from 110 on have their median at 114.5.
#[test]
fn a_case_that_a_run_took_once_is_its_median_in_short_and_turns_keep_every_value() {
    let (store, runs) = filled();
    let read = |run: usize, in_short| {
        let wanted = Wanted { run: Some(&runs[run]), in_short, ..Wanted::default() };
        store.measurements(Metric::LatencyMs, &wanted).unwrap()
    };
    let (whole, short) = (read(11, false), read(11, true));
    assert_eq!((whole[0].values.len(), &short[0].values[..]), (10, &[114.5][..]));
    let evened: Vec<Measurement> = whole
        .iter()
        .zip(&short)
        .map(|(one, other)| Measurement { values: other.values.clone(), ..one.clone() })
        .collect();
    assert_eq!(evened, short, "nothing else differs");
    assert_eq!(short[0].control_ms, Some(5.0));
    assert_eq!(short[0].adapter_evidence.as_deref(), Some("loaded drivers"));
    assert_eq!(short[0].adapter.as_ref().unwrap().vendor, "google");
    assert_eq!(read(2, true), read(2, false), "in turns");
}
