//! Readers of ONNX operators: one function for each makes of a node what the graph has for it.
//!
//! An operator of the graph is read as it is, its shape inputs as plain numbers; all others are rewritten into those of
//! `ops.rs`, so that no engine has to know them.

pub(crate) mod activations;
pub(crate) mod arrange;
pub(crate) mod binary;
pub(crate) mod bit_cast;
pub(crate) mod block_quantized;
pub(crate) mod causal_conv;
pub(crate) mod columns;
pub(crate) mod constants;
pub(crate) mod contrib_attention;
pub(crate) mod convolution;
pub(crate) mod deform_conv;
pub(crate) mod einsum;
pub(crate) mod embedding;
pub(crate) mod four_bit;
pub(crate) mod fused;
pub(crate) mod grid;
pub(crate) mod group_query;
mod heads;
pub(crate) mod identity;
pub(crate) mod indices;
pub(crate) mod linear_attention;
pub(crate) mod linear_quantized;
pub(crate) mod loss;
pub(crate) mod ml;
pub(crate) mod narrow;
pub(crate) mod non_max_suppression;
pub(crate) mod normalization;
pub(crate) mod onnx_attention;
pub(crate) mod pad;
pub(crate) mod pooling;
pub(crate) mod products;
pub(crate) mod quantization;
pub(crate) mod random;
pub(crate) mod recurrent;
pub(crate) mod reductions;
pub(crate) mod resize;
pub(crate) mod roi_align;
pub(crate) mod rotary_embedding;
pub(crate) mod rows;
pub(crate) mod shapes;
pub(crate) mod signal;
pub(crate) mod slice;
pub(crate) mod tensor_scatter;
pub(crate) mod unary;
pub(crate) mod unique;
mod windows;
