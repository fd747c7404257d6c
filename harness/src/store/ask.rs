//! Queries in the user's own words: read with nothing that can write, or changed in one transaction that keeps the tables.

mod cells;

use std::collections::BTreeSet;
use std::path::Path;

use duckdb::Connection;
use duckdb::core::{LogicalTypeHandle, LogicalTypeId};

use super::file::OpenFile;
use super::statements::first_words;
use super::{Store, open};
use crate::error::Error;
use crate::rows::answer::Answer;

/// Words that begin statements about transactions: a query that changes something runs in one of ours.
const OF_TRANSACTIONS: [&str; 7] = ["begin", "start", "commit", "end", "rollback", "abort", "checkpoint"];

/// What the tables are, a line for each part: the table, and what of it. Of statements that change rows it stays the same.
const STRUCTURE: &str = "
    select table_name, 'column ' || column_name || ' ' || data_type || if(is_nullable, '', ' not null')
        from system.main.duckdb_columns() where not internal and database_name <> 'temp'
    union all
    select table_name, 'constraint ' || constraint_text
        from system.main.duckdb_constraints() where database_name <> 'temp' and constraint_type <> 'NOT NULL'
    union all
    select table_name, 'index ' || index_name from system.main.duckdb_indexes()";

/// A database that is open for reading alone.
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens the database at `path` for reading, brought up to date before.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn open(path: &Path) -> Result<Reader, Error> {
        // Tables are brought up to date, and views made, by what can write.
        drop(Store::open_existing(path)?);
        Ok(Reader { connection: open::read_only(path)? })
    }

    /// The rows of a query; of several, all run, and the rows are the last one's.
    ///
    /// # Errors
    /// When it is not right, or changes something.
    pub fn ask(&self, sql: &str) -> Result<Answer, Error> {
        answer(&self.connection, sql)
    }
}

impl Store {
    /// The rows of a query that may change rows of tables, but nothing of what the tables are. All of it is kept, or nothing.
    ///
    /// # Errors
    /// When it is not right, or something but Parallax's tables would be there afterwards.
    pub fn change(&mut self, sql: &str) -> Result<Answer, Error> {
        let of_transactions =
            first_words(sql).into_iter().find(|word| OF_TRANSACTIONS.contains(&word.as_str()));
        if let Some(word) = of_transactions {
            let message =
                format!("all of it is one transaction, to which {word} does not belong: leave it out");
            return Err(Error::QueryWrong { message });
        }
        self.check_file()?;
        let path = match &self.file {
            OpenFile::Memory => Path::new(":memory:").to_owned(),
            OpenFile::File { path, .. } => path.clone(),
        };
        let transaction = self.connection.transaction().map_err(super::failed("beginning to change it"))?;
        let before = structure(&transaction)?;
        // What is not committed is rolled back as the transaction is dropped.
        let answered = answer(&transaction, sql)?;
        if let Some(found) = difference(&before, &structure(&transaction)?) {
            return Err(Error::QueryTakenBack { found });
        }
        open::trust(&transaction, &path).map_err(|error| match error {
            Error::ForeignDatabase { found, .. } => Error::QueryTakenBack { found },
            other => other,
        })?;
        transaction.commit().map_err(super::failed("keeping the changes"))?;
        Ok(answered)
    }
}

/// The rows of the last of some statements.
fn answer(connection: &Connection, sql: &str) -> Result<Answer, Error> {
    if first_words(sql).is_empty() {
        let message = "it holds no statement; write one, as in select * from results".to_owned();
        return Err(Error::QueryWrong { message });
    }
    let mut statement = connection.prepare(sql).map_err(refused)?;
    let mut rows = statement.query([]).map_err(refused)?;
    let Some(executed) = rows.as_ref() else { return Ok(Answer { columns: vec![], rows: vec![] }) };
    let columns = executed.column_names();
    let types: Vec<LogicalTypeHandle> =
        (0..columns.len()).map(|at| executed.column_logical_type(at)).collect();
    if let Some((name, _)) = columns.iter().zip(&types).find(|(_, kind)| !is_readable(kind)) {
        let message =
            format!("values of column {name} cannot be shown as they are: cast them, as in {name}::varchar");
        return Err(Error::QueryWrong { message });
    }
    let mut answer = Answer { columns, rows: Vec::new() };
    while let Some(row) = rows.next().map_err(refused)? {
        let cells = (0..).zip(&types).map(|(at, kind)| Ok(cells::of(row.get(at)?, kind)));
        answer.rows.push(cells.collect::<duckdb::Result<_>>().map_err(refused)?);
    }
    Ok(answer)
}

/// Returns whether DuckDB's crate has values of a type, and of all types in it.
fn is_readable(kind: &LogicalTypeHandle) -> bool {
    use LogicalTypeId::{Array, Bignum, Bit, List, Map, Struct, TimeNs, TimeTZ, Union, Unsupported, Variant};
    match kind.id() {
        TimeTZ | TimeNs | Bignum | Bit | Variant | Unsupported => false,
        List | Array | Struct | Map | Union => {
            (0..kind.num_children()).all(|at| is_readable(&kind.child(at)))
        }
        _ => true,
    }
}

/// Turns DuckDB's message about a query into ours.
fn refused(error: duckdb::Error) -> Error {
    let message = error.to_string();
    match message.contains("read-only mode") {
        true => Error::QueryWrites,
        false => Error::QueryWrong { message },
    }
}

/// The parts of all tables, each with its table.
type Structure = BTreeSet<(String, String)>;

fn structure(connection: &Connection) -> Result<Structure, Error> {
    let read = || -> duckdb::Result<Structure> {
        let mut statement = connection.prepare(STRUCTURE)?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    let mut parts = read().map_err(super::failed("looking at its tables"))?;
    let version = "select coalesce(max(version), 0)::varchar from schema_version";
    let version = connection.query_row(version, [], |row| row.get(0)).unwrap_or_default();
    parts.insert(("schema_version".to_owned(), version));
    Ok(parts)
}

/// What is another about tables that were there before; tables that are new are no difference.
fn difference(before: &Structure, after: &Structure) -> Option<String> {
    let tables: BTreeSet<&String> = before.iter().map(|(table, _)| table).collect();
    let gone =
        before.difference(after).next().map(|(table, part)| format!("table {table} would lose its {part}"));
    let mut new = after.difference(before).filter(|(table, _)| tables.contains(table));
    gone.or_else(|| new.next().map(|(table, part)| format!("table {table} would get a {part}")))
}

#[cfg(test)]
mod tests;
