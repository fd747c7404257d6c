//! Residuals are added by the product's own dispatch, on the machine's Vulkan adapter, and come out the same.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeMap;

use graph::{cases, interpret, text};
use shaders::{Implementation, Tuning};
use support::{adapter, device, fed, plan, tunings};

/// Plans and runs it; so many dispatches, and the interpreter's results.
fn check(name: &str, lines: &str, dispatches: usize, software: bool, tuning: &Tuning) {
    let graph = graph::optimise(text::parse(lines).expect("reads"));
    let plan = plan(name, &graph, &device(Implementation::Native, software), tuning);
    assert_eq!(plan.programs[0].dispatches.len(), dispatches, "{name}\n{plan}");
    let inputs = fed(&graph);
    let ready = adapter::device().prepare(&plan);
    ready.write(&inputs);
    ready.run();
    let expected = interpret(&graph, &inputs.into_iter().collect::<BTreeMap<_, _>>()).expect("computes");
    for (port, actual) in plan.programs[0].outputs.iter().zip(ready.read()) {
        let fault = cases::fault(&actual, &expected[&port.name]);
        assert_eq!(fault, None, "{name}: {}\n{plan}", port.name);
    }
}

#[test]
fn every_variant_adds_it() {
    for (name, a, b, y) in [
        ("one row", "1,1,48", "48,48", "1,1,48"),
        ("a few rows", "3,20", "20,24", "3,24"),
        ("more rows", "17,12", "12,20", "17,20"),
        ("a batch", "2,3,5,8", "2,3,8,4", "2,3,5,4"),
        ("crossed batches", "2,1,5,8", "3,8,4", "2,3,5,4"),
        ("a batch by one matrix", "2,3,5,8", "8,12", "2,3,5,12"),
        ("odd columns", "7,8", "8,5", "7,5"),
    ] {
        let lines =
            format!("a: f32[{a}]\nb: f32[{b}]\nr: f32[{y}]\np = MatMul(a, b)\ny = Add(r, p)\nreturn y");
        for tuning in tunings() {
            for software in [true, false] {
                check(name, &lines, 1, software, &tuning);
            }
        }
    }
}

#[test]
fn what_else_is_wanted_stays() {
    let head = "a: f32[3,8]\nb: f32[8,12]\nr: f32[3,12]\nv: f32[12]\nw: f32[12,12]\np = MatMul(a, b)\n";
    for (name, lines, dispatches) in [
        (
            "behind bias and activation",
            "c: f32[12] = 1 2 3 4 5 6 7 8 9 10 11 12\nq = Add(p, c)\ns = Relu(q)\ny = Add(s, r)\nreturn y",
            1,
        ),
        ("a product that is an output", "y = Add(p, r)\nreturn y, p", 2),
        ("a product that another reads", "y = Add(p, r)\nz = Exp(p)\nreturn y, z", 3),
        ("a product with itself", "y = Add(p, p)\nreturn y", 2),
        ("one value for all rows", "y = Add(p, v)\nreturn y", 2),
        ("one of two products", "q = MatMul(a, b)\ns = Exp(q)\nt = MatMul(s, w)\ny = Add(t, p)\nreturn y", 3),
        ("computed after the product", "s = Exp(r)\ny = Add(p, s)\nreturn y", 2),
        ("twice", "s = Add(p, r)\nq = MatMul(s, w)\ny = Add(q, s)\nreturn y", 2),
    ] {
        check(name, &format!("{head}{lines}"), dispatches, true, &Tuning::default());
    }
}
