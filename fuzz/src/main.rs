//! `fuzz`: takes mutated ONNX files through the loader and the planner, and keeps those that make it panic, hang or take
//! more memory than any model here needs.

mod allocation;
mod corpus;
mod hunt;
mod load;
mod mutate;
mod wire;

use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use clap::Parser;

use corpus::Corpus;
use hunt::{Hunt, Tally};

/// Mutates the fixtures' ONNX files and takes them through the loader and the planner.
#[derive(Parser)]
#[command(after_help = "Example:\n  fuzz --seconds 600 --seed 7\n\n\
                        The exit code is 0 where every file was taken or refused, 1 where one ended badly.")]
struct Arguments {
    /// How long to hunt
    #[arg(long, value_name = "S", default_value_t = 60)]
    seconds: u64,
    /// Seed from which cases are drawn: the same seed, the same cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder whose ONNX files are mutated
    #[arg(long, value_name = "FOLDER", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures"))]
    fixtures: PathBuf,
    /// Where files that end badly are kept
    #[arg(long, value_name = "FOLDER", default_value = "fuzz-findings")]
    keep: PathBuf,
    /// Only say how this file ends
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "keep"])]
    replay: Option<PathBuf>,
    #[arg(long, hide = true)]
    worker: Option<u64>,
}

fn main() -> ExitCode {
    match perform(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fuzz: {error}");
            ExitCode::from(2)
        }
    }
}

fn perform(arguments: &Arguments) -> io::Result<ExitCode> {
    if let Some(path) = &arguments.replay {
        println!("{}", load::load(&std::fs::read(path)?, &Default::default()).name());
        return Ok(ExitCode::SUCCESS);
    }
    let corpus = Corpus::read(&arguments.fixtures)?;
    if let Some(first) = arguments.worker {
        allocation::limit();
        // The hunt has ended, and hears nothing any more.
        let _ = hunt::work(&corpus, arguments.seed, first);
        return Ok(ExitCode::SUCCESS);
    }
    for (path, stage) in corpus.stages() {
        println!("{:12} {}", stage.name(), path.display());
    }
    let program = std::env::current_exe()?;
    let worker = |first: u64| {
        let mut command = Command::new(&program);
        command.args(["--worker", &first.to_string(), "--seed", &arguments.seed.to_string(), "--fixtures"]);
        command.arg(&arguments.fixtures);
        command
    };
    let hunt = Hunt { corpus: &corpus, seed: arguments.seed, keep: &arguments.keep, worker: &worker };
    let tally = hunt.run(Instant::now() + Duration::from_secs(arguments.seconds))?;
    Ok(report(&tally))
}

fn report(tally: &Tally) -> ExitCode {
    let cases: u64 = tally.stages.values().chain(tally.findings.values().map(|(count, _)| count)).sum();
    let stages: Vec<String> = tally.stages.iter().map(|(stage, count)| format!("{count} {stage}")).collect();
    println!("{cases} files: {}; {} ways to end badly", stages.join(", "), tally.findings.len());
    for (what, (count, path)) in &tally.findings {
        println!("  {count} times {what}\n    {}", path.display());
    }
    if tally.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
