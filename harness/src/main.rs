//! The command `parallax`: reads the command line, runs one command, says in one message what went wrong.

use std::process::ExitCode;

use clap::Parser;
use harness::cli::{Bench, Cli, Command};
use harness::error::Error;
use harness::exit::Exit;
use harness::interrupt::Interrupt;
use harness::process::{below, guard};
use harness::screen;
use harness::{
    bench, cache, compare, conformance, detect, diverge, draft, export, gate, history, import, matrix, merge,
    noise, predict, probe, profile, prune, publish, query, recommend, serve, sweep, tune,
};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Guard(args) = &cli.command {
        // What a guard does to its process takes one that has no other thread yet.
        return guard::stand(args);
    }
    #[cfg(unix)]
    keep_to_ourselves();
    // Without it, only what a killed guard leaves behind is not found.
    let _ = below::adopt_orphans();
    match protocol::cache::own_dir() {
        Some(_) => run(&cli.command),
        None => {
            screen::tell(&format!("parallax: {}", protocol::cache::HOMELESS));
            Exit::BadRequest.into()
        }
    }
}

/// Keeps what is written here and below, databases, caches and profiles, for the user who runs it alone.
#[cfg(unix)]
fn keep_to_ourselves() {
    use nix::sys::stat::{Mode, umask};
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

fn run(command: &Command) -> ExitCode {
    let filter = EnvFilter::try_from_env("PARALLAX_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let ended = Runtime::new().map_err(|error| Error::NothingRan(format!("cannot start threads: {error}")));
    let ended = ended.and_then(|runtime| {
        let ended = runtime.block_on(perform(command));
        // A command that was stopped does not wait for a hub.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(exit) => exit.into(),
        Err(error) => {
            screen::tell(&format!("parallax: {error}"));
            error.exit().into()
        }
    }
}

async fn perform(command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Sweep(args) => sweep::run(args).await,
        Command::Compare(args) => compare::run(args).await,
        Command::Noise(args) => noise::run(args).await,
        Command::History(args) => history::run(args),
        Command::Recommend(args) => recommend::run(args),
        Command::Predict(args) => predict::run(args),
        Command::Gate(args) => gate::run(args).await,
        Command::Conformance(args) => conformance::run(args).await,
        Command::Detect(args) => until_interrupted(detect::run(args)).await,
        Command::Diverge(args) => until_interrupted(diverge::run(args)).await,
        Command::Probe(args) => probe::run(args).await,
        Command::Tune(args) => tune::run(args).await,
        Command::Profile(args) => until_interrupted(profile::run(args)).await,
        Command::Bench(Bench::Matmul(args)) => bench::matmul::run(args).await,
        Command::Matrix(args) => matrix::run(args),
        Command::Report(args) => publish::run(args),
        Command::Merge(args) => merge::run(args),
        Command::Export(args) => export::run(args),
        Command::Prune(args) => prune::run(args),
        Command::Import(args) => import::run(args),
        Command::Query(args) => query::run(args),
        Command::Serve(args) => serve::run(args).await,
        Command::Cache(args) => cache::run(args),
        Command::Plan(args) => until_interrupted(draft::run(args)).await,
        // It has no runtime: main has run it.
        Command::Guard(_) => Ok(Exit::Success),
    }
}

/// Runs a command that keeps nothing of what is under way when the user stops it: what it opened ends as it is dropped.
async fn until_interrupted(command: impl Future<Output = Result<Exit, Error>>) -> Result<Exit, Error> {
    let mut interrupt = Interrupt::listen()?;
    tokio::select! {
        biased;
        () = interrupt.received() => Err(Error::Interrupted),
        ended = command => ended,
    }
}
