//! The flags of `parallax history`.

use clap::Args;
use protocol::Target;

use super::OutputArgs;

/// The examples below its help.
pub const HISTORY_EXAMPLE: &str = "\
Examples:
  parallax history
  parallax history --model bert-tiny --target webgpu@chrome --metric first_inference_ms --json

Eight runs or more of the same thing tell where it changed: at which run, by how much, and what changed with it (browser, driver,
flags, model, Parallax). Where the drift control was taken with all of them, its ratio is what counts.";

/// Flags of `parallax history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// One model [default: all]
    #[arg(long)]
    pub model: Option<String>,
    /// One target [default: all]
    #[arg(long)]
    pub target: Option<Target>,
    /// What to look at
    #[arg(long, value_name = "METRIC", default_value = "latency_ms")]
    pub metric: String,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}
