//! Failures that an executor reports itself.

use serde::{Deserialize, Serialize};

/// A reason why a job could not be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which word it gets. Named apart from the tag of an answer, which is `kind`.
    #[serde(rename = "failure")]
    pub kind: FailureKind,
    /// The message: what failed, where, and what to do.
    pub message: String,
}

/// The failures an executor can report itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// An operator, type or limit that this engine lacks.
    Unsupported,
    /// No such device or library here.
    Unavailable,
    /// The device went away.
    DeviceLost,
    /// Anything else, bad input included.
    Error,
}
