//! The request to run a model, alone or as part of another.

use serde::{Deserialize, Serialize};

use crate::features::Features;
use crate::manifest::Manifest;
use crate::sampling::Sampling;
use crate::tuning::TunedRows;

/// Run a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inference {
    /// Where the model folder is: a URL that ends in `/` for a page, a directory for a subprocess.
    pub location: String,
    /// The folder's `model.toml`, already read.
    pub manifest: Manifest,
    /// How to measure.
    pub sampling: Sampling,
    /// True if an engine refuses what it cannot run as a whole, instead of leaving parts of it to others.
    #[serde(default)]
    pub strict: bool,
    /// The optimisations that are on.
    #[serde(default)]
    pub features: Features,
    /// Rows that go before those of the tuning table, and the adapter that they hold for.
    #[serde(default)]
    pub tuning: Option<TunedRows>,
}
