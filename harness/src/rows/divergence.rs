//! A model on two targets with every value kept, node by node.

use protocol::{Adapter, Target, TracedNode};
use serde::Serialize;

/// Two runs of a model.
#[derive(Debug)]
pub struct Divergence<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The digest of its files.
    pub model_digest: &'a str,
    /// One target, whose graph gives the order.
    pub a: Ran<'a>,
    /// The other.
    pub b: Ran<'a>,
    /// How far apart a value may be, as a part of its own largest magnitude.
    pub tolerance: f64,
    /// True if our graph was run before fusion.
    pub unfused: bool,
    /// The nodes whose values both sides have.
    pub nodes: &'a [NodeDifference],
}

/// One of the two.
#[derive(Debug, Clone, Copy)]
pub struct Ran<'a> {
    /// The target.
    pub target: &'a Target,
    /// The adapter it ran on.
    pub adapter: &'a Adapter,
}

/// One node whose value both sides have.
#[derive(Debug, PartialEq, Serialize)]
pub struct NodeDifference {
    /// The node on side a.
    pub node: TracedNode,
    /// The value's name on side b.
    pub value_on_b: String,
    /// Type and shape on side a.
    pub tensor_type: String,
    /// How far apart the two are.
    pub comparison: Difference,
    /// The largest relative difference among what it was computed from; through nodes that only side a has, that of
    /// what they were computed from.
    pub inherited: f64,
    /// How many times the inherited difference its own is; none where nothing was inherited, or nothing differs.
    pub growth: Option<f64>,
    /// Where in the course of the difference it stands.
    pub finding: Finding,
    /// The nodes since the values compared before, which only side a has: a difference may come from any of them.
    pub unseen: Vec<String>,
}

/// One value on both sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Largest absolute difference; null in JSON where there is a fault.
    pub max_abs: f64,
    /// Largest difference as a part of [`Difference::magnitude`].
    pub relative: f64,
    /// Largest magnitude of an element on either side, numbers as good as infinite left out.
    pub magnitude: f64,
    /// Where the difference is largest, along each dimension; none where there is no difference at all.
    pub place: Option<Vec<usize>>,
    /// The two elements there.
    pub elements: Option<[f64; 2]>,
    /// The fault beyond rounding: another shape, a NaN on one side, integers that differ.
    pub fault: Option<String>,
}

/// A node's part in a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Within the tolerance.
    Agrees,
    /// Beyond it, though everything that it was computed from was within: this node is where they part.
    Parts,
    /// Beyond it, as something before it was already.
    Follows,
}

impl Finding {
    /// The word for it in documents and the store.
    pub fn name(self) -> &'static str {
        match self {
            Finding::Agrees => "agrees",
            Finding::Parts => "parts",
            Finding::Follows => "follows",
        }
    }
}
