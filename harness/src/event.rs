//! Events of a sweep, told as they happen. Whoever listens knows nothing of browsers.

use std::time::SystemTime;

use crate::case::Case;
use crate::error::Error;
use crate::lane::Completion;
use crate::session::{Opening, SessionKind};
use crate::trial::Trial;

/// Something that happened in a sweep.
#[derive(Debug)]
pub enum Event<'a> {
    /// The matrix is known; nothing has run.
    RunStarted {
        /// How many turns of cases are to come, at least.
        turns: usize,
        /// When.
        at: SystemTime,
    },
    /// A browser or a native runner is being started.
    SessionOpening(&'a SessionKind),
    /// It was started.
    SessionOpened {
        /// What it is.
        kind: &'a SessionKind,
        /// Its number in the run, from 1.
        number: u32,
        /// How long that took.
        opening: Opening,
    },
    /// A session was ended.
    SessionClosed {
        /// Its number in the run.
        number: u32,
        /// How long that took, in milliseconds.
        took_ms: f64,
    },
    /// The drift control was timed.
    Controlled {
        /// Milliseconds of each repetition.
        times_ms: &'a [f64],
        /// When.
        at: SystemTime,
        /// Jobs that ran at the same time, itself included.
        concurrency: u32,
    },
    /// A case begins.
    CaseStarted(&'a Case),
    /// A case ended.
    CaseFinished(&'a Trial),
    /// No more cases follow.
    RunFinished {
        /// How.
        end: &'a RunEnd,
        /// When.
        at: SystemTime,
    },
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// All of it was done.
    Finished,
    /// The user stopped it.
    Interrupted,
    /// It could not go on, and why.
    Failed(String),
}

impl RunEnd {
    /// The end that a lane, or what was done with its answers, came to.
    pub fn of(ended: Result<Completion, &Error>) -> RunEnd {
        match ended {
            Ok(Completion::Complete) => RunEnd::Finished,
            Ok(Completion::Interrupted) => RunEnd::Interrupted,
            Err(error) => RunEnd::Failed(error.to_string()),
        }
    }

    /// The word for it in the store.
    pub fn state(&self) -> &'static str {
        match self {
            RunEnd::Finished => "finished",
            RunEnd::Interrupted => "interrupted",
            RunEnd::Failed(_) => "failed",
        }
    }

    /// Why it failed.
    pub fn message(&self) -> Option<&str> {
        match self {
            RunEnd::Failed(message) => Some(message),
            RunEnd::Finished | RunEnd::Interrupted => None,
        }
    }
}

/// Hears every event of a sweep, in order.
pub trait Listener {
    /// Takes one event in.
    ///
    /// # Errors
    /// A listener that cannot do its part stops the sweep: no result is lost unseen.
    fn hear(&mut self, event: &Event<'_>) -> Result<(), Error>;
}
