//! Databases and exports merged into one.

use super::*;
use crate::rows::merge::{Counts, Merged, SourceKind};
use crate::store::parquet::write::{Selection, export};
use crate::store::tables::TABLES;

/// A folder and the names of databases in it.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        Place(TempDir::new().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A database with a finished run of two trials.
    fn swept(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        sweep(&path, true);
        path
    }

    fn merge(&self, sources: &[&str], into: &str) -> Result<Merged, Error> {
        let sources: Vec<PathBuf> = sources.iter().map(|name| self.path(name)).collect();
        merge(&self.path(into), &sources, false)
    }

    /// Everything that a database holds, table by table.
    fn contents(&self, name: &str) -> Vec<String> {
        let store = Store::open(&self.path(name)).unwrap();
        let rows = |table: &str| {
            let sql = format!("select t::varchar from {table} as t order by all");
            store.query("reading", &sql, [], |row| row.get::<_, String>(0)).unwrap()
        };
        TABLES
            .iter()
            .flat_map(|table| rows(table.name).into_iter().map(|row| format!("{} {row}", table.name)))
            .collect()
    }

    fn change(&self, name: &str, sql: &str) {
        Store::open(&self.path(name)).unwrap().connection.execute_batch(sql).unwrap();
    }
}

/// Adds a run of two trials, which finishes or not, with all that belongs to it.
fn sweep(path: &Path, finished: bool) -> RunId {
    let mut store = Store::open(path).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(0)).unwrap();
    store.add_trial(&run, &passed_trial()).unwrap();
    store.add_trial(&run, &failed_trial()).unwrap();
    store.add_control(&run, 0, (&[1.0, 2.0], at(1), 1)).unwrap();
    if finished {
        store.finish_run(&run, &RunEnd::Finished, at(3)).unwrap();
    }
    run
}

const fn counts(added: usize, already_there: usize) -> Counts {
    Counts { added, already_there }
}

#[test]
fn merging_adds_every_row_once() {
    let place = Place::new();
    place.swept("a");
    place.swept("b");
    let merged = place.merge(&["a", "b"], "c").unwrap();
    assert!(merged.made);
    let told: Vec<_> = merged.sources.iter().map(|it| (it.kind, it.runs, it.trials)).collect();
    assert_eq!(told, [(SourceKind::Database, counts(1, 0), counts(2, 0)); 2]);
    let both = place.contents("c");
    let mut expected = [place.contents("a"), place.contents("b")].concat();
    expected.sort();
    expected.dedup();
    let mut sorted = both.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    for (name, sources) in
        [("again", &["a", "b"][..]), ("one source twice", &["a", "a"]), ("itself", &["c", "a"])]
    {
        let merged = place.merge(sources, "c").unwrap();
        assert!(!merged.made, "{name}");
        assert!(
            merged.sources.iter().all(|it| it.rows.added == 0 && it.rows.already_there > 0),
            "{name}: {merged:?}"
        );
        assert_eq!(place.contents("c"), both, "{name}");
    }
}

#[test]
fn of_a_run_that_had_not_ended_the_copy_that_had_counts() {
    for (name, first, second) in [("late", "begun", "ended"), ("early", "ended", "begun")] {
        let place = Place::new();
        let run = sweep(&place.path("begun"), false);
        fs::copy(place.path("begun"), place.path("ended")).unwrap();
        let mut store = Store::open(&place.path("ended")).unwrap();
        store.add_trial(&run, &Trial { position: 2, ..failed_trial() }).unwrap();
        store.finish_run(&run, &RunEnd::Finished, at(3)).unwrap();
        drop(store);
        for sources in [&[first, second][..], &[first], &[second]] {
            place.merge(sources, "c").unwrap();
        }
        assert_eq!(place.contents("c"), place.contents("ended"), "{name}");
    }
}

#[test]
fn a_row_with_two_contents_is_refused_by_its_run_and_nothing_is_merged() {
    for (name, sql, table) in [
        ("an end", "update runs set state = 'failed'", "runs"),
        ("a verdict", "update trials set verdict = 'mismatch' where verdict = 'pass'", "trials"),
        ("a value", "update metrics set median = 1e9", "metrics"),
        ("a time", "update controls set time_ms = 7", "controls"),
    ] {
        let place = Place::new();
        place.swept("a");
        fs::copy(place.path("a"), place.path("other")).unwrap();
        place.swept("b");
        place.merge(&["a"], "c").unwrap();
        place.change("other", sql);
        let before = place.contents("c");
        let run = Store::open(&place.path("a")).unwrap().find_run("last").unwrap().to_string();
        let message = place.merge(&["b", "other"], "c").unwrap_err().to_string();
        assert!(message.contains(&run) && message.contains(&format!("table {table}")), "{name}: {message}");
        assert_eq!(place.contents("c"), before, "{name}");
        assert!(place.merge(&["a", "other"], "new").is_err(), "{name}");
        assert!(!place.path("new").exists(), "{name}: nothing is left of what could not be merged");
    }
}

#[test]
fn rows_of_a_run_that_is_not_there_under_identifiers_that_are_are_refused() {
    let place = Place::new();
    place.swept("a");
    place.swept("x");
    place.merge(&["a"], "c").unwrap();
    let before = place.contents("c");
    let id = Store::open(&place.path("a")).unwrap().connection;
    let id: String = id
        .query_row("select min(id)::varchar from trials where verdict = 'crash'", [], |row| row.get(0))
        .unwrap();
    let sql = format!("delete from features; update trials set id = '{id}' where verdict = 'crash'");
    place.change("x", &sql);
    let message = place.merge(&["x"], "c").unwrap_err().to_string();
    assert!(message.contains("cannot merge") && message.contains("uplicate key"), "{message}");
    assert_eq!(place.contents("c"), before);
}

#[test]
fn a_source_that_is_not_ours_is_refused_and_left_alone() {
    type Make = fn(&Path);
    let rows: [(&str, Make, &str); 8] = [
        ("nothing", |_| {}, "No such file"),
        ("a letter", |path| fs::write(path, "hello ".repeat(900)).unwrap(), "it is not a DuckDB database"),
        ("another's", |path| foreign(path, "create table cats (name varchar)"), "it holds cats"),
        ("an empty one", |path| drop(Connection::open(path).unwrap()), "it holds no tables"),
        ("a view", |path| handed_over(path, "create view cats as select 1"), "a view, cats"),
        (
            "a macro",
            |path| handed_over(path, "create macro strftime(a, b) as 'yesterday'"),
            "a macro, strftime",
        ),
        (
            "a newer one",
            |path| handed_over(path, "insert into schema_version values (1000)"),
            "a newer Parallax wrote it",
        ),
        ("a folder", |path| fs::create_dir(path).unwrap(), "it is no export of Parallax"),
    ];
    for (name, make, part) in rows {
        let place = Place::new();
        place.swept("a");
        make(&place.path("x"));
        let before = fs::read(place.path("x")).ok();
        let error = place.merge(&["a", "x"], "c").unwrap_err();
        assert!(error.to_string().contains(part), "{name}: {error}");
        assert_eq!(error.exit(), crate::exit::Exit::BadRequest, "{name}");
        assert_eq!(fs::read(place.path("x")).ok(), before, "{name}");
        assert!(!place.path("c").exists(), "{name}: nothing was merged");
    }
}

#[test]
fn a_table_with_a_column_less_is_refused() {
    let place = Place::new();
    place.swept("x");
    foreign(&place.path("x"), "alter table checks drop column fault");
    let message = place.merge(&["x"], "c").unwrap_err().to_string();
    assert!(message.contains("its table checks has no column fault"), "{message}");
}

#[test]
fn an_earlier_database_and_one_whose_process_was_killed_are_copied_first() {
    let place = Place::new();
    migrate::up_to(4, &place.path("old"));
    foreign(
        &place.path("old"),
        "insert into runs (kind, state, started_at, version, host_os, host_architecture, host_logical_cpus) \
         values ('sweep', 'finished', '2026-01-01', '0.0.1', 'linux', 'x86_64', 2)",
    );
    let mut child = child(&place.path("killed"));
    while committed(&place.path("killed")) < 3 {
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
        std::thread::yield_now();
    }
    let held = place.merge(&["killed"], "c").unwrap_err().to_string();
    assert!(held.contains("held by another process"), "{held}");
    child.kill().unwrap();
    child.wait().unwrap();
    let files = ["old", "killed", "killed.wal"];
    let before = files.map(|name| fs::read(place.path(name)).unwrap());
    let merged = place.merge(&["old", "killed"], "c").unwrap();
    assert_eq!((merged.sources[0].schema, merged.sources[0].runs), (4, counts(1, 0)));
    assert!(merged.sources[1].trials.added >= 3, "{merged:?}");
    assert_eq!(files.map(|name| fs::read(place.path(name)).unwrap()), before, "no source is changed");
}

/// A database with a shard of a plan, and the run's name.
fn shard(
    place: &Place,
    name: &str,
    second: u64,
    (plan, shard, shards, named): (&str, u32, u32, Option<&str>),
) {
    let mut store = Store::open(&place.path(name)).unwrap();
    let run = store.begin_run(RunKind::Sweep, at(second)).unwrap();
    store.finish_run(&run, &RunEnd::Finished, at(second + 1)).unwrap();
    let sql = "update runs set plan_digest = ?, shard = ?, shards = ?, sweep = ? where id = ?";
    store.connection.execute(sql, duckdb::params![plan, shard, shards, named, run]).unwrap();
}

#[test]
fn shards_that_are_missing_or_there_twice_are_told() {
    let place = Place::new();
    for (name, second, number) in [("one", 1, 1), ("two", 2, 2), ("five", 3, 5), ("two again", 9, 2)] {
        shard(&place, name, second, ("plan", number, 5, Some("nightly")));
    }
    shard(&place, "earlier", 0, ("plan", 3, 5, Some("last night")));
    let merged = place.merge(&["one", "two", "five"], "c").unwrap();
    let [sweep] = &merged.sweeps[..] else { panic!("{merged:?}") };
    assert_eq!((sweep.missing.as_slice(), sweep.twice.len()), (&[3, 4][..], 0));
    assert!(!merged.is_complete());
    let merged = place.merge(&["two", "two again"], "c").unwrap();
    let [sweep] = &merged.sweeps[..] else { panic!("{merged:?}") };
    let later = Store::open(&place.path("two again")).unwrap().find_run("last").unwrap().to_string();
    assert_eq!((sweep.twice[0].shard, &sweep.twice[0].counts), (2, &later));
    assert_eq!((sweep.twice[0].runs.len(), count(&Store::open(&place.path("c")).unwrap(), "runs")), (2, 4));
    for (number, complete) in [(3, false), (4, true)] {
        let name = format!("late {number}");
        shard(&place, &name, 20, ("plan", number, 5, Some("nightly")));
        assert_eq!(place.merge(&[&name], "c").unwrap().is_complete(), complete, "{number}");
    }
    place.change("late 4", "update runs set state = 'interrupted'");
    let merged = place.merge(&["late 4"], "of an interrupted one").unwrap();
    assert_eq!((&merged.sweeps[0].unfinished, &merged.sweeps[0].missing), (&vec![4], &vec![1, 2, 3, 5]));
}

#[test]
fn shards_of_different_plans_are_refused_unless_any_will_do() {
    let place = Place::new();
    shard(&place, "a", 1, ("plan", 1, 2, None));
    shard(&place, "other plan", 1, ("another", 2, 2, None));
    shard(&place, "other split", 1, ("plan", 2, 3, None));
    shard(&place, "too many", 1, ("plan", 2, 1 << 30, None));
    place.swept("whole");
    for (name, part) in
        [("other plan", "shards of plan another in 2"), ("other split", "shards of plan plan in 3")]
    {
        let error = place.merge(&["a", "whole", name], "c").unwrap_err();
        assert!(error.to_string().contains(part) && error.to_string().contains("--any"), "{name}: {error}");
        assert!(!place.path("c").exists(), "{name}");
        let sources = ["a", name].map(|name| place.path(name));
        assert_eq!(
            merge(&place.path(&format!("c of {name}")), &sources, true).unwrap().sweeps.len(),
            2,
            "{name}"
        );
    }
    let error = place.merge(&["too many"], "c").unwrap_err().to_string();
    assert!(error.contains("1073741824 shards"), "{error}");
    // A later sweep of the same database is the one that counts.
    shard(&place, "other plan", 5, ("plan", 2, 2, None));
    assert!(place.merge(&["a", "other plan"], "c").unwrap().is_complete());
}

#[test]
fn an_export_merges_like_the_database_it_is_of() {
    let place = Place::new();
    place.swept("a");
    place.swept("a");
    let all = Selection::default();
    export(&place.path("a"), &place.path("out"), &all).unwrap();
    let merged = place.merge(&["out"], "c").unwrap();
    assert_eq!((merged.sources[0].kind, merged.sources[0].trials), (SourceKind::Export, counts(4, 0)));
    assert_eq!(place.contents("c"), place.contents("a"));
    let both = place.merge(&["a", "out"], "c").unwrap();
    assert!(both.sources.iter().all(|it| it.rows.added == 0), "{both:?}");

    let last = Store::open(&place.path("a")).unwrap().find_run("last").unwrap();
    let exported =
        export(&place.path("a"), &place.path("out"), &Selection { runs: vec![last], ..all }).unwrap();
    let rows = |name: &str| exported.tables.iter().find(|table| table.name == name).map(|table| table.rows);
    assert_eq!(
        (rows("runs"), rows("trials"), rows("cases"), rows("adapters")),
        (Some(1), Some(2), Some(2), Some(1))
    );
    assert_eq!(place.merge(&["out"], "one").unwrap().sources[0].runs, counts(1, 0));
}

#[test]
fn an_export_that_was_changed_is_refused() {
    type Change = fn(&Path);
    let manifest = |folder: &Path, from: &str, to: &str| {
        let path = folder.join("parallax.json");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    let rows: [(&str, Change, &str); 6] = [
        (
            "no manifest",
            |folder| fs::remove_file(folder.join("parallax.json")).unwrap(),
            "it is no export of Parallax",
        ),
        (
            "no table",
            |folder| fs::remove_file(folder.join("runs.parquet")).unwrap(),
            "runs: there are 0 rows",
        ),
        ("a letter", |folder| fs::write(folder.join("runs.parquet"), "hello").unwrap(), "runs: "),
        (
            "another file",
            |folder| fs::write(folder.join("letter"), "hello").unwrap(),
            "letter is not of an export",
        ),
        (
            "another file among a table's",
            |folder| fs::write(folder.join("trials/letter"), "hello").unwrap(),
            "letter is not of an export",
        ),
        #[cfg(unix)]
        (
            "a link",
            |folder| {
                let other = folder.with_extension("other");
                fs::rename(folder.join("runs.parquet"), &other).unwrap();
                std::os::unix::fs::symlink(other, folder.join("runs.parquet")).unwrap();
            },
            "is not a plain file",
        ),
    ];
    for (name, change, part) in rows {
        let place = Place::new();
        place.swept("a");
        export(&place.path("a"), &place.path("out"), &Selection::default()).unwrap();
        change(&place.path("out"));
        let error = place.merge(&["out"], "c").unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
        assert!(!place.path("c").exists(), "{name}");
    }
    let known = format!("\"schema\": {}", migrate::KNOWN);
    for (name, from, to, part) in [
        ("newer", known.as_str(), "\"schema\": 1000", "a newer Parallax wrote it"),
        ("of no version", &known, "\"schema\": -1", "a version that never was"),
        ("a table outside", "\"name\": \"runs\"", "\"name\": \"../runs\"", "a table is called"),
        ("a table that is none", "\"name\": \"runs\"", "\"name\": \"cats\"", "its version has no such table"),
    ] {
        let place = Place::new();
        place.swept("a");
        export(&place.path("a"), &place.path("out"), &Selection::default()).unwrap();
        manifest(&place.path("out"), from, to);
        let error = place.merge(&["out"], "c").unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
}

#[test]
fn rows_that_belong_to_nothing_or_are_there_twice_are_not_merged() {
    for (change, part) in [
        (
            "insert into metrics select uuidv7(), metric, median, low, high, n from metrics limit 1",
            "one in metrics",
        ),
        ("insert into series from series limit 1", "is there twice"),
        ("update trials set run_id = uuidv7()", "belongs to no run"),
        ("update trials set case_key = 'none'", "belongs to no case"),
    ] {
        let place = Place::new();
        place.swept("a");
        place.swept("into");
        place.change("a", change);
        let before = place.contents("into");
        let error = place.merge(&["a"], "into").unwrap_err().to_string();
        assert!(error.contains(part), "{change}: {error}");
        assert_eq!(place.contents("into"), before, "{change}");
    }
}
