//! A database that an earlier version filled, brought up to date: every row of it is there afterwards, under the new keys.

use super::*;

/// Rows that the version before identifiers could be merged wrote: a sweep of two cases, a detection, and node tests.
const FILLED: &str = r#"
    insert into runs (kind, state, started_at, finished_at, version, host_os, host_architecture, host_logical_cpus) values
        ('sweep', 'finished', '2026-11-01 12:00:00.5', '2026-11-01 12:01:00', '0.1.0', 'linux', 'x86_64', 2),
        ('detect', 'interrupted', '2026-11-02 12:00:00', null, '0.1.0', 'linux', 'x86_64', 2);
    insert into trials (run_id, position, case_key, model, model_digest, target, actual_target, precision, batch, verdict,
            message, max_abs_error, tolerance, concurrency, started_at, finished_at, adapter_vendor, adapter_architecture,
            adapter_device, adapter_backend, adapter_software, adapter) values
        (1, 0, 'key', 'bert-tiny', 'abc', 'webnn:gpu@edge', 'webgpu@edge', 'fp32', 2, 'unsupported', 'fell back', 1e-6, 1e-4, 1,
            '2026-11-01 12:00:01', '2026-11-01 12:00:02.25', 'nvidia', 'ampere', 'card', 'vulkan', false,
            '{"vendor":"nvidia","architecture":"ampere","device":"card","description":"driver","backend":"vulkan","software":false,"features":["shader-f16"],"limits":{"maxBufferSize":5}}'),
        (1, 1, 'other', 'bert-tiny', 'abc', 'burn:cpu', null, 'fp32', 2, 'crash', 'it died', null, 1e-4, 1,
            '2026-11-01 12:00:03', '2026-11-01 12:00:04', null, null, null, null, null, null);
    insert into samples values (1, 'load_ms', 0, 5), (1, 'latency_ms', 0, 10), (1, 'latency_ms', 1, 12);
    insert into metrics values (1, 'load_ms', 5, 5, 5, 1), (1, 'latency_ms', 11, 10, 12, 20),
        (1, 'throughput_per_s', 181.8, 166.6, 200, 20);
    insert into checks (trial_id, output, elements, max_abs_error, mean_abs_error, cosine_similarity, fault, max_abs_error_at,
            scaled_error, scaled_error_at) values
        (1, 'second', 4, 1e-6, 1e-7, 1, null, '[0,1]', 1e-6, '[0,1]'), (1, 'first', 4, 0, 0, 1, null, null, null, null);
    insert into features values (1, 'browser_version', '150.0'), (1, 'timer_resolution_ms', '0.1'), (1, 'kick', 'on'),
        (1, 'elsewhere', 'n (Add) on webgpu: no int4; not here; m.1 (Mul) on wasm: refused'), (2, 'kick', 'off'),
        (1, 'adapter_evidence', 'loaded drivers');
    insert into capabilities values (2, 'edge', 'missing', 'not found', 'install it', null, null, '{}'),
        (2, 'chrome', 'present', null, null, '156', '{"vendor":"google"}', '{"a":1}');
    insert into conformance_targets values
        (2, 0, 'wgpu:vulkan', 'ONNX 1.22.0', 1e-3, 1e-6, null, '2026-11-02 12:00:00', '2026-11-02 12:00:10', null, '{}', '["Add"]', '{}');
    insert into conformance_tests values (2, 'wgpu:vulkan', 'test_add', '["Add"]', 1.5, 'pass', null);
"#;

fn filled(path: &Path) {
    migrate::up_to(4, path);
    foreign(path, FILLED);
    foreign(path, "update metrics set low = null, high = null where n < 5");
}

#[test]
fn a_filled_database_keeps_every_row() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("old.duckdb");
    filled(&path);
    let store = Store::open(&path).unwrap();
    for (table, rows) in [
        ("runs", 2),
        ("cases where version = 1 and model_digest = 'abc' and samples is null", 2),
        (
            "adapters where device = 'card' and (features ->> 0) = 'shader-f16' and (limits ->> 'maxBufferSize')::int = 5",
            1,
        ),
        ("trials", 2),
        (
            "trials where engine = 'webgpu' and browser = 'edge' and browser_version = '150.0' and timer_resolution_ms = 0.1",
            1,
        ),
        ("trials where engine = 'burn' and device = 'cpu' and browser is null and adapter_id is null", 1),
        ("trials where adapter_evidence = 'loaded drivers'", 1),
        ("samples where phase = 'measured'", 3),
        ("metrics", 2),
        ("checks", 2),
        ("features", 2),
        (
            "placements where position = 0 and node = 'n' and engine = 'webgpu' and reason = 'no int4; not here'",
            1,
        ),
        ("placements where position = 1 and node = 'm.1' and operator = 'Mul' and engine = 'wasm'", 1),
        ("placements", 2),
        ("capabilities", 2),
        ("conformance_targets", 1),
        ("conformance_tests", 1),
    ] {
        assert_eq!(count(&store, table), rows, "{table}");
    }
    store.check_rows().unwrap();
    assert_eq!(
        store
            .connection
            .query_row("select count(*) from duckdb_tables() where table_name like 'old_%'", [], |row| row
                .get::<_, i64>(0))
            .unwrap(),
        0
    );
}

#[test]
fn a_run_of_an_earlier_version_reads_as_it_did() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("old.duckdb");
    filled(&path);
    let store = Store::open(&path).unwrap();
    let sql = "select id::varchar from runs order by id limit 1";
    let first: String = store.connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(&first[14..15], "7", "{first}");
    // 1 November 2026, 12:00:00.5 UTC, in milliseconds since 1970: the identifier's first 48 bits.
    assert_eq!(u64::from_str_radix(&first.replace('-', "")[..12], 16).unwrap(), 1_793_534_400_500);

    let report = store.report(&RunId(first)).unwrap();
    assert_eq!(report.run.started_at, "2026-11-01T12:00:00.500Z");
    assert_eq!((report.run.state.as_str(), report.run.origin.host.logical_cpus), ("finished", 2));
    let [fell_back, crashed] = &report.cases[..] else { panic!("{report:?}") };
    assert_eq!(
        (fell_back.target.as_str(), fell_back.actual_target.as_deref()),
        ("webnn:gpu@edge", Some("webgpu@edge"))
    );
    assert_eq!(
        (fell_back.finished_at.as_str(), fell_back.max_abs_error),
        ("2026-11-01T12:00:02.250Z", Some(1e-6))
    );
    assert_eq!(
        fell_back.checks.iter().map(|check| check.output.as_str()).collect::<Vec<_>>(),
        ["second", "first"]
    );
    assert_eq!(fell_back.metrics["latency_ms"].samples, [10.0, 12.0]);
    assert_eq!(fell_back.metrics["throughput_per_s"].summary.interval.unwrap().high, 200.0);
    assert_eq!(fell_back.adapter.as_ref().unwrap().limits["maxBufferSize"], 5);
    assert_eq!((crashed.verdict, crashed.message.as_deref()), (Verdict::Crash, Some("it died")));
}

#[test]
fn copies_of_a_database_get_the_same_identifiers() {
    let folder = TempDir::new().unwrap();
    let identifiers = ["one", "two"].map(|name| {
        let path = folder.path().join(name);
        filled(&path);
        let store = Store::open(&path).unwrap();
        let sql = "select list(id::varchar order by id)::varchar from (select id from runs union all select id from trials)";
        store.connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    });
    assert_eq!(identifiers[0], identifiers[1]);
}

/// A version that knew no other wrote an interval of one sample.
#[test]
fn intervals_of_too_few_samples_are_taken_back() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("old.duckdb");
    migrate::up_to(3, &path);
    foreign(&path, FILLED);
    let store = Store::open(&path).unwrap();
    assert_eq!(count(&store, "metrics where low is not null"), 1);
}

#[test]
fn what_a_database_was_before_it_is_brought_up_to_date_stays_beside_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("old.duckdb");
    for copy in ["old.duckdb.schema-4", "old.duckdb.schema-4-2"] {
        let _ = fs::remove_file(&path);
        filled(&path);
        drop(Store::open(&path).unwrap());
        let kept = duckdb::Connection::open(folder.path().join(copy)).unwrap();
        let rows = |sql: &str| kept.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(
            (rows("select max(version) from schema_version"), rows("select count(*) from samples")),
            (4, 3),
            "{copy}"
        );
    }
    drop(Store::open(&path).unwrap());
    let files = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 3, "what is up to date is not copied");
}
