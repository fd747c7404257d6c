//! Measures an engine: load, first inference, warm-up, samples, checks. The same for every native engine.

use std::collections::BTreeMap;
use std::time::Instant;

use graph::Tensor;
use protocol::{Device, Engine, Inference, InferenceReport, Metric, OutputCheck, Samples};

use crate::engines::{self, Inferred, Prepared};
use crate::error::RunnerError;
use crate::model::{self, Loaded};

type Measured = BTreeMap<Metric, Vec<f64>>;

/// Does what an [`Inference`] asks for.
///
/// # Errors
/// Everything that keeps the model from running; a wrong output is no error but a check in the report.
pub fn run(
    engine: Engine,
    device: Option<Device>,
    inference: &Inference,
) -> Result<InferenceReport, RunnerError> {
    let (entry, found) = engines::find(engine, device)?;
    let start = Instant::now();
    let loaded = model::load(inference)?;
    let mut measured = Measured::from([(Metric::LoadMs, vec![elapsed_ms(start)])]);

    let mut prepared = (entry.prepare)(&loaded, found)?;
    for (metric, value) in &prepared.measured {
        measured.entry(*metric).or_default().push(*value);
    }
    let ends = sample(inference, &mut prepared, &loaded, &mut measured)?;
    Ok(InferenceReport {
        engine,
        device,
        adapter: prepared.adapter,
        checks: loaded.expected.iter().map(|(name, expected)| check(name, expected, &ends)).collect(),
        metrics: measured.into_iter().map(|(metric, values)| Samples { metric, values }).collect(),
        features: prepared.features,
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
    let (first, first_ms) = timed(prepared, loaded)?;
    measured.insert(Metric::FirstInferenceMs, vec![first_ms]);
    let mut last = first.outputs.clone();
    let mut warm_up = Vec::new();
    while inference.sampling.still_warming_up(&warm_up) {
        warm_up.push(timed(prepared, loaded)?.1);
    }
    for _ in 0..inference.sampling.samples {
        let (inferred, latency_ms) = timed(prepared, loaded)?;
        measured.entry(Metric::LatencyMs).or_default().push(latency_ms);
        if let Some(gpu_ms) = inferred.gpu_ms {
            measured.entry(Metric::GpuMs).or_default().push(gpu_ms);
        }
        last = inferred.outputs;
    }
    Ok([first.outputs, last])
}

fn timed(prepared: &mut Prepared, loaded: &Loaded) -> Result<(Inferred, f64), RunnerError> {
    let start = Instant::now();
    let inferred = prepared.model.infer(&loaded.inputs)?;
    Ok((inferred, elapsed_ms(start)))
}

/// An expected output against the first and the last one computed: the worse of the two.
fn check(name: &str, expected: &Tensor, ends: &[Outputs; 2]) -> OutputCheck {
    let [first, last] = ends.each_ref().map(|outputs| match outputs.get(name) {
        Some(actual) => OutputCheck::compare(
            name,
            (&actual.shape, &actual.to_f32_vec()),
            (&expected.shape, &expected.to_f32_vec()),
        ),
        None => {
            let there = outputs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            OutputCheck::fault(name, format!("is no output of the model, which has {there}"))
        }
    });
    first.worse(last)
}
