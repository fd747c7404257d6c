//! Running sums: cumulative_sum.wgsl.

use graph::ops::CumulativeSum;

use super::launch::{Launch, Shader, Task};
use super::{elementwise, rows};
use crate::error::Error;
use crate::transfer::Element;
use crate::tuning::Family;

const FILE: &str = include_str!("cumulative_sum.wgsl");

pub(super) fn emit(task: &Task<'_>, operator: &CumulativeSum) -> Result<Vec<Launch>, Error> {
    let (input, element) = (task.input(0)?, task.input_element(0)?);
    let extent = input.shape[operator.axis];
    let count = input.element_count() / extent;
    let choice = task.choose(Family::Reduce, rows::class(extent, count));
    let shader = Shader::new(format!("cumulative_sum {}", rows::variant_name(choice)), FILE)
        .size("EXTENT", extent)
        .turns(task, |at_a_turn| 2 * extent.div_ceil(rows::lanes(choice) * at_a_turn))?
        .size("INNER", input.shape[operator.axis + 1..].iter().product())
        .constant("REVERSE", f64::from(u8::from(operator.reverse)))
        .switch("EXCLUSIVE", operator.exclusive)
        .switch("INCLUSIVE", !operator.exclusive)
        .word("SUM", if element == Element::Wide { "wide_add(a, x)" } else { "a + x" })
        .word("FINISH", &elementwise::wrapped("a", input.data_type));
    let shader = rows::share(shader, choice, element);
    let grid = rows::grid(choice, count);
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &[task.input_id(0)?], task.output_id()?)?])
}
