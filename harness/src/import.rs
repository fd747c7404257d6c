//! `parallax import`: takes results from files into the database, record by record. It measures and judges nothing.

mod document;
mod identity;
mod sweep;
mod units;

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::cli::ImportArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::report::{self, imported};
use crate::rows::arrival::Arrival;
use crate::rows::imported::{Imported, ImportedFile, Skipped};
use crate::screen;
use crate::store::Store;

/// Runs `parallax import`.
///
/// # Errors
/// When the database cannot be used. What a file has wrong is a row.
pub fn run(args: &ImportArgs) -> Result<Exit, Error> {
    let mut store = Store::open(&args.output.db)?;
    let mut files = Vec::new();
    let mut readable = 0;
    for path in &args.files {
        let file = path.display().to_string();
        files.push(match read(path) {
            Ok(found) => {
                readable += 1;
                taken_in(&mut store, path, found, file)?
            }
            Err(reason) => {
                let skipped = vec![Skipped { at: String::new(), reason }];
                ImportedFile { file, skipped, ..ImportedFile::default() }
            }
        });
    }
    let imported = Imported { files };
    screen::print(&if args.output.json { report::document(&imported) } else { imported::render(&imported) })?;
    let is_whole = imported.files.iter().all(|file| file.skipped.is_empty());
    Ok(match (readable, is_whole) {
        (0, _) => Exit::BadRequest,
        (_, true) => Exit::Success,
        (_, false) => Exit::GateFailed,
    })
}

/// What a document holds: the runs that are right, and what is not.
#[derive(Debug, Default, PartialEq)]
struct Found {
    runs: Vec<Arrival>,
    skipped: Vec<Skipped>,
}

/// Adds what a file holds to the store.
fn taken_in(store: &mut Store, path: &Path, found: Found, file: String) -> Result<ImportedFile, Error> {
    // The folder says nothing of the results, and may name who keeps them.
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let mut loaded = store.load(&name, &found.runs)?;
    let skipped = found.skipped.into_iter().chain(std::mem::take(&mut loaded.skipped)).collect();
    Ok(ImportedFile { file, skipped, ..loaded })
}

fn read(path: &Path) -> Result<Found, String> {
    let bytes = fs::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
    let document: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("it is no JSON: {error}"))?;
    if document.get("parallax_import").is_some() {
        document::found(document)
    } else if document.get("run").is_some() && document.get("cases").is_some() {
        sweep::found(document)
    } else {
        Err("it is neither what docs/schemas/import.schema.json describes, with \"parallax_import\": 1, nor what \
             `parallax sweep --json` printed"
            .to_owned())
    }
}

/// A time of a document.
fn time(name: &str, text: &str) -> Result<SystemTime, String> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|error| {
        format!("{name} is \"{text}\", which is no time: {error}; write it as in 2026-06-01T12:00:00Z")
    })?;
    match time.timestamp() {
        0.. => Ok(SystemTime::from(DateTime::<Utc>::from(time))),
        _ => Err(format!("{name} is \"{text}\", which is before 1970")),
    }
}

#[cfg(test)]
mod tests;
