//! The flags of `parallax import`.

use std::path::PathBuf;

use clap::Args;

use super::OutputArgs;

/// The examples below its help.
pub const IMPORT_EXAMPLE: &str = "\
Examples:
  parallax import lab.json
  parallax sweep plan.toml --json > sweep.json && parallax import sweep.json --db all.duckdb
  parallax import results/*.json --json

A file holds what docs/schemas/import.schema.json describes, or what `parallax sweep --json` printed. Its records are checked one
by one; those that are not right are listed and left out. What is in the database already is not added again.

Exit codes:
  0  all of it is in the database
  1  some records or files are not
  2  bad flags, no file that can be read, or a database that cannot be used";

/// Flags of `parallax import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// JSON documents with results
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}
