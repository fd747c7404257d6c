//! Matrix products and attention on Burn.

use burn::backend::ops::{ActivationOps, BoolTensorOps, FloatTensorOps, IntTensorOps};
use burn::backend::{Dispatch, DispatchTensor};
use graph::DataType;
use graph::ops::{Attention, Gemm, HeadLayout, MatMul, MatMulNBits};

use crate::elementwise::activate;
use crate::value::{BOOL, Family, Value};

/// A matrix product with its bias and activation.
pub fn matmul(matmul: &MatMul, left: Value, right: Value, bias: Option<Value>, shape: &[usize]) -> Value {
    let product = multiply(left, right, shape).reshape(shape);
    if product.family == Family::Int {
        return product;
    }
    let sum = match bias {
        Some(bias) => Dispatch::float_add(product.tensor, bias.expand(shape).tensor),
        None => product.tensor,
    };
    Value::float(match matmul.activation {
        Some(activation) => activate(activation, sum),
        None => sum,
    })
}

/// The plain product, its elements in the order of the result's shape.
fn multiply(left: Value, right: Value, result: &[usize]) -> Value {
    // A vector counts as a row on the left, as a column on the right.
    let (mut a, mut b) = (left.shape(), right.shape());
    if a.len() == 1 {
        a.insert(0, 1);
    }
    if b.len() == 1 {
        b.push(1);
    }
    let (rows, inner, columns) = (a[a.len() - 2], a[a.len() - 1], b[b.len() - 1]);
    if b.len() == 2 {
        // One matrix on the right: what is a batch on the left is only more rows.
        let all_rows = a[..a.len() - 1].iter().product();
        let (left, right) = (left.reshape(&[all_rows, inner]), right.reshape(&b));
        return times(left, right);
    }
    let batch = &result[..a.len().max(b.len()) - 2];
    let left = left.reshape(&a).expand(&[batch, &[rows, inner]].concat());
    let right = right.reshape(&b).expand(&[batch, &[inner, columns]].concat());
    times(left, right)
}

fn times(left: Value, right: Value) -> Value {
    match left.family {
        Family::Float => Value::float(Dispatch::float_matmul(left.tensor, right.tensor)),
        Family::Int | Family::Bool => Value::int(Dispatch::int_matmul(left.tensor, right.tensor)),
    }
}

/// A general matrix product.
pub fn gemm(gemm: &Gemm, a: Value, b: Value, c: Option<Value>, shape: &[usize]) -> Value {
    let turned = |operand: Value, turn: bool| if turn { operand.permute(&[1, 0]) } else { operand }.tensor;
    let product = Dispatch::float_matmul(turned(a, gemm.transpose_a), turned(b, gemm.transpose_b));
    let scaled = Dispatch::float_mul_scalar(product, gemm.alpha.into());
    Value::float(match c {
        Some(c) => {
            let added = Dispatch::float_mul_scalar(c.expand(shape).tensor, gemm.beta.into());
            Dispatch::float_add(scaled, added)
        }
        None => scaled,
    })
}

/// A product with packed weights, which are unpacked first.
pub fn matmul_n_bits(
    matmul: &MatMulNBits,
    a: Value,
    packed: Value,
    scales: Value,
    zeros: Option<Value>,
) -> Value {
    let (columns, blocks) = (packed.shape()[0], packed.shape()[1]);
    let inner = a.shape().last().copied().unwrap_or(1);
    let shape = [columns, blocks, matmul.block_size];
    let each_block = |values: Value| values.reshape(&[columns, blocks, 1]).expand(&shape).tensor;
    let numbers = unpacked(packed, matmul.bits).reshape(&shape).tensor;
    let centred = match zeros {
        Some(zeros) => {
            let zeros = unpacked(zeros, matmul.bits).slice(&[(0..columns).into(), (0..blocks).into()]);
            Dispatch::float_sub(numbers, each_block(zeros))
        }
        None => Dispatch::float_sub_scalar(numbers, f64::from(1 << (matmul.bits - 1)).into()),
    };
    let weights = Value::float(Dispatch::float_mul(centred, each_block(scales)));
    let weights = weights.reshape(&[columns, blocks * matmul.block_size]);
    let weights = weights.slice(&[(0..columns).into(), (0..inner).into()]).permute(&[1, 0]);
    multiply(a, weights, &[])
}

/// The numbers in each row of bytes as floats, the first of a byte in its lowest bits.
fn unpacked(bytes: Value, bits: usize) -> Value {
    let rows = bytes.shape()[0];
    let length: usize = bytes.shape()[1..].iter().product();
    let bytes = bytes.cast(DataType::I32).reshape(&[rows, length, 1]).tensor;
    let number = |shift: usize| {
        let shifted = Dispatch::bitwise_right_shift_scalar(bytes.clone(), (shift as i64).into());
        Value::int(Dispatch::bitwise_and_scalar(shifted, ((1i64 << bits) - 1).into()))
    };
    let numbers = Value::concatenate((0..8).step_by(bits).map(number).collect(), 2);
    numbers.reshape(&[rows, length * 8 / bits]).cast(DataType::F32)
}

/// Attention from its parts: Burn's own gives rows without any key zeros, whatever the graph asks for.
pub fn attention(attention: &Attention, operands: [Value; 3], mask: Option<Value>) -> Value {
    let [query, key, value] = operands;
    let query = heads_first(query, attention.query_layout, attention.heads);
    let shared = |operand, layout| {
        let operand = heads_first(operand, layout, attention.key_value_heads);
        repeat_heads(operand, attention.heads / attention.key_value_heads).tensor
    };
    let (key, value) = (shared(key, attention.key_layout), shared(value, attention.value_layout));
    let scores = Dispatch::float_matmul(query.tensor, Dispatch::float_swap_dims(key, 2, 3));
    let scores = masked(Dispatch::float_mul_scalar(scores, attention.scale.into()), mask);
    let mut weights = Dispatch::softmax(scores, 3);
    if attention.undefined_rows_are_zero {
        let undefined = Dispatch::float_is_nan(weights.clone(), BOOL);
        weights = Dispatch::float_mask_fill(weights, undefined, 0.0.into());
    }
    let result = Value::float(Dispatch::float_matmul(weights, value));
    match attention.output_layout {
        HeadLayout::HeadsFirst => result,
        HeadLayout::SequenceFirst => result.permute(&[0, 2, 1, 3]),
    }
}

/// `[batch, heads, sequence, depth]`, from any layout.
fn heads_first(operand: Value, layout: HeadLayout, heads: usize) -> Value {
    match (layout, operand.shape().as_slice()) {
        (HeadLayout::SequenceFirst, &[batch, sequence, width]) => {
            operand.reshape(&[batch, sequence, heads, width / heads]).permute(&[0, 2, 1, 3])
        }
        _ => operand,
    }
}

/// Each head as often as there are query heads that share it.
fn repeat_heads(operand: Value, times: usize) -> Value {
    match operand.shape().as_slice() {
        &[batch, heads, sequence, depth] if times > 1 => operand
            .reshape(&[batch, heads, 1, sequence, depth])
            .expand(&[batch, heads, times, sequence, depth])
            .reshape(&[batch, heads * times, sequence, depth]),
        _ => operand,
    }
}

fn masked(scores: DispatchTensor, mask: Option<Value>) -> DispatchTensor {
    let Some(mask) = mask else { return scores };
    let mask = mask.expand(&Value::float(scores.clone()).shape());
    match mask.family {
        Family::Bool => {
            Dispatch::float_mask_fill(scores, Dispatch::bool_not(mask.tensor), f64::NEG_INFINITY.into())
        }
        Family::Float | Family::Int => Dispatch::float_add(scores, mask.tensor),
    }
}
