//! The flags of `parallax recommend`.

use std::path::PathBuf;

use clap::Args;

use crate::recommend::Goal;

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
    /// The database that keeps the results
    #[arg(long, value_name = "FILE", default_value = "parallax.duckdb")]
    pub db: PathBuf,
    /// Print one JSON document instead of the table
    #[arg(long)]
    pub json: bool,
}
