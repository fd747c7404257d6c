//! The database: every trial of every run, each committed before the next begins. The harness is its one writer.

mod ask;
mod backup;
mod bulk;
mod conformance;
mod divergence;
mod file;
mod load;
mod measurements;
mod merge;
mod migrate;
mod open;
mod page;
mod parquet;
mod parts;
mod probe;
mod product;
mod profile;
mod prune;
mod public;
mod read;
mod runs;
mod shards;
mod source;
mod statements;
mod surroundings;
pub mod tables;
mod tuning;
mod write;

use std::fmt;
use std::path::Path;

use duckdb::Connection;
use duckdb::types::{ToSql, ToSqlOutput};
use serde::Serialize;

use crate::error::Error;
use crate::event::{Event, Listener};
use crate::part::Part;
use file::OpenFile;

pub use ask::Reader;
pub use bulk::WholeRun;
pub use conformance::{TargetBegun, TargetEnded};
pub use measurements::Wanted;
pub use merge::merge;
pub use page::SweepRun;
pub use parquet::write::{Selection, export};
pub use prune::Choice;

/// An open database, brought up to date.
pub struct Store {
    connection: Connection,
    file: OpenFile,
}

/// A run in the store: a UUID of version 7, which sorts by time and stays what it is where databases are merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RunId(String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ToSql for RunId {
    fn to_sql(&self) -> duckdb::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

/// The subject of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// Models on targets.
    Sweep,
    /// The browsers and engines that are here.
    Detect,
    /// What the adapters of targets could do at most.
    Probe,
    /// The ONNX project's node tests on targets.
    Conformance,
    /// Matrix products in browsers.
    BenchMatmul,
    /// A model with every dispatch timed.
    Profile,
    /// A model on two targets with every value kept.
    Diverge,
    /// The variants of kernels on targets.
    Tune,
}

impl Store {
    /// Opens the database at `path`, makes it if it is not there, and brings its tables up to date, with a copy of what they
    /// were beside it.
    ///
    /// # Errors
    /// When the file is not a database, is another program's, is newer than this program, or is held by
    /// another process. The file is then left as it was.
    pub fn open(path: &Path) -> Result<Store, Error> {
        let mut connection = open::connect(path)?;
        if let Some(schema) = migrate::earlier(&connection, path)? {
            // A file is copied as it lies there only once nobody has it open.
            drop(connection);
            backup::make(path, schema)?;
            connection = open::connect(path)?;
        }
        let file = OpenFile::at(path);
        migrate::up_to_date(&mut connection, path)?;
        for views in [include_str!("store/views.sql"), include_str!("store/analysts.sql")] {
            connection.execute_batch(views).map_err(failed("making its views"))?;
        }
        Ok(Store { connection, file })
    }
}

impl Store {
    /// Opens the database at `path` as [`Store::open`] does, but makes none: who asks for results mistyped its name.
    ///
    /// # Errors
    /// When it is not there, and those of [`Store::open`].
    pub fn open_existing(path: &Path) -> Result<Store, Error> {
        // What cannot be looked at is for opening to explain.
        match path.try_exists() {
            Ok(false) => Err(Error::NoDatabase { path: path.to_owned() }),
            Ok(true) | Err(_) => Store::open(path),
        }
    }

    /// A second connection to the same database, to read beside a run that writes into it.
    ///
    /// # Errors
    /// When the database gives none.
    pub fn another(&self) -> Result<Store, Error> {
        let connection = self.connection.try_clone().map_err(failed("opening a second connection"))?;
        Ok(Store { connection, file: self.file.clone() })
    }

    /// The file of the database; none where it is in memory.
    pub fn path(&self) -> Option<&Path> {
        match &self.file {
            OpenFile::Memory => None,
            OpenFile::File { path, .. } => Some(path),
        }
    }
}

/// Writes what a sweep tells into the store as it happens.
pub struct Recorder<'a> {
    store: &'a mut Store,
    part: Option<&'a Part>,
    run: Option<RunId>,
    controls: u32,
}

impl<'a> Recorder<'a> {
    /// A recorder that has heard nothing.
    pub fn new(store: &'a mut Store) -> Recorder<'a> {
        Recorder { store, part: None, run: None, controls: 0 }
    }

    /// A recorder that notes which part of a plan its run is.
    pub fn of_part(self, part: &'a Part) -> Recorder<'a> {
        Recorder { part: Some(part), ..self }
    }

    /// The run it records, once one has started.
    pub fn run(self) -> Option<RunId> {
        self.run
    }
}

impl Listener for Recorder<'_> {
    fn hear(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match (event, &self.run) {
            (Event::RunStarted { at, .. }, _) => {
                self.run = Some(match self.part {
                    None => self.store.begin_run(RunKind::Sweep, *at)?,
                    Some(part) => self.store.begin_sweep(part, *at)?,
                });
                Ok(())
            }
            // What cannot be kept is not measured.
            (Event::CaseStarted(_), _) => self.store.check_file(),
            (Event::SessionOpening(_), _) | (_, None) => Ok(()),
            (Event::SessionOpened { kind, number, opening }, Some(run)) => {
                self.store.add_session(run, *number, kind, *opening)
            }
            (Event::SessionClosed { number, took_ms }, Some(run)) => {
                self.store.close_session(run, *number, *took_ms)
            }
            (Event::Controlled { times_ms, at, concurrency }, Some(run)) => {
                self.controls += 1;
                self.store.add_control(run, self.controls - 1, (times_ms, *at, *concurrency))
            }
            (Event::CaseFinished(trial), Some(run)) => self.store.add_trial(run, trial),
            (Event::RunFinished { end, at }, Some(run)) => self.store.finish_run(run, end, *at),
        }
    }
}

impl RunKind {
    fn name(self) -> &'static str {
        match self {
            RunKind::Sweep => "sweep",
            RunKind::Detect | RunKind::Probe => "detect",
            RunKind::Conformance => "conformance",
            RunKind::BenchMatmul => "bench-matmul",
            RunKind::Profile | RunKind::Tune => "profile",
            RunKind::Diverge => "diverge",
        }
    }
}

/// Names what the database was doing when it failed.
fn failed(doing: &'static str) -> impl Fn(duckdb::Error) -> Error {
    move |source| Error::Store { doing, source }
}

#[cfg(test)]
mod tests;
