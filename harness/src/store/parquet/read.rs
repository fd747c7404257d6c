//! Reads an export back into a database. Its files may be anybody's: only plain files where they belong are read, and what they hold
//! has to fit the tables.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use duckdb::Connection;

use super::{Listed, MANIFEST, Manifest, stranger};
use crate::error::Error;
use crate::store::{failed, migrate, open};

/// Longest list of tables that is read.
const LONGEST_MANIFEST_BYTES: u64 = 1 << 20;

const TARGET: &str = "target";

/// Makes a database at `database`, which is not there yet, of the export in `folder`, as its version has it.
///
/// # Errors
/// When the folder is no export, is newer than this program, or is not as its manifest says.
pub fn into_database(folder: &Path, database: &Path) -> Result<Manifest, Error> {
    let manifest = manifest(folder)?;
    let files = manifest.tables.iter().map(|table| files(folder, &table.name));
    let files = files.collect::<io::Result<Vec<_>>>().map_err(|error| wrong(folder, error.to_string()))?;
    let mut made = Connection::open(database).map_err(failed(READING))?;
    migrate::as_of(manifest.schema, &mut made).map_err(failed(READING))?;
    drop(made);
    let folder_itself = fs::canonicalize(folder).map_err(|error| wrong(folder, error.to_string()))?;
    let connection = open::reaching(&[database], &[&folder_itself], &database.with_added_extension("tmp"))?;
    let attach = format!("attach {} as {TARGET}", open::quoted(database)?);
    connection.execute_batch(&attach).map_err(failed(READING))?;
    for (table, files) in manifest.tables.iter().zip(&files) {
        let files = files.iter().map(|file| folder_itself.join(file)).collect::<Vec<_>>();
        load(&connection, table, &files)
            .map_err(|message| wrong(folder, format!("{}: {message}", table.name)))?;
    }
    connection.execute_batch(&format!("detach {TARGET}")).map_err(failed(READING))?;
    Ok(manifest)
}

const READING: &str = "reading an export";

fn manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST);
    let no_export = |why: String| wrong(folder, format!("it is no export of Parallax: {MANIFEST} {why}"));
    let metadata =
        fs::symlink_metadata(&path).map_err(|error| no_export(format!("cannot be read: {error}")))?;
    if !metadata.is_file() || metadata.len() > LONGEST_MANIFEST_BYTES {
        return Err(no_export("is not a small file".to_owned()));
    }
    let text = fs::read_to_string(&path).map_err(|error| no_export(format!("cannot be read: {error}")))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| no_export(format!("is not right: {error}")))?;
    match manifest.schema {
        newer if newer > migrate::KNOWN => {
            Err(Error::DatabaseNewer { path: folder.to_owned(), found: newer, known: migrate::KNOWN })
        }
        1.. => match stranger(folder).map_err(|error| no_export(error.to_string()))? {
            Some(found) if manifest.schema == migrate::KNOWN => {
                Err(wrong(folder, format!("{} is not of an export", found.display())))
            }
            _ => Ok(manifest),
        },
        _ => Err(no_export(format!("names a version that never was, {}", manifest.schema))),
    }
}

/// The files of a table, seen from the folder: `TABLE.parquet`, and those in `TABLE/month=…/`.
fn files(folder: &Path, table: &str) -> io::Result<Vec<PathBuf>> {
    // A name leads nowhere but into the folder.
    if !table.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
        return Err(io::Error::other(format!("a table is called {table:?}")));
    }
    let whole = PathBuf::from(format!("{table}.parquet"));
    let mut files = Vec::new();
    if is_file(&folder.join(&whole))? {
        files.push(whole);
    }
    let months = folder.join(table);
    if !months.exists() {
        return Ok(files);
    }
    for month in plain(&months, |kind| kind.is_dir())? {
        for file in plain(&months.join(&month), |kind| kind.is_file())? {
            files.push(Path::new(table).join(&month).join(file));
        }
    }
    files.sort();
    Ok(files)
}

fn is_file(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(_) => Err(io::Error::other(format!("{} is not a plain file", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The names in a folder, all of which must be what is expected: a link may lead anywhere.
fn plain(folder: &Path, expected: impl Fn(&fs::FileType) -> bool) -> io::Result<Vec<PathBuf>> {
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Err(io::Error::other(format!("{} is not a plain folder", folder.display())));
    }
    let entries = fs::read_dir(folder)?.map(|entry| {
        let entry = entry?;
        match expected(&entry.file_type()?) {
            true => Ok(PathBuf::from(entry.file_name())),
            false => Err(io::Error::other(format!("{} is not of an export", entry.path().display()))),
        }
    });
    entries.collect()
}

/// Adds the rows of a table's files, and holds their number against the manifest's.
fn load(connection: &Connection, table: &Listed, files: &[PathBuf]) -> Result<(), String> {
    let sql = "select string_agg('\"' || column_name || '\"', ', ' order by column_index) \
               from system.main.duckdb_columns() where database_name = ? and table_name = ?";
    let columns: Option<String> = connection
        .query_row(sql, [TARGET, &table.name], |row| row.get(0))
        .map_err(|error| error.to_string())?;
    let columns = columns.ok_or("its version has no such table")?;
    let mut rows = 0;
    if !files.is_empty() {
        let files = files.iter().map(|file| open::quoted(file)).collect::<Result<Vec<_>, _>>();
        let files = files.map_err(|error| error.to_string())?.join(", ");
        let sql = format!(
            "insert into {TARGET}.main.{} ({columns}) select {columns} \
             from read_parquet([{files}], hive_partitioning = false)",
            table.name
        );
        rows = connection.execute(&sql, []).map_err(|error| error.to_string())?;
    }
    let told = format!("there are {rows} rows, and {MANIFEST} says {}", table.rows);
    if rows == table.rows { Ok(()) } else { Err(told) }
}

fn wrong(folder: &Path, message: String) -> Error {
    Error::SourceRefused { path: folder.to_owned(), message }
}
