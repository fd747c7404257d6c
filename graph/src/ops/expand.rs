//! Broadcasts a tensor to a larger shape.

use super::{Operator, Rule, operand};
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::growth::linear::{Integer, extents, growing};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::strided::{broadcast, broadcast_strides, offsets};
use crate::tensor::{Data, Tensor, TensorType};

/// Broadcasts its input to `shape`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expand {
    /// The output's shape.
    pub shape: Vec<usize>,
}

/// Expand: the wanted shape broadcasts with the operand's, so it may hold ones or be shorter.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let wanted = node.linear(1, "shape")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    let extents = lengths(&wanted, graph.capacity())?;
    let shape = broadcast(node.shape(0)?, &extents)?;
    let mut axes = vec![None; shape.len() - wanted.len()];
    axes.extend(growing(&wanted));
    let id = graph.push(node.name, Operator::Expand(Expand { shape }), &[Some(node.operand(0)?.id)])?;
    graph.set_axes(id, axes);
    Ok(vec![id])
}

/// A shape's static extents, none of which may be negative.
pub(crate) fn lengths(shape: &[Integer], capacity: usize) -> Result<Vec<usize>, Error> {
    let lengths: Result<Vec<usize>, _> = extents(shape, capacity)?.into_iter().map(usize::try_from).collect();
    lengths.map_err(|_| invalid!("its shape has a negative extent"))
}

impl Rule for Expand {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        if broadcast(&operand.shape, &self.shape)? != self.shape {
            return Err(invalid!("{operand} does not expand to {:?}", self.shape));
        }
        Ok(TensorType { data_type: operand.data_type, shape: self.shape.clone() })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        let strides = broadcast_strides(&tensor.shape, &result.shape);
        Ok(tensor.data.pick(offsets(&result.shape, &strides, 0)))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            (
                "grows",
                "x: f32[3,1] = 1 2 3\ns: i64[3] = 2 1 2\ny = Expand(x, s)",
                "f32[2,3,2] = 1 1 2 2 3 3 1 1 2 2 3 3",
            ),
            ("ones keep", "x: i64[3,1] = 1 2 3\ns: i64[2] = 3 1\ny = Expand(x, s)", "i64[3,1] = 1 2 3"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("shape", "x: f32[3]\ns: i64[1] = 2\ny = Expand(x, s)", "do not broadcast"),
            ("shape from data", "x: f32[3]\ns: i64[1]\ny = Expand(x, s)", "depend on the data"),
        ]);
    }
}
