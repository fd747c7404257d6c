//! Tools of the kernels' tests: devices to plan for, tables that take every choice, a GPU to run on.
#![allow(dead_code, clippy::expect_used, reason = "each test binary uses its part; a bad test has to fail")]

pub mod adapter;

use std::collections::BTreeMap;

use graph::{Graph, Tensor, cases};
use shaders::tuning::{Choice, Family, Row, Variant};
use shaders::{DeviceProperties, GpuPlan, Implementation, Limits, Part, Tuning};

/// A device with the limits that WebGPU guarantees.
pub fn device(implementation: Implementation, software: bool) -> DeviceProperties {
    DeviceProperties { implementation, software, shader_f16: true, limits: Limits::default() }
}

/// Every kind of device.
pub fn devices() -> Vec<DeviceProperties> {
    let implementations =
        [Implementation::Chromium, Implementation::Firefox, Implementation::Webkit, Implementation::Native];
    implementations
        .into_iter()
        .flat_map(|implementation| [false, true].map(|software| device(implementation, software)))
        .collect()
}

/// A table that gives every family one variant, whatever the shape and device; families without lines have as many
/// invocations in one.
pub fn only(variant: Variant, tile: [u32; 2], [lanes, lines]: [u32; 2]) -> Tuning {
    of_families(Family::ALL, Choice { variant, tile, lanes, lines })
}

fn of_families(families: impl IntoIterator<Item = Family>, choice: Choice) -> Tuning {
    let in_line = Choice { lanes: choice.invocations(), lines: 1, ..choice };
    let row = |family: Family| {
        let choice = if family.has_lines(choice.variant) { choice } else { in_line };
        Row { family, class: None, software: None, implementation: None, choice }
    };
    Tuning { rows: families.into_iter().map(row).collect() }
}

/// A table of one variant in which kernels that have a workgroup size and no more all get the same one: a single odd
/// one will do.
fn odd(variant: Variant, tile: [u32; 2], workgroup: [u32; 2]) -> Tuning {
    let sized = [Family::ConvDepthwise, Family::ConvPlain, Family::Copy, Family::Elementwise, Family::Gather];
    let five = Choice { variant: Variant::Alone, tile: [1, 1], lanes: 5, lines: 1 };
    let mut tuning = only(variant, tile, workgroup);
    tuning.rows.extend(of_families(sized, five).rows);
    tuning
}

/// Tables that between them take every choice of the default table, and some that divide nothing evenly.
pub fn tunings() -> Vec<Tuning> {
    let odd = [
        odd(Variant::Shared, [3, 1], [4, 2]),
        odd(Variant::Shared, [2, 3], [2, 8]),
        odd(Variant::Alone, [3, 3], [5, 1]),
        odd(Variant::Alone, [2, 1], [4, 3]),
    ];
    let default = Tuning::default();
    let rows_of = |family| default.rows.iter().filter(move |row| row.family == family);
    let most = Family::ALL.into_iter().map(|family| rows_of(family).count()).max().unwrap_or(0);
    let nth_of_each = |n: usize| Tuning {
        rows: Family::ALL
            .into_iter()
            .filter_map(|family| rows_of(family).cycle().nth(n))
            .map(|row| Row { class: None, software: None, implementation: None, ..*row })
            .collect(),
    };
    (0..most).map(nth_of_each).chain(odd).collect()
}

/// Plans a graph, which has to succeed.
pub fn plan(name: &str, graph: &Graph, device: &DeviceProperties, tuning: &Tuning) -> GpuPlan {
    let part = Part { name: "model", graph, states: &BTreeMap::new() };
    shaders::plan_parts(&[part], device, tuning)
        .map_err(|error| format!("{name}: {error}"))
        .expect("has a plan")
}

/// Made-up inputs for a graph of floats, the same on every run.
pub fn fed(graph: &Graph) -> Vec<(String, Tensor)> {
    let feed = |(seed, id): (usize, &graph::ValueId)| {
        let value = &graph.values[id.0];
        (value.name.clone(), cases::floats(&value.tensor_type.shape, seed as u32 + 91))
    };
    graph.inputs.iter().enumerate().map(feed).collect()
}
