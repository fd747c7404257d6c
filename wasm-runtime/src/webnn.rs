//! The engine webnn: the static graphs as MLGraphs, run on tensors that stay on the context. What the context cannot
//! run, the next engine runs, and the report says so.

mod api;
mod context;
mod probe;
mod program;
mod refused;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use graph::pipeline::{Pipeline, Program};
use graph::{Graph, NodeId, Tensor, ValueId};
use protocol::{Activity, Device, FallbackNode, Placement};

pub use self::context::{Context, DEVICES, json, options};
pub use self::probe::Seen;
use self::program::{Source, build_or_learn};
use self::stage::{Other, Ports, Stage, States, Tensors};
use crate::engine::{Inferred, Prepared, Ready};
use crate::error::RuntimeError;
use crate::files::Folder;
use crate::model::wrong;
use crate::setting::Setting;
use crate::timing::Course;

/// The fate of nodes that a context cannot run.
#[derive(Debug, Clone, Copy)]
pub enum Rest<'a> {
    /// They are refused, and the model with them.
    Refused,
    /// Another engine runs them, on a device opened for this.
    Elsewhere(&'a Setting),
}

/// A model on a context.
pub(crate) struct Executor {
    model: String,
    context: Rc<Context>,
    programs: Vec<Staged>,
    /// True if parts of it run on another engine.
    partitioned: bool,
    /// The tensors that outlive a run.
    states: States,
    /// The tensors that outlive a run of a partitioned model: they are handed from engine to engine.
    handed: Tensors,
    placement: Placement,
    own_ms: f64,
    all_ms: f64,
}

/// A program's stages in order.
struct Staged {
    stages: Vec<Stage>,
    graph: Graph,
    /// Values that lie in a state between the runs of a program that is partitioned.
    in_states: BTreeMap<String, String>,
}

/// Builds a model's programs on a context that is open.
///
/// # Errors
/// Nodes that neither the context nor another engine can run, and what the browser refuses.
pub(crate) async fn prepare_on(
    context: Rc<Context>,
    model: &str,
    pipeline: &Pipeline,
    folder: &Folder,
    rest: Rest<'_>,
    course: &mut Course,
) -> Result<Prepared<Executor>, RuntimeError> {
    let (source, known) = (Source { model, folder }, context.broken.borrow().len());
    let executor = loop {
        course.turn_to(Activity::Plan);
        let mut assembly = Assembly::new(model, Rc::clone(&context), pipeline);
        // Each time round the context is known to do less.
        if assembly.all(pipeline, &source, rest, course).await? {
            break assembly.executor;
        }
    };
    let nodes = pipeline.programs.iter().map(|program| program.graph.nodes.len().to_string());
    let mut features = BTreeMap::from([("nodes".to_owned(), nodes.collect::<Vec<_>>().join("+"))]);
    let broken = context.broken.borrow();
    let refused: Vec<String> =
        broken.iter().skip(known).map(|(kind, message)| format!("{kind}: {message}")).collect();
    if !refused.is_empty() {
        features.insert("claimed_but_refused".to_owned(), refused.join("; "));
    }
    drop(broken);
    Ok(Prepared { adapter: context.adapter(), model: executor, features })
}

/// Builds a model's programs on a context of its own.
///
/// # Errors
/// Those of [`prepare_on`], no WebNN, a context that cannot be had.
pub(crate) async fn prepare(
    device: Device,
    model: &str,
    pipeline: &Pipeline,
    folder: &Folder,
    rest: Rest<'_>,
    course: &mut Course,
) -> Result<Prepared<Executor>, RuntimeError> {
    course.turn_to(Activity::Open);
    prepare_on(Rc::new(Context::open(device).await?), model, pipeline, folder, rest, course).await
}

/// The calls that build a graph on a context.
///
/// # Errors
/// A node that the context cannot run.
pub fn lower(model: &str, graph: &Graph, context: &Context) -> Result<webnn::Plan, RuntimeError> {
    let plan = webnn::lower(graph, &context.limits.borrow());
    plan.map_err(|source| RuntimeError::Webnn { model: model.to_owned(), source: Box::new(source) })
}

/// An executor in the making.
struct Assembly {
    executor: Executor,
}

type Refusals = BTreeMap<NodeId, webnn::Error>;

impl Assembly {
    fn new(model: &str, context: Rc<Context>, pipeline: &Pipeline) -> Assembly {
        let limits = context.limits.borrow();
        let partitioned =
            pipeline.programs.iter().any(|program| !webnn::refusals(&program.graph, &limits).is_empty());
        drop(limits);
        let executor = Executor {
            model: model.to_owned(),
            context,
            programs: Vec::new(),
            partitioned,
            states: States::new(),
            handed: Tensors::new(),
            placement: Placement::default(),
            own_ms: 0.0,
            all_ms: 0.0,
        };
        Assembly { executor }
    }

    /// Returns whether every program could be built; where not, the context has been found to do less than it claims.
    async fn all(
        &mut self,
        pipeline: &Pipeline,
        source: &Source<'_>,
        rest: Rest<'_>,
        course: &mut Course,
    ) -> Result<bool, RuntimeError> {
        for program in &pipeline.programs {
            course.turn_to(Activity::Plan);
            let refusals = webnn::refusals(&program.graph, &self.executor.context.limits.borrow());
            if matches!(rest, Rest::Refused) || refusals.len() == program.graph.nodes.len() {
                refuse(source.model, program, &refusals)?;
            }
            let parts = webnn::partition(&program.graph, &refusals.keys().copied().collect());
            let Some(stages) = self.stages(program, &parts, source, rest, course).await? else {
                return Ok(false);
            };
            let (graph, in_states) = (program.graph.clone(), program.states.clone());
            self.note(program, &refusals, parts.iter().zip(&stages));
            self.executor.programs.push(Staged { stages, graph, in_states });
        }
        Ok(true)
    }

    /// The parts, ready: those on the context first, since building them may show that the parts are others.
    async fn stages(
        &mut self,
        program: &Program,
        parts: &[webnn::Partition],
        source: &Source<'_>,
        rest: Rest<'_>,
        course: &mut Course,
    ) -> Result<Option<Vec<Stage>>, RuntimeError> {
        let Executor { context, partitioned, states, .. } = &mut self.executor;
        let in_states = if *partitioned { BTreeMap::new() } else { program.states.clone() };
        let mut own = Vec::with_capacity(parts.len());
        for part in parts.iter().filter(|part| !part.fallback) {
            let Some(built) = build_or_learn(context, part, source, course).await? else { return Ok(None) };
            course.turn_to(Activity::Upload);
            let ports = context.told(Ports::open(context, built, &in_states, states)).await?;
            own.push(Stage::Own(ports));
        }
        let (mut own, mut other) = (own.into_iter(), Other::new(rest));
        let mut stages = Vec::with_capacity(parts.len());
        for part in parts {
            let ready = if part.fallback { None } else { own.next() };
            stages.push(match ready {
                Some(stage) => stage,
                None => Stage::fallback(source, &part.graph, &mut other, course).await?,
            });
        }
        Ok(Some(stages))
    }

    /// Takes note of what runs elsewhere.
    fn note<'p>(
        &mut self,
        program: &Program,
        refusals: &Refusals,
        stages: impl Iterator<Item = (&'p webnn::Partition, &'p Stage)>,
    ) {
        let placement = &mut self.executor.placement;
        placement.nodes += program.graph.nodes.len();
        placement.copied_bytes += copied_bytes(&program.graph, refusals);
        let mut count = 0usize;
        for (part, stage) in stages {
            count += 1;
            let refused = part.nodes.iter().filter(|_| part.fallback).filter_map(|node| refusals.get(node));
            placement.fallback_nodes.extend(refused.map(|error| FallbackNode {
                node: error.node.clone(),
                operator: error.operator.clone(),
                engine: stage.engine(),
                reason: error.refusal.to_string(),
            }));
        }
        placement.boundaries += count.saturating_sub(1);
    }
}

/// Refuses a program with nodes that the context cannot run.
fn refuse(model: &str, program: &Program, refusals: &Refusals) -> Result<(), RuntimeError> {
    let (model, mut all) = (model.to_owned(), refusals.values());
    match (all.next(), refusals.len()) {
        (None, _) => Ok(()),
        (Some(only), 1) => Err(RuntimeError::Webnn { model, source: Box::new(only.clone()) }),
        (Some(_), count) => {
            let listed = refusals.values().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Err(RuntimeError::Strict { model, count, nodes: program.graph.nodes.len(), listed })
        }
    }
}

/// Bytes of the values that one side makes and the other reads.
fn copied_bytes(graph: &Graph, elsewhere: &Refusals) -> u64 {
    let mut made: BTreeMap<ValueId, bool> = BTreeMap::new();
    let mut copied: BTreeSet<ValueId> = BTreeSet::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let other = elsewhere.contains_key(&NodeId(index));
        let crossing =
            node.inputs.iter().flatten().filter(|id| made.get(id).is_some_and(|&side| side != other));
        copied.extend(crossing.copied());
        made.extend(node.outputs.iter().map(|&id| (id, other)));
    }
    let bytes = |id: &ValueId| {
        let tensor_type = &graph.values[id.0].tensor_type;
        (tensor_type.element_count() * tensor_type.data_type.size_bytes()) as u64
    };
    copied.iter().map(bytes).sum()
}

impl Ready for Executor {
    async fn run(&mut self, program: usize, inputs: &Tensors) -> Result<Inferred, RuntimeError> {
        let Executor { model, context, programs, partitioned, states, handed, own_ms, all_ms, .. } = self;
        let Staged { stages, graph, in_states } = &mut programs[program];
        graph.check_bounds(inputs).map_err(|source| wrong(model, source))?;
        if let ([only], false) = (stages.as_mut_slice(), *partitioned) {
            let outputs = only.run(context, states, inputs).await?;
            return Ok(Inferred { outputs, gpu_ms: None, dispatches_ms: Vec::new() });
        }
        let mut known = inputs.clone();
        for &id in &graph.inputs {
            let value = &graph.values[id.0];
            if let Some(state) = in_states.get(&value.name) {
                // What nothing has left anything in yet holds zeros.
                let zeros = || Tensor::zeros(&value.tensor_type);
                known.insert(value.name.clone(), handed.get(state).cloned().unwrap_or_else(zeros));
            }
        }
        for stage in stages {
            let start = context.clock.now_ms();
            let outputs = stage.run(context, states, &known).await?;
            let took_ms = context.clock.now_ms() - start;
            *all_ms += took_ms;
            *own_ms += if matches!(stage, Stage::Own(_)) { took_ms } else { 0.0 };
            known.extend(outputs);
        }
        let mut outputs = BTreeMap::new();
        for &id in &graph.outputs {
            let name = &graph.values[id.0].name;
            match (known.remove(name), in_states.get(name)) {
                (Some(value), Some(state)) => drop(handed.insert(state.clone(), value)),
                (Some(value), None) => drop(outputs.insert(name.clone(), value)),
                (None, _) => {}
            }
        }
        Ok(Inferred { outputs, gpu_ms: None, dispatches_ms: Vec::new() })
    }

    fn placement(&self) -> Option<Placement> {
        let share = if self.all_ms > 0.0 { self.own_ms / self.all_ms } else { 1.0 };
        Some(Placement { share, ..self.placement.clone() })
    }
}
