//! Removes runs with everything that belongs to them: what is kept is copied into a new file, which takes the place of the old
//! one. So it is there whole at any moment, and its space is free. It never changes a run that is kept.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use duckdb::{Connection, Row, params};

use super::file::OpenFile;
use super::read::iso;
use super::tables::{PartOf, Reference, TABLES, Table};
use super::write::{epoch_s, json};
use super::{RunId, Store, failed, migrate, open};
use crate::error::Error;
use crate::rows::pruned::{Pruned, PrunedRun};

const LOOKING: &str = "looking for runs to remove";
const COPYING: &str = "copying what is kept";

/// The condition for rows of a table that are kept; runs that go are in the table `gone`, and trials that are kept are there by
/// then.
fn kept(table: &Table) -> String {
    const OF_A_RUN: &str = "run_id not in (select id from gone)";
    match table.part_of {
        PartOf::Itself => "id not in (select id from gone)".to_owned(),
        PartOf::Run => OF_A_RUN.to_owned(),
        PartOf::Trial => "trial_id in (select id from main.trials)".to_owned(),
        PartOf::None => {
            let named = table.references().map(|Reference { from, column, .. }| {
                format!("select {column} from old.main.{from} where {OF_A_RUN}")
            });
            format!("{} in ({})", table.key.join(", "), named.collect::<Vec<_>>().join(" union "))
        }
    }
}

/// Which runs are to go: those named, and those that are neither among the newest nor begun late enough.
#[derive(Debug, Clone, Copy, Default)]
pub struct Choice<'a> {
    /// So many of each kind stay, the newest.
    pub keep: Option<u32>,
    /// Those that were begun from then on stay.
    pub before: Option<SystemTime>,
    /// These go in any case.
    pub named: &'a [RunId],
}

impl Store {
    /// The runs of a choice. One that is `running` and was begun within a day before `now` is spared.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn chosen(&self, choice: &Choice<'_>, now: SystemTime) -> Result<Pruned, Error> {
        let sql = format!(
            "with ranked as (
                 select *, row_number() over (partition by kind order by started_at desc, id desc) as place from runs
             ), counted as (select run_id, count(*) as trials from trials group by run_id)
             select id::varchar, kind::varchar, state::varchar, {}, coalesce(trials, 0)::ubigint,
                 state = 'running' and epoch(started_at) > ? - 24 * 60 * 60
             from ranked left join counted on run_id = id
             where list_contains(from_json(?, '[\"varchar\"]'), id::varchar)
                 or (? and place > ? and epoch(started_at) < ?)
             order by started_at, id",
            iso("started_at")
        );
        let is_ruled = choice.keep.is_some() || choice.before.is_some();
        let before_s = choice.before.map_or(f64::INFINITY, epoch_s);
        let values =
            params![epoch_s(now), json(&choice.named), is_ruled, choice.keep.unwrap_or_default(), before_s];
        let read = |row: &Row<'_>| {
            let run = PrunedRun {
                id: row.get(0)?,
                kind: row.get(1)?,
                state: row.get(2)?,
                started_at: row.get(3)?,
                trials: row.get(4)?,
            };
            Ok((row.get::<_, bool>(5)?, run))
        };
        let (spared, runs): (Vec<_>, Vec<_>) =
            self.query(LOOKING, &sql, values, read)?.into_iter().partition(|(is_under_way, _)| *is_under_way);
        let of = |runs: Vec<(bool, PrunedRun)>| runs.into_iter().map(|(_, run)| run).collect::<Vec<_>>();
        let (spared, runs) = (of(spared), of(runs));
        let trials = runs.iter().map(|run| run.trials).sum();
        Ok(Pruned { dry_run: true, runs, trials, spared, freed_bytes: None })
    }

    /// Removes runs, with the cases and adapters that no other run refers to, and says how many bytes smaller the file is.
    ///
    /// # Errors
    /// When it cannot be rewritten, or somebody else opened it: it is then as it was.
    pub fn without(self, runs: &[PrunedRun]) -> Result<u64, Error> {
        self.check_file()?;
        let OpenFile::File { path, .. } = &self.file else { return Ok(0) };
        let path = path.clone();
        // A file that is opened twice loses the lock that keeps others out.
        drop(self);
        let before = fs::metadata(&path).map_err(unwritten(&path))?.len();
        let new = PathBuf::from(format!("{}.pruned", path.display()));
        remove_both(&new).map_err(unwritten(&path))?;
        let rewritten = copy(&path, &new, runs).and_then(|held| put_in_place(&new, &path, held));
        if rewritten.is_err() {
            // What went wrong is what has to be said.
            let _ = remove_both(&new);
        }
        rewritten?;
        let after = fs::metadata(&path).map_err(unwritten(&path))?.len();
        Ok(before.saturating_sub(after))
    }
}

/// Copies a database without some runs into a new file. As long as the connection lives, nobody can write to either.
fn copy(path: &Path, new: &Path, gone: &[PrunedRun]) -> Result<Connection, Error> {
    let mut connection = open::connect_for_copying(path, new)?;
    migrate::up_to_date(&mut connection, new)?;
    open::attach(&connection, path, "old")?;
    let ids: Vec<&str> = gone.iter().map(|run| run.id.as_str()).collect();
    let copying = || -> duckdb::Result<()> {
        let sql = "create temp table gone as select unnest(from_json(?, '[\"varchar\"]'))::uuid as id";
        connection.execute(sql, params![json(&ids)])?;
        for table in &TABLES {
            let (name, kept) = (table.name, kept(table));
            connection.execute_batch(&format!(
                "insert into main.{name} by name from old.main.{name} where {kept}"
            ))?;
        }
        for table in others(&connection)? {
            let name = table.replace('"', "\"\"");
            connection.execute_batch(&format!("create table main.\"{name}\" as from old.main.\"{name}\""))?;
        }
        connection.execute_batch("checkpoint")
    };
    copying().map_err(failed(COPYING))?;
    Ok(connection)
}

/// Tables that somebody added: they are kept whole.
fn others(connection: &Connection) -> duckdb::Result<Vec<String>> {
    let sql = "select table_name from system.main.duckdb_tables() \
               where database_name = 'old' and table_name <> 'schema_version'";
    let all: Vec<String> =
        connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|name| TABLES.iter().all(|known| known.name != name)).collect())
}

/// Gives the new file the name of the old one, once it is on the disk. Where an open file can be renamed, others are kept out
/// until that is done.
fn put_in_place(new: &Path, path: &Path, held: Connection) -> Result<(), Error> {
    let held = cfg!(unix).then_some(held);
    let put = || -> io::Result<()> {
        File::open(new)?.sync_all()?;
        fs::rename(new, path)?;
        // The folder holds the name.
        #[cfg(unix)]
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(())
    };
    put().map_err(unwritten(path))?;
    drop(held);
    // A log of what was replaced would be taken for one of the new file.
    remove(&open::log_of(path)).map_err(unwritten(path))
}

/// Removes a file and its log, where they are there.
fn remove_both(path: &Path) -> io::Result<()> {
    remove(path)?;
    remove(&open::log_of(path))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn unwritten(path: &Path) -> impl Fn(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::NotPruned { path: path.clone(), source }
}

#[cfg(test)]
mod tests;
