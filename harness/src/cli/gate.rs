//! The flags of `parallax gate`.

use clap::Args;

use super::OutputArgs;
use crate::share::Share;

/// The examples below its help.
pub const GATE_EXAMPLE: &str = "\
Examples:
  parallax sweep plan.toml && parallax gate --against last-pass
  parallax gate --run last --against 0192ab --max-slowdown 10%
  parallax gate --against main.json --json
  parallax gate --against last-pass --allow-no-baseline    # in CI, where the first sweep has none before it

A slowdown fails where it is larger than --max-slowdown, surer than chance over all cells together, and larger than the noise
that earlier runs of the same thing show from each other. Times are ratios to the drift control of their run.

Exit codes:
  0  nothing is worse
  1  something is worse: what, by how much, since which run, and what changed between
  2  bad flags, no such run or file, or nothing to compare";

/// Flags of `parallax gate`.
#[derive(Debug, Args)]
pub struct GateArgs {
    /// What to hold it against: a run's identifier or the beginning of one, last-pass, a database, or a document of
    /// `parallax sweep --json`
    #[arg(long, value_name = "RUN|FILE|last-pass")]
    pub against: String,
    /// The sweep that is judged [default: the last one]
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// The slowdown that is let through
    #[arg(long, value_name = "P%", default_value = "5%", value_parser = Share::on_top)]
    pub max_slowdown: Share,
    /// Succeed where no earlier sweep passed, and say so, instead of refusing
    #[arg(long)]
    pub allow_no_baseline: bool,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}
