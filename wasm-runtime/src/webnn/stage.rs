//! A part of a program on one engine: on the context, or where the context cannot go on.

use std::collections::BTreeMap;
use std::rc::Rc;

use futures_util::future::try_join_all;
use graph::pipeline::{Pipeline, Program};
use graph::{Data, Graph, Tensor, TensorType};
use js_sys::{ArrayBuffer, Uint8Array};
use protocol::{Activity, Engine};
use wasm_bindgen::JsCast;

use super::Rest;
use super::api::MlTensor;
use super::context::Context;
use super::program::{Built, Held, Source, tensor};
use crate::browser::object;
use crate::device::Device;
use crate::engine::Ready;
use crate::error::RuntimeError;
use crate::executor::Executor;
use crate::setting::Setting;
use crate::timing::Course;
use crate::wasm::{self, BurnInterpreter};
use crate::webgpu;

/// Tensors by name.
pub type Tensors = BTreeMap<String, Tensor>;

/// A part that is ready.
pub enum Stage {
    /// On the context.
    Own(Ports),
    /// On the browser's WebGPU.
    Webgpu(Box<Executor>),
    /// On the processor.
    Wasm(BurnInterpreter),
}

/// The WebGPU device that all parts of a model share which run elsewhere, opened when it is first wanted.
pub struct Other {
    setting: Setting,
    opened: Option<Option<Rc<Device>>>,
}

impl Other {
    /// None is open yet.
    pub fn new(rest: Rest<'_>) -> Other {
        let setting = match rest {
            Rest::Refused => Setting::default(),
            Rest::Elsewhere(setting) => setting.clone(),
        };
        Other { setting, opened: None }
    }

    /// The device, where there is one.
    async fn device(&mut self) -> Result<Option<Rc<Device>>, RuntimeError> {
        if let Some(opened) = &self.opened {
            return Ok(opened.clone());
        }
        let opened = match Device::open(self.setting.clone()).await {
            Ok(device) => Some(Rc::new(device)),
            Err(RuntimeError::NoWebgpu | RuntimeError::NoAdapter | RuntimeError::AdapterRefused { .. }) => {
                None
            }
            Err(error) => return Err(error),
        };
        self.opened = Some(opened.clone());
        Ok(opened)
    }
}

/// A graph on the context and where its values lie.
pub struct Ports {
    built: Built,
    inputs: Vec<(String, Location)>,
    outputs: Vec<(String, Location)>,
}

/// The location of a value: in a tensor of its own, or in a state.
enum Location {
    Own(Held),
    State(String),
}

/// A tensor that outlives a run. A graph must not write what it reads, so that there are two of each, in turns.
pub struct State {
    now: Held,
    next: Held,
}

/// The tensors that outlive runs, by name.
pub type States = BTreeMap<String, State>;

impl Stage {
    /// A part on the next engine that is there: WebGPU, then the processor.
    ///
    /// # Errors
    /// Whatever the last of them lacks.
    pub async fn fallback(
        source: &Source<'_>,
        graph: &Graph,
        other: &mut Other,
        course: &mut Course,
    ) -> Result<Stage, RuntimeError> {
        let Source { model, folder } = *source;
        let program = Program { name: "part".to_owned(), graph: graph.clone(), states: BTreeMap::new() };
        let pipeline = Pipeline { programs: vec![program], decoding: None };
        course.turn_to(Activity::Open);
        if let Some(device) = other.device().await? {
            match webgpu::prepare_on(device, model, &pipeline, folder, course).await {
                Ok(prepared) => return Ok(Stage::Webgpu(Box::new(prepared.model))),
                Err(RuntimeError::Plan { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        wasm::prepare(model, &pipeline, folder, course).await.map(|prepared| Stage::Wasm(prepared.model))
    }

    /// The engine that runs it.
    pub fn engine(&self) -> Engine {
        match self {
            Stage::Own(_) => Engine::Webnn,
            Stage::Webgpu(_) => Engine::Webgpu,
            Stage::Wasm(_) => Engine::Wasm,
        }
    }

    /// Runs it once on what is known so far; gives its outputs that are in no state.
    ///
    /// # Errors
    /// Whatever its engine reports.
    pub async fn run(
        &mut self,
        context: &Context,
        states: &mut States,
        known: &Tensors,
    ) -> Result<Tensors, RuntimeError> {
        match self {
            Stage::Own(ports) => context.told(ports.run(context, states, known)).await,
            Stage::Webgpu(executor) => Ok(executor.run(0, known).await?.outputs),
            Stage::Wasm(interpreter) => Ok(Ready::run(interpreter, 0, known).await?.outputs),
        }
    }
}

impl Ports {
    /// Makes the tensors of a graph; states that an earlier one has are shared.
    ///
    /// # Errors
    /// When the browser refuses a tensor, for want of memory above all.
    pub async fn open(
        context: &Context,
        built: Built,
        in_states: &BTreeMap<String, String>,
        states: &mut States,
    ) -> Result<Ports, RuntimeError> {
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        let plan = &built.plan;
        for (ports, places) in [(&plan.inputs, &mut inputs), (&plan.outputs, &mut outputs)] {
            for (name, id) in ports {
                let operand = plan.operand(*id);
                let place = match in_states.get(name) {
                    Some(state) => {
                        if !states.contains_key(state) {
                            let (now, next) =
                                (tensor(context, operand).await?, tensor(context, operand).await?);
                            states.insert(state.clone(), State { now, next });
                        }
                        Location::State(state.clone())
                    }
                    None => Location::Own(tensor(context, operand).await?),
                };
                places.push((name.clone(), place));
            }
        }
        Ok(Ports { built, inputs, outputs })
    }

    async fn run(
        &self,
        context: &Context,
        states: &mut States,
        known: &Tensors,
    ) -> Result<Tensors, RuntimeError> {
        for (name, place) in &self.inputs {
            let Location::Own(tensor) = place else { continue };
            let doing = || format!("writing input \"{name}\"");
            let value = known.get(name).ok_or_else(|| RuntimeError::Browser {
                doing: doing(),
                message: "nothing was given for it".to_owned(),
            })?;
            let bytes = Uint8Array::from(&value.to_le_bytes()[..]);
            let written = context.ml.write_tensor(&tensor.0, &bytes);
            written.map_err(|e| context.failure(&doing(), &e))?;
        }
        let lies = |place: &Location, next: bool| match place {
            Location::Own(tensor) => tensor.0.clone(),
            Location::State(state) if next => states[state].next.0.clone(),
            Location::State(state) => states[state].now.0.clone(),
        };
        let fed = object(self.inputs.iter().map(|(name, place)| (name, lies(place, false).into())));
        let made = object(self.outputs.iter().map(|(name, place)| (name, lies(place, true).into())));
        let dispatched = context.ml.dispatch(&self.built.ml, &fed, &made);
        dispatched.map_err(|e| context.failure("running the graph", &e))?;
        for (_, place) in &self.outputs {
            if let Location::State(state) = place
                && let Some(state) = states.get_mut(state)
            {
                std::mem::swap(&mut state.now, &mut state.next);
            }
        }
        let types = &self.built.output_types;
        let own = self.outputs.iter().filter_map(|(name, place)| match place {
            Location::Own(tensor) => Some((name, tensor)),
            Location::State(_) => None,
        });
        let read = own.map(async |(name, tensor)| {
            Ok::<_, RuntimeError>((name.clone(), read(context, &tensor.0, &types[name]).await?))
        });
        let read = try_join_all(read).await?;
        // The browser's graph has none of those without elements.
        let empty = types.iter().filter(|(_, tensor_type)| tensor_type.element_count() == 0);
        let empty = empty.map(|(name, tensor_type)| (name.clone(), Tensor::zeros(tensor_type)));
        Ok(read.into_iter().chain(empty).collect())
    }
}

async fn read(
    context: &Context,
    tensor: &MlTensor,
    tensor_type: &TensorType,
) -> Result<Tensor, RuntimeError> {
    const DOING: &str = "reading the outputs";
    let read = context.wait(DOING, context.ml.read_tensor(tensor)).await?;
    let bytes = Uint8Array::new(read.unchecked_ref::<ArrayBuffer>()).to_vec();
    let data = Data::from_le_bytes(tensor_type.data_type, &bytes);
    let whole = Tensor::new(tensor_type.shape.clone(), data);
    whole.map_err(|e| RuntimeError::Browser { doing: DOING.to_owned(), message: e.to_string() })
}
