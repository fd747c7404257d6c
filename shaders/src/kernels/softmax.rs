//! Softmax: softmax.wgsl.

use graph::ops::Softmax;

use super::launch::{Launch, ORDERING, Shader, Task};
use super::rows;
use crate::error::Error;
use crate::transfer::Element;
use crate::tuning::Family;

const FILE: &str = include_str!("softmax.wgsl");

pub(super) fn emit(task: &Task<'_>, operator: &Softmax) -> Result<Vec<Launch>, Error> {
    let shape = &task.float_input(0)?.shape;
    let extent = shape[operator.axis];
    let inner = shape[operator.axis + 1..].iter().product();
    let count = shape.iter().product::<usize>() / extent;
    let choice = task.choose(Family::Softmax, rows::class(extent, count));

    let shader = Shader::new(format!("softmax {}", rows::variant_name(choice)), FILE)
        .size("EXTENT", extent)
        .size("INNER", inner)
        .prelude(ORDERING)
        .ordered(Element::F32)
        .fold(rows::LARGER)
        .fold(rows::SUM)
        .turns(task, |at_a_turn| 3 * extent.div_ceil(rows::lanes(choice) * at_a_turn))?;
    let shader = rows::share(shader, choice, Element::F32);
    let grid = rows::grid(choice, count);
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &[task.input_id(0)?], task.output_id()?)?])
}
