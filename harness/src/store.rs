//! The database: every trial of every run, each committed before the next begins. The harness is its one writer.

mod conformance;
mod migrate;
mod open;
mod read;
mod write;

use std::path::Path;
use std::time::SystemTime;

use duckdb::Connection;

use crate::error::Error;
use crate::event::{Event, Listener};

pub use conformance::{TargetBegun, TargetEnded};

/// An open database, brought up to date.
pub struct Store {
    connection: Connection,
}

/// The number of a run in the store.
pub type RunId = i64;

/// What a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// Models on targets.
    Sweep,
    /// What is here.
    Detect,
    /// The ONNX project's node tests on targets.
    Conformance,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It goes on, or was killed.
    Running,
    /// It came to its end.
    Finished,
    /// The user stopped it.
    Interrupted,
}

impl Store {
    /// Opens the database at `path`, makes it if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// When the file is not a database, is another program's, is newer than this program, or is held by
    /// another process. The file is then left as it was.
    pub fn open(path: &Path) -> Result<Store, Error> {
        let mut connection = open::connect(path)?;
        migrate::up_to_date(&mut connection, path)?;
        Ok(Store { connection })
    }
}

/// Writes what a sweep tells into the store as it happens.
pub struct Recorder<'a> {
    store: &'a mut Store,
    run: Option<RunId>,
}

impl<'a> Recorder<'a> {
    /// A recorder that has heard nothing.
    pub fn new(store: &'a mut Store) -> Recorder<'a> {
        Recorder { store, run: None }
    }

    /// The run it records, once one has started.
    pub fn run(&self) -> Option<RunId> {
        self.run
    }

    fn finish(&mut self, interrupted: bool, at: SystemTime) -> Result<(), Error> {
        let state = if interrupted { RunState::Interrupted } else { RunState::Finished };
        self.run.map_or(Ok(()), |run| self.store.finish_run(run, state, at))
    }
}

impl Listener for Recorder<'_> {
    fn hear(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event {
            Event::RunStarted { at, .. } => self.run = Some(self.store.begin_run(RunKind::Sweep, *at)?),
            Event::SessionOpening(_) | Event::CaseStarted(_) => {}
            Event::CaseFinished(trial) => {
                if let Some(run) = self.run {
                    self.store.add_trial(run, trial)?;
                }
            }
            Event::RunFinished { interrupted, at } => self.finish(*interrupted, *at)?,
        }
        Ok(())
    }
}

impl RunKind {
    fn name(self) -> &'static str {
        match self {
            RunKind::Sweep => "sweep",
            RunKind::Detect => "detect",
            RunKind::Conformance => "conformance",
        }
    }
}

impl RunState {
    fn name(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Finished => "finished",
            RunState::Interrupted => "interrupted",
        }
    }
}

/// Names what the database was doing when it failed.
fn failed(doing: &'static str) -> impl Fn(duckdb::Error) -> Error {
    move |source| Error::Store { doing, source }
}

#[cfg(test)]
mod tests;
