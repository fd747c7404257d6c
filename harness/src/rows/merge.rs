//! What merging came to: what each source added, and which shards of a sweep are there.

use serde::Serialize;

/// A merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// The database that holds everything now.
    pub into: String,
    /// True if it was not there before.
    pub made: bool,
    /// The sources, in the order given.
    pub sources: Vec<Added>,
    /// The sharded sweeps that the sources have parts of.
    pub sweeps: Vec<ShardedSweep>,
}

/// What a source added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Added {
    /// The source as it was named.
    pub path: String,
    /// Whether it is a database or an export.
    pub kind: SourceKind,
    /// The version of its tables.
    pub schema: i64,
    /// Its runs.
    pub runs: Counts,
    /// Runs that were there as they began, and are over now.
    pub runs_completed: usize,
    /// Its trials.
    pub trials: Counts,
    /// Its rows in all tables.
    pub rows: Counts,
}

/// The form of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A database.
    Database,
    /// A folder of Parquet files.
    Export,
    /// A folder of Parquet files without what is private.
    PublicExport,
}

/// So many things of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Those that are new.
    pub added: usize,
    /// Those that were there already.
    pub already_there: usize,
}

/// A sweep that was run in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShardedSweep {
    /// A digest of its plan.
    pub plan_digest: String,
    /// Its name among the sweeps of that plan.
    pub sweep: Option<String>,
    /// The shards that it was split into.
    pub shards: usize,
    /// Those of which there is no run.
    pub missing: Vec<usize>,
    /// Those whose run did not finish.
    pub unfinished: Vec<usize>,
    /// Those of which the sources have several runs.
    pub twice: Vec<Twice>,
}

/// A shard with several runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Twice {
    /// Its number, from 1.
    pub shard: usize,
    /// Its runs, the earliest first.
    pub runs: Vec<String>,
    /// The latest, which counts.
    pub counts: String,
}

impl Merged {
    /// Returns whether every sharded sweep is there as a whole.
    pub fn is_complete(&self) -> bool {
        self.sweeps.iter().all(|sweep| sweep.missing.is_empty() && sweep.unfinished.is_empty())
    }
}
