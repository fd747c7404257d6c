//! ONNX operators that only move elements, written with gathers, reshapes and transposes: Tile, DepthToSpace,
//! SpaceToDepth, ReverseSequence, Compress, CenterCropPad, Trilu, and those that place ones.

use super::narrow;
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axis};
use crate::ops::pad::{Pad, PadMode};
use crate::ops::{Binary, Operator};
use crate::strided::{contiguous, offsets, table};
use crate::tensor::{Data, DataType, Tensor};
use crate::writer::{Writer, Written};

/// Integers that must not be negative.
pub(super) fn sizes(integers: &[i64], what: &str) -> Result<Vec<usize>, Error> {
    let sizes: Result<_, _> = integers.iter().map(|&integer| usize::try_from(integer)).collect();
    sizes.map_err(|_| invalid!("{what} are {integers:?}, with a negative one"))
}

/// Tile: the operand repeated along each axis.
pub(crate) fn read_tile(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let repeats = node.integers(1, "repeats")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    let repeats = sizes(&repeats, "its repeats")?;
    let shape = node.shape(0)?.to_vec();
    if repeats.len() != shape.len() {
        return Err(invalid!("{} repeats for {} axes", repeats.len(), shape.len()));
    }
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    // An axis of extent 1 only has to be stretched.
    let stretched =
        shape.iter().zip(&repeats).map(|(&extent, &times)| if extent == 1 { times } else { extent });
    let mut tiled = write.expand(x, &stretched.collect::<Vec<_>>())?;
    for (axis, &times) in repeats.iter().enumerate().filter(|&(axis, _)| shape[axis] != 1) {
        tiled = match times {
            0 => write.slice(tiled, axis, 0, 0)?,
            1 => tiled,
            _ => repeated(write, tiled, axis, times)?,
        };
    }
    Ok(vec![tiled])
}

/// The value several times behind itself along an axis: stretched along a new axis before that one.
fn repeated(write: &Writer, x: ValueId, axis: usize, times: usize) -> Written {
    let shape = write.shape(x);
    let (lead, own) = shape.split_at(axis);
    let apart = write.reshape(x, &[lead, &[1], own].concat())?;
    let stretched = write.expand(apart, &[lead, &[times], own].concat())?;
    write.reshape(stretched, &[lead, &[times.saturating_mul(own[0])], &own[1..]].concat())
}

fn block(node: &NodeView) -> Result<usize, Error> {
    let block = node.attributes.int("blocksize")?.unwrap_or(0);
    usize::try_from(block).ok().filter(|&block| block > 0).ok_or_else(|| invalid!("blocksize is {block}"))
}

/// DepthToSpace: channels become blocks of the image.
pub(crate) fn read_depth_to_space(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (block, x) = (block(node)?, node.operand(0)?.id);
    let column_first = match node.attributes.text("mode")?.unwrap_or("DCR") {
        "DCR" => false,
        "CRD" => true,
        other => return Err(invalid!("mode is {other:?}")),
    };
    let &[batch, depth, rows, columns] = node.shape(0)? else {
        return Err(invalid!("its operand is not of rank 4"));
    };
    let channels = depth / (block * block);
    let write = &Writer::new(node, graph);
    let turned = if column_first {
        let apart = write.reshape(x, &[batch, channels, block, block, rows, columns])?;
        write.transpose(apart, &[0, 1, 4, 2, 5, 3])?
    } else {
        let apart = write.reshape(x, &[batch, block, block, channels, rows, columns])?;
        write.transpose(apart, &[0, 3, 4, 1, 5, 2])?
    };
    Ok(vec![write.reshape(turned, &[batch, channels, rows * block, columns * block])?])
}

/// SpaceToDepth: blocks of the image become channels.
pub(crate) fn read_space_to_depth(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (block, x) = (block(node)?, node.operand(0)?.id);
    let &[batch, depth, height, width] = node.shape(0)? else {
        return Err(invalid!("its operand is not of rank 4"));
    };
    let (rows, columns) = (height / block, width / block);
    let write = &Writer::new(node, graph);
    let apart = write.reshape(x, &[batch, depth, rows, block, columns, block])?;
    let turned = write.transpose(apart, &[0, 3, 5, 1, 2, 4])?;
    Ok(vec![write.reshape(turned, &[batch, depth * block * block, rows, columns])?])
}

/// ReverseSequence: the first elements of each sequence, as many as its length says, the other way round.
pub(crate) fn read_reverse_sequence(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let shape = node.shape(0)?.to_vec();
    let at = |name: &str, default: i64| axis(node.attributes.int(name)?.unwrap_or(default), shape.len());
    let (time, batch) = (at("time_axis", 0)?, at("batch_axis", 1)?);
    let lengths = node.integers(1, "sequence_lens")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    if lengths.len() != shape[batch] || lengths.iter().any(|&length| length > shape[time] as i64) {
        return Err(invalid!("sequence_lens {lengths:?} do not fit {shape:?}"));
    }
    let strides = contiguous(&shape);
    let source = |place: usize| {
        let along = |axis: usize| (place / strides[axis] as usize % shape[axis]) as i64;
        let (step, length) = (along(time), lengths[along(batch) as usize]);
        let from = if step < length { length - 1 - step } else { step };
        place as i64 + (from - step) * strides[time] as i64
    };
    picked(node, graph, &shape, offsets(&shape, &strides, 0).map(source).collect())
}

/// The elements at these places, in a shape.
fn picked(
    node: &NodeView,
    graph: &mut Builder,
    shape: &[usize],
    places: Vec<i64>,
) -> Result<Vec<ValueId>, Error> {
    let (x, count) = (node.operand(0)?.id, node.operand(0)?.tensor_type.element_count());
    let write = &Writer::new(node, graph);
    let flat = write.reshape(x, &[count])?;
    let found = write.gather(flat, 0, write.integers(places))?;
    Ok(vec![write.reshape(found, shape)?])
}

/// Compress: the slices along an axis, or of all elements, where a constant condition holds.
pub(crate) fn read_compress(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let condition = node.integers(1, "condition")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    let holds = |(at, &element): (usize, &i64)| (element != 0).then_some(at as i64);
    let kept: Vec<i64> = condition.iter().enumerate().filter_map(holds).collect();
    if node.attributes.int("axis")?.is_none() {
        let shape = [kept.len()];
        return picked(node, graph, &shape, kept);
    }
    let axis = node.axis(node.shape(0)?.len(), 0)?;
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    Ok(vec![write.gather(x, axis, write.integers(kept))?])
}

/// CenterCropPad: each axis cut or filled with zeros at both ends, until it has the extent wanted.
pub(crate) fn read_center_crop_pad(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let wanted = node.integers(1, "shape")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    let wanted = sizes(&wanted, "its extents")?;
    let from = node.shape(0)?.to_vec();
    let over: Vec<usize> = match node.attributes.ints("axes")? {
        Some(given) => given.iter().map(|&at| axis(at, from.len())).collect::<Result<_, _>>()?,
        None => (0..from.len()).collect(),
    };
    if over.len() != wanted.len() {
        return Err(invalid!("{} extents for {} axes", wanted.len(), over.len()));
    }
    let mut x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let (mut before, mut after) = (vec![0; from.len()], vec![0; from.len()]);
    for (&axis, &extent) in over.iter().zip(&wanted) {
        if extent < from[axis] {
            x = write.slice(x, axis, (from[axis] - extent) / 2, extent)?;
        } else {
            before[axis] = (extent - from[axis]) / 2;
            after[axis] = extent - from[axis] - before[axis];
        }
    }
    if before.iter().chain(&after).all(|&count| count == 0) {
        return Ok(vec![x]);
    }
    let zero = write.like(x, 0.0);
    let pad = Pad { mode: PadMode::Constant, before, after };
    Ok(vec![write.push(Operator::Pad(pad), &[Some(x), Some(zero)])?])
}

/// Trilu: the elements above or below a diagonal, zeros elsewhere.
pub(crate) fn read_trilu(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let upper = node.attributes.flag("upper", true)?;
    let diagonal = node.integers(1, "diagonal")?.and_then(|k| k.first().copied()).unwrap_or(0);
    let [.., rows, columns] = *node.shape(0)? else {
        return Err(invalid!("its operand is no stack of matrices"));
    };
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let kept = |row: usize, column: usize| {
        let off = column as i64 - row as i64;
        if upper { off >= diagonal } else { off <= diagonal }
    };
    let mask: Vec<bool> = (0..table(&[rows, columns])?).map(|at| kept(at / columns, at % columns)).collect();
    let mask = write.constant(Tensor { shape: vec![rows, columns], data: mask.into() });
    if write.data_type(x) == DataType::Bool {
        return Ok(vec![write.binary(Binary::And, x, mask)?]);
    }
    Ok(vec![write.select(mask, x, write.like(x, 0.0))?])
}

/// OneHot: along a new axis the on-value at the index that the operand holds, the off-value elsewhere. An index
/// may count from the end; one outside is nowhere.
pub(crate) fn read_one_hot(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let depth = node.constant(1, "depth")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    let depth = depth.to_f32_vec().first().copied().unwrap_or(0.0).max(0.0) as usize;
    let depth = table(&[depth])? as i64;
    let rank = node.shape(0)?.len() + 1;
    let axis = node.axis(rank, -1)?;
    let (indices, values) = (node.operand(0)?.id, node.operand(2)?.id);
    let write = &Writer::new(node, graph);
    let mut shape = write.shape(indices);
    shape.insert(axis, 1);
    let indices = write.reshape(write.cast(indices, DataType::I64)?, &shape)?;
    let places = write.along(write.integers(0..depth), axis, rank)?;
    let from_end = write.along(write.integers(-depth..0), axis, rank)?;
    let front = write.binary(Binary::Equal, indices, places)?;
    let hit = write.binary(Binary::Or, front, write.binary(Binary::Equal, indices, from_end)?)?;
    let value = |at: usize| write.reshape(write.slice(values, 0, at, 1)?, &[]);
    Ok(vec![write.select(hit, value(1)?, value(0)?)?])
}

/// EyeLike: ones on a diagonal.
pub(crate) fn read_eye_like(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let &[rows, columns] = node.shape(0)? else { return Err(invalid!("its operand is no matrix")) };
    let diagonal = node.attributes.int("k")?.unwrap_or(0);
    let data_type = match node.attributes.int("dtype")? {
        Some(number) => narrow::element_type(number, "dtype")?.data_type(),
        None => node.operand(0)?.tensor_type.data_type,
    };
    let on = |at: usize| i64::from((at % columns) as i64 - (at / columns) as i64 == diagonal);
    let data = Data::from_integers(data_type, (0..table(&[rows, columns])?).map(on));
    Ok(vec![graph.constant(node.name, Tensor { shape: vec![rows, columns], data })])
}

/// CastLike: to the type of the second operand.
pub(crate) fn read_cast_like(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (x, to) = (node.operand(0)?.id, node.operand(1)?.element_type);
    let saturate = node.attributes.flag("saturate", true)?;
    Ok(vec![narrow::cast(&Writer::new(node, graph), x, to, saturate)?])
}

/// Det: the determinant of each matrix, up to four rows, by its first row.
pub(crate) fn read_determinant(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let [lead @ .., rows, columns] = node.shape(0)? else {
        return Err(invalid!("its operand is no stack of matrices"));
    };
    if rows != columns || *rows == 0 {
        return Err(invalid!("{rows} rows and {columns} columns are no square"));
    }
    if *rows > 4 {
        return Err(crate::error::unsupported!("its matrices have {rows} rows, more than 4"));
    }
    let (x, lead, rows) = (node.operand(0)?.id, lead.to_vec(), *rows);
    let write = &Writer::new(node, graph);
    let result = minor(write, x, 0, &(0..rows).collect::<Vec<_>>())?;
    Ok(vec![write.reshape(result, &lead)?])
}

/// The determinant of the rows from `row` on and these columns.
fn minor(write: &Writer, x: ValueId, row: usize, columns: &[usize]) -> Written {
    let rank = write.shape(x).len();
    let element = |column: usize| write.slice(write.slice(x, rank - 2, row, 1)?, rank - 1, column, 1);
    if let [column] = columns {
        return element(*column);
    }
    let mut sum = None;
    for (at, &column) in columns.iter().enumerate() {
        let others: Vec<usize> = columns.iter().copied().filter(|&other| other != column).collect();
        let term = write.mul(element(column)?, minor(write, x, row + 1, &others)?)?;
        sum = Some(match sum {
            None => term,
            Some(sum) if at % 2 == 0 => write.add(sum, term)?,
            Some(sum) => write.sub(sum, term)?,
        });
    }
    sum.ok_or_else(|| invalid!("a matrix has no columns"))
}
