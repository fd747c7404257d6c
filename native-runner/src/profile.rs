//! Runs a model with every dispatch timed apart.

use graph::pipeline::Run;
use protocol::profile::Times;
use protocol::{Inference, ProfileReport};

use crate::course::begin;
use crate::engines::{Chosen, Prepare};
use crate::error::RunnerError;
use crate::model::{Loaded, refused};

/// Does what [`protocol::Task::Profile`] asks for: one inference that is not counted, then as many as asked for.
///
/// # Errors
/// Everything that keeps the model from running, an engine or a device that cannot time dispatches.
pub fn run(chosen: &Chosen, inference: &Inference) -> Result<ProfileReport, RunnerError> {
    let Chosen { entry, device, .. } = *chosen;
    let (loaded, mut course) = (Loaded::read(inference)?, begin(inference.sampling));
    let mut prepared = match entry.prepare {
        Prepare::Graphs(prepare) => prepare(&loaded, &loaded.pipeline()?, chosen, &mut course)?,
        Prepare::Files { prepare, .. } => prepare(&loaded, device, &mut course)?,
    };
    let mut times = Times::new(prepared.model.time_apart()?);
    let inferences = inference.sampling.samples;
    for inference in 0..=inferences {
        let mut run = Run::new(loaded.decoding, &loaded.inputs);
        while let Some(program) = run.program() {
            let inferred = prepared.model.run(program, run.feeds())?;
            if inference > 0 {
                times.add(program, &inferred.dispatches_ms);
            }
            run.take(inferred.outputs).map_err(|source| refused(&loaded.manifest.name, source))?;
        }
    }
    let (engine, device) = (entry.engine, Some(device));
    Ok(ProfileReport { engine, device, adapter: prepared.adapter, inferences, dispatches: times.finish() })
}
