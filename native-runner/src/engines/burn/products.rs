//! Matrix products, convolutions and attention on Burn.

use burn::backend::ops::{ActivationOps, BoolTensorOps, ConvOptions, FloatTensorOps, ModuleOps};
use burn::backend::{Dispatch, DispatchTensor};
use graph::ops::{Attention, Conv, Gemm, HeadLayout, MatMul};

use super::operators::activate;
use super::value::{BOOL, Family, Value};

/// A matrix product with its bias and activation.
pub fn matmul(matmul: &MatMul, left: Value, right: Value, bias: Option<Value>, shape: &[usize]) -> Value {
    let product = multiply(left, right, shape).reshape(shape);
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
        return Value::float(Dispatch::float_matmul(left.tensor, right.tensor));
    }
    let batch = &result[..a.len().max(b.len()) - 2];
    let left = left.reshape(&a).expand(&[batch, &[rows, inner]].concat());
    let right = right.reshape(&b).expand(&[batch, &[inner, columns]].concat());
    Value::float(Dispatch::float_matmul(left.tensor, right.tensor))
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

/// A convolution over one to three dimensions.
///
/// # Errors
/// Where there are more.
pub fn conv(conv: &Conv, x: Value, weight: Value, bias: Option<Value>) -> Result<Value, String> {
    let rank = conv.strides.len();
    let refused = || format!("its window has {rank} dimensions; Burn convolves over 1 to 3");
    let (x, weight, bias) = (x.tensor, weight.tensor, bias.map(|bias| bias.tensor));
    let sum = match rank {
        1 => Dispatch::conv1d(x, weight, bias, options(conv).ok_or_else(refused)?),
        2 => Dispatch::conv2d(x, weight, bias, options(conv).ok_or_else(refused)?),
        3 => Dispatch::conv3d(x, weight, bias, options(conv).ok_or_else(refused)?),
        _ => return Err(refused()),
    };
    Ok(Value::float(match conv.activation {
        Some(activation) => activate(activation, sum),
        None => sum,
    }))
}

fn options<const N: usize>(conv: &Conv) -> Option<ConvOptions<N>> {
    let pads = conv.pads_begin.iter().copied().zip(conv.pads_end.iter().copied());
    Some(ConvOptions {
        stride: conv.strides.as_slice().try_into().ok()?,
        padding: pads.collect::<Vec<_>>().try_into().ok()?,
        dilation: conv.dilations.as_slice().try_into().ok()?,
        groups: conv.groups,
    })
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
