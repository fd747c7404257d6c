//! Operators that only move elements: copy.wgsl.

use graph::ValueId;
use graph::ops::{CacheUpdate, Concat, Slice, Transpose};

use super::launch::{Grid, Launch, Shader, Task};
use crate::error::Error;
use crate::strides::{IterationSpace, contiguous};
use crate::tuning::{Family, ShapeClass};

const FILE: &str = include_str!("copy.wgsl");

/// A copy of every element of an iteration space: where it starts and how it goes on, in source and result.
struct Move<'a> {
    name: &'static str,
    from: ValueId,
    to: ValueId,
    shape: &'a [usize],
    bases: [i64; 2],
    strides: [Vec<i64>; 2],
    /// An integer read on the device, and how far each of it moves the result's base.
    moved_by: Option<(ValueId, i64)>,
}

pub(super) fn transpose(task: &Task<'_>, operator: &Transpose) -> Result<Vec<Launch>, Error> {
    let (input, output) = (&task.input(0)?.shape, &task.output()?.shape);
    let strides = contiguous(input);
    let permuted = operator.permutation.iter().map(|&axis| strides[axis]).collect();
    read(task, "transpose", output, 0, permuted)
}

pub(super) fn expand(task: &Task<'_>) -> Result<Vec<Launch>, Error> {
    let output = &task.output()?.shape;
    read(task, "expand", output, 0, task.broadcast(&task.input(0)?.shape, output)?)
}

pub(super) fn slice(task: &Task<'_>, operator: &Slice) -> Result<Vec<Launch>, Error> {
    let strides = contiguous(&task.input(0)?.shape);
    let base = strides.iter().zip(&operator.starts).map(|(stride, &start)| stride * start as i64).sum();
    let steps = strides.iter().zip(&operator.steps).map(|(stride, &step)| stride * step as i64).collect();
    read(task, "slice", &operator.shape, base, steps)
}

/// Fills the result in order, reading the first operand at the given strides.
fn read(
    task: &Task<'_>,
    name: &'static str,
    shape: &[usize],
    base: i64,
    strides: Vec<i64>,
) -> Result<Vec<Launch>, Error> {
    let (from, to) = (task.input_id(0)?, task.output_id()?);
    let strides = [strides, contiguous(shape)];
    Ok(vec![launch(task, &Move { name, from, to, shape, bases: [base, 0], strides, moved_by: None })?])
}

/// One copy per operand, each into its part of the result.
pub(super) fn concat(task: &Task<'_>, operator: &Concat) -> Result<Vec<Launch>, Error> {
    let strides = contiguous(&task.output()?.shape);
    let to = task.output_id()?;
    let mut base = 0;
    let mut launches = Vec::new();
    for index in 0..task.node.inputs.len() {
        let (from, shape) = (task.input_id(index)?, &task.input(index)?.shape);
        let move_strides = [contiguous(shape), strides.clone()];
        if shape.iter().product::<usize>() > 0 {
            let bases = [0, base];
            let strides = move_strides;
            let way = Move { name: "concat", from, to, shape, bases, strides, moved_by: None };
            launches.push(launch(task, &way)?);
        }
        base += strides[operator.axis] * shape[operator.axis] as i64;
    }
    Ok(launches)
}

/// New rows into the cache, which the result is otherwise.
pub(super) fn cache_update(task: &Task<'_>, operator: &CacheUpdate) -> Result<Vec<Launch>, Error> {
    let (from, to, shape) = (task.input_id(1)?, task.output_id()?, &task.input(1)?.shape);
    if shape.contains(&0) {
        return Ok(Vec::new());
    }
    let cache = contiguous(&task.output()?.shape);
    let moved_by = Some((task.input_id(2)?, cache[operator.axis]));
    let strides = [contiguous(shape), cache];
    Ok(vec![launch(task, &Move { name: "cache update", from, to, shape, bases: [0, 0], strides, moved_by })?])
}

/// A copy of a whole value to another, for outputs that nothing computes.
pub(crate) fn whole(task: &Task<'_>, from: ValueId, to: ValueId) -> Result<Launch, Error> {
    let shape = [task.value_type(from).element_count()];
    let strides = [vec![1], vec![1]];
    launch(task, &Move { name: "copy", from, to, shape: &shape, bases: [0, 0], strides, moved_by: None })
}

fn launch(task: &Task<'_>, way: &Move<'_>) -> Result<Launch, Error> {
    let mut space = IterationSpace::new(way.shape, &way.strides);
    let moved = way.moved_by.map_or(0, |(_, stride)| stride);
    let aligned = way.bases.iter().chain([&moved]).all(|base| base % 4 == 0);
    let all_vectors = space.vectors().is_some_and(|vectors| vectors.iter().all(|vector| *vector));
    let vector = aligned && all_vectors && !task.is_wide();
    if vector {
        space = space.in_fours(&[true, true]);
    }
    let unit = if vector { 4 } else { 1 };
    let element = task.element(way.from);
    let [input_base, result_base] = way.bases.map(|base| (base / unit) as f64);
    let shader = Shader::new(format!("{}{}", way.name, if vector { " in fours" } else { "" }), FILE)
        .iteration(task, &space, "RANK")?
        .word("T", element.wgsl(vector))
        .constant("INPUT_BASE", input_base)
        .constant("RESULT_BASE", result_base)
        .optional_operand("MOVED", way.moved_by.map(|(position, _)| position), 1);
    let shader =
        if way.moved_by.is_some() { shader.constant("MOVED_BY", (moved / unit) as f64) } else { shader };
    let choice = task.choose(Family::Copy, ShapeClass::Small);
    let grid = Grid::Invocations(space.extents.iter().product());
    let reads: Vec<_> = [way.from].into_iter().chain(way.moved_by.map(|(position, _)| position)).collect();
    task.launch(shader, [choice.lanes, 1], grid, &reads, way.to)
}
