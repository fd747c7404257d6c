//! Rows that the report page alone asks for.

/// What was asked of a case that its trials do not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedOf {
    /// Of the model: `bert`.
    pub family: Option<String>,
    /// Of the model: `text`.
    pub modality: Option<String>,
    /// Latency samples.
    pub samples: Option<u32>,
    /// True if nothing was to run elsewhere in its place.
    pub strict: bool,
}

/// What a kernel takes of one profiled inference.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelTime {
    /// The model's name.
    pub model: String,
    /// Where it was profiled.
    pub target: String,
    /// The adapter, by its names.
    pub adapter: String,
    /// The kernel.
    pub kernel: String,
    /// How often it is dispatched.
    pub dispatches: f64,
    /// Milliseconds on the device, all its dispatches together.
    pub gpu_ms: f64,
}
