//! The tuning table, as data: for each kernel, kind of shape and device, the tiling of the work.

mod search;
mod variants;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use graph::constant::Digester;
pub use protocol::tuning::{Choice, Family, Row, ShapeClass, Variant};
use protocol::{Feature, Features, TuningFile};
pub use search::{Search, Step};
use serde::{Deserialize, Serialize};
pub use variants::variants;

use crate::device::DeviceProperties;
use crate::error::Error;

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

fn fits(row: &Row, family: Family, class: ShapeClass, device: &DeviceProperties) -> bool {
    row.family == family
        && row.class.is_none_or(|wanted| wanted == class)
        && row.software.is_none_or(|wanted| wanted == device.software)
        && row.implementation.is_none_or(|wanted| wanted == device.implementation)
}

/// How much a row says.
fn weight(row: &Row) -> (bool, bool, bool) {
    (row.class.is_some(), row.software.is_some(), row.implementation.is_some())
}

impl Tuning {
    /// The table that a setting of the optimisations asks for: without tuning it has no rows, and every kernel is as it
    /// would be for a family that no row mentions, which holds for every adapter.
    pub fn of(features: &Features) -> Tuning {
        if features.has(Feature::Tuned) { Tuning::default() } else { Tuning { rows: Vec::new() } }
    }

    /// The table with rows before which its own stand back, where they say as much.
    pub fn with(mut self, rows: &[Row]) -> Tuning {
        self.rows.extend(rows);
        self
    }

    /// The row that says most of a kernel on this kind of shape and device.
    pub fn choose(&self, family: Family, class: ShapeClass, device: &DeviceProperties) -> Row {
        let fitting = self.rows.iter().filter(|row| fits(row, family, class, device));
        let unmentioned =
            || Row { family, class: None, software: None, implementation: None, choice: UNMENTIONED };
        fitting.max_by_key(|row| weight(row)).copied().unwrap_or_else(unmentioned)
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
    /// The last kernel that was asked for.
    asked: Cell<Option<(Family, ShapeClass)>>,
}

impl<'a> Chooser<'a> {
    /// A chooser that has chosen nothing yet.
    pub fn new(table: &'a Tuning) -> Self {
        Chooser { table, chosen: RefCell::default(), asked: Cell::new(None) }
    }

    /// The tiling by [`Tuning::choose`], which is taken note of.
    pub fn choose(&self, family: Family, class: ShapeClass, device: &DeviceProperties) -> Choice {
        let row = self.table.choose(family, class, device);
        self.chosen.borrow_mut().insert(row);
        self.asked.set(Some((family, class)));
        row.choice
    }

    /// The kernel that was asked for since this was asked last.
    pub fn asked(&self) -> Option<(Family, ShapeClass)> {
        self.asked.take()
    }

    /// Refuses a table with rows that no kernel can do.
    pub fn check(&self) -> Result<(), Error> {
        self.table.check()
    }

    /// The rows that were chosen, each once.
    pub fn chosen(&self) -> Tuning {
        Tuning { rows: self.chosen.borrow().iter().copied().collect() }
    }
}

/// What `parallax tune` found, in places that are named in the files: rows of the table below whatever is written here.
const FOUND: [&str; 1] = [include_str!("../tunings/audio_on_software.json")];

/// The rows of a file of tunings. A test holds that all of them can be read.
fn found(file: &str) -> Vec<Row> {
    let file = serde_json::from_str::<TuningFile>(file);
    let places = file.map(|file| file.places).unwrap_or_default();
    places.iter().flat_map(|place| &place.rows).map(|found| found.row).collect()
}

/// For a family that a table does not mention.
const UNMENTIONED: Choice = Choice { variant: Variant::Alone, tile: [4, 1], lanes: 64, lines: 1 };

impl Default for Tuning {
    fn default() -> Self {
        use Family::*;
        use ShapeClass::*;
        use Variant::*;
        let choice = |variant, tile, [lanes, lines]: [u32; 2]| Choice { variant, tile, lanes, lines };
        let row =
            |family, class, software, choice| Row { family, class, software, implementation: None, choice };
        let (gpu, cpu) = (Some(false), Some(true));
        Tuning {
            rows: vec![
                // Those for GPUs were measured with tests/measure_gpu.rs on an NVIDIA H200, through Vulkan.
                row(Matmul, None, gpu, choice(Shared, [2, 1], [8, 16])),
                row(Matmul, Some(Large), gpu, choice(Shared, [8, 1], [16, 8])),
                row(Matmul, Some(Vector), gpu, choice(Shared, [4, 1], [8, 32])),
                row(Matmul, None, cpu, choice(Alone, [8, 2], [8, 1])),
                // llvmpipe gathers b for 8 lanes at a time and likes tall, wide tiles. Measured with tests/measure.rs at 512
                // and 1024.
                row(Matmul, Some(Large), cpu, choice(Alone, [12, 4], [8, 1])),
                row(Matmul, Some(Vector), cpu, choice(Alone, [4, 1], [8, 1])),
                row(MatmulPlain, None, None, choice(Alone, [4, 1], [64, 1])),
                row(MatmulPlain, None, cpu, choice(Alone, [4, 1], [8, 1])),
                row(MatmulNBits, None, None, choice(Shared, [8, 1], [32, 8])),
                row(MatmulNBits, None, cpu, choice(Shared, [8, 1], [8, 1])),
                row(Attention, None, gpu, choice(Shared, [2, 1], [32, 1])),
                row(Attention, Some(Long), gpu, choice(Alone, [1, 1], [64, 1])),
                row(Attention, None, cpu, choice(Alone, [4, 1], [8, 1])),
                row(Attention, Some(Vector), gpu, choice(Shared, [1, 1], [64, 1])),
                row(Attention, Some(Vector), cpu, choice(Shared, [1, 1], [8, 1])),
                row(LayerNormalization, None, gpu, choice(Shared, [1, 1], [64, 1])),
                row(LayerNormalization, None, cpu, choice(Alone, [1, 1], [8, 1])),
                row(LayerNormalization, Some(Long), gpu, choice(Shared, [1, 1], [256, 1])),
                row(LayerNormalization, Some(Long), cpu, choice(Shared, [1, 1], [8, 1])),
                row(Softmax, None, gpu, choice(Shared, [1, 1], [64, 1])),
                row(Softmax, None, cpu, choice(Alone, [1, 1], [8, 1])),
                row(Softmax, Some(Long), gpu, choice(Shared, [1, 1], [256, 1])),
                row(Softmax, Some(Long), cpu, choice(Shared, [1, 1], [8, 1])),
                row(Reduce, None, gpu, choice(Shared, [1, 1], [64, 1])),
                row(Reduce, Some(Small), None, choice(Alone, [1, 1], [64, 1])),
                row(Reduce, None, cpu, choice(Alone, [1, 1], [8, 1])),
                row(Reduce, Some(Long), gpu, choice(Shared, [1, 1], [256, 1])),
                row(Reduce, Some(Long), cpu, choice(Shared, [1, 1], [8, 1])),
                row(Elementwise, None, None, choice(Alone, [1, 1], [64, 1])),
                // Products in all but what they read; on GPUs, the tiles are those of products.
                row(Conv, None, gpu, choice(Shared, [2, 1], [8, 16])),
                row(Conv, Some(Large), gpu, choice(Shared, [8, 1], [16, 8])),
                row(Conv, None, cpu, choice(Alone, [8, 2], [8, 1])),
                row(Conv, Some(Large), cpu, choice(Alone, [12, 4], [8, 1])),
                row(ConvDepthwise, None, gpu, choice(Alone, [4, 1], [64, 1])),
                row(ConvDepthwise, None, cpu, choice(Alone, [4, 1], [8, 1])),
                row(ConvPlain, None, gpu, choice(Alone, [4, 1], [64, 1])),
                row(ConvPlain, Some(Large), gpu, choice(Alone, [4, 4], [64, 1])),
                // On software adapters the time goes into loads; measured with tests/measure.rs.
                row(ConvPlain, None, cpu, choice(Alone, [8, 4], [8, 1])),
                row(Copy, None, None, choice(Alone, [1, 1], [64, 1])),
                row(Gather, None, None, choice(Alone, [1, 1], [64, 1])),
            ],
        }
        .with(&FOUND.iter().flat_map(|file| found(file)).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Implementation, Limits};

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
                [4, 1],
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
    fn every_file_of_tunings_has_rows_that_kernels_can_do() {
        for file in FOUND {
            let rows = found(file);
            assert!(!rows.is_empty(), "{file}");
            assert_eq!(Tuning { rows }.check(), Ok(()));
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
        let of_one = r#"[{"family":"matmul","class":"large","software":true,"implementation":"chromium","choice":{"variant":"alone","tile":[12,4],"lanes":4}}]"#;
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
