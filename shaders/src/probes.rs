//! Kernels that show what an adapter could do at most, as a plan with a program for each: read.wgsl, write.wgsl, copy.wgsl,
//! multiply.wgsl and dot.wgsl beside it.

use graph::DataType;
use protocol::probe::Probe;

use crate::device::DeviceProperties;
use crate::plan::{Access, Buffer, BufferRole, Dispatch, GpuPlan, Kernel, Port, Program, Region};
use crate::template::Words;
use crate::transfer::{ELEMENT_BYTES, Encoding};
use crate::tuning::Tuning;

const READ: &str = include_str!("probes/read.wgsl");
const WRITE: &str = include_str!("probes/write.wgsl");
const COPY: &str = include_str!("probes/copy.wgsl");
const MULTIPLY: &str = include_str!("probes/multiply.wgsl");
const DOT: &str = include_str!("probes/dot.wgsl");

/// The input of every program, i32 `[3]`: turns, and the two numbers that a compiler may not know, both 1.
pub const TURNS: &str = "turns";
/// The output of the programs that have one: the results of the first workgroup.
pub const RESULT: &str = "result";

const LANES: u64 = 64;
const VECTOR_BYTES: u64 = 16;
/// Vectors that an invocation moves in a turn.
const MOVES: usize = 16;
/// What a workgroup moves in a turn.
const CHUNK_BYTES: u64 = LANES * VECTOR_BYTES * MOVES as u64;
/// Far more than caches hold: of GPUs 128 MiB at most, of processors about as much, most of which nobody else leaves them.
const GPU_BYTES: u64 = 512 << 20;
const SOFTWARE_BYTES: u64 = 128 << 20;
/// Independent numbers of an invocation: as many as hide the four cycles that a multiplication takes on a processor with
/// two units for it, and few enough for its registers.
const CHAINS: usize = 8;
/// Steps of each in a turn.
const STEPS: usize = 8;
/// Workgroups that compute: enough to fill any GPU.
const COMPUTING: u64 = 4096;

const ARGUMENTS: Region = Region { buffer: 0, offset_bytes: 0, size_bytes: 3 * ELEMENT_BYTES as u64 };

/// The probes that a device can run.
#[derive(Debug, Clone, PartialEq)]
pub struct Probes {
    /// One program for each.
    pub plan: GpuPlan,
    /// By program: the probe, and what one turn is worth, in bytes or operations.
    pub measured: Vec<(Probe, f64)>,
}

/// Plans the probes for a device; `packed_products` says whether its WGSL has `dot4I8Packed`.
pub fn plan(device: &DeviceProperties, packed_products: bool) -> Probes {
    let wanted = if device.software { SOFTWARE_BYTES } else { GPU_BYTES };
    let limits = &device.limits;
    let most = wanted.min(limits.max_storage_buffer_binding_size).min(limits.max_buffer_size);
    let chunks = prior_power_of_two(most / CHUNK_BYTES)
        .min(prior_power_of_two(u64::from(limits.max_compute_workgroups_per_dimension)));
    let data_bytes = chunks * CHUNK_BYTES;
    let result_bytes = chunks.max(COMPUTING) * LANES * ELEMENT_BYTES as u64;
    let region = |buffer, size_bytes| Region { buffer, offset_bytes: 0, size_bytes };
    let (data, other, result) = (region(1, data_bytes), region(2, data_bytes), region(3, result_bytes));
    let made = Probe::ALL.into_iter().filter_map(|probe| {
        let (kernel, bindings, groups, work) = match probe {
            Probe::WriteBandwidth => (moving("write", WRITE, 1, chunks), vec![data], chunks, data_bytes),
            Probe::ReadBandwidth => (moving("read", READ, 2, chunks), vec![data, result], chunks, data_bytes),
            Probe::CopyBandwidth => {
                (moving("copy", COPY, 2, chunks), vec![data, other], chunks, 2 * data_bytes)
            }
            Probe::F32Rate => (multiplying("f32", false), vec![result], COMPUTING, operations(2)),
            Probe::F16Rate if !device.shader_f16 => return None,
            Probe::F16Rate => (multiplying("vec2<f16>", true), vec![result], COMPUTING, operations(4)),
            Probe::Int8Rate if !packed_products => return None,
            Probe::Int8Rate => (dot(), vec![result], COMPUTING, operations(8)),
        };
        Some((probe, kernel, bindings, groups, work))
    });
    let (mut kernels, mut programs, mut measured) = (Vec::new(), Vec::new(), Vec::new());
    for (probe, kernel, bindings, groups, work) in made {
        programs.push(program(probe, kernels.len(), bindings, groups, result));
        kernels.push(kernel);
        measured.push((probe, work as f64));
    }
    let buffer = |label: &str, role, size_bytes| Buffer { label: label.to_owned(), role, size_bytes };
    let buffers = vec![
        buffer("arguments", BufferRole::Arena, ARGUMENTS.size_bytes.next_multiple_of(VECTOR_BYTES)),
        buffer("data", BufferRole::State, data_bytes),
        buffer("copy", BufferRole::State, data_bytes),
        buffer("result", BufferRole::Arena, result_bytes),
    ];
    let plan =
        GpuPlan { buffers, kernels, weights: Vec::new(), programs, tuning: Tuning { rows: Vec::new() } };
    Probes { plan, measured }
}

/// The greatest power of two that is not greater; 1 for none.
fn prior_power_of_two(number: u64) -> u64 {
    1 << number.max(1).ilog2()
}

/// Operations of a turn, so many in each step.
fn operations(of_a_step: u64) -> u64 {
    COMPUTING * LANES * (CHAINS * STEPS) as u64 * of_a_step
}

fn program(probe: Probe, kernel: usize, bindings: Vec<Region>, groups: u64, result: Region) -> Program {
    let bindings: Vec<Region> = std::iter::once(ARGUMENTS).chain(bindings).collect();
    let port = |name: &str, data_type, count: usize, region| Port {
        name: name.to_owned(),
        data_type,
        shape: vec![count],
        encoding: Encoding::Elements,
        bounds: None,
        region,
    };
    let shown = Region { size_bytes: LANES * ELEMENT_BYTES as u64, ..result };
    let data_type = if probe == Probe::Int8Rate { DataType::I32 } else { DataType::F32 };
    let has_result = bindings.contains(&result);
    let outputs = has_result.then(|| port(RESULT, data_type, LANES as usize, shown));
    let dispatch = Dispatch {
        label: probe.name().to_owned(),
        kernel,
        bindings,
        workgroups: [groups as u32, 1, 1],
        work: Default::default(),
    };
    Program {
        name: probe.name().to_owned(),
        dispatches: vec![dispatch],
        inputs: vec![port(TURNS, DataType::I32, 3, ARGUMENTS)],
        outputs: outputs.into_iter().collect(),
    }
}

fn moving(label: &str, file: &str, operands: usize, chunks: u64) -> Kernel {
    let text = Words::default().number("STEPS", MOVES).expand(file);
    let constants = vec![("LANES", LANES as f64), ("CHUNKS", chunks as f64)];
    kernel(label, text, constants, operands)
}

fn multiplying(element: &str, half: bool) -> Kernel {
    let words = Words::default().number("STEPS", STEPS).number("CHAINS", CHAINS).word("T", element);
    let words = words.switch("HALF", half).switch("FULL", !half);
    let words = words.word("SCALAR", if half { "f16" } else { "f32" });
    kernel(&format!("multiply {element}"), words.expand(MULTIPLY), vec![("LANES", LANES as f64)], 1)
}

fn dot() -> Kernel {
    let words = Words::default().number("STEPS", STEPS).number("CHAINS", CHAINS);
    kernel("dot", words.expand(DOT), vec![("LANES", LANES as f64)], 1)
}

/// A kernel that writes the last of its operands, behind the arguments.
fn kernel(label: &str, text: String, constants: Vec<(&'static str, f64)>, operands: usize) -> Kernel {
    let mut bindings = vec![Access::Read; operands];
    bindings.push(Access::ReadWrite);
    Kernel {
        label: format!("probe {label}"),
        wgsl: text.into(),
        entry_point: "main",
        constants,
        workgroup_size: [LANES as u32, 1, 1],
        bindings,
    }
}
