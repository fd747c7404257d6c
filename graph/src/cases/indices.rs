//! Cases of operators that take indices or give them.

use super::table::{Cases, floats, given, whole};
use crate::ops::*;
use crate::{Data, DataType, Tensor, TensorType};

/// Adds the cases.
pub(super) fn add(cases: &mut Cases) {
    gathers(cases);
    gathered_elements(cases);
    scatters(cases);
    slices(cases);
    orders(cases);
    extremes(cases);
    sums(cases);
}

fn indices(shape: &[usize], elements: &[i64]) -> Tensor {
    Tensor { shape: shape.to_vec(), data: Data::I64(elements.into()) }
}

fn gathers(cases: &mut Cases) {
    let ids = indices(&[2, 2], &[0, -1, 2, 1]);
    for (name, x, axis, y) in [
        ("rows", &[3, 8][..], 0, &[2, 2, 8][..]),
        ("odd rows", &[3, 5], 0, &[2, 2, 5]),
        ("columns", &[2, 3], 1, &[2, 2, 2]),
        ("middle", &[2, 3, 4], 1, &[2, 2, 2, 4]),
    ] {
        let inputs = vec![Some(floats(x, 95)), Some(ids.clone())];
        cases.float(&format!("gather {name}"), Gather { axis }, inputs, y);
    }
    for (name, x, batch_dimensions, tuples, y) in [
        ("elements", &[3, 4][..], 0, indices(&[2, 2], &[0, 1, -1, 2]), &[2][..]),
        ("rows", &[3, 4], 0, indices(&[2, 1], &[2, -3]), &[2, 4]),
        ("batches", &[2, 3, 4], 1, indices(&[2, 1], &[1, 2]), &[2, 4]),
        ("batches of elements", &[2, 3, 5], 1, indices(&[2, 2, 2], &[0, 1, 2, 3, 1, -1, 0, 0]), &[2, 2]),
    ] {
        let inputs = vec![Some(floats(x, 96)), Some(tuples)];
        cases.float(&format!("gather_nd {name}"), GatherNd { batch_dimensions }, inputs, y);
    }
}

fn gathered_elements(cases: &mut Cases) {
    for (name, x, axis, at) in [
        ("columns", &[3, 4][..], 1, indices(&[3, 2], &[0, 3, -1, 1, 2, -4])),
        ("rows", &[3, 4], 0, indices(&[2, 4], &[0, 1, 2, 0, -1, -2, 1, 2])),
        ("fewer", &[3, 4, 5], 1, indices(&[2, 3, 1], &[0, 3, 1, 2, -1, 0])),
        ("vectors", &[6], 0, indices(&[4], &[5, 0, -6, 3])),
        ("none", &[3, 4], 1, indices(&[3, 0], &[])),
    ] {
        for data_type in [DataType::F32, DataType::I64, DataType::U8, DataType::Bool] {
            let inputs = vec![Some(whole(data_type, x, 111)), Some(at.clone())];
            let output = TensorType::new(data_type, at.shape.as_slice());
            let name = format!("gather_elements {name} {data_type}");
            cases.add(&name, GatherElements { axis }, inputs, output);
        }
    }
    let at = Tensor { shape: vec![1, 2], data: Data::I32([1, -3].into()) };
    cases.float(
        "gather_elements i32",
        GatherElements { axis: 0 },
        vec![Some(floats(&[3, 4], 112)), Some(at)],
        &[1, 2],
    );
}

const SCATTERS: [Scatter; 5] = [Scatter::Replace, Scatter::Add, Scatter::Mul, Scatter::Max, Scatter::Min];

/// Types that a scatter takes.
fn scattered(scatter: Scatter) -> &'static [DataType] {
    match scatter {
        Scatter::Replace => &DataType::ALL,
        Scatter::Add | Scatter::Mul | Scatter::Max | Scatter::Min => {
            &[DataType::F32, DataType::I64, DataType::I32, DataType::U8, DataType::I8]
        }
    }
}

fn scatters(cases: &mut Cases) {
    for (name, x, axis, at) in [
        ("columns", &[3, 4][..], 1, indices(&[3, 2], &[0, 3, -1, 1, 2, -4])),
        ("meeting in rows", &[3, 4], 0, indices(&[2, 4], &[0, 1, 2, 0, 0, -2, -1, 2])),
        ("meeting, fewer", &[3, 4, 5], 1, indices(&[2, 3, 1], &[3, -1, 3, 2, 0, 2])),
        ("none", &[3, 4], 1, indices(&[3, 0], &[])),
    ] {
        for scatter in SCATTERS {
            for &data_type in scattered(scatter) {
                let updates = whole(data_type, &at.shape, 114);
                let inputs = vec![Some(whole(data_type, x, 113)), Some(at.clone()), Some(updates)];
                let name = format!("scatter_elements {scatter:?} {name} {data_type}");
                cases.add(&name, ScatterElements { axis, scatter }, inputs, TensorType::new(data_type, x));
            }
        }
    }
    let nan = given(&[4], &[f32::NAN, 1.0, f32::NAN, 2.0]);
    let updates = given(&[4], &[1.0, f32::NAN, f32::NAN, 3.0]);
    for scatter in [Scatter::Max, Scatter::Min] {
        let at = indices(&[4], &[0, 1, 2, 3]);
        let inputs = vec![Some(nan.clone()), Some(at), Some(updates.clone())];
        cases.float(
            &format!("scatter_elements {scatter:?} NaN"),
            ScatterElements { axis: 0, scatter },
            inputs,
            &[4],
        );
    }
}

fn slices(cases: &mut Cases) {
    for (name, x, at, updates) in [
        ("elements", &[3, 4][..], indices(&[2, 2], &[0, 1, -1, 2]), &[2][..]),
        ("rows", &[3, 4], indices(&[2, 1], &[2, -3]), &[2, 4]),
        ("meeting rows", &[3, 5], indices(&[3, 1], &[1, 0, -2]), &[3, 5]),
        ("tuples of two", &[2, 3, 4], indices(&[2, 2, 2], &[0, 1, 1, 2, 0, 0, 0, 1]), &[2, 2, 4]),
        ("none", &[3, 4], indices(&[0, 1], &[]), &[0, 4]),
        ("all", &[3, 4], indices(&[1, 0], &[]), &[1, 3, 4]),
    ] {
        for scatter in SCATTERS {
            for &data_type in scattered(scatter) {
                let updates = whole(data_type, updates, 116);
                let inputs = vec![Some(whole(data_type, x, 115)), Some(at.clone()), Some(updates)];
                let name = format!("scatter_nd {scatter:?} {name} {data_type}");
                cases.add(&name, ScatterNd { scatter }, inputs, TensorType::new(data_type, x));
            }
        }
    }
}

/// Numbers with equal ones, zeros of both signs, infinities and NaN among them.
fn unordered() -> Tensor {
    given(
        &[2, 6],
        &[1.0, f32::NAN, -0.0, f32::INFINITY, f32::NAN, 0.0, 2.0, -1.0, 2.0, f32::NEG_INFINITY, -1.0, 2.0],
    )
}

/// Shapes and the axes along which their elements are compared.
const COMPARED: [(&[usize], usize); 5] =
    [(&[3, 8], 1), (&[8, 3], 0), (&[2, 5, 3], 1), (&[2, 300], 1), (&[1], 0)];

fn orders(cases: &mut Cases) {
    let types = [DataType::F32, DataType::I64, DataType::I32, DataType::U8, DataType::I8];
    for (shape, axis) in COMPARED {
        for (data_type, largest) in
            types.into_iter().flat_map(|data_type| [(data_type, true), (data_type, false)])
        {
            for count in [shape[axis], shape[axis].div_ceil(2), 0] {
                let mut output = TensorType::new(DataType::I64, shape);
                output.shape[axis] = count;
                let name = format!("order {data_type}{shape:?} {axis} {largest} {count}");
                let operator = Order { axis, largest, count };
                cases.add(&name, operator, vec![Some(whole(data_type, shape, 117))], output);
            }
        }
    }
    for largest in [true, false] {
        let operator = Order { axis: 1, largest, count: 6 };
        let output = TensorType::new(DataType::I64, [2, 6]);
        cases.add(&format!("order of NaN {largest}"), operator, vec![Some(unordered())], output);
    }
}

fn extremes(cases: &mut Cases) {
    let types = [DataType::F32, DataType::I64, DataType::I32, DataType::U8, DataType::I8];
    for (largest, last) in [(true, true), (true, false), (false, true), (false, false)] {
        for (shape, axis) in COMPARED {
            for data_type in types {
                let mut output = TensorType::new(DataType::I64, shape);
                output.shape.remove(axis);
                let name = format!("arg_reduce {data_type}{shape:?} {axis} {largest} {last}");
                let operator = ArgReduce { axis, largest, last };
                cases.add(&name, operator, vec![Some(whole(data_type, shape, 118))], output);
            }
        }
        let output = TensorType::new(DataType::I64, [2]);
        let operator = ArgReduce { axis: 1, largest, last };
        cases.add(&format!("arg_reduce of NaN {largest} {last}"), operator, vec![Some(unordered())], output);
    }
}

fn sums(cases: &mut Cases) {
    for (exclusive, reverse) in [(false, false), (false, true), (true, false), (true, true)] {
        for (shape, axis) in COMPARED.into_iter().chain([(&[3, 0][..], 1)]) {
            for data_type in [DataType::F32, DataType::I64, DataType::I32, DataType::U8, DataType::I8] {
                let operator = CumulativeSum { axis, exclusive, reverse };
                let name = format!("cumulative_sum {data_type}{shape:?} {axis} {exclusive} {reverse}");
                let output = TensorType::new(data_type, shape);
                cases.add(&name, operator, vec![Some(whole(data_type, shape, 119))], output);
            }
        }
    }
}
