//! The flags of `parallax noise`.

use clap::Args;
use protocol::Target;

use super::{AdapterArgs, AxesArgs, OutputArgs, RoundsArgs};

/// The examples below its help.
pub const NOISE_EXAMPLE: &str = "\
Examples:
  parallax noise --models bert-tiny --targets webgpu@chrome,wgpu:vulkan
  parallax noise --run last --json";

/// Flags of `parallax noise`.
#[derive(Debug, Args)]
pub struct NoiseArgs {
    /// Models to measure now: names of fixtures, folders, ONNX files, or hf:owner/repository[@revision][/path]
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "MODEL,..",
        conflicts_with = "run",
        requires = "targets"
    )]
    pub models: Vec<String>,
    /// What is varied of the models that are measured
    #[command(flatten)]
    pub axes: AxesArgs,
    /// Targets to hold against themselves
    #[arg(long, value_delimiter = ',', value_name = "TARGET,..", requires = "models")]
    pub targets: Vec<Target>,
    /// The adapter that they are measured on.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// How targets take turns
    #[command(flatten)]
    pub rounds: RoundsArgs,
    /// Latency samples of each turn, after warm-up [default: 5, and as many as a quarter of a second holds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: Option<u32>,
    /// Take the results of this sweep: its identifier, the beginning of that, or last
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}
