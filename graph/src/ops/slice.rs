//! A strided window of a tensor.

use super::{Rule, operand};
use crate::error::{Error, invalid};
use crate::strided::{contiguous, offsets};
use crate::tensor::{Data, Tensor, TensorType};

/// Takes, along each axis, the elements `start`, `start + step`, …; the output's shape says how many.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slice {
    /// First element along each axis of the input.
    pub starts: Vec<usize>,
    /// Distance between elements along each axis; negative walks backwards.
    pub steps: Vec<isize>,
    /// The output's shape.
    pub shape: Vec<usize>,
}

impl Rule for Slice {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        let rank = operand.shape.len();
        let inside = |axis: usize| {
            let (start, count) = (self.starts[axis] as i128, self.shape[axis] as i128);
            let last = start + (count - 1) * self.steps[axis] as i128;
            let range = 0..operand.shape[axis] as i128;
            count == 0 || (range.contains(&start) && range.contains(&last))
        };
        let ranks_agree = [self.starts.len(), self.steps.len(), self.shape.len()] == [rank; 3];
        if !ranks_agree || !(0..rank).all(inside) {
            return Err(invalid!("{self:?} reaches outside {operand}"));
        }
        Ok(TensorType { data_type: operand.data_type, shape: self.shape.clone() })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        let strides = contiguous(&tensor.shape);
        let start = self.starts.iter().zip(&strides).map(|(&start, &stride)| start * stride as usize).sum();
        // A step only counts where there is a second element; elsewhere it may be anything.
        let steps =
            self.steps.iter().zip(&self.shape).map(|(&step, &count)| if count > 1 { step } else { 0 });
        let strides: Vec<isize> = strides.iter().zip(steps).map(|(stride, step)| stride * step).collect();
        Ok(tensor.data.pick(offsets(&result.shape, &strides, start)))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    /// Where there is one element, a step of any size would lead out of whatever computes with it.
    #[test]
    fn steps_that_lead_nowhere_are_one() {
        let text = "x: i64[3]\ns: i64[1] = 0\ne: i64[1] = 3\na: i64[1] = 0\nt: i64[1] = 9223372036854775807\n\
                    y = Slice(x, s, e, a, t)\nreturn y";
        let graph = crate::text::parse(text).unwrap();
        assert!(graph.nodes[0].operator.to_string().contains("steps: [1]"), "{}", graph.nodes[0].operator);
    }

    #[test]
    fn values() {
        // Expected values by NumPy's slicing.
        check(&[
            (
                "x[1:3]",
                "x: i64[4] = 1 2 3 4\ns: i64[1] = 1\ne: i64[1] = 3\ny = Slice(x, s, e)",
                "i64[2] = 2 3",
            ),
            (
                "x[-1:max]",
                "x: i64[4] = 1 2 3 4\ns: i64[1] = -1\ne: i64[1] = 9223372036854775807\ny = Slice(x, s, e)",
                "i64[1] = 4",
            ),
            (
                "x[min:-2]",
                "x: i64[4] = 1 2 3 4\ns: i64[1] = -9223372036854775808\ne: i64[1] = -2\ny = Slice(x, s, e)",
                "i64[2] = 1 2",
            ),
            (
                "x[::-1]",
                "x: i64[3] = 1 2 3\ns: i64[1] = -1\ne: i64[1] = -9223372036854775808\na: i64[1] = 0\nt: i64[1] = -1\ny = Slice(x, s, e, a, t)",
                "i64[3] = 3 2 1",
            ),
            (
                "x[20:0:-2]",
                "x: i64[5] = 1 2 3 4 5\ns: i64[1] = 20\ne: i64[1] = 0\na: i64[1] = 0\nt: i64[1] = -2\ny = Slice(x, s, e, a, t)",
                "i64[2] = 5 3",
            ),
            (
                "x[::3]",
                "x: i64[5] = 1 2 3 4 5\ns: i64[1] = 0\ne: i64[1] = 99\na: i64[1] = 0\nt: i64[1] = 3\ny = Slice(x, s, e, a, t)",
                "i64[2] = 1 4",
            ),
            (
                "x[::huge]",
                "x: i64[3] = 1 2 3\ns: i64[1] = 0\ne: i64[1] = 3\na: i64[1] = 0\nt: i64[1] = 9223372036854775807\ny = Slice(x, s, e, a, t)",
                "i64[1] = 1",
            ),
            ("x[3:1]", "x: i64[4] = 1 2 3 4\ns: i64[1] = 3\ne: i64[1] = 1\ny = Slice(x, s, e)", "i64[0] ="),
            (
                "x[:, 1:]",
                "x: i64[2,2] = 1 2 3 4\ns: i64[1] = 1\ne: i64[1] = 2\na: i64[1] = -1\ny = Slice(x, s, e, a)",
                "i64[2,1] = 2 4",
            ),
            ("opset 9", "opset 9\nx: i64[4] = 1 2 3 4\ny = Slice(x, starts=[1], ends=[3])", "i64[2] = 2 3"),
            ("split, equal", "x: i64[4] = 1 2 3 4\na, y = Split(x)", "i64[2] = 3 4"),
            (
                "split, given",
                "x: i64[2,3] = 1 2 3 4 5 6\np: i64[2] = 1 2\na, y = Split(x, p, axis=1)",
                "i64[2,2] = 2 3 5 6",
            ),
            ("split, uneven", "x: i64[5] = 1 2 3 4 5\na, y = Split(x, num_outputs=2)", "i64[2] = 4 5"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            (
                "step 0",
                "x: i64[4]\ns: i64[1] = 1\na: i64[1] = 0\nt: i64[1] = 0\ny = Slice(x, s, s, a, t)",
                "step is 0",
            ),
            ("axis", "x: i64[4]\ns: i64[1] = 1\na: i64[1] = 1\ny = Slice(x, s, s, a)", "no axis 1"),
            ("lengths", "x: i64[4]\ns: i64[1] = 1\ne: i64[2] = 1 2\ny = Slice(x, s, e)", "2 ends"),
            ("start from data", "x: i64[4]\ns: i64[1]\ny = Slice(x, s, s)", "depend on the data"),
            ("parts", "x: i64[4]\np: i64[2] = 1 2\na, y = Split(x, p)", "do not split"),
        ]);
    }
}
