//! The flags that split a sweep over machines.

use clap::Args;

use crate::shard::{Shard, name};

/// Flags that split a sweep over machines.
#[derive(Debug, Clone, Default, Args)]
pub struct ShardArgs {
    /// Run this shard of the plan alone, its models of all: 2/5; all five in one database are one sweep
    #[arg(long, value_name = "N/OF")]
    pub shard: Option<Shard>,
    /// What tells this sweep from others of its plan, the same for all its shards [default: the CI's run]
    #[arg(long = "sweep", value_name = "NAME", value_parser = name::given)]
    pub name: Option<String>,
}
