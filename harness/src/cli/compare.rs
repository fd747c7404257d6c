//! The flags of `parallax compare`.

use clap::Args;

use super::{AdapterArgs, AxesArgs, OutputArgs, RoundsArgs};
use crate::pair::Pair;
use crate::share::Share;
use crate::side::Side;

/// The examples below its help.
pub const COMPARE_EXAMPLE: &str = "\
Examples:
  parallax compare --a webgpu@chrome --b webgpu@firefox --models bert-tiny,vit-tiny
  parallax compare --a webgpu@chrome --b wgpu:vulkan --run last
  parallax compare --a webgpu@chrome+run=0192ab --b webgpu@chrome+run=last --same-within 2%
  parallax compare --pairs webgpu@chrome/ort-webgpu@chrome,webgpu@firefox/ort-webgpu@firefox --models bert-tiny --json

A side is a target, and what else tells it from the other: +adapter=, +features=, +run=, +version= (the browser's),
+digest= (the model's). With --models both are measured now, in turns, until the ratio is known to 2 % or nothing more can
be learnt; without, the last results in the database are compared.

Exit codes:
  0  compared, whatever came of it
  1  something that was measured failed: a wrong answer, an error, a crash
  2  bad flags, or nothing that may be compared; each reason is told
  3  nothing that was to be measured could run here
  130  stopped by Ctrl-C; finished rows are kept";

/// Flags of `parallax compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// One side: a target, and what else tells it from the other, as in webgpu@chrome+adapter=swiftshader
    #[arg(long, value_name = "SIDE")]
    pub a: Option<Side>,
    /// The other
    #[arg(long, value_name = "SIDE")]
    pub b: Option<Side>,
    /// Several pairs of sides in one table
    #[arg(long, value_delimiter = ',', value_name = "SIDE/SIDE,..")]
    pub pairs: Vec<Pair>,
    /// Models to measure now: names of fixtures, folders, ONNX files, or hf:owner/repository[@revision][/path]
    #[arg(long, value_delimiter = ',', value_name = "MODEL,..", conflicts_with = "run")]
    pub models: Vec<String>,
    /// What is varied of the models that are measured
    #[command(flatten)]
    pub axes: AxesArgs,
    /// The adapter that they are measured on.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Compare the results of this sweep: its identifier, the beginning of that, or last
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// What to compare
    #[arg(long, value_name = "METRIC", default_value = "latency_ms")]
    pub metric: String,
    /// Up to which difference two things are the same
    #[arg(long, value_name = "P%", default_value = "3%")]
    pub same_within: Share,
    /// How targets take turns
    #[command(flatten)]
    pub rounds: RoundsArgs,
    /// Latency samples of each turn, after warm-up [default: 5, and as many as a quarter of a second holds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: Option<u32>,
    /// Seconds that one turn may take
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_s: u64,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}
