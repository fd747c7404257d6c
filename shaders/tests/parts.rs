//! Values too large for one binding are computed in parts, on the machine's Vulkan adapter, and come out the same.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeMap;

use graph::{cases, interpret, text};
use shaders::{DeviceProperties, Implementation, Limits, Tuning};
use support::{adapter, device, fed, plan};

const MOST_BYTES: u64 = 16 << 10;

/// Graphs with values of 64 KiB and more, where a binding has at most 16.
#[test]
fn parts_give_what_the_whole_gives() {
    let limits = Limits { max_storage_buffer_binding_size: MOST_BYTES, ..Limits::default() };
    let device = DeviceProperties { limits, ..device(Implementation::Native, true) };
    for (name, lines) in [
        (
            "element by element",
            "x: f32[128,256]\nb: f32[256]\na = Add(x, b)\nc = Exp(a)\ny = Mul(c, x)\nreturn y",
        ),
        ("behind axes of one", "x: f32[1,64,512]\ny = Sigmoid(x)\nreturn y"),
        ("a column for each row", "x: f32[128,256]\nb: f32[128,1]\ny = Add(x, b)\nreturn y"),
        ("rows of a product", "x: f32[256,64]\nw: f32[64,32]\ny = MatMul(x, w)\nreturn y"),
        ("a stack of products", "x: f32[16,32,64]\nw: f32[16,64,32]\ny = MatMul(x, w)\nreturn y"),
        ("rows that add up to one", "x: f32[128,256]\ny = Softmax(x, axis=1)\nreturn y"),
        (
            "rows that are normalised",
            "x: f32[128,256]\ns: f32[256]\nb: f32[256]\ny = LayerNormalization(x, s, b)\nreturn y",
        ),
        ("a sum for each row", "x: f32[128,256]\na: i64[1] = 1\ny = ReduceSum(x, a, keepdims=0)\nreturn y"),
        (
            "channels of a convolution",
            "x: f32[1,3,32,32]\nw: f32[16,3,3,3]\nb: f32[16]\ny = Conv(x, w, b, pads=[1,1,1,1])\nreturn y",
        ),
        (
            "images of a batch",
            "x: f32[16,3,32,32]\nw: f32[2,3,3,3]\ny = Conv(x, w, pads=[1,1,1,1])\nreturn y",
        ),
        (
            "windows of a batch",
            "x: f32[16,3,32,32]\ny = MaxPool(x, kernel_shape=[2,2], strides=[2,2])\nreturn y",
        ),
        (
            "another shape",
            "x: f32[128,256]\ns: i64[2] = 64 512\na = Neg(x)\nb = Reshape(a, s)\ny = Exp(b)\nreturn y",
        ),
        ("repeated", "x: f32[1,256]\ns: i64[2] = 128 256\na = Exp(x)\ny = Expand(a, s)\nreturn y"),
    ] {
        let graph = text::parse(lines).expect("reads");
        let plan = plan(name, &graph, &device, &Tuning::default());
        let bound = plan.programs[0].dispatches.iter().flat_map(|dispatch| &dispatch.bindings);
        let largest = bound.map(|region| region.size_bytes).max();
        assert!(largest.is_some_and(|bytes| bytes <= MOST_BYTES), "{name}: {largest:?}\n{plan}");
        let inputs = fed(&graph);
        let ready = adapter::device().prepare(&plan);
        ready.write(&inputs);
        ready.run();
        let expected = interpret(&graph, &inputs.into_iter().collect::<BTreeMap<_, _>>()).expect("computes");
        let fault = cases::fault(&ready.read()[0], &expected["y"]);
        assert_eq!(fault, None, "{name}\n{plan}");
    }
}

/// A value that cannot be split is named, with the limit.
#[test]
fn what_cannot_be_cut_is_refused() {
    let limits = Limits { max_storage_buffer_binding_size: MOST_BYTES, ..Limits::default() };
    let device = DeviceProperties { limits, ..device(Implementation::Native, true) };
    let graph = text::parse("x: f32[128,256]\ny = Transpose(x, perm=[1,0])\nreturn y").expect("reads");
    let error = shaders::plan(&graph, &device).expect_err("is refused");
    let named = "tensor \"x\" (f32[128, 256]) needs a maxStorageBufferBindingSize of 131072";
    assert!(error.is_unsupported() && error.to_string().contains(named), "{error}");
}
