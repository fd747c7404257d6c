//! The fixture models, planned and run on the machine's Vulkan adapter, give PyTorch's outputs.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use graph::onnx::Model;
use graph::{Data, Graph, Tensor};
use shaders::{Implementation, Port, Tuning};
use support::{adapter, device, devices, plan};

const TOLERANCE: f32 = 1e-4;

fn folder(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models").join(model)
}

fn tensors(path: PathBuf) -> BTreeMap<String, Tensor> {
    let bytes = fs::read(&path).map_err(|e| format!("{}: {e}", path.display())).expect("can be read");
    graph::tensor_file::read(&bytes).expect("is a safetensors file")
}

fn load(model: &str) -> (Graph, BTreeMap<String, Tensor>) {
    let inputs = tensors(folder(model).join("inputs.safetensors"));
    let onnx = fs::read(folder(model).join("model.onnx")).expect("the model can be read");
    let onnx = Model::parse(&onnx).expect("the model is ONNX");
    let feeds =
        inputs.iter().map(|(name, tensor)| (name.clone(), graph::Feed::Value(tensor.clone()))).collect();
    let graph =
        graph::specialise(&onnx, &feeds).map_err(|e| e.to_string()).expect("the model has static shapes");
    (graph::optimise(graph), inputs)
}

fn check(model: &str, software: bool) {
    let (graph, inputs) = load(model);
    let plan = plan(model, &graph, &device(Implementation::Native, software), &Tuning::default());
    println!("{plan}");
    let feed = |port: &Port| (port.name.clone(), inputs[&port.name].clone());
    let fed: Vec<_> = plan.programs[0].inputs.iter().map(feed).collect();
    let ready = adapter::device().prepare(&plan);
    let expected = tensors(folder(model).join("expected.safetensors"));
    // Twice: the second inference finds what the first left behind.
    for _ in 0..2 {
        ready.write(&fed);
        ready.run();
        for (port, actual) in plan.programs[0].outputs.iter().zip(ready.read()) {
            let wanted = &expected[&port.name];
            let (Data::F32(got), Data::F32(wanted)) = (&actual.data, &wanted.data) else {
                unreachable!("the fixtures' outputs are f32")
            };
            let error = got.iter().zip(wanted.iter()).map(|(a, e)| (a - e).abs()).fold(0.0, f32::max);
            let sound = got.iter().all(|x| x.is_finite()) && got.len() == wanted.len();
            assert!(sound && error <= TOLERANCE, "{model} {}: off by {error}", port.name);
            println!("{model} {} (software {software}): off by {error}", port.name);
        }
    }
}

#[test]
fn models_give_the_expected_outputs() {
    for model in ["bert-tiny", "vit-tiny"] {
        for software in [true, false] {
            check(model, software);
        }
    }
}

#[test]
fn models_are_planned_everywhere() {
    for model in ["bert-tiny", "vit-tiny"] {
        let (graph, _) = load(model);
        for device in devices() {
            let plan = plan(model, &graph, &device, &Tuning::default());
            let arenas = plan.buffers.iter().filter(|buffer| buffer.label.starts_with("arena")).count();
            assert!((2..=4).contains(&arenas), "{model}: {arenas} arenas");
        }
    }
}
