//! Models of several components, and models that generate, give what PyTorch gave, on the reference interpreter.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use graph::pipeline::{self, Pipeline, Program, Run};
use graph::{Constant, Rewriting, Tensor, interpret};
use support::{Fixture, fixtures};

type Tensors = BTreeMap<String, Tensor>;

/// Weights of as many bytes stay in their files until the components are put together.
const LARGE_BYTES: u64 = 1 << 16;

fn compose(fixture: &Fixture, rewriting: Rewriting) -> Result<Pipeline, String> {
    let models = fixture.models(LARGE_BYTES)?;
    let wanted: BTreeSet<String> = fixture.expected.keys().cloned().collect();
    let pipeline = pipeline::compose(&fixture.manifest, &models, &fixture.inputs, &wanted, rewriting);
    let mut pipeline = pipeline.map_err(|error| error.to_string())?;
    let mut files = fixture.files();
    for value in pipeline.programs.iter_mut().flat_map(|program| &mut program.graph.values) {
        if let Some(constant) = &mut value.constant {
            *constant = Constant::Here(constant.evaluate(&mut files).map_err(|error| error.to_string())?);
        }
    }
    Ok(pipeline)
}

/// Runs a program on what is given and what is in the states; leaves its states behind.
fn run(program: &Program, given: &Tensors, states: &mut Tensors) -> Result<Tensors, String> {
    program.graph.check().map_err(|error| format!("{}: {error}", program.name))?;
    let feed = |id: &graph::ValueId| {
        let value = &program.graph.values[id.0];
        let zeros = || Tensor::zeros(&value.tensor_type);
        let tensor = match program.states.get(&value.name) {
            Some(state) => states.get(state).cloned().unwrap_or_else(zeros),
            None => given.get(&value.name).cloned().unwrap_or_else(zeros),
        };
        (value.name.clone(), tensor)
    };
    let inputs: Tensors = program.graph.inputs.iter().map(feed).collect();
    let mut outputs =
        interpret(&program.graph, &inputs).map_err(|error| format!("{}: {error}", program.name))?;
    for (port, state) in &program.states {
        if let Some(tensor) = outputs.remove(port) {
            states.insert(state.clone(), tensor);
        }
    }
    Ok(outputs)
}

fn outputs(fixture: &Fixture, pipeline: &Pipeline) -> Result<Tensors, String> {
    let mut states = Tensors::new();
    let mut inference = Run::new(pipeline.decoding, &fixture.inputs);
    while let Some(program) = inference.program() {
        let outputs = run(&pipeline.programs[program], inference.feeds(), &mut states)?;
        inference.take(outputs).map_err(|error| error.to_string())?;
    }
    Ok(inference.finish())
}

fn fault(fixture: &Fixture, rewriting: Rewriting) -> Option<String> {
    let name = &fixture.manifest.name;
    let computed =
        compose(fixture, rewriting).and_then(|pipeline| Ok((outputs(fixture, &pipeline)?, pipeline)));
    let (outputs, pipeline) = match computed {
        Ok(computed) => computed,
        Err(error) => return Some(format!("{name}: {error}")),
    };
    let tolerance = fixture.manifest.tolerances[&fixture.manifest.precision];
    let wrong = fixture.expected.iter().find_map(|(output, expected)| {
        let Some(given) = outputs.get(output) else { return Some(format!("no output {output}")) };
        let (given, wanted) = (given.to_f32_vec(), expected.to_f32_vec());
        let worst = given.iter().zip(&wanted).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max);
        (given.len() != wanted.len() || worst.is_nan() || worst > tolerance)
            .then(|| format!("{output} is {worst} away; {given:?} instead of {wanted:?}"))
    });
    let nodes = pipeline.programs.iter().map(|program| program.graph.nodes.len().to_string());
    println!("{name}: {} nodes", nodes.collect::<Vec<_>>().join(" + "));
    wrong.map(|wrong| format!("{name}: {}", wrong.chars().take(300).collect::<String>()))
}

#[test]
fn every_fixture_gives_what_pytorch_gave() {
    let fixtures = fixtures(u64::MAX);
    let faults: Vec<String> = fixtures.iter().filter_map(|fixture| fault(fixture, Rewriting::Full)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Of the fixtures whose weights are computed, only those of fewer bytes are run once more.
const MOST_COMPUTED_BYTES: u64 = 1 << 20;

#[test]
fn without_fusion_the_same_comes_of_more_nodes() {
    let fixtures = fixtures(MOST_COMPUTED_BYTES);
    let faults: Vec<String> =
        fixtures.iter().filter_map(|fixture| fault(fixture, Rewriting::Unfused)).collect();
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    for fixture in &fixtures {
        let nodes = |rewriting| -> Vec<usize> {
            let programs = compose(fixture, rewriting).expect("is composed").programs;
            programs.iter().map(|program| program.graph.nodes.len()).collect()
        };
        let [full, unfused, least] = [Rewriting::Full, Rewriting::Unfused, Rewriting::Least].map(nodes);
        let name = &fixture.manifest.name;
        assert!(full < unfused && unfused < least, "{name}: {full:?}, {unfused:?}, {least:?} nodes");
    }
}
