//! Reductions over axes.

use super::{Rule, operand};
use crate::error::{Error, invalid, unsupported};
use crate::strided::{contiguous, offsets};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// A function of all elements along some axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is named as ONNX names the operator")]
pub enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
    L2,
}

/// Reduces its input over `axes`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reduce {
    /// The function.
    pub reduction: Reduction,
    /// The axes reduced, ascending, never empty.
    pub axes: Vec<usize>,
    /// True where reduced axes stay, with extent 1.
    pub keep_dimensions: bool,
}

impl Reduction {
    fn on_floats(self, elements: impl Iterator<Item = f64>, count: usize) -> f64 {
        match self {
            Reduction::Sum => elements.sum(),
            Reduction::Mean => elements.sum::<f64>() / count as f64,
            Reduction::Max => {
                elements.fold(f64::NEG_INFINITY, |a, b| if a.is_nan() || a > b { a } else { b })
            }
            Reduction::Min => elements.fold(f64::INFINITY, |a, b| if a.is_nan() || a < b { a } else { b }),
            Reduction::Prod => elements.product(),
            Reduction::L2 => elements.map(|element| element * element).sum::<f64>().sqrt(),
        }
    }

    fn on_integers(self, elements: impl Iterator<Item = i64>, count: usize) -> i64 {
        match self {
            Reduction::Sum => elements.fold(0, i64::wrapping_add),
            Reduction::Mean => elements.fold(0, i64::wrapping_add).checked_div(count as i64).unwrap_or(0),
            Reduction::Max => elements.max().unwrap_or(i64::MIN),
            Reduction::Min => elements.min().unwrap_or(i64::MAX),
            Reduction::Prod => elements.fold(1, i64::wrapping_mul),
            Reduction::L2 => elements.map(|element| (element as f64).powi(2)).sum::<f64>().sqrt() as i64,
        }
    }
}

impl Rule for Reduce {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        let ascending = self.axes.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || self.axes.last().is_none_or(|&last| last >= operand.shape.len()) {
            return Err(invalid!("axes {:?} are not among those of {operand}", self.axes));
        }
        if operand.data_type == DataType::Bool {
            return Err(unsupported!("its operand is {operand}"));
        }
        let kept = |(axis, &extent): (usize, &usize)| match (self.axes.contains(&axis), self.keep_dimensions)
        {
            (false, _) => Some(extent),
            (true, true) => Some(1),
            (true, false) => None,
        };
        let shape = operand.shape.iter().enumerate().filter_map(kept).collect();
        Ok(TensorType { data_type: operand.data_type, shape })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        let strides = contiguous(&tensor.shape);
        let (inner, outer): (Vec<_>, Vec<_>) =
            (0..tensor.shape.len()).partition(|axis| self.axes.contains(axis));
        let walk = |axes: &[usize], start| {
            let pick = |axis: &usize| (tensor.shape[*axis], strides[*axis]);
            let (shape, strides): (Vec<_>, Vec<_>) = axes.iter().map(pick).unzip();
            offsets(&shape, &strides, start)
        };
        let count = inner.iter().map(|&axis| tensor.shape[axis]).product();
        let starts = walk(&outer, 0);
        if let Some(floats) = tensor.as_f32() {
            let elements = |start| walk(&inner, start).map(|at| f64::from(floats[at]));
            return Ok(Data::F32(
                starts.map(|start| self.reduction.on_floats(elements(start), count) as f32).collect(),
            ));
        }
        let integers = tensor.to_i64_vec().unwrap_or_default();
        let elements = |start| walk(&inner, start).map(|at| integers[at]);
        let results = starts.map(|start| self.reduction.on_integers(elements(start), count));
        Ok(Data::from_integers(result.data_type, results))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // Expected values by hand, as NumPy gives them.
        check(&[
            ("sum of all", "x: f32[2,2] = 1 2 3 4\ny = ReduceSum(x)", "f32[1,1] = 10"),
            (
                "sum, axis",
                "x: f32[2,2] = 1 2 3 4\na: i64[1] = 0\ny = ReduceSum(x, a, keepdims=0)",
                "f32[2] = 4 6",
            ),
            (
                "mean, axes as attribute",
                "opset 13\nx: f32[2,2] = 1 2 3 4\ny = ReduceMean(x, axes=[-1])",
                "f32[2,1] = 1.5 3.5",
            ),
            (
                "mean, middle axis",
                "x: f32[1,2,2] = 1 2 3 4\na: i64[1] = 1\ny = ReduceMean(x, a)",
                "f32[1,1,2] = 2 3",
            ),
            ("max", "x: i64[3] = 1 5 -2\ny = ReduceMax(x, keepdims=0)", "i64[] = 5"),
            ("max keeps nan", "x: f32[2] = nan 1\ny = ReduceMax(x)", "f32[1] = nan"),
            ("min", "x: f32[2,2] = 4 2 3 1\na: i64[1] = 1\ny = ReduceMin(x, a)", "f32[2,1] = 2 1"),
            ("prod", "x: i32[3] = 2 3 4\ny = ReduceProd(x)", "i32[1] = 24"),
            ("l2", "x: f32[2] = 3 4\ny = ReduceL2(x)", "f32[1] = 5"),
            (
                "no axes, nothing done",
                "x: f32[2] = 3 4\na: i64[0] =\ny = ReduceSum(x, a, noop_with_empty_axes=1)",
                "f32[2] = 3 4",
            ),
            ("l2 of a scalar", "x: f32[] = -3\ny = ReduceL2(x)", "f32[] = 3"),
            ("sum of none", "x: f32[0] =\ny = ReduceSum(x)", "f32[1] = 0"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("axis", "x: f32[2]\na: i64[1] = 1\ny = ReduceSum(x, a)", "no axis 1"),
            ("axis twice", "x: f32[2]\na: i64[2] = 0 -1\ny = ReduceSum(x, a)", "twice"),
            ("bools", "x: bool[2]\ny = ReduceSum(x)", "bool[2]"),
        ]);
    }
}
