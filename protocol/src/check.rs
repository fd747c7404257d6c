//! Compares an output with the expected one: the numbers that decide whether an answer is right.

use serde::{Deserialize, Serialize};

/// How far one output is from the expected one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputCheck {
    /// The output's name.
    pub output: String,
    /// Elements compared.
    pub elements: usize,
    /// Largest absolute difference; infinite when one side is not finite where the other is.
    #[serde(with = "non_finite")]
    pub max_abs_error: f64,
    /// Mean absolute difference over the elements that are finite on both sides.
    #[serde(with = "non_finite")]
    pub mean_abs_error: f64,
    /// Cosine of the angle between the two, 1 for the same direction.
    #[serde(with = "non_finite")]
    pub cosine_similarity: f64,
    /// What is wrong beyond numbers: a shape that differs, the first NaN. Never a pass.
    pub fault: Option<String>,
}

impl OutputCheck {
    /// A check of an output that cannot be compared at all.
    pub fn fault(output: &str, fault: String) -> Self {
        OutputCheck {
            output: output.to_owned(),
            elements: 0,
            max_abs_error: f64::INFINITY,
            mean_abs_error: f64::INFINITY,
            cosine_similarity: 0.0,
            fault: Some(fault),
        }
    }

    /// Compares `actual` with `expected`, element by element in row-major order.
    pub fn compare(
        output: &str,
        (actual_shape, actual): (&[usize], &[f32]),
        (expected_shape, expected): (&[usize], &[f32]),
    ) -> Self {
        if actual_shape != expected_shape || actual.len() != expected.len() {
            let fault = format!("has shape {actual_shape:?}, expected {expected_shape:?}");
            return Self::fault(output, fault);
        }
        let mut tally = Tally::default();
        for (index, (&a, &e)) in actual.iter().zip(expected).enumerate() {
            tally.add(index, f64::from(a), f64::from(e));
        }
        tally.finish(output, actual.len())
    }

    /// The worse of two checks of the same output.
    pub fn worse(self, other: OutputCheck) -> OutputCheck {
        let rank = |check: &OutputCheck| (check.fault.is_some(), check.max_abs_error);
        if rank(&other) > rank(&self) { other } else { self }
    }

    /// Whether the output is right within `tolerance` (largest absolute error).
    pub fn is_within(&self, tolerance: f64) -> bool {
        self.fault.is_none() && self.max_abs_error <= tolerance
    }
}

#[derive(Default)]
struct Tally {
    max_abs_error: f64,
    sum_abs_error: f64,
    finite: usize,
    dot: f64,
    actual_norm: f64,
    expected_norm: f64,
    fault: Option<String>,
}

impl Tally {
    fn add(&mut self, index: usize, actual: f64, expected: f64) {
        let same_special = actual == expected || (actual.is_nan() && expected.is_nan());
        if !actual.is_finite() || !expected.is_finite() {
            if !same_special {
                self.max_abs_error = f64::INFINITY;
                self.fault.get_or_insert_with(|| format!("element {index} is {actual}, expected {expected}"));
            }
            return;
        }
        let error = (actual - expected).abs();
        self.max_abs_error = self.max_abs_error.max(error);
        self.sum_abs_error += error;
        self.finite += 1;
        self.dot += actual * expected;
        self.actual_norm += actual * actual;
        self.expected_norm += expected * expected;
    }

    fn finish(self, output: &str, elements: usize) -> OutputCheck {
        let norms = (self.actual_norm * self.expected_norm).sqrt();
        let both_zero = self.actual_norm == 0.0 && self.expected_norm == 0.0;
        OutputCheck {
            output: output.to_owned(),
            elements,
            max_abs_error: self.max_abs_error,
            mean_abs_error: if self.finite == 0 { 0.0 } else { self.sum_abs_error / self.finite as f64 },
            cosine_similarity: match (both_zero, norms > 0.0) {
                (true, _) => 1.0,
                (false, true) => self.dot / norms,
                (false, false) => 0.0,
            },
            fault: self.fault,
        }
    }
}

/// JSON has no infinity: it travels as null.
mod non_finite {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.is_finite().then_some(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(deserializer)?.unwrap_or(f64::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(actual: &[f32], expected: &[f32]) -> OutputCheck {
        OutputCheck::compare("y", (&[actual.len()], actual), (&[expected.len()], expected))
    }

    #[test]
    fn errors_and_cosine_are_those_of_the_definition() {
        let result = check(&[1.0, 2.0, 3.0], &[1.0, 2.5, 2.0]);
        assert_eq!(result.max_abs_error, 1.0);
        assert_eq!(result.mean_abs_error, 0.5);
        // (1 + 5 + 6) / sqrt(14 * 11.25), worked by hand.
        assert!((result.cosine_similarity - 12.0 / (14.0f64 * 11.25).sqrt()).abs() < 1e-12);
        assert!(result.is_within(1.0) && !result.is_within(0.99));
    }

    #[test]
    fn what_is_not_finite_is_never_within() {
        for (name, actual, expected, fault) in [
            ("NaN", vec![0.0, f32::NAN], vec![0.0, 1.0], Some("element 1 is NaN, expected 1")),
            ("infinity", vec![f32::INFINITY], vec![1.0], Some("element 0 is inf, expected 1")),
            ("both infinite", vec![f32::INFINITY], vec![f32::INFINITY], None),
            ("both NaN", vec![f32::NAN], vec![f32::NAN], None),
        ] {
            let result = check(&actual, &expected);
            assert_eq!(result.fault.as_deref(), fault, "{name}");
            assert_eq!(result.is_within(1e9), fault.is_none(), "{name}");
        }
    }

    #[test]
    fn another_shape_is_a_fault() {
        let result = OutputCheck::compare("y", (&[2], &[1.0, 2.0]), (&[1, 2], &[1.0, 2.0]));
        assert_eq!(result.fault.as_deref(), Some("has shape [2], expected [1, 2]"));
    }

    #[test]
    fn infinity_survives_the_wire() {
        let sent = check(&[f32::NAN], &[1.0]);
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<OutputCheck>(&text).unwrap(), sent);
    }
}
