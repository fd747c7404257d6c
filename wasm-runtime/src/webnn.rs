//! The engine webnn: the static graphs as MLGraphs, run on tensors that stay on the context.

mod api;
mod context;
mod program;

use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::try_join_all;
use graph::pipeline::Pipeline;
use graph::{Data, Tensor, TensorType};
use js_sys::{ArrayBuffer, Uint8Array};
use protocol::{Device, Metric};
use wasm_bindgen::JsCast;

use self::api::MlTensor;
pub use self::context::{Context, DEVICES};
use self::program::{Built, Source, build, named, tensor};
use crate::engine::{Inferred, Prepared, Ready};
use crate::error::RuntimeError;
use crate::files::Folder;

/// A model's programs on a context, and the tensors they are run on.
pub(crate) struct Executor {
    context: Rc<Context>,
    programs: Vec<Ports>,
    states: BTreeMap<String, State>,
}

/// A program and where its values lie.
struct Ports {
    built: Built,
    inputs: Vec<(String, Place)>,
    outputs: Vec<(String, Place)>,
}

/// Where a value lies: in a tensor of its own, or in a state.
enum Place {
    Own(MlTensor),
    State(String),
}

/// What outlives a run. A graph must not write what it reads, so that there are two of each, in turns.
struct State {
    now: MlTensor,
    next: MlTensor,
}

/// Builds a model's programs on a context that is open.
///
/// # Errors
/// A node that the context cannot run, and what the browser refuses.
pub(crate) async fn prepare_on(
    context: Rc<Context>,
    model: &str,
    pipeline: &Pipeline,
    folder: &Folder,
) -> Result<Prepared<Executor>, RuntimeError> {
    let start = context.clock.now_ms();
    let source = Source { model, folder };
    let mut executor = Executor { context: Rc::clone(&context), programs: Vec::new(), states: BTreeMap::new() };
    let (mut nodes, mut calls) = (Vec::new(), Vec::new());
    for program in &pipeline.programs {
        let plan = webnn::lower(&program.graph, &context.limits)
            .map_err(|source| RuntimeError::Webnn { model: model.to_owned(), source })?;
        nodes.push(program.graph.nodes.len().to_string());
        calls.push(plan.calls.len().to_string());
        let built = build(&context, &program.graph, plan, &source).await?;
        let ports = executor.ports(built, &program.states).await?;
        executor.programs.push(ports);
    }
    let measured = vec![(Metric::CompileMs, context.clock.now_ms() - start)];
    let features =
        BTreeMap::from([("nodes".to_owned(), nodes.join("+")), ("webnn_calls".to_owned(), calls.join("+"))]);
    Ok(Prepared { adapter: context.adapter(), model: executor, measured, features })
}

/// The same on a context of its own.
///
/// # Errors
/// Those of [`prepare_on`], no WebNN, a context that cannot be had.
pub(crate) async fn prepare(
    device: Device,
    model: &str,
    pipeline: &Pipeline,
    folder: &Folder,
) -> Result<Prepared<Executor>, RuntimeError> {
    prepare_on(Rc::new(Context::open(device).await?), model, pipeline, folder).await
}

impl Executor {
    /// Makes the tensors of a program; states that an earlier one has are shared.
    async fn ports(&mut self, built: Built, states: &BTreeMap<String, String>) -> Result<Ports, RuntimeError> {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        let plan = &built.plan;
        let both = [(&plan.inputs, &mut inputs), (&plan.outputs, &mut outputs)];
        for (ports, places) in both {
            for (name, id) in ports {
                let operand = plan.operand(*id);
                let place = match states.get(name) {
                    Some(state) => {
                        if !self.states.contains_key(state) {
                            let [now, next] =
                                [tensor(&self.context, operand).await?, tensor(&self.context, operand).await?];
                            self.states.insert(state.clone(), State { now, next });
                        }
                        Place::State(state.clone())
                    }
                    None => Place::Own(tensor(&self.context, operand).await?),
                };
                places.push((name.clone(), place));
            }
        }
        Ok(Ports { built, inputs, outputs })
    }

    async fn read(&self, place: &Place, tensor_type: &TensorType) -> Result<Option<Tensor>, RuntimeError> {
        const DOING: &str = "reading the outputs";
        let Place::Own(tensor) = place else { return Ok(None) };
        let read = self.context.wait(DOING, self.context.ml.read_tensor(tensor)).await?;
        let bytes = Uint8Array::new(read.unchecked_ref::<ArrayBuffer>()).to_vec();
        let data = Data::from_le_bytes(tensor_type.data_type, &bytes);
        let whole = Tensor::new(tensor_type.shape.clone(), data);
        whole.map(Some).map_err(|e| RuntimeError::Browser { doing: DOING.to_owned(), message: e.to_string() })
    }
}

impl Ready for Executor {
    async fn run(
        &mut self,
        program: usize,
        inputs: &BTreeMap<String, Tensor>,
    ) -> Result<Inferred, RuntimeError> {
        let Executor { context, programs, states } = self;
        let ports = &programs[program];
        for (name, place) in &ports.inputs {
            if let (Place::Own(tensor), Some(value)) = (place, inputs.get(name)) {
                let bytes = Uint8Array::from(&value.to_le_bytes()[..]);
                let written = context.ml.write_tensor(tensor, &bytes);
                written.map_err(|e| context.failure(&format!("writing input \"{name}\""), &e))?;
            }
        }
        let lies = |place: &Place, next: bool| match place {
            Place::Own(tensor) => tensor.clone(),
            Place::State(state) if next => states[state].next.clone(),
            Place::State(state) => states[state].now.clone(),
        };
        let fed = named(ports.inputs.iter().map(|(name, place)| (name, lies(place, false))));
        let made = named(ports.outputs.iter().map(|(name, place)| (name, lies(place, true))));
        let dispatched = context.ml.dispatch(&ports.built.ml, &fed, &made);
        dispatched.map_err(|e| context.failure("running the graph", &e))?;
        for (_, place) in &ports.outputs {
            if let Place::State(state) = place
                && let Some(state) = states.get_mut(state)
            {
                std::mem::swap(&mut state.now, &mut state.next);
            }
        }
        let ports = &self.programs[program];
        let types = &ports.built.output_types;
        let read = ports.outputs.iter().map(async |(name, place)| {
            let tensor = self.read(place, &types[name]).await?;
            Ok::<_, RuntimeError>(tensor.map(|tensor| (name.clone(), tensor)))
        });
        let outputs = try_join_all(read).await?.into_iter().flatten().collect();
        Ok(Inferred { outputs, gpu_ms: None, dispatches_ms: Vec::new() })
    }
}
