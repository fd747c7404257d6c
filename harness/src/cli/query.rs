//! The flags of `parallax query`.

use std::path::PathBuf;

use clap::Args;

/// The examples below its help.
pub const QUERY_EXAMPLE: &str = "\
Examples:
  parallax query \"select model_name, platform, browser, latency_ms from web_platform_tests where success\"
  parallax query --csv \"select * from hardware_results\" > results.csv
  parallax query --json --file question.sql | jq '.[0]'
  echo 'select count(*) from trials' | parallax query -
  parallax query --write \"delete from features where name = 'notes'\"

Of several statements all run, and the last one's rows are printed. docs/store.md lists the tables and views.

Exit codes:
  0  it is answered
  2  it is not right, or changes the database without --write; the database is as it was";

/// Flags of `parallax query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// What to ask, in the SQL of DuckDB; - reads it from standard input
    #[arg(value_name = "SQL", required_unless_present = "file", conflicts_with = "file")]
    pub sql: Option<String>,
    /// Read it from a file
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Let it change rows; what the tables are stays as it is
    #[arg(long)]
    pub write: bool,
    /// The database
    #[arg(long, value_name = "FILE", default_value = "parallax.duckdb")]
    pub db: PathBuf,
    /// The form of the rows
    #[command(flatten)]
    pub form: QueryForm,
}

/// Flags that say how rows are written; without one, they are a table.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct QueryForm {
    /// Print a line for each row, its fields apart by commas
    #[arg(long)]
    pub csv: bool,
    /// Print a list of objects, one for each row
    #[arg(long)]
    pub json: bool,
}
