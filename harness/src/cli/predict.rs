//! The flags of `parallax predict`.

use clap::Args;
use protocol::Target;

use super::OutputArgs;

/// The examples below its help.
pub const PREDICT_EXAMPLE: &str = "\
Examples:
  parallax predict
  parallax predict --models whisper-tiny --targets webgpu@firefox,wgpu:vulkan --json

Twelve results or more of some models on some targets tell what others of them would take; the interval holds nine in ten of the
results that are left out and predicted from the others. Measure what matters: a prediction is no result.";

/// Flags of `parallax predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Models to predict [default: all that ran anywhere]
    #[arg(long, value_delimiter = ',', value_name = "MODEL,..")]
    pub models: Vec<String>,
    /// Targets to predict them on [default: all that ran anything]
    #[arg(long, value_delimiter = ',', value_name = "TARGET,..")]
    pub targets: Vec<Target>,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}
