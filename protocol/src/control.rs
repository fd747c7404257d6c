//! The drift control: a fixed piece of work on the processor, the same in every run. When it takes longer, it is the machine
//! that is slower, and not what is measured.

use serde::{Deserialize, Serialize};

/// The times of the drift control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlReport {
    /// Milliseconds of each repetition, in the order taken.
    pub times_ms: Vec<f64>,
}
