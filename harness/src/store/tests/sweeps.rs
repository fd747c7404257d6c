//! Shards of one sweep are found, missed and held against earlier ones as one.

use super::*;

/// A run with its second, plan, name, which shard of how many it is, whether it finished, and a trial's verdict.
struct Row(u64, &'static str, Option<&'static str>, Option<(i32, i32)>, bool, Verdict);

/// A database with these runs, by their seconds.
fn store_with(rows: &[Row]) -> (Store, BTreeMap<u64, RunId>) {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let mut runs = BTreeMap::new();
    for Row(second, plan, sweep, shard, finished, verdict) in rows {
        let run = store.begin_run(RunKind::Sweep, at(*second)).unwrap();
        let (shard, of) = shard.unzip();
        let sql =
            "update runs set plan_digest = ?, sweep = ?, shard = ?, shards = ?, state = ? where id = ?::uuid";
        let state = if *finished { "finished" } else { "running" };
        store.connection.execute(sql, duckdb::params![plan, sweep, shard, of, state, run]).unwrap();
        let mut trial = if *verdict == Verdict::Pass { passed_trial() } else { failed_trial() };
        trial.judgement.verdict = *verdict;
        store.add_trial(&run, &trial).unwrap();
        runs.insert(*second, run);
    }
    (store, runs)
}

#[test]
fn shards_of_one_plan_and_name_are_one_sweep() {
    use Verdict::Pass;
    let of = |shard: i32, of: i32| Some((shard, of));
    let (store, runs) = store_with(&[
        Row(1, "p", None, None, true, Pass),
        Row(2, "p", None, None, true, Pass),
        Row(10, "p", Some("a"), of(2, 3), true, Pass),
        Row(11, "p", Some("a"), of(1, 3), true, Pass),
        Row(20, "p", Some("b"), of(1, 3), true, Pass),
        Row(21, "p", Some("b"), of(3, 3), true, Pass),
        Row(22, "p", Some("b"), of(2, 3), false, Pass),
        Row(23, "p", Some("b"), of(2, 3), true, Pass),
        Row(24, "q", Some("b"), of(1, 3), true, Pass),
        Row(30, "r", None, of(1, 2), true, Pass),
        Row(31, "r", None, of(2, 2), true, Pass),
        Row(40, "r", None, of(1, 2), true, Pass),
        Row(41, "r", None, of(2, 2), true, Pass),
    ]);
    for (second, expected, missing) in [
        (1, &[1][..], &[][..]),
        (10, &[11, 10], &[3]),
        (11, &[11, 10], &[3]),
        (20, &[20, 23, 21], &[]),
        // What was run again is no part of it any more.
        (22, &[22], &[1, 3]),
        (24, &[24], &[2, 3]),
        (31, &[30, 31], &[]),
        (40, &[40, 41], &[]),
    ] {
        let found = store.sweep_runs(&runs[&second]).unwrap();
        let expected: Vec<RunId> = expected.iter().map(|second| runs[second].clone()).collect();
        assert_eq!(found, SweepRuns { runs: expected, missing: missing.to_vec() }, "run {second}");
    }
}

#[test]
fn a_sweep_passed_where_all_its_shards_did() {
    use Verdict::{Crash, Pass, Unavailable};
    let of = |shard: i32, of: i32| Some((shard, of));
    let (store, runs) = store_with(&[
        Row(1, "p", None, None, true, Pass),
        Row(2, "p", None, None, true, Crash),
        Row(10, "p", Some("a"), of(1, 2), true, Pass),
        Row(11, "p", Some("a"), of(2, 2), true, Unavailable),
        Row(20, "p", Some("b"), of(1, 2), true, Pass),
        Row(21, "p", Some("b"), of(2, 2), true, Crash),
        Row(30, "p", Some("c"), of(1, 2), true, Pass),
        Row(40, "p", Some("d"), of(1, 2), true, Pass),
        Row(41, "p", Some("d"), of(2, 2), false, Pass),
        Row(50, "p", Some("e"), of(1, 2), true, Pass),
        Row(51, "p", Some("e"), of(2, 2), true, Pass),
        Row(60, "p", None, None, true, Pass),
        Row(61, "p", None, None, true, Unavailable),
    ]);
    for (second, expected) in [
        (1, None),
        (2, Some(1)),
        (11, Some(1)),
        (20, Some(10)),
        (41, Some(10)),
        (51, Some(10)),
        (60, Some(50)),
    ] {
        let found = store.last_passing_sweep(&runs[&second]);
        match (found, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, runs[&expected], "before {second}"),
            (Err(error), None) => {
                assert!(error.to_string().contains("no earlier sweep that passed"), "{error}")
            }
            (found, _) => panic!("before {second}: {found:?}"),
        }
    }
}
