//! ONNX in, a static, typed, optimised graph out. No GPU and no file access in it: callers hand in bytes.

pub mod ir;
pub mod ops;
pub mod tensor;

pub use ir::{Graph, Node, NodeId, Value, ValueId};
pub use ops::Operator;
pub use tensor::{Data, DataType, Tensor, TensorType};
