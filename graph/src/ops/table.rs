//! Runs the tables of the operators' tests.

use std::collections::BTreeMap;

use crate::text;
use crate::{Tensor, interpret};

/// Rows of name, graph and expected `y`; all rows are run before any is complained about. Elements have to be equal
/// to 1e-7 of their size.
pub(crate) fn check(rows: &[(&str, &str, &str)]) {
    check_within(rows, 1.2e-7, 0.0);
}

/// Rows whose expected values another engine computed in f32: equal to 1e-5 of their size, or of 1.
pub(crate) fn check_near(rows: &[(&str, &str, &str)]) {
    check_within(rows, 1e-5, 1e-5);
}

fn check_within(rows: &[(&str, &str, &str)], relative: f32, absolute: f32) {
    let wrong: Vec<String> = rows.iter().filter_map(|row| fault(row, relative, absolute)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn fault(&(name, graph, expected): &(&str, &str, &str), relative: f32, absolute: f32) -> Option<String> {
    let expected = text::tensor(expected).unwrap();
    let outcome = text::parse(&format!("{graph}\nreturn y")).and_then(|graph| {
        let feed = |id: &crate::ValueId| {
            let value = &graph.values[id.0];
            (value.name.clone(), text::filled(&value.tensor_type, 0.0))
        };
        let inputs: BTreeMap<_, _> = graph.inputs.iter().map(feed).collect();
        interpret(&graph, &inputs)
    });
    match outcome {
        Ok(outputs) if agrees(&outputs["y"], &expected, relative, absolute) => None,
        Ok(outputs) => Some(format!("{name}: {:?} instead of {expected:?}", outputs["y"])),
        Err(error) => Some(format!("{name}: {error}")),
    }
}

/// Equal types, elements equal but for an error; NaN equals NaN.
fn agrees(given: &Tensor, expected: &Tensor, relative: f32, absolute: f32) -> bool {
    let close = |(a, b): (f32, f32)| {
        a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= absolute + relative * b.abs()
    };
    given.tensor_type() == expected.tensor_type()
        && given.to_f32_vec().into_iter().zip(expected.to_f32_vec()).all(close)
}

/// Rows of name, graph and part of the message with which it is refused.
pub(crate) fn refuse(rows: &[(&str, &str, &str)]) {
    let complaint =
        |&(name, graph, wanted): &(&str, &str, &str)| match text::parse(&format!("{graph}\nreturn y")) {
            Ok(_) => Some(format!("{name}: accepted")),
            Err(error) if error.to_string().contains(wanted) => None,
            Err(error) => Some(format!("{name}: {error}")),
        };
    let wrong: Vec<String> = rows.iter().filter_map(complaint).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
