//! How one case ended: everything the store keeps of it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use protocol::{
    Adapter, FallbackNode, InferenceReport, Metric, OutputCheck, Phase, Placement, Planned, Samples, Target,
    Verdict,
};

use crate::adapter;
use crate::case::Case;
use crate::judge::{self, Judgement};
use crate::lane::{Ended, NoAnswer};
use crate::number;
use crate::rows::{NOTES, REFERENCE};
use crate::sensors::Quantity;
use crate::session::{Observed, SessionTurn};
use crate::statistics::Summary;
use crate::turn::Place;

/// One finished case.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The case that was asked for.
    pub case: Case,
    /// How it ended and why.
    pub judgement: Judgement,
    /// Jobs that ran at the same time, itself included.
    pub concurrency: u32,
    /// Its place in the run, from 0.
    pub position: u32,
    /// Its round, where targets take turns.
    pub round: Option<Place>,
    /// Which job of which session it was, if one was opened.
    pub turn: Option<SessionTurn>,
    /// When it was begun.
    pub started_at: SystemTime,
    /// When its answer was in.
    pub finished_at: SystemTime,
    /// The adapter that computed it, if any did.
    pub adapter: Option<Adapter>,
    /// Each expected output against the one computed.
    pub checks: Vec<OutputCheck>,
    /// Everything measured, value by value.
    pub samples: Vec<Samples>,
    /// Each metric's median and interval, and the throughput that follows from the latency.
    pub summaries: Vec<(Metric, Summary)>,
    /// Nodes that ran on another engine than the one asked for.
    pub fallback_nodes: Vec<FallbackNode>,
    /// The conditions that shaped the numbers: the executor's features and the session's facts.
    pub features: BTreeMap<String, String>,
}

impl Trial {
    /// Returns what became of a case.
    pub fn of(case: Case, ended: Ended<InferenceReport>) -> Trial {
        let judgement = judge::answer(&case, &ended.answer);
        // Whom the expected outputs are from belongs to every verdict on them.
        let reference = case.model.manifest.reference.clone().map(|name| (REFERENCE.to_owned(), name));
        let mut trial = Trial {
            case,
            judgement,
            concurrency: ended.concurrency,
            position: 0,
            round: None,
            turn: None,
            started_at: ended.started_at,
            finished_at: SystemTime::now(),
            adapter: None,
            checks: Vec::new(),
            samples: Vec::new(),
            summaries: Vec::new(),
            fallback_nodes: Vec::new(),
            features: reference.into_iter().collect(),
        };
        trial.note(trial.case.model.manifest.notes.clone());
        trial.observe(ended.observed, ended.answer.ok());
        trial
    }

    /// Returns what becomes of a case that cannot begin.
    pub fn lost(case: Case, none: NoAnswer) -> Trial {
        Trial::of(case, Ended::without_session(none))
    }

    /// Takes in what the session saw and what running the model showed, if it ran.
    pub fn observe(&mut self, observed: Observed, report: Option<InferenceReport>) {
        self.turn = observed.turn;
        self.features.extend(observed.facts);
        let Some(mut report) = report else { return };
        self.warn(&report.adapter);
        // What runs on another machine, or beside other jobs, is not what these sensors count.
        let alone = observed.memory_bytes.is_some() && self.concurrency == 1;
        if let (Some(window), Some(readings), true) = (report.sampled, &observed.readings, alone) {
            let metrics = readings.metrics(window, report.measured(Metric::LatencyMs).len());
            report.metrics.extend(metrics);
            let names = readings.names(Quantity::Energy).join(", ");
            let told = (!names.is_empty()).then(|| ("energy_counters".to_owned(), names));
            self.features.extend(told);
        }
        let memory = observed.memory_bytes.map(|bytes| vec![bytes as f64]);
        let (metric, phase) = (Metric::ProcessMemoryBytes, Phase::Measured);
        report.metrics.extend(memory.map(|values| Samples { metric, phase, values }));
        self.take_in(report);
    }

    /// Says of a CPU's numbers that they are, where the machine has a GPU.
    fn warn(&mut self, met: &Adapter) {
        let gpu = self.features.get(adapter::GPU);
        let warning = gpu.and_then(|gpu| adapter::warning(&self.case.adapter, &self.case.target, met, gpu));
        if warning.is_some() {
            self.features.insert(adapter::SOFTWARE_THOUGH_HARDWARE.to_owned(), true.to_string());
        }
        self.note(warning);
    }

    /// Takes in what running the model showed.
    fn take_in(&mut self, report: InferenceReport) {
        self.adapter = Some(report.adapter);
        self.checks = report.checks;
        self.summaries = summaries(&report.metrics, self.case.model.batch);
        self.samples = report.metrics;
        self.features.extend(report.features);
        self.features.extend(report.placement.iter().flat_map(partition));
        self.fallback_nodes = report.placement.map(|placement| placement.fallback_nodes).unwrap_or_default();
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

    /// What was measured of a metric, in the order taken; nothing where it was not.
    pub fn measured(&self, metric: Metric) -> Option<&[f64]> {
        let is_it = |series: &&Samples| series.metric == metric && series.phase == Phase::Measured;
        self.samples
            .iter()
            .find(is_it)
            .map(|series| series.values.as_slice())
            .filter(|values| !values.is_empty())
    }
}

/// Which inputs are part of the plan, in words.
fn deciding(planned: &Planned) -> Option<String> {
    let names = planned.deciding.join(", ");
    (!names.is_empty())
        .then(|| format!("planned for these elements of {names}, which decide what is computed"))
}

/// How a model was partitioned among engines, as features of its run.
fn partition(placement: &Placement) -> Vec<(String, String)> {
    let Placement { nodes, fallback_nodes, boundaries, copied_bytes, share } = placement;
    let features = [
        ("nodes_of_the_graph", nodes.to_string()),
        ("nodes_elsewhere", fallback_nodes.len().to_string()),
        ("cuts", boundaries.to_string()),
        ("copied_bytes", copied_bytes.to_string()),
        ("share_of_time", format!("{share:.3}")),
    ];
    features.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn summaries(series: &[Samples], batch: u32) -> Vec<(Metric, Summary)> {
    let measured = series.iter().filter(|samples| samples.phase == Phase::Measured);
    let summary = |samples: &Samples| Some((samples.metric, Summary::of(&samples.values)?));
    let mut summaries: Vec<(Metric, Summary)> = measured.filter_map(summary).collect();
    let latency = summaries.iter().find(|(metric, _)| *metric == Metric::LatencyMs);
    let throughput = latency.and_then(|(_, latency)| latency.throughput_per_s(batch));
    summaries.extend(throughput.map(|throughput| (Metric::ThroughputPerS, throughput)));
    summaries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_leave_the_warm_up_out() {
        let series =
            |phase, values: [f64; 3]| Samples { metric: Metric::LatencyMs, phase, values: values.to_vec() };
        let (warm_up, measured) = ([90.0, 80.0, 70.0], [3.0, 1.0, 2.0]);
        let summaries = summaries(&[series(Phase::WarmUp, warm_up), series(Phase::Measured, measured)], 1);
        let medians: Vec<_> = summaries.iter().map(|(metric, summary)| (*metric, summary.median)).collect();
        assert_eq!(medians, [(Metric::LatencyMs, 2.0), (Metric::ThroughputPerS, 500.0)]);
    }
}
