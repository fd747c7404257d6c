//! What a gate found, for people.

use crate::number;
use crate::rows::gate::{Change, Finding, Gated};
use crate::screen::shown;

/// A line for each finding with what changed below, and the verdict at the end.
pub fn render(found: &Gated) -> String {
    let mut lines: Vec<String> = found.findings.iter().flat_map(told).collect();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(closing(found));
    lines.join("\n")
}

fn closing(found: &Gated) -> String {
    if found.verdict == "no-baseline" {
        return format!(
            "gate {}: there is no earlier sweep that passed to hold run {} against; the next one has this one, where it passed",
            found.verdict, found.run
        );
    }
    let count = match found.failing() {
        0 => "nothing is worse".to_owned(),
        1 => "1 finding fails it".to_owned(),
        several => format!("{several} findings fail it"),
    };
    format!(
        "gate {}: {count}, of {} cells, {} of them timed; run {} against {}, slowdowns of up to {} let through",
        found.verdict,
        found.cells,
        if found.timed == 0 { "none".to_owned() } else { found.timed.to_string() },
        found.run,
        shown(&found.against),
        number::per_cent(found.max_slowdown)
    )
}

fn told(finding: &Finding) -> Vec<String> {
    let mark = if finding.fails { "✗" } else { "·" };
    let Finding { kind, model, place, message, since, .. } = finding;
    let mut lines = vec![shown(&format!("{mark} {kind}: {model} on {place}: {message} (since run {since})"))];
    lines.extend(finding.ratio.map(|ratio| {
        let ends = ratio.low.zip(ratio.high);
        let ends = ends
            .map(|(low, high)| format!(" [{}, {}]", number::three_digits(low), number::three_digits(high)));
        format!("    ratio {}{}", number::three_digits(ratio.median), ends.unwrap_or_default())
    }));
    let change = |Change { what, from, to }: &Change| shown(&format!("    {what}: {from} → {to}"));
    lines.extend(finding.changed.iter().map(change));
    if finding.fails && finding.changed.is_empty() {
        lines.push("    nothing that is known changed between them".to_owned());
    }
    lines
}
