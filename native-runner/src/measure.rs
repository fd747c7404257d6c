//! Measures an engine: does what the course of a measurement says is next. The same for every native engine.

use std::collections::BTreeMap;

use graph::Tensor;
use graph::pipeline::{self, Run};
use protocol::{Activity, Inference, InferenceReport, Step};

use crate::course::{Course, begin};
use crate::engines::{Chosen, Prepare, Ready};
use crate::error::RunnerError;
use crate::model::{Loaded, refused};

/// Does what an [`Inference`] asks for.
///
/// # Errors
/// Everything that keeps the model from running; a wrong output is no error but a check in the report.
pub fn run(chosen: &Chosen, inference: &Inference) -> Result<InferenceReport, RunnerError> {
    let Chosen { entry, device, .. } = *chosen;
    let mut course = begin(inference.sampling);
    let loaded = Loaded::read(inference)?;
    let (planned, mut prepared) = match entry.prepare {
        Prepare::Graphs(prepare) => {
            course.turn_to(Activity::Plan);
            let pipeline = loaded.pipeline()?;
            (Some(pipeline.planned()), prepare(&loaded, &pipeline, chosen, &mut course)?)
        }
        Prepare::Files { prepare, .. } => {
            let prepared = prepare(&loaded, device, &mut course);
            (None, prepared.map_err(|error| loaded.fault_or(error))?)
        }
    };
    let ends = sample(prepared.model.as_mut(), &loaded, &mut course)?;
    Ok(InferenceReport {
        engine: entry.engine,
        device: Some(device),
        adapter: prepared.adapter,
        checks: pipeline::checks(loaded.manifest.scale(), &loaded.expected, &ends),
        metrics: course.finish(),
        features: prepared.features,
        planned,
        notes: Vec::new(),
        placement: None,
    })
}

type Outputs = BTreeMap<String, Tensor>;

/// Everything up to the report; gives the outputs of the first and the last inference.
fn sample(model: &mut dyn Ready, loaded: &Loaded, course: &mut Course) -> Result<Vec<Outputs>, RunnerError> {
    let mut ends = Vec::new();
    loop {
        match course.next_step() {
            Step::Infer => {
                ends.truncate(1);
                ends.push(infer(model, loaded, course)?);
            }
            Step::ReadBack => course.read_back(model.readback_ms()?),
            Step::Report => return Ok(ends),
        }
    }
}

/// One inference from inputs in host memory to outputs in host memory.
///
/// # Errors
/// Whatever the engine reports, and a decoder that gives no token.
pub fn infer(model: &mut dyn Ready, loaded: &Loaded, course: &mut Course) -> Result<Outputs, RunnerError> {
    let mut run = Run::new(loaded.decoding, &loaded.inputs);
    course.begin_inference();
    while let Some(program) = run.program() {
        let inferred = model.run(program, run.feeds())?;
        course.end_program(inferred.gpu_ms);
        run.take(inferred.outputs).map_err(|source| refused(&loaded.manifest.name, source))?;
    }
    course.end_inference(loaded.decoding.map(|decoding| decoding.tokens));
    Ok(run.finish())
}
