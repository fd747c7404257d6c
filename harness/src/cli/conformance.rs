//! The flags of `parallax conformance`.

use std::path::PathBuf;

use clap::Args;
use protocol::Target;

use super::{AdapterArgs, OutputArgs};

/// The examples below its help.
pub const CONFORMANCE_EXAMPLE: &str = "\
Examples:
  parallax conformance --targets webgpu@chrome,webgpu@firefox,wgpu:vulkan --document operators.md
  parallax conformance --targets wgpu:vulkan --tests 'test_add*,test_matmul*' --json
  parallax conformance --expect fixtures/node-tests.toml --update

A test fails when it gives a wrong answer, an error, a crash or no answer; one that needs an operator or an
element type that the target lacks is unsupported, and no failure unless --expect names a list on which it passes. A
test that passes though the list says it is unsupported is a failure too, until the list is written anew.";

/// Flags of `parallax conformance`.
#[derive(Debug, Args)]
pub struct ConformanceArgs {
    /// Targets: engine[:device][@browser], as in webgpu@chrome, wgpu:vulkan
    #[arg(long, value_delimiter = ',', value_name = "TARGET,..", required_unless_present = "expect")]
    pub targets: Vec<Target>,
    /// The adapter that the tests run on.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Tests to run, * and ? stand for anything [default: all]
    #[arg(long, value_delimiter = ',', value_name = "GLOB,..")]
    pub tests: Vec<glob::Pattern>,
    /// Write one test as a page that needs nothing of ours, NAME.html, for a report to a browser's makers
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tests", "document", "json", "adapters", "require_hardware"])]
    pub repro: Option<glob::Pattern>,
    /// Hold the targets to a list of what they do not support; without --targets, those of the list run
    #[arg(long, value_name = "FILE", conflicts_with = "repro")]
    pub expect: Option<PathBuf>,
    /// Write the list anew, as far as it was run
    #[arg(long, requires = "expect")]
    pub update: bool,
    /// Seconds that one test may take
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_s: u64,
    /// Write every operator with its status on each target to a Markdown file
    #[arg(long, value_name = "FILE")]
    pub document: Option<PathBuf>,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}
