//! Set-up, build, then `parallax` with defaults for everything this machine should have: the demo sweep and the
//! benchmarks.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::command::{cargo, show};
use crate::programs::Burn;
use crate::steps::Steps;
use crate::{checkout, programs, setup};

type Defaults = [(&'static str, &'static str)];

/// Arguments of the sweep unless the caller says otherwise.
const SWEEP: &Defaults = &[
    ("--models", "bert-tiny,vit-tiny"),
    ("--targets", "webgpu@chrome,webgpu@firefox,webnn:cpu@headless-shell,wgpu:vulkan,onnxruntime:cpu"),
    ("--db", "parallax.duckdb"),
];

/// Arguments of the benchmark unless the caller says otherwise: every family against onnxruntime-web in the same
/// browser, and the browser against the same plan run natively.
const BENCH: &Defaults = &[
    (
        "--models",
        "bert-tiny,t5-tiny,llama-tiny,clip-tiny,vit-tiny,clap-tiny,whisper-tiny,wav2vec2-tiny,llava-tiny,\
         llava-next-tiny,xclip-tiny,qwen2-tiny,qwen3-tiny,detr-tiny",
    ),
    ("--pairs", PAIRS),
    // Fewer say nothing sure over a table as long.
    ("--rounds", "8"),
    // A side that has no answer in a minute has none.
    ("--timeout-s", "60"),
];

/// Arguments of the benchmark at full size, with as few inferences as give a time.
const FULL_SIZE_BENCH: &Defaults = &[
    (
        "--models",
        "bert-base-uncased,t5-small,clip-vit-base-patch32,vit-base-patch16-224,clap-htsat-unfused,\
         openai-whisper-tiny,wav2vec2-base,qwen2-0.5b,detr-resnet-50",
    ),
    ("--pairs", PAIRS),
    ("--samples", "1"),
    ("--rounds", "1"),
    ("--timeout-s", "3600"),
];

const PAIRS: &str = "webgpu@chrome/ort-webgpu@chrome,webgpu@firefox/ort-webgpu@firefox,\
                     webnn:cpu@headless-shell/ort-webnn:cpu@headless-shell,webgpu@chrome/wgpu:vulkan";

/// Runs the demo sweep and gives its exit code.
pub fn sweep(steps: &mut Steps, asked: Vec<String>) -> Result<ExitCode> {
    parallax(steps, &["sweep"], arguments(SWEEP, asked))
}

/// Runs the benchmark of whole models and gives its exit code.
pub fn bench(steps: &mut Steps, full_size: bool, asked: Vec<String>) -> Result<ExitCode> {
    // Hours are what was asked for.
    let (command, defaults) =
        if full_size { (&["compare", "--large"][..], FULL_SIZE_BENCH) } else { (&["compare"][..], BENCH) };
    parallax(steps, command, arguments(defaults, asked))
}

/// How rates of error are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ErrorRates {
    /// From numbers that are drawn: no browser, no model, a minute.
    Simulated,
    /// From latencies in browsers and natively: about an hour, in which nothing else should run. Databases of an earlier time in
    /// target/error-rates are taken as they are.
    Measured,
}

/// Prints how often verdicts err.
pub fn error_rates(steps: &mut Steps, how: ErrorRates) -> Result<()> {
    match how {
        ErrorRates::Simulated => {
            setup::for_building(steps)?;
            steps.loud("simulate: error rates", || show(&mut example("harness", "error_rates")?))
        }
        ErrorRates::Measured => {
            programs::ready(steps, Burn::KeptFresh)?;
            let mut measured = example("harness", "measured_error_rates")?;
            let kept = checkout::root()?.join("target/error-rates");
            measured.arg("--").arg(checkout::program("parallax")?).arg(kept);
            steps.loud("measure: error rates", || show(&mut measured))
        }
    }
}

/// Prints how fast a million trials are loaded, asked about, merged and shown.
pub fn million_trials(steps: &mut Steps) -> Result<()> {
    programs::ready(steps, Burn::KeptFresh)?;
    let (root, parallax) = (checkout::root()?, checkout::program("parallax")?);
    let folder = root.join("target/million-trials");
    steps.loud("measure: the store of a million trials", || {
        show(example("harness", "million_trials")?.arg("--").arg(&folder))
    })?;
    steps.loud("measure: the page over them", || {
        let mut page = example("end-to-end", "page_speed")?;
        show(page.arg("--").arg(parallax).arg(folder.join("million.duckdb")).arg(folder.join("page")))
    })
}

fn example(package: &str, name: &str) -> Result<Command> {
    let mut example = cargo();
    example.args(["run", "--release", "--package", package, "--example", name]);
    example.current_dir(checkout::root()?);
    Ok(example)
}

fn parallax(steps: &mut Steps, command: &[&str], arguments: Vec<String>) -> Result<ExitCode> {
    let burn = if wants_burn(&arguments) { Burn::Built } else { Burn::KeptFresh };
    programs::ready(steps, burn)?;
    println!("\n{}", steps.summary());
    let (root, parallax) = (checkout::root()?, checkout::program("parallax")?);
    let status = Command::new(&parallax).args(command).args(arguments).current_dir(root).status();
    let status = status.with_context(|| format!("cannot start {}", parallax.display()))?;
    // A signal leaves no code.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Returns whether a target among the arguments, or in a plan that they name, runs on Burn.
fn wants_burn(arguments: &[String]) -> bool {
    let is_burns = |target: &str| target.starts_with("burn:") || target.starts_with("wasm@");
    let ends = |letter: char| !(letter.is_alphanumeric() || "-:@".contains(letter));
    let plans = arguments.iter().filter(|argument| argument.ends_with(".toml"));
    let plans = plans.filter_map(|plan| std::fs::read_to_string(plan).ok());
    arguments.iter().cloned().chain(plans).any(|text| text.split(ends).any(is_burns))
}

/// The defaults that were not replaced, then what was asked for.
fn arguments(defaults: &Defaults, asked: Vec<String>) -> Vec<String> {
    let replaced = |flag: &str| asked.iter().any(|word| word.split('=').next() == Some(flag));
    let kept = defaults.iter().filter(|(flag, _)| !replaced(flag));
    let mut all: Vec<String> =
        kept.flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()]).collect();
    all.extend(asked);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_replaces_the_default() {
        let all = "--models bert-tiny,vit-tiny \
                   --targets webgpu@chrome,webgpu@firefox,webnn:cpu@headless-shell,wgpu:vulkan,onnxruntime:cpu \
                   --db parallax.duckdb";
        for (asked, expected) in [
            ("", all.to_owned()),
            ("--json", format!("{all} --json")),
            ("--models a --targets b --db=c", "--models a --targets b --db=c".to_owned()),
            ("--targets=b", "--models bert-tiny,vit-tiny --db parallax.duckdb --targets=b".to_owned()),
        ] {
            let words = asked.split_whitespace().map(str::to_owned).collect();
            assert_eq!(arguments(SWEEP, words).join(" "), expected, "{asked}");
        }
    }

    #[test]
    fn burn_is_built_where_a_target_asks_for_it() {
        let plan = std::env::temp_dir().join(format!("parallax-plan-{}.toml", std::process::id()));
        std::fs::write(&plan, "models = ['bert-tiny']\ntargets = ['webgpu@chrome', 'wasm@firefox']\n")
            .unwrap();
        for (words, expected) in [
            ("--targets webgpu@chrome,wgpu:vulkan", false),
            ("--targets webgpu@chrome,burn:cpu", true),
            ("--targets=wasm@chrome", true),
            ("--pairs wasm@chrome/ort-wasm@chrome", true),
            ("--pairs webgpu@chrome/ort-wasm@chrome", false),
            ("no-such-plan.toml", false),
            (&plan.display().to_string(), true),
        ] {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            assert_eq!(wants_burn(&words), expected, "{words:?}");
        }
        assert!(!wants_burn(&arguments(SWEEP, vec![])), "the demo needs no minutes of compiling Burn");
        std::fs::remove_file(plan).unwrap();
    }
}
