//! From graphs to a GpuPlan: kernels for every node, then space for every value.

mod placing;
mod residuals;
mod shared;
mod workloads;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use graph::pipeline::Pipeline;
use graph::ranges::{Range, fits_i32, ranges};
use graph::{DataType, Graph, Node, TensorType, ValueId};
use protocol::profile::Work;

use crate::device::DeviceProperties;
use crate::error::Error;
use crate::kernels::{self, Emission, Launch, Read, Task};
use crate::memory::Demand;
use crate::plan::{GpuPlan, Region};
use crate::transfer::Encoding;
use crate::tuning::{Chooser, Family, ShapeClass, Tuning};
use crate::views::{Sizes, View, views};
use crate::work;
use placing::finish;
use residuals::Residuals;
use shared::{Shared, within};
pub use workloads::{Workload, workloads, workloads_of_parts};

/// A program to be.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Its name.
    pub name: &'a str,
    /// The graph that it computes.
    pub graph: &'a Graph,
    /// Inputs and outputs that lie in a state: its name, by theirs. What one program leaves in a state, the
    /// next finds there.
    pub states: &'a BTreeMap<String, String>,
}

/// Plans a model that is run once per inference, for a device, as the tuning table has it.
///
/// # Errors
/// Those of [`plan_parts`].
pub fn plan(graph: &Graph, device: &DeviceProperties) -> Result<GpuPlan, Error> {
    plan_parts(&[Part { name: "model", graph, states: &BTreeMap::new() }], device, &Tuning::default())
}

/// Plans the programs of a model folder, for a device, by a tuning table.
///
/// # Errors
/// Those of [`plan_parts`].
pub fn plan_pipeline(
    pipeline: &Pipeline,
    device: &DeviceProperties,
    tuning: &Tuning,
) -> Result<GpuPlan, Error> {
    plan_parts(&parts_of(pipeline), device, tuning)
}

fn parts_of(pipeline: &Pipeline) -> Vec<Part<'_>> {
    let parts = pipeline.programs.iter();
    parts.map(|part| Part { name: &part.name, graph: &part.graph, states: &part.states }).collect()
}

/// Plans programs that share weights, arenas and states, for a device, by a tuning table of the caller's.
///
/// # Errors
/// An operator or element type without a kernel, or a limit of the adapter that a graph does not keep to:
/// [`Error::is_unsupported`] says yes to both. A graph that breaks its own invariants, a table that no kernel can keep
/// to.
pub fn plan_parts(parts: &[Part<'_>], device: &DeviceProperties, tuning: &Tuning) -> Result<GpuPlan, Error> {
    planned(parts, device, &Chooser::new(tuning), &mut |_, _, _| {})
}

/// Is told of each node whose kernel the tuning table cuts, and as what.
type Tuned<'t> = dyn FnMut(&Graph, &Node, (Family, ShapeClass)) + 't;

/// Plans programs.
fn planned(
    parts: &[Part<'_>],
    device: &DeviceProperties,
    tuning: &Chooser<'_>,
    tuned: &mut Tuned<'_>,
) -> Result<GpuPlan, Error> {
    let most_bytes = device.limits.max_storage_buffer_binding_size.min(device.limits.max_buffer_size);
    let size_bytes = |tensor_type: &TensorType| Encoding::Elements.size_bytes(tensor_type) as u64;
    let fits = |tensor_type: &TensorType| size_bytes(tensor_type) <= most_bytes;
    let turned: Vec<_> = parts.iter().map(|part| graph::channels_last(part.graph, fits)).collect();
    let graphs: Vec<_> =
        parts.iter().zip(&turned).map(|(part, turned)| turned.as_ref().unwrap_or(part.graph)).collect();
    let split: Vec<_> = graphs.iter().map(|graph| graph::split(graph, most_bytes, size_bytes)).collect();
    tuning.check()?;
    let mut shared = Shared::new(device, tuning);
    let mut planned = Vec::new();
    for ((part, graph), split) in parts.iter().zip(&graphs).zip(&split) {
        let part = Part { graph: split.as_ref().unwrap_or(graph), ..*part };
        planned.push(Planner::new(&part, &mut shared, tuned).plan()?);
    }
    Ok(finish(shared, planned))
}

/// The storage of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Storage {
    /// Packed with the weights.
    Weight(Region),
    /// In an arena: an index into the demands.
    Arena(usize),
    /// In a part of what lies there.
    Part { demand: usize, offset_bytes: u64, size_bytes: u64 },
    /// In a state: an index into the states.
    State(usize),
}

/// A launch whose operands have storage.
struct Bound {
    label: String,
    kernel: usize,
    operands: Vec<Storage>,
    workgroups: [u32; 3],
    work: Work,
}

/// What is told of a launch.
#[derive(Clone, Copy)]
struct Named<'a> {
    label: &'a str,
    work: Work,
}

/// A program whose values have demands but no allocations yet.
struct Planned<'a> {
    part: Part<'a>,
    wide: Rc<[bool]>,
    bound: Vec<Bound>,
    demands: Vec<Demand>,
    inputs: Vec<(ValueId, Storage)>,
    outputs: Vec<(ValueId, Storage)>,
}

struct Planner<'a, 's> {
    part: Part<'a>,
    graph: &'a Graph,
    shared: &'s mut Shared<'a>,
    /// For each value, the one whose elements it shares.
    roots: Vec<ValueId>,
    /// By value, true for i64 of two words.
    wide: Rc<[bool]>,
    /// The values that lie in others.
    views: HashMap<ValueId, View>,
    storage: HashMap<ValueId, Storage>,
    demands: Vec<Demand>,
    bound: Vec<Bound>,
    tuned: &'s mut Tuned<'s>,
}

impl<'a, 's> Planner<'a, 's> {
    fn new(part: &Part<'a>, shared: &'s mut Shared<'a>, tuned: &'s mut Tuned<'s>) -> Self {
        let (wide, limits) = (wide(part), &shared.device.limits);
        let values = part.graph.values.iter().zip(wide.iter());
        let views = views(&Sizes {
            graph: part.graph,
            size_bytes: values
                .map(|(value, &wide)| encoding(wide).size_bytes(&value.tensor_type) as u64)
                .collect(),
            most_bytes: limits.max_storage_buffer_binding_size,
            alignment_bytes: u64::from(limits.min_storage_buffer_offset_alignment),
            states: part.states,
        });
        Planner {
            part: *part,
            graph: part.graph,
            shared,
            roots: (0..part.graph.values.len()).map(ValueId).collect(),
            wide,
            views,
            storage: HashMap::new(),
            demands: Vec::new(),
            bound: Vec::new(),
            tuned,
        }
    }

    fn plan(mut self) -> Result<Planned<'a>, Error> {
        let mut inputs = Vec::new();
        for &input in &self.graph.inputs {
            let storage = match self.state_of(input)? {
                Some(state) => {
                    self.storage.insert(input, state);
                    continue;
                }
                None => self.storage(input, 0)?,
            };
            inputs.push((input, storage));
        }
        let residuals = Residuals::of(self.graph);
        for node in self.graph.nodes.iter().filter(|node| !residuals.leave_out(node)) {
            self.add_node(residuals.product(node).unwrap_or(node))?;
        }
        let mut outputs = Vec::new();
        for &output in &self.graph.outputs {
            match self.state_of(output)? {
                Some(state) => self.keep(output, state)?,
                None => outputs.push((output, self.add_output(output)?)),
            }
        }
        // What the caller reads stays intact to the end.
        for (_, storage) in &outputs {
            if let Storage::Arena(demand) | Storage::Part { demand, .. } = storage {
                self.demands[*demand].last = usize::MAX;
            }
        }
        let Planner { part, wide, bound, demands, .. } = self;
        Ok(Planned { part, wide, bound, demands, inputs, outputs })
    }

    fn state_of(&mut self, port: ValueId) -> Result<Option<Storage>, Error> {
        let value = &self.graph.values[port.0];
        let Some(name) = self.part.states.get(&value.name) else { return Ok(None) };
        let size_bytes = self.shared.size_bytes(&value.name, &value.tensor_type, self.encoding(port))?;
        Ok(Some(Storage::State(self.shared.state(name, size_bytes))))
    }

    fn encoding(&self, value: ValueId) -> Encoding {
        encoding(self.wide[value.0])
    }

    fn add_node(&mut self, node: &Node) -> Result<(), Error> {
        let wide = Rc::clone(&self.wide);
        let (device, tuning) = (self.shared.device, self.shared.tuning);
        let task = Task { graph: self.graph, node, device, tuning, wide: &wide };
        if self.lies_there(node) {
            return Ok(());
        }
        let emission = kernels::emit(&task)?;
        if let Some(asked) = tuning.asked() {
            (self.tuned)(self.graph, node, asked);
        }
        match emission {
            Emission::Alias => {
                let (old, new) = (task.input_id(0)?, task.output_id()?);
                if self.encoding(old) != self.encoding(new) || self.views.contains_key(&new) {
                    return self.add_launch(&task, kernels::copy_whole(&task, old, new)?);
                }
                self.roots[new.0] = self.roots[old.0];
                Ok(())
            }
            Emission::Launches(launches) if launches.is_empty() => {
                self.storage(task.output_id()?, self.bound.len()).map(|_| ())
            }
            Emission::Launches(launches) => {
                launches.into_iter().try_for_each(|launch| self.add_launch(&task, launch))
            }
            Emission::Update(launches) => {
                let (old, new) = (task.input_id(0)?, task.output_id()?);
                if self.can_update(old) && self.encoding(old) == self.encoding(new) {
                    self.roots[new.0] = self.roots[old.0];
                } else {
                    self.add_launch(&task, kernels::copy_whole(&task, old, new)?)?;
                }
                launches.into_iter().try_for_each(|launch| self.add_launch(&task, launch))
            }
        }
    }

    /// Returns whether a node has nothing to move: it takes a part from where it lies, or joins parts that lie where
    /// they are wanted.
    fn lies_there(&self, node: &Node) -> bool {
        let lies_in =
            |part: &ValueId, whole: &ValueId| self.views.get(part).is_some_and(|view| view.whole == *whole);
        match (&node.operator, node.inputs.as_slice(), node.outputs.as_slice()) {
            (graph::Operator::Slice(_), [Some(whole)], [part]) => lies_in(part, whole),
            (graph::Operator::Concat(_), parts, [whole]) => {
                parts.iter().all(|part| part.is_some_and(|part| lies_in(&part, whole)))
            }
            _ => false,
        }
    }

    /// Returns whether a value may be written to: it lies in a state and only one node reads it.
    fn can_update(&self, value: ValueId) -> bool {
        let root = self.roots[value.0];
        let reads = self.graph.nodes.iter().flat_map(|node| node.inputs.iter().flatten());
        let reads = reads.filter(|input| **input == root || **input == value).count();
        matches!(self.storage.get(&root), Some(Storage::State(_))) && root == value && reads == 1
    }

    fn add_launch(&mut self, task: &Task<'_>, launch: Launch) -> Result<(), Error> {
        let named = Named { label: &task.node.name, work: work::of(task, &launch) };
        let now = self.bound.len();
        let reads: Result<Vec<Storage>, Error> =
            launch.reads.iter().map(|&read| self.read(read, now)).collect();
        let write = self.storage(launch.write, now)?;
        self.bind(named, launch, reads?, write)
    }

    /// The bytes that a binding of it takes.
    fn bound_bytes(&self, storage: Storage) -> u64 {
        match storage {
            Storage::Weight(Region { size_bytes, .. }) | Storage::Part { size_bytes, .. } => size_bytes,
            Storage::Arena(demand) => self.demands[demand].size_bytes,
            Storage::State(state) => self.shared.states[state].1,
        }
    }

    fn bind(
        &mut self,
        named: Named<'_>,
        launch: Launch,
        reads: Vec<Storage>,
        write: Storage,
    ) -> Result<(), Error> {
        let now = self.bound.len();
        let values = launch.reads.iter().map(|read| read.value).chain([launch.write]);
        for (value, &storage) in values.zip(reads.iter().chain([&write])) {
            let value = &self.graph.values[value.0];
            let available = self.shared.device.limits.max_storage_buffer_binding_size;
            let wanted = self.bound_bytes(storage);
            within(&value.name, &value.tensor_type, "maxStorageBufferBindingSize", wanted, available)?;
        }
        let arenas = |storage: &Storage| match storage {
            Storage::Arena(demand) | Storage::Part { demand, .. } => Some(*demand),
            Storage::Weight(_) | Storage::State(_) => None,
        };
        let read: Vec<usize> = reads.iter().filter_map(arenas).collect();
        for &demand in &read {
            self.demands[demand].last = now;
        }
        if let Some(demand) = arenas(&write) {
            self.demands[demand].last = self.demands[demand].last.max(now);
            for read in read {
                // What is written part by part is older than some of what its parts are made of.
                self.demands[demand.max(read)].apart_from.push(demand.min(read));
            }
        }
        let mut operands = reads;
        operands.push(write);
        let kernel = self.shared.kernel(launch.kernel);
        self.bound.push(Bound {
            label: named.label.to_owned(),
            kernel,
            operands,
            workgroups: launch.workgroups,
            work: named.work,
        });
        Ok(())
    }

    /// The storage of a value, found at its first use: by then everything it is computed from has its own.
    fn storage(&mut self, value: ValueId, now: usize) -> Result<Storage, Error> {
        let root = self.roots[value.0];
        if let Some(&known) = self.storage.get(&root) {
            return Ok(known);
        }
        let value = &self.graph.values[root.0];
        let encoding = self.encoding(root);
        let size_bytes = self.shared.size_bytes(&value.name, &value.tensor_type, encoding)?;
        let storage = match (self.views.get(&root).copied(), &value.constant) {
            (Some(view), _) => part_of(self.storage(view.whole, now)?, view.offset_bytes, size_bytes),
            (None, Some(constant)) => {
                Storage::Weight(self.shared.packing.place(constant, encoding, size_bytes))
            }
            (None, None) => self.demand(size_bytes, now),
        };
        self.storage.insert(root, storage);
        Ok(storage)
    }

    fn read(&mut self, read: Read, now: usize) -> Result<Storage, Error> {
        let value = &self.graph.values[read.value.0];
        let (Encoding::Packed, Some(constant)) = (read.encoding, &value.constant) else {
            return self.storage(read.value, now);
        };
        let size_bytes = self.shared.size_bytes(&value.name, &value.tensor_type, read.encoding)?;
        Ok(Storage::Weight(self.shared.packing.place(constant, read.encoding, size_bytes)))
    }

    fn demand(&mut self, size_bytes: u64, now: usize) -> Storage {
        self.demands.push(Demand { size_bytes, first: now, last: now, apart_from: Vec::new() });
        Storage::Arena(self.demands.len() - 1)
    }

    /// An output that the caller reads. A constant cannot be read back from where it lies, so it is copied.
    fn add_output(&mut self, output: ValueId) -> Result<Storage, Error> {
        let now = self.bound.len();
        let storage = self.storage(output, now)?;
        let Storage::Weight(region) = storage else { return Ok(storage) };
        let demand = self.demand(region.size_bytes, now);
        self.copy(output, storage, demand)?;
        Ok(demand)
    }

    /// An output that stays on the device for later runs.
    fn keep(&mut self, output: ValueId, state: Storage) -> Result<(), Error> {
        let storage = self.storage(output, self.bound.len())?;
        if storage == state { Ok(()) } else { self.copy(output, storage, state) }
    }

    fn copy(&mut self, output: ValueId, from: Storage, to: Storage) -> Result<(), Error> {
        let value = &self.graph.values[output.0];
        if value.tensor_type.element_count() == 0 {
            return Ok(());
        }
        let root = self.roots[output.0];
        let shape = value.tensor_type.shape.clone();
        let node = Node {
            name: format!("output {}", value.name),
            operator: graph::Operator::Reshape(graph::ops::Reshape { shape }),
            inputs: vec![Some(root)],
            outputs: vec![output],
        };
        let (device, tuning) = (self.shared.device, self.shared.tuning);
        let task = Task { graph: self.graph, node: &node, device, tuning, wide: &self.wide };
        let launch = kernels::copy_whole(&task, root, output)?;
        let named = Named { label: &node.name, work: work::of(&task, &launch) };
        self.bind(named, launch, vec![from], to)
    }
}

/// A part of what lies somewhere. Nothing is part of a state.
fn part_of(whole: Storage, further_bytes: u64, size_bytes: u64) -> Storage {
    match whole {
        Storage::Weight(Region { buffer, offset_bytes, .. }) => {
            Storage::Weight(Region { buffer, offset_bytes: offset_bytes + further_bytes, size_bytes })
        }
        Storage::Arena(demand) => Storage::Part { demand, offset_bytes: further_bytes, size_bytes },
        Storage::Part { demand, offset_bytes, .. } => {
            Storage::Part { demand, offset_bytes: offset_bytes + further_bytes, size_bytes }
        }
        Storage::State(state) => Storage::State(state),
    }
}

fn encoding(wide: bool) -> Encoding {
    if wide { Encoding::Wide } else { Encoding::Elements }
}

/// By value, true for i64 that nothing proves to fit in 32 bits: all in a state are, for another program may leave
/// anything there.
fn wide(part: &Part<'_>) -> Rc<[bool]> {
    let in_state = |value: &graph::Value| part.states.contains_key(&value.name);
    let fits = |range: Option<Range>| range.is_some_and(fits_i32);
    let values = part.graph.values.iter().zip(ranges(part.graph));
    let is_wide = |(value, range): (&graph::Value, Option<Range>)| {
        value.tensor_type.data_type == DataType::I64 && (in_state(value) || !fits(range))
    };
    values.map(is_wide).collect()
}
