//! The flags of `parallax serve`.

use std::path::PathBuf;

use clap::Args;

/// The examples below its help.
pub const SERVE_EXAMPLE: &str = "\
Examples:
  parallax serve
  parallax serve --db results.duckdb --port 8080

It prints the address of the page, which nobody else can guess, and goes on until Ctrl-C. A sweep that runs into the same
database is shown as it goes.";

/// Flags of `parallax serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The database that holds the results
    #[arg(long, value_name = "FILE", default_value = "parallax.duckdb")]
    pub db: PathBuf,
    /// The port on 127.0.0.1 [default: one that is free]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
}
