//! Compiles every kernel of a plan at once: all pipelines are asked for before the first is awaited.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use futures_util::future::join_all;
use js_sys::{JsNullable, Number, Object, Reflect};
use shaders::{Access, Kernel};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    GpuBindGroupLayout, GpuBindGroupLayoutDescriptor, GpuBindGroupLayoutEntry, GpuBufferBindingLayout,
    GpuBufferBindingType, GpuComputePipeline, GpuComputePipelineDescriptor, GpuDevice, GpuPipelineLayout,
    GpuPipelineLayoutDescriptor, GpuProgrammableStage, GpuShaderModule, GpuShaderModuleDescriptor,
};

use crate::device::Device;
use crate::error::RuntimeError;

/// `GPUShaderStage.COMPUTE`.
const COMPUTE_STAGE: u32 = 4;

/// A compiled kernel.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The pipeline that a pass sets.
    pub pipeline: GpuComputePipeline,
    /// The layout that its bind groups are made with.
    pub layout: GpuBindGroupLayout,
}

/// A pipeline that the browser is compiling.
struct Pending {
    label: String,
    layout: GpuBindGroupLayout,
    pipeline: JsFuture<GpuComputePipeline>,
}

/// Compiles all `kernels`, in the order given.
///
/// # Errors
/// A shader module or layout that the browser refuses, the first kernel that does not compile, named; with the browser's
/// message.
pub async fn compile(device: &Device, kernels: &[Kernel]) -> Result<Vec<Pipeline>, RuntimeError> {
    let work = || {
        let mut parts = Parts { device, modules: HashMap::new(), layouts: HashMap::new() };
        kernels.iter().map(|kernel| parts.start(kernel)).collect::<Result<Vec<_>, _>>()
    };
    let pending = device.guarded("reading the shaders", 0, work).await?;
    let compiled = join_all(pending.into_iter().map(|pending| async move {
        let Pending { label, layout, pipeline } = pending;
        let pipeline =
            pipeline.await.map_err(|e| device.failure(&format!("compiling kernel {label}"), &e))?;
        Ok(Pipeline { pipeline, layout })
    }));
    compiled.await.into_iter().collect()
}

/// The parts that kernels share: one module per text, one layout per list of bindings.
struct Parts<'a> {
    device: &'a Device,
    modules: HashMap<&'a str, GpuShaderModule>,
    layouts: HashMap<&'a [Access], (GpuBindGroupLayout, GpuPipelineLayout)>,
}

impl<'a> Parts<'a> {
    fn start(&mut self, kernel: &'a Kernel) -> Result<Pending, RuntimeError> {
        let gpu = &self.device.gpu;
        let (group, layout) = match self.layouts.entry(&kernel.bindings) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(layouts(self.device, kernel)?),
        };
        let module = self.modules.entry(&kernel.wgsl).or_insert_with(|| module(gpu, kernel));
        let stage = GpuProgrammableStage::new(module);
        stage.set_entry_point(kernel.entry_point);
        stage.set_constants(&constants(kernel));
        let descriptor = GpuComputePipelineDescriptor::new(layout, &stage);
        descriptor.set_label(&kernel.label);
        let pipeline = JsFuture::from(gpu.create_compute_pipeline_async(&descriptor));
        Ok(Pending { label: kernel.label.clone(), layout: group.clone(), pipeline })
    }
}

fn module(gpu: &GpuDevice, kernel: &Kernel) -> GpuShaderModule {
    let descriptor = GpuShaderModuleDescriptor::new(&kernel.wgsl);
    descriptor.set_label(&kernel.label);
    gpu.create_shader_module(&descriptor)
}

fn layouts(
    device: &Device,
    kernel: &Kernel,
) -> Result<(GpuBindGroupLayout, GpuPipelineLayout), RuntimeError> {
    let entries: Vec<_> =
        (0..).zip(&kernel.bindings).map(|(binding, access)| entry(binding, *access)).collect();
    let group = device.gpu.create_bind_group_layout(&GpuBindGroupLayoutDescriptor::new(&entries));
    let group = group.map_err(|e| device.failure(&format!("laying out kernel {}", kernel.label), &e))?;
    let layout = GpuPipelineLayoutDescriptor::new(&[JsNullable::wrap(group.clone())]);
    Ok((group, device.gpu.create_pipeline_layout(&layout)))
}

fn entry(binding: u32, access: Access) -> GpuBindGroupLayoutEntry {
    let buffer = GpuBufferBindingLayout::new();
    buffer.set_type(match access {
        Access::Read => GpuBufferBindingType::ReadOnlyStorage,
        Access::ReadWrite => GpuBufferBindingType::Storage,
    });
    let entry = GpuBindGroupLayoutEntry::new(binding, COMPUTE_STAGE);
    entry.set_buffer(&buffer);
    entry
}

fn constants(kernel: &Kernel) -> Object<Number> {
    let constants = Object::new();
    for (name, value) in &kernel.constants {
        // Setting a property of a plain object does not throw.
        let _ = Reflect::set(&constants, &JsValue::from_str(name), &JsValue::from_f64(*value));
    }
    constants.unchecked_into()
}
