//! Shards of one sweep are one sweep, and nothing else is.

use protocol::Metric;

use super::*;
use crate::part::Part;

/// The part of a plan that a shard is, of a plan and a sweep that are called so.
fn part(plan: &str, shard: Option<&str>, sweep: Option<&str>) -> Part {
    let plan_of_all = crate::plan::tests::resolve(None, &["--models", "bert-tiny", "--targets", "burn:cpu"]);
    let shard = shard.map(|shard| shard.parse().unwrap());
    let mut part = Part::of(&plan_of_all.unwrap(), &BTreeMap::new(), shard, sweep.map(str::to_owned));
    part.plan_digest = plan.to_owned();
    part
}

const HOUR: u64 = 60 * 60;

/// A run: what it is called here, its part, the hour at which it began, and how it ended.
type Row = (&'static str, (&'static str, Option<&'static str>, Option<&'static str>), f64, RunEnd);

/// A store with these runs, and their names.
fn store(rows: &[Row]) -> (Store, Vec<(RunId, &'static str)>) {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let mut runs = Vec::new();
    for (name, (plan, shard, sweep), hour, end) in rows {
        let began = at((hour * HOUR as f64) as u64);
        let run = store.begin_sweep(&part(plan, *shard, *sweep), began).unwrap();
        store.finish_run(&run, end, began + Duration::from_secs(60)).unwrap();
        runs.push((run, *name));
    }
    (store, runs)
}

fn named<'a>(runs: &[(RunId, &'a str)], run: &RunId) -> &'a str {
    runs.iter().find(|(known, _)| known == run).unwrap().1
}

#[test]
fn a_run_keeps_which_part_of_which_plan_it_is() {
    let (store, _) = store(&[
        ("a", ("p", Some("2/5"), Some("s")), 0.0, RunEnd::Finished),
        ("b", ("p", None, None), 0.0, RunEnd::Finished),
    ]);
    assert_eq!(count(&store, "runs where plan_digest = 'p' and (shard, shards, sweep) = (2, 5, 's')"), 1);
    assert_eq!(count(&store, "runs where plan_digest = 'p' and shard is null and sweep is null"), 1);
}

#[test]
fn shards_of_a_plan_are_a_sweep_with_those_that_agree() {
    use RunEnd::{Finished, Interrupted};
    type Expected = &'static [(&'static str, &'static str)];
    let tables: [(&str, &[Row], Expected); 6] = [
        (
            "by the name of the sweep, whenever they ran",
            &[
                ("a1", ("p", Some("1/2"), Some("s")), 0.0, Finished),
                ("a2", ("p", Some("2/2"), Some("s")), 99.0, Finished),
                ("b1", ("p", Some("1/2"), Some("t")), 0.0, Finished),
                ("c1", ("q", Some("1/2"), Some("s")), 0.0, Finished),
                ("d1", ("p", Some("1/3"), Some("s")), 0.0, Finished),
                ("e1", ("p", Some("1/2"), None), 0.0, Finished),
            ],
            &[("a1", "a1 a2"), ("a2", "a1 a2"), ("b1", "b1"), ("c1", "c1"), ("d1", "d1"), ("e1", "e1")],
        ),
        (
            "what is whole is a sweep of its own, whatever it is called",
            &[("a", ("p", None, Some("s")), 0.0, Finished), ("b", ("p", None, Some("s")), 0.0, Finished)],
            &[("a", "a"), ("b", "b")],
        ),
        (
            "of a shard that is there twice, the latest counts",
            &[
                ("a1", ("p", Some("1/2"), Some("s")), 0.0, Finished),
                ("a2", ("p", Some("2/2"), Some("s")), 0.0, Interrupted),
                ("A2", ("p", Some("2/2"), Some("s")), 1.0, Finished),
                ("A1", ("p", Some("1/2"), Some("s")), 2.0, Finished),
            ],
            &[("a1", "A1 A2"), ("a2", "A1 A2"), ("A1", "A1 A2")],
        ),
        (
            "without a name, within a day",
            &[
                ("a1", ("p", Some("1/2"), None), 0.0, Finished),
                ("a2", ("p", Some("2/2"), None), 24.0, Finished),
                ("b1", ("p", Some("1/2"), None), 48.1, Finished),
                ("c2", ("p", Some("2/2"), None), 73.0, Finished),
            ],
            &[("a1", "a1 a2"), ("a2", "a1 a2"), ("b1", "b1"), ("c2", "c2")],
        ),
        (
            "without a name, until one that is over is run again",
            &[
                ("a2", ("p", Some("2/2"), None), 0.0, Interrupted),
                ("a1", ("p", Some("1/2"), None), 0.1, Finished),
                ("A2", ("p", Some("2/2"), None), 1.0, Finished),
                ("b1", ("p", Some("1/2"), None), 23.9, Finished),
                ("b2", ("p", Some("2/2"), None), 24.0, Finished),
            ],
            &[("a2", "a1 A2"), ("a1", "a1 A2"), ("b1", "b1 b2"), ("b2", "b1 b2")],
        ),
        ("one alone", &[("a3", ("p", Some("3/5"), None), 0.0, Finished)], &[("a3", "a3")]),
    ];
    for (name, rows, expected) in tables {
        let (store, runs) = store(rows);
        for (run, together) in expected {
            let run = &runs.iter().find(|(_, name)| name == run).unwrap().0;
            let found: Vec<&str> = store.shards(run).unwrap().iter().map(|it| named(&runs, it)).collect();
            assert_eq!(found.join(" "), *together, "{name}");
            let first = store.first_shard(run).unwrap();
            assert!(store.shards(run).unwrap().contains(&first), "{name}");
        }
    }
}

/// A trial at a place in the matrix, of a model on a target.
fn trial(model: &str, target: &str, position: u32, verdict: Verdict) -> Trial {
    let judgement = Judgement { verdict, message: None, actual_target: Some(target.parse().unwrap()) };
    Trial { case: case(model, target), judgement, position, ..passed_trial() }
}

/// Two shards of a plan of three models on two targets, each in a store of its own.
fn shards() -> (Store, RunId, RunId) {
    let (mut store, runs) = store(&[
        ("s2", ("p", Some("2/2"), Some("s")), 0.0, RunEnd::Finished),
        ("s1", ("p", Some("1/2"), Some("s")), 0.1, RunEnd::Finished),
    ]);
    let [second, first] = [runs[0].0.clone(), runs[1].0.clone()];
    let of = |model: &str| if model == "b" { second.clone() } else { first.clone() };
    for (position, (model, target)) in (0..).zip([
        ("a", "webgpu@chrome"),
        ("a", "burn:cpu"),
        ("b", "webgpu@chrome"),
        ("b", "burn:cpu"),
        ("c", "webgpu@chrome"),
        ("c", "burn:cpu"),
    ]) {
        store.add_trial(&of(model), &trial(model, target, position, Verdict::Pass)).unwrap();
    }
    (store, first, second)
}

#[test]
fn a_report_is_of_all_shards_in_the_order_of_the_matrix_and_of_one_where_one_is_asked_for() {
    let (store, first, second) = shards();
    let cells = |report: &crate::rows::Report| {
        let cells = report.cases.iter().map(|case| format!("{} {}", case.model, case.target));
        cells.collect::<Vec<_>>().join(", ")
    };
    for run in [&first, &second] {
        let report = store.report(run).unwrap();
        assert_eq!(report.run.id, run.to_string());
        assert_eq!(
            cells(&report),
            "a webgpu@chrome, a burn:cpu, b webgpu@chrome, b burn:cpu, c webgpu@chrome, c burn:cpu"
        );
        let shards = report.shards.unwrap();
        assert_eq!(shards.runs.iter().map(|run| run.number).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((shards.of, shards.missing, report.time_spent), (2, vec![], None));
    }
    let alone = store.report_of_run(&second).unwrap();
    assert_eq!(cells(&alone), "b webgpu@chrome, b burn:cpu");
    assert_eq!(alone.shards.unwrap().missing, [1]);
}

#[test]
fn a_shard_that_did_not_agree_is_told_where_it_is_missed() {
    use RunEnd::Finished;
    let (store, runs) = store(&[
        ("a1", ("p", Some("1/3"), Some("s")), 0.0, Finished),
        ("b1", ("q", Some("1/3"), Some("s")), 0.0, Finished),
        ("b2", ("q", Some("2/3"), Some("s")), 0.0, Finished),
        ("another sweep", ("q", Some("3/3"), Some("t")), 0.0, Finished),
        ("in fewer", ("q", Some("2/2"), Some("s")), 0.0, Finished),
    ]);
    let shards = store.report(&runs[0].0).unwrap().shards.unwrap();
    let disagreeing: Vec<&str> = shards.disagreeing.iter().map(|run| run.id.as_str()).collect();
    assert_eq!((shards.missing, disagreeing), (vec![2, 3], vec![runs[2].0.to_string().as_str()]));
}

#[test]
fn what_shards_of_a_sweep_took_is_left_aside_when_the_next_one_is_dealt() {
    use RunEnd::Finished;
    let (mut store, mut runs) = store(&[
        ("whole", ("p", None, None), 0.0, Finished),
        ("named", ("p", Some("1/2"), Some("s")), 0.0, Finished),
        ("long ago", ("p", Some("1/2"), None), 0.0, Finished),
    ]);
    runs.push((store.begin_sweep(&part("p", Some("1/2"), None), SystemTime::now()).unwrap(), "just now"));
    for (run, name) in &runs {
        store.add_trial(run, &trial(name, "burn:cpu", 0, Verdict::Pass)).unwrap();
    }
    for (shards, sweep, expected) in [
        (2, Some("s"), &["whole", "long ago", "just now"][..]),
        (2, Some("t"), &["whole", "named", "long ago", "just now"]),
        (2, None, &["whole", "named", "long ago"]),
        (3, None, &["whole", "named", "long ago", "just now"]),
    ] {
        let found = store.durations_before(shards, sweep).unwrap();
        let keys: std::collections::BTreeSet<_> =
            expected.iter().map(|name| case(name, "burn:cpu").key()).collect();
        assert!(found.keys().eq(&keys), "{shards} {sweep:?}");
    }
    assert_eq!(store.durations().unwrap().len(), 4);
}

#[test]
fn measurements_of_shards_are_of_one_run() {
    let (mut store, first, second) = shards();
    let again = store.begin_sweep(&part("p", Some("1/2"), Some("s")), at(2 * HOUR)).unwrap();
    store.add_trial(&again, &trial("a", "burn:cpu", 1, Verdict::Pass)).unwrap();
    let all = store.measurements(Metric::LatencyMs, &Wanted::default()).unwrap();
    let models: Vec<&str> = all.iter().map(|one| one.subject.model.as_str()).collect();
    // The first shard's earlier run no longer counts.
    assert_eq!(models, ["a", "b", "b"]);
    let stands = store.first_shard(&second).unwrap().to_string();
    assert!(all.iter().all(|one| one.run.id == stands), "{all:?}");
    for run in [&first, &second, &again] {
        let wanted = Wanted { run: Some(run), ..Wanted::default() };
        assert_eq!(store.measurements(Metric::LatencyMs, &wanted).unwrap(), all);
    }
    let errors = ["a", "b"].map(|model| store.largest_errors(model).unwrap());
    assert_eq!(errors.each_ref().map(|found| found.len()), [1, 2]);
    assert!(errors.iter().flatten().all(|((run, _), _)| *run == stands), "{errors:?}");
}

#[test]
fn a_sweep_passed_where_all_its_shards_are_here_and_did() {
    use RunEnd::{Failed, Finished};
    type Trials = &'static [(usize, Verdict)];
    let tables: [(&str, &[Row], Trials, Option<&str>); 6] = [
        (
            "both",
            &[
                ("a1", ("p", Some("1/2"), Some("s")), 0.0, Finished),
                ("a2", ("p", Some("2/2"), Some("s")), 0.1, Finished),
            ],
            &[(0, Verdict::Pass), (1, Verdict::Unsupported)],
            Some("a1"),
        ),
        (
            "one is missing",
            &[("a1", ("p", Some("1/2"), Some("s")), 0.0, Finished)],
            &[(0, Verdict::Pass)],
            None,
        ),
        (
            "one did not come to its end",
            &[
                ("a1", ("p", Some("1/2"), Some("s")), 0.0, Finished),
                ("a2", ("p", Some("2/2"), Some("s")), 0.1, Failed("x".to_owned())),
            ],
            &[(0, Verdict::Pass), (1, Verdict::Pass)],
            None,
        ),
        (
            "one has a wrong answer",
            &[
                ("a1", ("p", Some("1/2"), Some("s")), 0.0, Finished),
                ("a2", ("p", Some("2/2"), Some("s")), 0.1, Finished),
            ],
            &[(0, Verdict::Pass), (1, Verdict::Mismatch)],
            None,
        ),
        (
            "one was wrong, and right when it was run again",
            &[
                ("a1", ("p", Some("1/2"), Some("s")), 0.0, Finished),
                ("a2", ("p", Some("2/2"), Some("s")), 0.1, Finished),
                ("A2", ("p", Some("2/2"), Some("s")), 0.2, Finished),
            ],
            &[(0, Verdict::Pass), (1, Verdict::Mismatch), (2, Verdict::Pass)],
            Some("a1"),
        ),
        (
            "one that is whole",
            &[("a", ("p", None, None), 0.0, Finished), ("b", ("p", None, None), 0.1, Finished)],
            &[(0, Verdict::Pass), (1, Verdict::Crash)],
            Some("a"),
        ),
    ];
    for (name, rows, trials, expected) in tables {
        // The sweep that is judged passed too, and is not held against itself.
        let judged = [("n", Some("1/2")), ("n", Some("2/2"))];
        let judged = judged.map(|(plan, shard)| ("now", (plan, shard, Some("s")), 5.0, Finished));
        let (mut store, runs) = store(&[rows, &judged[..]].concat());
        for (row, verdict) in trials {
            store.add_trial(&runs[*row].0, &trial("m", "burn:cpu", 0, *verdict)).unwrap();
        }
        for (run, _) in &runs[rows.len()..] {
            store.add_trial(run, &trial("m", "burn:cpu", 0, Verdict::Pass)).unwrap();
            let found = store.last_passing_sweep(run).ok();
            assert_eq!(found.map(|found| named(&runs, &found)), expected, "{name}");
        }
    }
}

/// Two plans take turns in one database, and neither is held against the other.
#[test]
fn a_sweep_is_held_against_one_that_took_the_same_model_on_the_same_target() {
    let rows = ["mine", "another model's", "another target's", "now"];
    let rows: Vec<_> = rows
        .iter()
        .zip(0..)
        .map(|(name, at)| (*name, ("p", None, None), f64::from(at), RunEnd::Finished))
        .collect();
    let (mut store, runs) = store(&rows);
    let trials = [("m", "burn:cpu"), ("n", "burn:cpu"), ("m", "wgpu:vulkan"), ("m", "burn:cpu")];
    for ((run, _), (model, target)) in runs.iter().zip(trials) {
        store.add_trial(run, &trial(model, target, 0, Verdict::Pass)).unwrap();
    }
    let found = store.last_passing_sweep(&runs[3].0).unwrap();
    assert_eq!(named(&runs, &found), "mine");
    let none = store.last_passing_sweep(&runs[2].0).unwrap_err();
    assert!(none.to_string().contains("no earlier sweep that passed, of one of its models"), "{none}");
}
