//! The tuning table, as data: for each kernel, kind of shape and device, the tiling of the work.

use std::cell::RefCell;
use std::collections::BTreeSet;

use graph::constant::Digester;
use protocol::{Feature, Features};
use serde::{Deserialize, Serialize};

use crate::device::{DeviceProperties, Implementation};
use crate::error::Error;

/// A family of kernels that is tuned as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is named as its file in kernels/")]
pub enum Family {
    Attention,
    /// Convolutions as products, their channels last.
    Conv,
    /// Convolutions whose channels do not mix.
    ConvDepthwise,
    /// Convolutions that vectors of four do not fit, transposed ones, and pools.
    ConvPlain,
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
    pub const ALL: [Family; 13] = [
        Family::Attention,
        Family::Conv,
        Family::ConvDepthwise,
        Family::ConvPlain,
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

    /// True of kernels that lay a workgroup over two dimensions of a product; all others only number its invocations.
    pub fn has_lines(self, variant: Variant) -> bool {
        match self {
            Family::Conv | Family::Matmul | Family::MatmulPlain => true,
            Family::MatmulNBits => variant == Variant::Shared,
            Family::Attention
            | Family::ConvDepthwise
            | Family::ConvPlain
            | Family::Copy
            | Family::Elementwise
            | Family::Gather
            | Family::LayerNormalization
            | Family::Reduce
            | Family::Softmax => false,
        }
    }
}

/// The kind of shape a kernel is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// They share workgroup memory and meet at barriers: for GPUs.
    Shared,
    /// Each works alone: for software adapters, which run the invocations of a workgroup as coroutines and pay
    /// dearly at every barrier.
    Alone,
}

/// The tiling of a kernel's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Choice {
    /// Together or alone.
    pub variant: Variant,
    /// Results per invocation: rows, and vectors of four columns. Attention takes from the first its rows per
    /// workgroup, or per invocation where these are alone; for convolutions they are channels and places, as far as
    /// there are so many. Other kernels ignore both.
    pub tile: [u32; 2],
    /// Invocations of a workgroup, or of one of its lines: those of a line are neighbours along the columns of a product,
    /// or where the weights are packed along its terms.
    pub lanes: u32,
    /// Lines of invocations in a workgroup, of products only: neighbours along the rows, along the terms of few rows, or
    /// along the columns where the weights are packed.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub lines: u32,
}

fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_one(lines: &u32) -> bool {
    *lines == 1
}

impl Choice {
    /// All invocations of a workgroup.
    pub fn invocations(&self) -> u32 {
        self.lanes * self.lines
    }
}

/// One line of the table. What is `None` fits everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Row {
    /// The kernels it is for.
    pub family: Family,
    /// The kind of shape it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ShapeClass>,
    /// The adapters it is for: software ones, or others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software: Option<bool>,
    /// The WebGPU implementation it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<Implementation>,
    /// The tiling there.
    pub choice: Choice,
}

/// The table.
///
/// Of the rows that fit, the one that says most wins: a row that names the shape class beats one that does not,
/// then one that names the kind of adapter, then one that names the implementation; among equals the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
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

    /// The reason why no kernel can do as it says.
    fn fault(&self) -> Option<&'static str> {
        let Choice { variant, tile, lanes, lines } = self.choice;
        let (all, shared) = (lanes.saturating_mul(lines), variant == Variant::Shared);
        match () {
            () if all == 0 || tile.contains(&0) => Some("it leaves nothing to do the work"),
            () if lines > 1 && !self.family.has_lines(variant) => {
                Some("these kernels number the invocations of a workgroup in one line")
            }
            () if shared && !(all.is_power_of_two() && all >= 4) => {
                Some("invocations share where they are a power of two, at least 4")
            }
            () => None,
        }
    }
}

impl Tuning {
    /// The table that a setting of the optimisations asks for: without tuning it has no rows, and every kernel is as it
    /// would be for a family that no row mentions, which holds for every adapter.
    pub fn of(features: &Features) -> Tuning {
        if features.has(Feature::Tuned) { Tuning::default() } else { Tuning { rows: Vec::new() } }
    }

    /// The row that says most of a kernel on this kind of shape and device.
    pub fn choose(&self, family: Family, class: ShapeClass, device: &DeviceProperties) -> Row {
        let fitting = self.rows.iter().filter(|row| row.fits(family, class, device));
        let unmentioned =
            || Row { family, class: None, software: None, implementation: None, choice: UNMENTIONED };
        fitting.max_by_key(|row| row.weight()).copied().unwrap_or_else(unmentioned)
    }

    /// Refuses rows that no kernel can do.
    ///
    /// # Errors
    /// The first of them, and why.
    pub fn check(&self) -> Result<(), Error> {
        let faulty = self.rows.iter().find_map(|row| Some((row, row.fault()?)));
        faulty.map_or(Ok(()), |(row, reason)| Err(Error::Tuning { row: text(row), reason }))
    }

    /// A digest of all rows: another table has another one.
    pub fn digest(&self) -> String {
        let mut digester = Digester::new();
        digester.update(text(self).as_bytes());
        digester.finish().to_string()
    }
}

/// Compact JSON.
pub(crate) fn text(data: &impl Serialize) -> String {
    // Rows are numbers and words, which always become JSON.
    serde_json::to_string(data).unwrap_or_default()
}

/// A table that a plan is made by, and the rows that were chosen for it.
#[derive(Debug)]
pub(crate) struct Chooser<'a> {
    table: &'a Tuning,
    chosen: RefCell<BTreeSet<Row>>,
}

impl<'a> Chooser<'a> {
    /// A chooser that has chosen nothing yet.
    pub fn new(table: &'a Tuning) -> Self {
        Chooser { table, chosen: RefCell::default() }
    }

    /// The tiling by [`Tuning::choose`], which is taken note of.
    pub fn choose(&self, family: Family, class: ShapeClass, device: &DeviceProperties) -> Choice {
        let row = self.table.choose(family, class, device);
        self.chosen.borrow_mut().insert(row);
        row.choice
    }

    /// The rows that were chosen, each once.
    pub fn chosen(&self) -> Tuning {
        Tuning { rows: self.chosen.borrow().iter().copied().collect() }
    }
}

/// For a family that a table does not mention.
const UNMENTIONED: Choice = Choice { variant: Variant::Alone, tile: [4, 1], lanes: 64, lines: 1 };

impl Default for Tuning {
    fn default() -> Self {
        use Family::*;
        use ShapeClass::*;
        use Variant::*;
        let choice = |variant, tile, [lanes, lines]: [u32; 2]| Choice { variant, tile, lanes, lines };
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
                row(Matmul, None, gpu, None, choice(Shared, [2, 1], [8, 16])),
                row(Matmul, Some(Large), gpu, None, choice(Shared, [8, 1], [16, 8])),
                row(Matmul, Some(Vector), gpu, None, choice(Shared, [4, 1], [8, 32])),
                row(Matmul, None, cpu, None, choice(Alone, [8, 2], [8, 1])),
                // llvmpipe gathers b for 8 lanes at a time and likes tall, wide tiles; SwiftShader, in Chromium,
                // runs out of registers beyond 8 by 8. Measured with tests/measure.rs at 512 and 1024.
                row(Matmul, Some(Large), cpu, None, choice(Alone, [12, 4], [8, 1])),
                row(Matmul, Some(Large), cpu, chromium, choice(Alone, [8, 2], [16, 1])),
                row(Matmul, Some(Vector), cpu, None, choice(Alone, [4, 1], [8, 1])),
                row(MatmulPlain, None, None, None, choice(Alone, [4, 1], [64, 1])),
                row(MatmulPlain, None, cpu, None, choice(Alone, [4, 1], [8, 1])),
                row(MatmulNBits, None, None, None, choice(Shared, [8, 1], [32, 8])),
                row(MatmulNBits, None, cpu, None, choice(Shared, [8, 1], [8, 1])),
                row(Attention, None, gpu, None, choice(Shared, [2, 1], [32, 1])),
                row(Attention, Some(Long), gpu, None, choice(Alone, [1, 1], [64, 1])),
                row(Attention, None, cpu, None, choice(Alone, [1, 1], [8, 1])),
                row(Attention, Some(Long), cpu, None, choice(Alone, [4, 1], [8, 1])),
                row(Attention, Some(Vector), gpu, None, choice(Shared, [1, 1], [64, 1])),
                row(Attention, Some(Vector), cpu, None, choice(Shared, [1, 1], [8, 1])),
                row(LayerNormalization, None, gpu, None, choice(Shared, [1, 1], [64, 1])),
                row(LayerNormalization, None, cpu, None, choice(Alone, [1, 1], [8, 1])),
                row(LayerNormalization, Some(Long), gpu, None, choice(Shared, [1, 1], [256, 1])),
                row(LayerNormalization, Some(Long), cpu, None, choice(Shared, [1, 1], [8, 1])),
                row(Softmax, None, gpu, None, choice(Shared, [1, 1], [64, 1])),
                row(Softmax, None, cpu, None, choice(Alone, [1, 1], [8, 1])),
                row(Softmax, Some(Long), gpu, None, choice(Shared, [1, 1], [256, 1])),
                row(Softmax, Some(Long), cpu, None, choice(Shared, [1, 1], [8, 1])),
                row(Reduce, None, gpu, None, choice(Shared, [1, 1], [64, 1])),
                row(Reduce, Some(Small), None, None, choice(Alone, [1, 1], [64, 1])),
                row(Reduce, None, cpu, None, choice(Alone, [1, 1], [8, 1])),
                row(Reduce, Some(Long), gpu, None, choice(Shared, [1, 1], [256, 1])),
                row(Reduce, Some(Long), cpu, None, choice(Shared, [1, 1], [8, 1])),
                row(Elementwise, None, None, None, choice(Alone, [1, 1], [64, 1])),
                // Products in all but what they read; on GPUs, the tiles are those of products.
                row(Conv, None, gpu, None, choice(Shared, [2, 1], [8, 16])),
                row(Conv, Some(Large), gpu, None, choice(Shared, [8, 1], [16, 8])),
                row(Conv, None, cpu, None, choice(Alone, [8, 2], [8, 1])),
                row(Conv, Some(Large), cpu, None, choice(Alone, [12, 4], [8, 1])),
                row(Conv, Some(Large), cpu, chromium, choice(Alone, [8, 2], [16, 1])),
                row(ConvDepthwise, None, gpu, None, choice(Alone, [4, 1], [64, 1])),
                row(ConvDepthwise, None, cpu, None, choice(Alone, [4, 1], [8, 1])),
                row(ConvPlain, None, gpu, None, choice(Alone, [4, 1], [64, 1])),
                row(ConvPlain, Some(Large), gpu, None, choice(Alone, [4, 4], [64, 1])),
                // On software adapters the time goes into loads; measured with tests/measure.rs.
                row(ConvPlain, None, cpu, None, choice(Alone, [8, 4], [8, 1])),
                row(Copy, None, None, None, choice(Alone, [1, 1], [64, 1])),
                row(Gather, None, None, None, choice(Alone, [1, 1], [64, 1])),
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
                [16, 1],
            ),
            (
                "another implementation",
                Family::Matmul,
                ShapeClass::Large,
                device(Implementation::Firefox, true),
                [8, 1],
            ),
            (
                "another adapter",
                Family::Matmul,
                ShapeClass::Large,
                device(Implementation::Chromium, false),
                [16, 8],
            ),
            (
                "neither",
                Family::Elementwise,
                ShapeClass::Small,
                device(Implementation::Firefox, true),
                [64, 1],
            ),
            (
                "class without a row",
                Family::ConvPlain,
                ShapeClass::Large,
                device(Implementation::Native, true),
                [8, 1],
            ),
            (
                "class before adapter",
                Family::Reduce,
                ShapeClass::Small,
                device(Implementation::Native, true),
                [64, 1],
            ),
        ] {
            let Choice { lanes, lines, .. } = table.choose(family, class, &device).choice;
            assert_eq!([lanes, lines], size, "{name}");
        }
    }

    #[test]
    fn a_later_row_wins_over_its_equal() {
        let mut table = Tuning::default();
        let first = table.rows[0];
        let later = Row { choice: Choice { lanes: 2, lines: 2, ..first.choice }, ..first };
        table.rows.push(later);
        assert_eq!(
            table.choose(first.family, ShapeClass::Small, &device(Implementation::Native, false)),
            later
        );
    }

    #[test]
    fn rows_that_no_kernel_can_do_are_refused() {
        let row = |family, variant, tile, [lanes, lines]: [u32; 2]| Row {
            family,
            class: None,
            software: None,
            implementation: None,
            choice: Choice { variant, tile, lanes, lines },
        };
        for (name, row, refused) in [
            ("lines of a product", row(Family::Matmul, Variant::Alone, [1, 1], [5, 3]), false),
            ("lines of no product", row(Family::Copy, Variant::Alone, [1, 1], [128, 2]), true),
            ("lines of packed weights", row(Family::MatmulNBits, Variant::Shared, [1, 1], [32, 8]), false),
            ("the same alone", row(Family::MatmulNBits, Variant::Alone, [1, 1], [32, 8]), true),
            ("lines of attention", row(Family::Attention, Variant::Shared, [1, 1], [32, 2]), true),
            ("none", row(Family::Copy, Variant::Alone, [1, 1], [0, 1]), true),
            ("no rows", row(Family::Matmul, Variant::Alone, [0, 1], [8, 1]), true),
            ("six that share", row(Family::Softmax, Variant::Shared, [1, 1], [6, 1]), true),
            ("two that share", row(Family::Matmul, Variant::Shared, [1, 1], [2, 1]), true),
        ] {
            let checked = Tuning { rows: vec![row] }.check();
            assert_eq!(checked.is_err(), refused, "{name}: {checked:?}");
        }
        assert_eq!(Tuning::default().check(), Ok(()));
        let most = Tuning::default().rows.iter().map(|row| row.choice.invocations()).max();
        assert_eq!(most, Some(256), "what WebGPU guarantees");
    }

    #[test]
    fn a_table_is_the_same_once_it_was_written_and_read() {
        let table = Tuning::default();
        assert_eq!(serde_json::from_str::<Tuning>(&text(&table)).unwrap(), table);
        let of_one = r#"[{"family":"matmul","class":"large","software":true,"implementation":"chromium","choice":{"variant":"alone","tile":[8,2],"lanes":16}}]"#;
        let chosen = table.choose(Family::Matmul, ShapeClass::Large, &device(Implementation::Chromium, true));
        assert_eq!(text(&Tuning { rows: vec![chosen] }), of_one);
    }

    #[test]
    fn whoever_links_no_engine_knows_the_table_by_its_digest() {
        let digest = Tuning::default().digest();
        assert_eq!(
            digest,
            protocol::tuning::DIGEST,
            "the table is another: its digest goes to protocol/src/tuning.rs"
        );
        let mut other = Tuning::default();
        other.rows[3].choice.lanes += 1;
        assert_ne!(digest, other.digest());
    }
}
