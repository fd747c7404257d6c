//! Scaled dot-product attention in one kernel: attention_shared.wgsl and attention_alone.wgsl.

use graph::ops::{Attention, HeadLayout};
use graph::{DataType, ValueId};

use super::launch::{Grid, Launch, MOST_TURNS, Shader, Task};
use crate::error::Error;
use crate::strides::broadcast;
use crate::transfer::Element;
use crate::tuning::{Family, ShapeClass, Variant};

const SHARED: &str = include_str!("attention_shared.wgsl");
const ALONE: &str = include_str!("attention_alone.wgsl");

/// Rescaling what is summed up so far costs as much as adding a key: several are added between two rescalings.
const KEYS_AT_ONCE: usize = 4;
/// From so many query rows on, there are enough of them for every invocation of a CPU to take several.
const MANY_ROWS: usize = 64;
/// From so many query rows of all heads on, a GPU is busy with an invocation for each.
const MANY_ROWS_OF_ALL: usize = 1 << 13;
/// Up to so many query rows, each has a workgroup: on a CPU, and on a GPU, which computes more of those at once.
const FEW_ROWS: usize = 2;
const FEW_ROWS_OF_A_GPU: usize = 8;

/// Query, key, value or result: what it is in elements.
#[derive(Debug, Clone, Copy)]
struct Heads {
    rows: usize,
    depth: usize,
    batch_stride: usize,
    head_stride: usize,
    row_stride: usize,
}

impl Heads {
    fn read(task: &Task<'_>, shape: &[usize], layout: HeadLayout, heads: usize) -> Result<Self, Error> {
        match (layout, shape) {
            (HeadLayout::HeadsFirst, &[_, _, rows, depth]) => {
                let head_stride = rows * depth;
                let batch_stride = heads * head_stride;
                Ok(Heads { rows, depth, batch_stride, head_stride, row_stride: depth })
            }
            (HeadLayout::SequenceFirst, &[_, rows, width]) => {
                let depth = width / heads;
                Ok(Heads { rows, depth, batch_stride: rows * width, head_stride: depth, row_stride: width })
            }
            _ => Err(task.unsupported(format!("{layout:?} does not go with shape {shape:?}"))),
        }
    }

    fn constants(self, shader: Shader, names: [&'static str; 3], unit: usize) -> Shader {
        let [batch, head, row] = names;
        shader
            .size(batch, self.batch_stride / unit)
            .size(head, self.head_stride / unit)
            .size(row, self.row_stride / unit)
    }
}

/// The operands of one attention.
struct Scene {
    batches: usize,
    heads: usize,
    query: Heads,
    key: Heads,
    value: Heads,
    result: Heads,
    mask: Option<ValueId>,
}

impl Scene {
    fn read(task: &Task<'_>, operator: &Attention) -> Result<Self, Error> {
        let (query, key, value) = (task.float_input(0)?, task.float_input(1)?, task.float_input(2)?);
        let heads = |shape: &[usize], layout, count| Heads::read(task, shape, layout, count);
        Ok(Scene {
            batches: query.shape[0],
            heads: operator.heads,
            query: heads(&query.shape, operator.query_layout, operator.heads)?,
            key: heads(&key.shape, operator.key_layout, operator.key_value_heads)?,
            value: heads(&value.shape, operator.value_layout, operator.key_value_heads)?,
            result: heads(&task.output()?.shape, operator.output_layout, operator.heads)?,
            mask: task.optional(3),
        })
    }

    /// Elements that are moved at once.
    fn unit(&self) -> usize {
        let fours = self.query.depth.is_multiple_of(4) && self.value.depth.is_multiple_of(4);
        if fours { 4 } else { 1 }
    }
}

/// The tiling of the work.
struct Tiling {
    name: &'static str,
    file: &'static str,
    /// Invocations of a workgroup.
    invocations: u32,
    /// Query rows of a workgroup.
    rows: usize,
    /// Query rows that the kernel's text is made for: of an invocation, or of a workgroup that shares them.
    row_tile: usize,
    /// Invocations that share a query row.
    lanes: usize,
    /// True where a query row has a workgroup.
    few: bool,
    /// Keys that an invocation takes at a time.
    block: usize,
    shared_bytes: usize,
}

impl Tiling {
    fn new(task: &Task<'_>, scene: &Scene) -> Self {
        let rows = scene.query.rows;
        let (few, many) = match task.device.software {
            true => (rows <= FEW_ROWS, rows >= MANY_ROWS),
            false => (rows <= FEW_ROWS_OF_A_GPU, rows * scene.heads * scene.batches >= MANY_ROWS_OF_ALL),
        };
        let class = match few {
            true => ShapeClass::Vector,
            false if many => ShapeClass::Long,
            false => ShapeClass::Small,
        };
        let choice = task.choose(Family::Attention, class);
        let lanes = choice.lanes as usize;
        let rows = (choice.tile[0] as usize).min(scene.query.rows).max(1);
        match choice.variant {
            Variant::Alone => {
                let most = KEYS_AT_ONCE.max(scene.key.rows.div_ceil(MOST_TURNS));
                let block = most.min(scene.key.rows).max(1);
                Tiling {
                    name: "alone",
                    file: ALONE,
                    invocations: choice.lanes,
                    rows: lanes * rows,
                    row_tile: rows,
                    lanes: 1,
                    few: false,
                    block,
                    shared_bytes: 0,
                }
            }
            Variant::Shared if few => {
                // What an invocation has to tell the others.
                let own_bytes = 4 * (scene.value.depth + 2);
                let most = task.device.limits.max_compute_workgroup_storage_size as usize / own_bytes;
                let lanes = lanes.min(1 << most.max(1).ilog2());
                let shared_bytes = own_bytes * lanes;
                Tiling {
                    name: "few",
                    file: ALONE,
                    invocations: lanes as u32,
                    rows: 1,
                    row_tile: 1,
                    lanes,
                    few,
                    block: scene.key.rows.div_ceil(lanes * MOST_TURNS).max(1),
                    shared_bytes,
                }
            }
            Variant::Shared => {
                let shared_bytes = 4 * rows * (scene.query.depth + lanes);
                Tiling {
                    name: "shared",
                    file: SHARED,
                    invocations: choice.lanes,
                    rows,
                    row_tile: rows,
                    lanes,
                    few,
                    block: 1,
                    shared_bytes,
                }
            }
        }
    }
}

pub(super) fn emit(task: &Task<'_>, operator: &Attention) -> Result<Vec<Launch>, Error> {
    let scene = Scene::read(task, operator)?;
    let tiling = Tiling::new(task, &scene);
    let shader = shader(&scene, &tiling)
        .size("QUERIES", scene.query.rows)
        .size("KEYS", scene.key.rows)
        .size("SHARING", operator.heads / operator.key_value_heads)
        .constant("SCALE", operator.scale)
        .constant("ZERO_UNDEFINED", f64::from(u8::from(operator.undefined_rows_are_zero)));
    let shader = mask(task, shader, &scene, operator)?;
    let unit = scene.unit();
    let shader = scene.query.constants(shader, ["Q_BATCH", "Q_HEAD", "Q_ROW"], unit);
    let shader = scene.key.constants(shader, ["K_BATCH", "K_HEAD", "K_ROW"], unit);
    let shader = scene.value.constants(shader, ["V_BATCH", "V_HEAD", "V_ROW"], unit);
    let shader = scene.result.constants(shader, ["O_BATCH", "O_HEAD", "O_ROW"], unit);
    let grid = Grid::Blocks([scene.query.rows.div_ceil(tiling.rows), scene.heads, scene.batches]);
    let operands = [task.input_id(0)?, task.input_id(1)?, task.input_id(2)?];
    let reads: Vec<_> = operands.into_iter().chain(scene.mask).collect();
    Ok(vec![task.launch(shader, [tiling.invocations, 1], grid, &reads, task.output_id()?)?])
}

fn shader(scene: &Scene, tiling: &Tiling) -> Shader {
    let unit = scene.unit();
    let value_depth = scene.value.depth / unit;
    Shader::new(format!("attention {}", tiling.name), tiling.file)
        .functions(false, "x")
        .word("T", Element::F32.wgsl(unit == 4))
        .word("TOTAL", if unit == 4 { "v.x + v.y + v.z + v.w" } else { "v" })
        .number("DEPTH", scene.query.depth / unit)
        .number("VALUE_DEPTH", value_depth)
        .number("ROWS", tiling.row_tile)
        .number("LANES", tiling.lanes)
        .number("BLOCK", tiling.block)
        .switch("TAIL", !scene.key.rows.is_multiple_of(tiling.block))
        .number("PARTS", value_depth.div_ceil(tiling.lanes))
        .switch("FEW", tiling.few)
        .switch("MANY", !tiling.few)
        .shared_bytes(tiling.shared_bytes as u32)
}

/// The mask's type and strides, as it broadcasts to `[batch, heads, queries, keys]`.
fn mask(task: &Task<'_>, shader: Shader, scene: &Scene, operator: &Attention) -> Result<Shader, Error> {
    let shader = shader.optional_operand("MASK", scene.mask, 3);
    let Some(mask) = scene.mask else {
        return Ok(shader.switch("BOOL", false).switch("ADDED", false));
    };
    let mask = task.value_type(mask);
    let is_bool = match mask.data_type {
        DataType::Bool => true,
        DataType::F32 | DataType::F16 => false,
        _ => return Err(task.unsupported(format!("its mask is {mask}, neither float nor bool"))),
    };
    let target = [scene.batches, operator.heads, scene.query.rows, scene.key.rows];
    let Some(strides) = broadcast(&mask.shape, &target) else {
        return Err(task.unsupported(format!("its mask {mask} does not broadcast to {target:?}")));
    };
    let names = ["MASK_BATCH", "MASK_HEAD", "MASK_QUERY", "MASK_KEY"];
    let shader = names
        .into_iter()
        .zip(strides)
        .fold(shader, |shader, (name, stride)| shader.constant(name, stride as f64));
    let element = Element::of(mask.data_type).wgsl(false);
    Ok(shader.word("MASK_TYPE", element).switch("BOOL", is_bool).switch("ADDED", !is_bool))
}
