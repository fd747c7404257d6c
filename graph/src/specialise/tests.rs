//! Inputs that a model refuses, and graphs that it becomes at given shapes.

use std::collections::BTreeMap;

use super::{Feed, specialise};
use crate::onnx::{Attribute, Dimension, Input, Model, OnnxNode, Subgraph, reshape_model, small_model};
use crate::text::{node, tensor, tensor_type};
use crate::{DataType, Error, Graph, interpret};

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
    let wanted = "its shape (operand 1) depend on the data, which is not supported; give the elements of \"shape\", \
         export the model with them fixed, or run it on onnxruntime";
    assert!(error.to_string().ends_with(wanted), "{error}");
}

/// The attribute that a body is, the names of its inputs, its lines, and the names of its outputs.
type Body<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a [&'a str]);

/// A node with bodies.
fn control(line: &str, bodies: &[Body]) -> OnnxNode {
    let mut control = node(line).unwrap();
    for (attribute, inputs, lines, outputs) in bodies {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let nodes = lines.iter().map(|line| node(line).unwrap()).collect();
        let body = Subgraph {
            inputs: names(inputs),
            outputs: names(outputs),
            nodes,
            constants: BTreeMap::new(),
            foreign: Default::default(),
        };
        control.attributes.0.insert((*attribute).to_owned(), Attribute::Graph(body));
    }
    control
}

/// The results of a model of `x: f32[2]` and the constants none, two and half, for this `x`.
fn results(
    nodes: Vec<OnnxNode>,
    outputs: &[&str],
    x: &str,
) -> Result<BTreeMap<String, crate::Tensor>, Error> {
    let dimensions = Some(vec![Dimension::Fixed(2)]);
    let input = Input { name: "x".into(), data_type: DataType::F32, dimensions };
    let constants =
        [("none", "i64[] = 0"), ("yes", "bool[] = 1"), ("half", "f32[] = 0.5"), ("two", "f32[] = 2")];
    let constants = constants.map(|(name, text)| (name.to_owned(), tensor(text).unwrap()));
    let model = Model::of(vec![input], BTreeMap::from(constants), nodes, outputs);
    let x = tensor(x).unwrap();
    let graph = specialise(&model, &BTreeMap::from([("x".into(), Feed::Type(x.tensor_type()))]))?;
    interpret(&graph, &BTreeMap::from([("x".into(), x)]))
}

#[test]
fn a_computed_condition_chooses_between_results_of_one_type() {
    let chosen = |otherwise: &str, x: &str| {
        let branches: [Body; 2] =
            [("then_branch", &[], &["t = Mul(x, two)"], &["t"]), ("else_branch", &[], &[otherwise], &["e"])];
        let nodes = [node("m = ReduceMax(x, keepdims=0)"), node("c = GreaterOrEqual(m, half)")];
        let nodes = nodes.into_iter().map(Result::unwrap).chain([control("y = If(c)", &branches)]);
        results(nodes.collect(), &["y"], x).map(|results| results["y"].clone())
    };
    assert_eq!(chosen("e = Neg(x)", "f32[2] = 0.5 -1"), tensor("f32[2] = 1 -2"));
    assert_eq!(chosen("e = Neg(x)", "f32[2] = 0.25 -1"), tensor("f32[2] = -0.25 1"));
    let error = chosen("e = ReduceSum(x)", "f32[2] = 1 1").unwrap_err();
    assert!(error.is_unsupported(), "{error}");
    assert!(error.to_string().contains("they give f32[2] and f32[1]"), "{error}");
}

#[test]
fn a_loop_of_no_turn_hands_on_what_it_is_given() {
    let body: Body = (
        "body",
        &["i", "go", "sum"],
        &["on = Identity(go)", "next = Add(sum, x)", "row = Neg(next)"],
        &["on", "next", "row"],
    );
    let looped = control("last, rows = Loop(none, yes, x)", &[body]);
    let found = results(vec![looped], &["last", "rows"], "f32[2] = 1 2").unwrap();
    assert_eq!(found["last"], tensor("f32[2] = 1 2").unwrap());
    assert_eq!(found["rows"], tensor("f32[0,2] =").unwrap());
}

/// `y = Reshape(x, n * one) + float(n)`.
fn deciding_model(n: DataType, lines: &[&str]) -> Model {
    let inputs = [("x", DataType::F32), ("n", n)];
    let input =
        |(name, data_type): (&str, DataType)| Input { name: name.into(), data_type, dimensions: None };
    let one = BTreeMap::from([("one".to_owned(), tensor("i64[] = 1").unwrap())]);
    Model::of(inputs.map(input).to_vec(), one, lines.iter().map(|line| node(line).unwrap()).collect(), &["y"])
}

#[test]
fn an_input_that_decides_a_shape_stays_one_for_all_that_computes_with_it() {
    let lines = ["m = Mul(n, one)", "r = Reshape(x, m)", "f = Cast(n, to=1)", "y = Add(r, f)"];
    let feed = |text| Feed::Value(tensor(text).unwrap());
    let feeds = BTreeMap::from([
        ("x".to_owned(), feed("f32[8] = 1 2 3 4 5 6 7 8")),
        ("n".to_owned(), feed("i64[2] = 4 2")),
    ]);
    let graph = specialise(&deciding_model(DataType::I64, &lines), &feeds).unwrap();
    assert_eq!(graph.check(), Ok(()));
    let text = graph.to_string();
    assert!(text.starts_with("x: f32[8]\nn: i64[2]\n"), "{text}");
    assert!(text.contains("r: f32[4, 2] = Reshape") && text.contains("y: f32[4, 2] = Add(r, f)"), "{text}");
    assert_eq!((graph.nodes.len(), graph.deciding.as_slice()), (3, &["n".to_owned()][..]), "{text}");
}

#[test]
fn floats_that_are_computed_with_decide_nothing() {
    let feeds = BTreeMap::from([
        ("x".to_owned(), Feed::Type(tensor_type("f32[8]").unwrap())),
        ("n".to_owned(), Feed::Value(tensor("f32[1,2] = 4 2").unwrap())),
    ]);
    let model = deciding_model(DataType::F32, &["m = Cast(n, to=7)", "y = Reshape(x, m)"]);
    let error = specialise(&model, &feeds).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("give the elements of \"n\""), "{error}");
}
