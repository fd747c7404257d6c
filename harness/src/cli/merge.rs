//! The flags of `parallax merge`.

use std::path::PathBuf;

use clap::Args;

/// The examples below its help.
pub const MERGE_EXAMPLE: &str = "\
Examples:
  parallax merge shard-*.duckdb --into all.duckdb && parallax report --db all.duckdb
  parallax merge parallax.duckdb from-a-friend/ --into both.duckdb
  parallax merge shard-1.duckdb shard-3.duckdb --into all.duckdb --partial --json

Runs and trials have identifiers of their own, so what is there already is added no second time. Of a run that had not ended in
one copy, the copy counts in which it had.

Exit codes:
  0  everything is there
  1  it is merged, and shards of a sweep are missing or did not finish (with --partial: 0)
  2  bad flags, a source that cannot be used, shards of different plans, or one run with two contents; nothing was merged";

/// Flags of `parallax merge`.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Databases of Parallax, and folders that `parallax export --parquet` made; none is changed
    #[arg(required = true, value_name = "FILE|DIR")]
    pub sources: Vec<PathBuf>,
    /// The database to add them to; made if it is not there
    #[arg(long, value_name = "FILE")]
    pub into: PathBuf,
    /// Merge shards of different plans too
    #[arg(long)]
    pub any: bool,
    /// Be content with some of a sweep's shards
    #[arg(long)]
    pub partial: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}
