//! Pruning against real files: what goes goes whole, what stays stays, and no table is forgotten.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use tempfile::TempDir;

use super::*;

fn run_id(number: u32) -> String {
    format!("01900000-0000-7000-8000-{number:012}")
}

/// All tables of a store, with the columns of each: its name and its type.
fn tables(connection: &Connection) -> Vec<(String, Vec<(String, String)>)> {
    let sql = "select table_name, column_name, data_type from duckdb_columns() where not internal \
               and table_name in (select table_name from duckdb_tables()) order by table_oid, column_index";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).unwrap();
    let mut tables: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for (table, column) in rows.map(duckdb::Result::unwrap) {
        match tables.last_mut().filter(|(last, _)| *last == table) {
            Some((_, columns)) => columns.push(column),
            None => tables.push((table, vec![column])),
        }
    }
    tables
}

/// A value for a column of the rows that belong to a run.
fn value(table: &str, (column, kind): &(String, String), number: u32) -> String {
    let id = run_id(number);
    match (table, column.as_str()) {
        ("runs" | "trials", "id") | (_, "run_id" | "trial_id") => format!("'{id}'"),
        ("runs", "kind") => "'sweep'".to_owned(),
        ("runs", "state") => "'finished'".to_owned(),
        ("runs", "started_at") => format!("to_timestamp({number} * 86400)"),
        ("cases", "key") | (_, "case_key") => format!("'key {number}'"),
        ("adapters", "id") | (_, "adapter_id" | "adapter_a" | "adapter_b") => format!("'adapter {number}'"),
        _ => match kind.as_str() {
            "VARCHAR" => "'x'".to_owned(),
            "JSON" => "'[]'".to_owned(),
            "BOOLEAN" => "false".to_owned(),
            "DOUBLE[]" => "[1.0]".to_owned(),
            "TIMESTAMP WITH TIME ZONE" => "now()".to_owned(),
            "INTEGER" | "BIGINT" | "DOUBLE" => "1".to_owned(),
            "UUID" => "uuidv7()".to_owned(),
            kind if kind.starts_with("ENUM") => format!("enum_first(null::{kind})"),
            other => panic!("no value for {other}, of {table}.{column}"),
        },
    }
}

/// A row in every table for a run, which was begun so many days after 1970.
fn fill(store: &Store, number: u32) {
    let columns = tables(&store.connection);
    for Table { name: table, .. } in &TABLES {
        let (_, columns) = columns.iter().find(|(name, _)| name == table).unwrap();
        let values: Vec<String> = columns.iter().map(|column| value(table, column, number)).collect();
        let sql = format!("insert into {table} values ({})", values.join(", "));
        store.connection.execute_batch(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

fn count(store: &Store, from: &str) -> i64 {
    store.connection.query_row(&format!("select count(*) from {from}"), [], |row| row.get(0)).unwrap()
}

fn days(days: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(days * 86400)
}

#[test]
fn a_run_goes_with_everything_of_it_and_others_stay_as_they_were() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("it's.duckdb");
    let store = Store::open(&path).unwrap();
    for number in 1..=3 {
        fill(&store, number);
    }
    store.connection.execute_batch("create table \"my \"\"own\" as select 7 as x").unwrap();
    let named = [store.find_run(&run_id(2)).unwrap()];
    let found = store.chosen(&Choice { named: &named, ..Choice::default() }, days(400)).unwrap();
    assert_eq!((found.runs.len(), found.trials, found.spared.len()), (1, 1, 0));
    let kept = |store: &Store, table: &str| {
        let sql = format!("select list(t::varchar order by t::varchar)::varchar from {table} as t");
        store.connection.query_row(&sql, [], |row| row.get::<_, String>(0)).unwrap()
    };
    for Table { name: table, .. } in &TABLES {
        assert_eq!(count(&store, table), 3, "{table}");
    }
    store.without(&found.runs).unwrap();

    let store = Store::open(&path).unwrap();
    let other = Store::open(&folder.path().join("other.duckdb")).unwrap();
    for number in [1, 3] {
        fill(&other, number);
    }
    for Table { name: table, .. } in TABLES {
        // What the moment or chance decides is no part of what is the same.
        let exact = ["series", "metrics", "cases", "adapters", "features", "dispatches", "probe_samples"];
        if exact.contains(&table) {
            assert_eq!(kept(&store, table), kept(&other, table), "{table}");
        }
        assert_eq!(count(&store, table), count(&other, table), "{table}");
    }
    assert_eq!(count(&store, "\"my \"\"own\" where x = 7"), 1, "a table of somebody's own stays");
    let files: BTreeSet<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("it's") && !name.ends_with(".wal"))
        .collect();
    assert_eq!(files, BTreeSet::from(["it's.duckdb".to_owned()]));
}

#[test]
fn which_runs_go_follows_from_how_many_stay_from_when_they_are_and_from_their_names() {
    let store = Store::open(Path::new(":memory:")).unwrap();
    let run = |number: u32, kind: &str, state: &str| {
        let sql = "insert into runs (id, kind, state, started_at, version, host_os, host_architecture, \
                   host_logical_cpus) values (?, ?, ?, to_timestamp(? * 86400), 'v', 'linux', 'x86_64', 2)";
        store.connection.execute(sql, params![run_id(number), kind, state, number]).unwrap();
    };
    for number in 1..=4 {
        run(number, "sweep", "finished");
    }
    run(5, "detect", "finished");
    run(6, "sweep", "running");
    run(7, "sweep", "running");
    let named = |numbers: &[u32]| numbers.iter().map(|number| RunId(run_id(*number))).collect::<Vec<_>>();
    // It is half a day after the last was begun.
    let now = days(7) + Duration::from_secs(43200);
    for (keep, before, names, expected, spared) in [
        (Some(2), None, vec![], vec![1, 2, 3, 4], vec![]),
        (Some(9), None, vec![], vec![], vec![]),
        (None, Some(days(3)), vec![], vec![1, 2], vec![]),
        (None, Some(days(99)), vec![], vec![1, 2, 3, 4, 5, 6], vec![7]),
        (Some(4), Some(days(99)), vec![], vec![1, 2], vec![]),
        (Some(1), Some(days(2)), vec![], vec![1], vec![]),
        (None, None, vec![3, 7], vec![3], vec![7]),
        (Some(4), None, vec![5], vec![1, 2, 5], vec![]),
    ] {
        let choice = Choice { keep, before, named: &named(&names) };
        let found = store.chosen(&choice, now).unwrap();
        let ids = |runs: &[PrunedRun]| runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>();
        let all = |numbers: &[u32]| numbers.iter().map(|number| run_id(*number)).collect::<Vec<_>>();
        assert_eq!((ids(&found.runs), ids(&found.spared)), (all(&expected), all(&spared)), "{choice:?}");
    }
    for (name, expected) in
        [("last", Some(7)), ("01900000-0000-7000-8000-000000000003", Some(3)), ("0190", None), ("ff", None)]
    {
        let found = store.find_run(name).ok().map(|run| run.to_string());
        assert_eq!(found, expected.map(run_id), "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_rewritten_is_as_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.duckdb");
    let store = Store::open(&path).unwrap();
    fill(&store, 1);
    // Something is in the way of the new file, and cannot be removed as one.
    fs::create_dir(folder.path().join("x.duckdb.pruned")).unwrap();
    let found = store.chosen(&Choice { before: Some(days(9)), ..Choice::default() }, days(400)).unwrap();
    let error = store.without(&found.runs).unwrap_err();
    assert!(error.to_string().contains("it is as it was"), "{error}");
    assert_eq!(count(&Store::open(&path).unwrap(), "runs"), 1);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_what_is_left_and_its_space_is_free() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.duckdb");
    let store = Store::open(&path).unwrap();
    fill(&store, 1);
    fill(&store, 2);
    let bulk = "update series set taken = [random() for i in range(300000)]";
    store.connection.execute_batch(&format!("{bulk}; checkpoint")).unwrap();
    let before = fs::metadata(&path).unwrap().len();
    let found = store.chosen(&Choice { before: Some(days(9)), ..Choice::default() }, days(400)).unwrap();
    let freed = store.without(&found.runs).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert!(freed > 2_000_000 && before - after.len() == freed, "{freed} of {before}");
    assert_eq!(after.permissions().mode() & 0o777, 0o600);
    assert_eq!(count(&Store::open(&path).unwrap(), "runs"), 0);
}
