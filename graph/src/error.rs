//! Errors of a model, its side files, its inputs or its operators.

/// A reason why a model cannot be read, specialised or computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant and field is")]
pub enum Error {
    #[error("is not an ONNX model: {reason}; export it again, or copy it again if it was cut off")]
    NotOnnx { reason: String },
    #[error("the ONNX model is not well formed: {reason}")]
    Malformed { reason: String },
    #[error("tensor {tensor:?}: {reason}")]
    BadTensor { tensor: String, reason: String },
    #[error(
        "tensor {tensor:?} keeps its data in {location:?}, which is not a path inside the model's folder; \
         save the model with its external data beside it"
    )]
    ExternalPath { tensor: String, location: String },
    #[error(
        "tensor {tensor:?} needs {length_bytes} bytes from byte {offset_bytes} of {location:?}, \
         which was not found; put that file beside the model"
    )]
    ExternalMissing { tensor: String, location: String, offset_bytes: u64, length_bytes: u64 },
    #[error(
        "tensor {tensor:?} needs {length_bytes} bytes from byte {offset_bytes} of {location:?}, \
         which has only {actual_bytes} bytes; copy or export that file again"
    )]
    ExternalShort {
        tensor: String,
        location: String,
        offset_bytes: u64,
        length_bytes: u64,
        actual_bytes: u64,
    },
    #[error(
        "tensor {tensor:?}: {length_bytes} bytes from byte {offset_bytes} of {location:?} cannot be read: {reason}"
    )]
    ExternalUnread { tensor: String, location: String, offset_bytes: u64, length_bytes: u64, reason: String },
    #[error(
        "node {node:?}: no operator {operator:?} of domain {domain:?} (opset {opset}) is known here; \
         run this model on an engine that has it, or export it without"
    )]
    UnknownOperator { node: String, operator: String, domain: String, opset: i64 },
    #[error("input {name:?} ({wanted}) is missing")]
    InputMissing { name: String, wanted: String },
    #[error("the model has no input {name:?}; its inputs are {known}")]
    InputUnknown { name: String, known: String },
    #[error("input {name:?} has to be {wanted}, not {given}")]
    InputMismatch { name: String, wanted: String, given: String },
    #[error("input {name:?} would be {given}, more than memory can hold here; give it smaller extents")]
    InputTooLarge { name: String, given: String },
    #[error(
        "input {name:?} holds {value}, and the model was made ready for {least} to {most}, as in the inputs given \
         then; make it ready again with these"
    )]
    OutOfBounds { name: String, value: i64, least: i64, most: i64 },
    #[error(
        "input {name:?} has {given} for dimension {symbol:?}, which input {other:?} has as {bound}; \
         give both the same"
    )]
    SymbolConflict { name: String, symbol: String, given: usize, other: String, bound: usize },
    #[error("the components do not fit together: {reason}; correct the model's model.toml")]
    Wiring { reason: String },
    #[error("line {line}: {reason}")]
    Text { line: usize, reason: String },
    #[error("is not a safetensors file: {reason}")]
    TensorFile { reason: String },
    #[error("{0}")]
    Invalid(String),
    #[error("{0}, which is not supported")]
    Unsupported(String),
    #[error("its {what} (operand {operand}) depend on the data, which is not supported{}", remedy(inputs))]
    NotConstant { what: String, operand: usize, inputs: Vec<String> },
    #[error("node {node:?} ({operator}): {source}")]
    AtNode { node: String, operator: String, source: Box<Error> },
}

impl Error {
    /// Returns whether the model may well be sound and only asks for more than is known here.
    pub fn is_unsupported(&self) -> bool {
        match self {
            Error::UnknownOperator { .. } | Error::Unsupported(_) | Error::NotConstant { .. } => true,
            Error::AtNode { source, .. } => source.is_unsupported(),
            Error::NotOnnx { .. }
            | Error::Malformed { .. }
            | Error::BadTensor { .. }
            | Error::ExternalPath { .. }
            | Error::ExternalMissing { .. }
            | Error::ExternalShort { .. }
            | Error::ExternalUnread { .. }
            | Error::InputMissing { .. }
            | Error::InputUnknown { .. }
            | Error::InputMismatch { .. }
            | Error::InputTooLarge { .. }
            | Error::OutOfBounds { .. }
            | Error::SymbolConflict { .. }
            | Error::Wiring { .. }
            | Error::Text { .. }
            | Error::TensorFile { .. }
            | Error::Invalid(_) => false,
        }
    }

    /// The graph's inputs whose elements would have to be known.
    pub(crate) fn inputs_needed(&self) -> &[String] {
        match self {
            Error::NotConstant { inputs, .. } => inputs,
            Error::AtNode { source, .. } => source.inputs_needed(),
            _ => &[],
        }
    }

    /// The error with the node at which it arose; one that names its node already stays as it is.
    pub(crate) fn at(self, node: &str, operator: &str) -> Error {
        match self {
            Error::Invalid(_)
            | Error::Unsupported(_)
            | Error::NotConstant { .. }
            | Error::BadTensor { .. } => {
                Error::AtNode { node: node.into(), operator: operator.into(), source: Box::new(self) }
            }
            other => other,
        }
    }
}

/// The remedy for data that decides a shape, or what to compute.
fn remedy(inputs: &[String]) -> String {
    let names: Vec<String> = inputs.iter().map(|name| format!("{name:?}")).collect();
    let known = match names.is_empty() {
        true => String::new(),
        false => format!("give the elements of {}, ", names.join(", ")),
    };
    format!("; {known}export the model with them fixed, or run it on onnxruntime")
}

/// An [`Error::Invalid`] from a format string.
macro_rules! invalid {
    ($($message:tt)*) => { $crate::Error::Invalid(format!($($message)*)) };
}

/// An [`Error::Unsupported`] from a format string.
macro_rules! unsupported {
    ($($message:tt)*) => { $crate::Error::Unsupported(format!($($message)*)) };
}

pub(crate) use {invalid, unsupported};
