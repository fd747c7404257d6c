//! Element-wise choice between two operands: ONNX Where.

/// Takes an element of the second input where the first (bool) is true, of the third elsewhere; all broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Select;
