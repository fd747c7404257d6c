//! Exports: what they hold, what they never hold, and what they replace.

use super::*;
use crate::rows::merge::SourceKind;
use crate::store::parquet::write::{Selection, export};
use crate::store::public;
use crate::store::tables::TABLES;

fn database(folder: &Path) -> (PathBuf, RunId) {
    let path = folder.join("db");
    let mut store = Store::open(&path).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    let node = protocol::FallbackNode {
        node: "n".to_owned(),
        operator: "Add".to_owned(),
        engine: protocol::Engine::Wgpu,
        reason: "r".to_owned(),
    };
    store.add_trial(&run, &passed_trial()).unwrap();
    store.add_trial(&run, &Trial { fallback_nodes: vec![node], ..failed_trial() }).unwrap();
    store.finish_run(&run, &RunEnd::Finished, at(3)).unwrap();
    drop(store);
    (path, run)
}

fn public() -> Selection {
    Selection { public: true, ..Selection::default() }
}

/// All files of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Everything in an export, as text: its files as they lie, and their rows.
fn everything(folder: &Path) -> String {
    let connection = Connection::open_in_memory().unwrap();
    let mut all = String::new();
    for file in files(folder) {
        all += &format!(
            "{} {}",
            file.strip_prefix(folder).unwrap().display(),
            String::from_utf8_lossy(&fs::read(&file).unwrap())
        );
        if file.extension().is_some_and(|extension| extension == "parquet") {
            let sql = format!("select t::varchar from '{}' as t", file.display());
            let mut statement = connection.prepare(&sql).unwrap();
            for row in statement.query_map([], |row| row.get::<_, String>(0)).unwrap() {
                all += &row.unwrap();
            }
        }
    }
    all.to_lowercase()
}

#[test]
fn any_tool_finds_the_rows_of_a_month() {
    let folder = TempDir::new().unwrap();
    let (path, _) = database(folder.path());
    let out = folder.path().join("out");
    let exported = export(&path, &out, &Selection::default()).unwrap();
    assert_eq!(exported.tables.len(), TABLES.len());
    for part in
        ["runs.parquet", "cases.parquet", "trials/month=1970-01", "series/month=1970-01", "parallax.json"]
    {
        assert!(out.join(part).exists(), "{part}");
    }
    let connection = Connection::open_in_memory().unwrap();
    let sql = format!(
        "select count(*) from read_parquet('{}/trials/*/*.parquet') where month = '1970-01'",
        out.display()
    );
    assert_eq!(connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "the database and the export: nothing half-written"
    );
}

#[test]
fn only_an_earlier_export_is_replaced() {
    let folder = TempDir::new().unwrap();
    let (path, _) = database(folder.path());
    let out = folder.path().join("out");
    export(&path, &out, &Selection::default()).unwrap();
    fs::write(out.join("runs.parquet"), "broken").unwrap();
    export(&path, &out, &Selection::default()).unwrap();
    assert_ne!(fs::read(out.join("runs.parquet")).unwrap(), b"broken");
    for (name, place) in [("beside it", "out/letter"), ("in what another call left", "out.unfinished/letter")]
    {
        let letter = folder.path().join(place);
        fs::create_dir_all(letter.parent().unwrap()).unwrap();
        fs::write(&letter, "dear").unwrap();
        let error = export(&path, &out, &Selection::default()).unwrap_err();
        assert!(error.to_string().contains("letter"), "{name}: {error}");
        assert_eq!(fs::read_to_string(&letter).unwrap(), "dear", "{name}");
        fs::remove_file(&letter).unwrap();
    }
    let file = folder.path().join("file");
    fs::write(&file, "dear").unwrap();
    assert!(export(&path, &file, &Selection::default()).is_err());
    assert_eq!(fs::read_to_string(file).unwrap(), "dear");
}

const HOST: &str = "alices-laptop";

/// Texts that decide which rows are exported: they are filled one by one, and all others at once.
const DECIDING: [(&str, &str); 12] = [
    ("cases", "target"),
    ("series", "metric"),
    ("metrics", "metric"),
    ("features", "name"),
    ("probes", "target"),
    ("probes", "metric"),
    ("probe_samples", "target"),
    ("probe_samples", "metric"),
    ("conformance_targets", "target"),
    ("conformance_targets", "suite"),
    ("conformance_tests", "target"),
    ("conformance_tests", "test"),
];

#[test]
fn no_text_of_a_public_export_shows_a_path_or_a_name() {
    let folder = TempDir::new().unwrap();
    let (path, run) = database(folder.path());
    let store = Store::open(&path).unwrap();
    fill(&store, &run);
    let sql = "select table_name, column_name, data_type from duckdb_columns() \
               where not internal and (data_type = 'JSON' or data_type like '%VARCHAR%') \
               and table_name in (select table_name from duckdb_tables())";
    let read = |row: &duckdb::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let texts: Vec<(String, String, String)> = store.query("reading", sql, [], read).unwrap();
    drop(store);
    let decides = |(table, column, _): &&(String, String, String)| {
        DECIDING.contains(&(table.as_str(), column.as_str()))
    };
    let (deciding, others): (Vec<_>, Vec<_>) = texts.iter().partition(decides);
    let groups = deciding.into_iter().map(|one| vec![one]).chain([others]).collect::<Vec<_>>();
    let mut filled = 0;
    for marker in ["/home/alice/secret", r"C:\\Users\\alice\\secret", "file:///home/alice/secret", HOST] {
        for group in &groups {
            let copy = folder.path().join("copy");
            fs::copy(&path, &copy).unwrap();
            let connection = Connection::open(&copy).unwrap();
            connection.execute("update runs set host_name = ?", [HOST]).unwrap();
            for (table, column, kind) in group {
                let object = format!("{{\"{marker}\": \"{marker}\"}}");
                let value = if kind == "JSON" { object.as_str() } else { marker };
                // A key that other tables refer to cannot be changed: it is a digest.
                filled += connection
                    .execute(&format!("update \"{table}\" set \"{column}\" = ?"), [value])
                    .is_ok_and(|rows| rows > 0) as usize;
            }
            drop(connection);
            let out = folder.path().join("out");
            export(&copy, &out, &public()).unwrap();
            let text = everything(&out);
            for private in ["alice", "/home", HOST] {
                assert!(!text.contains(private), "{marker} in {group:?} shows {private}: {text}");
            }
        }
    }
    assert!(filled > 4 * 70, "{filled} of {} texts, four times, could be filled", texts.len());
}

/// Rows in the tables that the sweep has none in.
fn fill(store: &Store, run: &RunId) {
    let adapter = "(select id from adapters limit 1)";
    let sql = format!(
        "insert into sessions values ('{run}', 1, 'chrome', 1, 1, 1, 1, 1);
         insert into products values ('{run}', 0, 'chrome', 8, 'pass', 'm', {adapter}, 0, '{{}}');
         insert into profiles values ('{run}', 'm', 'd', 'wgpu:vulkan', {adapter}, 1, '{{}}');
         insert into dispatches values ('{run}', 0, 'p', 'n', 'k', '[]', 1, 1);
         insert into divergences values ('{run}', 'm', 'd', 'a', 'b', {adapter}, {adapter}, 1, false);
         insert into divergence_nodes values ('{run}', 0, 'n', 'o', 'v', 'v', 't', 1, 1, 1, 1, 1, 'agrees', 'f');
         insert into probes values ('{run}', 'wgpu:vulkan', {adapter}, 'chrome', '1.0', 'read_gb_per_s', 'wall', 1, 1, 1, 1);
         insert into probe_samples values ('{run}', 'wgpu:vulkan', 'read_gb_per_s', 0, 1);
         insert into capabilities values ('{run}', 0, 's', 'present', 'r', 'r', '1', '{{}}', '{{}}');
         insert into conformance_targets values
             ('{run}', 0, 'wgpu:vulkan', '1.22.0', 1, 1, null, now(), now(), '{{}}', '{{}}', '[]', '{{}}');
         insert into conformance_tests values ('{run}', 'wgpu:vulkan', 'test_add', '[]', 1, 'pass', 'm')"
    );
    store.connection.execute_batch(&sql).unwrap();
}

#[test]
fn what_is_public_is_shown_and_merges_again() {
    let folder = TempDir::new().unwrap();
    let (path, run) = database(folder.path());
    fill(&Store::open(&path).unwrap(), &run);
    let out = folder.path().join("out");
    let exported = export(&path, &out, &public()).unwrap();
    let rows = |name: &str| exported.tables.iter().find(|table| table.name == name).map(|table| table.rows);
    for (table, expected) in [
        ("runs", Some(1)),
        ("trials", Some(2)),
        ("series", Some(1)),
        ("metrics", Some(1)),
        ("checks", Some(1)),
        ("placements", Some(1)),
        ("probes", Some(1)),
        ("conformance_tests", Some(1)),
        ("capabilities", None),
        ("dispatches", None),
    ] {
        assert_eq!(rows(table), expected, "{table}");
    }
    let into = folder.path().join("into");
    let merged = merge(&into, std::slice::from_ref(&out), false).unwrap();
    assert_eq!((merged.sources[0].kind, merged.sources[0].trials.added), (SourceKind::PublicExport, 2));
    let report = Store::open(&into).unwrap().report(&run).unwrap();
    let own = Store::open(&path).unwrap().report(&run).unwrap();
    for (shown, own) in report.cases.iter().zip(&own.cases) {
        assert_eq!((&shown.model, &shown.target, shown.verdict), (&own.model, &own.target, own.verdict));
        assert_eq!(
            (&shown.metrics, &shown.adapter, &shown.case_key),
            (&own.metrics, &own.adapter, &own.case_key)
        );
        assert_eq!((&shown.message, own.message.is_some()), (&None, own.verdict != Verdict::Pass));
    }
    assert_eq!((report.run.origin.host.name, report.run.origin.command_line), (None, vec![]));
    // Both copies of the run are one, whichever comes first.
    for (first, second) in [(&out, &path), (&path, &out)] {
        let into = folder.path().join(format!("both, {} first", first.file_name().unwrap().display()));
        let merged = merge(&into, &[first.clone(), second.clone()], false).unwrap();
        assert_eq!(merged.sources[1].trials.added, 0, "{merged:?}");
    }
}

#[test]
fn what_users_named_is_left_out_and_counted() {
    let folder = TempDir::new().unwrap();
    let (path, _) = database(folder.path());
    let store = Store::open(&path).unwrap();
    let sql = "update cases set target = 'webgpu@alices' where target = 'webgpu@edge'; \
               update cases set model = '/home/alice/secret/bert' where target = 'webgpu@chrome'";
    store.connection.execute_batch(sql).unwrap();
    let kind = "insert into runs (kind, state, started_at, version, host_os, host_architecture, host_logical_cpus) \
                values ('diverge', 'finished', now(), '1', 'linux', 'x86_64', 1)";
    store.connection.execute_batch(kind).unwrap();
    drop(store);
    let out = folder.path().join("out");
    let exported = export(&path, &out, &public()).unwrap();
    assert_eq!((exported.left_out.runs, exported.left_out.trials), (1, 1));
    let text = everything(&out);
    assert!(text.contains("bert") && !text.contains("alice"), "{text}");
}

#[test]
fn a_list_of_public_columns_names_columns_and_keeps_no_text_as_it_is() {
    let store = Store::open(Path::new(":memory:")).unwrap();
    let sql = "select table_name || '.' || column_name, data_type from duckdb_columns() where not internal";
    let read = |row: &duckdb::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let kinds: BTreeMap<String, String> =
        store.query("reading", sql, [], read).unwrap().into_iter().collect();
    for (table, column, kept) in public::listed_columns() {
        let kind =
            kinds.get(&format!("{table}.{column}")).unwrap_or_else(|| panic!("there is no {table}.{column}"));
        let text = kind == "VARCHAR" || kind == "JSON";
        assert!(!(kept && text), "{table}.{column} is {kind}");
    }
}
