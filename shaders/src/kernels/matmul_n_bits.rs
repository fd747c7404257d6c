//! Products with packed weights: matmul_n_bits.wgsl.

use graph::ValueId;
use graph::ops::MatMulNBits;

use super::launch::{Grid, Launch, Read, Shader, Task};
use super::tiling;
use crate::error::Error;
use crate::transfer::Encoding;
use crate::tuning::{Family, Variant};

const FILE: &str = include_str!("matmul_n_bits.wgsl");

const WORD_BITS: usize = 32;

pub(super) fn emit(task: &Task<'_>, operator: &MatMulNBits) -> Result<Vec<Launch>, Error> {
    let (a, packed) = (&task.float_input(0)?.shape, &task.input(1)?.shape);
    let k = a.last().copied().unwrap_or(1);
    let (n, blocks) = (packed[0], packed[1]);
    let m = task.output()?.element_count() / n;
    let numbers = WORD_BITS / operator.bits;
    let choice = task.choose(Family::MatmulNBits, tiling::class(task.device, m, n, k));
    let (x, y) = (choice.lanes, choice.lines);
    // Alone, each invocation has a column to itself.
    let (lanes, shared) = match choice.variant {
        Variant::Shared => ([x, y], true),
        Variant::Alone => ([1, x], false),
    };
    let rows = (choice.tile[0] as usize).min(m);
    let shared_bytes = if shared { 4 * rows as u32 * x * y } else { 0 };
    let whole = k.is_multiple_of(numbers);
    let (q, zeros) = (task.input_id(1)?, task.optional(3));
    let shader = Shader::new(format!("matmul_n_bits {rows}x1"), FILE)
        .number("BITS", operator.bits)
        .number("MASK", (1 << operator.bits) - 1)
        .number("FOURS", numbers / 4)
        .number("ROWS", rows)
        .switch("SHARED", shared)
        .number("LX", lanes[0] as usize)
        .number("LY", lanes[1] as usize)
        .switch("WHOLE", whole)
        .switch("RAGGED", !whole)
        .size("M", m)
        .size("N", n)
        .size("K", k)
        .size("WORDS", k.div_ceil(numbers))
        .turns(task, |at_a_turn| k.div_ceil(numbers * lanes[0] as usize * at_a_turn))?
        .size("BLOCKS", blocks)
        .size("BLOCK_WORDS", operator.block_size / numbers)
        .shared_bytes(shared_bytes);
    let shader = zero_points(task, spread(task, shader, ["Q_PACKED", "Q_SPREAD"], Some(q)), zeros);
    let grid = Grid::Blocks([n.div_ceil(lanes[1] as usize), m.div_ceil(rows), 1]);
    let mut reads = vec![task.input_id(0)?.into(), read(task, q), task.input_id(2)?.into()];
    reads.extend(zeros.map(|zeros| read(task, zeros)));
    Ok(vec![task.launch(shader, lanes, grid, &reads, task.output_id()?)?])
}

fn zero_points(task: &Task<'_>, shader: Shader, zeros: Option<ValueId>) -> Shader {
    let shader = spread(task, shader, ["Z_PACKED", "Z_SPREAD"], zeros)
        .switch("NO_ZEROS", zeros.is_none())
        .optional_operand("ZEROS", zeros, 3);
    match zeros.and_then(|zeros| task.value_type(zeros).shape.last()) {
        Some(&bytes) => shader.size("ZERO_BYTES", bytes),
        None => shader,
    }
}

/// Constants stay packed; what the device computes or is given has a word for each byte.
fn read(task: &Task<'_>, bytes: ValueId) -> Read {
    let constant = task.graph.values[bytes.0].constant.is_some();
    Read { value: bytes, encoding: if constant { Encoding::Packed } else { Encoding::Elements } }
}

fn spread(task: &Task<'_>, shader: Shader, names: [&str; 2], bytes: Option<ValueId>) -> Shader {
    let encoding = bytes.map(|bytes| read(task, bytes).encoding);
    shader
        .switch(names[0], encoding == Some(Encoding::Packed))
        .switch(names[1], encoding == Some(Encoding::Elements))
}
