//! The ways to cut a kernel's work that are worth a measurement.

use protocol::tuning::{Choice, Family, ShapeClass, Variant};

use crate::device::DeviceProperties;

use Variant::{Alone, Shared};

/// Shapes that others recommend whatever the kernel: each is tried wherever it can be.
const NAMED: [[u32; 2]; 4] = [[256, 1], [128, 2], [64, 1], [16, 16]];

/// Results of an invocation, with the workgroups they are tried in.
struct Cut {
    variant: Variant,
    tiles: &'static [[u32; 2]],
    workgroups: &'static [[u32; 2]],
}

const fn cut(variant: Variant, tiles: &'static [[u32; 2]], workgroups: &'static [[u32; 2]]) -> Cut {
    Cut { variant, tiles, workgroups }
}

/// Products on a CPU: an invocation keeps as much in registers as there is room for.
const PRODUCTS_ON_CPU: &[Cut] =
    &[cut(Alone, &[[4, 1], [8, 1], [4, 4], [8, 2], [12, 2], [8, 4], [12, 4]], &[[4, 1], [8, 1], [16, 1]])];
/// Products on a GPU: a workgroup keeps a block, and its invocations take turns at it.
const PRODUCTS_ON_GPU: &[Cut] = &[
    cut(Shared, &[[2, 1], [4, 1], [8, 1]], &[[8, 8], [8, 16], [16, 8], [16, 16]]),
    cut(Shared, &[[4, 2], [8, 2]], &[[8, 8], [8, 16]]),
    cut(Alone, &[[4, 1], [4, 2]], &[[8, 8], [32, 1]]),
];
/// Products of few rows.
const FEW_ROWS: &[Cut] = &[
    cut(Shared, &[[4, 1]], &[[8, 4], [16, 4], [8, 16], [16, 16], [8, 32], [64, 4]]),
    cut(Alone, &[[4, 1], [4, 2]], &[[8, 1], [16, 1], [32, 1]]),
];
/// Packed weights.
const PACKED: &[Cut] = &[cut(Shared, &[[4, 1], [8, 1]], &[[8, 1], [8, 4], [16, 8], [32, 4], [32, 8]])];
/// Rows that workgroups share, or invocations have alone.
const ROWS: &[Cut] = &[
    cut(Shared, &[[1, 1]], &[[8, 1], [16, 1], [32, 1], [128, 1]]),
    cut(Alone, &[[1, 1]], &[[8, 1], [16, 1], [32, 1], [128, 1]]),
];
const ATTENTION: &[Cut] = &[
    cut(Shared, &[[1, 1], [2, 1], [4, 1]], &[[8, 1], [32, 1], [64, 1]]),
    cut(Alone, &[[1, 1], [2, 1], [4, 1]], &[[8, 1], [32, 1], [64, 1]]),
];
/// Channels by places.
const PLAIN: &[Cut] = &[cut(Alone, &[[1, 1], [4, 1], [4, 4], [8, 4]], &[[8, 1], [32, 1], [64, 1]])];
const PLACES: &[Cut] = &[cut(Alone, &[[1, 1], [2, 1], [4, 1], [8, 1]], &[[8, 1], [32, 1], [64, 1]])];
/// Elements that have an invocation each.
const SINGLE: &[Cut] = &[cut(Alone, &[[1, 1]], &[[8, 1], [16, 1], [32, 1], [128, 1]])];

/// The ways to cut kernels of a family, of this kind of shape, that are worth a measurement on a device. What an adapter
/// refuses is among them: only a plan tells.
pub fn variants(family: Family, class: ShapeClass, device: &DeviceProperties) -> Vec<Choice> {
    let cuts = match (family, class) {
        (Family::Matmul, ShapeClass::Vector) => FEW_ROWS,
        (Family::Conv | Family::Matmul, _) if device.software => PRODUCTS_ON_CPU,
        (Family::Conv | Family::Matmul, _) => PRODUCTS_ON_GPU,
        (Family::MatmulNBits, _) => PACKED,
        (Family::Attention, _) => ATTENTION,
        (Family::LayerNormalization | Family::Reduce | Family::Softmax, _) => ROWS,
        (Family::ConvDepthwise, _) => PLACES,
        (Family::ConvPlain | Family::MatmulPlain, _) => PLAIN,
        (Family::Copy | Family::Elementwise | Family::Gather, _) => SINGLE,
    };
    let mut choices: Vec<Choice> = Vec::new();
    for Cut { variant, tiles, workgroups } in cuts {
        let shapes =
            workgroups.iter().flat_map(|workgroup| tiles.iter().map(move |tile| (*tile, *workgroup)));
        let named = NAMED.map(|workgroup| (tiles[0], workgroup));
        for (tile, [lanes, lines]) in shapes.chain(named) {
            let choice = Choice { variant: *variant, tile, lanes, lines };
            if choice.fault(family).is_none() && !choices.contains(&choice) {
                choices.push(choice);
            }
        }
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Implementation, Limits};

    #[test]
    fn every_family_has_variants_each_once_and_the_shapes_that_others_name() {
        for software in [false, true] {
            let device = DeviceProperties {
                implementation: Implementation::Chromium,
                software,
                shader_f16: false,
                limits: Limits::default(),
            };
            for (family, class) in
                Family::ALL.into_iter().flat_map(|family| ShapeClass::ALL.map(|class| (family, class)))
            {
                let found = variants(family, class, &device);
                let distinct: std::collections::BTreeSet<_> = found.iter().collect();
                assert_eq!(distinct.len(), found.len(), "{family:?} {class:?}: some twice");
                let shapes: Vec<_> = found.iter().map(|choice| [choice.lanes, choice.lines]).collect();
                assert!(
                    shapes.contains(&[256, 1]) && shapes.contains(&[64, 1]),
                    "{family:?} {class:?}: {shapes:?}"
                );
                let lines = found.iter().any(|choice| family.has_lines(choice.variant));
                assert_eq!(shapes.contains(&[128, 2]), lines, "{family:?} {class:?}: {shapes:?}");
            }
        }
    }
}
