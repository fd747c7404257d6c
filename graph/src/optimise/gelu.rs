//! GELU from its parts, in both forms and whatever order an exporter multiplies in.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use super::rewriter::{Rewrite, Rewriter, binary, first};
use crate::ir::ValueId;
use crate::ops::unary::QUICK;
use crate::ops::{Activation, Binary, Operator, Unary};

/// Constants are rounded to f32 by exporters, some twice.
const TOLERANCE: f64 = 1e-6;

/// `x · ½ · (1 + erf(x / √2))` and `x · ½ · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))`.
pub(super) fn fuse(rewriter: &mut Rewriter) -> Option<Rewrite> {
    binary(rewriter.node, Binary::Mul)?;
    let product = Product::new(rewriter, *rewriter.node.outputs.first()?, true);
    let [left, right] = product.operands[..] else { return None };
    if !is_close(product.factor, 0.5) {
        return None;
    }
    let named = |x: ValueId, gate: Option<Activation>| gate.map(|activation| (x, activation));
    let found =
        named(left, gate(rewriter, left, right)).or_else(|| named(right, gate(rewriter, right, left)));
    let (x, activation) = found?;
    Some(Rewrite::Replace(Operator::Unary(Unary::Activation(activation)), vec![Some(x)]))
}

/// `x · sigmoid(x)` and `x · sigmoid(1.702 · x)`.
pub(super) fn fuse_swish(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let (left, right) = binary(rewriter.node, Binary::Mul)?;
    let named = |x: ValueId, gate: Option<Activation>| gate.map(|activation| (x, activation));
    let found =
        named(left, swish(rewriter, left, right)).or_else(|| named(right, swish(rewriter, right, left)));
    let (x, activation) = found?;
    Some(Rewrite::Replace(Operator::Unary(Unary::Activation(activation)), vec![Some(x)]))
}

/// The activation, if `gate` is a sigmoid of x.
fn swish(rewriter: &Rewriter, x: ValueId, gate: ValueId) -> Option<Activation> {
    let node = rewriter.private(gate, 1)?;
    let is_sigmoid = node.operator == Operator::Unary(Unary::Activation(Activation::Sigmoid));
    let operand = is_sigmoid.then(|| first(node)).flatten()?;
    if operand == x {
        return Some(Activation::Silu);
    }
    let inner = Product::new(rewriter, operand, false);
    (inner.operands == [x] && is_close(inner.factor, QUICK)).then_some(Activation::QuickGelu)
}

/// The GELU, if `gate` is `1 + erf(…)` or `1 + tanh(…)` of x.
fn gate(rewriter: &Rewriter, x: ValueId, gate: ValueId) -> Option<Activation> {
    let function = plus_one(rewriter, gate)?;
    let node = rewriter.private(function, 1)?;
    let inner = Product::new(rewriter, first(node)?, false);
    let [operand] = inner.operands[..] else { return None };
    match node.operator {
        Operator::Unary(Unary::Erf) if operand == x && is_close(inner.factor, FRAC_1_SQRT_2) => {
            Some(Activation::Gelu)
        }
        Operator::Unary(Unary::Activation(Activation::Tanh))
            if is_cubic(rewriter, x, operand)? && is_close(inner.factor, FRAC_2_PI.sqrt()) =>
        {
            Some(Activation::GeluTanh)
        }
        _ => None,
    }
}

fn plus_one(rewriter: &Rewriter, sum: ValueId) -> Option<ValueId> {
    let (left, right) = binary(rewriter.private(sum, 1)?, Binary::Add)?;
    match (rewriter.scalar(left), rewriter.scalar(right)) {
        (Some(1.0), None) => Some(right),
        (None, Some(1.0)) => Some(left),
        _ => None,
    }
}

/// Returns whether the sum is `x + 0.044715 · x³`.
fn is_cubic(rewriter: &Rewriter, x: ValueId, sum: ValueId) -> Option<bool> {
    let (left, right) = binary(rewriter.private(sum, 1)?, Binary::Add)?;
    let cube = Product::new(rewriter, if left == x { right } else { left }, false);
    let is_cube = match cube.operands[..] {
        [power] => is_third_power(rewriter, x, power),
        ref factors => factors == [x; 3],
    };
    Some([left, right].contains(&x) && is_cube && is_close(cube.factor, 0.044715))
}

fn is_third_power(rewriter: &Rewriter, x: ValueId, power: ValueId) -> bool {
    let operands = rewriter.private(power, 1).and_then(|node| binary(node, Binary::Pow));
    operands.is_some_and(|(base, exponent)| {
        let exponent = rewriter.elements(exponent).map(|exponent| exponent.to_f32_vec());
        base == x && exponent.as_deref() == Some(&[3.0])
    })
}

fn is_close(given: f64, wanted: f64) -> bool {
    (given - wanted).abs() <= TOLERANCE * wanted
}

/// A value as a product: its constant factor, and the operands that are no such products themselves.
struct Product {
    factor: f64,
    operands: Vec<ValueId>,
}

impl Product {
    /// Takes apart what nobody else uses; the outermost node may be used by anyone if it `is_root`. Stops
    /// at more
    /// operands than any pattern here has.
    fn new(rewriter: &Rewriter, value: ValueId, is_root: bool) -> Product {
        let mut product = Product { factor: 1.0, operands: vec![] };
        let mut open = vec![value];
        while let Some(next) = open.pop().filter(|_| product.operands.len() < 4) {
            let node =
                if is_root && next == value { rewriter.producer(next) } else { rewriter.private(next, 1) };
            let quotient = node.and_then(|node| binary(node, Binary::Div));
            let quotient =
                quotient.and_then(|(dividend, divisor)| Some((dividend, rewriter.scalar(divisor)?)));
            if let Some(factor) = rewriter.scalar(next) {
                product.factor *= f64::from(factor);
            } else if let Some((left, right)) = node.and_then(|node| binary(node, Binary::Mul)) {
                open.extend([left, right]);
            } else if let Some((dividend, divisor)) = quotient {
                product.factor /= f64::from(divisor);
                open.push(dividend);
            } else {
                product.operands.push(next);
            }
        }
        product
    }
}
