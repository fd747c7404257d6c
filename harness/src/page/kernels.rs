//! What kernels take of the device's time, by the newest profile of each model on each target.

use serde::Serialize;

use crate::rows::page::KernelTime;

/// A kernel of a profiled inference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kernel {
    pub model: String,
    pub target: String,
    pub adapter: String,
    pub kernel: String,
    pub dispatches: f64,
    pub gpu_ms: f64,
    pub share: f64,
}

/// Kernels with their share of their profile.
pub fn of(times: Vec<KernelTime>) -> Vec<Kernel> {
    let of_profile = |one: &KernelTime| -> f64 {
        let alike = times.iter().filter(|other| other.model == one.model && other.target == one.target);
        alike.map(|other| other.gpu_ms).sum()
    };
    let totals: Vec<f64> = times.iter().map(of_profile).collect();
    let kernel = |(time, total): (KernelTime, f64)| {
        let KernelTime { model, target, adapter, kernel, dispatches, gpu_ms } = time;
        let share = if total > 0.0 { gpu_ms / total } else { 0.0 };
        Kernel { model, target, adapter, kernel, dispatches, gpu_ms, share }
    };
    times.into_iter().zip(totals).map(kernel).collect()
}
