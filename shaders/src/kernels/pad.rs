//! A border around a tensor: pad.wgsl.

use graph::ops::{Pad, PadMode};

use super::launch::{EXTENTS, Grid, Launch, MAX_RANK, Shader, Task};
use crate::error::Error;
use crate::tuning::{Family, ShapeClass};

const FILE: &str = include_str!("pad.wgsl");
const INPUT_EXTENTS: [&str; MAX_RANK] = ["I0", "I1", "I2", "I3", "I4", "I5", "I6", "I7"];
const BEFORE: [&str; MAX_RANK] = ["B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7"];

/// A dimension: extents of input and result, and what comes before the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Side {
    input: usize,
    result: usize,
    before: usize,
}

pub(super) fn emit(task: &Task<'_>, operator: &Pad) -> Result<Vec<Launch>, Error> {
    let (input, output) = (task.input(0)?, task.output()?);
    let sides = sides(&input.shape, &output.shape, operator);
    if sides.len() > MAX_RANK {
        let reason = format!("has {} dimensions that cannot be joined; {MAX_RANK} are possible", sides.len());
        return Err(task.unsupported(reason));
    }
    let (name, fill) = (format!("{:?}", operator.mode).to_lowercase(), task.optional(1));
    let mut shader = Shader::new(format!("pad {name}"), FILE)
        .word("T", task.input_element(0)?.wgsl(false))
        .number("RANK", sides.len())
        .optional_operand("FILL", fill, 1)
        .switch("NO_FILL", fill.is_none());
    for mode in [PadMode::Constant, PadMode::Edge, PadMode::Reflect, PadMode::Wrap] {
        shader = shader.switch(&format!("{mode:?}").to_uppercase(), mode == operator.mode);
    }
    for (dimension, side) in sides.iter().enumerate() {
        shader = shader
            .size(EXTENTS[dimension], side.result)
            .size(INPUT_EXTENTS[dimension], side.input)
            .size(BEFORE[dimension], side.before);
    }
    let choice = task.choose(Family::Copy, ShapeClass::Small);
    let grid = Grid::Invocations(output.element_count());
    let reads: Vec<_> = [task.input_id(0)?].into_iter().chain(fill).collect();
    Ok(vec![task.launch(shader, [choice.lanes, 1], grid, &reads, task.output_id()?)?])
}

/// The dimensions, innermost first, joined where what lies behind has no border.
fn sides(input: &[usize], result: &[usize], operator: &Pad) -> Vec<Side> {
    let mut sides: Vec<Side> = Vec::new();
    for axis in (0..input.len()).rev() {
        let side = Side { input: input[axis], result: result[axis], before: operator.before[axis] };
        let bordered = side.input != side.result;
        match sides.last_mut() {
            // Constants are the same wherever a border is.
            Some(last) if last.input == last.result && (!bordered || operator.mode == PadMode::Constant) => {
                let inner = last.input;
                *last = Side {
                    input: side.input * inner,
                    result: side.result * inner,
                    before: side.before * inner,
                };
            }
            _ => sides.push(side),
        }
    }
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_without_border_are_joined() {
        let side = |input, result, before| Side { input, result, before };
        for (name, mode, before, after, expected) in [
            ("inner", PadMode::Constant, [0, 1, 0], [0, 1, 0], vec![side(12, 20, 4), side(2, 2, 0)]),
            ("outer", PadMode::Constant, [2, 0, 0], [1, 0, 0], vec![side(24, 60, 24)]),
            (
                "not for other modes",
                PadMode::Edge,
                [2, 0, 0],
                [1, 0, 0],
                vec![side(12, 12, 0), side(2, 5, 2)],
            ),
            ("all", PadMode::Wrap, [0, 0, 0], [0, 0, 0], vec![side(24, 24, 0)]),
            ("last", PadMode::Reflect, [0, 0, 1], [0, 0, 2], vec![side(4, 7, 1), side(6, 6, 0)]),
        ] {
            let input = [2, 3, 4];
            let result: Vec<usize> = (0..3).map(|axis| input[axis] + before[axis] + after[axis]).collect();
            let pad = Pad { mode, before: before.into(), after: after.into() };
            assert_eq!(sides(&input, &result, &pad), expected, "{name}");
        }
    }
}
