//! The flags of `parallax report`.

use std::path::PathBuf;

use clap::Args;

use crate::share::Share;

/// The examples below its help.
pub const REPORT_EXAMPLE: &str = "\
Examples:
  parallax report
  parallax report --html report && open report/index.html
  parallax report --junit junit.xml --summary --github --against last-pass

Exit codes:
  0  it is written, whatever the sweep came to
  2  bad flags, no such run, or a database that cannot be used";

/// Flags of `parallax report`; with none that says where to, the table is printed.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The sweep: last, an identifier, or the beginning of one; of a sharded one, any of its shards
    #[arg(long, value_name = "RUN", default_value = "last")]
    pub run: String,
    /// Write pages to look at into this folder
    #[arg(long, value_name = "DIR")]
    pub html: Option<PathBuf>,
    /// Write the cases as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a summary in Markdown, to a file or, without one, to the job's summary of GitHub Actions
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub summary: Option<Option<PathBuf>>,
    /// Print what failed as annotations of GitHub Actions
    #[arg(long)]
    pub github: bool,
    /// Say what is worse than this: a run's identifier or the beginning of one, last-pass, a database, or a document of
    /// `parallax sweep --json`
    #[arg(long, value_name = "RUN|FILE|last-pass")]
    pub against: Option<String>,
    /// The slowdown that is let through
    #[arg(long, value_name = "P%", default_value = "5%", value_parser = Share::on_top, requires = "against")]
    pub max_slowdown: Share,
    /// The database that holds the results
    #[arg(long, value_name = "FILE", default_value = "parallax.duckdb")]
    pub db: PathBuf,
}
