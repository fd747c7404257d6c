//! Cases of what is not a number, is infinite or does not fit, and of large angles: right answers that look wrong.

use super::Case;
use super::table::{Cases, floats, given};
use crate::ops::*;
use crate::{DataType, Tensor, TensorType};

const NAN: f32 = f32::NAN;
const INFINITY: f32 = f32::INFINITY;

/// Cases for engines that keep what is not a number.
pub fn extremes() -> Vec<Case> {
    let mut cases = Cases::default();
    functions(&mut cases);
    angles(&mut cases);
    pairs(&mut cases);
    rows(&mut cases);
    attentions(&mut cases);
    cases.0
}

fn functions(cases: &mut Cases) {
    use Unary::{
        Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, Ceil, Cos, Cosh, Erf, Exp, Floor, Log, Neg, Reciprocal,
        Round, Sign, Sin, Sinh, Sqrt, Tan,
    };
    let activations = [
        Activation::Relu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::QuickGelu,
        Activation::Sigmoid,
        Activation::Silu,
        Activation::Tanh,
    ];
    let functions = [
        Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, Ceil, Cos, Cosh, Erf, Exp, Floor, Log, Neg, Reciprocal,
        Round, Sign, Sin, Sinh, Sqrt, Tan,
    ];
    let numbers = [NAN, INFINITY, -INFINITY, 0.0, -0.0, -1.0, 1.0, 100.0, -100.0, 88.5, -NAN, 3e38];
    for operator in functions.into_iter().chain(activations.map(Unary::Activation)) {
        for count in [12, 9] {
            let input = given(&[count], &numbers[..count]);
            cases.float(&format!("{operator:?} of {count} extremes"), operator, vec![Some(input)], &[count]);
        }
    }
}

/// Angles are exact numbers, however large: what is known of their sine is the sine of that number.
fn angles(cases: &mut Cases) {
    let small = [0.5, 0.785, 0.786, 1.56, 1.58, 3.13, -3.15, 4.71, 6.29, -0.1, 12.2, -5.5];
    let large = [2000.0, 32767.0, 131071.0, -1e5, 1e6, 1e8, -1e10, 1e20, 3e38, 1e-20, 16367173.0, 0.0];
    for operator in [Unary::Sin, Unary::Cos, Unary::Tan] {
        for (name, numbers) in [("small", small), ("large", large)] {
            let name = format!("{operator:?} of {name} angles");
            cases.float(&name, operator, vec![Some(given(&[12], &numbers))], &[12]);
        }
    }
}

/// Every pair of some numbers.
fn pairs(cases: &mut Cases) {
    let numbers = [NAN, INFINITY, -INFINITY, 0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -3.0, 1e8];
    let count = numbers.len();
    let inputs = || vec![Some(given(&[count, 1], &numbers)), Some(given(&[count], &numbers))];
    for operator in [Binary::Max, Binary::Min, Binary::Pow, Binary::Remainder] {
        cases.float(&format!("{operator:?} of extremes"), operator, inputs(), &[count, count]);
    }
    let output = TensorType::new(DataType::Bool, [count, count]);
    for operator in [Binary::Equal, Binary::Greater, Binary::LessOrEqual] {
        cases.add(&format!("{operator:?} of extremes"), operator, inputs(), output.clone());
    }
    let (left, right) = ([1e8, 0.3, 5.3, -5.3, 1e30, 7e-40], [3.0, 0.1, 2.0, -2.0, 0.7, 3e-40]);
    let inputs = vec![Some(given(&[6], &left)), Some(given(&[6], &right))];
    cases.float("Remainder of large quotients", Binary::Remainder, inputs, &[6]);
}

/// One bad element makes a row bad, and no other.
fn rows(cases: &mut Cases) {
    for (name, extent, odd) in [("NaN", 40, NAN), ("infinite", 40, INFINITY), ("NaN, long", 600, NAN)] {
        let mut elements: Vec<f32> = (0..3 * extent).map(|i| (i % 7) as f32 - 3.0).collect();
        elements[extent + extent / 2] = odd;
        elements[2 * extent..].fill(-INFINITY);
        elements[2 * extent] = 1.0;
        let input = given(&[3, extent], &elements);
        let one = || vec![Some(input.clone())];
        cases.float(&format!("softmax of a row, {name}"), Softmax { axis: 1 }, one(), &[3, extent]);
        for reduction in [Reduction::Sum, Reduction::Max, Reduction::Min] {
            let operator = Reduce { reduction, axes: vec![1], keep_dimensions: false };
            cases.float(&format!("reduce {reduction:?} of a row, {name}"), operator, one(), &[3]);
        }
        let scale = Some(given(&[extent], &vec![1.0; extent]));
        let operator = LayerNormalization { axis: 1, epsilon: 1e-5, center: true };
        let inputs = vec![Some(input.clone()), scale];
        cases.float(&format!("layer_normalization of a row, {name}"), operator, inputs, &[3, extent]);
    }
}

/// A bad query spoils its row, a bad key all rows, a bad value one column.
fn attentions(cases: &mut Cases) {
    let layout = HeadLayout::HeadsFirst;
    let operator = |undefined_rows_are_zero| Attention {
        heads: 1,
        key_value_heads: 1,
        scale: 0.5,
        undefined_rows_are_zero,
        query_layout: layout,
        key_layout: layout,
        value_layout: layout,
        output_layout: layout,
    };
    for queries in [2, 5, 70] {
        for (which, name) in ["query", "key", "value"].into_iter().enumerate() {
            let operand = |(index, (rows, seed)): (usize, (usize, u32))| {
                let mut elements = floats(&[rows * 8], seed).to_f32_vec();
                if index == which {
                    elements[8] = NAN;
                }
                Some(given(&[1, 1, rows, 8], &elements))
            };
            let operands = [(queries, 81), (9, 82), (9, 83)];
            let inputs: Vec<Option<Tensor>> = operands.into_iter().enumerate().map(operand).collect();
            let name = format!("attention of {queries} rows, NaN in a {name}");
            cases.float(&name, operator(false), inputs, &[1, 1, queries, 8]);
        }
    }
}
