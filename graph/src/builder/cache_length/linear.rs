//! Integers that are known but for the number P of past positions: `base + coefficient · P`.
//!
//! Exporters compute shapes, positions and masks from the length of the past. Computed at run time they could decide no
//! shape; as two constants each they do, and what operators make of them is computed part by part, since all that
//! exporters use there is linear in P.

use super::Axes;
use crate::builder::Builder;
use crate::error::{Error, unsupported};
use crate::ir::ValueId;
use crate::ops::{Binary, Expand, Operator, Unary};
use crate::tensor::{Data, DataType, Tensor};

/// A tensor of such integers; both parts have its shape and type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    pub base: Tensor,
    pub coefficient: Tensor,
}

/// One such integer, as extents, starts and ends need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Integer {
    pub base: i64,
    pub coefficient: i64,
}

/// The result of an operator on such integers.
pub(crate) enum Folded {
    Linear(Linear),
    /// Something that is the same for every P.
    Constant(Tensor),
}

impl Linear {
    /// `base + coefficient · P`, i64.
    pub fn scalar(base: i64, coefficient: i64) -> Linear {
        Linear { base: Tensor::scalar(base), coefficient: Tensor::scalar(coefficient) }
    }

    /// A vector of i64.
    pub fn vector(integers: &[Integer]) -> Linear {
        let of = |part: fn(&Integer) -> i64| Tensor::vector(integers.iter().map(part).collect::<Vec<_>>());
        Linear { base: of(|integer| integer.base), coefficient: of(|integer| integer.coefficient) }
    }

    /// Integers that do not depend on P.
    pub fn constant(base: Tensor) -> Linear {
        let zeros = std::iter::repeat_n(0, base.len());
        let data = Data::from_integers(base.data_type(), zeros);
        Linear { coefficient: Tensor { shape: base.shape.clone(), data }, base }
    }

    /// Returns whether nothing depends on P.
    pub fn is_constant(&self) -> bool {
        integers(&self.coefficient).iter().all(|&coefficient| coefficient == 0)
    }

    /// The integers one by one.
    pub fn integers(&self) -> Vec<Integer> {
        let pairs = integers(&self.base).into_iter().zip(integers(&self.coefficient));
        pairs.map(|(base, coefficient)| Integer { base, coefficient }).collect()
    }
}

impl Integer {
    /// An integer that does not depend on P.
    pub fn constant(base: i64) -> Integer {
        Integer { base, coefficient: 0 }
    }

    /// The extent that an axis of this length has in the static graph.
    pub fn extent(self, capacity: usize) -> Result<i64, Error> {
        match self.coefficient {
            0 => Ok(self.base),
            1 => Ok(capacity as i64),
            times => Err(unsupported!("an extent is {times} times the number of past positions")),
        }
    }

    /// Returns whether it is at least 0 for every P up to `most`.
    pub fn is_never_negative(self, most: usize) -> bool {
        self.base >= 0 && self.at(most) >= 0
    }

    fn at(self, past: usize) -> i64 {
        self.base.saturating_add(self.coefficient.saturating_mul(past as i64))
    }

    /// Its comparison with zero for every P up to `most`, if always the same: both ends decide, since it is monotonic.
    pub fn sign(self, most: usize) -> Option<std::cmp::Ordering> {
        (self.base.signum() == self.at(most).signum() && (self.base != 0 || self.coefficient == 0))
            .then(|| self.base.cmp(&0))
    }
}

impl std::ops::Sub for Integer {
    type Output = Integer;

    fn sub(self, other: Integer) -> Integer {
        Integer {
            base: self.base.saturating_sub(other.base),
            coefficient: self.coefficient.saturating_sub(other.coefficient),
        }
    }
}

impl std::ops::Add for Integer {
    type Output = Integer;

    fn add(self, other: Integer) -> Integer {
        Integer {
            base: self.base.saturating_add(other.base),
            coefficient: self.coefficient.saturating_add(other.coefficient),
        }
    }
}

/// The axes that grow in a shape of these extents.
pub(crate) fn cached_axes(shape: &[Integer]) -> Axes {
    shape.iter().map(|extent| (extent.coefficient != 0).then_some(extent.base)).collect()
}

/// A shape's static extents.
pub(crate) fn extents(shape: &[Integer], capacity: usize) -> Result<Vec<i64>, Error> {
    shape.iter().map(|extent| extent.extent(capacity)).collect()
}

fn integers(tensor: &Tensor) -> Vec<i64> {
    tensor.to_i64_vec().unwrap_or_default()
}

/// The result of an operator on integers that are constant or linear, if it is either again.
pub(super) fn fold(
    graph: &Builder,
    operator: &Operator,
    inputs: &[Option<ValueId>],
) -> Result<Option<Folded>, Error> {
    let Some(operands) = inputs.iter().map(|id| operand(graph, *id)).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let varies = |index: usize| operands.get(index).is_some_and(|operand| !operand.is_constant());
    if (0..operands.len()).all(|index| !varies(index)) {
        return Ok(None);
    }
    let evaluate = |parts: &[&Tensor]| {
        let parts: Vec<_> = parts.iter().copied().map(Some).collect();
        Ok::<_, Error>(operator.evaluate(&parts)?.swap_remove(0))
    };
    // A linear operator gives base and coefficient each of its own kind; what scales or picks is the same for both.
    let bases: Vec<&Tensor> = operands.iter().map(|operand| &operand.base).collect();
    let mut coefficients: Vec<&Tensor> = operands.iter().map(|operand| &operand.coefficient).collect();
    match operator {
        Operator::Concat(_)
        | Operator::Slice(_)
        | Operator::Reshape(_)
        | Operator::Transpose(_)
        | Operator::Expand(_)
        | Operator::Unary(Unary::Neg)
        | Operator::Binary(Binary::Add | Binary::Sub) => {}
        Operator::Cast(cast) if matches!(cast.to, DataType::I64 | DataType::I32) => {}
        Operator::Gather(_) if !varies(1) => coefficients[1] = bases[1],
        Operator::Select(_) if !varies(0) => coefficients[0] = bases[0],
        Operator::Binary(Binary::Mul) if !varies(0) => coefficients[0] = bases[0],
        Operator::Binary(Binary::Mul) if !varies(1) => coefficients[1] = bases[1],
        Operator::Binary(compared) => return settle(*compared, &operands, graph.capacity()),
        _ => return Ok(None),
    }
    let (base, coefficient) = (evaluate(&bases)?, evaluate(&coefficients)?);
    Ok(Some(Folded::Linear(Linear { base, coefficient })))
}

/// The integers of an operand; `None` where it is none, or has an axis that grows.
fn operand(graph: &Builder, id: Option<ValueId>) -> Option<Linear> {
    let id = id?;
    if let Some(linear) = graph.linear(id) {
        return Some(linear.clone());
    }
    let constant = graph.constant_of(id).filter(|_| graph.axes(id).is_none())?;
    constant.to_i64_vec().map(|_| Linear::constant(constant.clone()))
}

/// A comparison, maximum or minimum that comes out the same for every P.
fn settle(operator: Binary, operands: &[Linear], most: usize) -> Result<Option<Folded>, Error> {
    let [left, right] = operands else { return Ok(None) };
    let shape = crate::strided::broadcast(&left.base.shape, &right.base.shape)?;
    let spread = |linear: &Linear| -> Result<Vec<Integer>, Error> {
        let expand = Operator::Expand(Expand { shape: shape.clone() });
        let part = |tensor: &Tensor| Ok::<_, Error>(integers(&expand.evaluate(&[Some(tensor)])?[0]));
        let pairs = part(&linear.base)?.into_iter().zip(part(&linear.coefficient)?);
        Ok(pairs.map(|(base, coefficient)| Integer { base, coefficient }).collect())
    };
    let (lefts, rights) = (spread(left)?, spread(right)?);
    let signs = lefts.iter().zip(&rights).map(|(&left, &right)| (left - right).sign(most));
    let Some(signs) = signs.collect::<Option<Vec<_>>>() else { return Ok(None) };
    let truths = |holds: fn(std::cmp::Ordering) -> bool| {
        let data = Data::Bool(signs.iter().map(|&sign| holds(sign)).collect());
        Ok(Some(Folded::Constant(Tensor { shape: shape.clone(), data })))
    };
    let choice = |takes_left: fn(std::cmp::Ordering) -> bool| {
        let pairs = signs.iter().zip(lefts.iter().zip(&rights));
        let chosen: Vec<Integer> =
            pairs.map(|(&sign, (&left, &right))| if takes_left(sign) { left } else { right }).collect();
        let part = |part: fn(&Integer) -> i64| {
            let data = Data::from_integers(left.base.data_type(), chosen.iter().map(part));
            Tensor { shape: shape.clone(), data }
        };
        let (base, coefficient) = (part(|integer| integer.base), part(|integer| integer.coefficient));
        Ok(Some(Folded::Linear(Linear { base, coefficient })))
    };
    match operator {
        Binary::Equal => truths(|sign| sign.is_eq()),
        Binary::Less => truths(|sign| sign.is_lt()),
        Binary::LessOrEqual => truths(|sign| sign.is_le()),
        Binary::Greater => truths(|sign| sign.is_gt()),
        Binary::GreaterOrEqual => truths(|sign| sign.is_ge()),
        Binary::Max => choice(|sign| sign.is_ge()),
        Binary::Min => choice(|sign| sign.is_le()),
        _ => Ok(None),
    }
}
