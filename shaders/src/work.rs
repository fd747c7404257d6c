//! The work of a dispatch: what has to be computed and moved at least, as far as an operator's shapes tell.

use graph::Operator;
use graph::ops::HeadLayout;
use protocol::profile::Work;

use crate::error::Error;
use crate::kernels::{Launch, Task};
use crate::transfer::Encoding;

/// The work of one launch of a node. Bytes are those of every operand and of the result, once: what a kernel reads again
/// is its own fault.
pub(crate) fn of(task: &Task<'_>, launch: &Launch) -> Work {
    Work { flops: flops(task).ok().flatten(), bytes: bytes(task, launch) }
}

/// Additions and multiplications. Of exponentials and roots nobody knows how many they are; where they are the most of
/// it, there is no number.
fn flops(task: &Task<'_>) -> Result<Option<f64>, Error> {
    let results = task.output()?.element_count() as f64;
    let of_shape = |shape: &[usize]| shape.iter().product::<usize>() as f64;
    Ok(match &task.node.operator {
        Operator::MatMul(_) | Operator::MatMulNBits(_) => {
            task.input(0)?.shape.last().map(|terms| 2.0 * results * *terms as f64)
        }
        Operator::Gemm(gemm) => {
            let axis = usize::from(!gemm.transpose_a);
            task.input(0)?.shape.get(axis).map(|terms| 2.0 * results * *terms as f64)
        }
        Operator::Conv(conv) => {
            let ([incoming, _], kernel) = conv.filter(&task.input(1)?.shape);
            Some(2.0 * results * (incoming as f64) * of_shape(&kernel))
        }
        Operator::ConvTranspose(_) => {
            Some(2.0 * task.input(0)?.element_count() as f64 * of_shape(&task.input(1)?.shape[1..]))
        }
        Operator::Attention(attention) => {
            let axis = match attention.key_layout {
                HeadLayout::HeadsFirst => 2,
                HeadLayout::SequenceFirst => 1,
            };
            let query = task.input(0)?.element_count() as f64;
            task.input(1)?.shape.get(axis).map(|keys| 2.0 * (query + results) * *keys as f64)
        }
        Operator::Binary(_) | Operator::Unary(_) => Some(results),
        Operator::Reduce(_) | Operator::CumulativeSum(_) => Some(task.input(0)?.element_count() as f64),
        Operator::ArgReduce(_)
        | Operator::CacheUpdate(_)
        | Operator::Cast(_)
        | Operator::Concat(_)
        | Operator::Expand(_)
        | Operator::Gather(_)
        | Operator::GatherElements(_)
        | Operator::GatherNd(_)
        | Operator::LayerNormalization(_)
        | Operator::Order(_)
        | Operator::Pad(_)
        | Operator::Pool(_)
        | Operator::Reshape(_)
        | Operator::RotateHalf(_)
        | Operator::ScatterElements(_)
        | Operator::ScatterNd(_)
        | Operator::Select(_)
        | Operator::Slice(_)
        | Operator::Softmax(_)
        | Operator::Transpose(_) => None,
    })
}

fn bytes(task: &Task<'_>, launch: &Launch) -> Option<f64> {
    let size = |value: graph::ValueId, encoding: Encoding| {
        let encoding = if task.wide[value.0] { Encoding::Wide } else { encoding };
        encoding.size_bytes(task.value_type(value)) as f64
    };
    let mut reads = launch.reads.iter().map(|read| size(read.value, read.encoding));
    let written = size(launch.write, Encoding::Elements);
    match &task.node.operator {
        Operator::ArgReduce(_)
        | Operator::Attention(_)
        | Operator::Binary(_)
        | Operator::Cast(_)
        | Operator::Conv(_)
        | Operator::ConvTranspose(_)
        | Operator::CumulativeSum(_)
        | Operator::Expand(_)
        | Operator::Gemm(_)
        | Operator::LayerNormalization(_)
        | Operator::MatMul(_)
        | Operator::MatMulNBits(_)
        | Operator::Pad(_)
        | Operator::Pool(_)
        | Operator::Reduce(_)
        | Operator::RotateHalf(_)
        | Operator::Select(_)
        | Operator::Softmax(_)
        | Operator::Transpose(_)
        | Operator::Unary(_) => Some(reads.sum::<f64>() + written),
        // Each launch moves what it reads into a part of the result.
        Operator::CacheUpdate(_) | Operator::Concat(_) | Operator::Reshape(_) => {
            reads.next().map(|read| 2.0 * read)
        }
        // The result comes from a part of what is read.
        Operator::Slice(_) => Some(2.0 * written),
        Operator::Gather(_) | Operator::GatherElements(_) | Operator::GatherNd(_) => {
            Some(2.0 * written + reads.skip(1).sum::<f64>())
        }
        Operator::Order(_) | Operator::ScatterElements(_) | Operator::ScatterNd(_) => None,
    }
}
