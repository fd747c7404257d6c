//! Reasons why a graph has no plan, or a tensor no encoding.

/// Refusals of [`crate::plan()`] and [`crate::transfer`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each field is")]
pub enum Error {
    #[error("node \"{node}\" ({operator}): {reason}")]
    Unsupported { node: String, operator: String, reason: String },
    #[error(
        "{place} needs a {limit} of {wanted}, and this adapter offers {available}; ask the device for \
         more, or use a smaller batch or sequence"
    )]
    Limit { place: String, limit: &'static str, wanted: u64, available: u64 },
    #[error("node \"{node}\": {reason}; the graph breaks its own invariants")]
    Malformed { node: String, reason: String },
    #[error(
        "a tensor of type {tensor_type} holds {value} at element {index}, and its integers have 32 bits on the device"
    )]
    OutOfRange { tensor_type: String, index: usize, value: i64 },
    #[error(
        "input \"{port}\" holds {value}, and the plan relies on {least} to {most}, as in the inputs given when it was \
         made; plan again with these"
    )]
    OutOfBounds { port: String, value: i64, least: i64, most: i64 },
    #[error("row {row} of the tuning table: {reason}")]
    Tuning { row: String, reason: &'static str },
    #[error("a weight cannot be made: {reason}")]
    Weight { reason: String },
    #[error("output \"{port}\" ({tensor_type}) needs {wanted} bytes, and {available} came back")]
    ShortOutput { port: String, tensor_type: String, wanted: usize, available: usize },
}

impl Error {
    /// Returns whether this device cannot run the graph (an operator, type or limit), rather than something being
    /// wrong.
    pub fn is_unsupported(&self) -> bool {
        match self {
            Error::Unsupported { .. } | Error::Limit { .. } | Error::OutOfRange { .. } => true,
            Error::OutOfBounds { .. }
            | Error::Malformed { .. }
            | Error::Tuning { .. }
            | Error::Weight { .. }
            | Error::ShortOutput { .. } => false,
        }
    }
}
