//! Tensors in host memory: a shape and its elements in row-major order.

use std::fmt;
use std::sync::Arc;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is named as ONNX and safetensors name it")]
pub enum DataType {
    F32,
    I64,
    I32,
    U8,
    I8,
    Bool,
}

/// The elements of a tensor, shared: cloning a tensor never copies them.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "one variant per data type")]
pub enum Data {
    F32(Arc<[f32]>),
    I64(Arc<[i64]>),
    I32(Arc<[i32]>),
    U8(Arc<[u8]>),
    I8(Arc<[i8]>),
    Bool(Arc<[bool]>),
}

/// A tensor in host memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Extent of each dimension, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements, in row-major order; as many as the shape says.
    pub data: Data,
}

/// What is known of a tensor before it is computed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// The type of its elements.
    pub data_type: DataType,
    /// Extent of each dimension, outermost first.
    pub shape: Vec<usize>,
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DataType::F32 => "f32",
            DataType::I64 => "i64",
            DataType::I32 => "i32",
            DataType::U8 => "u8",
            DataType::I8 => "i8",
            DataType::Bool => "bool",
        })
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.data_type, self.shape)
    }
}

impl TensorType {
    /// How many elements a tensor of this type has.
    pub fn element_count(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Data {
    /// The type of the elements.
    pub fn data_type(&self) -> DataType {
        match self {
            Data::F32(_) => DataType::F32,
            Data::I64(_) => DataType::I64,
            Data::I32(_) => DataType::I32,
            Data::U8(_) => DataType::U8,
            Data::I8(_) => DataType::I8,
            Data::Bool(_) => DataType::Bool,
        }
    }
}

impl Tensor {
    /// A tensor's type.
    pub fn tensor_type(&self) -> TensorType {
        TensorType { data_type: self.data.data_type(), shape: self.shape.clone() }
    }
}
