//! The flags that say where results are kept, and in which form they are shown.

use std::path::PathBuf;

use clap::Args;

/// The database, and the form of the report.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputArgs {
    /// The database that keeps the results; what adds some makes it where it is not there
    #[arg(long, value_name = "FILE", default_value = "parallax.duckdb")]
    pub db: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}
