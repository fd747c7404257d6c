//! What a sweep tells as it happens. Whoever listens knows nothing of browsers.

use std::time::SystemTime;

use crate::case::Case;
use crate::error::Error;
use crate::session::Place;
use crate::trial::Trial;

/// Something that happened in a sweep.
#[derive(Debug)]
pub enum Event<'a> {
    /// The matrix is known; nothing has run.
    RunStarted {
        /// Every case that will end as a row.
        cases: &'a [Case],
        /// When.
        at: SystemTime,
    },
    /// A browser or a native runner is being started.
    SessionOpening(&'a Place),
    /// A case begins.
    CaseStarted(&'a Case),
    /// A case ended.
    CaseFinished(&'a Trial),
    /// No more cases follow.
    RunFinished {
        /// Whether the user stopped it.
        interrupted: bool,
        /// When.
        at: SystemTime,
    },
}

/// Hears every event of a sweep, in order.
pub trait Listener {
    /// Takes one event in.
    ///
    /// # Errors
    /// A listener that cannot do its part stops the sweep: no result is lost unseen.
    fn hear(&mut self, event: &Event<'_>) -> Result<(), Error>;
}
