//! Properties of the device that a plan is made for, by which the tuning table chooses.

pub use protocol::tuning::Implementation;

/// The limits of an adapter that a plan has to keep to. Defaults are those WebGPU guarantees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is named as WebGPU names the limit")]
pub struct Limits {
    pub max_compute_workgroups_per_dimension: u32,
    pub max_compute_invocations_per_workgroup: u32,
    pub max_compute_workgroup_storage_size: u32,
    pub max_storage_buffers_per_shader_stage: u32,
    pub max_storage_buffer_binding_size: u64,
    pub max_buffer_size: u64,
    pub min_storage_buffer_offset_alignment: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_compute_workgroups_per_dimension: 65_535,
            max_compute_invocations_per_workgroup: 256,
            max_compute_workgroup_storage_size: 16_384,
            max_storage_buffers_per_shader_stage: 8,
            max_storage_buffer_binding_size: 128 << 20,
            max_buffer_size: 256 << 20,
            min_storage_buffer_offset_alignment: 256,
        }
    }
}

/// Everything about a device that changes a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceProperties {
    /// The WebGPU implementation.
    pub implementation: Implementation,
    /// True where the adapter is a CPU (SwiftShader, llvmpipe).
    pub software: bool,
    /// True where the adapter has the feature `shader-f16`.
    pub shader_f16: bool,
    /// The adapter's limits.
    pub limits: Limits,
}
