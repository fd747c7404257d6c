//! Unique of elements that are known: how many there are is for the data to say.

use std::collections::BTreeMap;

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Gather, Operator};
use crate::strided::{contiguous, table};
use crate::tensor::Tensor;

/// A slice along the axis that is found more than once.
#[derive(Debug, Clone, Copy)]
struct Found {
    first: usize,
    count: i64,
}

/// Unique: the different elements, or slices along an axis; where each is first, which each element is, and how often
/// each is there.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let tensor = node.constant(0, "elements")?.ok_or_else(|| invalid!("operand 0 is missing"))?;
    let (tensor, axis) = match node.attributes.int("axis")? {
        Some(_) => (tensor.clone(), node.axis(tensor.shape.len(), 0)?),
        None => (tensor.reshaped(&[tensor.len()]), 0),
    };
    table(&[tensor.shape[axis]])?;
    let slices = slices(&tensor, axis);
    let mut found: BTreeMap<&Vec<i64>, Found> = BTreeMap::new();
    for (at, slice) in slices.iter().enumerate() {
        found.entry(slice).or_insert(Found { first: at, count: 0 }).count += 1;
    }
    let mut order: Vec<Found> = found.values().copied().collect();
    if !node.attributes.flag("sorted", true)? {
        order.sort_by_key(|found| found.first);
    }
    let places: BTreeMap<usize, i64> = order.iter().map(|found| found.first).zip(0..).collect();
    let inverse: Vec<i64> = slices.iter().map(|slice| places[&found[slice].first]).collect();
    let first = Tensor::vector(order.iter().map(|found| found.first as i64).collect::<Vec<_>>());
    let counts = Tensor::vector(order.iter().map(|found| found.count).collect::<Vec<_>>());
    let mut picked = Operator::Gather(Gather { axis }).evaluate(&[Some(&tensor), Some(&first)])?;
    let results = [picked.swap_remove(0), first, Tensor::vector(inverse), counts];
    Ok(results.into_iter().map(|tensor| graph.constant(node.name, tensor)).collect())
}

/// The slices along an axis, as integers in the order of their elements.
fn slices(tensor: &Tensor, axis: usize) -> Vec<Vec<i64>> {
    // Floats compare as integers once the bits of negative ones are turned; both zeros are one.
    let bits = |float: f32| i64::from((float + 0.0).to_bits() as i32);
    let ordered = |bits: i64| if bits < 0 { i64::from(i32::MIN) - 1 - bits } else { bits };
    let floats = || tensor.to_f32_vec().into_iter().map(bits).map(ordered).collect();
    let elements: Vec<i64> = tensor.to_i64_vec().unwrap_or_else(floats);
    let (extent, stride) = (tensor.shape[axis], contiguous(&tensor.shape)[axis] as usize);
    let mut slices = vec![Vec::new(); extent];
    for (at, &element) in elements.iter().enumerate() {
        slices[at / stride % extent].push(element);
    }
    slices
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // Expected values from numpy.unique.
        check(&[
            ("sorted", "x: f32[6] = 2 1 -1 3 4 -1\ny, f, i, c = Unique(x)", "f32[5] = -1 1 2 3 4"),
            ("first places", "x: f32[6] = 2 1 1 3 4 3\nu, y, i, c = Unique(x)", "i64[4] = 1 0 3 4"),
            ("which each is", "x: i64[6] = 2 1 1 3 4 3\nu, f, y, c = Unique(x)", "i64[6] = 1 0 0 2 3 2"),
            ("how often", "x: i32[6] = 2 1 1 3 4 3\nu, f, i, y = Unique(x)", "i64[4] = 2 1 2 1"),
            ("as found", "x: f32[6] = 2 1 1 3 4 3\ny, f, i, c = Unique(x, sorted=0)", "f32[4] = 2 1 3 4"),
            (
                "rows",
                "x: f32[3,3] = 1 0 0 1 0 0 2 3 4\ny, f, i, c = Unique(x, axis=0)",
                "f32[2,3] = 1 0 0 2 3 4",
            ),
            (
                "columns",
                "x: f32[2,4] = 1 -2 1 0.5 1 3 1 -4\ny, f, i, c = Unique(x, axis=1)",
                "f32[2,3] = -2 0.5 1 3 -4 1",
            ),
            ("of a matrix", "x: i64[2,2] = 3 1 1 3\ny, f, i, c = Unique(x)", "i64[2] = 1 3"),
        ]);
        refuse(&[("computed", "x: f32[2,2]\ny, f, i, c = Unique(x)", "depend on the data")]);
    }
}
