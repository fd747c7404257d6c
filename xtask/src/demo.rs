//! Set-up, build, then `parallax` with defaults for everything this machine should have: the demo sweep and the
//! benchmarks.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::command::{cargo, show};
use crate::steps::Steps;
use crate::{checkout, setup, wasm};

type Defaults = [(&'static str, &'static str)];

/// What is swept unless the caller says otherwise.
const SWEEP: &Defaults = &[
    ("--models", "bert-tiny,vit-tiny"),
    (
        "--targets",
        "webgpu@chrome,webgpu@firefox,webnn:cpu@headless-shell,wgpu:vulkan,burn:cpu,onnxruntime:cpu",
    ),
    ("--db", "parallax.duckdb"),
];

/// What is timed unless the caller says otherwise: every family against onnxruntime-web in the same browser, and the
/// browser against the same plan run natively.
const BENCH: &Defaults = &[
    (
        "--models",
        "bert-tiny,t5-tiny,llama-tiny,clip-tiny,vit-tiny,clap-tiny,whisper-tiny,wav2vec2-tiny,llava-tiny,\
         llava-next-tiny,xclip-tiny,qwen2-tiny,qwen3-tiny,detr-tiny",
    ),
    ("--pairs", PAIRS),
    // A side that has no answer in a minute has none.
    ("--timeout-s", "60"),
];

/// The same at full size, as few inferences as give a time.
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
    let defaults = if full_size { FULL_SIZE_BENCH } else { BENCH };
    parallax(steps, &["bench", "models"], arguments(defaults, asked))
}

fn parallax(steps: &mut Steps, command: &[&str], arguments: Vec<String>) -> Result<ExitCode> {
    setup::everything(steps)?;
    wasm::build(steps)?;
    let root = checkout::root()?;
    let build = ["build", "--release", "--package", "harness", "--package", "native-runner"];
    steps.loud("build: parallax, native-runner", || show(cargo().args(build).current_dir(root)))?;
    let parallax =
        checkout::target_dir()?.join("release/parallax").with_extension(std::env::consts::EXE_EXTENSION);
    let status = Command::new(&parallax).args(command).args(arguments).current_dir(root).status();
    let status = status.with_context(|| format!("cannot start {}", parallax.display()))?;
    // A signal leaves no code.
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
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
                   --targets webgpu@chrome,webgpu@firefox,webnn:cpu@headless-shell,wgpu:vulkan,burn:cpu,onnxruntime:cpu \
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
}
