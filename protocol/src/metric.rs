//! The metrics: their names, units and which way is better.

use serde::{Deserialize, Serialize};

/// Something measured. The serialised name ends in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Reading, parsing and optimising the model, weights included.
    LoadMs,
    /// Making every pipeline (or compiled graph) of the model.
    CompileMs,
    /// Moving the weights to the device.
    UploadMs,
    /// The first inference after compiling.
    FirstInferenceMs,
    /// One inference in the steady state: inputs in host memory to outputs in host memory.
    LatencyMs,
    /// From the prompt in host memory to the first token in host memory.
    TimeToFirstTokenMs,
    /// Tokens per second after the first.
    TokensPerS,
    /// The part of an inference that the device spent on kernels, from timestamp queries.
    GpuMs,
    /// Bringing the outputs back, from the end of the device's work.
    ReadbackMs,
    /// Device memory that the plan holds: weights, activations and transfers.
    DeviceMemoryBytes,
    /// Resident memory of the browser's or the runner's processes, once the answer is in.
    ProcessMemoryBytes,
    /// WebAssembly memory of the page after the last sample: the most it ever had, for it never shrinks.
    WasmMemoryBytes,
    /// Inferences per second: batch divided by latency.
    ThroughputPerS,
}

impl Metric {
    /// Every metric, in the order in which they happen.
    pub const ALL: [Metric; 13] = [
        Metric::LoadMs,
        Metric::CompileMs,
        Metric::UploadMs,
        Metric::FirstInferenceMs,
        Metric::LatencyMs,
        Metric::TimeToFirstTokenMs,
        Metric::TokensPerS,
        Metric::GpuMs,
        Metric::ReadbackMs,
        Metric::DeviceMemoryBytes,
        Metric::ProcessMemoryBytes,
        Metric::WasmMemoryBytes,
        Metric::ThroughputPerS,
    ];

    /// The metric's name in tables, documents and the store.
    pub fn name(self) -> &'static str {
        match self {
            Metric::LoadMs => "load_ms",
            Metric::CompileMs => "compile_ms",
            Metric::UploadMs => "upload_ms",
            Metric::FirstInferenceMs => "first_inference_ms",
            Metric::LatencyMs => "latency_ms",
            Metric::TimeToFirstTokenMs => "time_to_first_token_ms",
            Metric::TokensPerS => "tokens_per_s",
            Metric::GpuMs => "gpu_ms",
            Metric::ReadbackMs => "readback_ms",
            Metric::DeviceMemoryBytes => "device_memory_bytes",
            Metric::ProcessMemoryBytes => "process_memory_bytes",
            Metric::WasmMemoryBytes => "wasm_memory_bytes",
            Metric::ThroughputPerS => "throughput_per_s",
        }
    }
}

/// What one inference took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// From inputs in host memory to the last output there.
    pub latency_ms: f64,
    /// From inputs in host memory to the outputs of the first program there: of a model that generates, the first token.
    pub first_program_ms: f64,
    /// On the device, where timestamps tell.
    pub gpu_ms: Option<f64>,
}

impl Timing {
    /// The timing as metrics; `tokens` are how many the model makes, if it does.
    pub fn metrics(&self, tokens: Option<usize>) -> Vec<(Metric, f64)> {
        let mut metrics = vec![(Metric::LatencyMs, self.latency_ms)];
        metrics.extend(self.gpu_ms.map(|gpu_ms| (Metric::GpuMs, gpu_ms)));
        if let Some(tokens) = tokens {
            metrics.push((Metric::TimeToFirstTokenMs, self.first_program_ms));
            let (steps, steps_ms) = (tokens.saturating_sub(1), self.latency_ms - self.first_program_ms);
            metrics.extend(
                (steps > 0 && steps_ms > 0.0).then(|| (Metric::TokensPerS, steps as f64 * 1e3 / steps_ms)),
            );
        }
        metrics
    }
}

/// All values taken of one metric in one trial, in the order they were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// What was measured.
    pub metric: Metric,
    /// The values, in the metric's unit.
    pub values: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_per_second_are_those_after_the_first() {
        let timing = Timing { latency_ms: 40.0, first_program_ms: 10.0, gpu_ms: None };
        let generating =
            [(Metric::LatencyMs, 40.0), (Metric::TimeToFirstTokenMs, 10.0), (Metric::TokensPerS, 500.0)];
        assert_eq!(timing.metrics(Some(16)), generating);
        assert_eq!(timing.metrics(Some(1)), generating[..2]);
        assert_eq!(timing.metrics(None), generating[..1]);
    }

    #[test]
    fn names_are_what_serde_writes() {
        for metric in Metric::ALL {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
    }
}
