//! `cargo xtask`: the repository's chores. Decides nothing about models, browsers or measurements.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[cfg(target_os = "linux")]
mod bundle;
mod checkout;
mod checks;
mod command;
mod demo;
mod fuzz;
mod geckodriver;
mod headless_shell;
mod libraries;
mod node_tests;
mod platform;
mod programs;
mod registry;
mod setup;
mod staging;
mod steps;
mod system;
mod toolchain;
mod wasm;

use programs::Burn;
use steps::Steps;

/// Sets a machine up for Parallax, builds it, runs the demo sweep and the tests.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    after_help = "Example:\n  cargo xtask sweep\n  cargo xtask check\n  cargo xtask test"
)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Fetches what is missing: wasm compiler, browsers, drivers, DuckDB, ONNX Runtime, ONNX's node tests. Does nothing twice.
    Setup,
    /// Builds wasm-runtime into www/pkg, and with Burn into www/pkg-burn.
    Wasm,
    /// Set-up and build, then `parallax sweep`: two models, WebGPU in two browsers, WebNN in a third, two native engines.
    #[command(after_help = "Example:\n  cargo xtask sweep --models bert-tiny --targets webgpu@firefox")]
    Sweep {
        /// Passed on to `parallax sweep`; --models, --targets and --db replace the defaults.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Set-up and build, then `parallax compare`: every family against onnxruntime-web, and the browser against
    /// the same plan run natively.
    #[command(
        after_help = "Example:\n  cargo xtask bench --models bert-tiny --rounds 5\n  cargo xtask bench --million-trials"
    )]
    Bench {
        /// The nine full-size models instead of the tiny ones: hours, where the adapter is a software one.
        #[arg(long)]
        full_size: bool,
        /// How often verdicts err, and nothing else.
        #[arg(long, value_name = "HOW", conflicts_with_all = ["full_size", "arguments"])]
        #[arg(num_args = 0..=1, default_missing_value = "simulated")]
        error_rates: Option<demo::ErrorRates>,
        /// How fast a million trials are loaded, asked about, merged and shown, and nothing else: about ten minutes; the
        /// databases stay in target/million-trials.
        #[arg(long, conflicts_with_all = ["full_size", "error_rates", "arguments"])]
        million_trials: bool,
        /// Passed on to `parallax compare`; --models and --pairs replace the defaults.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Quick checks between edits: formatting, lints and unit tests of all but Burn, and a model in Chrome.
    Check,
    /// Set-up and build, formatting, lints, every test. With arguments: no formatting, no lints.
    #[command(after_help = "Example:\n  cargo xtask test faults -- --nocapture")]
    Test {
        /// Passed on to `cargo test`, such as part of a test's name.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Makes one archive for Linux on x86-64 that runs without network, Rust or anything of ours: in target/bundle.
    #[cfg(target_os = "linux")]
    #[command(after_help = "Example:\n  cargo xtask bundle --models bert-tiny --with headless-shell")]
    Bundle(bundle::Wanted),
    /// Takes mutated ONNX files through the loader; keeps those that make it panic, hang or take all memory.
    #[command(after_help = "Example:\n  cargo xtask fuzz --minutes 10 --seed 7")]
    Fuzz {
        /// How long to hunt.
        #[arg(long, default_value_t = 10)]
        minutes: u64,
        /// Seed from which files are drawn: the same seed, the same files.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().chore) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(chore: Chore) -> Result<ExitCode> {
    anyhow::ensure!(protocol::cache::own_dir().is_some(), protocol::cache::HOMELESS);
    let mut steps = Steps::new();
    match chore {
        Chore::Setup => setup::everything(&mut steps)?,
        Chore::Wasm => {
            setup::wasm_compiler(&mut steps)?;
            wasm::build(&mut steps, Burn::Built)?;
        }
        Chore::Sweep { arguments } => return demo::sweep(&mut steps, arguments),
        Chore::Bench { error_rates: Some(how), .. } => demo::error_rates(&mut steps, how)?,
        Chore::Bench { million_trials: true, .. } => demo::million_trials(&mut steps)?,
        Chore::Bench { full_size, arguments, .. } => {
            return demo::bench(&mut steps, full_size, arguments);
        }
        #[cfg(target_os = "linux")]
        Chore::Bundle(wanted) => bundle::make(&mut steps, &wanted)?,
        Chore::Fuzz { minutes, seed } => return fuzz::run(&mut steps, minutes, seed),
        Chore::Check => checks::quickly(&mut steps)?,
        Chore::Test { arguments } => checks::run(&mut steps, &arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}
