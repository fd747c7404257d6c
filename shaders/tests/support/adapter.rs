//! Runs plans on whatever Vulkan adapter the machine has, the software one included.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use graph::Tensor;
use graph::constant::NoFiles;
use shaders::{Access, BufferRole, GpuPlan, Kernel, Region};
use wgpu::{BufferUsages, PollType};

/// A device, made once for all tests of a binary.
pub struct Device {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

/// A plan with its buffers and pipelines.
pub struct Ready<'a> {
    device: &'a Device,
    plan: &'a GpuPlan,
    buffers: Vec<wgpu::Buffer>,
    steps: Vec<(wgpu::ComputePipeline, wgpu::BindGroup, [u32; 3])>,
}

/// The device all tests share.
pub fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN;
        let instance = wgpu::Instance::new(descriptor);
        let adapter = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()))
            .expect(
                "no Vulkan adapter was found: install mesa-vulkan-drivers, which has one that needs no GPU",
            );
        let descriptor = wgpu::DeviceDescriptor {
            required_features: adapter.features() & wgpu::Features::SHADER_F16,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .expect("the adapter refused a device with default limits");
        Device { device, queue }
    })
}

impl Device {
    /// Makes everything a plan needs and uploads its weights. Arenas start as NaN, so that what nothing writes
    /// cannot look right by chance.
    pub fn prepare<'a>(&'a self, plan: &'a GpuPlan) -> Ready<'a> {
        let buffers: Vec<_> = plan.buffers.iter().map(|buffer| self.buffer(buffer.size_bytes)).collect();
        for (buffer, made) in plan.buffers.iter().zip(&buffers) {
            if buffer.role == BufferRole::Arena {
                self.queue.write_buffer(made, 0, &vec![0xff; buffer.size_bytes as usize]);
            }
        }
        for weight in &plan.weights {
            let buffer = &buffers[weight.region.buffer];
            let write = |bytes: &[u8]| self.queue.write_buffer(buffer, weight.region.offset_bytes, bytes);
            weight.with_bytes(&mut NoFiles, write).expect("weights can be encoded");
        }
        let pipelines: Vec<_> = plan.kernels.iter().map(|kernel| self.pipeline(kernel)).collect();
        let steps = plan.programs[0].dispatches.iter().map(|dispatch| {
            let pipeline = pipelines[dispatch.kernel].clone();
            let group = self.bind_group(&pipeline, &dispatch.bindings, &buffers);
            (pipeline, group, dispatch.workgroups)
        });
        let steps = steps.collect();
        Ready { device: self, plan, buffers, steps }
    }

    fn buffer(&self, size: u64) -> wgpu::Buffer {
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    fn pipeline(&self, kernel: &Kernel) -> wgpu::ComputePipeline {
        let entries: Vec<_> =
            (0..).zip(&kernel.bindings).map(|(binding, access)| layout_entry(binding, *access)).collect();
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let source = wgpu::ShaderSource::Wgsl(kernel.wgsl.to_string().into());
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
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

    fn bind_group(
        &self,
        pipeline: &wgpu::ComputePipeline,
        regions: &[Region],
        buffers: &[wgpu::Buffer],
    ) -> wgpu::BindGroup {
        let entries: Vec<_> = (0..)
            .zip(regions)
            .map(|(binding, region)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &buffers[region.buffer],
                    offset: region.offset_bytes,
                    size: std::num::NonZeroU64::new(region.size_bytes),
                }),
            })
            .collect();
        let layout = pipeline.get_bind_group_layout(0);
        self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout,
            entries: &entries,
        })
    }

    fn wait(&self) {
        self.device.poll(PollType::wait_indefinitely()).expect("the device works");
    }
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

impl Ready<'_> {
    /// Writes the inputs, in the plan's order.
    pub fn write(&self, inputs: &[(String, Tensor)]) {
        for (port, (_, tensor)) in self.plan.programs[0].inputs.iter().zip(inputs) {
            let bytes = port.encode(tensor).expect("inputs can be encoded");
            self.device.queue.write_buffer(
                &self.buffers[port.region.buffer],
                port.region.offset_bytes,
                &bytes,
            );
        }
    }

    /// Runs the plan once, and says how long that took.
    pub fn run(&self) -> Duration {
        self.run_times(1)
    }

    /// Runs the plan so many times in one submission, and says how long that took.
    pub fn run_times(&self, times: usize) -> Duration {
        self.device.wait();
        let start = Instant::now();
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for _ in 0..times {
            for (pipeline, group, [x, y, z]) in &self.steps {
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(*x, *y, *z);
            }
        }
        drop(pass);
        self.device.queue.submit([encoder.finish()]);
        self.device.wait();
        start.elapsed()
    }

    /// The outputs, in the plan's order.
    pub fn read(&self) -> Vec<Tensor> {
        let sizes = self.plan.programs[0].outputs.iter().map(|port| port.region.size_bytes);
        let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let size = sizes.sum();
        let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        let readback = self.device.device.create_buffer(&descriptor);
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        let mut offset = 0;
        for Region { buffer, offset_bytes, size_bytes } in
            self.plan.programs[0].outputs.iter().map(|port| port.region)
        {
            encoder.copy_buffer_to_buffer(&self.buffers[buffer], offset_bytes, &readback, offset, size_bytes);
            offset += size_bytes;
        }
        self.device.queue.submit([encoder.finish()]);
        readback
            .slice(..)
            .map_async(wgpu::MapMode::Read, |result| result.expect("the outputs can be mapped"));
        self.device.wait();
        let bytes = readback.slice(..).get_mapped_range().expect("the outputs are mapped");
        let mut rest = &bytes[..];
        let mut outputs = Vec::new();
        for port in &self.plan.programs[0].outputs {
            let (own, others) = rest.split_at(port.region.size_bytes as usize);
            outputs.push(port.decode(own).expect("outputs can be decoded"));
            rest = others;
        }
        outputs
    }
}
