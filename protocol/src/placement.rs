//! The parts of a model that ran on other engines than the one asked for, and what that cost.

use serde::{Deserialize, Serialize};

use crate::target::Engine;

/// How a model was partitioned.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Placement {
    /// Nodes of the model, as the engine asked for has them.
    pub nodes: usize,
    /// Every node that ran on another engine.
    pub fallback_nodes: Vec<FallbackNode>,
    /// How often a run of each program goes from one engine to another.
    pub boundaries: usize,
    /// Bytes that went from one engine to another in one inference.
    pub copied_bytes: u64,
    /// The part of the time that inferences spent on the engine asked for, from 0 to 1.
    pub share: f64,
}

/// A node that ran on another engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackNode {
    /// Its name.
    pub node: String,
    /// The operator it computes.
    pub operator: String,
    /// The engine that ran it.
    pub engine: Engine,
    /// The reason that the engine asked for gives against it.
    pub reason: String,
}
