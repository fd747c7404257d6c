//! The list of kernels: which operator is whose. Each family is a file beside its WGSL.

mod attention;
mod conv;
mod conv_plain;
mod copy;
mod cumulative_sum;
mod elementwise;
mod gather;
mod launch;
mod layer_normalization;
mod matmul;
mod matmul_n_bits;
mod order;
mod pad;
mod pool;
mod reduce;
mod rotate_half;
mod rows;
mod scatter;
mod softmax;
mod storage;
mod tiling;
mod windows;

use graph::Operator;
use graph::ops::ChannelOrder;

use crate::error::Error;

pub(crate) use copy::whole as copy_whole;
pub(crate) use launch::{Launch, Read, Task};

/// The work that a node comes to on the device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Emission {
    /// The result is the first input, untouched.
    Alias,
    /// The result is computed.
    Launches(Vec<Launch>),
    /// The result is the first input with some of it written anew, by these launches.
    Update(Vec<Launch>),
}

/// The dispatches of one node: the one place that knows which kernel computes which operator.
pub(crate) fn emit(task: &Task<'_>) -> Result<Emission, Error> {
    let launches = match &task.node.operator {
        Operator::Reshape(_) => return Ok(Emission::Alias),
        Operator::CacheUpdate(operator) => return Ok(Emission::Update(copy::cache_update(task, operator)?)),
        Operator::Cast(cast) if elementwise::cast_is_free(task, cast)? => return Ok(Emission::Alias),
        _ if task.output()?.element_count() == 0 => Vec::new(),
        Operator::ArgReduce(operator) => order::arg_reduce(task, operator)?,
        Operator::Attention(operator) => attention::emit(task, operator)?,
        Operator::Binary(operator) => elementwise::binary(task, *operator)?,
        Operator::Cast(operator) => elementwise::cast(task, operator)?,
        Operator::Concat(operator) => copy::concat(task, operator)?,
        Operator::Conv(operator) => match operator.channels {
            ChannelOrder::First => conv_plain::conv(task, operator)?,
            ChannelOrder::Last => conv::emit(task, operator)?,
        },
        Operator::ConvTranspose(operator) => conv_plain::conv_transpose(task, operator)?,
        Operator::CumulativeSum(operator) => cumulative_sum::emit(task, operator)?,
        Operator::Expand(_) => copy::expand(task)?,
        Operator::Gather(operator) => gather::gather(task, operator)?,
        Operator::GatherElements(operator) => gather::gather_elements(task, operator)?,
        Operator::GatherNd(operator) => gather::gather_nd(task, operator)?,
        Operator::Gemm(operator) => matmul::gemm(task, operator)?,
        Operator::LayerNormalization(operator) => layer_normalization::emit(task, operator)?,
        Operator::MatMul(operator) => matmul::matmul(task, operator)?,
        Operator::MatMulNBits(operator) => matmul_n_bits::emit(task, operator)?,
        Operator::Order(operator) => order::order(task, operator)?,
        Operator::Pad(operator) => pad::emit(task, operator)?,
        Operator::Pool(operator) => pool::emit(task, operator)?,
        Operator::Reduce(operator) => reduce::emit(task, operator)?,
        Operator::RotateHalf(_) => rotate_half::emit(task)?,
        Operator::ScatterElements(operator) => {
            return Ok(Emission::Update(scatter::elements(task, operator)?));
        }
        Operator::ScatterNd(operator) => return Ok(Emission::Update(scatter::nd(task, operator)?)),
        Operator::Select(_) => elementwise::select(task)?,
        Operator::Slice(operator) => copy::slice(task, operator)?,
        Operator::Softmax(operator) => softmax::emit(task, operator)?,
        Operator::Transpose(operator) => copy::transpose(task, operator)?,
        Operator::Unary(operator) => elementwise::unary(task, *operator)?,
    };
    Ok(Emission::Launches(launches))
}
