//! Sources of a merge, databases and exports from anywhere, each made ready to be attached. None is changed, and none is trusted.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{migrate, open, parquet};
use crate::error::Error;
use crate::rows::merge::SourceKind;
use crate::scratch;

/// A source that can be attached as a database of this version.
#[derive(Debug)]
pub struct Source {
    /// As it was named.
    pub named: PathBuf,
    /// The form it has.
    pub kind: SourceKind,
    /// The version of its tables.
    pub schema: i64,
    /// The database to attach: its own file, or a copy.
    pub database: PathBuf,
    /// Where the copy is; it goes with it.
    _scratch: Option<TempDir>,
}

impl Source {
    /// Looks at what `named` is, and makes it ready.
    ///
    /// # Errors
    /// When it is neither a database of Parallax nor an export, is newer, is held by a process, or holds what is not a table.
    pub fn ready(named: &Path) -> Result<Source, Error> {
        let ready = if named.is_dir() { of_export(named) } else { of_database(named) };
        ready.map_err(|error| refused(named, error))
    }
}

/// Another error, as one of the source it is about: no flag names another file for it.
pub(super) fn refused(named: &Path, error: Error) -> Error {
    let message = match error {
        Error::NotADatabase { .. } => "it is not a DuckDB database".to_owned(),
        Error::ForeignDatabase { found, .. } => found,
        Error::DatabaseHeld { holder, .. } => {
            format!("it is held by another process{holder}; wait for it to end")
        }
        Error::DatabaseNewer { found, known, .. } => {
            format!("a newer Parallax wrote it (schema {found}, this one knows {known}); update Parallax")
        }
        Error::DatabaseUnopened { message, .. } => message,
        Error::Store { source, .. } => source.to_string(),
        already @ Error::SourceRefused { .. } => return already,
        other => other.to_string(),
    };
    Error::SourceRefused { path: named.to_owned(), message }
}

fn of_database(named: &Path) -> Result<Source, Error> {
    let unread = |error: std::io::Error| unread(named, &error.to_string());
    let own = fs::canonicalize(named).map_err(unread)?;
    let looked_at = open::read_only(&own)?;
    let schema = migrate::version(&looked_at, &own)?;
    drop(looked_at);
    match schema {
        0 => return Err(Error::ForeignDatabase { path: own, found: "it holds no tables".to_owned() }),
        newer if newer > migrate::KNOWN => {
            return Err(Error::DatabaseNewer { path: own, found: newer, known: migrate::KNOWN });
        }
        _ => {}
    }
    let log = open::log_of(&own);
    if schema == migrate::KNOWN && !log.exists() {
        return Ok(Source {
            named: named.to_owned(),
            kind: SourceKind::Database,
            schema,
            database: own,
            _scratch: None,
        });
    }
    let scratch = scratch::folder().map_err(unread)?;
    let copy = scratch.path().join("source.duckdb");
    fs::copy(&own, &copy).map_err(unread)?;
    if log.exists() {
        fs::copy(&log, open::log_of(&copy)).map_err(unread)?;
    }
    up_to_date(&copy)?;
    let kind = SourceKind::Database;
    Ok(Source { named: named.to_owned(), kind, schema, database: copy, _scratch: Some(scratch) })
}

fn of_export(named: &Path) -> Result<Source, Error> {
    let scratch = scratch::folder().map_err(|error| unread(named, &error.to_string()))?;
    let database = scratch.path().join("source.duckdb");
    let manifest = parquet::read::into_database(named, &database)?;
    up_to_date(&database)?;
    let kind = if manifest.public { SourceKind::PublicExport } else { SourceKind::Export };
    let schema = manifest.schema;
    Ok(Source { named: named.to_owned(), kind, schema, database, _scratch: Some(scratch) })
}

fn up_to_date(copy: &Path) -> Result<(), Error> {
    let mut connection = open::connect(copy)?;
    migrate::up_to_date(&mut connection, copy)
}

fn unread(named: &Path, message: &str) -> Error {
    Error::SourceRefused { path: named.to_owned(), message: message.to_owned() }
}
