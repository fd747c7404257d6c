//! What a model refuses to be fed, and what it becomes at given shapes.

use std::collections::BTreeMap;

use super::specialise;
use crate::onnx::small_model;
use crate::text::tensor_type;
use crate::{Error, Graph};

/// Specialises `y = Relu(a + b)` with `a: f32[batch, 2]` and `b: f32[batch, 2]`.
fn small(inputs: &[(&str, &str)]) -> Result<Graph, Error> {
    let types = inputs.iter().map(|(name, text)| (name.to_string(), tensor_type(text).unwrap()));
    specialise(&small_model(), &types.collect::<BTreeMap<_, _>>())
}

#[test]
fn symbols_take_the_inputs_extents() {
    let graph = small(&[("a", "f32[3,2]"), ("b", "f32[3,2]")]).unwrap();
    assert_eq!(graph.check(), Ok(()));
    let expected =
        "a: f32[3, 2]\nb: f32[3, 2]\nsum: f32[3, 2] = Add(a, b)\ny: f32[3, 2] = Relu(sum)\nreturn y\n";
    assert_eq!(graph.to_string(), expected);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let good = ("a", "f32[3,2]");
    let cases = [
        ("missing", vec![good], "input \"b\" (f32[batch, 2]) is missing"),
        (
            "unknown",
            vec![good, ("b", "f32[3,2]"), ("c", "f32[1]")],
            "no input \"c\"; its inputs are a (f32[batch, 2]), b",
        ),
        ("type", vec![good, ("b", "i64[3,2]")], "input \"b\" has to be f32[batch, 2], not i64[3, 2]"),
        ("rank", vec![good, ("b", "f32[3]")], "has to be f32[batch, 2], not f32[3]"),
        ("fixed extent", vec![good, ("b", "f32[3,5]")], "has to be f32[batch, 2], not f32[3, 5]"),
        (
            "symbol",
            vec![good, ("b", "f32[4,2]")],
            "input \"b\" has 4 for dimension \"batch\", which input \"a\" has as 3",
        ),
        (
            "past memory",
            vec![("a", "f32[4611686018427387904,2]"), ("b", "f32[3,2]")],
            "more than memory can hold",
        ),
    ];
    for (name, inputs, wanted) in cases {
        let error = small(&inputs).unwrap_err();
        assert!(error.to_string().contains(wanted) && !error.is_unsupported(), "{name}: {error}");
    }
}
