//! Runs that were removed, or would be, as reports show them.

use serde::Serialize;

/// What pruning came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// True if nothing was removed: it was asked what would be.
    pub dry_run: bool,
    /// The runs that went, the earliest first.
    pub runs: Vec<PrunedRun>,
    /// Their trials, all together.
    pub trials: u64,
    /// Runs that were to go and stay, for they may still be under way.
    pub spared: Vec<PrunedRun>,
    /// Bytes that the file is smaller; nothing where it was not written.
    pub freed_bytes: Option<u64>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrunedRun {
    /// Its identifier.
    pub id: String,
    /// `sweep`, `detect`, ...
    pub kind: String,
    /// `finished`, `interrupted`, `failed` or `running`.
    pub state: String,
    /// ISO 8601, UTC.
    pub started_at: String,
    /// How many trials it has.
    pub trials: u64,
}
