//! Flags of `parallax tune`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::Args;
use protocol::Target;

use super::{AdapterArgs, OutputArgs};
use crate::suite::Suite;

pub const TUNE_EXAMPLE: &str = "\
Examples:
  parallax tune --suite audio --targets webgpu@chrome,webgpu@firefox
  parallax tune --models whisper-tiny --targets webgpu@chrome --json
  parallax tune --export tunings.json

A variant is kept only where it is faster more surely than noise could explain. Later sweeps of the same browser, version and
adapter run with it under --tuning stored, or with a file's under --tuning tunings.json.

Exit codes:
  0  measured, whatever came of it
  1  something went wrong on the way; what was found before is kept
  2  bad flags, or a file that is no tuning
  3  no target could be measured here
  130  stopped by Ctrl-C; what was found before is kept";

/// Flags of `parallax tune`.
#[derive(Debug, Args)]
pub struct TuneArgs {
    /// Models whose kernels are tuned: names of fixtures, folders, ONNX files, or hf:owner/repository[@revision][/path]
    #[arg(long, value_delimiter = ',', value_name = "MODEL,..", required_unless_present_any = ["suite", "export"])]
    pub models: Vec<String>,
    /// A set of models: audio
    #[arg(long, value_name = "SUITE")]
    pub suite: Option<Suite>,
    /// Targets that run our kernels in a browser: webgpu@BROWSER
    #[arg(long, value_delimiter = ',', value_name = "TARGET,..", required_unless_present_any = ["export"])]
    pub targets: Vec<Target>,
    /// The adapter.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Seconds after which no further round of one class of kernels is begun
    #[arg(long, value_name = "S", default_value = "20")]
    pub budget_s: NonZeroU64,
    /// Write what was found last in each place into this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["models", "suite", "targets"])]
    pub export: Option<PathBuf>,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}
