//! A decoder small enough to compute by hand, and every way to wire it wrongly.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Component, Generation, Manifest};

use super::*;
use crate::onnx::{Dimension, Input, Model};
use crate::tensor::{DataType, Tensor, TensorType};
use crate::{interpret, text};

type Tensors = BTreeMap<String, Tensor>;

fn input(name: &str, data_type: DataType, dimensions: &[Option<usize>]) -> Input {
    let dimension = |extent: &Option<usize>| extent.map_or(Dimension::Any, Dimension::Fixed);
    let dimensions = Some(dimensions.iter().map(dimension).collect());
    Input { name: name.to_owned(), data_type, dimensions }
}

fn model(inputs: Vec<Input>, lines: &[&str], outputs: &[&str]) -> Model {
    let table = Tensor::new([4, 1], vec![0f32, 1.0, 2.0, 3.0]).unwrap();
    let constants = BTreeMap::from([
        ("table".to_owned(), table),
        ("wrap".to_owned(), Tensor::new([1, 4], vec![0f32, 1.0, 0.5, -1.0]).unwrap()),
        ("axes".to_owned(), Tensor::vector(vec![1i64])),
    ]);
    Model::of(inputs, constants, lines.iter().map(|line| text::node(line).unwrap()).collect(), outputs)
}

/// Turns ids into numbers.
fn embed() -> Model {
    model(vec![input("ids", DataType::I64, &[None, None])], &["e = Gather(table, ids)"], &["e"])
}

/// Remembers all numbers; the logits prefer token 1 while their sum is above 0, and token 3 below.
fn decoder() -> Model {
    let inputs = vec![
        input("e", DataType::F32, &[None, None, Some(1)]),
        input("past", DataType::F32, &[Some(1), None, Some(1)]),
    ];
    let lines = [
        "present = Concat(past, e, axis=1)",
        "total = ReduceSum(present, axes)",
        "logits = MatMul(total, wrap)",
    ];
    model(inputs, &lines, &["logits", "present"])
}

fn manifest() -> Manifest {
    let component =
        |name: &str| Component { name: name.to_owned(), file: String::new(), from: BTreeMap::new() };
    let text = str::to_owned;
    Manifest {
        name: text("toy"),
        family: text("toy"),
        modality: text("text"),
        source: text("by hand"),
        reference: None,
        precision: protocol::Precision::default(),
        batch: None,
        tolerance_scale: 1.0,
        notes: Vec::new(),
        inputs: text("inputs"),
        expected: text("expected"),
        components: vec![component("embed"), component("decoder")],
        generation: Some(Generation {
            prompt: text("prompt"),
            tokens: 3,
            prefill: text("decoder"),
            step: text("decoder"),
            token_input: None,
            logits: text("logits"),
            cache: BTreeMap::from([(text("past"), text("present"))]),
            constant: BTreeMap::new(),
            embed: Some(protocol::Embed {
                component: text("embed"),
                input: text("ids"),
                output: text("e"),
                feeds: text("e"),
            }),
            image: None,
        }),
        tolerances: BTreeMap::new(),
    }
}

fn models() -> BTreeMap<String, Model> {
    BTreeMap::from([("embed".to_owned(), embed()), ("decoder".to_owned(), decoder())])
}

fn prompt() -> Tensors {
    BTreeMap::from([("prompt".to_owned(), Tensor::new([1, 2], vec![2i64, 3]).unwrap())])
}

fn wanted() -> BTreeSet<String> {
    BTreeSet::from(["logits".to_owned()])
}

/// The outputs of a program; its states stay.
fn run(program: &Program, feeds: &Tensors, states: &mut Tensors) -> Tensors {
    let feed = |id: &ValueId| {
        let value = &program.graph.values[id.0];
        let state = program.states.get(&value.name).map(|state| states.get(state).cloned());
        let tensor = state.unwrap_or_else(|| feeds.get(&value.name).cloned());
        (value.name.clone(), tensor.unwrap_or_else(|| Tensor::zeros(&value.tensor_type)))
    };
    let mut outputs = interpret(&program.graph, &program.graph.inputs.iter().map(feed).collect()).unwrap();
    for (port, state) in &program.states {
        outputs.remove(port).map(|tensor| states.insert(state.clone(), tensor));
    }
    outputs
}

/// The prompt is 2 + 3; every sum is above 0, so each next token is 1.
#[test]
fn graphs_and_files_decode_alike() {
    let (manifest, models) = (manifest(), models());
    let pipeline = compose(&manifest, &models, &prompt(), &wanted(), Rewriting::Full).unwrap();
    let (mut states, mut inference) = (Tensors::new(), Run::new(pipeline.decoding, &prompt()));
    while let Some(program) = inference.program() {
        inference.take(run(&pipeline.programs[program], inference.feeds(), &mut states)).unwrap();
    }
    let by_graphs = inference.finish();

    let mut calls = Calls::new(&manifest, &models, &prompt()).unwrap();
    let decoding = Decoding::of(&manifest, &prompt()).unwrap();
    assert_eq!(decoding, pipeline.decoding);
    let mut inference = Run::new(decoding, &prompt());
    while let Some(program) = inference.program() {
        for component in calls.start(program, inference.feeds().get(TOKEN)).unwrap() {
            let feeds: Tensors = calls.feeds(&component).unwrap().into_iter().collect();
            let fed =
                |(name, tensor): (&String, &Tensor)| (name.clone(), specialise::Feed::Value(tensor.clone()));
            let fed = feeds.iter().map(fed).collect();
            let graph = specialise::specialise(&models[&component], &fed).unwrap();
            calls.keep(&component, interpret(&graph, &feeds).unwrap()).unwrap();
        }
        inference.take(calls.outputs().unwrap()).unwrap();
    }
    let by_files = inference.finish();

    for outputs in [by_graphs, by_files] {
        assert_eq!(outputs[TOKENS], Tensor::new([1, 3], vec![1i64, 1, 1]).unwrap());
        assert_eq!(outputs["logits"].to_f32_vec(), [0.0, 5.0, 2.5, -5.0]);
    }
    // What the step has seen: the prompt and the two tokens fed back, and room for one more.
    assert_eq!(states["past"].to_f32_vec(), [2.0, 3.0, 1.0, 1.0, 0.0]);
}

/// The one sequence is settled everywhere; lengths are where a component has only the prompt, or only a token.
#[test]
fn open_dimensions_are_settled_where_every_call_is_alike() {
    let symbols = |name: &str, symbols: &[&str]| {
        let symbol = |symbol: &&str| Dimension::Symbol((*symbol).to_owned());
        let dimensions = Some(symbols.iter().map(symbol).collect());
        Input { name: name.to_owned(), data_type: DataType::F32, dimensions }
    };
    let decoder = || {
        let inputs = vec![
            symbols("e", &["batch", "length", "width"]),
            symbols("attention_mask", &["batch", "total"]),
            symbols("past", &["batch", "before"]),
            // One that says otherwise, and one that varies elsewhere.
            symbols("sound", &["batch", "frames", "clash", "before"]),
            symbols("light", &["batch", "clash"]),
            symbols("wired", &["batch", "features"]),
        ];
        model(inputs, &[], &[])
    };
    let embed = model(vec![symbols("ids", &["rows", "columns"])], &[], &[]);
    let models = [("embed", embed), ("decoder", decoder()), ("step", decoder())];
    let models: BTreeMap<String, Model> = models.map(|(name, model)| (name.to_owned(), model)).into();
    let mut manifest = manifest();
    manifest.components[1].from = BTreeMap::from([("wired".to_owned(), "embed.e".to_owned())]);
    let step = Component { name: "step".to_owned(), ..manifest.components[1].clone() };
    manifest.components.push(step);
    let zeros = |name: &str, shape: &[usize]| {
        (name.to_owned(), Tensor::zeros(&TensorType::new(DataType::F32, shape)))
    };
    let given = [zeros("sound", &[1, 7, 4, 5]), zeros("light", &[1, 3])];
    let given: Tensors = prompt().into_iter().chain(given).collect();
    let check = |manifest: &Manifest, component: &str, expected: &[(&str, usize)]| {
        let settled = Calls::new(manifest, &models, &given).unwrap().settled(component);
        let settled: Vec<(&str, usize)> =
            settled.iter().map(|(name, &extent)| (name.as_str(), extent)).collect();
        assert_eq!(settled, expected, "{component}");
    };
    check(&manifest, "embed", &[("rows", 1)]);
    check(&manifest, "decoder", &[("batch", 1), ("frames", 7)]);
    generation(&mut manifest).step = "step".to_owned();
    check(&manifest, "decoder", &[("batch", 1), ("frames", 7), ("length", 2), ("total", 2)]);
    check(&manifest, "step", &[("batch", 1), ("frames", 7), ("length", 1)]);
}

#[test]
fn what_does_not_fit_is_refused_by_its_name() {
    type Change = fn(&mut Manifest, &mut Tensors);
    let cases: [(&str, Change, &str); 7] = [
        (
            "no such step",
            |m, _| generation(m).step = "stepp".into(),
            "no component \"stepp\", only decoder, embed",
        ),
        ("no such logits", |m, _| generation(m).logits = "scores".into(), "decoder has no output \"scores\""),
        ("no such present", |m, _| cache(m, "past", "gone"), "decoder has no output \"gone\""),
        ("no prompt", |_, tensors| tensors.clear(), "the prompt \"prompt\" is not among the inputs"),
        (
            "a prompt of numbers",
            |_, tensors| drop(tensors.insert("prompt".into(), Tensor::scalar(1f32))),
            "the prompt \"prompt\" is f32[], not i64[1, n]",
        ),
        (
            "what nothing takes",
            |_, tensors| drop(tensors.insert("mask".into(), Tensor::scalar(1f32))),
            "\"mask\"",
        ),
        (
            "no such wire",
            |m, _| drop(m.components[1].from.insert("past".into(), "embed.x".into())),
            "no component before gives \"embed.x\"",
        ),
    ];
    for (name, change, part) in cases {
        let (mut manifest, mut tensors) = (manifest(), prompt());
        change(&mut manifest, &mut tensors);
        if name == "no such wire" {
            manifest.generation = None;
            tensors = BTreeMap::from([("ids".to_owned(), tensors["prompt"].clone())]);
            manifest.components[1].from.insert("e".into(), "embed.e".into());
        }
        let composed = compose(&manifest, &models(), &tensors, &wanted(), Rewriting::Full);
        let error = composed.unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
}

fn generation(manifest: &mut Manifest) -> &mut Generation {
    manifest.generation.as_mut().unwrap()
}

fn cache(manifest: &mut Manifest, past: &str, present: &str) {
    generation(manifest).cache = BTreeMap::from([(past.to_owned(), present.to_owned())]);
}
