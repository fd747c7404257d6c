//! ONNX operators that pool: MaxPool with its indices, AveragePool, LpPool, the global ones and MaxUnpool.

use super::windows::{list, pads, steps};
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::{NodeView, Reader};
use crate::ops::window::Window;
use crate::ops::{
    ArgReduce, GatherElements, Operator, Pad, PadMode, Pool, PoolKind, Reduction, Scatter, ScatterElements,
};
use crate::strided::table;
use crate::tensor::Tensor;
use crate::writer::{Writer, Written};

/// AveragePool.
pub(crate) fn read_average(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let count_include_pad = node.attributes.flag("count_include_pad", false)?;
    let pool = window(node, PoolKind::Average { count_include_pad })?;
    node.apply(graph, Operator::Pool(pool), 1)
}

/// LpPool.
pub(crate) fn read_lp(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let pool = window(node, PoolKind::Lp { p: exponent(node)? })?;
    node.apply(graph, Operator::Pool(pool), 1)
}

/// GlobalLpPool: one window as large as the plane.
pub(crate) fn read_global_lp(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let kernel = spatial(node)?.to_vec();
    let (ones, none) = (vec![1; kernel.len()], vec![0; kernel.len()]);
    let pool = Pool {
        kind: PoolKind::Lp { p: exponent(node)? },
        kernel,
        strides: ones.clone(),
        pads_begin: none.clone(),
        pads_end: none,
        dilations: ones,
        ceil: false,
    };
    node.apply(graph, Operator::Pool(pool), 1)
}

/// GlobalAveragePool, GlobalMaxPool.
pub(crate) fn read_global(
    node: &NodeView,
    graph: &mut Builder,
    reduction: Reduction,
) -> Result<Vec<ValueId>, Error> {
    let axes: Vec<usize> = (2..spatial(node)?.len() + 2).collect();
    Ok(vec![Writer::new(node, graph).reduce(reduction, node.operand(0)?.id, &axes, true)?])
}

/// MaxPool; its indices, if wanted, count elements of the whole input.
pub(crate) fn read_max(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let pool = window(node, PoolKind::Max)?;
    let largest = node.apply(graph, Operator::Pool(pool.clone()), 1)?;
    if node.output_count < 2 {
        return Ok(largest);
    }
    let column_major = node.attributes.flag("storage_order", false)?;
    let write = Writer::new(node, graph);
    let indices = places(&write, node.operand(0)?.id, &pool, &write.shape(largest[0]), column_major)?;
    Ok(vec![largest[0], indices])
}

fn spatial<'a>(node: &'a NodeView) -> Result<&'a [usize], Error> {
    let shape = node.shape(0)?;
    shape
        .get(2..)
        .filter(|spatial| !spatial.is_empty())
        .ok_or_else(|| invalid!("{shape:?} has no spatial dimension"))
}

fn exponent(node: &NodeView) -> Result<u32, Error> {
    let p = node.attributes.int("p")?.unwrap_or(2);
    u32::try_from(p).map_err(|_| invalid!("its p is {p}"))
}

/// The window that the attributes describe.
fn window(node: &NodeView, kind: PoolKind) -> Result<Pool, Error> {
    let spatial = spatial(node)?;
    let kernel = list(node, "kernel_shape")?.filter(|kernel| kernel.len() == spatial.len());
    let kernel =
        kernel.ok_or_else(|| invalid!("its kernel_shape does not fit {} dimensions", spatial.len()))?;
    let strides = steps(node, "strides", spatial.len())?;
    let dilations = steps(node, "dilations", spatial.len())?;
    let (pads_begin, pads_end) = pads(node, spatial, &kernel, &strides, &dilations)?;
    let ceil = node.attributes.flag("ceil_mode", false)?;
    Ok(Pool { kind, kernel, strides, pads_begin, pads_end, dilations, ceil })
}

/// The index in the input of the first of the largest elements of each window: the elements of all windows side by
/// side, the place of the largest among them, and what that place is in the plane.
fn places(write: &Writer, x: ValueId, pool: &Pool, result: &[usize], column_major: bool) -> Written {
    let shape = write.shape(x);
    let (spatial, positions) = (&shape[2..], &result[2..]);
    let Pool { kernel, strides, dilations, pads_begin, .. } = pool;
    let moving = Window { kernel, strides, dilations, pads_begin };
    let (planes, plane): (usize, usize) = (shape[..2].iter().product(), spatial.iter().product());
    let (count, taps) = (table(positions)?, table(kernel)?);
    let mut sources = Vec::with_capacity(table(&[count, taps])?);
    for at in 0..count {
        let inside = moving.taps(spatial, positions, at);
        // Padding reads the first element again, which changes neither the largest nor which is first.
        let first = inside.first().map_or(0, |&(place, _)| place);
        let mut row = vec![first as i64; taps];
        inside.into_iter().for_each(|(place, tap)| row[tap] = place as i64);
        sources.extend(row);
    }
    let named = sources.iter().map(|&at| if column_major { from_columns(spatial, at) } else { at });
    let names = write.constant(Tensor::new([1, count, taps], named.collect::<Vec<_>>())?);
    let sources = write.constant(Tensor::new([count, taps], sources)?);
    let windows = write.gather(write.reshape(x, &[planes, plane])?, 1, sources)?;
    let search = Operator::ArgReduce(ArgReduce { axis: 2, largest: true, last: false });
    let chosen = write.reshape(write.push(search, &[Some(windows)])?, &[planes, count, 1])?;
    let names = write.expand(names, &[planes, count, taps])?;
    let pick = Operator::GatherElements(GatherElements { axis: 2 });
    let place = write.push(pick, &[Some(names), Some(chosen)])?;
    let starts = (0..planes).map(|at| (at * plane) as i64).collect::<Vec<_>>();
    let starts = write.constant(Tensor::new([planes, 1, 1], starts)?);
    write.reshape(write.add(place, starts)?, result)
}

/// The number of an element of a plane whose elements are counted with the first axis innermost.
fn from_columns(spatial: &[usize], at: i64) -> i64 {
    let (mut rest, mut digits) = (at, Vec::new());
    for &extent in spatial.iter().rev() {
        digits.push((rest % extent as i64, extent as i64));
        rest /= extent as i64;
    }
    digits.into_iter().fold(0, |number, (digit, extent)| number * extent + digit)
}

/// A reader of planes, for a node that may have its channels last (`channels_last`).
pub(super) fn channels_where_they_are(
    node: &NodeView,
    graph: &mut Builder,
    read: Reader,
) -> Result<Vec<ValueId>, Error> {
    match node.attributes.flag("channels_last", false)? {
        true => channels_last(node, graph, read),
        false => read(node, graph),
    }
}

/// A reader of planes, for a node whose first operand and result have their channels last.
pub(super) fn channels_last(
    node: &NodeView,
    graph: &mut Builder,
    read: impl Fn(&NodeView, &mut Builder) -> Result<Vec<ValueId>, Error>,
) -> Result<Vec<ValueId>, Error> {
    let rank = node.shape(0)?.len();
    let first: Vec<usize> = [0, rank.saturating_sub(1)].into_iter().chain(1..rank.max(2) - 1).collect();
    let last: Vec<usize> = [0].into_iter().chain(2..rank).chain([1]).collect();
    let mut operands: Vec<_> = node.inputs.iter().map(|operand| Some(operand.as_ref()?.id)).collect();
    operands[0] = Some(Writer::new(node, graph).transpose(node.operand(0)?.id, &first)?);
    let results = read(&node.over(graph, &operands), graph)?;
    let write = Writer::new(node, graph);
    results.into_iter().map(|result| write.transpose(result, &last)).collect()
}

/// NhwcMaxPool: MaxPool with the channels last.
pub(crate) fn read_max_channels_last(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    channels_last(node, graph, read_max)
}

/// MaxUnpool: each element at the place that its index names, zeros elsewhere.
pub(crate) fn read_unpool(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (x, indices) = (node.operand(0)?, node.operand(1)?.id);
    let pool = window(node, PoolKind::Max)?;
    let mut shape = x.tensor_type.shape[..2].to_vec();
    for (axis, extent) in spatial(node)?.iter().enumerate() {
        let reach =
            extent.saturating_sub(1).saturating_mul(pool.strides[axis]).saturating_add(pool.kernel[axis]);
        let cut = pool.pads_begin[axis].saturating_add(pool.pads_end[axis]);
        shape.push(reach.checked_sub(cut).ok_or_else(|| invalid!("{cut} are cut off from {reach}"))?);
    }
    let write = Writer::new(node, graph);
    let zero = write.constant(Tensor::scalar(0f32));
    let zeros = write.expand(write.cast(zero, x.tensor_type.data_type)?, &[shape.iter().product()])?;
    let count = x.tensor_type.element_count();
    let (updates, indices) = (write.reshape(x.id, &[count])?, write.reshape(indices, &[count])?);
    let scatter = Operator::ScatterElements(ScatterElements { axis: 0, scatter: Scatter::Replace });
    let placed = write.push(scatter, &[Some(zeros), Some(indices), Some(updates)])?;
    let placed = write.reshape(placed, &shape)?;
    let Some(wanted) = node.integers(2, "output_shape")? else { return Ok(vec![placed]) };
    Ok(vec![enlarge(&write, placed, &wanted)?])
}

/// Zeros behind the elements along every axis, up to the extents wanted.
fn enlarge(write: &Writer, x: ValueId, wanted: &[i64]) -> Written {
    let shape = write.shape(x);
    let room = |(&extent, &wanted): (&usize, &i64)| usize::try_from(wanted).ok()?.checked_sub(extent);
    let after: Option<Vec<usize>> = shape.iter().zip(wanted).map(room).collect();
    let after = after.filter(|after| after.len() == shape.len() && wanted.len() == shape.len());
    let after = after.ok_or_else(|| invalid!("{shape:?} does not fit into output_shape {wanted:?}"))?;
    if after.iter().all(|&count| count == 0) {
        return Ok(x);
    }
    let pad = Pad { mode: PadMode::Constant, before: vec![0; shape.len()], after };
    write.push(Operator::Pad(pad), &[Some(x)])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // By hand, and for paddings and last windows as PyTorch has them.
        check(&[
            (
                "max",
                "x: f32[1,1,2,4] = 1 2 3 4 5 6 7 8\ny = MaxPool(x, kernel_shape=[2,2], strides=[2,2])",
                "f32[1,1,1,2] = 6 8",
            ),
            ("max of bytes", "x: u8[1,1,3] = 3 200 7\ny = MaxPool(x, kernel_shape=[2])", "u8[1,1,2] = 200"),
            (
                "max at the border",
                "x: f32[1,1,3] = -1 -2 -3\ny = MaxPool(x, kernel_shape=[3], pads=[1,1])",
                "f32[1,1,3] = -1 -1 -2",
            ),
            (
                "indices count the whole input",
                "x: f32[1,2,3] = 1 5 2 9 9 4\nv, y = MaxPool(x, kernel_shape=[2])",
                "i64[1,2,2] = 1 1 3 4",
            ),
            (
                "indices by columns",
                "x: f32[1,1,2,2] = 1 2 9 4\nv, y = MaxPool(x, kernel_shape=[2,1], storage_order=1)",
                "i64[1,1,1,2] = 1 3",
            ),
            (
                "average without padding",
                "x: f32[1,1,3] = 1 2 6\ny = AveragePool(x, kernel_shape=[2], pads=[1,0])",
                "f32[1,1,3] = 1 1.5 4",
            ),
            (
                "average with padding",
                "x: f32[1,1,3] = 1 2 6\ny = AveragePool(x, kernel_shape=[2], pads=[1,0], count_include_pad=1)",
                "f32[1,1,3] = 0.5 1.5 4",
            ),
            (
                "a last window cut short",
                "x: f32[1,1,4] = 1 2 3 4\ny = AveragePool(x, kernel_shape=[3], strides=[2], ceil_mode=1)",
                "f32[1,1,2] = 2 3.5",
            ),
            (
                "no window begins in the padding",
                "x: f32[1,1,2] = 1 2\ny = MaxPool(x, kernel_shape=[1], strides=[2], pads=[0,1], ceil_mode=1)",
                "f32[1,1,1] = 1",
            ),
            ("norm", "x: f32[1,1,2] = 3 -4\ny = LpPool(x, kernel_shape=[2])", "f32[1,1,1] = 5"),
            ("global average", "x: f32[1,2,2] = 1 3 5 6\ny = GlobalAveragePool(x)", "f32[1,2,1] = 2 5.5"),
            ("global max", "x: f32[1,2,2] = 1 3 5 -6\ny = GlobalMaxPool(x)", "f32[1,2,1] = 3 5"),
            ("global norm", "x: f32[1,1,2,1] = 3 -4\ny = GlobalLpPool(x, p=1)", "f32[1,1,1,1] = 7"),
            (
                "unpool",
                "x: f32[1,1,2] = 5 6\ni: i64[1,1,2] = 1 2\n\
                 y = MaxUnpool(x, i, kernel_shape=[2], strides=[2])",
                "f32[1,1,4] = 0 5 6 0",
            ),
            (
                "unpool into more",
                "x: f32[1,1,1] = 5\ni: i64[1,1,1] = 1\ns: i64[3] = 1 1 3\n\
                 y = MaxUnpool(x, i, s, kernel_shape=[2])",
                "f32[1,1,3] = 0 5 0",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("no plane", "x: f32[1,2]\ny = GlobalMaxPool(x)", "no spatial dimension"),
            ("window", "x: f32[1,1,2]\ny = MaxPool(x, kernel_shape=[3])", "not pooled"),
            ("kernel", "x: f32[1,1,2]\ny = MaxPool(x, kernel_shape=[1,1])", "kernel_shape"),
            ("integers", "x: i8[1,1,2]\ny = AveragePool(x, kernel_shape=[1])", "pools i8"),
            (
                "too small",
                "x: f32[1,1,2]\ni: i64[1,1,2]\ns: i64[3] = 1 1 1\ny = MaxUnpool(x, i, s, kernel_shape=[1])",
                "does not fit",
            ),
        ]);
    }
}
