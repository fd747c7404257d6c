//! Splits what is computed along its outermost axis, where operands or the result are too large for one binding.
//!
//! The parts of a value lie one behind the other, so that an engine can bind each where it lies: the slices taken here
//! of operands, and the concatenation of the results, move nothing there.

use super::{MOST_PIECES, Pieces};
use crate::ir::{Node, ValueId};
use crate::ops::{ChannelOrder, Concat, Expand, Operator, Slice};
use crate::tensor::TensorType;

/// The alignment of parts, in bytes: what WebGPU lets every adapter ask of the offset of a binding.
const ALIGNMENT_BYTES: u64 = 256;

/// The share of an operand that a part of the result needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    /// Every part reads all of it.
    Whole,
    /// Each part reads as much of this axis as it makes of the result's.
    Along(usize),
}

use Share::{Along, Whole};

impl Pieces {
    /// Puts a node for each part in the place of one. `None` where the node cannot be split, or the parts would still
    /// be too large.
    pub(super) fn parts(&mut self, node: &Node) -> Option<()> {
        let &[output] = node.outputs.as_slice() else { return None };
        let result = self.graph.values[output.0].tensor_type.clone();
        let axis = result.shape.iter().position(|&extent| extent > 1)?;
        let mut shares = Vec::with_capacity(node.inputs.len());
        for (index, id) in node.inputs.iter().enumerate() {
            let operand = id.map(|id| &self.graph.values[id.0].tensor_type);
            shares.push(
                operand
                    .map_or(Some(Whole), |operand| share(&node.operator, index, operand, &result, axis))?,
            );
        }
        let extent = result.shape[axis];
        let count = self.part_extent(node, &shares, &result, extent)?;
        let mut made = Vec::new();
        for first in (0..extent).step_by(count) {
            let count = count.min(extent - first);
            let mut operands = Vec::with_capacity(shares.len());
            for (id, share) in node.inputs.iter().zip(&shares) {
                operands.push(match (id, share) {
                    (Some(id), Along(axis)) => Some(self.part(node, *id, *axis, first, count)?),
                    (id, _) => *id,
                });
            }
            made.push(self.push_optional(node, of_extent(&node.operator, axis, count), &operands)?);
        }
        let joined = self.push(node, Operator::Concat(Concat { axis }), &made)?;
        self.rename_last(node, joined)
    }

    /// The extent of a part along the axis.
    fn part_extent(
        &self,
        node: &Node,
        shares: &[Share],
        result: &TensorType,
        extent: usize,
    ) -> Option<usize> {
        let mut divided = vec![(self.size_bytes)(result)];
        for (id, share) in node.inputs.iter().zip(shares) {
            let size_bytes = id.map_or(0, |id| (self.size_bytes)(&self.graph.values[id.0].tensor_type));
            match share {
                Along(_) => divided.push(size_bytes),
                Whole if size_bytes > self.most_bytes => return None,
                Whole => {}
            }
        }
        // What is small is copied; of what is large, each part has to begin where a binding can.
        let large = divided.iter().filter(|&&size_bytes| size_bytes > self.most_bytes);
        let slice = |size_bytes: &u64| size_bytes / extent as u64;
        let step = large.map(|whole| ALIGNMENT_BYTES >> slice(whole).trailing_zeros().min(8)).max()?;
        let most = self.most_bytes / divided.iter().map(slice).max()?.max(1);
        let count = usize::try_from(most / step * step).ok()?;
        (count > 0 && count < extent && extent.div_ceil(count) <= MOST_PIECES).then_some(count)
    }

    fn part(
        &mut self,
        node: &Node,
        whole: ValueId,
        axis: usize,
        first: usize,
        count: usize,
    ) -> Option<ValueId> {
        let value = &self.graph.values[whole.0];
        if let Some(constant) = &value.constant {
            let part =
                if axis == 0 { constant.rows(first, count) } else { constant.window(axis, first, count) };
            return Some(self.constant(whole, first, part?));
        }
        let mut shape = value.tensor_type.shape.clone();
        let (mut starts, steps) = (vec![0; shape.len()], vec![1; shape.len()]);
        (starts[axis], shape[axis]) = (first, count);
        self.push(node, Operator::Slice(Slice { starts, steps, shape }), &[whole])
    }
}

/// The operator for a part of its result.
fn of_extent(operator: &Operator, axis: usize, count: usize) -> Operator {
    match operator {
        Operator::Expand(Expand { shape }) => {
            let mut shape = shape.clone();
            shape[axis] = count;
            Operator::Expand(Expand { shape })
        }
        other => other.clone(),
    }
}

/// The share of an operand for parts of the result along an axis; `None` where the operator does not allow any.
fn share(
    operator: &Operator,
    index: usize,
    operand: &TensorType,
    result: &TensorType,
    axis: usize,
) -> Option<Share> {
    let apart = |apart: bool| apart.then_some(Along(axis));
    let rank = result.shape.len();
    match operator {
        Operator::Unary(_) | Operator::Cast(_) => Some(Along(axis)),
        Operator::Binary(_) | Operator::Select(_) | Operator::Expand(_) => {
            Some(broadcast(operand, result, axis))
        }
        Operator::MatMul(_) => match (index, rank.checked_sub(axis)?) {
            (_, 0 | 1) => None,
            (0, 2) => Some(Along(operand.shape.len().checked_sub(2)?)),
            (0 | 1, _) if rank > axis + 2 => Some(of_stack(operand, result, axis)),
            _ => Some(Whole),
        },
        Operator::Softmax(softmax) => apart(axis != softmax.axis),
        Operator::CumulativeSum(sum) => apart(axis != sum.axis),
        Operator::LayerNormalization(own) if axis < own.axis => {
            Some(if index == 0 { Along(axis) } else { Whole })
        }
        Operator::Reduce(reduce) if reduce.keep_dimensions => apart(!reduce.axes.contains(&axis)),
        Operator::Reduce(reduce) => {
            let mut kept = (0..operand.shape.len()).filter(|axis| !reduce.axes.contains(axis));
            kept.nth(axis).map(Along)
        }
        Operator::Pool(_) => apart(axis < 2),
        Operator::Conv(conv) if conv.channels == ChannelOrder::First => match (axis, index) {
            (0, 0) => Some(Along(0)),
            (1, 1 | 2) if conv.groups == 1 => Some(Along(0)),
            (0, _) => Some(Whole),
            (1, 0) if conv.groups == 1 => Some(Whole),
            _ => None,
        },
        Operator::Gather(gather) if axis < gather.axis => Some(if index == 0 { Along(axis) } else { Whole }),
        Operator::Transpose(transpose) => Some(Along(transpose.permutation[axis])),
        _ => None,
    }
}

/// Of operands that are aligned at their last axes.
fn broadcast(operand: &TensorType, result: &TensorType, axis: usize) -> Share {
    let own = (axis + operand.shape.len()).checked_sub(result.shape.len());
    own.filter(|&own| operand.shape[own] == result.shape[axis]).map_or(Whole, Along)
}

/// Of stacks of matrices, which are aligned likewise, and whose rows and columns are their own.
fn of_stack(operand: &TensorType, result: &TensorType, axis: usize) -> Share {
    if operand.shape.len() < 2 { Whole } else { broadcast(operand, result, axis) }
}
