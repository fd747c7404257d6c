//! A profiled run: the table of its kernels and the JSON document.

use std::collections::BTreeMap;

use protocol::{DispatchTimes, Work};
use serde_json::{Value, json};

use super::adapter_name;
use super::columns::{Align, lay_out};
use crate::number;
use crate::rows::probe::Peaks;
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
    /// What these dispatches have to compute and to move; none where that of one is not known.
    work: Work,
}

impl KernelTime<'_> {
    /// The share of what the adapter could do: the least time that its work would take there, over the time it takes
    /// (Williams, Waterman and Patterson, "Roofline", 2009). None where its work or the adapter is not known.
    fn roofline(&self, peaks: Peaks) -> Option<f64> {
        roofline(self.work, self.gpu_ms, peaks)
    }
}

fn roofline(work: Work, gpu_ms: f64, peaks: Peaks) -> Option<f64> {
    least_ms(work, peaks).filter(|_| gpu_ms > 0.0).map(|least_ms| least_ms / gpu_ms)
}

/// The least time that work takes: that of its operations or of its bytes, whichever is more.
fn least_ms(work: Work, peaks: Peaks) -> Option<f64> {
    // A billion a second is a million a millisecond.
    let bytes_ms = work.bytes? / peaks.gb_per_s? / 1e6;
    match work.flops {
        Some(flops) => Some(bytes_ms.max(flops / peaks.gflop_per_s? / 1e6)),
        None => Some(bytes_ms),
    }
}

/// Of all these dispatches, each as often as it runs in an inference.
fn all_work(dispatches: &[&DispatchTimes], inferences: f64) -> Work {
    let sum = |of: fn(&Work) -> Option<f64>| -> Option<f64> {
        let runs = |dispatch: &DispatchTimes| dispatch.gpu_ms.len() as f64 / inferences;
        dispatches.iter().map(|dispatch| Some(of(&dispatch.name.work)? * runs(dispatch))).sum()
    };
    Work { flops: sum(|work| work.flops), bytes: sum(|work| work.bytes) }
}

/// The share of the roofline that the whole model reaches, and the part of its time that this is known for: the least
/// times of all kernels whose work is known over what these take.
fn whole(kernels: &[KernelTime<'_>], peaks: Peaks) -> Option<(f64, f64)> {
    let known = || kernels.iter().filter_map(|kernel| Some((least_ms(kernel.work, peaks)?, kernel.gpu_ms)));
    let (least_ms, known_ms) = known().fold((0.0, 0.0), |(least, all), (one, ms)| (least + one, all + ms));
    let all_ms: f64 = kernels.iter().map(|kernel| kernel.gpu_ms).sum();
    (known_ms > 0.0).then(|| (least_ms / known_ms, known_ms / all_ms))
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
            work: all_work(&dispatches, inferences),
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
        ("GFLOP/s", Align::Right),
        ("GB/s", Align::Right),
        ("of roofline", Align::Right),
        ("slowest at", Align::Left),
    ];
    let row = |kernel: &KernelTime<'_>| {
        let dispatches = format!("{:.0}", kernel.dispatches);
        vec![
            kernel.kernel.to_owned(),
            dispatches,
            number::time(kernel.gpu_ms),
            share(kernel.gpu_ms),
            rate(kernel.work.flops, kernel.gpu_ms),
            rate(kernel.work.bytes, kernel.gpu_ms),
            percent(kernel.roofline(profile.peaks)),
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
    lines.push(match (whole(&kernels, profile.peaks), profile.peaks == Peaks::default()) {
        (Some((share, known)), _) => format!(
            "{} of the roofline that `parallax probe` found, over {} of the time",
            percent(Some(share)),
            percent(Some(known))
        ),
        (None, true) => {
            format!("–  of the roofline: run `parallax probe --targets {}` first", profile.target)
        }
        (None, false) => "–  of the roofline: no kernel's work is known".to_owned(),
    });
    lines.join("\n")
}

/// Billions a second: `12.3`, or `–` for what is not known.
fn rate(work: Option<f64>, gpu_ms: f64) -> String {
    let rate = work.filter(|_| gpu_ms > 0.0).map(|work| work / gpu_ms / 1e6);
    rate.map_or("–".to_owned(), number::three_digits)
}

fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// The run as one JSON document, every dispatch in it: fields are added as needed and never renamed.
pub fn document(profile: &Profile) -> String {
    let kernels = kernels(profile);
    let whole = whole(&kernels, profile.peaks);
    let kernels: Vec<Value> = kernels
        .iter()
        .map(|kernel| {
            json!({
                "kernel": kernel.kernel, "dispatches": kernel.dispatches,
                "gpu_ms": kernel.gpu_ms, "slowest_at": kernel.node, "flops": kernel.work.flops,
                "bytes": kernel.work.bytes, "roofline_share": kernel.roofline(profile.peaks),
            })
        })
        .collect();
    let document = json!({
        "run": profile.run, "model": profile.model, "target": profile.target, "adapter": profile.adapter,
        "inferences": profile.inferences, "kernels": kernels, "dispatches": profile.dispatches,
        "peak_gb_per_s": profile.peaks.gb_per_s, "peak_gflop_per_s": profile.peaks.gflop_per_s,
        "roofline_share": whole.map(|(share, _)| share), "roofline_known_share": whole.map(|(_, known)| known),
    });
    format!("{document:#}")
}

#[cfg(test)]
mod tests {
    use protocol::{Adapter, DispatchName};

    use super::*;
    use crate::report::tests::run;

    fn profile() -> Profile {
        let work = |flops, bytes| Work { flops, bytes };
        let product = work(Some(8e6), Some(2e6));
        let dispatch = |node: &str, kernel: &str, gpu_ms: &[f64], work: Work| DispatchTimes {
            name: DispatchName {
                program: "model".to_owned(),
                node: node.to_owned(),
                kernel: kernel.to_owned(),
                workgroups: [1; 3],
                work,
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
                dispatch("a", "softmax", &[1.0, 1.0], work(None, Some(5e5))),
                dispatch("d", "sort", &[1.0, 1.0], work(None, None)),
                dispatch("b", "matmul", &[2.0, 2.0], product),
                dispatch("c", "matmul", &[4.0, 8.0], product),
            ],
            peaks: Peaks { gb_per_s: Some(1.0), gflop_per_s: Some(4.0) },
        }
    }

    #[test]
    fn kernels_are_added_up_and_the_slowest_comes_first() {
        let work = |flops, bytes| Work { flops, bytes };
        let expected = [
            KernelTime {
                kernel: "matmul",
                dispatches: 2.0,
                gpu_ms: 8.0,
                node: "c",
                work: work(Some(16e6), Some(4e6)),
            },
            KernelTime {
                kernel: "softmax",
                dispatches: 1.0,
                gpu_ms: 1.0,
                node: "a",
                work: work(None, Some(5e5)),
            },
            KernelTime { kernel: "sort", dispatches: 1.0, gpu_ms: 1.0, node: "d", work: work(None, None) },
        ];
        assert_eq!(kernels(&profile()), expected);
    }

    #[test]
    fn the_table_and_the_document_say_the_same() {
        let table = render(&profile());
        for part in [
            "matmul",
            "8.00 ms",
            "80.0 %",
            "10.0 %",
            "10.0 ms on the device",
            "llvmpipe",
            "2.00",
            "0.500",
            "50.0 %",
        ] {
            assert!(table.contains(part), "{part} is not in\n{table}");
        }
        let document: Value = serde_json::from_str(&document(&profile())).unwrap();
        assert_eq!(document["kernels"][0]["gpu_ms"], 8.0);
        assert_eq!(document["dispatches"][3]["gpu_ms"], json!([4.0, 8.0]));
    }

    #[test]
    fn a_share_of_the_roofline_stands_where_work_and_adapter_are_known() {
        let known = profile();
        // 16 MFLOP at 4 GFLOP/s and 4 MB at 1 GB/s take 4 ms each, and it took 8; 0.5 MB take 0.5 ms, and it took 1.
        let shares: Vec<_> = kernels(&known).iter().map(|kernel| kernel.roofline(known.peaks)).collect();
        assert_eq!(shares, [Some(0.5), Some(0.5), None]);
        assert_eq!(whole(&kernels(&known), known.peaks), Some((0.5, 0.9)));
        assert!(
            render(&known)
                .ends_with("50.0 % of the roofline that `parallax probe` found, over 90.0 % of the time")
        );
        let unknown = Profile { peaks: Peaks::default(), ..known };
        assert_eq!(whole(&kernels(&unknown), unknown.peaks), None);
        assert!(render(&unknown).ends_with("run `parallax probe --targets wgpu:vulkan` first"));
        let document: Value = serde_json::from_str(&document(&unknown)).unwrap();
        assert_eq!(document["kernels"][0]["flops"], 16e6);
        assert_eq!(document["kernels"][0]["roofline_share"], Value::Null);
    }
}
