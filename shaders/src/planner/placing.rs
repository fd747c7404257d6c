//! From demands to allocations, once all programs are known.

use graph::{TensorType, ValueId};

use super::shared::Shared;
use super::{Bound, Planned, Storage, encoding};
use crate::memory::{Allocation, Arrangement, arrange};
use crate::plan::{Buffer, BufferRole, Dispatch, GpuPlan, Port, Program, Region};

/// Gives everything its place: weights, then arenas as large as the neediest program wants them, then states.
pub fn finish(shared: Shared<'_>, planned: Vec<Planned<'_>>) -> GpuPlan {
    let limits = &shared.device.limits;
    let alignment = u64::from(limits.min_storage_buffer_offset_alignment);
    let arrangements: Vec<Arrangement> =
        planned.iter().map(|program| arrange(&program.demands, alignment, limits.max_buffer_size)).collect();
    let mut buffers: Vec<Buffer> = shared.packing.buffers().collect();
    let first_arena = buffers.len();
    let arena_count = arrangements.iter().map(|arrangement| arrangement.arena_bytes.len()).max().unwrap_or(0);
    buffers.extend((0..arena_count).map(|index| {
        let sizes = arrangements.iter().filter_map(|arrangement| arrangement.arena_bytes.get(index));
        let size_bytes = sizes.copied().max().unwrap_or(0);
        Buffer { label: format!("arena {index}"), role: BufferRole::Arena, size_bytes }
    }));
    let first_state = buffers.len();
    let state_bytes: Vec<u64> = shared.states.iter().map(|(_, size_bytes)| *size_bytes).collect();
    buffers.extend(shared.states.into_iter().map(|(name, size_bytes)| Buffer {
        label: format!("state {name}"),
        role: BufferRole::State,
        size_bytes,
    }));
    let programs = planned.iter().zip(&arrangements).map(|(program, arrangement)| {
        let region = |storage: Storage| match storage {
            Storage::Weight(region) => region,
            Storage::Arena(demand) => {
                let Allocation { arena, offset_bytes } = arrangement.allocations[demand];
                let size_bytes = program.demands[demand].size_bytes;
                Region { buffer: first_arena + arena, offset_bytes, size_bytes }
            }
            Storage::Part { demand, offset_bytes, size_bytes } => {
                let Allocation { arena, offset_bytes: start_bytes } = arrangement.allocations[demand];
                Region { buffer: first_arena + arena, offset_bytes: start_bytes + offset_bytes, size_bytes }
            }
            Storage::State(state) => {
                Region { buffer: first_state + state, offset_bytes: 0, size_bytes: state_bytes[state] }
            }
        };
        placed(program, region)
    });
    let programs = programs.collect();
    let (kernels, weights) = (shared.kernels, shared.packing.weights);
    GpuPlan { buffers, kernels, weights, programs, tuning: shared.tuning.chosen() }
}

fn placed(program: &Planned<'_>, region: impl Fn(Storage) -> Region) -> Program {
    let port = |&(id, storage): &(ValueId, Storage)| {
        let value = &program.part.graph.values[id.0];
        let TensorType { data_type, shape } = value.tensor_type.clone();
        let encoding = encoding(program.wide[id.0]);
        let bounds = program.part.graph.bounds.get(&value.name).copied();
        Port { name: value.name.clone(), data_type, shape, encoding, bounds, region: region(storage) }
    };
    let dispatch = |bound: &Bound| Dispatch {
        label: bound.label.clone(),
        kernel: bound.kernel,
        bindings: bound.operands.iter().map(|&storage| region(storage)).collect(),
        workgroups: bound.workgroups,
        work: bound.work,
    };
    Program {
        name: program.part.name.to_owned(),
        dispatches: program.bound.iter().map(dispatch).collect(),
        inputs: program.inputs.iter().map(port).collect(),
        outputs: program.outputs.iter().map(port).collect(),
    }
}
