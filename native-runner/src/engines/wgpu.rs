//! The GpuPlan through native wgpu: the same kernels and dispatches as in a page, without the browser.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Instant;

use graph::Tensor;
use graph::constant::Files;
use graph::pipeline::Pipeline;
use protocol::{Activity, AdapterChoice, Device as DeviceName, DispatchName, Metric};
use shaders::{Access, BufferRole, Dispatch, GpuPlan, Kernel, Port, Program, Region, Tuning};
use wgpu::BufferUsages;

use super::{Chosen, Found, Inferred, Prepared, Ready};
use crate::course::{Course, elapsed_ms};
use crate::error::RunnerError;
use crate::model::Loaded;

mod device;
mod probes;

use device::Device;
pub use probes::probe;

/// The begin and end of the pass, as two u64 in ticks.
const TIMESTAMP_BYTES: u64 = 16;
const NANOSECONDS_PER_MS: f64 = 1e6;
const COMPILING: &str = "compiling the kernels";
/// A query set holds at most 4096 timestamps, two for each dispatch.
const MOST_TIMED: usize = 2048;
/// Weights are uploaded in pieces of about so many bytes.
const PIECE_BYTES: usize = 16 << 20;
/// So many bytes are on the way to the device before it is waited for.
const IN_FLIGHT_BYTES: u64 = 64 << 20;

/// The adapters of a device's API, and the one that runs jobs which ask for none, or why there is none.
///
/// # Errors
/// `Unavailable` when the API has no adapter here.
pub fn detect(name: DeviceName) -> Result<Found, RunnerError> {
    let adapters: Vec<_> = device::adapters(name)?.iter().map(device::describe).collect();
    let adapter = device::choose(name, &AdapterChoice::Default, &adapters)?;
    Ok(Found { version: None, adapter: adapters[adapter].clone(), adapters })
}

/// A plan with its buffers and pipelines.
struct Planned {
    model: String,
    device: Rc<Device>,
    plan: GpuPlan,
    buffers: Vec<wgpu::Buffer>,
    readback: wgpu::Buffer,
    timestamps: Option<Timestamps>,
    /// The steps of each program.
    steps: Vec<Vec<BoundDispatch>>,
}

/// The begin and end of each pass, as two u64 in ticks.
struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    /// True if each dispatch has a pass of its own.
    apart: bool,
}

struct BoundDispatch {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    workgroups: [u32; 3],
}

/// Plans a model for the adapter, makes its pipelines and uploads its weights.
///
/// # Errors
/// No adapter, an operator our kernels lack, a kernel that does not compile, out of memory, the device's loss.
pub fn prepare(
    loaded: &Loaded,
    pipeline: &Pipeline,
    chosen: &Chosen,
    course: &mut Course,
) -> Result<Prepared, RunnerError> {
    course.turn_to(Activity::Open);
    let device = Device::open(chosen.device, &chosen.adapter, &loaded.features)?;
    course.turn_to(Activity::Plan);
    let here = loaded.tuning.as_ref().map(|tuned| tuned.here(&device.description, None)).transpose();
    let here = here.map_err(|reason| RunnerError::TunedElsewhere { reason })?.unwrap_or_default();
    let tuning = Tuning::of(&device.settings).with(here.rows);
    let plan = shaders::plan_pipeline(pipeline, &device.properties(), &tuning)
        .map_err(|source| RunnerError::Plan { model: loaded.manifest.name.clone(), source })?;

    let mut features = features(&plan, device.has_timestamps());
    features.extend(here.source.map(|source| ("tuning_source".to_owned(), source)));
    let mut model = Planned::make(&loaded.manifest.name, device, plan, course)?;
    course.turn_to(Activity::Upload);
    model.upload(&mut loaded.files())?;
    course.measure(Metric::DeviceMemoryBytes, model.memory_bytes() as f64);
    let adapter = model.device.description.clone();
    Ok(Prepared { model: Box::new(model), adapter, features })
}

fn features(plan: &GpuPlan, timestamps: bool) -> BTreeMap<String, String> {
    let features = [
        ("timestamp_query", timestamps.to_string()),
        ("compiled_by_empty_dispatches", true.to_string()),
        ("dispatches", plan.dispatch_counts()),
        ("pipelines", plan.kernels.len().to_string()),
        ("tuning", plan.tuning_text()),
    ];
    features.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Ready for Planned {
    fn run(&mut self, program: usize, inputs: &BTreeMap<String, Tensor>) -> Result<Inferred, RunnerError> {
        let ports = &self.plan.programs[program];
        for port in &ports.inputs {
            if let Some(tensor) = inputs.get(&port.name) {
                self.write(port.region, port.encode(tensor))?;
            }
        }
        self.device.queue.submit([self.encode(ports, &self.steps[program])]);
        self.read(ports)
    }

    /// Copies and maps what the last inference left, without another.
    fn readback_ms(&mut self) -> Result<Option<f64>, RunnerError> {
        let program = &self.plan.programs[0];
        let mut encoder = self.device.gpu.create_command_encoder(&Default::default());
        self.encode_copies(program, &mut encoder);
        self.device.queue.submit([encoder.finish()]);
        self.device.wait("waiting for the device")?;
        let start = Instant::now();
        self.read(program)?;
        Ok(Some(elapsed_ms(start)))
    }

    fn time_apart(&mut self) -> Result<Vec<Vec<DispatchName>>, RunnerError> {
        const DOING: &str = "making timestamp queries";
        let dispatches = self.steps.iter().map(Vec::len).max().unwrap_or(0).max(1);
        if self.timestamps.is_none() {
            return Err(RunnerError::NotProfiled { reason: "the device has no timestamp queries" });
        }
        if dispatches > MOST_TIMED {
            return Err(RunnerError::NotProfiled { reason: "a program has more than 2048 dispatches" });
        }
        let readback_bytes = self.plan.readback_bytes() + dispatches as u64 * TIMESTAMP_BYTES;
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        self.readback = create_sized(&self.device.gpu, "readback", readback_bytes, usage);
        self.timestamps = Some(timestamps(&self.device.gpu, Some(dispatches as u32)));
        self.device.check(DOING, readback_bytes)?;
        Ok(self.plan.programs.iter().map(|program| self.names(program)).collect())
    }
}

impl Planned {
    /// Makes a plan's pipelines and buffers, all but what is in its weights.
    fn make(
        model: &str,
        device: Rc<Device>,
        plan: GpuPlan,
        course: &mut Course,
    ) -> Result<Planned, RunnerError> {
        course.turn_to(Activity::Compile);
        let pipelines: Vec<_> = plan.kernels.iter().map(|kernel| compile(&device.gpu, kernel)).collect();
        let wanted_bytes = plan.buffers.iter().map(|buffer| buffer.size_bytes).sum();
        device.check(COMPILING, 0)?;
        course.turn_to(Activity::Upload);
        let buffers: Vec<_> = plan.buffers.iter().map(|buffer| create(&device.gpu, buffer)).collect();
        device.check("allocating the buffers", wanted_bytes)?;
        course.turn_to(Activity::Compile);
        let bind = |dispatch| step(&device.gpu, dispatch, &pipelines, &buffers);
        let steps = plan.programs.iter().map(|program| program.dispatches.iter().map(bind).collect());
        let steps = steps.collect();
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let readback_bytes = plan.readback_bytes() + TIMESTAMP_BYTES;
        let readback = create_sized(&device.gpu, "readback", readback_bytes, usage);
        let timestamps = device.has_timestamps().then(|| timestamps(&device.gpu, None));
        let model = model.to_owned();
        let planned = Planned { model, device, plan, buffers, readback, timestamps, steps };
        planned.dispatch_nothing()?;
        Ok(planned)
    }

    /// Device memory that it holds.
    fn memory_bytes(&self) -> u64 {
        self.plan.buffers.iter().map(|buffer| buffer.size_bytes).sum::<u64>() + self.readback.size()
    }

    /// Dispatches every kernel over no workgroups: llvmpipe compiles none before it is dispatched.
    fn dispatch_nothing(&self) -> Result<(), RunnerError> {
        let mut encoder = self.device.gpu.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (program, step) in self.plan.first_uses() {
            let BoundDispatch { pipeline, bind_group, .. } = &self.steps[program][step];
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, bind_group, &[]);
            pass.dispatch_workgroups(0, 1, 1);
        }
        drop(pass);
        self.device.queue.submit([encoder.finish()]);
        self.device.wait(COMPILING)
    }

    /// Moves the weights to the device, piece by piece.
    fn upload(&mut self, files: &mut dyn Files) -> Result<(), RunnerError> {
        const DOING: &str = "uploading the weights";
        let mut in_flight_bytes = 0;
        for weight in std::mem::take(&mut self.plan.weights) {
            for piece in weight.pieces(PIECE_BYTES) {
                let Region { buffer, offset_bytes, size_bytes } = piece.region;
                let write =
                    |bytes: &[u8]| self.device.queue.write_buffer(&self.buffers[buffer], offset_bytes, bytes);
                piece.with_bytes(files, write).map_err(|source| self.plan_error(source))?;
                in_flight_bytes += size_bytes;
                if in_flight_bytes > IN_FLIGHT_BYTES {
                    self.device.queue.submit([]);
                    self.device.wait(DOING)?;
                    in_flight_bytes = 0;
                }
            }
        }
        self.device.queue.submit([]);
        self.device.wait(DOING)
    }

    fn write(
        &self,
        region: Region,
        encoded: Result<Cow<'_, [u8]>, shaders::Error>,
    ) -> Result<(), RunnerError> {
        let bytes = encoded.map_err(|source| self.plan_error(source))?;
        self.device.queue.write_buffer(&self.buffers[region.buffer], region.offset_bytes, &bytes);
        Ok(())
    }

    fn plan_error(&self, source: shaders::Error) -> RunnerError {
        RunnerError::Plan { model: self.model.clone(), source }
    }

    fn encode(&self, program: &Program, steps: &[BoundDispatch]) -> wgpu::CommandBuffer {
        let mut encoder = self.device.gpu.create_command_encoder(&Default::default());
        let of_a_pass = steps.len().div_ceil(self.passes(program)).max(1);
        for (number, steps) in (0..).zip(steps.chunks(of_a_pass)) {
            let timestamp_writes =
                self.timestamps.as_ref().map(|timestamps| wgpu::ComputePassTimestampWrites {
                    query_set: &timestamps.queries,
                    beginning_of_pass_write_index: Some(2 * number),
                    end_of_pass_write_index: Some(2 * number + 1),
                });
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some(&program.name),
                timestamp_writes,
            });
            for BoundDispatch { pipeline, bind_group, workgroups: [x, y, z] } in steps {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, bind_group, &[]);
                pass.dispatch_workgroups(*x, *y, *z);
            }
        }
        self.encode_copies(program, &mut encoder);
        encoder.finish()
    }

    /// How many passes a program takes.
    fn passes(&self, program: &Program) -> usize {
        if self.are_apart() { program.dispatches.len() } else { 1 }
    }

    fn are_apart(&self) -> bool {
        self.timestamps.as_ref().is_some_and(|timestamps| timestamps.apart)
    }

    fn names(&self, program: &Program) -> Vec<DispatchName> {
        let name = |dispatch: &Dispatch| DispatchName {
            program: program.name.clone(),
            node: dispatch.label.clone(),
            kernel: self.plan.kernels[dispatch.kernel].label.clone(),
            workgroups: dispatch.workgroups,
            work: dispatch.work,
        };
        program.dispatches.iter().map(name).collect()
    }

    /// Outputs one after another into the readback buffer, timestamps last.
    fn encode_copies(&self, program: &Program, encoder: &mut wgpu::CommandEncoder) {
        let mut offset = 0;
        for Region { buffer, offset_bytes, size_bytes } in program.outputs.iter().map(|port| port.region) {
            let source = &self.buffers[buffer];
            encoder.copy_buffer_to_buffer(source, offset_bytes, &self.readback, offset, size_bytes);
            offset += size_bytes;
        }
        if let Some(Timestamps { queries, resolved, .. }) = &self.timestamps {
            let passes = self.passes(program) as u32;
            encoder.resolve_query_set(queries, 0..2 * passes, resolved, 0);
            let size_bytes = u64::from(passes) * TIMESTAMP_BYTES;
            encoder.copy_buffer_to_buffer(resolved, 0, &self.readback, offset, size_bytes);
        }
    }

    fn read(&self, program: &Program) -> Result<Inferred, RunnerError> {
        const DOING: &str = "reading the outputs";
        let refused = |message: String| RunnerError::Engine { engine: "wgpu", doing: DOING, message };
        let (sender, mapped) = mpsc::channel();
        let size_bytes = program.readback_bytes() + self.passes(program) as u64 * TIMESTAMP_BYTES;
        let slice = self.readback.slice(..size_bytes);
        slice.map_async(wgpu::MapMode::Read, move |result| {
            // The receiver is gone only when waiting has failed already.
            let _ = sender.send(result);
        });
        self.device.wait(DOING)?;
        match mapped.try_recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(refused(error.to_string())),
            Err(_) => return Err(refused("the device is idle and the outputs are not there".to_owned())),
        }
        let range = slice.get_mapped_range().map_err(|error| refused(error.to_string()))?;
        let inferred = self.decode(program, &range)?;
        drop(range);
        self.readback.unmap();
        Ok(inferred)
    }

    fn decode(&self, program: &Program, bytes: &[u8]) -> Result<Inferred, RunnerError> {
        let (mut outputs, mut rest) = (BTreeMap::new(), bytes);
        for port in &program.outputs {
            let Port { name, region, .. } = port;
            let (own, others) = rest.split_at(region.size_bytes as usize);
            outputs.insert(name.clone(), port.decode(own).map_err(|source| self.plan_error(source))?);
            rest = others;
        }
        let period_ns = f64::from(self.device.queue.get_timestamp_period());
        let passes = rest.chunks(TIMESTAMP_BYTES as usize);
        let passes_ms: Vec<_> = passes.map(|timestamps| gpu_ms(timestamps, period_ns)).collect();
        let gpu_ms = self.timestamps.as_ref().and_then(|_| passes_ms.iter().copied().sum());
        Ok(Inferred { outputs, gpu_ms, dispatches_ms: if self.are_apart() { passes_ms } else { Vec::new() } })
    }
}

/// Milliseconds between two u64 of ticks; none where the clock went backwards.
fn gpu_ms(timestamps: &[u8], period_ns: f64) -> Option<f64> {
    let (words, _) = timestamps.as_chunks::<8>();
    let [begin, end] = words else { return None };
    let ticks = u64::from_le_bytes(*end).checked_sub(u64::from_le_bytes(*begin))?;
    Some(ticks as f64 * period_ns / NANOSECONDS_PER_MS)
}

/// For one pass, or for as many dispatches as have a pass each.
fn timestamps(gpu: &wgpu::Device, dispatches: Option<u32>) -> Timestamps {
    let passes = dispatches.unwrap_or(1);
    let queries = gpu.create_query_set(&wgpu::QuerySetDescriptor {
        label: Some("timestamps"),
        ty: wgpu::QueryType::Timestamp,
        count: 2 * passes,
    });
    let usage = BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC;
    let resolved = create_sized(gpu, "timestamps", u64::from(passes) * TIMESTAMP_BYTES, usage);
    Timestamps { queries, resolved, apart: dispatches.is_some() }
}

fn create(gpu: &wgpu::Device, buffer: &shaders::Buffer) -> wgpu::Buffer {
    let usage = match buffer.role {
        BufferRole::Weights | BufferRole::State => BufferUsages::STORAGE | BufferUsages::COPY_DST,
        BufferRole::Arena => BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
    };
    create_sized(gpu, &buffer.label, buffer.size_bytes, usage)
}

fn create_sized(gpu: &wgpu::Device, label: &str, size: u64, usage: BufferUsages) -> wgpu::Buffer {
    gpu.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
}

fn compile(gpu: &wgpu::Device, kernel: &Kernel) -> wgpu::ComputePipeline {
    let entries: Vec<_> =
        (0..).zip(&kernel.bindings).map(|(binding, access)| layout_entry(binding, *access)).collect();
    let descriptor = wgpu::BindGroupLayoutDescriptor { label: Some(&kernel.label), entries: &entries };
    let layout = gpu.create_bind_group_layout(&descriptor);
    let layout = gpu.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        bind_group_layouts: &[Some(&layout)],
        ..Default::default()
    });
    let source = wgpu::ShaderSource::Wgsl(kernel.wgsl.to_string().into());
    let module =
        gpu.create_shader_module(wgpu::ShaderModuleDescriptor { label: Some(&kernel.label), source });
    gpu.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(&kernel.label),
        layout: Some(&layout),
        module: &module,
        entry_point: Some(kernel.entry_point),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &kernel.constants,
            ..Default::default()
        },
        cache: None,
    })
}

fn layout_entry(binding: u32, access: Access) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: access == Access::Read },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}

fn step(
    gpu: &wgpu::Device,
    dispatch: &Dispatch,
    pipelines: &[wgpu::ComputePipeline],
    buffers: &[wgpu::Buffer],
) -> BoundDispatch {
    let bind = |region: &Region| wgpu::BufferBinding {
        buffer: &buffers[region.buffer],
        offset: region.offset_bytes,
        size: std::num::NonZeroU64::new(region.size_bytes),
    };
    let entries: Vec<_> = (0..)
        .zip(&dispatch.bindings)
        .map(|(binding, region)| wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::Buffer(bind(region)),
        })
        .collect();
    let pipeline = pipelines[dispatch.kernel].clone();
    let layout = pipeline.get_bind_group_layout(0);
    let descriptor =
        wgpu::BindGroupDescriptor { label: Some(&dispatch.label), layout: &layout, entries: &entries };
    BoundDispatch {
        bind_group: gpu.create_bind_group(&descriptor),
        pipeline,
        workgroups: dispatch.workgroups,
    }
}
