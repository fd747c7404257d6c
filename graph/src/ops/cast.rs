//! Conversion of elements from one type to another.

use crate::tensor::DataType;

/// Converts each element, by the rules of ONNX Cast (floats truncate towards zero).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The type to convert to.
    pub to: DataType,
}
