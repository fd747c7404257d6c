//! Turns, matrix products, profiles and divergences come back as they went in, and as views have them.

use protocol::{
    Adapter, DispatchName, DispatchTimes, Engine, FallbackNode, Metric, Phase, Probe, ProbeReport,
    ProbeSamples, ProfileReport, Samples, Timer, TracedNode, Work,
};

use super::*;
use crate::case::tests::model;
use crate::origin::Origin;
use crate::rows::divergence::{Difference, Divergence, Finding, NodeDifference, Ran};
use crate::rows::product::Product;
use crate::session::{Opening, SessionKind};
use crate::turn::Place;

fn adapter(device: &str) -> Adapter {
    Adapter { device: device.to_owned(), ..Adapter::default() }
}

#[test]
fn a_case_key_can_be_read_and_a_trial_says_where_and_when_in_its_session_it_ran() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    let mut trial = passed_trial();
    trial.case.browser_settings = Some(r#"{"arguments":["--a"]}"#.to_owned());
    trial.features.extend(
        [("browser_version", "156.0"), ("driver_version", "156.1"), ("timer_resolution_ms", "0.1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let node = FallbackNode {
        node: "n".to_owned(),
        operator: "Add".to_owned(),
        engine: Engine::Webgpu,
        reason: "no; not here".to_owned(),
    };
    trial.fallback_nodes = vec![node];
    store.add_trial(&run, &trial).unwrap();
    let other = failed_trial();
    store.add_trial(&run, &other).unwrap();

    let sql = "select case_key = key and model = 'm' and samples = 20 and warmup_limit = 30 and not strict \
               and (browser_settings ->> '$.arguments[0]') = '--a' and length(browser_settings_digest) = 32 \
               and engine = 'webgpu' and device is null and browser = 'chrome' and browser_version = '156.0' \
               and driver_version = '156.1' and timer_resolution_ms = 0.1 and session = 1 and session_position = 0 \
               from trials join cases on key = case_key where verdict = 'pass'";
    assert!(store.connection.query_row(sql, [], |row| row.get::<_, bool>(0)).unwrap());
    assert_eq!(
        count(&store, "features where name = 'browser_version'"),
        0,
        "what has a column is in no other place"
    );

    let cases = store.report(&run).unwrap().cases;
    assert_eq!((&cases[1].fallback_nodes, &cases[1].features), (&trial.fallback_nodes, &trial.features));
}

#[test]
fn keys_keep_out_what_is_there_or_belongs_to_nothing() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    store.add_trial(&run, &passed_trial()).unwrap();
    assert!(store.add_trial(&run, &passed_trial()).is_err(), "two trials of one place in the matrix");
    for sql in [
        "update trials set verdict = 'perhaps'",
        "insert into series select trial_id, metric, 'later', [1] from series limit 1",
        "insert into controls values (uuidv7(), 0, 0, now(), 1, 1)",
    ] {
        assert!(store.connection.execute_batch(sql).is_err(), "{sql}");
    }
}

#[test]
fn what_belongs_to_nothing_or_is_there_twice_is_seen() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    let mut trial = passed_trial();
    trial.fallback_nodes = vec![FallbackNode {
        node: "n".to_owned(),
        operator: "Add".to_owned(),
        engine: Engine::Webgpu,
        reason: "not here".to_owned(),
    }];
    store.add_trial(&run, &trial).unwrap();
    store.check_rows().unwrap();
    for table in ["series", "metrics", "checks", "placements", "features"] {
        for (sql, told) in [
            (format!("insert into {table} select * from {table} limit 1"), "is there twice"),
            (
                format!("insert into {table} select * replace (uuidv7() as trial_id) from {table} limit 1"),
                "belongs to no trial",
            ),
        ] {
            let transaction = store.connection.transaction().unwrap();
            transaction.execute_batch(&sql).unwrap();
            let amiss = "select table_name || ' ' || what from amiss";
            let seen: String = transaction.query_row(amiss, [], |row| row.get(0)).unwrap();
            assert_eq!(seen, format!("{table} {told}"));
        }
    }
    for (sql, told) in [
        ("update trials set run_id = uuidv7()", "run"),
        ("update trials set case_key = 'another'", "case"),
        ("update trials set adapter_id = 'another'", "adapter"),
    ] {
        let transaction = store.connection.transaction().unwrap();
        transaction.execute_batch(sql).unwrap();
        let amiss = "select table_name || ' ' || what from amiss";
        let seen: String = transaction.query_row(amiss, [], |row| row.get(0)).unwrap();
        assert_eq!(seen, format!("trials belongs to no {told}"));
    }
    store.check_rows().unwrap();
    store.connection.execute_batch("insert into features select * from features").unwrap();
    let error = store.check_rows().unwrap_err().to_string();
    assert!(error.contains("features") && error.contains("is there twice"), "{error}");
}

#[test]
fn a_run_that_is_over_goes_in_whole_or_not_at_all() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let origin = Origin { commit: Some("abc".to_owned()), ..Origin::here() };
    let trials = [failed_trial(), passed_trial()];
    let controls = [(vec![1.0, 2.0], at(1), 1)];
    let end = (&RunEnd::Finished, at(3));
    let whole = WholeRun {
        kind: RunKind::Sweep,
        origin: &origin,
        started_at: at(0),
        end,
        trials: &trials,
        controls: &controls,
    };
    let run = store.add_run(&whole).unwrap();
    let report = store.report(&run).unwrap();
    assert_eq!((report.run.state.as_str(), report.run.origin.commit.as_deref()), ("finished", Some("abc")));
    let one_by_one = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    trials.iter().for_each(|trial| store.add_trial(&one_by_one, trial).unwrap());
    assert_eq!(report.cases, store.report(&one_by_one).unwrap().cases);
    assert_eq!((count(&store, "cases"), count(&store, "adapters"), count(&store, "controls")), (2, 1, 2));

    let twice = [passed_trial(), passed_trial()];
    assert!(store.add_run(&WholeRun { trials: &twice, ..whole }).is_err(), "one place in the matrix");
    assert_eq!((count(&store, "runs"), count(&store, "trials"), count(&store, "series")), (2, 4, 2));
}

/// A trial in which an inference took so long, on a target, in its turn of a round.
fn turn(target: &str, position: u32, (round, at): (u32, u32), latency_ms: f64) -> Trial {
    let mut report = judge::tests::report();
    report.metrics =
        vec![Samples { metric: Metric::LatencyMs, phase: Phase::Measured, values: vec![latency_ms] }];
    let place = Some(Place { round, position: at });
    let mut trial =
        Trial { case: case("m", target), samples: vec![], round: place, position, ..passed_trial() };
    trial.observe(Observed::default(), Some(report));
    trial
}

#[test]
fn the_ratio_of_targets_that_take_turns_is_a_view() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    // The other target is slower by 2, 3 and 4. Both have two turns in a round, a quarter and four times as long as their mean.
    let mut position = 0;
    for (round, ratio) in [(0, 2.0), (1, 3.0), (2, 4.0)] {
        for (at, target, latency_ms) in [
            (0, "webgpu@chrome", 2.5),
            (1, "webgpu@firefox", 2.5 * ratio),
            (2, "webgpu@firefox", 40.0 * ratio),
            (3, "webgpu@chrome", 40.0),
        ] {
            store.add_trial(&run, &turn(target, position, (round, at), latency_ms)).unwrap();
            position += 1;
        }
    }
    let sql = "select round(median(b_over_a), 9), count(*) from turn_ratios where a = 'webgpu@chrome'";
    let view: (f64, i64) = store.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(view, (3.0, 3));
}

#[test]
fn the_drift_control_sessions_and_what_cases_took_are_kept() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let mut recorder = Recorder::new(&mut store);
    recorder.hear(&Event::RunStarted { turns: 1, at: at(0) }).unwrap();
    let kind = SessionKind::Control;
    let opening = Opening { driver_ms: 1.0, browser_ms: 2.0, navigation_ms: 3.0, module_ms: 4.0 };
    recorder.hear(&Event::SessionOpened { kind: &kind, number: 1, opening }).unwrap();
    for times_ms in [[1.0, 2.0], [3.0, 4.0]] {
        recorder.hear(&Event::Controlled { times_ms: &times_ms, at: at(1), concurrency: 1 }).unwrap();
    }
    let trial = passed_trial();
    recorder.hear(&Event::CaseFinished(&trial)).unwrap();
    assert_eq!(count(&store, "controls where position = 1 and time_ms in (3, 4) and concurrency = 1"), 2);
    assert_eq!(count(&store, "sessions where driver_ms + browser_ms + navigation_ms + module_ms = 10"), 1);
    assert_eq!(store.durations().unwrap(), BTreeMap::from([(trial.case.key(), Duration::from_secs(1))]));
}

#[test]
fn matrix_products_come_back_and_their_ratios_are_a_view() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::BenchMatmul, at(0)).unwrap();
    let product = Product {
        browser: "chrome".to_owned(),
        size: 512,
        verdict: Verdict::Pass,
        message: None,
        adapter: Some(adapter("a")),
        max_abs_difference: Some(1e-5),
        facts: BTreeMap::from([("browser_version".to_owned(), "156".to_owned())]),
        ours_ms: vec![1.0, 2.0, 4.0],
        reference_ms: vec![2.0, 6.0, 4.0],
        ours_gpu_ms: vec![0.5],
    };
    let late = Product {
        verdict: Verdict::Timeout,
        message: Some("late".to_owned()),
        adapter: None,
        max_abs_difference: None,
        ours_ms: vec![],
        reference_ms: vec![],
        ours_gpu_ms: vec![],
        ..product.clone()
    };
    let products = [product, late];
    for (position, product) in (0..).zip(&products) {
        store.add_product(&run, position, product).unwrap();
    }
    assert_eq!(store.products(&run).unwrap().products, products);
    let ratio = "select other_over_ours from product_ratios where rounds = 3";
    assert_eq!(store.connection.query_row(ratio, [], |row| row.get::<_, f64>(0)).unwrap(), 2.0);
}

#[test]
fn a_profile_comes_back_and_its_kernels_are_a_view() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::Profile, at(0)).unwrap();
    let dispatch = |kernel: &str, gpu_ms: &[f64]| DispatchTimes {
        name: DispatchName {
            program: "model".to_owned(),
            node: "n".to_owned(),
            kernel: kernel.to_owned(),
            workgroups: [1, 2, 3],
            work: Work { flops: Some(8.0), bytes: None },
        },
        gpu_ms: gpu_ms.to_vec(),
    };
    let report = ProfileReport {
        engine: Engine::Wgpu,
        device: None,
        adapter: adapter("llvmpipe"),
        inferences: 2,
        dispatches: vec![
            dispatch("matmul", &[1.0, 3.0]),
            dispatch("matmul", &[2.0, 2.0]),
            dispatch("add", &[]),
        ],
    };
    let target = "wgpu:vulkan".parse().unwrap();
    store.add_profile(&run, &model("m"), &target, &report, &BTreeMap::new()).unwrap();
    let profile = store.profile(&run).unwrap();
    assert_eq!((&profile.dispatches, &profile.adapter), (&report.dispatches, &report.adapter));
    assert_eq!((profile.target.as_str(), profile.inferences), ("wgpu:vulkan", 2));
    let sql = "select kernel, dispatches, gpu_ms from kernels";
    let kernel: (String, f64, f64) =
        store.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    assert_eq!(kernel, ("matmul".to_owned(), 2.0, 4.0));
}

#[test]
fn a_profile_is_held_against_the_last_probes_of_its_adapter_in_its_browser() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let mut probe = |target: &str, device: &str, rate: f64| {
        let run = store.begin_run(RunKind::Probe, at(0)).unwrap();
        let samples = |probe, rate| ProbeSamples { probe, timer: Timer::Wall, values: vec![rate; 5] };
        let report = ProbeReport {
            engine: Engine::Wgpu,
            device: None,
            adapter: adapter(device),
            probes: vec![
                samples(Probe::ReadBandwidth, rate),
                samples(Probe::CopyBandwidth, rate + 1.0),
                samples(Probe::F32Rate, 10.0 * rate),
            ],
        };
        let version = "150.0".to_owned();
        store.add_probes(&run, &target.parse().unwrap(), Some(&version), &report).unwrap();
        let found = store.probes(&run).unwrap();
        let [target] = &found.targets[..] else { panic!("{found:?}") };
        assert_eq!((&target.adapter, target.browser_version.as_deref()), (&report.adapter, Some("150.0")));
        let read: Vec<_> =
            target.probes.iter().map(|row| (row.metric.as_str(), row.summary.median)).collect();
        let expected =
            [("read_gb_per_s", rate), ("copy_gb_per_s", rate + 1.0), ("f32_gflop_per_s", 10.0 * rate)];
        assert_eq!(read, expected);
        assert_eq!((target.probes[0].timer, target.probes[0].samples.len()), (Timer::Wall, 5));
    };
    probe("wgpu:vulkan", "llvmpipe", 2.0);
    probe("wgpu:vulkan", "llvmpipe", 4.0);
    probe("webgpu@chrome", "llvmpipe", 6.0);
    for (device, browser, gb_per_s) in [
        ("llvmpipe", None, Some(5.0)),
        ("llvmpipe", Some("chrome"), Some(7.0)),
        ("llvmpipe", Some("firefox"), None),
        ("another", None, None),
    ] {
        let peaks = store.peaks(&adapter(device), browser).unwrap();
        assert_eq!(peaks.gb_per_s, gb_per_s, "{device} in {browser:?}");
        assert_eq!(peaks.gflop_per_s, gb_per_s.map(|rate| 10.0 * (rate - 1.0)), "{device} in {browser:?}");
    }
}

#[test]
fn a_divergence_is_kept_node_by_node() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::Diverge, at(0)).unwrap();
    let [a, b]: [Target; 2] = ["webgpu@chrome", "burn:cpu"].map(|text| text.parse().unwrap());
    let node = |relative: f64, fault: Option<&str>, finding| NodeDifference {
        node: TracedNode {
            component: None,
            node: "n".to_owned(),
            operator: "Add".to_owned(),
            value: "v".to_owned(),
            inputs: vec![],
        },
        value_on_b: "w".to_owned(),
        tensor_type: "f32[2]".to_owned(),
        comparison: Difference {
            max_abs: relative,
            relative,
            magnitude: 1.0,
            place: None,
            elements: None,
            fault: fault.map(str::to_owned),
        },
        inherited: 0.0,
        growth: None,
        finding,
        unseen: vec![],
    };
    let nodes = [node(0.0, None, Finding::Agrees), node(f64::INFINITY, Some("a NaN"), Finding::Parts)];
    let adapters = [adapter("a"), adapter("b")];
    let divergence = Divergence {
        model: "m",
        model_digest: "d",
        a: Ran { target: &a, adapter: &adapters[0] },
        b: Ran { target: &b, adapter: &adapters[1] },
        tolerance: 1e-4,
        unfused: false,
        nodes: &nodes,
    };
    store.add_divergence(&run, &divergence).unwrap();
    assert_eq!(count(&store, "divergences where a = 'webgpu@chrome' and adapter_a <> adapter_b"), 1);
    assert_eq!(
        count(&store, "divergence_nodes where finding = 'parts' and fault = 'a NaN' and isinf(relative)"),
        1
    );
}
