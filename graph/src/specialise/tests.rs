//! What a model refuses to be fed, and what it becomes at given shapes.

use std::collections::BTreeMap;

use super::{Feed, specialise};
use crate::onnx::{reshape_model, small_model};
use crate::text::{tensor, tensor_type};
use crate::{Error, Graph};

/// Specialises `y = Relu(a + b)` with `a: f32[batch, 2]` and `b: f32[batch, 2]`.
fn small(inputs: &[(&str, &str)]) -> Result<Graph, Error> {
    let feed = |text| Feed::Type(tensor_type(text).unwrap());
    let feeds = inputs.iter().map(|(name, text)| (name.to_string(), feed(text)));
    specialise(&small_model(), &feeds.collect::<BTreeMap<_, _>>())
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

#[test]
fn inputs_that_say_what_to_compute_become_constants() {
    let x = Feed::Type(tensor_type("f32[8,2]").unwrap());
    let shape = tensor("i64[2] = 1 4").unwrap();
    let specialised = |shape| {
        specialise(&reshape_model(), &BTreeMap::from([("x".into(), x.clone()), ("shape".into(), shape)]))
    };
    let graph = specialised(Feed::Value(shape.clone())).unwrap();
    assert_eq!(graph.to_string(), "x: f32[8, 2]\ny: f32[2, 8] = Reshape { shape: [2, 8] }(x)\nreturn y\n");

    let error = specialised(Feed::Type(shape.tensor_type())).unwrap_err();
    assert!(error.is_unsupported(), "{error}");
    let wanted =
        "its shape (operand 1) depend on the data, which is not supported; give the elements of \"shape\"";
    assert!(error.to_string().ends_with(wanted), "{error}");
}
