//! The page's runtime: runs one job at a time, on a GpuPlan through the browser's own WebGPU, or on
//! onnxruntime-web. It never judges a result and never rejects: every failure is an answer.
//!
//! The browser's side exists where web-sys has WebGPU (`--cfg=web_sys_unstable_apis`, set by the build
//! command); without it the crate is only the parts that need no browser.

pub mod adapter;
pub mod error;
pub mod matmul;
pub mod placement;
pub mod refusal;

#[cfg(web_sys_unstable_apis)]
mod browser;
#[cfg(web_sys_unstable_apis)]
mod comparison;
#[cfg(web_sys_unstable_apis)]
mod completion;
#[cfg(web_sys_unstable_apis)]
mod detect;
#[cfg(web_sys_unstable_apis)]
mod device;
#[cfg(web_sys_unstable_apis)]
mod engine;
#[cfg(web_sys_unstable_apis)]
mod executor;
#[cfg(web_sys_unstable_apis)]
mod files;
#[cfg(web_sys_unstable_apis)]
mod inference;
#[cfg(web_sys_unstable_apis)]
mod job;
#[cfg(web_sys_unstable_apis)]
mod model;
#[cfg(web_sys_unstable_apis)]
mod node_tests;
#[cfg(web_sys_unstable_apis)]
mod onnxruntime_web;
#[cfg(web_sys_unstable_apis)]
mod pipelines;
#[cfg(web_sys_unstable_apis)]
mod probe;
#[cfg(web_sys_unstable_apis)]
mod profile;
#[cfg(web_sys_unstable_apis)]
mod reference_runtime;
#[cfg(web_sys_unstable_apis)]
mod setting;
#[cfg(web_sys_unstable_apis)]
mod timing;
#[cfg(web_sys_unstable_apis)]
mod trace;
#[cfg(web_sys_unstable_apis)]
mod tune;
#[cfg(all(web_sys_unstable_apis, feature = "burn"))]
mod wasm;
#[cfg(all(web_sys_unstable_apis, not(feature = "burn")))]
#[path = "wasm/absent.rs"]
mod wasm;
#[cfg(web_sys_unstable_apis)]
mod webgpu;
#[cfg(web_sys_unstable_apis)]
mod webnn;

pub use error::RuntimeError;
#[cfg(web_sys_unstable_apis)]
pub use job::run;
