//! Kernels that order elements: order.wgsl for whole rows, arg_reduce.wgsl for the first of each alone.

use graph::ops::{ArgReduce, Order};

use super::launch::{Grid, Launch, ORDERING, Shader, Task};
use super::rows;
use crate::error::Error;
use crate::tuning::{Family, ShapeClass};

const ORDER: &str = include_str!("order.wgsl");
const ARG_REDUCE: &str = include_str!("arg_reduce.wgsl");

pub(super) fn order(task: &Task<'_>, operator: &Order) -> Result<Vec<Launch>, Error> {
    let shape = &task.input(0)?.shape;
    let shader = describe(task, "order".to_owned(), ORDER, operator.axis, operator.largest)?
        .word("E", task.input_element(0)?.wgsl(false))
        .size("TAKEN", operator.count)
        .turns(task, |at_a_turn| shape[operator.axis].div_ceil(at_a_turn))?;
    let choice = task.choose(Family::Gather, ShapeClass::Small);
    let grid = Grid::Invocations(shape.iter().product());
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &[task.input_id(0)?], task.output_id()?)?])
}

pub(super) fn arg_reduce(task: &Task<'_>, operator: &ArgReduce) -> Result<Vec<Launch>, Error> {
    let (input, count) = (task.input(0)?, task.output()?.element_count());
    let extent = input.shape[operator.axis];
    let choice = task.choose(Family::Reduce, rows::class(extent, count));
    let label = format!("arg_reduce {}", rows::variant_name(choice));
    let shader = describe(task, label, ARG_REDUCE, operator.axis, operator.largest)?
        .word("TIE", if operator.last { "i > j" } else { "i < j" })
        .turns(task, |at_a_turn| extent.div_ceil(rows::lanes(choice) * at_a_turn))?;
    let element = task.input_element(0)?;
    let shader = rows::share(shader, choice, element);
    // The places of the elements are shared too.
    let shader = shader.shared_bytes(choice.lanes * (element.size_bytes() + 4));
    let grid = rows::grid(choice, count);
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &[task.input_id(0)?], task.output_id()?)?])
}

fn describe(
    task: &Task<'_>,
    label: String,
    file: &'static str,
    axis: usize,
    largest: bool,
) -> Result<Shader, Error> {
    let input = task.input(0)?;
    Ok(Shader::new(label, file)
        .prelude(ORDERING)
        .ordered(task.input_element(0)?)
        .word("BEFORE", if largest { "is_larger(x, y)" } else { "is_larger(y, x)" })
        .size("EXTENT", input.shape[axis])
        .size("INNER", input.shape[axis + 1..].iter().product()))
}
