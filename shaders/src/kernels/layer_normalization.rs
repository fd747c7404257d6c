//! Layer normalisation, and that by the root mean square: layer_normalization.wgsl.

use graph::ops::LayerNormalization;

use super::launch::{Launch, Shader, Task};
use super::rows;
use crate::error::Error;
use crate::transfer::Element;
use crate::tuning::Family;

const FILE: &str = include_str!("layer_normalization.wgsl");

pub(super) fn emit(task: &Task<'_>, operator: &LayerNormalization) -> Result<Vec<Launch>, Error> {
    let shape = &task.float_input(0)?.shape;
    let width: usize = shape[operator.axis..].iter().product();
    let count = shape[..operator.axis].iter().product();
    let vector = width.is_multiple_of(4);
    let choice = task.choose(Family::LayerNormalization, rows::class(width, count));
    let columns = if vector { width / 4 } else { width };
    let bias = task.optional(2);

    let shader = Shader::new(format!("layer_normalization {}", rows::variant_name(choice)), FILE)
        .word("T", Element::F32.wgsl(vector))
        .word("TOTAL", if vector { "v.x + v.y + v.z + v.w" } else { "v" })
        .switch("CENTERED", operator.center)
        .optional_operand("BIAS", bias, 2)
        .size("COLUMNS", columns)
        .turns(task, |at_a_turn| 3 * columns.div_ceil(rows::lanes(choice) * at_a_turn))?
        .size("WIDTH", width)
        .constant("EPSILON", operator.epsilon)
        .fold(rows::SUM);
    let shader = rows::share(shader, choice, Element::F32);
    let reads: Vec<_> = [task.input_id(0)?, task.input_id(1)?].into_iter().chain(bias).collect();
    let grid = rows::grid(choice, count);
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &reads, task.output_id()?)?])
}
