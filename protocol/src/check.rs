//! Compares an output with the expected one: the numbers that decide whether an answer is right.

use serde::{Deserialize, Serialize};

use crate::precision::Precision;

/// A scale below this counts as this: f32 has lost digits by then, and some adapters have none at all.
const SMALLEST_SCALE: f64 = 1e-30;
/// Fewer elements have no scale of their own.
const FEWEST_OF_A_SCALE: usize = 4;

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
    /// Where that is, an index for each axis.
    pub max_abs_error_at: Vec<usize>,
    /// Largest difference as a part of the [`Scale`] around it; infinite as above.
    #[serde(with = "non_finite")]
    pub scaled_error: f64,
    /// Where that is.
    pub scaled_error_at: Vec<usize>,
    /// Mean absolute difference over the elements that are finite on both sides.
    #[serde(with = "non_finite")]
    pub mean_abs_error: f64,
    /// Cosine of the angle between the two, 1 for the same direction.
    #[serde(with = "non_finite")]
    pub cosine_similarity: f64,
    /// The fault beyond numbers: a shape that differs, the first NaN. Never a pass.
    pub fault: Option<String>,
}

/// How far an output may be from the expected one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowed {
    /// Largest absolute error.
    pub absolute: f64,
    /// Largest error as a part of the [`Scale`] around it.
    pub of_scale: f64,
}

/// The measure that an error is held against beside its own size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// 1 everywhere: integers and bools.
    One,
    /// The smaller of the largest magnitudes in the element's row, along the last axis, and in its column, along all
    /// axes before, so that boxes of 300 hide no scores beside them. What is smaller than `least` of the largest
    /// magnitude of all may be nothing but the rounding of terms of that size, and is held against `least` of it.
    Rows {
        /// A part of 1.
        least: f64,
    },
}

impl Scale {
    /// That of floats which were computed with numbers kept so, and may be off by a part `of_scale`.
    pub fn of(precision: Precision, of_scale: f64) -> Scale {
        // What a chain of operators adds up to in rounding, as a part of the largest magnitude.
        let rounding = match precision {
            Precision::Fp32 | Precision::Q4 => 1e-6,
            Precision::Fp16 => 8e-3,
            // A whole tensor is quantised at once: one step is as large for its smallest row.
            Precision::Int8 => f64::INFINITY,
        };
        Scale::Rows { least: (rounding / of_scale).min(1.0) }
    }

    /// The scale of every row and of every column of an output.
    fn measure(self, shape: &[usize], expected: &[f32]) -> Scales {
        let length = shape.last().copied().unwrap_or(1).max(1);
        let Scale::Rows { least } = self else {
            return Scales { length, rows: Vec::new(), columns: Vec::new(), least: 1.0, whole: 1.0 };
        };
        let magnitude = |element: &f32| f64::from(if element.is_finite() { element.abs() } else { 0.0 });
        let largest = |elements: &[f32]| elements.iter().map(magnitude).fold(0.0, f64::max);
        let whole = largest(expected);
        let rows = if length < FEWEST_OF_A_SCALE {
            Vec::new()
        } else {
            expected.chunks(length).map(largest).collect()
        };
        let mut columns = Vec::new();
        if expected.len() / length >= FEWEST_OF_A_SCALE {
            columns = vec![0.0f64; length];
            for row in expected.chunks(length) {
                columns
                    .iter_mut()
                    .zip(row)
                    .for_each(|(column, element)| *column = column.max(magnitude(element)));
            }
        }
        Scales {
            length,
            rows,
            columns,
            least: (least * whole).max(SMALLEST_SCALE),
            whole: whole.max(SMALLEST_SCALE),
        }
    }
}

/// Scales of an output's rows and columns; none where there are too few elements for one.
struct Scales {
    length: usize,
    rows: Vec<f64>,
    columns: Vec<f64>,
    least: f64,
    whole: f64,
}

impl Scales {
    fn at(&self, index: usize) -> f64 {
        let row = self.rows.get(index / self.length).copied().unwrap_or(self.whole);
        let column = self.columns.get(index % self.length).copied().unwrap_or(self.whole);
        row.min(column).max(self.least)
    }
}

impl OutputCheck {
    /// A check of an output that cannot be compared at all.
    pub fn fault(output: &str, fault: String) -> Self {
        OutputCheck {
            output: output.to_owned(),
            elements: 0,
            max_abs_error: f64::INFINITY,
            max_abs_error_at: Vec::new(),
            scaled_error: f64::INFINITY,
            scaled_error_at: Vec::new(),
            mean_abs_error: f64::INFINITY,
            cosine_similarity: 0.0,
            fault: Some(fault),
        }
    }

    /// Compares `actual` with `expected`, element by element in row-major order.
    pub fn compare(
        output: &str,
        scale: Scale,
        (actual_shape, actual): (&[usize], &[f32]),
        (expected_shape, expected): (&[usize], &[f32]),
    ) -> Self {
        if actual_shape != expected_shape || actual.len() != expected.len() {
            let fault = format!("has shape {actual_shape:?}, expected {expected_shape:?}");
            return Self::fault(output, fault);
        }
        let scales = scale.measure(expected_shape, expected);
        let mut tally = Tally::default();
        for (index, (&a, &e)) in actual.iter().zip(expected).enumerate() {
            tally.add(index, scales.at(index), f64::from(a), f64::from(e));
        }
        tally.finish(output, expected_shape, actual.len())
    }

    /// The worse of two checks of the same output, in every number.
    pub fn worse(self, other: OutputCheck) -> OutputCheck {
        let rank = |check: &OutputCheck| (check.fault.is_some(), check.scaled_error);
        let (mut worse, better) = if rank(&other) > rank(&self) { (other, self) } else { (self, other) };
        if better.max_abs_error > worse.max_abs_error {
            (worse.max_abs_error, worse.max_abs_error_at) = (better.max_abs_error, better.max_abs_error_at);
        }
        worse
    }

    /// Returns whether the output is right within what is allowed.
    pub fn is_within(&self, allowed: Allowed) -> bool {
        self.fault.is_none()
            && self.max_abs_error <= allowed.absolute
            && self.scaled_error <= allowed.of_scale
    }
}

/// An error and the element that has it.
#[derive(Default)]
struct Worst {
    error: f64,
    index: usize,
}

impl Worst {
    fn add(&mut self, index: usize, error: f64) {
        if error > self.error {
            *self = Worst { error, index };
        }
    }
}

#[derive(Default)]
struct Tally {
    absolute: Worst,
    scaled: Worst,
    sum_abs_error: f64,
    finite: usize,
    dot: f64,
    actual_norm: f64,
    expected_norm: f64,
    fault: Option<String>,
}

impl Tally {
    fn add(&mut self, index: usize, scale: f64, actual: f64, expected: f64) {
        let same_special = actual == expected || (actual.is_nan() && expected.is_nan());
        if !actual.is_finite() || !expected.is_finite() {
            if !same_special {
                self.absolute.add(index, f64::INFINITY);
                self.scaled.add(index, f64::INFINITY);
                self.fault.get_or_insert_with(|| format!("element {index} is {actual}, expected {expected}"));
            }
            return;
        }
        let error = (actual - expected).abs();
        self.absolute.add(index, error);
        self.scaled.add(index, error / scale);
        self.sum_abs_error += error;
        self.finite += 1;
        self.dot += actual * expected;
        self.actual_norm += actual * actual;
        self.expected_norm += expected * expected;
    }

    fn finish(self, output: &str, shape: &[usize], elements: usize) -> OutputCheck {
        let norms = (self.actual_norm * self.expected_norm).sqrt();
        let both_zero = self.actual_norm == 0.0 && self.expected_norm == 0.0;
        OutputCheck {
            output: output.to_owned(),
            elements,
            max_abs_error: self.absolute.error,
            max_abs_error_at: place(shape, self.absolute.index),
            scaled_error: self.scaled.error,
            scaled_error_at: place(shape, self.scaled.index),
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

/// An element's index on each axis.
fn place(shape: &[usize], index: usize) -> Vec<usize> {
    let mut rest = index;
    let mut places: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&extent| {
            let place = rest % extent.max(1);
            rest /= extent.max(1);
            place
        })
        .collect();
    places.reverse();
    places
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

    const ROWS: Scale = Scale::Rows { least: 1e-2 };

    fn check(actual: &[f32], expected: &[f32]) -> OutputCheck {
        OutputCheck::compare("y", ROWS, (&[actual.len()], actual), (&[expected.len()], expected))
    }

    fn allowed(absolute: f64) -> Allowed {
        Allowed { absolute, of_scale: f64::INFINITY }
    }

    #[test]
    fn errors_and_cosine_are_those_of_the_definition() {
        let result = check(&[1.0, 2.0, 3.0], &[1.0, 2.5, 2.0]);
        assert_eq!((result.max_abs_error, result.max_abs_error_at.as_slice()), (1.0, &[2][..]));
        assert_eq!((result.scaled_error, result.scaled_error_at.as_slice()), (1.0 / 2.5, &[2][..]));
        assert_eq!(result.mean_abs_error, 0.5);
        // (1 + 5 + 6) / sqrt(14 * 11.25), worked by hand.
        assert!((result.cosine_similarity - 12.0 / (14.0f64 * 11.25).sqrt()).abs() < 1e-12);
        assert!(result.is_within(allowed(1.0)) && !result.is_within(allowed(0.99)));
        assert!(!result.is_within(Allowed { absolute: 1.0, of_scale: 0.39 }));
    }

    #[test]
    fn an_error_is_held_against_the_row_or_the_column_that_it_stands_in() {
        let boxes = [300.0f32, 200.0, 100.0, 250.0];
        let scores = [0.5f32, 0.25, 0.125, 0.5];
        let tall = [boxes, scores].concat();
        let wide: Vec<f32> = boxes.iter().zip(&scores).flat_map(|(b, s)| [*b, *s]).collect();
        let units = [3.0f32, 2.0, 2.5, 1.0];
        // Where, by how much it is wrong, and the scale that this is held against: the largest magnitude of the row, of
        // the column, or a hundredth of all.
        for (name, scale, shape, expected, wrong, scaled) in [
            ("boxes above scores", ROWS, [2, 4], tall.clone(), [1, 2], 0.3 / 3.0),
            ("boxes beside scores", ROWS, [4, 2], wide, [2, 1], 0.3 / 3.0),
            ("a box", ROWS, [2, 4], tall.clone(), [0, 2], 0.3 / 300.0),
            ("no floor", Scale::Rows { least: 0.0 }, [2, 4], tall.clone(), [1, 2], 0.3 / 0.5),
            ("quantised as a whole", Scale::Rows { least: 1.0 }, [2, 4], tall.clone(), [1, 2], 0.3 / 300.0),
            ("integers", Scale::One, [2, 4], tall, [0, 2], 0.3),
            ("too few for scales of their own", ROWS, [2, 2], units.to_vec(), [1, 1], 0.3 / 3.0),
        ] {
            let mut actual = expected.clone();
            actual[wrong[0] * shape[1] + wrong[1]] += 0.3;
            let result = OutputCheck::compare("y", scale, (&shape, &actual), (&shape, &expected));
            assert!((result.scaled_error / scaled - 1.0).abs() < 1e-4, "{name}: {}", result.scaled_error);
            assert_eq!(result.scaled_error_at, wrong, "{name}");
        }
    }

    #[test]
    fn the_floor_is_what_rounding_adds_up_to() {
        for (precision, of_scale, least) in [
            (Precision::Fp32, 1e-4, 1e-2),
            (Precision::Q4, 1e-3, 1e-3),
            (Precision::Fp32, 0.0, 1.0),
            (Precision::Fp16, 2e-2, 0.4),
            (Precision::Int8, 3e-1, 1.0),
        ] {
            let Scale::Rows { least: found } = Scale::of(precision, of_scale) else { panic!("no rows") };
            assert!((found - least).abs() < 1e-9, "{precision} {of_scale}: {found}");
        }
    }

    #[test]
    fn zeros_have_to_be_zeros() {
        let is_right =
            |actual| check(&[actual, 0.0], &[0.0, 0.0]).is_within(Allowed { absolute: 1e-4, of_scale: 1e-4 });
        assert!(is_right(0.0) && is_right(1e-38) && !is_right(1e-9));
    }

    #[test]
    fn the_worse_of_two_is_worse_in_every_number() {
        let expected = [100.0, 100.0, 100.0, 100.0, 1.0, 1.0, 1.0, 1.0];
        let off_at = |index: usize, by: f32| {
            let mut actual = expected;
            actual[index] += by;
            OutputCheck::compare("y", ROWS, (&[2, 4], &actual), (&[2, 4], &expected))
        };
        let both = off_at(1, 8.0).worse(off_at(6, 0.5));
        assert_eq!((both.max_abs_error, both.max_abs_error_at), (8.0, vec![0, 1]));
        assert_eq!((both.scaled_error, both.scaled_error_at), (0.5, vec![1, 2]));
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
            assert_eq!(result.is_within(allowed(1e9)), fault.is_none(), "{name}");
        }
    }

    #[test]
    fn another_shape_is_a_fault() {
        let result = OutputCheck::compare("y", ROWS, (&[2], &[1.0, 2.0]), (&[1, 2], &[1.0, 2.0]));
        assert_eq!(result.fault.as_deref(), Some("has shape [2], expected [1, 2]"));
    }

    #[test]
    fn infinity_survives_the_wire() {
        let sent = check(&[f32::NAN], &[1.0]);
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<OutputCheck>(&text).unwrap(), sent);
    }
}
