//! ONNX in, a static, typed, optimised graph out. No GPU and no file access in it: callers hand in bytes, of large
//! weights only when they are wanted.
//!
//! [`onnx::Model::parse`] reads a model, [`specialise()`] fixes it at given inputs, [`optimise()`] fuses
//! and drops what it can; [`interpret()`] computes the result the slow way.

mod builder;
pub mod cases;
mod check;
pub mod constant;
mod display;
mod element_type;
mod error;
mod half;
pub mod interpreter;
pub mod ir;
pub mod node_test;
mod node_view;
pub mod onnx;
pub mod ops;
mod optimise;
pub mod pipeline;
pub mod ranges;
mod readers;
mod registry;
mod specialise;
mod split;
mod strided;
pub mod tensor;
pub mod tensor_file;
pub mod text;
mod writer;

pub use builder::Builder;
pub use constant::Constant;
pub use element_type::ElementType;
pub use error::Error;
pub use interpreter::interpret;
pub use ir::{Graph, Node, NodeId, Value, ValueId};
pub use ops::Operator;
pub use optimise::{Rewriting, channels_last, optimise};
pub use registry::operators;
pub use specialise::{Feed, specialise};
pub use split::split;
pub use tensor::{Data, DataType, Element, Tensor, TensorType};
