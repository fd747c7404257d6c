//! Interval arithmetic: what an operator makes of everything between two numbers.
//!
//! Floats are followed too, since lengths and positions are often computed in them (Resize, masks, Range) and cast back.
//! Integers are i128, in which no sum or product of two int64 overflows.

use std::ops::{Add, Mul, Sub};

use crate::ops::{Activation, Binary, Reduction, Unary};
use crate::tensor::DataType;

/// The slack of a result in f32: how far it may lie from the exact one, relative to the largest number involved:
/// engines need not round correctly.
const SLACK: f64 = 1.0 / (1 << 20) as f64;
/// The slack of a result in f16.
const HALF_SLACK: f64 = 1.0 / (1 << 9) as f64;

/// Everything between two numbers, both included. Floats are finite, and none is NaN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Interval {
    Integers(i128, i128),
    Floats(f64, f64),
}

use Interval::{Floats, Integers};

impl Interval {
    pub fn integers(self) -> Option<(i128, i128)> {
        match self {
            Integers(least, most) => Some((least, most)),
            Floats(..) => None,
        }
    }

    pub fn of_floats(floats: &[f32]) -> Option<Interval> {
        let within = |(least, most): (f64, f64), float: &f32| {
            let float = f64::from(*float);
            float.is_finite().then_some((least.min(float), most.max(float)))
        };
        let first = f64::from(*floats.first()?);
        let (least, most) = floats.iter().try_fold((first, first), within)?;
        Some(Floats(least, most))
    }

    pub fn zero(data_type: DataType) -> Interval {
        if data_type.is_float() { Floats(0.0, 0.0) } else { Integers(0, 0) }
    }

    /// The range, where nothing of it wraps around or overflows as this type.
    pub fn within(self, data_type: DataType) -> Option<Interval> {
        let holds = match (self, data_type) {
            (Integers(least, most), _) => match super::of_type(data_type)? {
                Integers(lowest, highest) => least >= lowest && most <= highest,
                Floats(..) => false,
            },
            (Floats(least, most), DataType::F16) => least.abs().max(most.abs()) < 65504.0,
            (Floats(least, most), _) => least.abs().max(most.abs()) < f64::from(f32::MAX),
        };
        let rounded = match (self, data_type) {
            (Floats(least, most), DataType::F16) => self.loosened(least.abs().max(most.abs()) * HALF_SLACK),
            (interval, _) => interval,
        };
        holds.then_some(rounded)
    }

    /// With room for an error.
    fn loosened(self, error: f64) -> Interval {
        match self {
            Integers(..) => self,
            Floats(least, most) => Floats(least - error - 1e-30, most + error + 1e-30),
        }
    }

    /// With room for `roundings` of them.
    fn rounded(self, roundings: usize) -> Interval {
        match self {
            Integers(..) => self,
            Floats(least, most) => self.loosened(least.abs().max(most.abs()) * SLACK * roundings as f64),
        }
    }

    fn includes_zero(self) -> bool {
        match self {
            Integers(least, most) => least <= 0 && most >= 0,
            Floats(least, most) => least <= 0.0 && most >= 0.0,
        }
    }
}

/// The range of all that lies in either, or between.
pub(super) fn joined(a: Interval, b: Interval) -> Option<Interval> {
    match (a, b) {
        (Integers(a0, a1), Integers(b0, b1)) => Some(Integers(a0.min(b0), a1.max(b1))),
        (Floats(a0, a1), Floats(b0, b1)) => Some(Floats(a0.min(b0), a1.max(b1))),
        (Integers(..), Floats(..)) | (Floats(..), Integers(..)) => None,
    }
}

pub(super) fn of_cast(operand: Interval, to: DataType) -> Option<Interval> {
    Some(match operand {
        // A float outside the type is undefined in ONNX: `within` gives up on it.
        _ if to == DataType::Bool => Integers(0, 1),
        Integers(least, most) if to.is_float() => Floats(least as f64, most as f64).rounded(1),
        Floats(least, most) if !to.is_float() => Integers(least.trunc() as i128, most.trunc() as i128),
        own => own,
    })
}

pub(super) fn of_binary(binary: Binary, a: Interval, b: Interval) -> Option<Interval> {
    match (a, b) {
        (Integers(a0, a1), Integers(b0, b1)) => {
            let (least, most) =
                common(binary, (a0, a1), (b0, b1)).or_else(|| whole(binary, (a0, a1), (b0, b1)))?;
            Some(Integers(least, most))
        }
        (Floats(a0, a1), Floats(b0, b1)) => {
            if binary == Binary::Div && !b.includes_zero() {
                let (least, most) = corners([a0 / b0, a0 / b1, a1 / b0, a1 / b1]);
                return Some(Floats(least, most).rounded(1));
            }
            let (least, most) = common(binary, (a0, a1), (b0, b1))?;
            // The error is that of the operands where they cancel out.
            let error = [a0, a1, b0, b1].into_iter().fold(0.0, |most: f64, end| most.max(end.abs())) * SLACK;
            Some(Floats(least, most).rounded(1).loosened(error))
        }
        (Integers(..), Floats(..)) | (Floats(..), Integers(..)) => None,
    }
}

/// The range of an operation that floats and integers have in common.
fn common<T>(binary: Binary, a: (T, T), b: (T, T)) -> Option<(T, T)>
where
    T: Copy + PartialOrd + Add<Output = T> + Sub<Output = T> + Mul<Output = T>,
{
    let larger = |a: T, b: T| if a > b { a } else { b };
    let smaller = |a: T, b: T| if a < b { a } else { b };
    match binary {
        Binary::Add => Some((a.0 + b.0, a.1 + b.1)),
        Binary::Sub => Some((a.0 - b.1, a.1 - b.0)),
        Binary::Mul => Some(corners([a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1])),
        Binary::Max => Some((larger(a.0, b.0), larger(a.1, b.1))),
        Binary::Min => Some((smaller(a.0, b.0), smaller(a.1, b.1))),
        _ => None,
    }
}

fn corners<T: Copy + PartialOrd>(all: [T; 4]) -> (T, T) {
    all.into_iter().fold((all[0], all[0]), |(least, most), corner| {
        (if corner < least { corner } else { least }, if corner > most { corner } else { most })
    })
}

/// Of integers alone. Nothing is said of what a division by zero gives, but that it is no larger than the dividend.
fn whole(binary: Binary, a: (i128, i128), b: (i128, i128)) -> Option<(i128, i128)> {
    let size = |(least, most): (i128, i128)| least.abs().max(most.abs());
    match binary {
        Binary::Div if b.0 > 0 => Some(corners([a.0 / b.0, a.0 / b.1, a.1 / b.0, a.1 / b.1])),
        // A divisor of −1 turns the least into one more than the most.
        Binary::Div => Some((-size(a), size(a))),
        Binary::Mod if b.0 > 0 && a.0 >= 0 => Some((0, a.1.min(b.1 - 1))),
        Binary::Mod if b.0 > 0 => Some((0, b.1 - 1)),
        Binary::Mod if b.1 < 0 => Some((b.0 + 1, 0)),
        Binary::Remainder if b.0 > 0 || b.1 < 0 => {
            let most = (size(b) - 1).min(size(a));
            Some((if a.0 < 0 { -most } else { 0 }, if a.1 > 0 { most } else { 0 }))
        }
        Binary::Pow if b.0 >= 0 => {
            let most = size(a).max(1).checked_pow(u32::try_from(b.1).ok()?)?;
            Some((if a.0 < 0 { -most } else { 0 }, most))
        }
        Binary::BitwiseAnd if a.0 >= 0 && b.0 >= 0 => Some((0, a.1.min(b.1))),
        _ => None,
    }
}

pub(super) fn of_unary(unary: Unary, operand: Interval) -> Option<Interval> {
    match (unary, operand) {
        (Unary::Neg, Integers(least, most)) => Some(Integers(-most, -least)),
        (Unary::Neg, Floats(least, most)) => Some(Floats(-most, -least)),
        (Unary::Abs, Integers(least, most)) => Some(Integers(
            if operand.includes_zero() { 0 } else { least.abs().min(most.abs()) },
            least.abs().max(most.abs()),
        )),
        (Unary::Abs, Floats(least, most)) => Some(Floats(0.0, least.abs().max(most.abs()))),
        (Unary::Sign, Integers(..)) => Some(Integers(-1, 1)),
        (Unary::Sign, Floats(..)) => Some(Floats(-1.0, 1.0)),
        (Unary::BitwiseNot, Integers(least, most)) => Some(Integers(-1 - most, -1 - least)),
        (Unary::Floor | Unary::Ceil | Unary::Round, Floats(least, most)) => {
            Some(Floats(least.floor(), most.ceil()))
        }
        (Unary::Sqrt, Floats(least, most)) if least >= 0.0 => Some(Floats(0.0, most.sqrt()).rounded(1)),
        (Unary::Activation(activation), Floats(least, most)) => of_activation(activation, least, most),
        _ => None,
    }
}

fn of_activation(activation: Activation, least: f64, most: f64) -> Option<Interval> {
    match activation {
        Activation::Relu => Some(Floats(least.max(0.0), most.max(0.0))),
        Activation::Sigmoid => Some(Floats(0.0, 1.0).rounded(1)),
        Activation::Tanh => Some(Floats(-1.0, 1.0).rounded(1)),
        Activation::Gelu | Activation::GeluTanh | Activation::QuickGelu | Activation::Silu => None,
    }
}

/// The range of the sum of so many elements, every sum on the way there included.
fn sums(operand: Interval, count: usize) -> Interval {
    match operand {
        Integers(least, most) => Integers((least * count as i128).min(0), (most * count as i128).max(0)),
        Floats(least, most) => {
            Floats((least * count as f64).min(0.0), (most * count as f64).max(0.0)).rounded(count)
        }
    }
}

pub(super) fn of_reduction(reduction: Reduction, operand: Interval, count: usize) -> Option<Interval> {
    match (reduction, operand) {
        // The sum that a mean of integers is divided from has to fit too.
        (Reduction::Sum, _) | (Reduction::Mean, Integers(..)) => Some(sums(operand, count)),
        (Reduction::Mean, Floats(..)) if count > 0 => Some(operand.rounded(count + 1)),
        (Reduction::Max | Reduction::Min, _) if count > 0 => Some(operand),
        (Reduction::Prod, Integers(least, most)) => {
            let most = least.abs().max(most.abs()).max(1).checked_pow(u32::try_from(count).ok()?)?;
            Some(Integers(-most, most))
        }
        _ => None,
    }
}

pub(super) fn of_cumulative_sum(operand: Interval, extent: usize, exclusive: bool) -> Option<Interval> {
    let all = sums(operand, extent);
    Some(match (operand, all) {
        // The first sum is the first element.
        (Integers(least, _), Integers(_, most)) if least > 0 && !exclusive => Integers(least, most),
        _ => all,
    })
}
