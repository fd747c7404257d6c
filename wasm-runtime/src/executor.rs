//! Runs a GpuPlan: everything that can be made once is made once, and a run of a program is one command buffer
//! with one compute pass, one submit and one map.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select, try_join};
use futures_util::{StreamExt, TryStreamExt, stream};
use graph::Tensor;
use js_sys::Uint8Array;
use protocol::{Activity, DispatchName};
use shaders::{Buffer, BufferRole, Dispatch, GpuPlan, Port, Program, Region, Weight};
use wasm_bindgen::JsValue;
use web_sys::{
    GpuBindGroup, GpuBindGroupDescriptor, GpuBindGroupEntry, GpuBuffer, GpuBufferBinding,
    GpuBufferDescriptor, GpuCommandBuffer, GpuCommandEncoder, GpuComputePassDescriptor,
    GpuComputePassTimestampWrites, GpuComputePipeline, GpuQuerySet, GpuQuerySetDescriptor, GpuQueryType,
    gpu_buffer_usage, gpu_map_mode,
};

use crate::device::Device;
use crate::engine::{Inferred, Ready};
use crate::error::RuntimeError;
use crate::files::{Folder, REQUESTS};
use crate::pipelines::{self, Pipeline};
use crate::timing::{Clock, Course};

/// A plan on a device, ready for inferences.
pub struct Executor {
    model: String,
    device: Rc<Device>,
    plan: GpuPlan,
    buffers: Vec<GpuBuffer>,
    readback: GpuBuffer,
    readback_bytes: u64,
    timestamps: Option<Timestamps>,
    /// The steps of each program.
    steps: Vec<Vec<BoundDispatch>>,
    /// The programs whose commands the browser has found valid.
    proven: RefCell<BTreeSet<usize>>,
}

struct BoundDispatch {
    pipeline: GpuComputePipeline,
    bind_group: GpuBindGroup,
    workgroups: [u32; 3],
}

/// The begin and end of each pass, as two u64 in nanoseconds.
struct Timestamps {
    /// True if each dispatch has a pass of its own.
    apart: bool,
    queries: GpuQuerySet,
    resolved: GpuBuffer,
    size_bytes: u64,
}

const TIMESTAMP_BYTES: u64 = 16;
/// A query set holds at most 4096 timestamps (WebGPU, section 20.1), two for each dispatch.
const MOST_TIMED: usize = 2048;
const NANOSECONDS_PER_MS: f64 = 1e6;
/// Weights are uploaded in pieces of about so many bytes.
const PIECE_BYTES: usize = 16 << 20;
/// So many bytes are on the way to the device before it is waited for.
const IN_FLIGHT_BYTES: u64 = 64 << 20;

impl Executor {
    /// Makes the plan's buffers, and its pipelines while its weights move there from a folder. Nothing of the weights stays
    /// here.
    ///
    /// # Errors
    /// Out of memory, a kernel that does not compile, a weight that cannot be encoded, the loss of the device.
    pub async fn prepare(
        model: &str,
        device: Rc<Device>,
        mut plan: GpuPlan,
        folder: &Folder,
        course: &mut Course,
    ) -> Result<Self, RuntimeError> {
        course.turn_to(Activity::Upload);
        let weights = std::mem::take(&mut plan.weights);
        let wanted_bytes = plan.buffers.iter().map(|buffer| buffer.size_bytes).sum();
        let allocate = || plan.buffers.iter().map(|buffer| create(&device, buffer)).collect();
        let doing = format!("allocating the buffers of model \"{model}\"");
        let buffers: Vec<GpuBuffer> = device.guarded(&doing, wanted_bytes, allocate).await?;

        course.turn_to(Activity::Compile);
        let upload = Upload { model, device: &device, folder, buffers: &buffers };
        let (compile, upload) = (pipelines::compile(&device, &plan.kernels), upload.all(weights));
        // As long as pipelines are being made, the time is theirs.
        let pipelines = match select(pin!(compile), pin!(upload)).await {
            Either::Left((pipelines, upload)) => {
                course.turn_to(Activity::Upload);
                upload.await?;
                pipelines?
            }
            Either::Right((uploaded, compile)) => {
                uploaded?;
                compile.await?
            }
        };
        course.turn_to(Activity::Compile);
        let executor = Self::assemble(model, device, plan, buffers, &pipelines).await?;
        if executor.device.compiles_late {
            executor.dispatch_nothing().await?;
        }
        Ok(executor)
    }

    /// Dispatches every kernel over no workgroups, which has it compiled.
    async fn dispatch_nothing(&self) -> Result<(), RuntimeError> {
        const DOING: &str = "compiling the kernels";
        let work = || {
            let encoder = self.device.gpu.create_command_encoder();
            let pass = encoder.begin_compute_pass();
            for (program, step) in self.plan.first_uses() {
                let BoundDispatch { pipeline, bind_group, .. } = &self.steps[program][step];
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, Some(bind_group));
                pass.dispatch_workgroups_with_workgroup_count_y_and_workgroup_count_z(0, 1, 1);
            }
            pass.end();
            self.device.queue.submit(&[encoder.finish()]);
            Ok(())
        };
        self.device.guarded(DOING, 0, work).await?;
        self.device.wait(DOING, self.device.queue.on_submitted_work_done()).await.map(|_| ())
    }

    async fn assemble(
        model: &str,
        device: Rc<Device>,
        plan: GpuPlan,
        buffers: Vec<GpuBuffer>,
        pipelines: &[Pipeline],
    ) -> Result<Self, RuntimeError> {
        let readback_bytes = plan.readback_bytes() + TIMESTAMP_BYTES;
        let work = || {
            let bind = |dispatch| step(&device, dispatch, pipelines, &buffers);
            let steps = plan.programs.iter().map(|program| program.dispatches.iter().map(bind).collect());
            let steps: Vec<Vec<BoundDispatch>> = steps.collect();
            let timestamps =
                if device.has("timestamp-query") { Some(Timestamps::new(&device, None)?) } else { None };
            let usage = gpu_buffer_usage::MAP_READ | gpu_buffer_usage::COPY_DST;
            Ok((steps, timestamps, create_sized(&device, "readback", readback_bytes, usage)?))
        };
        let (steps, timestamps, readback) =
            device.guarded("binding the buffers", readback_bytes, work).await?;
        let (model, proven) = (model.to_owned(), RefCell::default());
        Ok(Executor { model, device, plan, buffers, readback, readback_bytes, timestamps, steps, proven })
    }

    /// The device it runs on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The plan it runs.
    pub fn plan(&self) -> &GpuPlan {
        &self.plan
    }

    /// Device memory held: weights, activations and transfers, in bytes.
    pub fn device_memory_bytes(&self) -> u64 {
        let buffers: u64 = self.plan.buffers.iter().map(|buffer| buffer.size_bytes).sum();
        let timestamps = self.timestamps.as_ref().map_or(0, |timestamps| timestamps.size_bytes);
        buffers + self.readback_bytes + timestamps
    }

    /// Returns whether inferences carry device times.
    pub fn has_timestamps(&self) -> bool {
        self.timestamps.is_some()
    }

    /// Writes a program's inputs.
    ///
    /// # Errors
    /// A value that cannot be encoded or was not planned for, or the browser's refusal.
    pub fn write_inputs(
        &self,
        program: usize,
        inputs: &BTreeMap<String, Tensor>,
    ) -> Result<(), RuntimeError> {
        for port in &self.plan.programs[program].inputs {
            if let Some(tensor) = inputs.get(&port.name) {
                write(&self.model, &self.device, &self.buffers, port.region, port.encode(tensor))?;
            }
        }
        Ok(())
    }

    /// Runs a program on the inputs written last. The first time it also waits until the browser says whether the
    /// commands are valid.
    ///
    /// # Errors
    /// The loss of the device, an error it reported, an output that cannot be decoded; what the browser refuses in
    /// the commands.
    pub async fn infer(&self, program: usize) -> Result<Inferred, RuntimeError> {
        if self.proven.borrow_mut().insert(program) {
            let (doing, held_bytes) = ("running the first inference", self.device_memory_bytes());
            let submitted = self.device.guarded(doing, held_bytes, || self.submit(program));
            let ((), inferred) = try_join(submitted, self.read(program)).await?;
            return Ok(inferred);
        }
        self.submit(program)?;
        self.read(program).await
    }

    /// Times each dispatch apart from now on: [`Inferred::dispatches_ms`]. Gives what they are, program by program.
    ///
    /// # Errors
    /// A device that cannot time them, or the browser's refusal.
    pub async fn time_apart(&mut self) -> Result<Vec<Vec<DispatchName>>, RuntimeError> {
        if self.timestamps.is_none() {
            return Err(RuntimeError::NotProfiled { reason: "the device has no timestamp-query" });
        }
        let dispatches = self.steps.iter().map(Vec::len).max().unwrap_or(0).max(1);
        if dispatches > MOST_TIMED {
            return Err(RuntimeError::NotProfiled { reason: "a program has more than 2048 dispatches" });
        }
        let device = &self.device;
        self.readback_bytes = self.plan.readback_bytes() + dispatches as u64 * TIMESTAMP_BYTES;
        let make = || {
            let usage = gpu_buffer_usage::MAP_READ | gpu_buffer_usage::COPY_DST;
            let readback = create_sized(device, "readback", self.readback_bytes, usage)?;
            Ok((readback, Timestamps::new(device, Some(dispatches as u32))?))
        };
        let (readback, timestamps) =
            device.guarded("making timestamp queries", self.readback_bytes, make).await?;
        (self.readback, self.timestamps) = (readback, Some(timestamps));
        Ok(self.plan.programs.iter().map(|program| self.names(program)).collect())
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

    /// The clock that times what this executor does.
    pub fn clock(&self) -> &Clock {
        &self.device.clock
    }

    fn submit(&self, program: usize) -> Result<(), RuntimeError> {
        let commands = self.encode(program).map_err(|e| self.device.failure("encoding the commands", &e))?;
        self.device.queue.submit(&[commands]);
        Ok(())
    }

    fn encode(&self, program: usize) -> Result<GpuCommandBuffer, JsValue> {
        let encoder = self.device.gpu.create_command_encoder();
        let steps = &self.steps[program];
        let of_a_pass = steps.len().div_ceil(self.passes(program)).max(1);
        for (number, steps) in (0..).zip(steps.chunks(of_a_pass)) {
            let descriptor = GpuComputePassDescriptor::new();
            if let Some(timestamps) = &self.timestamps {
                descriptor.set_timestamp_writes(&timestamps.writes(number));
            }
            let pass = encoder.begin_compute_pass_with_descriptor(&descriptor);
            for step in steps {
                let [x, y, z] = step.workgroups;
                pass.set_pipeline(&step.pipeline);
                pass.set_bind_group(0, Some(&step.bind_group));
                pass.dispatch_workgroups_with_workgroup_count_y_and_workgroup_count_z(x, y, z);
            }
            pass.end();
        }
        self.encode_copies(program, &encoder)?;
        Ok(encoder.finish())
    }

    /// How many passes a program takes.
    fn passes(&self, program: usize) -> usize {
        if self.are_apart() { self.steps[program].len() } else { 1 }
    }

    fn are_apart(&self) -> bool {
        self.timestamps.as_ref().is_some_and(|timestamps| timestamps.apart)
    }

    /// Outputs one after another into the readback buffer, timestamps last.
    fn encode_copies(&self, program: usize, encoder: &GpuCommandEncoder) -> Result<(), JsValue> {
        let mut offset = 0;
        for Port { region, .. } in &self.plan.programs[program].outputs {
            let source = &self.buffers[region.buffer];
            copy(encoder, (source, region.offset_bytes), (&self.readback, offset), region.size_bytes)?;
            offset += region.size_bytes;
        }
        if let Some(Timestamps { queries, resolved, .. }) = &self.timestamps {
            let passes = self.passes(program) as u32;
            encoder.resolve_query_set_with_u32(queries, 0, 2 * passes, resolved, 0);
            let size_bytes = u64::from(passes) * TIMESTAMP_BYTES;
            copy(encoder, (resolved, 0), (&self.readback, offset), size_bytes)?;
        }
        Ok(())
    }

    async fn read(&self, program: usize) -> Result<Inferred, RuntimeError> {
        const DOING: &str = "reading the outputs";
        let size =
            self.plan.programs[program].readback_bytes() + self.passes(program) as u64 * TIMESTAMP_BYTES;
        let size = size as f64;
        let mapped = self.readback.map_async_with_f64_and_f64(gpu_map_mode::READ, 0.0, size);
        self.device.wait(DOING, mapped).await?;
        self.device.check("running the kernels")?;
        let range = self.readback.get_mapped_range_with_f64_and_f64(0.0, size);
        let range = range.map_err(|e| self.device.failure(DOING, &e))?;
        let bytes = Uint8Array::new(&range).to_vec();
        self.readback.unmap();

        let (mut outputs, mut rest) = (BTreeMap::new(), bytes.as_slice());
        for port in &self.plan.programs[program].outputs {
            let (own, others) = rest.split_at(port.region.size_bytes as usize);
            let tensor = port.decode(own).map_err(|source| plan_error(&self.model, source))?;
            outputs.insert(port.name.clone(), tensor);
            rest = others;
        }
        let passes_ms: Vec<_> = rest.chunks(TIMESTAMP_BYTES as usize).map(elapsed_ms).collect();
        let gpu_ms = self.timestamps.as_ref().and_then(|_| passes_ms.iter().copied().sum());
        Ok(Inferred { outputs, gpu_ms, dispatches_ms: if self.are_apart() { passes_ms } else { Vec::new() } })
    }
}

impl Ready for Executor {
    async fn run(
        &mut self,
        program: usize,
        inputs: &BTreeMap<String, Tensor>,
    ) -> Result<Inferred, RuntimeError> {
        self.write_inputs(program, inputs)?;
        self.infer(program).await
    }

    /// Copies and maps what the last inference left, without another.
    async fn readback_ms(&mut self) -> Result<Option<f64>, RuntimeError> {
        let encoder = self.device.gpu.create_command_encoder();
        self.encode_copies(0, &encoder).map_err(|e| self.device.failure("encoding the copies", &e))?;
        self.device.queue.submit(&[encoder.finish()]);
        self.device.wait("waiting for the device", self.device.queue.on_submitted_work_done()).await?;
        let start = self.clock().now_ms();
        self.read(0).await?;
        Ok(Some(self.clock().now_ms() - start))
    }
}

impl Timestamps {
    /// For one pass, or for as many dispatches as have a pass each.
    fn new(device: &Device, dispatches: Option<u32>) -> Result<Self, RuntimeError> {
        let passes = dispatches.unwrap_or(1);
        let descriptor = GpuQuerySetDescriptor::new(2 * passes, GpuQueryType::Timestamp);
        let queries = device.gpu.create_query_set(&descriptor);
        let queries = queries.map_err(|e| device.failure("making a timestamp query", &e))?;
        let usage = gpu_buffer_usage::QUERY_RESOLVE | gpu_buffer_usage::COPY_SRC;
        let size_bytes = u64::from(passes) * TIMESTAMP_BYTES;
        let resolved = create_sized(device, "timestamps", size_bytes, usage)?;
        Ok(Timestamps { apart: dispatches.is_some(), queries, resolved, size_bytes })
    }

    fn writes(&self, pass: u32) -> GpuComputePassTimestampWrites {
        let writes = GpuComputePassTimestampWrites::new(&self.queries);
        writes.set_beginning_of_pass_write_index(2 * pass);
        writes.set_end_of_pass_write_index(2 * pass + 1);
        writes
    }
}

/// Milliseconds between two u64 of nanoseconds; none where the clock went backwards, which WebGPU allows.
fn elapsed_ms(timestamps: &[u8]) -> Option<f64> {
    let (words, _) = timestamps.as_chunks::<8>();
    let [begin, end] = words else { return None };
    let elapsed = u64::from_le_bytes(*end).checked_sub(u64::from_le_bytes(*begin))?;
    Some(elapsed as f64 / NANOSECONDS_PER_MS)
}

/// Weights on their way to the device.
struct Upload<'a> {
    model: &'a str,
    device: &'a Device,
    folder: &'a Folder,
    buffers: &'a [GpuBuffer],
}

impl Upload<'_> {
    /// Fetches the weights piece by piece, some ahead, and writes each as soon as it is there.
    async fn all(&self, weights: Vec<Weight>) -> Result<(), RuntimeError> {
        let pieces = weights.into_iter().flat_map(|weight| weight.pieces(PIECE_BYTES));
        let fetch = |piece: Weight| async move {
            let files = self.folder.gather(piece.constant.spans()).await?;
            Ok::<_, RuntimeError>((piece, files))
        };
        let mut fetched = pin!(stream::iter(pieces).map(fetch).buffered(REQUESTS));
        let mut in_flight_bytes = 0;
        while let Some((piece, mut files)) = fetched.try_next().await? {
            let put = |bytes: &[u8]| put(self.device, self.buffers, piece.region, bytes);
            piece.with_bytes(&mut files, put).map_err(|source| plan_error(self.model, source))??;
            in_flight_bytes += piece.region.size_bytes;
            if in_flight_bytes > IN_FLIGHT_BYTES {
                self.wait().await?;
                in_flight_bytes = 0;
            }
        }
        self.wait().await
    }

    async fn wait(&self) -> Result<(), RuntimeError> {
        let done = self.device.queue.on_submitted_work_done();
        self.device.wait("uploading the weights", done).await.map(|_| ())
    }
}

/// Writes an encoded tensor straight from wasm memory: the browser makes the only copy.
fn write(
    model: &str,
    device: &Device,
    buffers: &[GpuBuffer],
    region: Region,
    encoded: Result<Cow<'_, [u8]>, shaders::Error>,
) -> Result<(), RuntimeError> {
    put(device, buffers, region, &encoded.map_err(|source| plan_error(model, source))?)
}

fn put(device: &Device, buffers: &[GpuBuffer], region: Region, bytes: &[u8]) -> Result<(), RuntimeError> {
    let (buffer, offset) = (&buffers[region.buffer], region.offset_bytes as f64);
    let written = device.queue.write_buffer_with_f64_and_u8_slice(buffer, offset, bytes);
    written.map_err(|e| device.failure("writing to the device", &e))
}

fn plan_error(model: &str, source: shaders::Error) -> RuntimeError {
    RuntimeError::Plan { model: model.to_owned(), source }
}

fn create(device: &Device, buffer: &Buffer) -> Result<GpuBuffer, RuntimeError> {
    let usage = match buffer.role {
        BufferRole::Weights | BufferRole::State => gpu_buffer_usage::STORAGE | gpu_buffer_usage::COPY_DST,
        BufferRole::Arena => {
            gpu_buffer_usage::STORAGE | gpu_buffer_usage::COPY_DST | gpu_buffer_usage::COPY_SRC
        }
    };
    create_sized(device, &buffer.label, buffer.size_bytes, usage)
}

fn create_sized(
    device: &Device,
    label: &str,
    size_bytes: u64,
    usage: u32,
) -> Result<GpuBuffer, RuntimeError> {
    let limit = device.limits.max_buffer_size;
    if size_bytes > limit {
        let what = format!("buffer \"{label}\"");
        return Err(RuntimeError::LimitExceeded {
            what,
            wanted: size_bytes,
            limit_name: "maxBufferSize",
            limit,
        });
    }
    let descriptor = GpuBufferDescriptor::new_with_f64(size_bytes as f64, usage);
    descriptor.set_label(label);
    let buffer = device.gpu.create_buffer(&descriptor);
    buffer.map_err(|e| device.failure(&format!("allocating buffer \"{label}\" of {size_bytes} bytes"), &e))
}

fn step(
    device: &Device,
    dispatch: &Dispatch,
    pipelines: &[Pipeline],
    buffers: &[GpuBuffer],
) -> BoundDispatch {
    let Pipeline { pipeline, layout } = &pipelines[dispatch.kernel];
    let entries: Vec<_> =
        (0..).zip(&dispatch.bindings).map(|(binding, region)| bind(binding, *region, buffers)).collect();
    let descriptor = GpuBindGroupDescriptor::new(&entries, layout);
    descriptor.set_label(&dispatch.label);
    BoundDispatch {
        pipeline: pipeline.clone(),
        bind_group: device.gpu.create_bind_group(&descriptor),
        workgroups: dispatch.workgroups,
    }
}

fn bind(binding: u32, region: Region, buffers: &[GpuBuffer]) -> GpuBindGroupEntry {
    let resource = GpuBufferBinding::new(&buffers[region.buffer]);
    resource.set_offset_f64(region.offset_bytes as f64);
    resource.set_size_f64(region.size_bytes as f64);
    GpuBindGroupEntry::new_with_gpu_buffer_binding(binding, &resource)
}

type BufferOffset<'a> = (&'a GpuBuffer, u64);

fn copy(
    encoder: &GpuCommandEncoder,
    (source, source_offset): BufferOffset<'_>,
    (target, target_offset): BufferOffset<'_>,
    size_bytes: u64,
) -> Result<(), JsValue> {
    let [from, to, size] = [source_offset, target_offset, size_bytes].map(|bytes| bytes as f64);
    encoder.copy_buffer_to_buffer_with_f64_and_f64_and_f64(source, from, target, to, size)
}
