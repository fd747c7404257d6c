//! The command line: every flag with its help and an example. It decides nothing.

mod adapter;
mod axes;
mod compare;
mod conformance;
mod export;
mod gate;
mod history;
mod import;
mod merge;
mod noise;
mod output;
mod predict;
mod progress;
mod prune;
mod query;
mod recommend;
mod report;
mod rounds;
mod serve;
mod shard;
mod tune;

use std::num::NonZeroU32;
use std::path::PathBuf;

pub use adapter::AdapterArgs;
pub use axes::AxesArgs;
use clap::{Args, Parser, Subcommand};
pub use compare::CompareArgs;
pub use conformance::ConformanceArgs;
pub use export::ExportArgs;
pub use gate::GateArgs;
pub use history::HistoryArgs;
pub use import::ImportArgs;
pub use merge::MergeArgs;
pub use noise::NoiseArgs;
pub use output::OutputArgs;
pub use predict::PredictArgs;
pub use progress::ProgressForm;
use protocol::Target;
pub use prune::PruneArgs;
pub use query::{QueryArgs, QueryForm};
pub use recommend::{Goal, RecommendArgs};
pub use report::ReportArgs;
pub use rounds::RoundsArgs;
pub use serve::ServeArgs;
pub use shard::ShardArgs;
pub use tune::TuneArgs;

use crate::model::Variant;
use crate::process::guard::GuardArgs;
use crate::tuning_file::TuningChoice;

const EXIT_CODES: &str = "\
Exit codes:
  0    all as expected; what this machine lacks does not count as long as something passed
  1    something failed: mismatch, error, timeout, crash or device-lost
  2    a bad plan, bad flags or a database that cannot be used; nothing was started
  3    nothing could run here
  130  stopped by Ctrl-C; finished rows are kept";

const SWEEP_EXAMPLE: &str = "\
Examples:
  parallax sweep --models bert-tiny,vit-tiny --targets webgpu@chrome,webgpu@firefox,onnxruntime:cpu
  parallax sweep --models hf:owner/repository --targets webgpu@chrome
  parallax sweep --models ./model.onnx --dimension sequence=128 --targets webgpu@chrome,wgpu:vulkan
  parallax sweep --models bert-tiny --batch 1,4 --dimension sequence=16,sequence=128 --targets webgpu@chrome
  parallax sweep --models bert-tiny --precision fp32,fp16 --features '' --features=-fusion --targets wgpu:vulkan
  parallax sweep plan.toml --samples 50 --json > result.json
  parallax sweep --models bert-tiny --targets webgpu@chrome,webgpu@firefox,wgpu:vulkan --adapter default,swiftshader
  parallax sweep plan.toml --shard 2/5 --db shard-2.duckdb

A plan:
  models = [\"bert-tiny\", \"./my-model\", \"hf:owner/repository\"]
  targets = [\"webgpu@chrome\", \"webgpu@beta\", \"wgpu:vulkan\"]
  samples = 50
  timeout_s = 120
  batch = [1, 4]
  [dimensions]
  sequence = [16, 128, 512]
  [browsers.beta]
  kind = \"chromium\"
  binary = \"/opt/chrome-beta/chrome\"";

const DETECT_EXAMPLE: &str = "\
Example:
  parallax detect --json | jq '.capabilities[] | select(.state == \"missing\")'";

const DIVERGE_EXAMPLE: &str = "\
Examples:
  parallax diverge --model bert-tiny --a webgpu@chrome --b onnxruntime:cpu
  parallax diverge --model ./my-model --a wgpu:vulkan --b burn:cpu --unfused --tolerance 1e-6 --json

Exit codes:
  0  the targets agree
  1  they are apart; the first node where they are is named
  2  bad flags; nothing was started
  3  a target could not run the model";

const PROBE_EXAMPLE: &str = "\
Example:
  parallax probe --targets webgpu@chrome,webgpu@firefox,wgpu:vulkan

What is found is kept, and `parallax profile` says which share of it each kernel reaches.";

const PROFILE_EXAMPLE: &str = "\
Examples:
  parallax profile --model bert-base-uncased --target webgpu@chrome
  parallax profile --model whisper-tiny --target wgpu:vulkan --samples 10 --json";

const MATRIX_EXAMPLE: &str = "\
Examples:
  parallax matrix --baseline wgpu:vulkan
  parallax matrix --run last --markdown > matrix.md
  parallax matrix --run 01a2,01b7 --csv
  parallax merge from-a/ from-b/ --into all.duckdb && parallax matrix --db all.duckdb --run all --html matrix";

const MATMUL_EXAMPLE: &str = "\
Example:
  parallax bench matmul --browsers chrome,firefox --sizes 512,1024";

const PLAN_EXAMPLE: &str = "\
Examples:
  parallax plan --for ci
  parallax plan --for bert-tiny --output plan.toml && parallax sweep plan.toml";

const CACHE_EXAMPLE: &str = "\
Example:
  parallax cache --clear";

/// Sweeps machine-learning models through browsers and native engines, checks the answers and keeps the numbers.
#[derive(Debug, Parser)]
#[command(name = "parallax", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one command")]
pub enum Command {
    /// Run every model on every target, print the table, keep all numbers in a database.
    #[command(after_help = format!("{SWEEP_EXAMPLE}\n\n{EXIT_CODES}"))]
    Sweep(SweepArgs),
    /// Put two targets side by side, model by model, and say which is faster, or that it is not sure.
    #[command(after_help = compare::COMPARE_EXAMPLE)]
    Compare(CompareArgs),
    /// Hold targets against themselves, and say which differences this machine cannot tell from none.
    #[command(after_help = noise::NOISE_EXAMPLE)]
    Noise(NoiseArgs),
    /// Hold a sweep against an earlier one, and fail where an answer, a capability or a time is worse.
    #[command(after_help = gate::GATE_EXAMPLE)]
    Gate(GateArgs),
    /// Look for change points over all runs, and name the run where each began.
    #[command(after_help = history::HISTORY_EXAMPLE)]
    History(HistoryArgs),
    /// Say where a model runs best, by stored results, with the evidence.
    #[command(after_help = recommend::RECOMMEND_EXAMPLE)]
    Recommend(RecommendArgs),
    /// Say what models would take where they never ran, with an honest interval.
    #[command(after_help = predict::PREDICT_EXAMPLE)]
    Predict(PredictArgs),
    /// Run the ONNX project's own node tests, and say which pass, fail or are not supported, target by target.
    #[command(after_help = format!("{}\n\n{EXIT_CODES}", conformance::CONFORMANCE_EXAMPLE))]
    Conformance(ConformanceArgs),
    /// Say which browsers and engines are here, what they run on, and how to get what is missing.
    #[command(after_help = DETECT_EXAMPLE)]
    Detect(DetectArgs),
    /// Measure what adapters could do at most: memory bandwidth, and f32, f16 and int8 rates.
    #[command(after_help = PROBE_EXAMPLE)]
    Probe(ProbeArgs),
    /// Run a model with every dispatch timed, and name the kernels that take the device's time.
    #[command(after_help = PROFILE_EXAMPLE)]
    Profile(ProfileArgs),
    /// Measure which way to cut each class of kernels is the fastest in a place, and keep what is better than the table.
    #[command(after_help = tune::TUNE_EXAMPLE)]
    Tune(TuneArgs),
    /// Run a model on two targets with every value kept, and name the first operator after which they disagree.
    #[command(after_help = DIVERGE_EXAMPLE)]
    Diverge(DivergeArgs),
    /// Show models by targets from stored results: how each ended, and how many times as fast as a baseline it is.
    #[command(after_help = MATRIX_EXAMPLE)]
    Matrix(MatrixArgs),
    /// Write a stored sweep for people and for CI: pages, JUnit XML, a summary, annotations.
    #[command(after_help = report::REPORT_EXAMPLE)]
    Report(ReportArgs),
    /// Add the results of other databases and exports to one: shards of a sweep, or what others measured.
    #[command(after_help = merge::MERGE_EXAMPLE)]
    Merge(MergeArgs),
    /// Write stored results as files that other tools read, and that others may have.
    #[command(after_help = export::EXPORT_EXAMPLE)]
    Export(ExportArgs),
    /// Ask the database in SQL, and see the rows.
    #[command(after_help = query::QUERY_EXAMPLE)]
    Query(QueryArgs),
    /// Take results from files into the database: another machine's sweeps, another program's measurements.
    #[command(after_help = import::IMPORT_EXAMPLE)]
    Import(ImportArgs),
    /// Remove old runs from the database, and give their space back.
    #[command(after_help = prune::PRUNE_EXAMPLE)]
    Prune(PruneArgs),
    /// Show the last sweep as a page in a browser, while it runs and after.
    #[command(after_help = serve::SERVE_EXAMPLE)]
    Serve(ServeArgs),
    /// Time one thing against a reference runtime.
    #[command(subcommand, after_help = MATMUL_EXAMPLE)]
    Bench(Bench),
    /// Write a plan to start from, for what this machine has.
    #[command(after_help = PLAN_EXAMPLE)]
    Plan(PlanArgs),
    /// Show what bare ONNX files were completed to and how much it takes, or clear it.
    #[command(after_help = CACHE_EXAMPLE)]
    Cache(CacheArgs),
    /// Run a command, and end it with everything it started once standard input hangs up.
    #[command(hide = true)]
    Guard(GuardArgs),
}

/// Things that `bench` can time.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// One square f32 matrix product in a browser: ours and onnxruntime-web's WebGPU, turn by turn.
    #[command(after_help = MATMUL_EXAMPLE)]
    Matmul(MatmulArgs),
}

/// Flags of `parallax sweep`. A flag overrides the plan.
#[derive(Debug, Clone, Default, Args)]
pub struct SweepArgs {
    /// A TOML file that says what to sweep; flags override it
    pub plan: Option<PathBuf>,
    /// Models: names of fixtures, folders with a model.toml, ONNX files, or hf:owner/repository[@revision][/path]
    #[arg(long, value_delimiter = ',', value_name = "MODEL,..")]
    pub models: Vec<String>,
    /// What is varied of the models
    #[command(flatten)]
    pub axes: AxesArgs,
    /// Targets: engine[:device][@browser], as in webgpu@chrome, webnn:cpu@edge, wgpu:vulkan
    #[arg(long, value_delimiter = ',', value_name = "TARGET,..")]
    pub targets: Vec<Target>,
    /// The adapter.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// How targets take turns
    #[command(flatten)]
    pub rounds: RoundsArgs,
    /// Jobs that may run at the same time; they measure each other, and rows say so [default: 1]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroU32>,
    /// Latency samples per case, after warm-up [default: 20; in rounds 5, and as many as a quarter of a second holds]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: Option<u32>,
    /// Seconds that one case may take, and completing one ONNX file before [default: 300]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_s: Option<u64>,
    /// Refuse what a target cannot run as a whole, instead of running it, or a part of it, elsewhere
    #[arg(long)]
    pub strict: bool,
    /// What kernels are cut by: default, stored (what `parallax tune` found in the same place), or a file of tunings
    #[arg(long, value_name = "default|stored|FILE")]
    pub tuning: Option<TuningChoice>,
    /// How it is split over machines
    #[command(flatten)]
    pub shard: ShardArgs,
    /// How it is shown while it runs, on standard error [default: bar on a terminal, quiet elsewhere]
    #[arg(long, value_name = "FORM")]
    pub progress: Option<ProgressForm>,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Flags of `parallax detect`.
#[derive(Debug, Args)]
pub struct DetectArgs {
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Flags of `parallax probe`.
#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Targets that run our kernels: webgpu@BROWSER, wgpu:vulkan
    #[arg(long, value_delimiter = ',', value_name = "TARGET,..", required = true)]
    pub targets: Vec<Target>,
    /// The adapter that is measured.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Seconds that one target may take
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_s: u64,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Flags of `parallax profile`.
#[derive(Debug, Args)]
pub struct ProfileArgs {
    /// The model: a fixture's name, a folder with a model.toml, an ONNX file, or hf:owner/repository[@revision][/path]
    #[arg(long)]
    pub model: String,
    /// Extents of dimensions that the model leaves open, by name or by input and axis (x.0=3)
    #[arg(long = "dimension", value_delimiter = ',', value_name = "NAME=N,..", value_parser = dimension)]
    pub dimensions: Vec<(String, usize)>,
    /// A target that runs our kernels, with timestamp queries
    #[arg(long, value_name = "TARGET")]
    pub target: Target,
    /// The adapter.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Inferences to profile, after one that does not count
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub samples: u32,
    /// Seconds that it may take
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_s: u64,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Flags of `parallax diverge`.
#[derive(Debug, Args)]
pub struct DivergeArgs {
    /// The model: a fixture's name, a folder with a model.toml, an ONNX file, or hf:owner/repository[@revision][/path]
    #[arg(long)]
    pub model: String,
    /// Extents of dimensions that the model leaves open, by name or by input and axis (x.0=3)
    #[arg(long = "dimension", value_delimiter = ',', value_name = "NAME=N,..", value_parser = dimension)]
    pub dimensions: Vec<(String, usize)>,
    /// One target; the table follows the order of its graph
    #[arg(long, value_name = "TARGET")]
    pub a: Target,
    /// The other
    #[arg(long, value_name = "TARGET")]
    pub b: Target,
    /// The adapter of both.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// How far apart a value may be, as a part of its own largest magnitude [default: the model's for fp32]
    #[arg(long, value_name = "X", value_parser = tolerance)]
    pub tolerance: Option<f64>,
    /// Run our graph before fusion: slower, but more values to compare with engines that fuse otherwise
    #[arg(long)]
    pub unfused: bool,
    /// Seconds that each target may take
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_s: u64,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}

fn tolerance(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "write a number like 1e-4".to_owned())?;
    let sound = number.is_finite() && number >= 0.0;
    sound.then_some(number).ok_or_else(|| "write a number of 0 or more".to_owned())
}

fn dimension(text: &str) -> Result<(String, usize), String> {
    let named = text.split_once('=').and_then(|(name, extent)| Some((name.to_owned(), extent.parse().ok()?)));
    named.filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
        "write a name and a number, as in height=224, or an input and an axis, as in x.0=3".to_owned()
    })
}

/// What the flags of a command that runs one model ask of it.
pub fn asked(dimensions: &[(String, usize)]) -> Variant {
    Variant { dimensions: dimensions.iter().cloned().collect(), precision: None }
}

/// Flags of `parallax plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What it is for: ci, full, a kind of models (audio, vision, text, multimodal), or a model
    #[arg(long = "for", value_name = "ci|full|KIND|MODEL")]
    pub purpose: String,
    /// The file to write it to, which must not be there; else it is printed
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Flags of `parallax cache`.
#[derive(Debug, Args)]
pub struct CacheArgs {
    /// Remove all of it; what is needed again is completed again
    #[arg(long)]
    pub clear: bool,
}

/// Flags of `parallax matrix`.
#[derive(Debug, Args)]
pub struct MatrixArgs {
    /// Sweeps: last, all, identifiers, or their beginnings; of several, a cell is that of the latest that has it
    #[arg(long = "run", value_delimiter = ',', value_name = "RUN,..", default_value = "last")]
    pub runs: Vec<String>,
    /// The target that speed-ups are over [default: the first]
    #[arg(long, value_name = "TARGET")]
    pub baseline: Option<Target>,
    /// The database that holds the results
    #[arg(long, value_name = "FILE", default_value = "parallax.duckdb")]
    pub db: PathBuf,
    /// The form of the matrix
    #[command(flatten)]
    pub form: MatrixForm,
}

/// Flags that say how a matrix is written; without one, it is for the terminal.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct MatrixForm {
    /// Print a table for a document
    #[arg(long)]
    pub markdown: bool,
    /// Print a line for each cell, its fields apart by commas
    #[arg(long)]
    pub csv: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
    /// Write a page to look at into this folder: a cell for each kind of hardware, with filters
    #[arg(long, value_name = "DIR")]
    pub html: Option<PathBuf>,
}

/// Flags of `parallax bench matmul`.
#[derive(Debug, Args)]
pub struct MatmulArgs {
    /// Browsers to run it in
    #[arg(long, value_delimiter = ',', value_name = "BROWSER,..", default_value = "chrome,firefox")]
    pub browsers: Vec<String>,
    /// Rows and columns of both matrices
    #[arg(long, value_delimiter = ',', value_name = "SIZE,..", default_value = "512,1024",
          value_parser = clap::value_parser!(u32).range(1..=8192))]
    pub sizes: Vec<u32>,
    /// The adapter.
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Rounds after warm-up; each times both sides once
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// The database, and the form of the report
    #[command(flatten)]
    pub output: OutputArgs,
}

#[cfg(test)]
mod tests;
