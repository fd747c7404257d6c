//! A plan as people read it: what it holds in memory, and one line per dispatch.

use std::collections::BTreeSet;
use std::fmt;

use crate::plan::{BufferRole, Dispatch, GpuPlan, Program, Region};

/// The device memory of a plan, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Buffers of weights.
    pub weights_bytes: u64,
    /// Buffers that activations, inputs and outputs share.
    pub arena_bytes: u64,
    /// Buffers of what is kept between runs.
    pub state_bytes: u64,
    /// The most that activations, inputs and outputs take at any one time: no plan can do with smaller arenas.
    pub largest_live_bytes: u64,
}

impl GpuPlan {
    /// The device memory that the plan holds.
    pub fn memory(&self) -> Memory {
        let of_role = |role| {
            self.buffers.iter().filter(|buffer| buffer.role == role).map(|buffer| buffer.size_bytes).sum()
        };
        Memory {
            weights_bytes: of_role(BufferRole::Weights),
            arena_bytes: of_role(BufferRole::Arena),
            state_bytes: of_role(BufferRole::State),
            largest_live_bytes: self.programs.iter().map(|p| self.largest_live_bytes(p)).max().unwrap_or(0),
        }
    }

    /// Goes backwards: a region is live from its last use up to the dispatch that writes it first.
    fn largest_live_bytes(&self, program: &Program) -> u64 {
        let key = |region: &Region| (region.buffer, region.offset_bytes, region.size_bytes);
        let total = |live: &BTreeSet<(usize, u64, u64)>| live.iter().map(|(.., size)| size).sum::<u64>();
        let in_arena = |region: &&Region| self.buffers[region.buffer].role == BufferRole::Arena;
        let mut live: BTreeSet<_> = program.outputs.iter().map(|port| key(&port.region)).collect();
        let mut largest = total(&live);
        for (index, dispatch) in program.dispatches.iter().enumerate().rev() {
            let Some((write, reads)) = dispatch.bindings.split_last() else { continue };
            live.extend(Some(write).filter(in_arena).map(key));
            live.extend(reads.iter().filter(in_arena).map(key));
            largest = largest.max(total(&live));
            let before = index.checked_sub(1).and_then(|before| program.dispatches[before].bindings.last());
            if before != Some(write) {
                live.remove(&key(write));
            }
        }
        live.extend(program.inputs.iter().map(|port| key(&port.region)));
        largest.max(total(&live))
    }

    fn write_dispatch(&self, f: &mut fmt::Formatter<'_>, index: usize, dispatch: &Dispatch) -> fmt::Result {
        let [x, y, z] = dispatch.workgroups;
        let kernel = &self.kernels[dispatch.kernel].label;
        write!(f, "{index:4}  {:<40}  {kernel}  x {x}x{y}x{z} ", dispatch.label)?;
        for Region { buffer, offset_bytes, .. } in &dispatch.bindings {
            write!(f, " {buffer}+{offset_bytes}")?;
        }
        writeln!(f)
    }
}

impl fmt::Display for GpuPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Memory { weights_bytes, arena_bytes, state_bytes, largest_live_bytes } = self.memory();
        writeln!(
            f,
            "{} kernels; {weights_bytes} bytes of weights, {arena_bytes} of arenas (largest live set \
             {largest_live_bytes}), {state_bytes} of state",
            self.kernels.len(),
        )?;
        for program in &self.programs {
            writeln!(f, "{}: {} dispatches", program.name, program.dispatches.len())?;
            for (index, dispatch) in program.dispatches.iter().enumerate() {
                self.write_dispatch(f, index, dispatch)?;
            }
        }
        Ok(())
    }
}
