//! How work outside this process fails: it is not here, it dies, or it never answers.

use std::time::Duration;

use protocol::Verdict;

/// Why a session ended, or never began.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No answer in time.
    #[error("no answer within {} s", limit.as_secs_f64())]
    Timeout {
        /// The time allowed.
        limit: Duration,
    },
    /// The browser, tab or subprocess died.
    #[error("{message}")]
    Crash {
        /// The message: what died and what it said last.
        message: String,
    },
    /// There is no such browser, driver or runner here.
    #[error("{reason}; {remedy}")]
    Unavailable {
        /// The reason: what was found instead.
        reason: String,
        /// One line on how to get it.
        remedy: String,
    },
}

impl Fault {
    /// Returns whether it is not here at all, so that no other session would have it.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Fault::Unavailable { .. })
    }

    /// The word that a case gets when its session ends like this.
    pub fn verdict(&self) -> Verdict {
        match self {
            Fault::Timeout { .. } => Verdict::Timeout,
            Fault::Crash { .. } => Verdict::Crash,
            Fault::Unavailable { .. } => Verdict::Unavailable,
        }
    }
}
