//! The runs that one sweep was split over.

use std::collections::BTreeSet;

use serde::Serialize;

/// A sweep in several runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shards {
    /// How many there are, all together.
    pub of: u32,
    /// Those that are here, by number.
    pub runs: Vec<ShardRun>,
    /// The numbers of the others.
    pub missing: Vec<u32>,
    /// Runs that have the number of a missing one and the sweep's name, but went by another plan, or by other times of earlier
    /// runs: they did not agree with the rest about who runs what.
    pub disagreeing: Vec<ShardRun>,
}

/// One shard's run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShardRun {
    /// Its number, from 1.
    pub number: u32,
    /// The run's identifier.
    pub id: String,
    /// `finished`, `interrupted`, `failed`, or `running` when it was killed.
    pub state: String,
    /// The name of the machine that it ran on.
    pub host: Option<String>,
}

impl Shards {
    /// The shards of a sweep in so many runs that are here, by number; `others` have the sweep's name and are not of it.
    pub fn of(of: u32, runs: Vec<ShardRun>, others: Vec<ShardRun>) -> Shards {
        let here: BTreeSet<u32> = runs.iter().map(|run| run.number).collect();
        let is_missing = |number: &u32| !here.contains(number);
        let disagreeing = others.into_iter().filter(|run| is_missing(&run.number)).collect();
        Shards { of, runs, missing: (1..=of).filter(is_missing).collect(), disagreeing }
    }
}
