//! A session's answers, and the words for how a case ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bare::CompletedModel;
use crate::capability::{Adapter, Capability};
use crate::check::OutputCheck;
use crate::conformance::ConformanceReport;
use crate::control::ControlReport;
use crate::course::SamplingWindow;
use crate::failure::{Failure, FailureKind};
use crate::metric::{Metric, Phase, Samples};
use crate::placement::Placement;
use crate::probe::ProbeReport;
use crate::profile::ProfileReport;
use crate::target::{Device, Engine};
use crate::trace::TraceReport;
use crate::tune::{KernelList, TuneReport};

/// The answer to one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The job's id.
    pub id: u64,
    /// The result of the job.
    pub answer: Answer,
}

/// The result of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "there is one answer at a time")]
pub enum Answer {
    /// The model ran.
    Inferred(Box<InferenceReport>),
    /// The batch of node tests was gone through.
    Conformed(Box<ConformanceReport>),
    /// The node test is a page now.
    Reproduced {
        /// Its HTML.
        page: String,
    },
    /// This place was looked at for what it can do.
    Detected {
        /// One entry per engine, context or fact looked at.
        capabilities: Vec<Capability>,
    },
    /// Both sides of the matrix product ran.
    Compared(MatmulReport),
    /// The model ran, and its values were handed over.
    Traced(Box<TraceReport>),
    /// The model ran, every dispatch timed.
    Profiled(Box<ProfileReport>),
    /// The kernels that models need were looked for.
    KernelsListed(Box<KernelList>),
    /// The variants of a class of kernels were measured.
    Tuned(Box<TuneReport>),
    /// The drift control was timed.
    Controlled(ControlReport),
    /// The adapter was measured.
    Probed(Box<ProbeReport>),
    /// The bare ONNX file, or the folder at other extents, has a model folder.
    Completed(CompletedModel),
    /// The job could not be done.
    Failed(Failure),
}

impl Answer {
    /// Every adapter that it says something computed on, or would.
    pub fn adapters_mut(&mut self) -> Vec<&mut Adapter> {
        match self {
            Answer::Inferred(report) => vec![&mut report.adapter],
            Answer::Conformed(report) => vec![&mut report.adapter],
            Answer::Compared(report) => vec![&mut report.adapter],
            Answer::Traced(report) => vec![&mut report.adapter],
            Answer::Probed(report) => vec![&mut report.adapter],
            Answer::Profiled(report) => vec![&mut report.adapter],
            Answer::KernelsListed(list) => vec![&mut list.adapter],
            Answer::Tuned(report) => vec![&mut report.adapter],
            Answer::Detected { capabilities } => {
                capabilities.iter_mut().filter_map(|capability| capability.adapter.as_mut()).collect()
            }
            Answer::Reproduced { .. } | Answer::Completed(_) | Answer::Controlled(_) | Answer::Failed(_) => {
                Vec::new()
            }
        }
    }
}

/// A report that an answer has to hold for the job that asked.
pub trait Report: Sized {
    /// The report in an answer.
    ///
    /// # Errors
    /// Where it holds another.
    fn of(answer: Answer) -> Result<Self, NoReport>;
}

/// Why an answer has no report of the kind asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum NoReport {
    /// The job could not be done.
    Failed(Failure),
    /// It answers another question.
    Another,
}

macro_rules! reports {
    ($($report:ty: $answer:pat => $value:expr;)*) => {$(
        impl Report for $report {
            fn of(answer: Answer) -> Result<Self, NoReport> {
                match answer {
                    $answer => Ok($value),
                    Answer::Failed(failure) => Err(NoReport::Failed(failure)),
                    _ => Err(NoReport::Another),
                }
            }
        }
    )*};
}

reports! {
    InferenceReport: Answer::Inferred(report) => *report;
    ConformanceReport: Answer::Conformed(report) => *report;
    String: Answer::Reproduced { page } => page;
    Vec<Capability>: Answer::Detected { capabilities } => capabilities;
    MatmulReport: Answer::Compared(report) => report;
    TraceReport: Answer::Traced(report) => *report;
    ProfileReport: Answer::Profiled(report) => *report;
    KernelList: Answer::KernelsListed(list) => *list;
    TuneReport: Answer::Tuned(report) => *report;
    ControlReport: Answer::Controlled(report) => report;
    ProbeReport: Answer::Probed(report) => *report;
    CompletedModel: Answer::Completed(model) => model;
}

/// The results of running a model. They carry no verdict: the harness judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InferenceReport {
    /// The engine that really ran it.
    pub engine: Engine,
    /// The device it really ran on.
    pub device: Option<Device>,
    /// The adapter it really ran on.
    pub adapter: Adapter,
    /// Each expected output against the one computed.
    pub checks: Vec<OutputCheck>,
    /// Everything measured.
    pub metrics: Vec<Samples>,
    /// When the samples were taken.
    #[serde(default)]
    pub sampled: Option<SamplingWindow>,
    /// The conditions that shaped the numbers, besides the adapter: timer precision, completion kick, rows of the tuning table.
    pub features: BTreeMap<String, String>,
    /// The plan's account of the inputs, by an engine that plans.
    #[serde(default)]
    pub planned: Option<Planned>,
    /// Remarks on these numbers that have to be known, in words.
    #[serde(default)]
    pub notes: Vec<String>,
    /// How the model was partitioned, by an engine that leaves to others what it cannot run.
    #[serde(default)]
    pub placement: Option<Placement>,
}

impl InferenceReport {
    /// The values of a metric in the steady state, in its unit; none where it was not measured.
    pub fn measured(&self, metric: Metric) -> &[f64] {
        let mut series = self.metrics.iter();
        let found = series.find(|samples| samples.metric == metric && samples.phase == Phase::Measured);
        found.map_or(&[], |samples| &samples.values)
    }
}

/// A plan's account of the inputs that the model was planned at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Inputs whose elements decided what is computed, and so are part of the plan.
    pub deciding: Vec<String>,
    /// True if anything is left to compute.
    pub computes: bool,
}

/// Times of one matrix product on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MatmulReport {
    /// The adapter both ran on.
    pub adapter: Adapter,
    /// Ours: wall time from inputs on the device to the product in host memory, one value per round.
    pub ours_ms: Vec<f64>,
    /// onnxruntime-web's, the same span.
    pub reference_ms: Vec<f64>,
    /// Ours by timestamp query, where there is one.
    pub ours_gpu_ms: Vec<f64>,
    /// Largest absolute difference between the two products.
    pub max_abs_difference: f64,
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It ran and every output is right.
    Pass,
    /// It ran and an output is wrong.
    Mismatch,
    /// An operator, type or limit that this target lacks.
    Unsupported,
    /// No such browser, device or library here.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The browser, tab or subprocess died.
    Crash,
    /// The device went away.
    DeviceLost,
    /// Anything else, bad input included.
    Error,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Verdict; 8] = [
        Verdict::Pass,
        Verdict::Mismatch,
        Verdict::Unsupported,
        Verdict::Unavailable,
        Verdict::Timeout,
        Verdict::Crash,
        Verdict::DeviceLost,
        Verdict::Error,
    ];

    /// Returns whether something went wrong: what ran right, and what the place lacks, did not.
    pub fn is_failure(self) -> bool {
        match self {
            Verdict::Pass | Verdict::Unsupported | Verdict::Unavailable => false,
            Verdict::Mismatch | Verdict::Timeout | Verdict::Crash | Verdict::DeviceLost | Verdict::Error => {
                true
            }
        }
    }

    /// The word in tables, documents and the store.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Mismatch => "mismatch",
            Verdict::Unsupported => "unsupported",
            Verdict::Unavailable => "unavailable",
            Verdict::Timeout => "timeout",
            Verdict::Crash => "crash",
            Verdict::DeviceLost => "device-lost",
            Verdict::Error => "error",
        }
    }
}

impl From<FailureKind> for Verdict {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unsupported => Verdict::Unsupported,
            FailureKind::Unavailable => Verdict::Unavailable,
            FailureKind::DeviceLost => Verdict::DeviceLost,
            FailureKind::Error => Verdict::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_wire() {
        let failure = Failure { kind: FailureKind::DeviceLost, message: "gone".to_owned() };
        let sent = Outcome { id: 7, answer: Answer::Failed(failure) };
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(text, r#"{"id":7,"answer":{"kind":"failed","failure":"device-lost","message":"gone"}}"#);
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), sent);
    }
}
