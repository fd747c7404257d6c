//! A stored sweep as it is published: the runs it is made of, their cases, and how it stands against an earlier one.

use super::attempts::Attempts;
use super::gate::Held;
use super::{CaseRow, Run};

/// One sweep, whole or put together from its shards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Published {
    /// The runs that it is made of: one, or one for each shard.
    pub runs: Vec<Run>,
    /// The shards that it should be made of, and is not.
    pub missing_shards: Vec<u32>,
    /// The cases of all of them.
    pub cases: Vec<CaseRow>,
    /// How it stands against an earlier one, where that was asked.
    pub held: Option<Held>,
}

impl Published {
    /// The attempts at each case.
    pub fn attempts(&self) -> Vec<Attempts<'_>> {
        Attempts::of(&self.cases)
    }

    /// The runs that did not come to their end.
    pub fn unfinished(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.state != "finished")
    }
}
