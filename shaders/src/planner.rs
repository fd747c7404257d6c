//! From a graph to a GpuPlan: kernels for every node, then space for every value.

use std::collections::HashMap;

use graph::{Graph, Node, TensorType, ValueId};

use crate::error::Error;
use crate::kernels::{self, Emission, Read, Step, Task};
use crate::memory::{Demand, Place, arrange};
use crate::plan::{Buffer, BufferRole, Dispatch, GpuPlan, Kernel, Port, Region};
use crate::site::Site;
use crate::transfer::{ELEMENT_BYTES, Encoding};
use crate::tuning::Tuning;
use crate::weights::Packing;

/// Plans a whole inference of `graph` for a place.
///
/// # Errors
/// An operator or element type without a kernel, or a limit of the adapter that the graph does not keep to:
/// [`Error::is_unsupported`] says yes to both. A graph that breaks its own invariants.
pub fn plan(graph: &Graph, site: &Site, tuning: &Tuning) -> Result<GpuPlan, Error> {
    let mut planner = Planner::new(graph, site, tuning);
    for &input in &graph.inputs {
        planner.storage(input, 0)?;
    }
    for node in &graph.nodes {
        planner.add_node(node)?;
    }
    let outputs =
        graph.outputs.iter().map(|&output| planner.add_output(output)).collect::<Result<Vec<_>, _>>()?;
    planner.finish(&outputs)
}

/// Where a value is going to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Storage {
    /// Packed with the weights.
    Weight(Region),
    /// In an arena: an index into the demands.
    Arena(usize),
}

/// A step whose operands have storage.
struct Bound {
    label: String,
    kernel: usize,
    operands: Vec<Storage>,
    workgroups: [u32; 3],
}

struct Planner<'a> {
    graph: &'a Graph,
    site: &'a Site,
    tuning: &'a Tuning,
    /// For each value, the one whose elements it shares.
    roots: Vec<ValueId>,
    storage: HashMap<ValueId, Storage>,
    demands: Vec<Demand>,
    packing: Packing,
    kernels: Vec<Kernel>,
    kernel_numbers: HashMap<KernelKey, usize>,
    bound: Vec<Bound>,
}

/// What makes two kernels the same pipeline: the text, and the constants (their names, and values by their bits).
type KernelKey = (std::sync::Arc<str>, Vec<(&'static str, u64)>);

impl<'a> Planner<'a> {
    fn new(graph: &'a Graph, site: &'a Site, tuning: &'a Tuning) -> Self {
        let alignment = u64::from(site.limits.min_storage_buffer_offset_alignment);
        Planner {
            graph,
            site,
            tuning,
            roots: (0..graph.values.len()).map(ValueId).collect(),
            storage: HashMap::new(),
            demands: Vec::new(),
            packing: Packing::new(0, alignment, site.limits.max_buffer_size),
            kernels: Vec::new(),
            kernel_numbers: HashMap::new(),
            bound: Vec::new(),
        }
    }

    fn add_node(&mut self, node: &'a Node) -> Result<(), Error> {
        let task = Task { graph: self.graph, node, site: self.site, tuning: self.tuning };
        match kernels::emit(&task)? {
            Emission::Alias => {
                self.roots[task.output_id()?.0] = self.roots[task.input_id(0)?.0];
                Ok(())
            }
            Emission::Steps(steps) if steps.is_empty() => {
                self.storage(task.output_id()?, self.bound.len()).map(|_| ())
            }
            Emission::Steps(steps) => steps.into_iter().try_for_each(|step| self.add_step(&node.name, step)),
        }
    }

    fn add_step(&mut self, label: &str, step: Step) -> Result<(), Error> {
        let now = self.bound.len();
        let reads: Result<Vec<Storage>, Error> =
            step.reads.iter().map(|&read| self.read(read, now)).collect();
        let write = self.storage(step.write, now)?;
        self.bind(label, step, reads?, write);
        Ok(())
    }

    fn bind(&mut self, label: &str, step: Step, reads: Vec<Storage>, write: Storage) {
        let now = self.bound.len();
        let arenas = |storage: &Storage| match storage {
            Storage::Arena(demand) => Some(*demand),
            Storage::Weight(_) => None,
        };
        let read: Vec<usize> = reads.iter().filter_map(arenas).collect();
        for &demand in &read {
            self.demands[demand].last = now;
        }
        if let Storage::Arena(demand) = write {
            self.demands[demand].last = self.demands[demand].last.max(now);
            self.demands[demand].apart_from.extend(read);
        }
        let mut operands = reads;
        operands.push(write);
        let kernel = self.kernel(step.kernel);
        self.bound.push(Bound { label: label.to_owned(), kernel, operands, workgroups: step.workgroups });
    }

    /// The storage of a value, found at its first use: by then everything it is computed from has its own.
    fn storage(&mut self, value: ValueId, now: usize) -> Result<Storage, Error> {
        let root = self.roots[value.0];
        if let Some(&known) = self.storage.get(&root) {
            return Ok(known);
        }
        let value = &self.graph.values[root.0];
        let encoding = Encoding::Elements;
        let size_bytes = self.size_bytes(&value.name, &value.tensor_type, encoding)?;
        let storage = match &value.constant {
            Some(tensor) => Storage::Weight(self.packing.place(tensor, encoding, size_bytes)),
            None => self.demand(size_bytes, now),
        };
        self.storage.insert(root, storage);
        Ok(storage)
    }

    fn read(&mut self, read: Read, now: usize) -> Result<Storage, Error> {
        let value = &self.graph.values[read.value.0];
        let (Encoding::Packed, Some(tensor)) = (read.encoding, &value.constant) else {
            return self.storage(read.value, now);
        };
        let size_bytes = self.size_bytes(&value.name, &value.tensor_type, read.encoding)?;
        Ok(Storage::Weight(self.packing.place(tensor, read.encoding, size_bytes)))
    }

    fn demand(&mut self, size_bytes: u64, now: usize) -> Storage {
        self.demands.push(Demand { size_bytes, first: now, last: now, apart_from: Vec::new() });
        Storage::Arena(self.demands.len() - 1)
    }

    /// What a value takes. An empty one takes as much as the widest element, so that it can be bound.
    fn size_bytes(&self, name: &str, tensor_type: &TensorType, encoding: Encoding) -> Result<u64, Error> {
        let wanted = match encoding.size_bytes(tensor_type) {
            0 => 4 * ELEMENT_BYTES as u64,
            size => size as u64,
        };
        let limits = &self.site.limits;
        for (limit, available) in [
            ("maxStorageBufferBindingSize", limits.max_storage_buffer_binding_size),
            ("maxBufferSize", limits.max_buffer_size),
        ] {
            if wanted > available {
                let place = format!("tensor \"{name}\" ({tensor_type})");
                return Err(Error::Limit { place, limit, wanted, available });
            }
        }
        Ok(wanted)
    }

    /// An output stays intact to the end. A constant cannot be read back from where it lies, so it is copied.
    fn add_output(&mut self, output: ValueId) -> Result<Storage, Error> {
        let now = self.bound.len();
        let storage = self.storage(output, now)?;
        let (Storage::Weight(region), value) = (storage, &self.graph.values[output.0]) else {
            return Ok(storage);
        };
        let demand = self.demand(region.size_bytes, now);
        if value.tensor_type.element_count() > 0 {
            let root = self.roots[output.0];
            let node = Node {
                name: format!("output {}", value.name),
                operator: graph::Operator::Reshape(graph::ops::Reshape {
                    shape: value.tensor_type.shape.clone(),
                }),
                inputs: vec![Some(root)],
                outputs: vec![output],
            };
            let task = Task { graph: self.graph, node: &node, site: self.site, tuning: self.tuning };
            let step = kernels::copy_whole(&task, root, output)?;
            self.bind(&node.name, step, vec![storage], demand);
        }
        Ok(demand)
    }

    fn kernel(&mut self, kernel: Kernel) -> usize {
        let constants = kernel.constants.iter().map(|&(name, value)| (name, value.to_bits())).collect();
        let key = (kernel.wgsl.clone(), constants);
        let next = self.kernels.len();
        let number = *self.kernel_numbers.entry(key).or_insert(next);
        if number == next {
            self.kernels.push(kernel);
        }
        number
    }

    fn finish(mut self, outputs: &[Storage]) -> Result<GpuPlan, Error> {
        for output in outputs {
            if let Storage::Arena(demand) = output {
                self.demands[*demand].last = usize::MAX;
            }
        }
        let limits = &self.site.limits;
        let alignment = u64::from(limits.min_storage_buffer_offset_alignment);
        let arrangement = arrange(&self.demands, alignment, limits.max_buffer_size);
        let mut buffers: Vec<Buffer> = self.packing.buffers().collect();
        let first_arena = buffers.len();
        buffers.extend(arrangement.arena_bytes.iter().enumerate().map(|(index, &size_bytes)| Buffer {
            label: format!("arena {index}"),
            role: BufferRole::Arena,
            size_bytes,
        }));
        let region = |storage: Storage| match storage {
            Storage::Weight(region) => region,
            Storage::Arena(demand) => {
                let Place { arena, offset_bytes } = arrangement.places[demand];
                let size_bytes = self.demands[demand].size_bytes;
                Region { buffer: first_arena + arena, offset_bytes, size_bytes }
            }
        };
        let port = |value: ValueId, storage: Storage| {
            let value = &self.graph.values[value.0];
            let TensorType { data_type, shape } = value.tensor_type.clone();
            Port { name: value.name.clone(), data_type, shape, region: region(storage) }
        };
        let inputs = self.graph.inputs.iter().map(|&input| port(input, self.storage[&input])).collect();
        let outputs =
            self.graph.outputs.iter().zip(outputs).map(|(&output, &storage)| port(output, storage)).collect();
        let dispatches = self.bound.iter().map(|bound| Dispatch {
            label: bound.label.clone(),
            kernel: bound.kernel,
            bindings: bound.operands.iter().map(|&storage| region(storage)).collect(),
            workgroups: bound.workgroups,
        });
        let dispatches = dispatches.collect();
        let (kernels, weights) = (self.kernels, self.packing.weights);
        Ok(GpuPlan { buffers, kernels, dispatches, weights, inputs, outputs })
    }
}
