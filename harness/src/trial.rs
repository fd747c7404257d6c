//! How one case ended: everything the store keeps of it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use protocol::{
    Adapter, InferenceReport, Metric, NodeElsewhere, OutputCheck, Placement, Planned, Samples, Target,
    Verdict,
};

use crate::case::Case;
use crate::judge::Judgement;
use crate::number;
use crate::rows::NOTES;
use crate::session::Observed;
use crate::statistics::Summary;

/// One finished case.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// What was asked.
    pub case: Case,
    /// How it ended and why.
    pub judgement: Judgement,
    /// Jobs that ran at the same time, itself included.
    pub concurrency: u32,
    /// When it was begun.
    pub started_at: SystemTime,
    /// When its answer was in.
    pub finished_at: SystemTime,
    /// What computed it, if anything did.
    pub adapter: Option<Adapter>,
    /// Each expected output against the one computed.
    pub checks: Vec<OutputCheck>,
    /// Everything measured, value by value.
    pub samples: Vec<Samples>,
    /// Each metric's median and interval, and the throughput that follows from the latency.
    pub summaries: Vec<(Metric, Summary)>,
    /// What shaped the numbers: the executor's features and the session's facts.
    pub features: BTreeMap<String, String>,
}

impl Trial {
    /// Takes in what the session saw and what running the model showed, if it ran.
    pub fn observe(&mut self, observed: Observed, report: Option<InferenceReport>) {
        self.features.extend(observed.facts);
        let Some(mut report) = report else { return };
        let memory = observed.memory_bytes.map(|bytes| vec![bytes as f64]);
        report.metrics.extend(memory.map(|values| Samples { metric: Metric::ProcessMemoryBytes, values }));
        self.take_in(report);
    }

    /// Takes in what running the model showed.
    fn take_in(&mut self, report: InferenceReport) {
        self.adapter = Some(report.adapter);
        self.checks = report.checks;
        self.summaries = summaries(&report.metrics, self.case.model.batch);
        self.samples = report.metrics;
        self.features.extend(report.features);
        self.features.extend(report.placement.iter().flat_map(shared_out));
        self.note(report.planned.as_ref().and_then(deciding));
        self.note(report.notes);
    }

    /// Adds what has to be known of the numbers, in words.
    pub fn note(&mut self, notes: impl IntoIterator<Item = String>) {
        for note in notes {
            let told = self.features.entry(NOTES.to_owned()).or_default();
            *told = if told.is_empty() { note } else { format!("{told}\n{note}") };
        }
    }

    /// Takes in what another target showed in place of the one asked for, whose verdict stays as it is.
    pub fn fell_back(&mut self, target: Target, report: InferenceReport) {
        self.take_in(report);
        let latency = self
            .summary(Metric::LatencyMs)
            .map_or_else(String::new, |latency| format!(", {} an inference", number::time(latency.median)));
        let why = self.judgement.message.take().unwrap_or_default();
        self.judgement.message = Some(format!("{why}\nfell back to {target}, which is right{latency}"));
        self.judgement.actual_target = Some(target);
        self.finished_at = SystemTime::now();
    }

    /// Takes in why the last target that could have shown it instead could not, where that is a matter of getting it.
    pub fn nothing_instead(&mut self, target: &Target, judgement: Judgement) {
        if judgement.verdict == Verdict::Unavailable {
            let (why, lacking) = (&mut self.judgement.message, judgement.message.unwrap_or_default());
            *why = Some(format!(
                "{}\n{target} cannot show it instead: {lacking}",
                why.take().unwrap_or_default()
            ));
        }
    }

    /// Largest absolute error over all outputs; infinite when an output cannot be compared.
    pub fn max_abs_error(&self) -> Option<f64> {
        self.checks.iter().map(|check| check.max_abs_error).reduce(f64::max)
    }

    /// The summary of one metric, if it was measured.
    pub fn summary(&self, metric: Metric) -> Option<&Summary> {
        self.summaries.iter().find(|(known, _)| *known == metric).map(|(_, summary)| summary)
    }
}

/// Which inputs are part of the plan, in words.
fn deciding(planned: &Planned) -> Option<String> {
    let names = planned.deciding.join(", ");
    (!names.is_empty())
        .then(|| format!("planned for these elements of {names}, which decide what is computed"))
}

/// How a model was shared out, as features of its run.
fn shared_out(placement: &Placement) -> Vec<(String, String)> {
    let Placement { nodes, elsewhere, cuts, copied_bytes, share } = placement;
    let told = |node: &NodeElsewhere| {
        let NodeElsewhere { node, operator, engine, reason } = node;
        format!("{node} ({operator}) on {}: {reason}", engine.name())
    };
    let features = [
        ("nodes_of_the_graph", nodes.to_string()),
        ("nodes_elsewhere", elsewhere.len().to_string()),
        ("elsewhere", elsewhere.iter().map(told).collect::<Vec<_>>().join("; ")),
        ("cuts", cuts.to_string()),
        ("copied_bytes", copied_bytes.to_string()),
        ("share_of_time", format!("{share:.3}")),
    ];
    features.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn summaries(series: &[Samples], batch: u32) -> Vec<(Metric, Summary)> {
    let measured = |samples: &Samples| Some((samples.metric, Summary::of(&samples.values)?));
    let mut summaries: Vec<(Metric, Summary)> = series.iter().filter_map(measured).collect();
    let latency = summaries.iter().find(|(metric, _)| *metric == Metric::LatencyMs);
    // A coarse clock may read zero, and from that follows no rate.
    if let Some((_, latency)) =
        latency.filter(|(_, latency)| latency.interval.map_or(latency.median, |interval| interval.low) > 0.0)
    {
        summaries.push((Metric::ThroughputPerS, latency.throughput_per_s(batch)));
    }
    summaries
}
