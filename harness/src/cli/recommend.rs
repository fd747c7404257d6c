//! The flags of `parallax recommend`.

use clap::{Args, ValueEnum};

use super::OutputArgs;

/// The examples below its help.
pub const RECOMMEND_EXAMPLE: &str = "\
Examples:
  parallax recommend --model bert-tiny
  parallax recommend --model whisper-tiny --goal first-inference --json";

/// Flags of `parallax recommend`.
#[derive(Debug, Args)]
pub struct RecommendArgs {
    /// The model's name
    #[arg(long)]
    pub model: String,
    /// What is to be best
    #[arg(long, value_enum, default_value_t = Goal::Latency)]
    pub goal: Goal,
    /// Of this sweep alone: its identifier, the beginning of that, or last [default: each target's last results]
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What a place is to be best at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Goal {
    /// The least time for one inference in the steady state.
    Latency,
    /// The most items a second.
    Throughput,
    /// The least memory of all processes.
    Memory,
    /// The least time from nothing to the first answer.
    FirstInference,
    /// The least error.
    Accuracy,
}
