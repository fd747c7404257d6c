//! Writing by index: scatter_elements.wgsl and scatter_nd.wgsl.

use std::collections::HashSet;

use graph::Constant;
use graph::ops::{Scatter, ScatterElements, ScatterNd};

use super::elementwise;
use super::launch::{EXTENTS, Grid, Launch, MAX_RANK, ORDERING, STRIDES, Shader, Task};
use crate::error::Error;
use crate::strides::{IterationSpace, contiguous};
use crate::transfer::Element;
use crate::tuning::{Family, ShapeClass};

const SCATTER_ELEMENTS: &str = include_str!("scatter_elements.wgsl");
const SCATTER_ND: &str = include_str!("scatter_nd.wgsl");

/// So many invocations are wanted in all where updates can meet, and have to be walked in order.
const WANTED: usize = 1024;

pub(super) fn elements(task: &Task<'_>, operator: &ScatterElements) -> Result<Vec<Launch>, Error> {
    let (data, updates) = (&task.output()?.shape, &task.input(2)?.shape);
    let across = |values: &[usize]| -> Vec<usize> {
        let kept = (0..values.len()).filter(|&axis| axis != operator.axis);
        kept.map(|axis| values[axis]).collect()
    };
    let lines: usize = across(updates).iter().product();
    if lines * updates[operator.axis] == 0 {
        return Ok(Vec::new());
    }
    let strides = [contiguous(updates), contiguous(data)];
    let kept = strides.clone().map(|mut strides| {
        strides.remove(operator.axis);
        strides
    });
    let owners = (WANTED / lines).clamp(1, data[operator.axis]);
    let shader = join(Shader::new("scatter_elements", SCATTER_ELEMENTS), task, operator.scatter, false)?
        .iteration(task, &IterationSpace::new(&across(updates), &kept), "RANK")?
        .size("OWNERS", owners)
        .size("UPDATES", updates[operator.axis])
        .turns(task, |at_a_turn| updates[operator.axis].div_ceil(at_a_turn))?
        .size("EXTENT", data[operator.axis])
        .constant("STRIDE", strides[0][operator.axis] as f64)
        .constant("STEP_AT", strides[1][operator.axis] as f64);
    finish(task, shader, lines * owners)
}

pub(super) fn nd(task: &Task<'_>, operator: &ScatterNd) -> Result<Vec<Launch>, Error> {
    let (data, indices, updates) = (&task.output()?.shape, &task.input(1)?.shape, task.input(2)?);
    let length = indices.last().copied().unwrap_or(0);
    if length > MAX_RANK {
        return Err(task.unsupported(format!("has index tuples of {length}; {MAX_RANK} are possible")));
    }
    let tuples: usize = indices[..indices.len() - 1].iter().product();
    let inner: usize = data[length..].iter().product();
    if updates.element_count() == 0 {
        return Ok(Vec::new());
    }
    let compared = matches!(operator.scatter, Scatter::Max | Scatter::Min);
    let vector = inner.is_multiple_of(4) && !compared && !task.is_wide();
    let unit = if vector { 4 } else { 1 };
    let distinct = tuples == 1 || are_distinct(task, length)?;
    let slices: usize = data[..length].iter().product();
    let owners = if distinct { 1 } else { (WANTED * unit / inner).clamp(1, slices) };
    let mut shader = join(Shader::new("scatter_nd", SCATTER_ND), task, operator.scatter, vector)?
        .number("LENGTH", length)
        .switch("DISTINCT", distinct)
        .switch("MEETING", !distinct)
        .size("OWNERS", owners)
        .size("TUPLES", tuples)
        .turns(task, |at_a_turn| if distinct { 0 } else { tuples.div_ceil(at_a_turn) })?
        .size("INNER", inner / unit);
    let strides = contiguous(&data[..length]);
    for component in 0..length {
        shader = shader
            .size(EXTENTS[component], data[component])
            .constant(STRIDES[0][component], strides[component] as f64);
    }
    finish(task, shader, if distinct { tuples } else { owners } * inner / unit)
}

/// Returns whether no two index tuples can name the same slice: they are constants, and differ.
fn are_distinct(task: &Task<'_>, length: usize) -> Result<bool, Error> {
    let id = task.input_id(1)?;
    let constant = task.graph.values[id.0].constant.as_ref();
    let Some(tensor) = constant.and_then(Constant::here) else { return Ok(false) };
    let shape = &task.output()?.shape;
    let indices = tensor.to_i64_vec().unwrap_or_default();
    let from_the_front = |(at, &index): (usize, &i64)| {
        if index < 0 { index + shape[at % length] as i64 } else { index }
    };
    let indices: Vec<i64> = indices.iter().enumerate().map(from_the_front).collect();
    let mut seen = HashSet::new();
    Ok(length > 0 && indices.chunks(length).all(|tuple| seen.insert(tuple)))
}

/// Adds what becomes of an element that an update meets.
fn join(shader: Shader, task: &Task<'_>, scatter: Scatter, vector: bool) -> Result<Shader, Error> {
    let data_type = task.output()?.data_type;
    let element = task.element(task.output_id()?);
    let step = match scatter {
        Scatter::Replace => "x",
        Scatter::Add if element == Element::Wide => "wide_add(a, x)",
        Scatter::Mul if element == Element::Wide => "wide_multiply(a, x)",
        Scatter::Add => "a + x",
        Scatter::Mul => "a * x",
        Scatter::Max => "larger(a, x)",
        Scatter::Min => "smaller(a, x)",
    };
    let shader = match scatter {
        Scatter::Max | Scatter::Min => shader.prelude(ORDERING),
        Scatter::Replace | Scatter::Add | Scatter::Mul => shader,
    };
    Ok(shader
        .ordered(element)
        .word("E", element.wgsl(vector))
        .word("U", Element::U32.wgsl(vector))
        .word("STEP", &elementwise::wrapped(step, data_type)))
}

fn finish(task: &Task<'_>, shader: Shader, count: usize) -> Result<Vec<Launch>, Error> {
    let choice = task.choose(Family::Gather, ShapeClass::Small);
    let reads = [task.input_id(1)?, task.input_id(2)?];
    let grid = Grid::Invocations(count);
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &reads, task.output_id()?)?])
}
