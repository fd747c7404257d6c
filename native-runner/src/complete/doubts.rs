//! How far an answer may be from the reference's, and what the reference's own answers say against it. Pure.

use std::collections::BTreeMap;

use graph::{Tensor, pipeline};
use protocol::{Allowed, Manifest, OutputCheck, Precision};

type Tensors = BTreeMap<String, Tensor>;

/// The part of what is allowed from which on the reference's own error counts.
const COUNTS: f64 = 0.5;

/// Writes down how far an answer may be from the expected one: what the model computes in, at the scale of its outputs.
pub fn allow(manifest: &mut Manifest, expected: &Tensors) {
    let relative = match manifest.precision {
        Precision::Int8 => 3e-1,
        Precision::Fp16 => 2e-2,
        Precision::Fp32 | Precision::Q4 => 1e-4,
    };
    let floats = expected.values().filter(|tensor| tensor.data_type().is_float());
    let magnitudes =
        floats.flat_map(|tensor| tensor.to_f32_vec()).map(f32::abs).filter(|size| size.is_finite());
    manifest.tolerance_scale = f64::from(magnitudes.fold(1.0, f32::max));
    manifest.tolerances.insert(manifest.precision, relative * manifest.tolerance_scale);
}

/// Returns what makes the expected outputs doubtful: that the reference gives others when it runs `again`, or when it
/// runs `plain`, without its optimisations.
pub fn of(manifest: &Manifest, expected: &Tensors, again: &Tensors, plain: &Tensors) -> Vec<String> {
    let random = worst(manifest, expected, again).map(|how| {
        format!(
            "the reference differs from itself: run again, its {how}. A model that draws random numbers has no one right \
             answer; make it deterministic to have it checked"
        )
    });
    let unsure = || {
        let how = worst(manifest, expected, plain)?;
        let Allowed { of_scale, .. } = manifest.allowed();
        Some(format!(
            "the reference is no surer than what is allowed, {of_scale:e}: with its optimisations off, its {how}. On \
             other inputs the model may be better behaved"
        ))
    };
    random.or_else(unsure).into_iter().collect()
}

/// Where two answers of the reference are further apart than they may be, in words.
fn worst(manifest: &Manifest, expected: &Tensors, other: &Tensors) -> Option<String> {
    let Allowed { absolute, of_scale } = manifest.allowed();
    let counts = Allowed { absolute: absolute * COUNTS, of_scale: of_scale * COUNTS };
    let checks = pipeline::checks(manifest.scale(), expected, std::slice::from_ref(other));
    let apart = checks.into_iter().filter(|check| !check.is_within(counts));
    let OutputCheck { output, scaled_error, scaled_error_at, fault, .. } =
        apart.max_by(|a, b| a.scaled_error.total_cmp(&b.scaled_error))?;
    Some(match fault {
        Some(fault) => format!("output \"{output}\" {fault}"),
        None => {
            format!(
                "output \"{output}\" is off by {scaled_error:.2e} of the magnitudes around {scaled_error_at:?}"
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(precision: Precision) -> Manifest {
        let text = "name = 'm'\nfamily = ''\nmodality = ''\nsource = ''\ninputs = ''\nexpected = ''\n\
                    components = []\ntolerances = {}\n";
        Manifest { precision, ..toml::from_str(text).unwrap() }
    }

    fn outputs(elements: &[f32]) -> Tensors {
        BTreeMap::from([("y".to_owned(), Tensor::vector(elements.to_vec()))])
    }

    #[test]
    fn what_is_allowed_follows_what_a_model_computes_in_and_the_scale_of_its_outputs() {
        let special = [0.5, -20.0, f32::NEG_INFINITY, f32::NAN];
        for (precision, expected, absolute, of_scale) in [
            (Precision::Fp32, &[0.5, -0.25][..], 1e-4, 1e-4),
            (Precision::Fp32, &special, 20.0 * 1e-4, 1e-4),
            (Precision::Fp16, &[1.0], 2e-2, 2e-2),
            (Precision::Int8, &[1.0], 3e-1, 3e-1),
            (Precision::Q4, &[1.0], 1e-4, 1e-4),
        ] {
            let mut manifest = manifest(precision);
            allow(&mut manifest, &outputs(expected));
            assert_eq!(manifest.allowed(), Allowed { absolute, of_scale }, "{precision} {expected:?}");
        }
    }

    #[test]
    fn a_reference_that_contradicts_itself_is_told_on() {
        let mut manifest = manifest(Precision::Fp32);
        let expected = outputs(&[1.0, 1.0, 1.0, 1.0]);
        allow(&mut manifest, &expected);
        let near = outputs(&[1.0, 1.0, 1.0, 1.000_03]);
        let far = outputs(&[1.0, 1.0, 1.0, 1.000_06]);
        for (name, again, plain, part) in [
            ("the same", &expected, &expected, None),
            ("within half of what is allowed", &near, &near, None),
            (
                "otherwise when run again",
                &far,
                &far,
                Some("differs from itself: run again, its output \"y\""),
            ),
            (
                "otherwise without optimisations",
                &expected,
                &far,
                Some("off by 6.00e-5 of the magnitudes around [3]"),
            ),
        ] {
            let notes = of(&manifest, &expected, again, plain);
            assert_eq!(notes.len(), usize::from(part.is_some()), "{name}: {notes:?}");
            assert!(part.is_none_or(|part| notes[0].contains(part)), "{name}: {notes:?}");
        }
    }
}
