//! WGSL kernels of our own, and the planner that turns a static graph into a GpuPlan. Nothing in it touches a GPU.

pub mod plan;
pub mod site;

pub use plan::{Access, Buffer, BufferRole, Dispatch, GpuPlan, Kernel, Port, Region, Weight};
pub use site::{Host, Limits, Site};
