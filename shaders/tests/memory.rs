//! The device memory of the fixtures' plans beside the least they need, and how their weights get there.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

#[path = "../../graph/tests/support/mod.rs"]
mod fixtures;

use std::collections::BTreeSet;

use fixtures::{Fixture, fixtures};
use graph::Rewriting;
use graph::pipeline;
use shaders::{DeviceProperties, GpuPlan, Implementation, Limits, Tuning};

/// All buffers over weights, states and the largest live set.
const MOST: f64 = 1.1;
/// Bytes from which on alignment, small readbacks, and the third arena that a ring of an odd number of values takes
/// count for little.
const LARGE_BYTES: u64 = 3 << 19;
const LARGE_WEIGHT_BYTES: u64 = 1 << 16;
/// Of the tiny fixtures, hardly any weight has fewer.
const FEW_BYTES: u64 = 64;
const PIECE_BYTES: usize = 256;

/// The plan of a fixture whose weights from so many bytes on are put off.
fn plan(fixture: &Fixture, large_bytes: u64) -> GpuPlan {
    let models = fixture.models(large_bytes).expect("the components can be read");
    let wanted: BTreeSet<String> = fixture.expected.keys().cloned().collect();
    let pipeline = pipeline::compose(&fixture.manifest, &models, &fixture.inputs, &wanted, Rewriting::Full);
    let pipeline = pipeline.map_err(|error| error.to_string()).expect("the components fit together");
    // As large as discrete adapters allow.
    let limits =
        Limits { max_buffer_size: 4 << 30, max_storage_buffer_binding_size: 2 << 30, ..Limits::default() };
    let device = DeviceProperties {
        implementation: Implementation::Chromium,
        software: false,
        shader_f16: true,
        limits,
    };
    let plan = shaders::plan_pipeline(&pipeline, &device, &Tuning::default());
    plan.map_err(|error| format!("{}: {error}", fixture.manifest.name)).expect("can be planned")
}

#[test]
fn plans_hold_little_more_than_they_need() {
    let mut wasteful = Vec::new();
    for fixture in fixtures(u64::MAX) {
        let plan = plan(&fixture, LARGE_WEIGHT_BYTES);
        let memory = plan.memory();
        let needed = memory.weights_bytes + memory.state_bytes + memory.largest_live_bytes;
        let held = memory.weights_bytes + memory.state_bytes + memory.arena_bytes + plan.readback_bytes();
        let ratio = held as f64 / needed as f64;
        let name = &fixture.manifest.name;
        println!("{name:<24} {ratio:.3}: {memory:?}, {} of readback", plan.readback_bytes());
        if needed > LARGE_BYTES && ratio > MOST {
            wasteful.push(format!("{name}: {held} bytes for {needed}, {ratio:.3} times as much"));
        }
    }
    assert!(wasteful.is_empty(), "\n{}", wasteful.join("\n"));
}

/// Equal weights are known by what they come down to, those of several components by their contents.
#[test]
fn weights_that_are_put_off_are_packed_once() {
    for fixture in fixtures(0) {
        let [eager, late] = [u64::MAX, FEW_BYTES].map(|large_bytes| plan(&fixture, large_bytes));
        let (eager, late) = (eager.memory().weights_bytes, late.memory().weights_bytes);
        assert_eq!(eager, late, "{}", fixture.manifest.name);
    }
}

#[test]
fn pieces_of_weights_are_the_weights() {
    for fixture in fixtures(0) {
        let (name, mut files) = (&fixture.manifest.name, fixture.files());
        let weights = plan(&fixture, FEW_BYTES).weights;
        let mut in_pieces = 0;
        for weight in weights {
            let region = weight.region;
            let whole = weight.with_bytes(&mut files, <[u8]>::to_vec).expect("can be made");
            let pieces = weight.pieces(PIECE_BYTES);
            in_pieces += usize::from(pieces.len() > 1);
            let mut joined = Vec::new();
            for piece in pieces {
                let place = (region.buffer, region.offset_bytes + joined.len() as u64);
                assert_eq!((piece.region.buffer, piece.region.offset_bytes), place, "{name}");
                piece.with_bytes(&mut files, |bytes| joined.extend_from_slice(bytes)).expect("can be made");
            }
            assert!(joined == whole, "{name}: {region:?}");
        }
        assert!(in_pieces > 0, "{name}: every weight goes as a whole");
    }
}
