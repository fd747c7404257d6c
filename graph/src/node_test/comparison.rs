//! A node test for engines: as a pipeline of one program, and the faults of the outputs they give.

use std::collections::BTreeMap;

use protocol::Tolerance;

use super::NodeTest;
use crate::error::Error;
use crate::optimise::optimise;
use crate::pipeline::{Pipeline, Program};
use crate::specialise::{Feed, specialise};
use crate::tensor::{Data, Tensor};

impl NodeTest {
    /// The test's model, fixed at the test's inputs and optimised.
    ///
    /// # Errors
    /// Those of [`specialise()`].
    pub fn pipeline(&self) -> Result<Pipeline, Error> {
        let feed = |(name, tensor): (&String, &Tensor)| (name.clone(), Feed::Value(tensor.clone()));
        let graph = optimise(specialise(&self.model, &self.inputs.iter().map(feed).collect())?);
        let program = Program { name: "model".to_owned(), graph, states: BTreeMap::new() };
        Ok(Pipeline { programs: vec![program], decoding: None })
    }

    /// The faults of an engine's outputs: a sentence for each. Types, shapes, integers and bools
    /// have to be those expected; floats may be off by the tolerance, NaN being equal to NaN and an infinity only to
    /// itself.
    pub fn faults(&self, outputs: &BTreeMap<String, Tensor>, tolerance: Tolerance) -> Vec<String> {
        let fault = |(name, expected): (&String, &Tensor)| {
            let fault = match outputs.get(name) {
                Some(actual) => difference(actual, expected, tolerance)?,
                None => "is missing".to_owned(),
            };
            Some(format!("output \"{name}\": {fault}"))
        };
        self.expected.iter().filter_map(fault).collect()
    }
}

/// The distance of f16 numbers between 1 and 2, halved: what rounding alone does.
const HALF_UNIT: f64 = 1.0 / 2048.0;

/// The difference of a tensor from the expected one, in words.
fn difference(actual: &Tensor, expected: &Tensor, tolerance: Tolerance) -> Option<String> {
    let (given, wanted) = (actual.tensor_type(), expected.tensor_type());
    if given != wanted {
        return Some(format!("is {given}, expected {wanted}"));
    }
    match &expected.data {
        Data::F32(_) => floats(actual, expected, tolerance),
        Data::F16(_) => {
            let absolute = tolerance.absolute.max(HALF_UNIT);
            floats(actual, expected, Tolerance { absolute, ..tolerance })
        }
        Data::I64(_) | Data::I32(_) | Data::U8(_) | Data::I8(_) | Data::Bool(_) => {
            match (actual.to_i64_vec(), expected.to_i64_vec()) {
                (Some(actual), Some(expected)) => off(&actual, &expected, i64::eq),
                _ => Some(format!("is {given} and cannot be compared")),
            }
        }
    }
}

fn floats(actual: &Tensor, expected: &Tensor, tolerance: Tolerance) -> Option<String> {
    let (actual, expected) = (actual.to_f32_vec(), expected.to_f32_vec());
    let scale = scale(&expected);
    off(&actual, &expected, |a, e| close(*a, *e, tolerance, scale))
}

/// The largest finite magnitude, and at least 1.
fn scale(expected: &[f32]) -> f64 {
    let finite = expected.iter().filter(|element| element.is_finite());
    finite.fold(1.0, |largest, element| f64::from(element.abs()).max(largest))
}

fn close(actual: f32, expected: f32, tolerance: Tolerance, scale: f64) -> bool {
    let (actual, expected) = (f64::from(actual), f64::from(expected));
    let allowed = tolerance.absolute * scale + tolerance.relative * expected.abs();
    let same = actual == expected || (actual.is_nan() && expected.is_nan());
    // An infinite expectation would allow anything.
    same || (expected.is_finite() && (actual - expected).abs() <= allowed)
}

fn off<T: std::fmt::Debug>(actual: &[T], expected: &[T], same: impl Fn(&T, &T) -> bool) -> Option<String> {
    let wrong = |(_, (a, e)): &(usize, (&T, &T))| !same(a, e);
    let mut wrong = actual.iter().zip(expected).enumerate().filter(wrong);
    let (index, (got, wanted)) = wrong.next()?;
    let count = 1 + wrong.count();
    Some(format!(
        "{count} of {} elements are off: element {index} is {got:?}, expected {wanted:?}",
        actual.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tolerance of ONNX's own runner.
    const TOLERANCE: Tolerance = Tolerance { relative: 1e-3, absolute: 1e-7 };

    #[test]
    fn elements_are_compared_as_numpy_compares_them() {
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        // numpy.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-7), equal_nan as by default.
        for (name, actual, expected, sound) in [
            ("equal", 1.0, 1.0, true),
            ("within the relative tolerance", 1000.9, 1000.0, true),
            ("beyond it", 1001.1, 1000.0, false),
            ("within the absolute tolerance", 9e-8, 0.0, true),
            ("beyond it", 2e-7, 0.0, false),
            ("of the other sign", -1.0, 1.0, false),
            ("zeros of two signs", -0.0, 0.0, true),
            ("NaN twice", nan, nan, true),
            ("NaN for a number", nan, 1.0, false),
            ("a number for NaN", 1.0, nan, false),
            ("infinity twice", inf, inf, true),
            ("infinities of two signs", -inf, inf, false),
            ("a number for infinity", 3e38, inf, false),
            ("infinity for a number", inf, 3e38, false),
        ] {
            let found = difference(&Tensor::scalar(actual), &Tensor::scalar(expected), TOLERANCE);
            assert_eq!(found.is_none(), sound, "{name}: {actual} for {expected}: {found:?}");
        }
    }

    #[test]
    fn what_large_terms_leave_of_each_other_is_held_against_their_scale() {
        let differs = |actual: Vec<f32>, expected: Vec<f32>| {
            difference(&Tensor::vector(actual), &Tensor::vector(expected), TOLERANCE).is_some()
        };
        assert!(!differs(vec![1000.0, 9e-5], vec![1000.0, 0.0]));
        assert!(differs(vec![1000.0, 2e-4], vec![1000.0, 0.0]));
        assert!(differs(vec![f32::INFINITY, 9e-5], vec![f32::INFINITY, 0.0]), "infinity is no scale");
    }

    #[test]
    fn all_else_is_compared_exactly() {
        let large = |element: i64| Tensor::vector(vec![1 << 40, element]);
        for (actual, expected, fault) in [
            (large(7), large(7), None),
            (
                large(1_000_001),
                large(1_000_000),
                Some("1 of 2 elements are off: element 1 is 1000001, expected 1000000"),
            ),
            (
                Tensor::vector(vec![1u8, 2, 3]),
                Tensor::vector(vec![0u8, 2, 4]),
                Some("2 of 3 elements are off: element 0 is 1, expected 0"),
            ),
            (
                Tensor::scalar(true),
                Tensor::scalar(false),
                Some("1 of 1 elements are off: element 0 is 1, expected 0"),
            ),
            (Tensor::scalar(1i32), Tensor::scalar(1i64), Some("is i32[], expected i64[]")),
            (Tensor::scalar(1f32), Tensor::vector(vec![1f32]), Some("is f32[], expected f32[1]")),
        ] {
            assert_eq!(difference(&actual, &expected, TOLERANCE).as_deref(), fault);
        }
    }
}
