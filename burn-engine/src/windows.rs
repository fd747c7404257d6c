//! Convolutions, pools and borders on Burn.

use burn::backend::ops::{ConvOptions, ConvTransposeOptions, FloatTensorOps, ModuleOps};
use burn::backend::{Dispatch, DispatchDevice};
use graph::ops::{
    Activation, Binary, Conv, ConvTranspose, Pad, PadMode, Pool, PoolKind, Reduce, Reduction, Slice,
};
use graph::{DataType, Tensor, TensorType};

use crate::elementwise::{activate, combine};
use crate::reductions::fold;
use crate::value::{Family, Value};

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
    Ok(activated(Value::float(sum), conv.activation))
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

/// A transposed convolution over one to three dimensions: all of it, and then the part that is wanted, as Burn cuts
/// off as much at the end as at the beginning.
///
/// # Errors
/// Where there are more dimensions.
pub fn conv_transpose(
    conv: &ConvTranspose,
    x: Value,
    weight: Value,
    bias: Option<Value>,
    shape: &[usize],
) -> Result<Value, String> {
    let rank = conv.strides.len();
    let refused = || format!("its window has {rank} dimensions; Burn convolves over 1 to 3");
    let (x, weight, bias) = (x.tensor, weight.tensor, bias.map(|bias| bias.tensor));
    let whole = match rank {
        1 => Dispatch::conv_transpose1d(x, weight, bias, transposed_options(conv).ok_or_else(refused)?),
        2 => Dispatch::conv_transpose2d(x, weight, bias, transposed_options(conv).ok_or_else(refused)?),
        3 => Dispatch::conv_transpose3d(x, weight, bias, transposed_options(conv).ok_or_else(refused)?),
        _ => return Err(refused()),
    };
    let starts = [&[0, 0], conv.pads_begin.as_slice()].concat();
    let part = Slice { starts, steps: vec![1; shape.len()], shape: shape.to_vec() };
    Ok(activated(Value::float(whole).window(&part), conv.activation))
}

fn transposed_options<const N: usize>(conv: &ConvTranspose) -> Option<ConvTransposeOptions<N>> {
    Some(ConvTransposeOptions {
        stride: conv.strides.as_slice().try_into().ok()?,
        padding: [0; N],
        padding_out: conv.output_padding.as_slice().try_into().ok()?,
        dilation: conv.dilations.as_slice().try_into().ok()?,
        groups: conv.groups,
    })
}

fn activated(x: Value, activation: Option<Activation>) -> Value {
    match activation {
        Some(activation) => Value::float(activate(activation, x.tensor)),
        None => x,
    }
}

/// A border, axis by axis.
pub fn pad(pad: &Pad, x: Value, fill: Option<Value>, result: &TensorType, device: &DispatchDevice) -> Value {
    if pad.mode == PadMode::Constant {
        let zero = || Value::upload(&Tensor::zeros(&TensorType::new(result.data_type, [1])), device);
        return bordered(x, fill.unwrap_or_else(zero), &pad.before, &result.shape);
    }
    let mut x = x;
    for axis in 0..result.shape.len() {
        let (extent, before) = (x.shape()[axis], pad.before[axis] as isize);
        if extent != result.shape[axis] {
            let places = 0..result.shape[axis] as isize;
            let sources = places.filter_map(|at| pad.mode.source(at - before, extent));
            let sources: Vec<i64> = sources.map(|source| source as i64).collect();
            let indices = Value::upload(&Tensor::vector(sources), device);
            x = x.select(axis, indices.tensor);
        }
    }
    x
}

/// A border of one element all around, up to a shape.
fn bordered(x: Value, fill: Value, before: &[usize], shape: &[usize]) -> Value {
    let fill = fill.reshape(&[1]);
    if x.shape().contains(&0) {
        return fill.expand(shape);
    }
    let border = |extent: usize, axis: usize, around: &Value| {
        let mut border = around.shape();
        border[axis] = extent;
        (extent > 0).then(|| fill.clone().expand(&border))
    };
    (0..shape.len()).fold(x, |x, axis| {
        let after = shape[axis] - before[axis] - x.shape()[axis];
        let (first, last) = (border(before[axis], axis, &x), border(after, axis, &x));
        Value::concatenate([first, Some(x), last].into_iter().flatten().collect(), axis)
    })
}

/// A pool over any number of dimensions: the elements that one tap of the window meets are a slice, and those of all
/// taps are folded.
///
/// # Errors
/// None that a graph can cause.
pub fn pool(pool: &Pool, x: Value, result: &TensorType, device: &DispatchDevice) -> Result<Value, String> {
    let shape = x.shape();
    let x = match pool.kind {
        PoolKind::Lp { p } => {
            let sizes = Dispatch::float_abs(x.tensor);
            Value::float(Dispatch::float_powf_scalar(sizes, f64::from(p).into()))
        }
        PoolKind::Max | PoolKind::Average { .. } => x,
    };
    let is_whole = pool.kernel == shape[2..] && result.shape[2..].iter().all(|&positions| positions == 1);
    let folded = if is_whole && pool.pads_begin.iter().chain(&pool.pads_end).all(|&pad| pad == 0) {
        let max = pool.kind == PoolKind::Max;
        let reduction = if max { Reduction::Max } else { Reduction::Sum };
        fold(&Reduce { reduction, axes: (2..shape.len()).collect(), keep_dimensions: true }, x)
    } else {
        taps(pool, x, result, device)?
    };
    Ok(match pool.kind {
        PoolKind::Max => folded,
        PoolKind::Lp { p } => {
            Value::float(Dispatch::float_powf_scalar(folded.tensor, (1.0 / f64::from(p)).into()))
        }
        PoolKind::Average { count_include_pad } => {
            let counts =
                Value::upload(&counts(pool, &shape[2..], &result.shape[2..], count_include_pad), device);
            let folded = folded.reshape(&result.shape);
            Value::float(Dispatch::float_div(folded.tensor, counts.expand(&result.shape).tensor))
        }
    })
}

fn taps(pool: &Pool, x: Value, result: &TensorType, device: &DispatchDevice) -> Result<Value, String> {
    let shape = x.shape();
    let (filler, operator) = match pool.kind {
        PoolKind::Max => (lowest(x.family, result.data_type, device), Binary::Max),
        PoolKind::Average { .. } | PoolKind::Lp { .. } => {
            (Value::upload(&Tensor::vector(vec![0f32]), device), Binary::Add)
        }
    };
    let reach = |axis: usize| {
        let last = (result.shape[axis + 2] - 1) * pool.strides[axis];
        let end = last + (pool.kernel[axis] - 1) * pool.dilations[axis] + 1;
        end.max(pool.pads_begin[axis] + shape[axis + 2])
    };
    let spatial = 0..pool.kernel.len();
    let padded = [shape[..2].to_vec(), spatial.clone().map(reach).collect()].concat();
    let x = bordered(x, filler, &[&[0, 0], pool.pads_begin.as_slice()].concat(), &padded);
    let part = |tap: usize| {
        let mut rest = tap;
        let mut starts = vec![0; shape.len()];
        for axis in spatial.clone().rev() {
            starts[axis + 2] = rest % pool.kernel[axis] * pool.dilations[axis];
            rest /= pool.kernel[axis];
        }
        let steps = pool.strides.iter().map(|&stride| stride as isize);
        let steps = [1, 1].into_iter().chain(steps).collect();
        x.clone().window(&Slice { starts, steps, shape: result.shape.clone() })
    };
    let count: usize = pool.kernel.iter().product();
    (1..count).try_fold(part(0), |folded, tap| combine(operator, folded, part(tap), result))
}

/// The smallest number of a type.
fn lowest(family: Family, data_type: DataType, device: &DispatchDevice) -> Value {
    if family == Family::Float {
        return Value::upload(&Tensor::vector(vec![f32::NEG_INFINITY]), device);
    }
    let lowest = match data_type {
        DataType::I64 | DataType::F32 | DataType::F16 => i64::MIN,
        DataType::I32 => i64::from(i32::MIN),
        DataType::I8 => i64::from(i8::MIN),
        DataType::U8 | DataType::Bool => 0,
    };
    Value::upload(&Tensor::vector(vec![lowest]), device).cast(data_type)
}

/// For each position of the window, how many elements count, or 1 where none does.
fn counts(pool: &Pool, spatial: &[usize], positions: &[usize], with_padding: bool) -> Tensor {
    let along = |axis: usize, position: usize| {
        let (begin, end) = (pool.pads_begin[axis], pool.pads_begin[axis] + spatial[axis]);
        let counted = if with_padding { 0..end + pool.pads_end[axis] } else { begin..end };
        let taps =
            (0..pool.kernel[axis]).map(|tap| position * pool.strides[axis] + tap * pool.dilations[axis]);
        taps.filter(|at| counted.contains(at)).count()
    };
    let count = |at: usize| {
        let mut rest = at;
        let mut count = 1;
        for axis in (0..positions.len()).rev() {
            count *= along(axis, rest % positions[axis]);
            rest /= positions[axis];
        }
        count.max(1) as f32
    };
    let elements: Vec<f32> = (0..positions.iter().product()).map(count).collect();
    Tensor { shape: [&[1, 1], positions].concat(), data: elements.into() }
}
