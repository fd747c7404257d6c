//! Reductions over any axes: reduce.wgsl.

use graph::ops::{Reduce, Reduction};

use super::launch::{Launch, MAX_RANK, ORDERING, STRIDES, Shader, Task};
use super::{elementwise, rows};
use crate::error::Error;
use crate::strides::{IterationSpace, contiguous};
use crate::transfer::Element;
use crate::tuning::Family;

const FILE: &str = include_str!("reduce.wgsl");
const REDUCED_EXTENTS: [&str; MAX_RANK] = ["R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7"];

/// Start, turn and end of a reduction, as expressions over `a` (so far) and `x` (the next element).
struct Recipe {
    first: &'static str,
    step: &'static str,
    fold: rows::Fold,
    finish: &'static str,
}

const WIDE_SUM: rows::Fold = rows::Fold { name: "sum", combine: "wide_add(a, b)" };
const WIDE_PRODUCT: rows::Fold = rows::Fold { name: "product", combine: "wide_multiply(a, b)" };

fn recipe(task: &Task<'_>, reduction: Reduction, element: Element, folded: usize) -> Result<Recipe, Error> {
    let recipe = |first, step, fold, finish| Ok(Recipe { first, step, fold, finish });
    match (reduction, element) {
        (Reduction::Sum, Element::Wide) => recipe("vec2<u32>()", "wide_add(a, x)", WIDE_SUM, "a"),
        (Reduction::Prod, Element::Wide) => {
            recipe("vec2<u32>(1u, 0u)", "wide_multiply(a, x)", WIDE_PRODUCT, "a")
        }
        (Reduction::Max, Element::Wide) => {
            recipe("vec2<u32>(0u, 0x80000000u)", "larger(a, x)", rows::LARGER, "a")
        }
        (Reduction::Min, Element::Wide) => {
            recipe("vec2<u32>(0xffffffffu, 0x7fffffffu)", "smaller(a, x)", rows::SMALLER, "a")
        }
        (Reduction::Mean, Element::Wide) if folded == 0 => recipe("vec2<u32>()", "a", WIDE_SUM, "a"),
        (Reduction::Mean, Element::Wide) => {
            recipe("vec2<u32>()", "wide_add(a, x)", WIDE_SUM, "wide_divide(a, vec2<u32>(FOLDED, 0u))")
        }
        (Reduction::Sum, _) => recipe("0", "a + x", rows::SUM, "a"),
        (Reduction::Prod, _) => recipe("1", "a * x", rows::PRODUCT, "a"),
        (Reduction::Max, Element::F32) => recipe("float_of(0xff800000u)", "larger(a, x)", rows::LARGER, "a"),
        (Reduction::Min, Element::F32) => {
            recipe("float_of(0x7f800000u)", "smaller(a, x)", rows::SMALLER, "a")
        }
        (Reduction::Max, Element::I32) => recipe("-2147483647 - 1", "larger(a, x)", rows::LARGER, "a"),
        (Reduction::Min, Element::I32) => recipe("2147483647", "smaller(a, x)", rows::SMALLER, "a"),
        (Reduction::Max, Element::U32) => recipe("0", "larger(a, x)", rows::LARGER, "a"),
        (Reduction::Min, Element::U32) => recipe("255", "smaller(a, x)", rows::SMALLER, "a"),
        // WGSL refuses an integer division by a constant zero.
        (Reduction::Mean, Element::I32 | Element::U32) if folded == 0 => recipe("0", "a", rows::SUM, "a"),
        (Reduction::Mean, _) => recipe("0", "a + x", rows::SUM, "a / E(FOLDED)"),
        (Reduction::L2, Element::F32) => recipe("0", "a + x * x", rows::SUM, "sqrt(a)"),
        (Reduction::L2, Element::I32 | Element::U32 | Element::Wide) => {
            Err(task.unsupported("there is no kernel for norms of integers"))
        }
    }
}

pub(super) fn emit(task: &Task<'_>, operator: &Reduce) -> Result<Vec<Launch>, Error> {
    let input = task.input(0)?;
    let element = task.input_element(0)?;
    let kept = part(&input.shape, |axis| !operator.axes.contains(&axis));
    let mut reduced = part(&input.shape, |axis| operator.axes.contains(&axis));
    let (count, folded): (usize, usize) = (kept.extents.iter().product(), reduced.extents.iter().product());
    if folded == 0 {
        // Nothing is walked, and no extent may be zero: WGSL refuses a division by it.
        reduced = IterationSpace::new(&[], &[vec![]]);
    }
    let recipe = recipe(task, operator.reduction, element, folded)?;
    if kept.rank().max(reduced.rank()) > MAX_RANK {
        return Err(task.unsupported(format!("has more than {MAX_RANK} dimensions that cannot be joined")));
    }
    let choice = task.choose(Family::Reduce, rows::class(folded, count));

    let mut shader = Shader::new(format!("reduce {}", rows::variant_name(choice)), FILE)
        .prelude(ORDERING)
        .iteration(task, &kept, "KEPT")?
        .number("KEPT_LAST", kept.rank() - 1)
        .number("REDUCED", reduced.rank())
        .number("REDUCED_LAST", reduced.rank() - 1)
        .size("FOLDED", folded)
        .turns(task, |at_a_turn| folded.div_ceil(rows::lanes(choice) * at_a_turn))?
        .word("FIRST", recipe.first)
        .word("STEP", recipe.step)
        .word("NAME", recipe.fold.name)
        .word("FINISH", &elementwise::wrapped(recipe.finish, input.data_type))
        .ordered(element)
        .fold(recipe.fold);
    for (dimension, &extent) in reduced.extents.iter().enumerate() {
        shader = shader
            .size(REDUCED_EXTENTS[dimension], extent)
            .constant(STRIDES[1][dimension], reduced.strides[0][dimension] as f64);
    }
    let shader = rows::share(shader, choice, element);
    let grid = rows::grid(choice, count);
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &[task.input_id(0)?], task.output_id()?)?])
}

/// The iteration space of some of a tensor's axes.
fn part(shape: &[usize], wanted: impl Fn(usize) -> bool) -> IterationSpace {
    let strides = contiguous(shape);
    let axes: Vec<usize> = (0..shape.len()).filter(|&axis| wanted(axis)).collect();
    let extents: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    IterationSpace::new(&extents, &[axes.iter().map(|&axis| strides[axis]).collect()])
}
