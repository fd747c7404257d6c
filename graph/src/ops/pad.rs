//! A border around a tensor.

use super::{Rule, operand, optional};
use crate::error::{Error, invalid};
use crate::strided::{contiguous, offsets};
use crate::tensor::{Data, Tensor, TensorType};

/// The elements that a border is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PadMode {
    /// The one element of the second operand, or zero (false) where that is left out.
    Constant,
    /// The first and the last element.
    Edge,
    /// The elements back and forth between the first and the last, which are not repeated at the turn: 2 1 | 0 1 2 |
    /// 1 0 1.
    Reflect,
    /// The elements again and again: 1 2 | 0 1 2 | 0 1 2 0.
    Wrap,
}

/// Adds elements around its first operand. The second, of the same type, is one element that fills the border, and
/// is only there in mode Constant. An axis without elements can only be padded in mode Constant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pad {
    /// The elements of the border.
    pub mode: PadMode,
    /// Elements added before the first, along each axis.
    pub before: Vec<usize>,
    /// Elements added behind the last, along each axis.
    pub after: Vec<usize>,
}

impl PadMode {
    /// The place that the element at a place along an axis comes from, the first element being at 0; `None` for the
    /// constant.
    pub fn source(self, place: isize, extent: usize) -> Option<usize> {
        let extent = extent as isize;
        let source = match self {
            PadMode::Constant if (0..extent).contains(&place) => place,
            PadMode::Constant => return None,
            PadMode::Edge => place.clamp(0, extent - 1),
            PadMode::Reflect => {
                let period = (2 * extent - 2).max(1);
                let phase = place.rem_euclid(period);
                phase.min(period - phase)
            }
            PadMode::Wrap => place.rem_euclid(extent),
        };
        Some(source as usize)
    }
}

impl Pad {
    /// For each element of the result, the offset of the one it comes from.
    fn sources(&self, from: &[usize], to: &[usize]) -> Vec<Option<usize>> {
        let (strides, walk) = (contiguous(from), contiguous(to));
        let source = |at: usize| {
            let along = |axis: usize| {
                let place = (at / walk[axis] as usize % to[axis]) as isize - self.before[axis] as isize;
                Some(self.mode.source(place, from[axis])? * strides[axis] as usize)
            };
            (0..to.len()).map(along).sum()
        };
        offsets(to, &walk, 0).map(source).collect()
    }
}

impl Rule for Pad {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        let rank = operand.shape.len();
        if [self.before.len(), self.after.len()] != [rank; 2] {
            return Err(invalid!("borders {:?} and {:?} do not fit {operand}", self.before, self.after));
        }
        let padded = |axis: usize| self.before[axis].saturating_add(self.after[axis]);
        if self.mode != PadMode::Constant
            && (0..rank).any(|axis| operand.shape[axis] == 0 && padded(axis) > 0)
        {
            return Err(invalid!("{operand} has nothing to fill its border with"));
        }
        if let Some(fill) = optional(inputs, 1)
            && (self.mode != PadMode::Constant
                || fill.data_type != operand.data_type
                || fill.element_count() != 1)
        {
            return Err(invalid!("{fill} does not fill a border of {operand} in mode {:?}", self.mode));
        }
        let shape = (0..rank).map(|axis| operand.shape[axis].saturating_add(padded(axis)));
        Ok(TensorType::new(operand.data_type, shape.collect::<Vec<_>>()))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let (tensor, fill) = (operand(inputs, 0)?, optional(inputs, 1));
        let sources = self.sources(&tensor.shape, &result.shape).into_iter();
        if let Some(floats) = tensor.as_f32() {
            let fill = fill.and_then(|fill| fill.as_f32()?.first().copied()).unwrap_or(0.0);
            return Ok(Data::F32(sources.map(|at| at.map_or(fill, |at| floats[at])).collect()));
        }
        let integers = tensor.to_i64_vec().unwrap_or_default();
        let fill = fill.and_then(|fill| fill.to_i64_vec()?.first().copied()).unwrap_or(0);
        let padded = sources.map(|at| at.map_or(fill, |at| integers[at]));
        Ok(Data::from_integers(result.data_type, padded))
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // As numpy.pad has them.
        check(&[
            ("zeros", "x: f32[2] = 1 2\np: i64[2] = 1 2\ny = Pad(x, p)", "f32[5] = 0 1 2 0 0"),
            (
                "a number",
                "x: i64[2] = 1 2\np: i64[2] = 1 0\nf: i64[] = 7\ny = Pad(x, p, f)",
                "i64[3] = 7 1 2",
            ),
            (
                "edge",
                "x: f32[2,2] = 1 2 3 4\np: i64[4] = 0 2 1 0\ny = Pad(x, p, mode=\"edge\")",
                "f32[3,4] = 1 1 1 2 3 3 3 4 3 3 3 4",
            ),
            (
                "reflect, far",
                "x: f32[3] = 0 1 2\np: i64[2] = 2 5\ny = Pad(x, p, mode=\"reflect\")",
                "f32[10] = 2 1 0 1 2 1 0 1 2 1",
            ),
            ("reflect one", "x: f32[1] = 5\np: i64[2] = 1 2\ny = Pad(x, p, mode=\"reflect\")", "f32[4] = 5"),
            (
                "wrap",
                "x: f32[3] = 0 1 2\np: i64[2] = 2 4\ny = Pad(x, p, mode=\"wrap\")",
                "f32[9] = 1 2 0 1 2 0 1 2 0",
            ),
            ("negative", "x: f32[4] = 1 2 3 4\np: i64[2] = -1 1\ny = Pad(x, p)", "f32[4] = 2 3 4 0"),
            (
                "one axis",
                "x: f32[1,2] = 1 2\np: i64[2] = 1 0\na: i64[1] = -1\ny = Pad(x, p, _, a)",
                "f32[1,3] = 0 1 2",
            ),
            ("as attributes", "opset 10\nx: f32[1] = 1\ny = Pad(x, pads=[0,1], value=2.5)", "f32[2] = 1 2.5"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("pads", "x: f32[2]\np: i64[1] = 1\ny = Pad(x, p)", "not two for each"),
            ("too much cut", "x: f32[2]\np: i64[2] = -2 -1\ny = Pad(x, p)", "cannot be cut"),
            ("nothing there", "x: f32[0]\np: i64[2] = 1 0\ny = Pad(x, p, mode=\"edge\")", "nothing to fill"),
            ("fill", "x: f32[2]\np: i64[2] = 1 0\nf: i64[] = 1\ny = Pad(x, p, f)", "does not fill"),
            ("mode", "x: f32[2]\np: i64[2] = 1 0\ny = Pad(x, p, mode=\"mirror\")", "\"mirror\""),
        ]);
    }
}
