//! The frame of kernels that fold rows: a workgroup or an invocation for each row.

use super::launch::{Grid, Shader};
use crate::transfer::Element;
use crate::tuning::{Choice, ShapeClass, Variant};

const ROWS: &str = include_str!("rows.wgsl");
pub(super) const FOLD: &str = include_str!("fold.wgsl");

/// Rows shorter than this do not keep a workgroup busy.
const SHORT_ROW: usize = 32;

/// Rows at least so long, and no more than so many, leave most of a device idle unless each is shared by many.
const LONG_ROW: usize = 512;
const FEW_ROWS: usize = 4;

/// The kind of shape that so many rows of this length make.
pub(super) fn class(length: usize, rows: usize) -> ShapeClass {
    match length {
        0..SHORT_ROW => ShapeClass::Small,
        LONG_ROW.. if rows <= FEW_ROWS => ShapeClass::Long,
        _ => ShapeClass::Large,
    }
}

/// A fold of the values that the lanes of a row hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fold {
    /// Its name: the function is `fold_` and this.
    pub name: &'static str,
    /// Its expression over `a` and `b`.
    pub combine: &'static str,
}

pub(super) const SUM: Fold = Fold { name: "sum", combine: "a + b" };
pub(super) const PRODUCT: Fold = Fold { name: "product", combine: "a * b" };
/// These two want ordering.wgsl.
pub(super) const LARGER: Fold = Fold { name: "larger", combine: "larger(a, b)" };
pub(super) const SMALLER: Fold = Fold { name: "smaller", combine: "smaller(a, b)" };

/// Invocations that share a row.
pub(super) fn lanes(choice: Choice) -> usize {
    match choice.variant {
        Variant::Shared => choice.lanes as usize,
        Variant::Alone => 1,
    }
}

/// Adds to a shader who works on which row of elements of type `element`.
pub(super) fn share(shader: Shader, choice: Choice, element: Element) -> Shader {
    let (shared, lanes) = (choice.variant == Variant::Shared, lanes(choice));
    shader
        .prelude(ROWS)
        .switch("SHARED", shared)
        .switch("ALONE", !shared)
        .number("LANES", lanes)
        .word("E", element.wgsl(false))
        .shared_bytes(if shared { lanes as u32 * element.size_bytes() } else { 0 })
}

/// The grid for so many rows.
pub(super) fn grid(choice: Choice, rows: usize) -> Grid {
    match choice.variant {
        Variant::Shared => Grid::Workgroups(rows),
        Variant::Alone => Grid::Invocations(rows),
    }
}

/// The name of a variant in labels.
pub(super) fn variant_name(choice: Choice) -> &'static str {
    match choice.variant {
        Variant::Shared => "shared",
        Variant::Alone => "alone",
    }
}
