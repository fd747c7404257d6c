//! A border around a tensor.

use super::{Operator, Rule, operand, optional};
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axis};
use crate::strided::{contiguous, offsets};
use crate::tensor::{Data, Tensor, TensorType};
use crate::writer::{Writer, Written};

/// What a border is filled with.
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
    /// What the border is filled with.
    pub mode: PadMode,
    /// Elements added before the first, along each axis.
    pub before: Vec<usize>,
    /// Elements added behind the last, along each axis.
    pub after: Vec<usize>,
}

impl PadMode {
    /// Where the element at a place along an axis comes from, the first element being at 0; nowhere for the
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

/// Pad: borders are an operand since opset 11, an attribute before, as is the fill. Negative ones cut.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let mode = match node.attributes.text("mode")?.unwrap_or("constant") {
        "constant" => PadMode::Constant,
        "edge" => PadMode::Edge,
        "reflect" => PadMode::Reflect,
        "wrap" => PadMode::Wrap,
        other => return Err(unsupported!("its mode is {other:?}")),
    };
    let x = node.operand(0)?;
    let borders = borders(node, x.tensor_type.shape.len())?;
    let write = Writer::new(node, graph);
    let cut = cut(&write, x.id, &borders)?;
    let side = |of: fn(&(i64, i64)) -> i64| borders.iter().map(|border| of(border).max(0) as usize).collect();
    let pad = Pad { mode, before: side(|border| border.0), after: side(|border| border.1) };
    if borders.iter().all(|&(before, after)| before <= 0 && after <= 0) {
        return Ok(vec![cut]);
    }
    let attribute = node.attributes.float("value")?.filter(|&value| value != 0.0);
    let fill = match (mode, node.optional(2)) {
        (PadMode::Constant, Some(fill)) => Some(fill.id),
        (PadMode::Constant, None) => attribute.map(|value| write.like(cut, value)),
        (PadMode::Edge | PadMode::Reflect | PadMode::Wrap, _) => None,
    };
    let operands: Vec<_> = [Some(cut)].into_iter().chain(fill.map(Some)).collect();
    Ok(vec![write.push(Operator::Pad(pad), &operands)?])
}

/// What is added before and behind each axis.
fn borders(node: &NodeView, rank: usize) -> Result<Vec<(i64, i64)>, Error> {
    let pads = node.integers_or_attribute(1, "pads")?.ok_or_else(|| invalid!("its pads are missing"))?;
    let axes = match node.integers(3, "axes")? {
        Some(given) => given.iter().map(|&at| axis(at, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Err(invalid!("pads {pads:?} are not two for each of {} axes", axes.len()));
    }
    let mut borders = vec![(0, 0); rank];
    let (before, after) = pads.split_at(axes.len());
    for ((&axis, &before), &after) in axes.iter().zip(before).zip(after) {
        borders[axis] = (before, after);
    }
    Ok(borders)
}

/// The value without what negative borders cut off.
fn cut(write: &Writer, mut id: ValueId, borders: &[(i64, i64)]) -> Written {
    for (axis, &(before, after)) in borders.iter().enumerate() {
        let (start, behind) = (before.min(0).unsigned_abs() as usize, after.min(0).unsigned_abs() as usize);
        let extent = write.shape(id)[axis];
        let count = extent.checked_sub(start).and_then(|count| count.checked_sub(behind));
        let count = count.ok_or_else(|| invalid!("{start} and {behind} cannot be cut from {extent}"))?;
        id = write.slice(id, axis, if count == 0 { 0 } else { start }, count)?;
    }
    Ok(id)
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
