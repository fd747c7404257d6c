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
        sampled: course.window(),
        metrics: course.finish(),
        features: prepared.features.into_iter().chain(loaded.features.told(entry.engine)).collect(),
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use protocol::Sampling;

    use super::*;

    /// A fixture on our kernels, so many optimisations off.
    fn measured(model: &str, features: &str) -> InferenceReport {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models").join(model);
        let manifest = std::fs::read_to_string(folder.join("model.toml")).unwrap();
        let inference = Inference {
            location: folder.to_string_lossy().into_owned(),
            manifest: toml::from_str(&manifest).unwrap(),
            sampling: Sampling { samples: 1, ..Sampling::default() },
            strict: true,
            features: features.parse().unwrap(),
            tuning: None,
        };
        run(&Chosen::vulkan(), &inference).map_err(|error| format!("{model} {features}: {error}")).unwrap()
    }

    fn dispatches(report: &InferenceReport) -> usize {
        report.features["dispatches"].split('+').map(|count| count.parse::<usize>().unwrap()).sum()
    }

    #[test]
    fn every_optimisation_can_be_turned_off_and_no_output_changes() {
        for model in ["bert-tiny", "whisper-tiny"] {
            let all = measured(model, "");
            assert_eq!(all.features.get("turned_off"), None);
            for (features, told) in [
                ("-tuned", Some("-tuned")),
                ("-fusion", Some("-fusion")),
                ("-f16", Some("-f16")),
                ("-tuned,-fusion", Some("-tuned,-fusion")),
                ("-kick", None),
            ] {
                let report = measured(model, features);
                let off = report.features.get("turned_off").map(String::as_str);
                assert_eq!(off, told, "{model} {features}");
                for check in &report.checks {
                    assert!(
                        check.fault.is_none() && check.scaled_error < 1e-4,
                        "{model} {features}: {check:?}"
                    );
                }
                let more = dispatches(&report) > dispatches(&all);
                assert_eq!(more, features.contains("fusion"), "{model} {features}: more dispatches");
                let tuned = report.features["tuning"] != all.features["tuning"];
                assert!(tuned || !features.contains("tuned"), "{model} {features}: the table was used");
            }
        }
    }
}
