//! Adds the rows of other databases to one, all of them in one transaction. A row that is there stays as it is, but for a run
//! that had not ended.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use duckdb::{Connection, Transaction, params};

use super::bulk::check_rows;
use super::source::{Source, refused};
use super::tables::{PartOf, TABLES, Table};
use super::{Store, failed, open, parts, public};
use crate::error::Error;
use crate::rows::merge::{Added, Counts, Merged};

/// The name that the database merged into is attached under.
pub(super) const INTO: &str = "target";

const MERGING: &str = "merging";

/// What a run adds to rows that were there when it began: the columns, and when a copy has them that the other lacks.
const COMPLETED: [(&str, &[&str], &str); 3] = [
    ("runs", &["state", "message", "finished_at"], "ours.state = 'running' and theirs.state <> 'running'"),
    ("sessions", &["closing_ms"], "ours.closing_ms is null and theirs.closing_ms is not null"),
    (
        "conformance_targets",
        &["unavailable", "finished_at", "adapter", "facts", "operators", "phases_ms"],
        "ours.finished_at is null and theirs.finished_at is not null",
    ),
];

/// A source and the name that it is attached under.
pub(super) struct Attached {
    pub source: Source,
    pub name: String,
}

/// Merges databases and exports into the database at `into`, which is made if it is not there: all of them, or none. Shards of
/// different plans are merged only with `any`.
///
/// # Errors
/// When a source is not to be had or not to be trusted, when shards are of different plans, when one row has two contents, and when
/// the database cannot take it. The database is then as it was.
pub fn merge(into: &Path, sources: &[PathBuf], any: bool) -> Result<Merged, Error> {
    let sources = sources.iter().map(|path| Source::ready(path)).collect::<Result<Vec<_>, _>>()?;
    let made = !into.exists();
    // Makes it or brings it up to date.
    drop(Store::open(into)?);
    let merged = merge_ready(into, sources, any);
    if made && merged.is_err() {
        // Nobody asked for an empty one.
        let _ = [into, &open::log_of(into)].map(fs::remove_file);
    }
    merged.map(|merged| Merged { made, ..merged })
}

fn merge_ready(into: &Path, sources: Vec<Source>, any: bool) -> Result<Merged, Error> {
    let own = fs::canonicalize(into).unwrap_or_else(|_| into.to_owned());
    let (mut connection, sources) = attached(&own, sources)?;
    let parts = parts::newest(&connection, &sources)?;
    if !any {
        parts::of_one_plan(&parts)?;
    }
    let transaction = connection.transaction().map_err(failed(MERGING))?;
    let added = sources.iter().map(|source| add(&transaction, source)).collect::<Result<Vec<_>, _>>()?;
    check_rows(&transaction, &format!("{INTO}.main"))?;
    let sweeps = parts::state(&transaction, &sources, &parts)?;
    transaction.commit().map_err(failed(MERGING))?;
    let closed = connection.execute_batch(&format!("checkpoint {INTO}; detach {INTO}"));
    closed.map_err(failed(MERGING))?;
    Ok(Merged { into: into.display().to_string(), made: false, sources: added, sweeps })
}

/// A connection that has the database and all sources attached, each file once, and reaches nothing else.
fn attached(own: &Path, sources: Vec<Source>) -> Result<(Connection, Vec<Attached>), Error> {
    let files: Vec<&Path> =
        std::iter::once(own).chain(sources.iter().map(|it| it.database.as_path())).collect();
    let connection = open::reaching(&files, &[], &own.with_added_extension("tmp"))?;
    let sql = format!("attach {} as {INTO}", open::quoted(own)?);
    connection.execute_batch(&sql).map_err(failed("opening it to merge into"))?;
    let mut names = BTreeMap::from([(own.to_owned(), INTO.to_owned())]);
    let mut all = Vec::new();
    for source in sources {
        let number = names.len();
        if let std::collections::btree_map::Entry::Vacant(free) = names.entry(source.database.clone()) {
            let name = free.insert(format!("source_{number}"));
            let sql = format!("attach {} as {name} (read_only)", open::quoted(&source.database)?);
            let tried = connection.execute_batch(&sql).map_err(failed("opening a source"));
            tried.map_err(|error| refused(&source.named, error))?;
            open::trust(&connection, &source.named).map_err(|error| refused(&source.named, error))?;
        }
        all.push(Attached { name: names[&source.database].clone(), source });
    }
    Ok((connection, all))
}

/// Adds what a source has and the database lacks.
fn add(transaction: &Transaction<'_>, attached: &Attached) -> Result<Added, Error> {
    let Attached { source, name } = attached;
    let adding = || -> Result<Added, Error> {
        let (mut runs, mut trials, mut rows) = (Counts::default(), Counts::default(), Counts::default());
        let mut runs_completed = 0;
        let has_known_runs = has_known_runs(transaction, name).map_err(failed(MERGING))?;
        for table in TABLES {
            let columns = columns(transaction, &table, name)?;
            // Most of the time goes into looking for rows that are there: those of runs that are not cannot be.
            let may_be_there = has_known_runs || table.part_of == PartOf::None;
            let mut completed = 0;
            if may_be_there {
                refuse_at_odds(transaction, attached, &table, &columns)?;
                completed = complete(transaction, name, table.name)?;
            }
            let counts =
                insert(transaction, name, &table, &columns, may_be_there).map_err(failed(MERGING))?;
            rows.added += counts.added;
            rows.already_there += counts.already_there;
            match table.name {
                "runs" => (runs, runs_completed) = (counts, completed),
                "trials" => trials = counts,
                _ => {}
            }
        }
        let (path, kind, schema) = (source.named.display().to_string(), source.kind, source.schema);
        Ok(Added { path, kind, schema, runs, runs_completed, trials, rows })
    };
    adding().map_err(|error| match error {
        at_odds @ Error::RunAtOdds { .. } => at_odds,
        other => refused(&source.named, other),
    })
}

fn has_known_runs(transaction: &Transaction<'_>, name: &str) -> duckdb::Result<bool> {
    let sql = format!(
        "select exists (select 1 from {name}.main.runs where id in (select id from {INTO}.main.runs))"
    );
    transaction.query_row(&sql, [], |row| row.get(0))
}

/// The columns of a table, which a source must have like the database.
fn columns(transaction: &Transaction<'_>, table: &Table, name: &str) -> Result<Vec<String>, Error> {
    let of = |database: &str| -> Result<Vec<String>, Error> {
        let sql = "select column_name from system.main.duckdb_columns() \
                   where database_name = ? and schema_name = 'main' and table_name = ? order by column_index";
        let read = || {
            let mut statement = transaction.prepare(sql)?;
            statement
                .query_map(params![database, table.name], |row| row.get(0))?
                .collect::<duckdb::Result<_>>()
        };
        read().map_err(failed("reading its tables"))
    };
    let (ours, theirs) = (of(INTO)?, of(name)?);
    match ours.iter().find(|column| !theirs.contains(column)) {
        Some(missing) => Err(Error::ForeignDatabase {
            path: PathBuf::new(),
            found: format!("its table {} has no column {missing}, so Parallax did not write it", table.name),
        }),
        None => Ok(ours.into_iter().map(|column| format!("\"{column}\"")).collect()),
    }
}

/// Refuses a row of a run that is here with other contents. What one copy does not say is no other content: a run that had not
/// ended says less, and so does a public export.
fn refuse_at_odds(
    transaction: &Transaction<'_>,
    attached: &Attached,
    table: &Table,
    columns: &[String],
) -> Result<(), Error> {
    let run = match table.part_of {
        // Their keys are digests of what they hold.
        PartOf::None => return Ok(()),
        PartOf::Itself => "theirs.id".to_owned(),
        PartOf::Run => "theirs.run_id".to_owned(),
        PartOf::Trial => {
            format!("(select run_id from {}.main.trials where id = theirs.trial_id)", attached.name)
        }
    };
    let compared = public::kept(table.name).unwrap_or_else(|| columns.to_vec());
    let differ = compared.iter().filter(|column| !table.key.contains(&column.trim_matches('"')));
    let mut differ: Vec<String> = differ.map(|column| format!("ours.{column} <> theirs.{column}")).collect();
    if table.name == "runs" {
        let ended = "ours.state <> 'running' and theirs.state <> 'running'";
        differ.push(format!(
            "({ended} and (ours.state <> theirs.state or ours.finished_at <> theirs.finished_at))"
        ));
    }
    if differ.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "select ({run})::varchar from {}.main.{} as theirs join {INTO}.main.{} as ours on {} where {} limit 1",
        attached.name,
        table.name,
        table.name,
        table.same_row("ours", "theirs"),
        differ.join(" or ")
    );
    let find = || -> duckdb::Result<Option<String>> {
        transaction.prepare(&sql)?.query_map([], |row| row.get(0))?.next().transpose()
    };
    match find().map_err(failed("comparing what is there already"))? {
        Some(run) => Err(Error::RunAtOdds { run, path: attached.source.named.clone(), table: table.name }),
        None => Ok(()),
    }
}

/// Takes over how runs ended that had not where they were copied, and gives the number of rows.
fn complete(transaction: &Transaction<'_>, name: &str, table: &str) -> Result<usize, Error> {
    let Some((_, columns, when)) = COMPLETED.iter().find(|(completed, ..)| *completed == table) else {
        return Ok(0);
    };
    let key = TABLES.iter().find(|known| known.name == table).map(|known| known.same_row("ours", "theirs"));
    let set: Vec<String> = columns.iter().map(|column| format!("{column} = theirs.{column}")).collect();
    let sql = format!(
        "update {INTO}.main.{table} as ours set {} from {name}.main.{table} as theirs where {} and {when}",
        set.join(", "),
        key.unwrap_or_default()
    );
    transaction.execute(&sql, []).map_err(failed(MERGING))
}

/// Inserts the rows that are not there yet.
fn insert(
    transaction: &Transaction<'_>,
    name: &str,
    table: &Table,
    columns: &[String],
    may_be_there: bool,
) -> duckdb::Result<Counts> {
    let (columns, table_name) = (columns.join(", "), table.name);
    let all: usize =
        transaction
            .query_row(&format!("select count(*) from {name}.main.{table_name}"), [], |row| row.get(0))?;
    let new = match may_be_there {
        true => format!(
            " where not exists (select 1 from {INTO}.main.{table_name} as ours where {})",
            table.same_row("ours", "theirs")
        ),
        false => String::new(),
    };
    let sql = format!(
        "insert into {INTO}.main.{table_name} ({columns}) select {columns} from {name}.main.{table_name} as theirs{new}"
    );
    let added = transaction.execute(&sql, [])?;
    Ok(Counts { added, already_there: all - added })
}
