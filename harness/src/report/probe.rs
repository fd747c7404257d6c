//! What adapters could do at most: the table and the JSON document.

use protocol::{Probe, Timer};
use serde_json::{Value, json};

use super::columns::{Align, lay_out};
use crate::adapter::adapter_name;
use crate::number;
use crate::rows::probe::{ProbeRow, ProbedTarget, Probes};

/// A column: the probe, its head and its unit.
const COLUMNS: [(Probe, &str, &str); 6] = [
    (Probe::ReadBandwidth, "read", "GB/s"),
    (Probe::WriteBandwidth, "write", "GB/s"),
    (Probe::CopyBandwidth, "copy", "GB/s"),
    (Probe::F32Rate, "f32", "GFLOP/s"),
    (Probe::F16Rate, "f16", "GFLOP/s"),
    (Probe::Int8Rate, "int8", "GOP/s"),
];

/// The table: one line for each target, medians, `–` for what the adapter or the language does not have.
pub fn render(probes: &Probes) -> String {
    let mut heads = vec![("target".to_owned(), Align::Left)];
    heads.extend(COLUMNS.map(|(_, head, unit)| (format!("{head}, {unit}"), Align::Right)));
    heads.extend([("by".to_owned(), Align::Left), ("adapter".to_owned(), Align::Left)]);
    let heads: Vec<(&str, Align)> = heads.iter().map(|(head, align)| (head.as_str(), *align)).collect();
    let row = |target: &ProbedTarget| {
        let found = |probe: Probe| target.probes.iter().find(|row| row.metric == probe.name());
        let rate = |row: &ProbeRow| number::three_digits(row.summary.median);
        let rates = COLUMNS.map(|(probe, ..)| found(probe).map_or("–".to_owned(), rate));
        let wall = target.probes.iter().any(|row| row.timer == Timer::Wall);
        let timer = if wall { Timer::Wall } else { Timer::Timestamps };
        let mut cells = vec![target.target.clone()];
        cells.extend(rates);
        cells.extend([timer.name().to_owned(), adapter_name(&target.adapter)]);
        cells
    };
    let mut lines = lay_out(&heads, &probes.targets.iter().map(row).collect::<Vec<_>>());
    lines.push(String::new());
    lines.push(super::closing_line(&probes.run, &format!("{} probed", probes.targets.len())));
    lines.join("\n")
}

/// The run as one JSON document: fields are added as needed and never renamed.
pub fn document(probes: &Probes) -> String {
    let probe = |row: &ProbeRow| {
        json!({
            "metric": row.metric, "timer": row.timer, "summary": row.summary, "samples": row.samples,
        })
    };
    let target = |target: &ProbedTarget| {
        json!({
            "target": target.target, "adapter": target.adapter, "browser_version": target.browser_version,
            "probes": target.probes.iter().map(probe).collect::<Vec<Value>>(),
        })
    };
    let targets: Vec<Value> = probes.targets.iter().map(target).collect();
    format!("{:#}", json!({ "run": probes.run, "targets": targets }))
}

#[cfg(test)]
mod tests {
    use protocol::Adapter;

    use super::*;
    use crate::report::tests::run;
    use crate::statistics::Summary;

    #[test]
    fn what_was_not_found_is_a_dash_and_a_clock_is_told() {
        let row = |probe: Probe, timer| ProbeRow {
            metric: probe.name().to_owned(),
            timer,
            summary: Summary { median: 1234.5, interval: None, n: 1 },
            samples: vec![1234.5],
        };
        let target = |name: &str, timer| ProbedTarget {
            target: name.to_owned(),
            adapter: Adapter { device: "card".to_owned(), ..Adapter::default() },
            browser_version: None,
            probes: vec![row(Probe::ReadBandwidth, timer), row(Probe::F32Rate, timer)],
        };
        let probes = Probes {
            run: run(),
            targets: vec![target("wgpu:vulkan", Timer::Timestamps), target("webgpu@firefox", Timer::Wall)],
        };
        let table = render(&probes);
        for part in ["read, GB/s", "1230", "–", "timestamps", "wall", "card", "2 probed"] {
            assert!(table.contains(part), "{part} is not in\n{table}");
        }
        let document: Value = serde_json::from_str(&document(&probes)).unwrap();
        assert_eq!(document["targets"][1]["probes"][0]["metric"], "read_gb_per_s");
        assert_eq!(document["targets"][1]["probes"][0]["timer"], "wall");
        assert_eq!(document["targets"][0]["probes"][1]["summary"]["median"], 1234.5);
    }
}
