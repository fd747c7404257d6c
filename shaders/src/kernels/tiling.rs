//! The tiles of a matrix product of vectors of four, whatever its first matrix is made of.

use super::launch::Shader;
use crate::device::DeviceProperties;
use crate::tuning::{Choice, ShapeClass, Variant};

/// Terms of a block in workgroup memory, in vectors of four, best first: deeper blocks meet at fewer barriers.
const DEPTHS: [usize; 5] = [16, 8, 4, 2, 1];

/// Vectors that an invocation keeps on their way into workgroup memory: more leave no registers for its results.
const MOST_FETCHED: usize = 8;

/// Up to so many rows, a matrix product takes as long as reading b.
const FEW_ROWS: usize = 4;

/// From so many products on, a matrix product fills a CPU with large tiles.
const LARGE_PRODUCTS: usize = 1 << 24;

/// From so many results on, it fills a GPU with them, which needs thousands of invocations at once to hide how long
/// memory takes.
const LARGE_RESULTS: usize = 1 << 19;

/// The kind of shape of an `m` by `k` by `n` product.
pub(super) fn class(device: &DeviceProperties, m: usize, n: usize, k: usize) -> ShapeClass {
    let large = if device.software { m * n * k >= LARGE_PRODUCTS } else { m * n >= LARGE_RESULTS };
    match m {
        ..=FEW_ROWS => ShapeClass::Vector,
        _ if large => ShapeClass::Large,
        _ => ShapeClass::Small,
    }
}

/// The tiles of a product.
pub(super) struct Tiling {
    /// Rows and vectors of columns of an invocation.
    pub rows: usize,
    pub vectors: usize,
    /// The workgroup: invocations along columns, and along rows.
    pub lanes: [usize; 2],
    /// Terms of a block in workgroup memory, in vectors of four.
    depth: usize,
    /// Vectors of a block's operands that an invocation fetches.
    fetched: [usize; 2],
    /// Workgroups along rows and columns.
    pub lines: usize,
    pub columns: usize,
}

impl Tiling {
    /// The tiles that a choice makes of an `m` by `k` by `n` product: no more rows than there are, and where invocations
    /// work alone, as many in the last tile as in the others, as far as that can be: of 49, seven times 7 are less than
    /// seven times 8.
    pub fn new(device: &DeviceProperties, choice: Choice, [m, k, n]: [usize; 3]) -> Self {
        let most_shared_bytes = device.limits.max_compute_workgroup_storage_size as usize;
        let (rows, vectors) = ((choice.tile[0] as usize).min(m).max(1), choice.tile[1] as usize);
        let [x, y] = [choice.lanes, choice.lines].map(|extent| extent as usize);
        let (lines, columns) = (m.div_ceil(y * rows), n.div_ceil(x * vectors * 4));
        let rows = if choice.variant == Variant::Alone { m.div_ceil(y * lines.max(1)).max(1) } else { rows };
        let of_depth = |depth| {
            let mut tiling = Tiling { rows, vectors, lanes: [x, y], depth, fetched: [0; 2], lines, columns };
            tiling.fetched = tiling.block().map(|vectors| vectors.div_ceil(x * y));
            tiling
        };
        let fits = |tiling: &Tiling| {
            tiling.block_bytes() as usize <= most_shared_bytes
                && tiling.fetched.iter().sum::<usize>() <= MOST_FETCHED
        };
        let most_useful = k.div_ceil(4).next_power_of_two();
        let useful = DEPTHS.into_iter().filter(|&depth| depth <= most_useful);
        useful.map(of_depth).find(fits).unwrap_or_else(|| of_depth(1))
    }

    /// The tiles where an invocation has all rows, and one vector of columns.
    pub fn in_one(self, rows: usize) -> Self {
        Tiling { rows, vectors: 1, ..self }
    }

    /// Vectors of both operands in a block.
    fn block(&self) -> [usize; 2] {
        let [x, y] = self.lanes;
        [self.depth * y * self.rows, self.depth * 4 * x * self.vectors]
    }

    /// The workgroup memory that a block takes.
    pub fn block_bytes(&self) -> u32 {
        16 * self.block().iter().sum::<usize>() as u32
    }

    /// Fills in what the templates call the tiles.
    pub fn describe(&self, shader: Shader) -> Shader {
        shader
            .number("ROWS", self.rows)
            .number("VECTORS", self.vectors)
            .number("LX", self.lanes[0])
            .number("LY", self.lanes[1])
            .number("DEPTH4", self.depth)
            .number("FETCHED_A", self.fetched[0])
            .number("FETCHED_B", self.fetched[1])
    }
}
