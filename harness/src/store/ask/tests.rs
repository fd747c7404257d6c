//! Queries against real files: what they give, what they may not do, and what is there afterwards.

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::exit::Exit;
use crate::report::{answer, document};

fn database() -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("it's.duckdb");
    let store = Store::open(&path).unwrap();
    let run = "insert into runs (id, kind, state, started_at, version, host_os, host_architecture, host_logical_cpus) \
               values ('01900000-0000-7000-8000-000000000001', 'sweep', 'finished', '2026-01-02T03:04:05.5+01:00', \
               'v\u{1b}[2J', 'linux', 'x86_64', 8)";
    store.connection.execute_batch(run).unwrap();
    (folder, path)
}

#[test]
fn every_kind_of_value_has_its_form() {
    let (_folder, path) = database();
    let reader = Reader::open(&path).unwrap();
    for (sql, expected) in [
        (
            "select 1 as a, 2.5::double as b, 'x' as c, null as d, true as e",
            json!([{ "a": 1, "b": 2.5, "c": "x", "d": null, "e": true }]),
        ),
        ("select sum(n) as n from (values (1), (2)) as v (n)", json!([{ "n": 3 }])),
        (
            "select 1.10::decimal(6, 2) as a, 170141183460469231731687303715884105727 as b",
            json!([{ "a": 1.1, "b": 1.7014118346046923e38 }]),
        ),
        ("select 'nan'::double as a, 'inf'::float as b", json!([{ "a": null, "b": null }])),
        (
            "select kind, started_at, id::varchar = '01900000-0000-7000-8000-000000000001' as same from runs",
            json!([{ "kind": "sweep", "started_at": "2026-01-02T02:04:05.500Z", "same": true }]),
        ),
        (
            "select timestamp '2026-01-02 03:04:05' as a, date '2026-01-02' as b, time '03:04:05.25' as c",
            json!([{ "a": "2026-01-02T03:04:05", "b": "2026-01-02", "c": "03:04:05.250" }]),
        ),
        (
            "select date '1969-12-31' as a, timestamptz 'infinity' as b, interval 1 month as c",
            json!([{ "a": "1969-12-31", "b": "infinity", "c": "P1M0DT0S" }]),
        ),
        (
            "select '{\"k\": [1, null]}'::json as a, '[1]' as b",
            json!([{ "a": { "k": [1, null] }, "b": "[1]" }]),
        ),
        (
            "select [1, null] as a, {'k': 'v', 't': timestamptz '2026-01-02 00:00:00+00'} as b, map {'x': 1} as c, [] as d",
            json!([{ "a": [1, null], "b": { "k": "v", "t": "2026-01-02T00:00:00Z" }, "c": { "x": 1 }, "d": [] }]),
        ),
        (
            "select '\\xAB'::blob as a, '101'::bit::varchar as b, uuid '01900000-0000-7000-8000-000000000001' as c",
            json!([{ "a": "ab", "b": "101", "c": "01900000-0000-7000-8000-000000000001" }]),
        ),
        (
            "select 1e300::double as a, 2.5e-7::float as b, 1e15::double as c",
            json!([{ "a": 1e300, "b": 2.5e-7, "c": 1_000_000_000_000_000i64 }]),
        ),
        ("select 1 as x, 2 as x", json!([{ "x": 1, "x_2": 2 }])),
        ("select 1 as x where false", json!([])),
        ("select count(*) as n from results -- all", json!([{ "n": 0 }])),
        ("select 1; select 2 as b;\n -- that is all\n", json!([{ "b": 2 }])),
        ("create temp table t as select 7 as n; select n from t", json!([{ "n": 7 }])),
        ("from (describe runs) select count(*) > 10 as n", json!([{ "n": true }])),
        ("(select 1 as a)", json!([{ "a": 1 }])),
    ] {
        let answer = reader.ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let found: serde_json::Value = serde_json::from_str(&document(&answer)).unwrap();
        assert_eq!(found, expected, "{sql}");
    }
}

#[test]
fn all_types_of_duckdb_are_shown_or_refused_in_words() {
    let (_folder, path) = database();
    let reader = Reader::open(&path).unwrap();
    let unreadable = ["time_tz", "time_ns", "bignum", "bit"];
    for name in unreadable {
        let error = reader.ask(&format!("select {name} from test_all_types()")).unwrap_err().to_string();
        assert!(error.contains(&format!("cast them, as in {name}::varchar")), "{error}");
        reader.ask(&format!("select {name}::varchar from test_all_types()")).unwrap();
    }
    let sql = format!("select * exclude ({}) from test_all_types()", unreadable.join(", "));
    let all = reader.ask(&sql).unwrap();
    assert!(all.columns.len() > 40 && all.rows.len() == 3, "{all:?}");
    assert!(answer::render(&all).lines().count() == 3 + 4 && answer::csv(&all).contains("uuid"));
    assert!(reader.ask("select [time_ns] from test_all_types()").is_err());
}

#[test]
fn control_characters_come_out_shown() {
    let (_folder, path) = database();
    let answer = Reader::open(&path).unwrap().ask("select version as \"a\u{7}\" from runs").unwrap();
    for text in [answer::render(&answer), answer::csv(&answer)] {
        assert!(text.contains("v\\u001b[2J") && text.contains("a\\u0007"), "{text}");
    }
}

#[test]
fn what_is_asked_wrong_or_writes_is_refused_and_changes_nothing() {
    let (folder, path) = database();
    let secret = folder.path().join("secret").display().to_string().replace('\'', "''");
    std::fs::write(folder.path().join("secret"), "the secret").unwrap();
    let reader = Reader::open(&path).unwrap();
    let read = format!("select * from read_text('{secret}')");
    let copied = format!("copy (select 1) to '{secret}'");
    let attached = format!("attach '{secret}.duckdb' as other");
    let writes = "is open for reading alone: with --write it may";
    for (sql, part) in [
        ("", "it holds no statement"),
        (" ; -- nothing", "it holds no statement"),
        ("selec 1", "syntax error at or near \"selec\""),
        ("select x from runs", "column \"x\" not found"),
        ("select * from cats", "cats does not exist"),
        ("insert into runs select * from runs", writes),
        ("delete from runs; select 1", writes),
        ("select 1; update runs set version = 'x'", writes),
        ("create table cats (id int)", writes),
        ("drop table runs", writes),
        ("create or replace view results as select 1", writes),
        (&read, "disabled by configuration"),
        (&copied, "disabled by configuration"),
        (&attached, "disabled by configuration"),
        ("set enable_external_access = true", "Cannot change configuration"),
        ("set lock_configuration = false", "Cannot change configuration"),
        ("select ?", "parameter"),
    ] {
        let error = reader.ask(sql).map(|answer| panic!("{sql}: {answer:?}")).unwrap_err();
        assert!(error.to_string().to_lowercase().contains(&part.to_lowercase()), "{sql}: {error}");
        assert_eq!(error.exit(), Exit::BadRequest, "{sql}");
    }
    drop(reader);
    let kept =
        Reader::open(&path).unwrap().ask("select count(*) as n, any_value(version) as v from runs").unwrap();
    assert_eq!(document(&kept).replace([' ', '\n'], ""), "[{\"n\":1,\"v\":\"v\\u001b[2J\"}]");
}

#[test]
fn rows_may_change_and_the_tables_stay() {
    let (_folder, path) = database();
    let count = |path: &Path| {
        Reader::open(path).unwrap().ask("select count(*) as n from runs").unwrap().rows[0][0].clone()
    };
    for (sql, refused) in [
        ("update runs set version = '2'; select version from runs", None),
        ("create table mine as select 1 as x", None),
        ("update mine set x = 2; -- done", None),
        ("create temp view v as select 1; create temp macro f(a) as a; select * from v", None),
        ("drop table series", Some("table series would lose its")),
        ("alter table controls add column x int", Some("table controls would get a column x INTEGER")),
        (
            "alter table sessions rename column kind to sort",
            Some("table sessions would lose its column kind"),
        ),
        ("create index i on features (name)", Some("table features would get a index i")),
        ("delete from schema_version", Some("table schema_version would lose its")),
        ("drop table mine", Some("table mine would lose its column x")),
        ("create view cats as select 1", Some("it holds a view, cats")),
        ("create macro strftime(a, b) as 'yesterday'", Some("it holds a macro, strftime")),
        ("create type mood as enum ('ok')", Some("it holds a type, mood")),
        ("delete from runs; commit; create view cats as select 1", Some("to which commit does not belong")),
        ("delete from runs; select nothing", Some("column \"nothing\" was not found")),
        ("delete from runs; rollback", Some("to which rollback does not belong")),
        ("", Some("it holds no statement")),
    ] {
        let mut store = Store::open(&path).unwrap();
        match (store.change(sql), refused) {
            (Ok(_), None) => {}
            (Err(error), Some(part)) => {
                assert!(error.to_string().contains(part), "{sql}: {error}");
                assert_eq!(error.exit(), Exit::BadRequest, "{sql}");
            }
            (other, _) => panic!("{sql}: {other:?}"),
        }
        drop(store);
        assert_eq!(count(&path), crate::rows::answer::Cell::Number("1".to_owned()), "{sql}");
    }
    let kept = Reader::open(&path).unwrap().ask("select version, x from runs, mine").unwrap();
    assert_eq!(answer::csv(&kept), "version,x\n2,2");
}
