//! The tuning table: for each kernel, kind of shape and device, the tiling of the work.

use crate::device::{DeviceProperties, Implementation};

/// A family of kernels that is tuned as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is named as its file in kernels/")]
pub enum Family {
    Attention,
    Conv,
    Copy,
    Elementwise,
    Gather,
    LayerNormalization,
    Matmul,
    /// Matrix products that vectors of four do not fit.
    MatmulPlain,
    /// Products with packed weights.
    MatmulNBits,
    Reduce,
    Softmax,
}

impl Family {
    /// Every family.
    pub const ALL: [Family; 11] = [
        Family::Attention,
        Family::Conv,
        Family::Copy,
        Family::Elementwise,
        Family::Gather,
        Family::LayerNormalization,
        Family::Matmul,
        Family::MatmulPlain,
        Family::MatmulNBits,
        Family::Reduce,
        Family::Softmax,
    ];

    /// Its name in labels.
    pub fn name(self) -> &'static str {
        match self {
            Family::Attention => "attention",
            Family::Conv => "conv",
            Family::Copy => "copy",
            Family::Elementwise => "elementwise",
            Family::Gather => "gather",
            Family::LayerNormalization => "layer_normalization",
            Family::Matmul => "matmul",
            Family::MatmulPlain => "matmul_plain",
            Family::MatmulNBits => "matmul_n_bits",
            Family::Reduce => "reduce",
            Family::Softmax => "softmax",
        }
    }
}

/// The kind of shape a kernel is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShapeClass {
    /// At most four rows: decoding, pooling.
    Vector,
    /// Too little to fill a device with large tiles.
    Small,
    /// Enough to fill any device.
    Large,
    /// Few long rows; for attention, many rows.
    Long,
}

impl ShapeClass {
    /// Every class.
    pub const ALL: [ShapeClass; 4] =
        [ShapeClass::Vector, ShapeClass::Small, ShapeClass::Large, ShapeClass::Long];
}

/// The way the invocations of a workgroup work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variant {
    /// They share workgroup memory and meet at barriers: for GPUs.
    Shared,
    /// Each works alone: for software adapters, which run the invocations of a workgroup as coroutines and pay
    /// dearly at every barrier.
    Alone,
}

/// The tiling of a kernel's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Together or alone.
    pub variant: Variant,
    /// Results per invocation: rows, and vectors of four columns. Attention takes from the first its rows per
    /// workgroup, or per invocation where these are alone; for convolutions they are channels and places, as far as
    /// there are so many. Other kernels ignore both.
    pub tile: [u32; 2],
    /// Invocations per workgroup. [`Variant::Shared`] wants a product that is a power of two, at least 4.
    pub workgroup_size: [u32; 3],
}

/// One line of the table. What is `None` fits everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    /// The kernels it is for.
    pub family: Family,
    /// The kind of shape it is for.
    pub class: Option<ShapeClass>,
    /// The adapters it is for: software ones, or others.
    pub software: Option<bool>,
    /// The WebGPU implementation it is for.
    pub implementation: Option<Implementation>,
    /// The tiling there.
    pub choice: Choice,
}

/// The table.
///
/// Of the rows that fit, the one that says most wins: a row that names the shape class beats one that does not,
/// then one that names the kind of adapter, then one that names the implementation; among equals the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tuning {
    /// The rows, in any order.
    pub rows: Vec<Row>,
}

impl Row {
    fn fits(&self, family: Family, class: ShapeClass, device: &DeviceProperties) -> bool {
        self.family == family
            && self.class.is_none_or(|wanted| wanted == class)
            && self.software.is_none_or(|wanted| wanted == device.software)
            && self.implementation.is_none_or(|wanted| wanted == device.implementation)
    }

    fn weight(&self) -> (bool, bool, bool) {
        (self.class.is_some(), self.software.is_some(), self.implementation.is_some())
    }
}

impl Tuning {
    /// The tiling of a kernel on this kind of shape and device.
    pub fn choose(&self, family: Family, class: ShapeClass, device: &DeviceProperties) -> Choice {
        let fitting = self.rows.iter().filter(|row| row.fits(family, class, device));
        fitting.max_by_key(|row| row.weight()).map_or(FALLBACK, |row| row.choice)
    }

    /// A table with one more row, which wins over equals.
    pub fn with(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }
}

/// For a family that a table does not mention.
const FALLBACK: Choice = Choice { variant: Variant::Alone, tile: [4, 1], workgroup_size: [64, 1, 1] };

impl Default for Tuning {
    fn default() -> Self {
        use Family::*;
        use ShapeClass::*;
        use Variant::*;
        let choice = |variant, tile, workgroup_size| Choice { variant, tile, workgroup_size };
        let row = |family, class, software, implementation, choice| Row {
            family,
            class,
            software,
            implementation,
            choice,
        };
        let (gpu, cpu) = (Some(false), Some(true));
        let chromium = Some(Implementation::Chromium);
        Tuning {
            rows: vec![
                // Those for GPUs were measured with tests/measure_gpu.rs on an NVIDIA H200, through Vulkan.
                row(Matmul, None, gpu, None, choice(Shared, [2, 1], [8, 16, 1])),
                row(Matmul, Some(Large), gpu, None, choice(Shared, [8, 1], [16, 8, 1])),
                row(Matmul, Some(Vector), gpu, None, choice(Shared, [4, 1], [8, 32, 1])),
                row(Matmul, None, cpu, None, choice(Alone, [8, 2], [8, 1, 1])),
                // llvmpipe gathers b for 8 lanes at a time and likes tall, wide tiles; SwiftShader, in Chromium,
                // runs out of registers beyond 8 by 8. Measured with tests/measure.rs at 512 and 1024.
                row(Matmul, Some(Large), cpu, None, choice(Alone, [12, 4], [8, 1, 1])),
                row(Matmul, Some(Large), cpu, chromium, choice(Alone, [8, 2], [16, 1, 1])),
                row(Matmul, Some(Vector), cpu, None, choice(Alone, [4, 1], [8, 1, 1])),
                row(MatmulPlain, None, None, None, choice(Alone, [4, 1], [64, 1, 1])),
                row(MatmulPlain, None, cpu, None, choice(Alone, [4, 1], [8, 1, 1])),
                row(MatmulNBits, None, None, None, choice(Shared, [8, 1], [32, 8, 1])),
                row(MatmulNBits, None, cpu, None, choice(Shared, [8, 1], [8, 1, 1])),
                row(Attention, None, gpu, None, choice(Shared, [2, 1], [32, 1, 1])),
                row(Attention, Some(Long), gpu, None, choice(Alone, [1, 1], [64, 1, 1])),
                row(Attention, None, cpu, None, choice(Alone, [1, 1], [8, 1, 1])),
                row(Attention, Some(Long), cpu, None, choice(Alone, [4, 1], [8, 1, 1])),
                row(Attention, Some(Vector), gpu, None, choice(Shared, [1, 1], [64, 1, 1])),
                row(Attention, Some(Vector), cpu, None, choice(Shared, [1, 1], [8, 1, 1])),
                row(LayerNormalization, None, gpu, None, choice(Shared, [1, 1], [64, 1, 1])),
                row(LayerNormalization, None, cpu, None, choice(Alone, [1, 1], [8, 1, 1])),
                row(LayerNormalization, Some(Long), gpu, None, choice(Shared, [1, 1], [256, 1, 1])),
                row(LayerNormalization, Some(Long), cpu, None, choice(Shared, [1, 1], [8, 1, 1])),
                row(Softmax, None, gpu, None, choice(Shared, [1, 1], [64, 1, 1])),
                row(Softmax, None, cpu, None, choice(Alone, [1, 1], [8, 1, 1])),
                row(Softmax, Some(Long), gpu, None, choice(Shared, [1, 1], [256, 1, 1])),
                row(Softmax, Some(Long), cpu, None, choice(Shared, [1, 1], [8, 1, 1])),
                row(Reduce, None, gpu, None, choice(Shared, [1, 1], [64, 1, 1])),
                row(Reduce, Some(Small), None, None, choice(Alone, [1, 1], [64, 1, 1])),
                row(Reduce, None, cpu, None, choice(Alone, [1, 1], [8, 1, 1])),
                row(Reduce, Some(Long), gpu, None, choice(Shared, [1, 1], [256, 1, 1])),
                row(Reduce, Some(Long), cpu, None, choice(Shared, [1, 1], [8, 1, 1])),
                row(Elementwise, None, None, None, choice(Alone, [1, 1], [64, 1, 1])),
                row(Conv, None, gpu, None, choice(Alone, [4, 1], [64, 1, 1])),
                row(Conv, Some(Large), gpu, None, choice(Alone, [4, 4], [64, 1, 1])),
                // On software adapters the time goes into loads; measured with tests/measure.rs.
                row(Conv, None, cpu, None, choice(Alone, [8, 4], [8, 1, 1])),
                row(Copy, None, None, None, choice(Alone, [1, 1], [64, 1, 1])),
                row(Gather, None, None, None, choice(Alone, [1, 1], [64, 1, 1])),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Limits;

    fn device(implementation: Implementation, software: bool) -> DeviceProperties {
        DeviceProperties { implementation, software, shader_f16: false, limits: Limits::default() }
    }

    #[test]
    fn the_row_that_says_most_wins() {
        let table = Tuning::default();
        for (name, family, class, device, size) in [
            (
                "class and implementation",
                Family::Matmul,
                ShapeClass::Large,
                device(Implementation::Chromium, true),
                [16, 1, 1],
            ),
            (
                "another implementation",
                Family::Matmul,
                ShapeClass::Large,
                device(Implementation::Firefox, true),
                [8, 1, 1],
            ),
            (
                "another adapter",
                Family::Matmul,
                ShapeClass::Large,
                device(Implementation::Chromium, false),
                [16, 8, 1],
            ),
            (
                "neither",
                Family::Elementwise,
                ShapeClass::Small,
                device(Implementation::Firefox, true),
                [64, 1, 1],
            ),
            (
                "class without a row",
                Family::Conv,
                ShapeClass::Large,
                device(Implementation::Native, true),
                [8, 1, 1],
            ),
            (
                "class before adapter",
                Family::Reduce,
                ShapeClass::Small,
                device(Implementation::Native, true),
                [64, 1, 1],
            ),
        ] {
            assert_eq!(table.choose(family, class, &device).workgroup_size, size, "{name}");
        }
    }

    #[test]
    fn a_later_row_wins_over_its_equal() {
        let first = Tuning::default().rows[0];
        let choice = Choice { workgroup_size: [2, 2, 1], ..first.choice };
        let table = Tuning::default().with(Row { choice, ..first });
        assert_eq!(
            table.choose(first.family, ShapeClass::Small, &device(Implementation::Native, false)),
            choice
        );
    }

    #[test]
    fn workgroups_that_share_have_a_power_of_two_of_invocations() {
        for row in Tuning::default().rows {
            let lanes: u32 = row.choice.workgroup_size.iter().product();
            let shared = row.choice.variant == Variant::Shared;
            assert!(lanes <= 256 && (!shared || (lanes.is_power_of_two() && lanes >= 4)), "{row:?}");
        }
    }
}
