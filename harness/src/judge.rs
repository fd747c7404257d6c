//! Gives each outcome its verdict. Pure: the executor reports, this decides.

use protocol::{
    Allowed, Device, Engine, FallbackNode, InferenceReport, Metric, OutputCheck, Planned, Target, Verdict,
};

use crate::adapter;
use crate::case::Case;
use crate::lane::NoAnswer;

/// How a case ended, and why in words unless it passed.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The word.
    pub verdict: Verdict,
    /// The message: what failed, where, and what to do; nothing for a pass.
    pub message: Option<String>,
    /// Where it really ran, if it ran.
    pub actual_target: Option<Target>,
}

impl Judgement {
    fn failed(verdict: Verdict, message: String) -> Judgement {
        Judgement { verdict, message: Some(message), actual_target: None }
    }
}

/// Judges the answer to a case, or that there is none.
pub fn answer(case: &Case, answer: &Result<InferenceReport, NoAnswer>) -> Judgement {
    match answer {
        Ok(report) => inference(case, report),
        Err(none) => Judgement::failed(none.verdict(), none.to_string()),
    }
}

fn inference(case: &Case, report: &InferenceReport) -> Judgement {
    let actual = actual_target(&case.target, report.engine, report.device);
    let complaint = fell_back(&case.target, &actual)
        .or_else(|| adapter::complaint(&case.adapter, &case.target, &report.adapter))
        .or_else(|| unproven(report))
        .or_else(|| wrong(case, report))
        .or_else(|| empty(report))
        .or_else(|| partitioned(case, report));
    let (verdict, message) = match complaint {
        Some((verdict, message)) => (verdict, Some(message)),
        None => (Verdict::Pass, None),
    };
    Judgement { verdict, message, actual_target: Some(actual) }
}

/// An answer's engine and device in the target grammar. A device is left out where the engine takes none.
pub fn actual_target(asked: &Target, engine: Engine, device: Option<Device>) -> Target {
    let device = device.filter(|device| engine.devices().contains(device));
    Target { engine, device, browser: asked.browser.clone() }
}

/// A verdict and why.
pub type Complaint = (Verdict, String);

/// An answer from elsewhere is no answer: a fallback must never pass for what was asked.
pub fn fell_back(asked: &Target, actual: &Target) -> Option<Complaint> {
    let message = || format!("it ran on {actual} instead of {asked}; that says nothing about {asked}");
    (asked != actual).then(|| (Verdict::Error, message()))
}

fn unproven(report: &InferenceReport) -> Option<Complaint> {
    if report.checks.is_empty() {
        let message = "no output was compared with an expected one, so nothing says that the answer is right";
        return Some((Verdict::Error, message.to_owned()));
    }
    if report.measured(Metric::LatencyMs).is_empty() {
        return Some((Verdict::Error, "no latency was measured".to_owned()));
    }
    let odd = report.metrics.iter().find_map(|samples| {
        let value = samples.values.iter().find(|value| !value.is_finite() || **value < 0.0)?;
        Some(format!("{} holds {value}, which no clock can read", samples.metric.name()))
    });
    odd.map(|message| (Verdict::Error, message))
}

fn wrong(case: &Case, report: &InferenceReport) -> Option<Complaint> {
    let allowed = case.model.manifest.allowed();
    let faults: Vec<String> = report
        .checks
        .iter()
        .filter(|check| !check.is_within(allowed))
        .map(|check| describe(check, allowed))
        .collect();
    (!faults.is_empty()).then(|| (Verdict::Mismatch, faults.join("; ")))
}

/// A model that was computed while it was planned says nothing about the target, however right and fast.
fn empty(report: &InferenceReport) -> Option<Complaint> {
    let Planned { deciding, .. } = report.planned.as_ref().filter(|planned| !planned.computes)?;
    let why = match deciding.is_empty() {
        true => "its outputs follow from its shapes and constants".to_owned(),
        false => format!(
            "its outputs follow from the elements of {}, which decide what is computed and so are part of the plan",
            deciding.join(", ")
        ),
    };
    let message = format!(
        "nothing is left to compute: {why}; its times are those of a copy. An engine that takes ONNX files computes it"
    );
    Some((Verdict::Unsupported, message))
}

/// A model that others had to help with shows what the target lacks, however right the answer.
fn partitioned(case: &Case, report: &InferenceReport) -> Option<Complaint> {
    let placement = report.placement.as_ref().filter(|placement| !placement.fallback_nodes.is_empty())?;
    let told = |node: &FallbackNode| {
        format!("\"{}\" ({}) on {}: {}", node.node, node.operator, node.engine.name(), node.reason)
    };
    let nodes: Vec<String> = placement.fallback_nodes.iter().map(told).collect();
    let message = format!(
        "{} of {} nodes ran elsewhere, with which the answer is right; {:.0} % of the time on {}, {} boundaries, {} bytes \
         copied: {}",
        nodes.len(),
        placement.nodes,
        placement.share * 100.0,
        case.target,
        placement.boundaries,
        placement.copied_bytes,
        nodes.join("; ")
    );
    Some((Verdict::Unsupported, message))
}

fn describe(check: &OutputCheck, allowed: Allowed) -> String {
    let Allowed { absolute, of_scale } = allowed;
    let name = &check.output;
    if let Some(fault) = &check.fault {
        return format!("output \"{name}\" {fault}");
    }
    let (error, of, at, allowed) = match check.max_abs_error > absolute {
        true => (check.max_abs_error, "at", &check.max_abs_error_at, absolute),
        false => (check.scaled_error, "of the magnitudes around", &check.scaled_error_at, of_scale),
    };
    format!("output \"{name}\" is off by {error:.2e} {of} {at:?}, more than the {} allowed", short(allowed))
}

/// At most three significant digits: `1e-4`, `3.68e-4`.
fn short(number: f64) -> String {
    let rounded: f64 = format!("{number:.2e}").parse().unwrap_or(number);
    format!("{rounded:e}")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use protocol::{Adapter, Failure, FailureKind, Phase, Samples, Scale};

    use super::*;
    use crate::case::tests::case;
    use crate::fault::Fault;

    const ROWS: Scale = Scale::Rows { least: 1e-2 };

    /// A report of a right answer from `webgpu`.
    pub(crate) fn report() -> InferenceReport {
        let within = OutputCheck::compare("logits", ROWS, (&[2], &[1.0, 2.0]), (&[2], &[1.0, 2.00001]));
        InferenceReport {
            engine: Engine::Webgpu,
            device: None,
            adapter: Adapter { vendor: "google".to_owned(), software: true, ..Adapter::default() },
            checks: vec![within],
            metrics: vec![Samples {
                metric: Metric::LatencyMs,
                phase: Phase::Measured,
                values: vec![10.0, 11.0, 12.0],
            }],
            sampled: None,
            features: BTreeMap::from([("kick".to_owned(), "on".to_owned())]),
            planned: None,
            notes: Vec::new(),
            placement: None,
        }
    }

    fn judged(target: &str, given: Result<InferenceReport, NoAnswer>) -> Judgement {
        answer(&case("m", target), &given)
    }

    #[test]
    fn a_report_passes_only_when_it_is_right_measured_and_from_where_it_was_asked() {
        let compare =
            |actual, expected| OutputCheck::compare("logits", ROWS, (&[1], &[actual]), (&[1], &[expected]));
        let planned = |deciding: &[&str], computes| {
            let deciding = deciding.iter().map(|name| (*name).to_owned()).collect();
            Some(Planned { deciding, computes })
        };
        let beside_large = |expected: f32, actual: f32| {
            let rows = |small: f32| [0.4, 0.1, 0.2, 0.3, small, 0.0, 0.0, 0.0];
            OutputCheck::compare("boxes", ROWS, (&[2, 4], &rows(actual)), (&[2, 4], &rows(expected)))
        };
        let rows: Vec<(&str, &str, InferenceReport, Verdict, &str)> = vec![
            ("right", "webgpu@chrome", report(), Verdict::Pass, ""),
            (
                "over the tolerance of 1e-4",
                "webgpu@chrome",
                InferenceReport { checks: vec![compare(1.0, 1.5)], ..report() },
                Verdict::Mismatch,
                "output \"logits\" is off by 5.00e-1 at [0], more than the 1e-4 allowed",
            ),
            (
                "small values wrong beside large ones that are right",
                "webgpu@chrome",
                InferenceReport { checks: vec![beside_large(0.005, 0.00505)], ..report() },
                Verdict::Mismatch,
                "output \"boxes\" is off by 1.00e-2 of the magnitudes around [1, 0], more than the 1e-4 allowed",
            ),
            (
                "small values right beside large ones",
                "webgpu@chrome",
                InferenceReport { checks: vec![beside_large(0.005, 0.005)], ..report() },
                Verdict::Pass,
                "",
            ),
            (
                "one wrong output among right ones",
                "webgpu@chrome",
                InferenceReport { checks: vec![compare(1.0, 1.0), compare(f32::NAN, 1.0)], ..report() },
                Verdict::Mismatch,
                "element 0 is NaN",
            ),
            (
                "nothing checked",
                "webgpu@chrome",
                InferenceReport { checks: vec![], ..report() },
                Verdict::Error,
                "no output was compared",
            ),
            (
                "nothing measured",
                "webgpu@chrome",
                InferenceReport { metrics: vec![], ..report() },
                Verdict::Error,
                "no latency",
            ),
            (
                "a time that cannot be",
                "webgpu@chrome",
                InferenceReport {
                    metrics: vec![Samples {
                        metric: Metric::LatencyMs,
                        phase: Phase::Measured,
                        values: vec![1.0, -2.0],
                    }],
                    ..report()
                },
                Verdict::Error,
                "latency_ms holds -2",
            ),
            (
                "nothing left to compute",
                "webgpu@chrome",
                InferenceReport { planned: planned(&["x", "n"], false), ..report() },
                Verdict::Unsupported,
                "nothing is left to compute: its outputs follow from the elements of x, n, which decide",
            ),
            (
                "something left to compute",
                "webgpu@chrome",
                InferenceReport { planned: planned(&["ids"], true), ..report() },
                Verdict::Pass,
                "",
            ),
            (
                "another engine",
                "wasm@chrome",
                report(),
                Verdict::Error,
                "it ran on webgpu@chrome instead of wasm@chrome",
            ),
            (
                "another device",
                "webnn:npu@chrome",
                InferenceReport { engine: Engine::Webnn, device: Some(Device::Cpu), ..report() },
                Verdict::Error,
                "it ran on webnn:cpu@chrome instead of webnn:npu@chrome",
            ),
            (
                "no device told",
                "webnn:npu@chrome",
                InferenceReport { engine: Engine::Webnn, device: None, ..report() },
                Verdict::Error,
                "it ran on webnn@chrome",
            ),
            (
                "a device told by an engine that takes none",
                "webgpu@chrome",
                InferenceReport { device: Some(Device::Gpu), ..report() },
                Verdict::Pass,
                "",
            ),
        ];
        for (name, target, report, verdict, part) in rows {
            let judgement = judged(target, Ok(report));
            assert_eq!(judgement.verdict, verdict, "{name}: {judgement:?}");
            assert!(judgement.message.unwrap_or_default().contains(part), "{name}");
        }
    }

    #[test]
    fn failures_and_faults_keep_their_words() {
        let failure = |kind| NoAnswer::Failure(Failure { kind, message: "why".to_owned() });
        let unavailable = Fault::Unavailable { reason: "no Edge".into(), remedy: "install it".into() };
        for (none, verdict, message) in [
            (failure(FailureKind::Unsupported), Verdict::Unsupported, "why"),
            (failure(FailureKind::Unavailable), Verdict::Unavailable, "why"),
            (failure(FailureKind::DeviceLost), Verdict::DeviceLost, "why"),
            (failure(FailureKind::Error), Verdict::Error, "why"),
            (
                Fault::Timeout { limit: Duration::from_secs(5) }.into(),
                Verdict::Timeout,
                "no answer within 5 s",
            ),
            (Fault::Crash { message: "the tab died".into() }.into(), Verdict::Crash, "the tab died"),
            (unavailable.into(), Verdict::Unavailable, "no Edge; install it"),
        ] {
            let judgement = judged("webgpu@chrome", Err(none));
            assert_eq!(judgement, Judgement::failed(verdict, message.to_owned()));
        }
    }
}
