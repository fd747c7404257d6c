//! How far one value is from the same value on another target. Pure.

use super::values::Value;
use crate::rows::divergence::Difference;

/// Masks hold numbers beyond this, as good as infinite. They say nothing of the scale of the others.
const BEYOND_SCALE: f64 = 1e30;

impl Difference {
    /// Compares a value on side a with the same on side b.
    pub fn of(a: &Value, b: &Value) -> Difference {
        if a.shape != b.shape {
            return Difference::fault(format!("is {} on a and {} on b", a.tensor_type(), b.tensor_type()));
        }
        let magnitude = magnitude(&a.elements).max(magnitude(&b.elements));
        let mut worst = Difference { magnitude, ..Difference::same() };
        for (index, (&of_a, &of_b)) in a.elements.iter().zip(&b.elements).enumerate() {
            if is_same(of_a, of_b) {
                continue;
            }
            if let Some(why) = fault(a, of_a, of_b) {
                let place = a.place(index);
                let fault = format!("is {of_a} on a and {of_b} on b at {place:?}{why}");
                let (place, elements) = (Some(place), Some([of_a, of_b]));
                return Difference { place, elements, magnitude, ..Difference::fault(fault) };
            }
            let max_abs = (of_a - of_b).abs();
            let own = of_a.abs().max(of_b.abs());
            let scale = if own >= BEYOND_SCALE { own } else { magnitude };
            let relative = max_abs / scale;
            if relative > worst.relative {
                let (place, elements) = (Some(a.place(index)), Some([of_a, of_b]));
                worst = Difference { max_abs, relative, place, elements, ..worst };
            }
        }
        worst
    }

    fn same() -> Difference {
        Difference { max_abs: 0.0, relative: 0.0, magnitude: 0.0, place: None, elements: None, fault: None }
    }

    fn fault(fault: String) -> Difference {
        let infinite = f64::INFINITY;
        Difference { max_abs: infinite, relative: infinite, fault: Some(fault), ..Difference::same() }
    }
}

fn magnitude(elements: &[f64]) -> f64 {
    let magnitudes = elements.iter().map(|element| element.abs());
    magnitudes.filter(|magnitude| *magnitude < BEYOND_SCALE).fold(0.0, f64::max)
}

/// Returns whether two elements mean the same. A mask's least number may be finite on one side and infinite on the
/// other: it masks all the same.
fn is_same(of_a: f64, of_b: f64) -> bool {
    let masks = |element: f64| element <= -BEYOND_SCALE;
    of_a == of_b || (of_a.is_nan() && of_b.is_nan()) || (masks(of_a) && masks(of_b))
}

/// Why two different elements cannot be the same but for rounding.
fn fault(value: &Value, of_a: f64, of_b: f64) -> Option<&'static str> {
    match (of_a.is_finite() && of_b.is_finite(), value.exact) {
        (false, _) => Some(""),
        (true, true) => Some(", and integers have to be the same"),
        (true, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(elements: &[f64]) -> Value {
        Value { data_type: "f32", exact: false, shape: vec![elements.len()], elements: elements.to_vec() }
    }

    #[test]
    fn differences_are_a_part_of_the_largest_magnitude() {
        const NAN: f64 = f64::NAN;
        const INF: f64 = f64::INFINITY;
        type Row = (&'static str, &'static [f64], &'static [f64], f64, Option<usize>, Option<&'static str>);
        let rows: [Row; 10] = [
            ("the same", &[1.0, 2.0], &[1.0, 2.0], 0.0, None, None),
            ("a hundredth of 4", &[1.0, 4.0], &[1.04, 4.0], 0.01, Some(0), None),
            ("nothing but zeros", &[0.0, 0.0], &[0.0, -0.0], 0.0, None, None),
            ("a mask beside scores", &[1.0, -3.4e38], &[1.5, -3.4e38], 1.0 / 3.0, Some(0), None),
            ("the least number and minus infinity", &[-3.4e38, 1.0], &[-INF, 1.0], 0.0, None, None),
            (
                "NaN on one side",
                &[1.0, NAN],
                &[1.0, 2.0],
                INF,
                Some(1),
                Some("is NaN on a and 2 on b at [1]"),
            ),
            ("NaN on both", &[NAN, 1.0], &[NAN, 1.0], 0.0, None, None),
            ("infinite on one side", &[1.0], &[INF], INF, Some(0), Some("is 1 on a and inf on b at [0]")),
            ("infinities of two signs", &[INF], &[-INF], INF, Some(0), Some("is inf on a and -inf on b")),
            ("another shape", &[1.0], &[1.0, 1.0], INF, None, Some("is f32[1] on a and f32[2] on b")),
        ];
        for (name, a, b, relative, place, fault) in rows {
            let comparison = Difference::of(&value(a), &value(b));
            let close = comparison.relative == relative || (comparison.relative - relative).abs() < 1e-12;
            assert!(close, "{name}: {comparison:?}");
            assert_eq!(comparison.place, place.map(|index| vec![index]), "{name}");
            let told = comparison.fault.as_deref().unwrap_or_default();
            assert!(told.contains(fault.unwrap_or_default()), "{name}: {told}");
            assert_eq!(comparison.fault.is_some(), fault.is_some(), "{name}");
        }
    }

    #[test]
    fn integers_have_to_be_the_same() {
        let integers = |elements: &[f64]| Value { exact: true, ..value(elements) };
        let large = Difference::of(&integers(&[30_000.0]), &integers(&[30_001.0]));
        assert!(large.fault.unwrap().contains("integers have to be the same"));
    }
}
