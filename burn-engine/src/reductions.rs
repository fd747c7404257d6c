//! Operators along axes on Burn: reductions, normalisation, running sums.

use burn::backend::ops::{FloatTensorOps, IntTensorOps, ModuleOps};
use burn::backend::{Dispatch, DispatchDevice, DispatchTensor};
use graph::ops::{CumulativeSum, LayerNormalization, Reduce, Reduction, Slice};
use graph::{DataType, Tensor, TensorType};

use crate::value::{Family, Value};

/// A reduction, its axes kept with extent 1.
pub fn fold(reduce: &Reduce, x: Value) -> Value {
    let shape = x.shape();
    let count: usize = reduce.axes.iter().map(|&axis| shape[axis]).product();
    let Value { family, tensor } = x;
    let float = family == Family::Float;
    let each_axis = |tensor, operation: fn(DispatchTensor, usize) -> DispatchTensor| {
        reduce.axes.iter().fold(tensor, |tensor, &axis| operation(tensor, axis))
    };
    let sum = if float { Dispatch::float_sum_dim } else { Dispatch::int_sum_dim };
    let tensor = match reduce.reduction {
        Reduction::Sum => each_axis(tensor, sum),
        Reduction::Mean if float => Dispatch::float_div_scalar(each_axis(tensor, sum), (count as f64).into()),
        Reduction::Mean => Dispatch::int_div_scalar(each_axis(tensor, sum), (count as i64).into()),
        Reduction::Max if float => each_axis(tensor, Dispatch::float_max_dim),
        Reduction::Max => each_axis(tensor, Dispatch::int_max_dim),
        Reduction::Min if float => each_axis(tensor, Dispatch::float_min_dim),
        Reduction::Min => each_axis(tensor, Dispatch::int_min_dim),
        Reduction::Prod if float => each_axis(tensor, Dispatch::float_prod_dim),
        Reduction::Prod => each_axis(tensor, Dispatch::int_prod_dim),
        Reduction::L2 => {
            let x = Value { family, tensor }.cast(DataType::F32).tensor;
            let squares = Dispatch::float_mul(x.clone(), x);
            return Value::float(Dispatch::float_sqrt(each_axis(squares, Dispatch::float_sum_dim)));
        }
    };
    Value { family, tensor }
}

/// Layer normalisation, or that by the root mean square.
pub fn normalise(norm: &LayerNormalization, x: Value, scale: Value, bias: Option<Value>) -> Value {
    let shape = x.shape();
    // Burn normalises over the last dimension alone.
    let length: usize = shape[norm.axis..].iter().product();
    let x = x.reshape(&[shape[..norm.axis].iter().product(), length]);
    let scale = scale.reshape(&[length]).tensor;
    let bias = bias.map(|bias| bias.reshape(&[length]).tensor);
    if norm.center {
        return Value::float(Dispatch::layer_norm(x.tensor, scale, bias, f64::from(norm.epsilon)));
    }
    let shape = x.shape();
    let expand = |tensor| Value::float(tensor).expand(&shape).tensor;
    let squares = Dispatch::float_mul(x.tensor.clone(), x.tensor.clone());
    let mean = Dispatch::float_mean_dim(squares, 1);
    let size = Dispatch::float_sqrt(Dispatch::float_add_scalar(mean, f64::from(norm.epsilon).into()));
    let normal = Dispatch::float_mul(Dispatch::float_div(x.tensor, expand(size)), expand(scale));
    Value::float(match bias {
        Some(bias) => Dispatch::float_add(normal, expand(bias)),
        None => normal,
    })
}

/// Sums up to each element, in i64 where they are integers, to wrap around as their own type does.
pub fn running_sum(
    operator: &CumulativeSum,
    x: Value,
    result: &TensorType,
    device: &DispatchDevice,
) -> Value {
    let (shape, axis) = (x.shape(), operator.axis);
    let reversed: &[usize] = if operator.reverse { &[axis] } else { &[] };
    let mut x = x.flip(reversed);
    if operator.exclusive {
        let mut slice = Slice { starts: vec![0; shape.len()], steps: vec![1; shape.len()], shape };
        slice.shape[axis] = 1;
        let zeros = TensorType::new(result.data_type, slice.shape.clone());
        let first = Value::upload(&Tensor::zeros(&zeros), device);
        slice.shape[axis] = result.shape[axis] - 1;
        let rest = (slice.shape[axis] > 0).then(|| x.window(&slice));
        x = Value::concatenate(std::iter::once(first).chain(rest).collect(), axis);
    }
    let sums = match x.family {
        Family::Float => Value::float(Dispatch::float_cumsum(x.tensor, axis)),
        Family::Int | Family::Bool => {
            let sums = Dispatch::int_cumsum(x.cast(DataType::I64).tensor, axis);
            Value::int(sums).cast(result.data_type)
        }
    };
    sums.flip(reversed)
}
