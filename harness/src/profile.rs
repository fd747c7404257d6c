//! `parallax profile`: where the device's time goes, kernel by kernel.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use protocol::{DispatchTimes, Job, ProfileReport, Sampling, Target, Task};
use serde_json::{Value, json};

use crate::browser;
use crate::case::inference;
use crate::cli::{self, ProfileArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::lane::{Lane, NoAnswer, Unit};
use crate::model::{self, Model};
use crate::number;
use crate::plan::check_browser;
use crate::report::adapter_name;
use crate::report::columns::{Align, lay_out};
use crate::screen;
use crate::session::{Context, Place};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);
/// Kernels that a table names; a document has all.
const MOST_KERNELS: usize = 15;

/// Runs `parallax profile`.
///
/// # Errors
/// When a flag names what is not there, when the target cannot run the model or time it, or the report cannot be
/// written.
pub async fn run(args: &ProfileArgs) -> Result<Exit, Error> {
    let model = model::find(&args.model, Path::new(""), &cli::dimensions(&args.dimensions)).await?;
    let browsers = browser::known(&BTreeMap::new())?;
    check_browser(&args.target, &browsers)?;
    let context = Context::start(browsers).await?;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(TICK);
    spinner.set_message(format!("{} on {}", args.model, args.target));
    let unit = Profiling {
        model: &model,
        target: &args.target,
        samples: args.samples,
        limit: Duration::from_secs(args.timeout_s),
    };
    let ended = Lane::only(&context, unit).await;
    spinner.finish_and_clear();
    let report = ended.answer.map_err(|none| refused(&args.target, &none))?;
    if report.engine != args.target.engine {
        let message = format!("{}: it ran on {} instead", args.target, report.engine.name());
        return Err(Error::NothingRan(message));
    }
    let name = &model.manifest.name;
    let text =
        if args.json { document(name, &args.target, &report) } else { table(name, &args.target, &report) };
    screen::print(&text)?;
    Ok(Exit::Success)
}

/// A model run with a pass for every dispatch.
#[derive(Clone)]
struct Profiling<'a> {
    model: &'a Model,
    target: &'a Target,
    samples: u32,
    limit: Duration,
}

impl Unit for Profiling<'_> {
    type Report = ProfileReport;

    fn place(&self) -> Place {
        Place::of(self.target)
    }

    fn job(&self, context: &Context, id: u64) -> Job {
        let sampling = Sampling { samples: self.samples, ..Sampling::default() };
        let inference = inference(context, self.target, self.model, sampling, true);
        context.job_of(self.target, id, Task::Profile(inference))
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

fn refused(target: &Target, none: &NoAnswer) -> Error {
    Error::NothingRan(format!("{target} cannot be profiled ({}): {none}", none.verdict().name()))
}

/// All dispatches of one kernel.
#[derive(Debug, PartialEq)]
struct KernelTime<'a> {
    kernel: &'a str,
    /// How often it is dispatched in an inference.
    dispatches: f64,
    /// What these take together, in milliseconds.
    gpu_ms: f64,
    /// The node that takes most of it.
    node: &'a str,
}

/// The kernels of a report, the slowest first.
fn kernels(report: &ProfileReport) -> Vec<KernelTime<'_>> {
    let inferences = f64::from(report.inferences.max(1));
    let mut nodes: BTreeMap<&str, Vec<&DispatchTimes>> = BTreeMap::new();
    for dispatch in &report.dispatches {
        nodes.entry(&dispatch.name.kernel).or_default().push(dispatch);
    }
    let total_ms = |dispatch: &DispatchTimes| dispatch.gpu_ms.iter().sum::<f64>();
    let mut kernels: Vec<KernelTime<'_>> = nodes
        .into_iter()
        .map(|(kernel, dispatches)| KernelTime {
            kernel,
            dispatches: dispatches.iter().map(|dispatch| dispatch.gpu_ms.len()).sum::<usize>() as f64
                / inferences,
            gpu_ms: dispatches.iter().map(|dispatch| total_ms(dispatch)).sum::<f64>() / inferences,
            node: dispatches
                .iter()
                .max_by(|a, b| total_ms(a).total_cmp(&total_ms(b)))
                .map_or("", |slowest| &slowest.name.node),
        })
        .collect();
    kernels.sort_by(|a, b| b.gpu_ms.total_cmp(&a.gpu_ms));
    kernels
}

fn table(model: &str, target: &Target, report: &ProfileReport) -> String {
    let kernels = kernels(report);
    let all_ms: f64 = kernels.iter().map(|kernel| kernel.gpu_ms).sum();
    let share = |gpu_ms: f64| format!("{:.1} %", gpu_ms / all_ms.max(f64::MIN_POSITIVE) * 100.0);
    let heads = [
        ("kernel", Align::Left),
        ("dispatches", Align::Right),
        ("GPU time", Align::Right),
        ("share", Align::Right),
        ("slowest at", Align::Left),
    ];
    let row = |kernel: &KernelTime<'_>| {
        let dispatches = format!("{:.0}", kernel.dispatches);
        vec![
            kernel.kernel.to_owned(),
            dispatches,
            number::time(kernel.gpu_ms),
            share(kernel.gpu_ms),
            kernel.node.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = kernels.iter().take(MOST_KERNELS).map(row).collect();
    let mut lines = lay_out(&heads, &rows);
    let rest = kernels.get(MOST_KERNELS..).unwrap_or_default();
    if !rest.is_empty() {
        let rest_ms = rest.iter().map(|kernel| kernel.gpu_ms).sum();
        lines.push(format!("… and {} more: {}, {}", rest.len(), number::time(rest_ms), share(rest_ms)));
    }
    lines.push(String::new());
    lines.push(format!(
        "{model} on {target}, {}: {} on the device, the mean of {} inferences with a pass for every dispatch",
        adapter_name(&report.adapter),
        number::time(all_ms),
        report.inferences
    ));
    lines.join("\n")
}

fn document(model: &str, target: &Target, report: &ProfileReport) -> String {
    let kernels: Vec<Value> = kernels(report)
        .iter()
        .map(|kernel| {
            json!({
                "kernel": kernel.kernel, "dispatches": kernel.dispatches,
                "gpu_ms": kernel.gpu_ms, "slowest_at": kernel.node,
            })
        })
        .collect();
    let document = json!({
        "model": model, "target": target.to_string(), "adapter": report.adapter,
        "inferences": report.inferences, "kernels": kernels, "dispatches": report.dispatches,
    });
    format!("{document:#}")
}

#[cfg(test)]
mod tests {
    use protocol::{Adapter, DispatchName, Engine};

    use super::*;

    fn report() -> ProfileReport {
        let dispatch = |node: &str, kernel: &str, gpu_ms: &[f64]| DispatchTimes {
            name: DispatchName {
                program: "model".to_owned(),
                node: node.to_owned(),
                kernel: kernel.to_owned(),
                workgroups: [1; 3],
            },
            gpu_ms: gpu_ms.to_vec(),
        };
        ProfileReport {
            engine: Engine::Wgpu,
            device: None,
            adapter: Adapter { device: "llvmpipe".to_owned(), ..Adapter::default() },
            inferences: 2,
            dispatches: vec![
                dispatch("a", "softmax", &[1.0, 1.0]),
                dispatch("b", "matmul", &[2.0, 2.0]),
                dispatch("c", "matmul", &[4.0, 8.0]),
            ],
        }
    }

    #[test]
    fn kernels_are_added_up_and_the_slowest_comes_first() {
        let expected = [
            KernelTime { kernel: "matmul", dispatches: 2.0, gpu_ms: 8.0, node: "c" },
            KernelTime { kernel: "softmax", dispatches: 1.0, gpu_ms: 1.0, node: "a" },
        ];
        assert_eq!(kernels(&report()), expected);
    }

    #[test]
    fn the_table_and_the_document_say_the_same() {
        let target: Target = "wgpu:vulkan".parse().unwrap();
        let table = table("m", &target, &report());
        for part in ["matmul", "8.00 ms", "88.9 %", "11.1 %", "9.00 ms on the device", "llvmpipe"] {
            assert!(table.contains(part), "{part} is not in\n{table}");
        }
        let document: Value = serde_json::from_str(&document("m", &target, &report())).unwrap();
        assert_eq!(document["kernels"][0]["gpu_ms"], 8.0);
        assert_eq!(document["dispatches"][2]["gpu_ms"], json!([4.0, 8.0]));
    }
}
