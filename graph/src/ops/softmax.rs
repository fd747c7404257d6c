//! Softmax along an axis.

use super::{ArgReduce, Binary, Operator, Reduction, Rule, Unary, float_operand, floats};
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::tensor::{Data, Tensor, TensorType};
use crate::writer::{Writer, Written};

/// `exp(x) / sum(exp(x))` along `axis`, stable for large x.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Softmax {
    /// The axis that sums to one.
    pub axis: usize,
}

/// Softmax.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    along(node, graph, |write, x, axis| write.softmax(x, axis))
}

/// LogSoftmax: `x − max − ln Σ exp(x − max)`.
pub(crate) fn read_log(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    along(node, graph, logarithm)
}

/// The logarithm of the softmax along an axis.
pub(crate) fn logarithm(write: &Writer, x: ValueId, axis: usize) -> Written {
    let apart = write.sub(x, write.reduce(Reduction::Max, x, &[axis], true)?)?;
    let sum = write.reduce(Reduction::Sum, write.unary(Unary::Exp, apart)?, &[axis], true)?;
    write.sub(apart, write.unary(Unary::Log, sum)?)
}

/// Hardmax: 1 for the first of the largest elements, 0 for the others.
pub(crate) fn read_hard(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    along(node, graph, |write, x, axis| {
        let largest = ArgReduce { axis, largest: true, last: false };
        let first = write.push(Operator::ArgReduce(largest), &[Some(x)])?;
        let mut shape = write.shape(x);
        let places = write.along(write.integers(0..shape[axis] as i64), axis, shape.len())?;
        shape[axis] = 1;
        let chosen = write.binary(Binary::Equal, places, write.reshape(first, &shape)?)?;
        write.cast(chosen, write.data_type(x))
    })
}

/// Applies something along one axis, as it is meant since opset 13, or over all from `axis` on, as before that.
fn along(
    node: &NodeView,
    graph: &mut Builder,
    apply: fn(&Writer, ValueId, usize) -> Written,
) -> Result<Vec<ValueId>, Error> {
    let shape = node.shape(0)?.to_vec();
    let axis = node.axis(shape.len(), if node.opset < 13 { 1 } else { -1 })?;
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    if node.opset >= 13 || axis + 1 == shape.len() {
        return Ok(vec![apply(write, x, axis)?]);
    }
    let rows = [shape[..axis].iter().product(), shape[axis..].iter().product()];
    let result = apply(write, write.reshape(x, &rows)?, 1)?;
    Ok(vec![write.reshape(result, &shape)?])
}

impl Rule for Softmax {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = float_operand(inputs, 0)?;
        if self.axis >= operand.shape.len() {
            return Err(invalid!("{operand} has no axis {}", self.axis));
        }
        Ok(operand.clone())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let mut elements = floats(inputs, 0)?.to_vec();
        let extent = result.shape[self.axis];
        let stride: usize = result.shape[self.axis + 1..].iter().product();
        let rows = elements.len().checked_div(extent).unwrap_or(0);
        for row in 0..rows {
            let start = row / stride * stride * extent + row % stride;
            let places = || (0..extent).map(|at| start + at * stride);
            let scores: Vec<f64> = places().map(|at| f64::from(elements[at])).collect();
            places().zip(softmax(&scores)).for_each(|(at, weight)| elements[at] = weight as f32);
        }
        Ok(elements.into())
    }
}

/// The softmax of one row.
pub(crate) fn softmax(scores: &[f64]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // exp(-1, 0, 1) over their sum: the example of the ONNX specification.
        check(&[
            (
                "example",
                "x: f32[1,3] = -1 0 1\ny = Softmax(x)",
                "f32[1,3] = 0.09003058 0.24472848 0.66524094",
            ),
            ("large numbers", "x: f32[2] = 10000 10000\ny = Softmax(x)", "f32[2] = 0.5 0.5"),
            ("first axis", "x: f32[2,2] = 0 1 0 1\ny = Softmax(x, axis=0)", "f32[2,2] = 0.5 0.5 0.5 0.5"),
            (
                "opset 11",
                "opset 11\nx: f32[1,2,2] = 0 0 0 0\ny = Softmax(x)",
                "f32[1,2,2] = 0.25 0.25 0.25 0.25",
            ),
            ("opset 13", "opset 13\nx: f32[1,2,2] = 0 0 0 0\ny = Softmax(x)", "f32[1,2,2] = 0.5 0.5 0.5 0.5"),
            ("nothing allowed", "x: f32[2] = -inf -inf\ny = Softmax(x)", "f32[2] = nan nan"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("integers", "x: i64[2]\ny = Softmax(x)", "not f32"),
            ("axis", "x: f32[2]\ny = Softmax(x, axis=1)", "no axis 1"),
        ]);
    }
}
