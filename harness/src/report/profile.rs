//! A profiled run: the table of its kernels and the JSON document.

use std::collections::BTreeMap;

use protocol::DispatchTimes;
use serde_json::{Value, json};

use super::columns::{Align, lay_out};
use crate::adapter::adapter_name;
use crate::number;
use crate::rows::profile::Profile;

/// Kernels that a table names; a document has all.
const MOST_KERNELS: usize = 15;

/// All dispatches of one kernel.
#[derive(Debug, PartialEq)]
struct KernelTime<'a> {
    kernel: &'a str,
    /// How often it is dispatched in an inference.
    dispatches: f64,
    /// The milliseconds that these take together.
    gpu_ms: f64,
    /// The node that takes most of it.
    node: &'a str,
}

/// The kernels of a report, the slowest first.
fn kernels(report: &Profile) -> Vec<KernelTime<'_>> {
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

/// The table of kernels, the slowest first, and what they take together.
pub fn render(profile: &Profile) -> String {
    let kernels = kernels(profile);
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
        "{} on {}, {}: {} on the device, the mean of {} inferences with a pass for every dispatch",
        profile.model,
        profile.target,
        adapter_name(&profile.adapter),
        number::time(all_ms),
        profile.inferences
    ));
    lines.join("\n")
}

/// The run as one JSON document, every dispatch in it: fields are added as needed and never renamed.
pub fn document(profile: &Profile) -> String {
    let kernels: Vec<Value> = kernels(profile)
        .iter()
        .map(|kernel| {
            json!({
                "kernel": kernel.kernel, "dispatches": kernel.dispatches,
                "gpu_ms": kernel.gpu_ms, "slowest_at": kernel.node,
            })
        })
        .collect();
    let document = json!({
        "run": profile.run, "model": profile.model, "target": profile.target, "adapter": profile.adapter,
        "inferences": profile.inferences, "kernels": kernels, "dispatches": profile.dispatches,
    });
    format!("{document:#}")
}

#[cfg(test)]
mod tests {
    use protocol::{Adapter, DispatchName};

    use super::*;
    use crate::report::tests::run;

    fn profile() -> Profile {
        let dispatch = |node: &str, kernel: &str, gpu_ms: &[f64]| DispatchTimes {
            name: DispatchName {
                program: "model".to_owned(),
                node: node.to_owned(),
                kernel: kernel.to_owned(),
                workgroups: [1; 3],
            },
            gpu_ms: gpu_ms.to_vec(),
        };
        Profile {
            run: run(),
            model: "m".to_owned(),
            model_digest: String::new(),
            target: "wgpu:vulkan".to_owned(),
            facts: BTreeMap::new(),
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
        assert_eq!(kernels(&profile()), expected);
    }

    #[test]
    fn the_table_and_the_document_say_the_same() {
        let table = render(&profile());
        for part in ["matmul", "8.00 ms", "88.9 %", "11.1 %", "9.00 ms on the device", "llvmpipe"] {
            assert!(table.contains(part), "{part} is not in\n{table}");
        }
        let document: Value = serde_json::from_str(&document(&profile())).unwrap();
        assert_eq!(document["kernels"][0]["gpu_ms"], 8.0);
        assert_eq!(document["dispatches"][2]["gpu_ms"], json!([4.0, 8.0]));
    }
}
