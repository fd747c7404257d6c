//! Writes an export: into a folder beside the one asked for, which takes its name once everything is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use duckdb::{Connection, params};

use super::{Listed, MANIFEST, Manifest, stranger};
use crate::error::Error;
use crate::rows::export::{Exported, ExportedTable, LeftOut};
use crate::store::public::{self, Column, Names};
use crate::store::tables::{PartOf, Reference, TABLES, Table};
use crate::store::{RunId, Store, failed, migrate, open};

const EXPORTING: &str = "exporting";

/// The part of a database that is exported.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// These runs; all where it names none.
    pub runs: Vec<RunId>,
    /// Only what anybody may see.
    pub public: bool,
}

/// Exports the database at `database` to a folder, in place of an earlier export if it holds one.
///
/// # Errors
/// When the folder holds something else or cannot be written, or the database cannot be read. The folder is then as it was.
pub fn export(database: &Path, folder: &Path, selection: &Selection) -> Result<Exported, Error> {
    // Brings it up to date.
    drop(Store::open_existing(database)?);
    let folder = std::path::absolute(folder).map_err(|error| unwritten(folder, error))?;
    let half = beside(&folder, "unfinished");
    for path in [&folder, &half] {
        refuse_foreign(path)?;
    }
    let exported = remove(&half)
        .and_then(|()| fs::create_dir_all(&half))
        .map_err(|error| unwritten(&half, error))
        .and_then(|()| written(database, &folder, &half, selection))
        .and_then(|exported| {
            put_in_place(&half, &folder).map(|()| exported).map_err(|error| unwritten(&folder, error))
        });
    if exported.is_err() {
        // The error says why; half an export is of no use.
        let _ = remove(&half);
    }
    exported
}

fn written(database: &Path, folder: &Path, half: &Path, selection: &Selection) -> Result<Exported, Error> {
    let database = fs::canonicalize(database).map_err(|error| unwritten(database, error))?;
    let connection = open::reaching(&[&database], &[half], &beside(half, "spilled"))?;
    let attach = format!("attach {} as {SOURCE} (read_only)", open::quoted(&database)?);
    connection.execute_batch(&attach).map_err(failed(EXPORTING))?;
    let left_out = choose(&connection, selection)?;
    let names = if selection.public { Some(Names::of(&connection)?) } else { None };
    let mut tables = Vec::new();
    for table in TABLES.iter().filter(|table| !selection.public || public::is_public(table.name)) {
        let rows = write(&connection, table, half, selection, names.as_ref())?;
        tables.push(ExportedTable { name: table.name.to_owned(), rows });
    }
    let listed = tables.iter().map(|table| Listed { name: table.name.clone(), rows: table.rows });
    let manifest = Manifest {
        schema: migrate::KNOWN,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        public: selection.public,
        runs: (!selection.runs.is_empty()).then(|| selection.runs.iter().map(ToString::to_string).collect()),
        tables: listed.collect(),
    };
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default() + "\n";
    fs::write(half.join(MANIFEST), text).map_err(|error| unwritten(half, error))?;
    let folder = folder.display().to_string();
    Ok(Exported { folder, public: selection.public, schema: migrate::KNOWN, tables, left_out })
}

/// The name that the exported database is attached under.
pub(in crate::store) const SOURCE: &str = "source";

/// Notes which runs and trials are exported, with their months, and gives what a public export leaves out.
fn choose(connection: &Connection, selection: &Selection) -> Result<LeftOut, Error> {
    let asked: Vec<String> = selection.runs.iter().map(|run| format!("'{run}'::uuid")).collect();
    let asked = if asked.is_empty() { "true".to_owned() } else { format!("id in ({})", asked.join(", ")) };
    let (runs, trials) = match selection.public {
        true => (public::RUNS.to_owned(), public::trials()),
        false => ("true".to_owned(), "true".to_owned()),
    };
    let sql = format!(
        "create table asked as select id, kind, strftime(make_timestamp(epoch_us(started_at)), '%Y-%m') as month \
             from {SOURCE}.main.runs where {asked};
         create table chosen_runs as select id, month from asked where {runs};
         create table asked_trials as select trials.id, run_id, month, case_key \
             from {SOURCE}.main.trials as trials join chosen_runs on chosen_runs.id = run_id;
         create table chosen_trials as select asked_trials.id, run_id, month \
             from asked_trials join {SOURCE}.main.cases as cases on cases.key = case_key where {trials}"
    );
    let count = "select (select count(*) from asked) - (select count(*) from chosen_runs), \
                 (select count(*) from asked_trials) - (select count(*) from chosen_trials)";
    let choose = || -> duckdb::Result<LeftOut> {
        connection.execute_batch(&sql)?;
        connection.query_row(count, [], |row| Ok(LeftOut { runs: row.get(0)?, trials: row.get(1)? }))
    };
    choose().map_err(failed(EXPORTING))
}

/// Writes the rows of a table, if there are any, and gives their number.
fn write(
    connection: &Connection,
    table: &Table,
    half: &Path,
    selection: &Selection,
    names: Option<&Names>,
) -> Result<usize, Error> {
    let columns = columns(connection, table)?;
    let shown: Vec<String> = match names {
        Some(names) => columns.iter().map(|column| public::shown(table.name, column, names)).collect(),
        None => columns.iter().map(|column| format!("t.\"{}\"", column.name)).collect(),
    };
    let month = if table.is_split() { ", month" } else { "" };
    let from = rows(connection, table, selection)?;
    let count = connection.query_row(&format!("select count(*) {from}"), [], |row| row.get(0));
    let count: usize = count.map_err(failed(EXPORTING))?;
    if count == 0 {
        return Ok(0);
    }
    let (name, options) = match table.is_split() {
        true => (table.name.to_owned(), ", partition_by (month)"),
        false => (format!("{}.parquet", table.name), ""),
    };
    let sql = format!(
        "copy (select {}{month} {from}) to {} (format parquet, compression zstd{options})",
        shown.join(", "),
        open::quoted(&half.join(name))?
    );
    connection.execute_batch(&sql).map_err(failed(EXPORTING))?;
    Ok(count)
}

/// The columns of a table.
pub(in crate::store) fn columns(connection: &Connection, table: &Table) -> Result<Vec<Column>, Error> {
    let sql = "select column_name, data_type, is_nullable from system.main.duckdb_columns() \
               where database_name = ? and schema_name = 'main' and table_name = ? order by column_index";
    let read = || {
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map(params![SOURCE, table.name], |row| {
            Ok(Column { name: row.get(0)?, kind: row.get(1)?, nullable: row.get(2)? })
        })?;
        rows.collect::<duckdb::Result<_>>()
    };
    read().map_err(failed(EXPORTING))
}

/// The rows of a table `t` that are exported, from `from` on.
fn rows(connection: &Connection, table: &Table, selection: &Selection) -> Result<String, Error> {
    let only = match (selection.public, public::only(table.name)) {
        (true, Some(only)) => format!(" where {only}"),
        _ => String::new(),
    };
    let chosen = match table.part_of {
        PartOf::None => return shared(connection, table, selection),
        PartOf::Itself => "join chosen_runs on chosen_runs.id = t.id",
        // A trial of a run may be left out.
        PartOf::Run if table.name == "trials" => "join chosen_trials on chosen_trials.id = t.id",
        PartOf::Run => "join chosen_runs on chosen_runs.id = t.run_id",
        PartOf::Trial => "join chosen_trials on chosen_trials.id = t.trial_id",
    };
    Ok(format!("from {SOURCE}.main.{} as t {chosen}{only}", table.name))
}

/// The rows of a table that runs share: those that exported rows refer to, or all where all is exported.
fn shared(connection: &Connection, table: &Table, selection: &Selection) -> Result<String, Error> {
    let all = format!("from {SOURCE}.main.{} as t", table.name);
    if selection.runs.is_empty() && !selection.public {
        return Ok(all);
    }
    let [key] = table.key else { return Ok(all) };
    let mut conditions = Vec::new();
    for Reference { from, column, .. } in table.references() {
        let exported = !selection.public || public::is_public(from);
        if let Some(referrer) = TABLES.iter().find(|known| known.name == *from && exported) {
            let from = rows(connection, referrer, selection)?;
            conditions.push(format!("s.\"{key}\" in (select t.\"{column}\" {from})"));
        }
    }
    Ok(format!(
        "from (select * from {SOURCE}.main.{} as s where {}) as t",
        table.name,
        conditions.join(" or ")
    ))
}

fn beside(folder: &Path, suffix: &str) -> PathBuf {
    folder.with_added_extension(suffix)
}

/// Refuses a folder that holds what no export does: it will be replaced.
fn refuse_foreign(folder: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unwritten(folder, error)),
        Ok(metadata) if !metadata.is_dir() => {
            return Err(Error::ExportInTheWay { folder: folder.to_owned(), found: folder.to_owned() });
        }
        Ok(_) => {}
    }
    match stranger(folder).map_err(|error| unwritten(folder, error))? {
        Some(found) => Err(Error::ExportInTheWay { folder: folder.to_owned(), found }),
        None => Ok(()),
    }
}

fn put_in_place(half: &Path, folder: &Path) -> io::Result<()> {
    // A folder is renamed over an empty one alone.
    remove(folder)?;
    fs::rename(half, folder)
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn unwritten(folder: &Path, source: io::Error) -> Error {
    Error::ExportUnwritten { folder: folder.to_owned(), source }
}
