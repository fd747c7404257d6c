//! Picking by index: gather.wgsl, gather_elements.wgsl and gather_nd.wgsl.

use graph::ops::{Gather, GatherElements, GatherNd};

use super::launch::{EXTENTS, Grid, Launch, MAX_RANK, STRIDES, Shader, Task};
use crate::error::Error;
use crate::strides::{IterationSpace, contiguous};
use crate::tuning::{Family, ShapeClass};

const GATHER: &str = include_str!("gather.wgsl");
const GATHER_ELEMENTS: &str = include_str!("gather_elements.wgsl");
const GATHER_ND: &str = include_str!("gather_nd.wgsl");

pub(super) fn gather(task: &Task<'_>, operator: &Gather) -> Result<Vec<Launch>, Error> {
    let data = task.input(0)?;
    let inner: usize = data.shape[operator.axis + 1..].iter().product();
    let (element, unit) = unit(task, inner)?;
    let shader = Shader::new("gather", GATHER)
        .word("T", element)
        .size("INDICES", task.input(1)?.element_count())
        .size("EXTENT", data.shape[operator.axis])
        .size("INNER", inner / unit);
    finish(task, shader, unit)
}

pub(super) fn gather_elements(task: &Task<'_>, operator: &GatherElements) -> Result<Vec<Launch>, Error> {
    let (data, indices) = (task.input(0)?, task.input(1)?);
    let mut strides = contiguous(&data.shape);
    let along = std::mem::take(&mut strides[operator.axis]);
    let shader = Shader::new("gather_elements", GATHER_ELEMENTS)
        .word("T", task.input_element(0)?.wgsl(false))
        .iteration(task, &IterationSpace::new(&indices.shape, &[strides]), "RANK")?
        .size("EXTENT", data.shape[operator.axis])
        .constant("STRIDE", along as f64);
    finish(task, shader, 1)
}

pub(super) fn gather_nd(task: &Task<'_>, operator: &GatherNd) -> Result<Vec<Launch>, Error> {
    let (data, indices) = (task.input(0)?, task.input(1)?);
    let batches = operator.batch_dimensions;
    let length = indices.shape.last().copied().unwrap_or(0);
    if length > MAX_RANK {
        return Err(task.unsupported(format!("has index tuples of {length}; {MAX_RANK} are possible")));
    }
    let inner: usize = data.shape[batches + length..].iter().product();
    let (element, unit) = unit(task, inner)?;
    let tuples: usize = indices.shape[batches..indices.shape.len() - 1].iter().product();
    let mut shader = Shader::new("gather_nd", GATHER_ND)
        .word("T", element)
        .number("LENGTH", length)
        .size("TUPLES", tuples)
        .size("BATCH", data.shape[batches..].iter().product::<usize>() / unit)
        .size("INNER", inner / unit);
    let strides = contiguous(&data.shape);
    for component in 0..length {
        let axis = batches + component;
        shader = shader
            .size(EXTENTS[component], data.shape[axis])
            .size(STRIDES[0][component], strides[axis] as usize / unit);
    }
    finish(task, shader, unit)
}

/// The type that is moved at once, and how many elements that is.
fn unit(task: &Task<'_>, inner: usize) -> Result<(&'static str, usize), Error> {
    let vector = inner.is_multiple_of(4) && !task.is_wide();
    Ok((task.input_element(0)?.wgsl(vector), if vector { 4 } else { 1 }))
}

fn finish(task: &Task<'_>, shader: Shader, unit: usize) -> Result<Vec<Launch>, Error> {
    let choice = task.choose(Family::Gather, ShapeClass::Small);
    let grid = Grid::Invocations(task.output()?.element_count() / unit);
    let reads = [task.input_id(0)?, task.input_id(1)?];
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &reads, task.output_id()?)?])
}
