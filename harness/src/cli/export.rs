//! The flags of `parallax export`.

use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;

/// The examples below its help.
pub const EXPORT_EXAMPLE: &str = "\
Examples:
  parallax export --parquet results
  parallax export --parquet results --run last
  parallax export --parquet for-everybody --public
  duckdb -c \"select metric, median from 'results/metrics/*/*.parquet'\"

An export holds every table, split by the month in which runs started, and `parallax merge` reads it back. With --public it holds
what is listed as public and nothing else: no name of a machine or a user, no path, no command line, no message.

Exit codes:
  0  it is written
  1  it cannot be written
  2  bad flags, a folder that holds something else, no such run, or a database that cannot be used";

/// Flags of `parallax export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The folder to write Parquet files into; an earlier export there is replaced
    #[arg(long, value_name = "DIR")]
    pub parquet: PathBuf,
    /// Runs: last, identifiers, or their beginnings [default: all]
    #[arg(long = "run", value_delimiter = ',', value_name = "RUN,..")]
    pub runs: Vec<String>,
    /// Write only what anybody may see
    #[arg(long)]
    pub public: bool,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}
