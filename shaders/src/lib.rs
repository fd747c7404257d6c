//! WGSL kernels of our own, and the planner that turns a static graph into a GpuPlan. Nothing in it touches a GPU.

pub mod device;
pub mod error;
mod kernels;
mod memory;
pub mod plan;
mod planner;
pub mod probes;
mod strides;
pub mod summary;
mod template;
pub mod transfer;
pub mod tuning;
mod views;
mod weights;
mod work;

pub use device::{DeviceProperties, Implementation, Limits};
pub use error::Error;
pub use plan::{Access, Buffer, BufferRole, Dispatch, GpuPlan, Kernel, Port, Program, Region, Weight};
pub use planner::{Part, Workload, plan, plan_parts, plan_pipeline, workloads, workloads_of_parts};
pub use summary::Memory;
pub use tuning::Tuning;
