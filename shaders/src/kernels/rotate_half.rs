//! Rotary position embedding: rotate_half.wgsl.

use super::launch::{Grid, Launch, Shader, Task};
use crate::error::Error;
use crate::strides::IterationSpace;
use crate::transfer::Element;
use crate::tuning::{Family, ShapeClass};

const FILE: &str = include_str!("rotate_half.wgsl");

pub(super) fn emit(task: &Task<'_>) -> Result<Vec<Launch>, Error> {
    let (x, angles) = (task.float_input(0)?, task.float_input(1)?);
    let (depth, width) = (last(&x.shape), last(&angles.shape));
    let half = depth / 2;
    let [mut pairs, mut turned] = [x.shape.clone(), x.shape.clone()];
    pairs.last_mut().into_iter().for_each(|extent| *extent = half);
    turned.last_mut().into_iter().for_each(|extent| *extent = width);
    let mut space = IterationSpace::new(&pairs, &[task.broadcast(&angles.shape, &turned)?]);
    let in_fours = half.is_multiple_of(4) && space.vectors() == Some(vec![true]);
    if in_fours {
        space = space.in_fours(&[true]);
    }
    let unit = if in_fours { 4 } else { 1 };
    let choice = task.choose(Family::Elementwise, ShapeClass::Small);
    let shader = Shader::new(format!("rotate half{}", if in_fours { " in fours" } else { "" }), FILE)
        .iteration(task, &space, "RANK")?
        .size("HALF", half / unit)
        .size("SECOND", if width == depth { half / unit } else { 0 })
        .word("T", Element::F32.wgsl(in_fours));
    let grid = Grid::Invocations(x.element_count() / 2 / unit);
    let operands = [task.input_id(0)?, task.input_id(1)?, task.input_id(2)?];
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &operands, task.output_id()?)?])
}

fn last(shape: &[usize]) -> usize {
    shape.last().copied().unwrap_or(1)
}
