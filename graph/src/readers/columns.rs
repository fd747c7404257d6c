//! Col2Im: columns of blocks added up into an image.

use super::windows;
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::scatter_elements::{Scatter, ScatterElements};
use crate::ops::{Operator, window};
use crate::strided::{contiguous, table};
use crate::writer::Writer;

/// Col2Im: `[batch, channels · block, positions]`, the image's and the block's extents.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let extents = |index: usize, what: &str| {
        let found = node.integers(index, what)?.ok_or_else(|| invalid!("its {what} are missing"))?;
        super::arrange::sizes(&found, what)
    };
    let (image, block) = (extents(1, "image's extents")?, extents(2, "block's extents")?);
    let rank = image.len();
    let (strides, dilations) =
        (windows::steps(node, "strides", rank)?, windows::steps(node, "dilations", rank)?);
    let pads = windows::list(node, "pads")?.unwrap_or_else(|| vec![0; 2 * rank]);
    let &[batch, rows, positions] = node.shape(0)? else {
        return Err(invalid!("its operand is not of rank 3"));
    };
    if block.len() != rank || pads.len() != 2 * rank {
        return Err(invalid!("block {block:?} and pads {pads:?} do not fit image {image:?}"));
    }
    let padded = |axis: usize| image[axis].saturating_add(pads[axis]).saturating_add(pads[rank + axis]);
    let padded: Vec<usize> = (0..rank).map(padded).collect();
    let taps = table(&block)?;
    let steps = |axis: usize| {
        let reach = window::span(block[axis], dilations[axis]);
        Some(padded[axis].checked_sub(reach)? / strides[axis] + 1)
    };
    let steps = (0..rank).map(steps).collect::<Option<Vec<_>>>().unwrap_or_default();
    if table(&steps)? != positions || taps == 0 || !rows.is_multiple_of(taps) {
        return Err(invalid!("{rows} rows at {positions} positions are no blocks {block:?} of {image:?}"));
    }
    let (channels, plane, places) = (rows / taps, table(&padded)?, table(&[taps, positions])?);
    let at =
        |index: usize, shape: &[usize], axis: usize| index / contiguous(shape)[axis] as usize % shape[axis];
    let place = |column: usize| {
        let (tap, position) = (column / positions, column % positions);
        let along = |axis: usize| {
            at(position, &steps, axis) * strides[axis] + at(tap, &block, axis) * dilations[axis]
        };
        (0..rank).map(|axis| along(axis) as i64 * contiguous(&padded)[axis] as i64).sum::<i64>()
    };
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let places = write.integers((0..places).map(place));
    let places = write.expand(places, &[batch, channels, taps * positions])?;
    let nothing = write.expand(write.like(x, 0.0), &[batch, channels, plane])?;
    let scatter = Operator::ScatterElements(ScatterElements { axis: 2, scatter: Scatter::Add });
    let updates = write.reshape(x, &[batch, channels, taps * positions])?;
    let sums = write.push(scatter, &[Some(nothing), Some(places), Some(updates)])?;
    let mut result = write.reshape(sums, &[&[batch, channels], &padded[..]].concat())?;
    for axis in 0..rank {
        result = write.slice(result, axis + 2, pads[axis], image[axis])?;
    }
    Ok(vec![result])
}
