//! The command `parallax`: reads the command line, runs one command, says in one message what went wrong.

use std::process::ExitCode;

use clap::Parser;
use harness::cli::{Bench, Cli, Command};
use harness::session::guard;
use harness::{conformance, detect, diverge, matmul, profile, sweep, versus};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("PARALLAX_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let ended = match &cli.command {
        Command::Sweep(args) => sweep::run(args).await,
        Command::Conformance(args) => conformance::run(args).await,
        Command::Detect(args) => detect::run(args).await,
        Command::Diverge(args) => diverge::run(args).await,
        Command::Profile(args) => profile::run(args).await,
        Command::Bench(Bench::Matmul(args)) => matmul::run(args).await,
        Command::Bench(Bench::Models(args)) => versus::run(args).await,
        Command::Guard(args) => return guard::stand(&args.command),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("parallax: {error}");
            error.exit().into()
        }
    }
}
