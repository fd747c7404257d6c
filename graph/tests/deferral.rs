//! Weights that stay in their files come to the same graphs and the same numbers as weights that are read at once.

mod support;

use std::collections::BTreeSet;

use graph::pipeline::{self, Pipeline};
use graph::{Constant, Rewriting};
use support::{Fixture, fixtures};

/// Weights of as many bytes are put off: fewer than any that counts among the tiny fixtures have.
const FEW_BYTES: u64 = 512;
/// Of the fixtures whose weights are computed, only those of fewer bytes are computed twice.
const MOST_COMPUTED_BYTES: u64 = 200 << 20;

fn composed(fixture: &Fixture, large_bytes: u64) -> Result<Pipeline, String> {
    let models = fixture.models(large_bytes)?;
    let wanted: BTreeSet<String> = fixture.expected.keys().cloned().collect();
    let pipeline = pipeline::compose(&fixture.manifest, &models, &fixture.inputs, &wanted, Rewriting::Full);
    pipeline.map_err(|error| error.to_string())
}

/// The number of constants that were put off, or the first difference.
fn put_off(fixture: &Fixture) -> Result<usize, String> {
    let (eager, late) = (composed(fixture, u64::MAX)?, composed(fixture, FEW_BYTES)?);
    let mut files = fixture.files();
    let mut count = 0;
    for (eager, late) in eager.programs.iter().zip(&late.programs) {
        if eager.graph.to_string() != late.graph.to_string() {
            return Err(format!("program {} is another", eager.name));
        }
        for (eager, late) in eager.graph.values.iter().zip(&late.graph.values) {
            let Some(constant) = &late.constant else { continue };
            count += usize::from(matches!(constant, Constant::Deferred(_)));
            let made = constant.evaluate(&mut files).map_err(|error| error.to_string())?;
            let expected = eager.constant.as_ref().and_then(Constant::here);
            let bits = |tensor: &graph::Tensor| (tensor.shape.clone(), tensor.to_le_bytes());
            if expected.map(bits) != Some(bits(&made)) {
                return Err(format!("{} differs", late.name));
            }
        }
    }
    Ok(count)
}

#[test]
fn every_fixture_is_the_same_with_its_weights_put_off() {
    let mut faults = Vec::new();
    for fixture in fixtures(MOST_COMPUTED_BYTES) {
        match put_off(&fixture) {
            Ok(count) => {
                println!("{}: {count} constants put off", fixture.manifest.name);
                if count == 0 {
                    faults.push(format!("{}: nothing was put off", fixture.manifest.name));
                }
            }
            Err(error) => faults.push(format!("{}: {error}", fixture.manifest.name)),
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
