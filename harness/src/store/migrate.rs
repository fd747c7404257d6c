//! Brings a database's tables up to date, one numbered step at a time.

use std::path::Path;

use duckdb::{Connection, params};

use super::failed;
use crate::error::Error;

/// Every step, in order; a step that was released is never changed. The first is version 1.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/001_initial.sql"),
    include_str!("migrations/002_conformance.sql"),
    include_str!("migrations/003_where_errors_are.sql"),
    include_str!("migrations/004_intervals.sql"),
    include_str!("migrations/005_keys.sql"),
    include_str!("migrations/006_decisions.sql"),
    include_str!("migrations/007_taken_away.sql"),
    include_str!("migrations/008_tunings.sql"),
];

/// The version that this program writes.
pub const KNOWN: i64 = MIGRATIONS.len() as i64;

/// The version of a database that has tables and lacks steps; none of others.
pub fn earlier(connection: &Connection, path: &Path) -> Result<Option<i64>, Error> {
    let found = version(connection, path)?;
    Ok(Some(found).filter(|found| (1..KNOWN).contains(found)))
}

/// Makes the tables of a new database as the version wrote them that knew so many steps.
pub fn as_of(schema: i64, connection: &mut Connection) -> duckdb::Result<()> {
    let mut steps = MIGRATIONS.iter().zip(1..).take_while(|(_, number)| *number <= schema);
    steps.try_for_each(|(step, number)| apply(connection, number, step))
}

/// Applies the steps that the database lacks.
pub fn up_to_date(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let found = version(connection, path)?;
    if found > KNOWN {
        return Err(Error::DatabaseNewer { path: path.to_owned(), found, known: KNOWN });
    }
    let changing = failed("bringing the tables up to date");
    for (step, number) in MIGRATIONS.iter().zip(1..).filter(|(_, number)| *number > found) {
        apply(connection, number, step).map_err(&changing)?;
    }
    // DuckDB 1.5 cannot replay a log that adds columns to such tables: after a crash it would be lost, and all after it.
    if found < KNOWN { connection.execute_batch("checkpoint").map_err(&changing) } else { Ok(()) }
}

fn apply(connection: &mut Connection, number: i64, step: &str) -> duckdb::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch("create table if not exists schema_version (version bigint not null)")?;
    transaction.execute_batch(step)?;
    transaction.execute("insert into schema_version values (?)", params![number])?;
    transaction.commit()
}

/// The number of the last step that the database has seen; 0 for an empty one.
pub fn version(connection: &Connection, path: &Path) -> Result<i64, Error> {
    let tables = tables(connection).map_err(failed("listing its tables"))?;
    let foreign = |found: String| Error::ForeignDatabase { path: path.to_owned(), found };
    match tables.iter().any(|table| table == "schema_version") {
        true => connection
            .query_row("select coalesce(max(version), 0)::bigint from schema_version", [], |row| row.get(0))
            .map_err(|error| foreign(format!("its table schema_version is another's ({error})"))),
        false if tables.is_empty() => Ok(0),
        false => Err(foreign(format!("it holds {}", tables.join(", ")))),
    }
}

fn tables(connection: &Connection) -> duckdb::Result<Vec<String>> {
    let sql = "select table_name from system.main.duckdb_tables() where not internal order by table_name";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// A database as the version wrote it that knew so many steps.
#[cfg(test)]
pub(super) fn up_to(steps: usize, path: &Path) {
    as_of(i64::try_from(steps).unwrap(), &mut Connection::open(path).unwrap()).unwrap();
}
