//! The views for analysts over a filled store, and what in them repeats what stands elsewhere.

use protocol::{Adapter, Engine, FallbackNode, Features, Metric, Phase, Samples};

use super::*;
use crate::browser;

/// A row of a view as text, its columns apart by bars; what is null is a dash.
fn lines(store: &Store, columns: &str, from: &str) -> Vec<String> {
    let columns: Vec<String> =
        columns.split(", ").map(|column| format!("coalesce(({column})::varchar, '-')")).collect();
    let sql = format!("select concat_ws(' | ', {}) from {from}", columns.join(", "));
    let mut statement = store.connection.prepare(&sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn gpu() -> Adapter {
    Adapter {
        vendor: "nvidia".to_owned(),
        architecture: "ada".to_owned(),
        device: "0x2684".to_owned(),
        description: "GeForce".to_owned(),
        backend: "webgpu".to_owned(),
        features: vec!["shader-f16".to_owned(), "subgroups".to_owned()],
        ..Adapter::default()
    }
}

/// A trial that passed on a target, its optimisations as told, with values of metrics.
fn trial(target: &str, features: &str, adapter: Adapter, metrics: &[(Metric, f64)]) -> Trial {
    let mut report = judge::tests::report();
    report.adapter = adapter;
    let series = |(metric, value): &(Metric, f64)| Samples {
        metric: *metric,
        phase: Phase::Measured,
        values: vec![*value; 5],
    };
    report.metrics = metrics.iter().map(series).collect();
    let mut case = case("m", target);
    case.features = features.parse().unwrap();
    let actual_target = Some(case.target.clone());
    let judgement = Judgement { verdict: Verdict::Pass, message: None, actual_target };
    let mut trial = Trial { case, judgement, ..failed_trial() };
    trial.observe(Observed::default(), Some(report));
    trial
}

/// A store with one sweep of these trials.
fn swept(trials: Vec<Trial>) -> Store {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    for (position, trial) in (0..).zip(trials) {
        store.add_trial(&run, &Trial { position, ..trial }).unwrap();
    }
    store
}

/// What WebGPU answered in place of WebNN.
fn fallback() -> Trial {
    let mut fell = trial("webnn:gpu@edge", "", gpu(), &[(Metric::LatencyMs, 8.0)]);
    fell.judgement = Judgement {
        verdict: Verdict::Unsupported,
        message: Some("no int4".to_owned()),
        actual_target: Some("webgpu@edge".parse().unwrap()),
    };
    fell
}

#[test]
fn trials_in_browsers_say_what_they_took_and_whether_they_ran_where_they_were_asked() {
    let node = FallbackNode {
        node: "n".to_owned(),
        operator: "Add".to_owned(),
        engine: Engine::Wasm,
        reason: "no int4".to_owned(),
    };
    let times = [
        (Metric::WallMs, 90.0),
        (Metric::LoadMs, 10.0),
        (Metric::CompileMs, 20.0),
        (Metric::FirstInferenceMs, 30.0),
        (Metric::LatencyMs, 4.0),
    ];
    let right = trial("webgpu@chrome", "", gpu(), &times);
    let helped = Trial {
        fallback_nodes: vec![node],
        ..trial("webnn:gpu@chrome", "", gpu(), &[(Metric::LatencyMs, 5.0)])
    };
    let native = trial("wgpu:vulkan", "", gpu(), &times);
    let store = swept(vec![right, fallback(), helped, failed_trial(), native]);
    let columns = "platform, browser, device, ran_on, implementation_type, is_simulation, execution_time_ms, \
                   load_time_ms, compile_time_ms, first_inference_ms, latency_ms, success, verdict, error_message";
    assert_eq!(
        lines(
            &store,
            columns,
            "web_platform_tests order by (select position from trials where id = test_id)"
        ),
        [
            "webgpu | chrome | - | webgpu@chrome | real | false | 90.0 | 10.0 | 20.0 | 30.0 | 4.0 | true | pass | -",
            "webnn | edge | gpu | webgpu@edge | fallback | false | - | - | - | - | 8.0 | false | unsupported | no int4",
            "webnn | chrome | gpu | webnn:gpu@chrome | fallback | false | - | - | - | - | 5.0 | true | pass | -",
            "webgpu | edge | - | - | real | false | - | - | - | - | - | false | crash | the tab died",
        ]
    );
}

#[test]
fn numbers_in_browsers_have_units_and_stand_under_the_engine_that_gave_them() {
    let all = Metric::ALL.into_iter().filter(|metric| *metric != Metric::ThroughputPerS);
    let all: Vec<(Metric, f64)> = all.map(|metric| (metric, 4.0)).collect();
    let store = swept(vec![trial("webgpu@chrome", "", gpu(), &all), fallback()]);
    let rows =
        lines(&store, "platform, metric_name, value, unit, n", "web_platform_performance order by all");
    let unit = |metric: Metric| match metric.name() {
        name if name.ends_with("_ms") => "ms",
        name if name.ends_with("_bytes") => "bytes",
        name if name.ends_with("_per_s") => "per_s",
        "energy_j" => "j",
        "idle_power_w" => "w",
        "cpu_utilisation" => "1",
        other => panic!("{other} has no unit"),
    };
    // Two items in 4 ms, and of what fell back in 8 ms.
    let value = |metric| if metric == Metric::ThroughputPerS { "500.0" } else { "4.0" };
    let mut expected: Vec<String> = Metric::ALL
        .into_iter()
        .map(|metric| format!("webgpu | {} | {} | {} | 5", metric.name(), value(metric), unit(metric)))
        .collect();
    expected.push("webgpu | latency_ms | 8.0 | ms | 5".to_owned());
    expected.push("webgpu | throughput_per_s | 250.0 | per_s | 5".to_owned());
    expected.sort();
    let mut rows = rows;
    rows.sort();
    assert_eq!(rows, expected);
}

#[test]
fn capabilities_are_those_of_browsers_with_the_features_of_their_adapters() {
    let mut store = Store::open(Path::new(":memory:")).unwrap();
    let run = store.begin_run(RunKind::Detect, at(0)).unwrap();
    let missing = || Presence::Missing { reason: "not found".to_owned(), remedy: "install it".to_owned() };
    let found = |subject: &str, presence, version: Option<&str>, adapter: Option<Adapter>| Capability {
        subject: subject.to_owned(),
        presence,
        version: version.map(str::to_owned),
        adapter,
        facts: BTreeMap::new(),
    };
    let processor = Adapter { software: true, features: vec![], ..gpu() };
    let capabilities = [
        found("chrome", Presence::Present, Some("156"), None),
        found("webgpu@chrome", Presence::Present, None, Some(gpu())),
        found("webnn:cpu@chrome", Presence::Present, None, Some(processor)),
        found("isolation@chrome", missing(), None, None),
        found("edge", missing(), None, None),
        found("onnxruntime:cpu", Presence::Present, Some("1.22"), None),
        found("gpu", missing(), None, None),
    ];
    store.add_detection(&run, &capabilities).unwrap();
    let columns = "browser, browser_version, feature, supported, support_level, detection_method, epoch(detected_at), \
                   reason, remedy";
    assert_eq!(
        lines(&store, columns, "browser_capabilities order by all"),
        [
            "chrome | 156 | browser | true | full | opened by its driver | 0.0 | - | -",
            "chrome | 156 | isolation | false | none | asked in its page | 0.0 | not found | install it",
            "chrome | 156 | shader-f16 | true | full | listed by the adapter of webgpu | 0.0 | - | -",
            "chrome | 156 | subgroups | true | full | listed by the adapter of webgpu | 0.0 | - | -",
            "chrome | 156 | webgpu | true | full | asked in its page | 0.0 | - | -",
            "chrome | 156 | webnn:cpu | true | software | asked in its page | 0.0 | - | -",
            "edge | - | browser | false | none | opened by its driver | 0.0 | not found | install it",
        ]
    );
}

#[test]
fn a_feature_is_worth_what_it_alone_takes_away_in_the_same_run() {
    let measured = |features: &str, latency_ms: f64, bytes: f64| {
        let metrics = [(Metric::LatencyMs, latency_ms), (Metric::DeviceMemoryBytes, bytes)];
        trial("webgpu@chrome", features, gpu(), &metrics)
    };
    let mut unknown = trial("burn:cpu", "", gpu(), &[(Metric::LatencyMs, 1.0)]);
    unknown.case.model = std::sync::Arc::new(crate::case::tests::model("unknown"));
    let store = swept(vec![
        measured("", 4.0, 1e6),
        measured("-fusion", 7.0, 3e6),
        measured("-tuned,-fusion", 9.0, 3e6),
        trial("wasm@firefox", "", gpu(), &[(Metric::LatencyMs, 1.0)]),
        unknown,
    ]);
    store.connection.execute_batch("update cases set features = null where model = 'unknown'").unwrap();
    let from = "feature_usage join (select trials.id, position, features as off from trials join cases on key = case_key) \
                as asked on asked.id = test_id where feature in ('fusion', 'tuned') order by position, feature";
    assert_eq!(
        lines(&store, "platform, browser, off, feature, enabled, effect_ms, effect_mb", from),
        [
            "webgpu | chrome |  | fusion | true | - | -",
            "webgpu | chrome |  | tuned | true | - | -",
            "webgpu | chrome | -fusion | fusion | false | 3.0 | 2.0",
            "webgpu | chrome | -fusion | tuned | true | - | -",
            "webgpu | chrome | -tuned,-fusion | fusion | false | - | -",
            "webgpu | chrome | -tuned,-fusion | tuned | false | - | -",
            "wasm | firefox |  | fusion | true | - | -",
            "burn | - | - | fusion | - | - | -",
        ],
        "the effect of two that are off belongs to neither"
    );
}

#[test]
fn results_name_the_hardware_that_computed_them() {
    let processor = |backend: &str, software| Adapter {
        vendor: String::new(),
        device: "Xeon".to_owned(),
        backend: backend.to_owned(),
        software,
        ..gpu()
    };
    let metrics =
        [(Metric::LatencyMs, 4.0), (Metric::DeviceMemoryBytes, 2e6), (Metric::ProcessMemoryBytes, 9e6)];
    let process = [(Metric::LatencyMs, 4.0), (Metric::ProcessMemoryBytes, 9e6)];
    let store = swept(vec![
        trial("webgpu@chrome", "", gpu(), &metrics),
        trial("webgpu@firefox", "", processor("webgpu", true), &process),
        trial("onnxruntime:cpu", "", processor("cpu", true), &[]),
        trial("webnn:npu@edge", "", processor("webnn", false), &[]),
        trial("onnxruntime:coreml", "", processor("coreml", false), &[]),
        failed_trial(),
    ]);
    let columns = "hardware_type, hardware_name, vendor, backend, software, batch, latency_ms, throughput_per_s, \
                   memory_mb, success, error_message";
    assert_eq!(
        lines(&store, columns, "hardware_results order by (select position from trials where id = test_id)"),
        [
            "gpu | GeForce | nvidia | webgpu | false | 2 | 4.0 | 500.0 | 2.0 | true | -",
            "cpu | Xeon | - | webgpu | true | 2 | 4.0 | 500.0 | 9.0 | true | -",
            "cpu | Xeon | - | cpu | true | 2 | - | - | - | true | -",
            "npu | Xeon | - | webnn | false | 2 | - | - | - | true | -",
            "- | Xeon | - | coreml | false | 2 | - | - | - | true | -",
            "- | - | - | - | - | 2 | - | - | - | false | the tab died",
        ]
    );
}

#[test]
fn every_adapter_is_known_with_when_and_where_it_was_seen() {
    let mut store =
        swept(vec![trial("webgpu@chrome", "", gpu(), &[]), trial("webgpu@chrome", "-fusion", gpu(), &[])]);
    let later = store.begin_run(RunKind::Detect, at(9)).unwrap();
    let told = |device: &str, software| Capability {
        subject: format!("adapter {device}"),
        presence: Presence::Present,
        version: None,
        adapter: Some(Adapter { device: device.to_owned(), software, ..gpu() }),
        facts: BTreeMap::new(),
    };
    store.add_detection(&later, &[told("0x2684", false), told("llvmpipe", true)]).unwrap();
    store.connection.execute_batch("update runs set host_name = 'here' where kind = 'detect'").unwrap();
    store.connection.execute_batch("update runs set host_name = 'there' where kind = 'sweep'").unwrap();
    let columns = "name, driver, vendor, architecture, backend, hardware_type, software, features ->> 0, \
                   epoch(first_seen), epoch(last_seen), hosts, trials";
    assert_eq!(
        lines(&store, columns, "hardware_detection order by name"),
        [
            "GeForce | GeForce | nvidia | ada | webgpu | gpu | false | shader-f16 | 0.0 | 9.0 | [here, there] | 2",
            "llvmpipe | GeForce | nvidia | ada | webgpu | cpu | true | shader-f16 | 9.0 | 9.0 | [here] | 0",
        ]
    );
}

#[test]
fn the_views_name_every_browser_and_every_feature_with_its_engines() {
    let sql = include_str!("../analysts.sql");
    let known = browser::known(&BTreeMap::new()).unwrap();
    let browsers: Vec<String> = known.keys().map(|name| format!("'{name}'")).collect();
    assert!(sql.contains(&format!("subject in ({})", browsers.join(", "))), "{browsers:?}");

    let all: Features = "-tuned,-fusion,-f16,-subgroups,-kick".parse().unwrap();
    let known = all.on(Engine::Webgpu).to_string();
    assert_eq!(known, all.to_string(), "WebGPU can do without each of them");
    for engine in Engine::all() {
        let listed = |feature: &str| {
            let row = sql.split(&format!("('{feature}', [")).nth(1).unwrap();
            row.split(']').next().unwrap().contains(&format!("'{}'", engine.name()))
        };
        let off: Vec<String> = ["tuned", "fusion", "f16", "subgroups", "kick"]
            .into_iter()
            .filter(|feature| listed(feature))
            .map(|feature| format!("-{feature}"))
            .collect();
        assert_eq!(off.join(","), all.on(engine).to_string(), "{}", engine.name());
    }
}
