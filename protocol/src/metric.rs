//! The metrics: their names, units and which way is better.

use serde::{Deserialize, Serialize};

/// Something measured. The serialised name ends in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Reading and parsing the model's folder; large weights stay where they are, unless the engine takes ONNX files.
    LoadMs,
    /// Opening the adapter and its device, the context or the engine's library; nothing where they are open already.
    OpenMs,
    /// From the model read to what the engine is going to run: static graphs at these inputs, optimised, and the
    /// dispatches or calls they become. None on engines that take ONNX files: they plan while they compile, in one
    /// call.
    PlanMs,
    /// Making every pipeline or compiled graph of the model, and what binds it. None on Burn, which walks the graph.
    CompileMs,
    /// Allocating memory on the device, and making the weights and moving them there, but for what is moved while pipelines
    /// are made: that time is theirs. None on engines that take ONNX files.
    UploadMs,
    /// The first inference after that.
    FirstInferenceMs,
    /// The inferences between the first and the first sample, all together.
    WarmUpMs,
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
    /// After the last sample: probing how long reading back takes, looking at what ran where, and comparing the outputs
    /// with those expected.
    InspectMs,
    /// From the job's arrival at the executor to its report: all of [`Metric::PARTS_OF_WALL`].
    WallMs,
    /// Device memory that the plan holds: weights, activations and transfers.
    DeviceMemoryBytes,
    /// Resident memory of the browser's or the runner's processes, once the answer is in.
    ProcessMemoryBytes,
    /// WebAssembly memory of the page after the last sample: the most it ever had, for it never shrinks.
    WasmMemoryBytes,
    /// Energy that went into the processors and boards whose counters can be read, for each inference: over the samples.
    EnergyJ,
    /// Power that went into them before the session's first job, while nothing ran.
    IdlePowerW,
    /// The part of the machine's processors that was busy, 1 for all of them: over the samples, whoever it was.
    CpuUtilisation,
    /// Inferences per second: batch divided by latency.
    ThroughputPerS,
}

impl Metric {
    /// Every metric, in the order in which they happen.
    pub const ALL: [Metric; 21] = [
        Metric::LoadMs,
        Metric::OpenMs,
        Metric::PlanMs,
        Metric::CompileMs,
        Metric::UploadMs,
        Metric::FirstInferenceMs,
        Metric::WarmUpMs,
        Metric::LatencyMs,
        Metric::TimeToFirstTokenMs,
        Metric::TokensPerS,
        Metric::GpuMs,
        Metric::ReadbackMs,
        Metric::InspectMs,
        Metric::WallMs,
        Metric::DeviceMemoryBytes,
        Metric::ProcessMemoryBytes,
        Metric::WasmMemoryBytes,
        Metric::EnergyJ,
        Metric::IdlePowerW,
        Metric::CpuUtilisation,
        Metric::ThroughputPerS,
    ];

    /// The metrics whose values, without those of the warm-up one by one, add up to [`Metric::WallMs`] within 2 %; what
    /// is missing lies between two inferences.
    pub const PARTS_OF_WALL: [Metric; 9] = [
        Metric::LoadMs,
        Metric::OpenMs,
        Metric::PlanMs,
        Metric::CompileMs,
        Metric::UploadMs,
        Metric::FirstInferenceMs,
        Metric::WarmUpMs,
        Metric::LatencyMs,
        Metric::InspectMs,
    ];

    /// The metric's name in tables, documents and the store.
    pub fn name(self) -> &'static str {
        match self {
            Metric::LoadMs => "load_ms",
            Metric::OpenMs => "open_ms",
            Metric::PlanMs => "plan_ms",
            Metric::CompileMs => "compile_ms",
            Metric::UploadMs => "upload_ms",
            Metric::FirstInferenceMs => "first_inference_ms",
            Metric::WarmUpMs => "warm_up_ms",
            Metric::LatencyMs => "latency_ms",
            Metric::TimeToFirstTokenMs => "time_to_first_token_ms",
            Metric::TokensPerS => "tokens_per_s",
            Metric::GpuMs => "gpu_ms",
            Metric::ReadbackMs => "readback_ms",
            Metric::InspectMs => "inspect_ms",
            Metric::WallMs => "wall_ms",
            Metric::DeviceMemoryBytes => "device_memory_bytes",
            Metric::ProcessMemoryBytes => "process_memory_bytes",
            Metric::WasmMemoryBytes => "wasm_memory_bytes",
            Metric::EnergyJ => "energy_j",
            Metric::IdlePowerW => "idle_power_w",
            Metric::CpuUtilisation => "cpu_utilisation",
            Metric::ThroughputPerS => "throughput_per_s",
        }
    }
}

/// When a value was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Before the state was steady.
    WarmUp,
    /// Once it was, and of all that is measured once.
    #[default]
    Measured,
}

impl Phase {
    /// The phase's name in documents and the store.
    pub fn name(self) -> &'static str {
        match self {
            Phase::WarmUp => "warm-up",
            Phase::Measured => "measured",
        }
    }
}

/// All values taken of one metric in one phase of a trial, in the order they were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// The metric that was measured.
    pub metric: Metric,
    /// When.
    #[serde(default)]
    pub phase: Phase,
    /// The values, in the metric's unit.
    pub values: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_serde_writes() {
        for metric in Metric::ALL {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
        }
        for phase in [Phase::WarmUp, Phase::Measured] {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.name());
        }
    }
}
