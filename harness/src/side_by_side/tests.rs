//! Tables of sides next to each other: what is refused, what is decided, and what is said of it.

use super::*;
use crate::rows::measurement::tests::measurement;
use crate::statistics::undisturbed;
use crate::turn;

const WITHIN: f64 = 0.03;

fn pair(text: &str) -> Pair {
    text.parse().unwrap()
}

/// Both sides of so many rounds in turns, two to a session; b takes `ratio` times as long as a, and the machine gets slower
/// all along.
fn in_turns(rounds: u32, ratio: f64) -> Vec<Measurement> {
    let mut turns = Vec::new();
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..rounds {
        for (position, target) in
            [(0, "webgpu@chrome"), (1, "webgpu@firefox"), (2, "webgpu@firefox"), (3, "webgpu@chrome")]
        {
            let of_target = if target == "webgpu@firefox" { ratio } else { 1.0 };
            let scatter = 1.0 + 0.01 * (random.f64() - 0.5);
            let drift = 1.0 + 0.05 * f64::from(round);
            turns.push(Measurement {
                turn: Some(turn::Place { round, position }),
                session: Some(1 + round / 2),
                ..measurement(target, 1, 10.0 * of_target * scatter * drift)
            });
        }
    }
    turns
}

fn compared(pair: &Pair, all: &[Measurement]) -> (Vec<Comparison>, Vec<Refusal>) {
    let side = |side: &Side| all.iter().filter(|one| side.admits(one)).cloned().collect::<Vec<_>>();
    let (a, b) = (side(&pair.a), side(&pair.b));
    let (matched, mut refused) = matched(pair, &a, &b, &OtherRuns::default());
    let (comparisons, more) = decide(&matched, "latency_ms", Rule::within(WITHIN));
    refused.extend(more);
    (comparisons, refused)
}

#[test]
fn turns_are_compared_in_pairs_whatever_the_machine_does() {
    let chrome_firefox = pair("webgpu@chrome/webgpu@firefox");
    for (ratio, verdict) in [(1.2, "faster"), (0.8, "slower"), (1.0, "same")] {
        let (rows, refused) = compared(&chrome_firefox, &in_turns(16, ratio));
        let [row] = &rows[..] else { panic!("{rows:?} {refused:?}") };
        assert_eq!((row.verdict, row.paired, row.rounds), (verdict, true, 16), "{row:?}");
        assert!((row.ratio.median / ratio - 1.0).abs() < 0.01, "{row:?}");
        assert!(row.noise.is_some_and(|noise| noise < 0.02), "{row:?}");
    }
    let (rows, _) = compared(&pair("webgpu@chrome/webgpu@chrome"), &in_turns(16, 1.0));
    assert_eq!((rows[0].verdict, rows[0].paired), ("same", true), "a thing is as fast as itself: {rows:?}");
    let (rows, _) = compared(&chrome_firefox, &in_turns(1, 1.2));
    assert_eq!((rows[0].verdict, rows[0].ratio.low), ("not-sure", None), "{rows:?}");
}

#[test]
fn what_is_faster_undisturbed_and_slower_typically_is_not_sure() {
    let all: Vec<Measurement> = in_turns(16, 1.2)
        .into_iter()
        .map(|mut one| {
            if one.place.target.to_string() == "webgpu@chrome" {
                // All but the quickest take twice as long.
                let quickest = undisturbed(&one.values).unwrap();
                one.values.iter_mut().filter(|value| **value > quickest).for_each(|value| *value *= 2.0);
            }
            one
        })
        .collect();
    let (rows, _) = compared(&pair("webgpu@chrome/webgpu@firefox"), &all);
    assert_eq!((rows[0].verdict, rows[0].samples_to_settle), ("not-sure", None), "{rows:?}");
    assert!(rows[0].reason.contains("the opposite"), "{rows:?}");
}

#[test]
fn what_was_taken_apart_needs_to_be_further_apart_than_runs_are() {
    let apart = |second: f64| {
        [measurement("webgpu@chrome", 1, 10.0), measurement("webgpu@chrome", 2, second)].to_vec()
    };
    let runs = pair("webgpu@chrome+run=run-01/webgpu@chrome+run=run-02");
    for (second, verdict) in [(12.0, "not-sure"), (20.0, "faster")] {
        let all = apart(second);
        let (matched, _) = matched(&runs, &all[..1], &all[1..], &OtherRuns::default());
        let (rows, _) = decide(&matched, "latency_ms", Rule::within(WITHIN));
        assert_eq!((rows[0].verdict, rows[0].paired), (verdict, false), "{rows:?}");
        assert!(rows[0].reason.contains("not known"), "{rows:?}");
    }
}

#[test]
fn what_other_runs_differ_by_decides_what_was_taken_apart() {
    let now = [measurement("webgpu@chrome", 9, 10.0), measurement("webgpu@firefox", 9, 12.0)];
    let mut random = fastrand::Rng::with_seed(9);
    for (scatter, verdict) in [(0.01, "faster"), (0.4, "not-sure")] {
        let mut run = |target: &str, run: u32, level: f64| {
            measurement(target, run, level * (1.0 + scatter * (random.f64() - 0.5)))
        };
        let before: Vec<Measurement> =
            (1..9).flat_map(|at| [run("webgpu@chrome", at, 10.0), run("webgpu@firefox", at, 12.0)]).collect();
        let chrome_firefox = pair("webgpu@chrome/webgpu@firefox");
        let (matched, _) = matched(&chrome_firefox, &now[..1], &now[1..], &OtherRuns::of(&before));
        let (rows, _) = decide(&matched, "latency_ms", Rule::within(WITHIN));
        assert_eq!((rows[0].verdict, rows[0].paired), (verdict, false), "{rows:?}");
        assert!(
            rows[0].noise.is_some_and(|noise| (scatter / 2.0..3.0 * scatter).contains(&noise)),
            "{rows:?}"
        );
    }
}

#[test]
fn a_control_that_only_one_side_has_divides_neither() {
    let runs = pair("webgpu@chrome+run=run-01/webgpu@chrome+run=run-02");
    let without = Measurement { control_ms: None, ..measurement("webgpu@chrome", 2, 10.0) };
    let all = [measurement("webgpu@chrome", 1, 10.0), without];
    let (matched, _) = matched(&runs, &all[..1], &all[1..], &OtherRuns::default());
    let (rows, _) = decide(&matched, "latency_ms", Rule::within(WITHIN));
    assert!((rows[0].ratio.median - 1.0).abs() < 1e-9, "{rows:?}");
}

#[test]
fn what_may_not_be_compared_is_refused_with_the_reason() {
    type Row = (&'static str, fn(&mut Measurement), &'static str);
    let rows: [Row; 7] = [
        ("a failure", |b| b.verdict = Verdict::Mismatch, "did not pass (mismatch)"),
        ("another precision", |b| b.subject.precision = "fp16".to_owned(), "ran at precision fp16, not fp32"),
        ("another shape", |b| b.subject.batch = 4, "at another shape (batch 4, not batch 1)"),
        ("another model", |b| b.subject.model = "n".to_owned(), "there is no result of it on"),
        ("another version of it", |b| b.model_digest = "other".to_owned(), "the model changed between them"),
        ("other jobs", |b| b.conditions.concurrency = 2, "1 jobs at the same time and the other with 2"),
        (
            "other caches",
            |b| b.conditions.temperature = Some("hot".to_owned()),
            "the state of caches differs",
        ),
    ];
    for (name, change, part) in rows {
        let mut b = measurement("webgpu@firefox", 1, 10.0);
        change(&mut b);
        let all = [measurement("webgpu@chrome", 1, 10.0), b];
        let (rows, refused) = compared(&pair("webgpu@chrome/webgpu@firefox"), &all);
        assert!(rows.is_empty(), "{name}: {rows:?}");
        assert!(refused.iter().any(|refusal| refusal.reason.contains(part)), "{name}: {refused:?}");
    }
    let all = [measurement("webgpu@chrome", 1, 10.0), measurement("webgpu@chrome", 2, 10.0)];
    let digests = pair("webgpu@chrome+digest=digest/webgpu@chrome+digest=other");
    let other = Measurement { model_digest: "other".to_owned(), ..all[1].clone() };
    let (rows, refused) = compared(&digests, &[all[0].clone(), other]);
    assert_eq!((rows.len(), refused.len()), (1, 0), "versions that are named: {refused:?}");
}

#[test]
fn places_are_compared_with_the_same_place() {
    let at = |target: &str, adapter: &str| {
        let mut one = measurement(target, 1, 10.0);
        one.place.adapter = adapter.to_owned().into();
        one
    };
    let a = [at("webgpu@chrome", "default"), at("webgpu@chrome", "swiftshader")];
    let b = [at("webgpu@firefox", "default"), at("webgpu@firefox", "swiftshader")];
    let open = pair("webgpu@chrome/webgpu@firefox");
    let pairs: Vec<(String, String)> =
        by_place(&open, &a, &b).iter().map(|pair| (pair.a.to_string(), pair.b.to_string())).collect();
    let expected = [
        ("webgpu@chrome".to_owned(), "webgpu@firefox".to_owned()),
        ("webgpu@chrome+adapter=swiftshader".to_owned(), "webgpu@firefox+adapter=swiftshader".to_owned()),
    ];
    assert_eq!(pairs, expected);

    let with = |features: &str| {
        let mut one = measurement("webgpu@chrome", 1, 10.0);
        features.clone_into(&mut one.place.features);
        one
    };
    let all = [with(""), with("-fusion")];
    let pairs = |asked: &str| {
        let found = by_place(&pair(asked), &all, &all[usize::from(asked.contains("features"))..]);
        found.iter().map(|pair| format!("{} / {}", pair.a, pair.b)).collect::<Vec<_>>()
    };
    assert_eq!(
        pairs("webgpu@chrome/webgpu@chrome+features=-fusion"),
        ["webgpu@chrome / webgpu@chrome+features=-fusion"]
    );
    assert_eq!(pairs("webgpu@chrome/webgpu@chrome").len(), 2, "each beside itself, since that was asked");
}
