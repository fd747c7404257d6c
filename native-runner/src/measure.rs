//! Measures an engine: load, first inference, warm-up, samples, checks. The same for every native engine.

use std::collections::BTreeMap;
use std::time::Instant;

use graph::Tensor;
use graph::pipeline::{self, Run};
use protocol::{Inference, InferenceReport, Metric, Samples, Timing};

use crate::engines::{Chosen, Prepare, Prepared};
use crate::error::RunnerError;
use crate::model::Loaded;

type Measured = BTreeMap<Metric, Vec<f64>>;

/// Does what an [`Inference`] asks for.
///
/// # Errors
/// Everything that keeps the model from running; a wrong output is no error but a check in the report.
pub fn run(chosen: Chosen, inference: &Inference) -> Result<InferenceReport, RunnerError> {
    let Chosen { entry, device } = chosen;
    let start = Instant::now();
    let loaded = Loaded::read(inference)?;
    let (load_ms, planned, mut prepared) = match entry.prepare {
        Prepare::Graphs(prepare) => {
            let pipeline = loaded.pipeline()?;
            (elapsed_ms(start), Some(pipeline.planned()), prepare(&loaded, &pipeline, device)?)
        }
        Prepare::Files { prepare, .. } => {
            let load_ms = elapsed_ms(start);
            (load_ms, None, prepare(&loaded, device).map_err(|error| loaded.fault_or(error))?)
        }
    };
    let mut measured = Measured::from([(Metric::LoadMs, vec![load_ms])]);
    for (metric, value) in &prepared.measured {
        measured.entry(*metric).or_default().push(*value);
    }
    let ends = sample(inference, &mut prepared, &loaded, &mut measured)?;
    Ok(InferenceReport {
        engine: entry.engine,
        device: Some(device),
        adapter: prepared.adapter,
        checks: pipeline::checks(loaded.manifest.scale(), &loaded.expected, &ends),
        metrics: measured.into_iter().map(|(metric, values)| Samples { metric, values }).collect(),
        features: prepared.features,
        planned,
        notes: Vec::new(),
        placement: None,
    })
}

/// Milliseconds since `start`.
pub fn elapsed_ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

type Outputs = BTreeMap<String, Tensor>;

/// The first inference, warm-up and samples; gives the outputs of the first and the last inference.
fn sample(
    inference: &Inference,
    prepared: &mut Prepared,
    loaded: &Loaded,
    measured: &mut Measured,
) -> Result<[Outputs; 2], RunnerError> {
    let (first, timing) = timed(prepared, loaded)?;
    measured.insert(Metric::FirstInferenceMs, vec![timing.latency_ms]);
    let mut last = first.clone();
    let mut warm_up = Vec::new();
    while inference.sampling.still_warming_up(&warm_up) {
        warm_up.push(timed(prepared, loaded)?.1.latency_ms);
    }
    let tokens = loaded.decoding.map(|decoding| decoding.tokens);
    for _ in 0..inference.sampling.samples {
        let (outputs, timing) = timed(prepared, loaded)?;
        for (metric, value) in timing.metrics(tokens) {
            measured.entry(metric).or_default().push(value);
        }
        last = outputs;
    }
    Ok([first, last])
}

/// One inference from inputs in host memory to outputs in host memory.
fn timed(prepared: &mut Prepared, loaded: &Loaded) -> Result<(Outputs, Timing), RunnerError> {
    let mut run = Run::new(loaded.decoding, &loaded.inputs);
    let (mut first_program_ms, mut gpu_ms) = (None, None);
    let start = Instant::now();
    while let Some(program) = run.program() {
        let inferred = prepared.model.run(program, run.feeds())?;
        first_program_ms.get_or_insert_with(|| elapsed_ms(start));
        gpu_ms = inferred.gpu_ms.map(|own| own + gpu_ms.unwrap_or(0.0));
        run.take(inferred.outputs).map_err(|source| RunnerError::Graph {
            model: loaded.manifest.name.clone(),
            source: Box::new(source),
        })?;
    }
    let latency_ms = elapsed_ms(start);
    let first_program_ms = first_program_ms.unwrap_or(latency_ms);
    Ok((run.finish(), Timing { latency_ms, first_program_ms, gpu_ms }))
}
