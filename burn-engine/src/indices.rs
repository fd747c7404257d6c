//! Operators that go by index, on Burn: picking, writing, and finding indices.

use burn::backend::ops::{BoolTensorOps, FloatTensorOps, IntTensorOps};
use burn::backend::{Dispatch, DispatchDevice, DispatchTensor};
use burn::tensor::IndexingUpdateOp;
use graph::ops::{ArgReduce, Gather, GatherElements, GatherNd, Scatter, ScatterElements, ScatterNd};
use graph::{DataType, Operator, Tensor, TensorType};

use crate::value::{BOOL, Family, Value};

/// Slices along an axis.
pub fn gather(gather: &Gather, x: Value, indices: Value) -> Value {
    let count = indices.shape().iter().product();
    let extent = x.shape()[gather.axis];
    x.select(gather.axis, from_front(indices.reshape(&[count]).tensor, extent))
}

/// Elements of the flattened tensor, at the offsets that the indices name.
pub fn gather_elements(gather: &GatherElements, x: Value, indices: Value, device: &DispatchDevice) -> Value {
    let shape = x.shape();
    let offsets = element_offsets(&shape, indices, gather.axis, device);
    x.reshape(&[shape.iter().product()]).select(0, offsets)
}

/// Rows of the flattened tensor, at the offsets that the tuples name.
pub fn gather_nd(gather: &GatherNd, x: Value, tuples: Value, device: &DispatchDevice) -> Value {
    let (shape, lead) = (x.shape(), tuples.shape());
    let batch = gather.batch_dimensions;
    let (count, length) = (lead[..lead.len() - 1].iter().product::<usize>(), lead[lead.len() - 1]);
    let window: usize = shape[batch + length..].iter().product();
    let rows: usize = shape[..batch + length].iter().product();
    let rows_per_batch: usize = shape[batch..batch + length].iter().product();
    let tuples_per_batch = count / shape[..batch].iter().product::<usize>();
    let starts = (0..count).map(|at| (at / tuples_per_batch * rows_per_batch) as i64).collect();
    let tuples = tuples.reshape(&[count, length]);
    let offsets = tuple_offsets(&shape[batch..batch + length], tuples, starts, rows, device);
    x.reshape(&[rows, window]).select(0, offsets)
}

/// The data with updates at the indices that lie along an axis.
pub fn scatter_elements(
    scatter: &ScatterElements,
    data: Value,
    indices: Value,
    updates: Value,
    result: &TensorType,
    device: &DispatchDevice,
) -> Value {
    if indices.shape().contains(&0) {
        return data;
    }
    let offsets = element_offsets(&data.shape(), indices, scatter.axis, device);
    join(scatter.scatter, data, offsets, updates, result, device)
}

/// The data with updates at the index tuples.
pub fn scatter_nd(
    scatter: &ScatterNd,
    data: Value,
    tuples: Value,
    updates: Value,
    result: &TensorType,
    device: &DispatchDevice,
) -> Value {
    let (shape, lead) = (&result.shape, tuples.shape());
    let (count, length) = (lead[..lead.len() - 1].iter().product::<usize>(), lead[lead.len() - 1]);
    let window: usize = shape[length..].iter().product();
    if updates.shape().contains(&0) {
        return data;
    }
    let rows = shape[..length].iter().product();
    let offsets = if length == 0 {
        numbers((0..count).map(|_| 0).collect(), device)
    } else {
        tuple_offsets(&shape[..length], tuples.reshape(&[count, length]), vec![0; count], rows, device)
    };
    let starts = Dispatch::int_mul_scalar(offsets, (window as i64).into());
    let starts = Value::int(starts).reshape(&[count, 1]).expand(&[count, window]);
    let steps = Value::int(numbers((0..window as i64).collect(), device)).expand(&[count, window]);
    let places = Value::int(Dispatch::int_add(starts.tensor, steps.tensor)).reshape(&[count * window]);
    join(scatter.scatter, data, places.tensor, updates, result, device)
}

/// The index of the first of the largest or smallest elements along an axis, or of the last.
pub fn arg_reduce(search: &ArgReduce, x: Value, device: &DispatchDevice) -> Value {
    let (shape, axis) = (x.shape(), search.axis);
    let extent = shape[axis];
    let mut along = vec![1; shape.len()];
    along[axis] = extent;
    let places = Value::int(numbers((0..extent as i64).collect(), device)).reshape(&along).expand(&shape);
    let others = Dispatch::bool_not(winners(search, x));
    Value::int(if search.last {
        Dispatch::int_max_dim(Dispatch::int_mask_fill(places.tensor, others, (-1).into()), axis)
    } else {
        let outside = (extent as i64).into();
        Dispatch::int_min_dim(Dispatch::int_mask_fill(places.tensor, others, outside), axis)
    })
}

/// The order of the elements along an axis. Found on the host, as Burn's own sort is, which leaves equal elements in
/// any order.
///
/// # Errors
/// Where the elements cannot be read.
pub fn order(operator: &Operator, x: Value, device: &DispatchDevice) -> Result<Value, String> {
    let data_type = if x.family == Family::Float { DataType::F32 } else { DataType::I64 };
    let tensor_type = TensorType::new(data_type, x.shape());
    let tensor = x.cast(data_type).download(&tensor_type)?;
    let order = operator.evaluate(&[Some(&tensor)]).map_err(|error| error.to_string())?;
    Ok(Value::upload(&order[0], device))
}

/// Bools: the largest or smallest elements of their row; NaN is larger than every number.
fn winners(search: &ArgReduce, x: Value) -> DispatchTensor {
    let (shape, axis) = (x.shape(), search.axis);
    let of_row = |value: Value| value.expand(&shape).tensor;
    if x.family != Family::Float {
        let best = if search.largest { Dispatch::int_max_dim } else { Dispatch::int_min_dim };
        let best = best(x.tensor.clone(), axis);
        return Dispatch::int_equal(x.tensor, of_row(Value::int(best)), BOOL);
    }
    let unknown = Dispatch::float_is_nan(x.tensor.clone(), BOOL);
    let known = |filler: f64| Dispatch::float_mask_fill(x.tensor.clone(), unknown.clone(), filler.into());
    if search.largest {
        let best = Dispatch::float_max_dim(known(f64::NEG_INFINITY), axis);
        let equal = Dispatch::float_equal(x.tensor.clone(), of_row(Value::float(best)), BOOL);
        let any = Dispatch::bool_any_dim(unknown.clone(), axis);
        Dispatch::bool_mask_where(equal, of_row(Value::bool(any)), unknown)
    } else {
        let best = Dispatch::float_min_dim(known(f64::INFINITY), axis);
        let equal = Dispatch::float_equal(x.tensor.clone(), of_row(Value::float(best)), BOOL);
        let all = Dispatch::bool_all_dim(unknown, axis);
        Dispatch::bool_or(equal, of_row(Value::bool(all)))
    }
}

/// The flattened data with updates at these offsets. Integers are joined as i64, to wrap around as their own type does.
fn join(
    scatter: Scatter,
    data: Value,
    offsets: DispatchTensor,
    updates: Value,
    result: &TensorType,
    device: &DispatchDevice,
) -> Value {
    let how = match scatter {
        Scatter::Replace => IndexingUpdateOp::Assign,
        Scatter::Add => IndexingUpdateOp::Add,
        Scatter::Mul => IndexingUpdateOp::Mul,
        Scatter::Max => IndexingUpdateOp::Max,
        Scatter::Min => IndexingUpdateOp::Min,
    };
    let flat = |value: Value| {
        let count = value.shape().iter().product();
        value.reshape(&[count])
    };
    let (data, updates) = (flat(data), flat(updates));
    if data.family != Family::Float {
        let (data, updates) = (data.cast(DataType::I64).tensor, updates.cast(DataType::I64).tensor);
        return Value::int(Dispatch::int_scatter(0, data, offsets, updates, how)).cast(result.data_type);
    }
    let joined =
        Dispatch::float_scatter(0, data.tensor.clone(), offsets.clone(), updates.tensor.clone(), how);
    if !matches!(scatter, Scatter::Max | Scatter::Min) {
        return Value::float(joined);
    }
    // In Burn's comparisons a NaN never wins.
    let unknown = Value::bool(Dispatch::float_is_nan(updates.tensor, BOOL)).cast(DataType::F32);
    let none = Value::upload(&Tensor::zeros(&TensorType::new(DataType::F32, data.shape())), device);
    let marks = Dispatch::float_scatter(0, none.tensor, offsets, unknown.tensor, IndexingUpdateOp::Max);
    let unknown = Dispatch::float_greater_elem(marks, 0.0.into(), BOOL);
    Value::float(Dispatch::float_mask_fill(joined, unknown, f64::NAN.into()))
}

/// A tensor of one dimension.
fn numbers(numbers: Vec<i64>, device: &DispatchDevice) -> DispatchTensor {
    Value::upload(&Tensor::vector(numbers), device).tensor
}

/// Indices counted from the front; those outside stay outside, for Burn to refuse.
fn from_front(indices: DispatchTensor, extent: usize) -> DispatchTensor {
    let negative = Dispatch::int_lower_elem(indices.clone(), 0.into(), BOOL);
    let wrapped = Dispatch::int_add_scalar(indices.clone(), (extent as i64).into());
    Dispatch::int_mask_where(indices, negative, wrapped)
}

/// Indices from the front; those outside lie beyond everything: they must not find an element that is another index's.
fn checked(indices: DispatchTensor, extent: usize, beyond: usize) -> DispatchTensor {
    let index = from_front(indices, extent);
    let below = Dispatch::int_lower_elem(index.clone(), 0.into(), BOOL);
    let above = Dispatch::int_greater_equal_elem(index.clone(), (extent as i64).into(), BOOL);
    Dispatch::int_mask_fill(index, Dispatch::bool_or(below, above), (beyond as i64).into())
}

/// For each index along an axis, the offset of the element it names.
fn element_offsets(shape: &[usize], indices: Value, axis: usize, device: &DispatchDevice) -> DispatchTensor {
    let (given, total) = (indices.shape(), shape.iter().product::<usize>());
    let strides: Vec<usize> = (0..shape.len()).map(|at| shape[at + 1..].iter().product()).collect();
    let start = |mut rest: usize| {
        let mut start = 0;
        for at in (0..given.len()).rev() {
            start += if at == axis { 0 } else { rest % given[at] * strides[at] };
            rest /= given[at];
        }
        start as i64
    };
    let count = given.iter().product();
    let starts = numbers((0..count).map(start).collect(), device);
    let indices = indices.cast(DataType::I64).reshape(&[count]).tensor;
    let along = Dispatch::int_mul_scalar(checked(indices, shape[axis], total), (strides[axis] as i64).into());
    Dispatch::int_add(starts, along)
}

/// For each index tuple, of one component per extent, the number of the row that it names, counted from a start.
fn tuple_offsets(
    extents: &[usize],
    tuples: Value,
    starts: Vec<i64>,
    rows: usize,
    device: &DispatchDevice,
) -> DispatchTensor {
    let count = starts.len();
    let tuples = tuples.cast(DataType::I64);
    let mut offsets = numbers(starts, device);
    for (at, &extent) in extents.iter().enumerate() {
        let stride: usize = extents[at + 1..].iter().product();
        let column = tuples.clone().slice(&[(0..count).into(), (at..at + 1).into()]).reshape(&[count]);
        let index = checked(column.tensor, extent, rows);
        offsets = Dispatch::int_add(offsets, Dispatch::int_mul_scalar(index, (stride as i64).into()));
    }
    offsets
}
