//! Measuring which way to cut a kernel's work is the fastest in a place.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capability::Adapter;
use crate::inference::Inference;
use crate::tuning::{Choice, Family, Implementation, ShapeClass};

/// Say which kernels models need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListKernels {
    /// The models, with what of the tuning goes before the table.
    pub models: Vec<Inference>,
}

/// Kernels of a family that are given one kind of shape: what a row of a tuning table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KernelClass {
    /// The family.
    pub family: Family,
    /// The kind of shape.
    pub class: ShapeClass,
}

impl fmt::Display for KernelClass {
    /// As in `matmul, large`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.family.name(), self.class.name())
    }
}

/// The kernels that models need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelList {
    /// The adapter that they would run on.
    pub adapter: Adapter,
    /// Each class of kernels, and what of it the models need.
    pub classes: Vec<NeededClass>,
}

/// What models need of a class of kernels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NeededClass {
    /// The class.
    #[serde(flatten)]
    pub class: KernelClass,
    /// Different shapes and operators.
    pub shapes: u32,
    /// Dispatches of all models.
    pub dispatches: u32,
}

/// Measure the variants of a class of kernels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tune {
    /// The models that need them.
    pub models: Vec<Inference>,
    /// The class.
    #[serde(flatten)]
    pub class: KernelClass,
    /// Workgroups that are measured to the end, however slow they are.
    #[serde(default)]
    pub kept: Vec<[u32; 2]>,
    /// Milliseconds after which no further round is begun.
    pub budget_ms: f64,
}

/// What the variants of a class of kernels took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TuneReport {
    /// The adapter.
    pub adapter: Adapter,
    /// The adapter in its own words, to which nobody has added anything.
    pub words: String,
    /// What the rows of a table tell places by.
    pub implementation: Implementation,
    /// True where the adapter is a CPU.
    pub software: bool,
    /// The class.
    #[serde(flatten)]
    pub class: KernelClass,
    /// Shapes and operators that were measured.
    pub shapes: u32,
    /// Shapes and operators that could not be, as messages.
    pub left_out: Vec<String>,
    /// Every variant; the first is what was chosen before.
    pub trials: Vec<Trial>,
}

/// What one variant took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The variant.
    pub choice: Choice,
    /// How it ended.
    pub end: TrialEnd,
    /// Milliseconds on the device that all dispatches of the class take together, round by round: variants with as many
    /// rounds had them in turn, the i-th of one beside the i-th of the other.
    pub rounds_ms: Vec<f64>,
    /// The same of the rounds that decide, which are none of those by which a variant was found.
    #[serde(default)]
    pub deciding_ms: Vec<f64>,
}

/// How far a variant came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TrialEnd {
    /// It was measured to the end.
    Measured,
    /// It was so many times slower than the best after so many shapes.
    Dropped {
        /// Shapes that it was measured on, the quickest first.
        shapes: u32,
        /// How many times as long as the best it took.
        times: f64,
    },
    /// The adapter or the planner refuses it.
    Refused {
        /// The reason.
        message: String,
    },
}
