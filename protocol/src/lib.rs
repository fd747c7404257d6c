//! Everything that crosses a process boundary: the target grammar, the one message pair (Job, Outcome), and the words
//! for metrics, verdicts and capabilities. It never runs anything.

pub mod adapter_choice;
pub mod bare;
pub mod cache;
pub mod capability;
pub mod check;
pub mod conformance;
pub mod control;
pub mod course;
pub mod failure;
pub mod features;
pub mod inference;
pub mod job;
pub mod least;
pub mod manifest;
pub mod metric;
pub mod outcome;
pub mod pack;
pub mod placement;
pub mod precision;
pub mod profile;
pub mod sampling;
pub mod suggest;
pub mod target;
pub mod trace;
pub mod tuning;

pub use adapter_choice::AdapterChoice;
pub use bare::{BareModel, CompletedModel};
pub use capability::{Adapter, Capability, Presence};
pub use check::{Allowed, OutputCheck, Scale};
pub use conformance::{Conformance, ConformanceReport, NodeTestEnd, NodeTestReport, Tolerance};
pub use control::ControlReport;
pub use course::{Activity, Clock, Course, Step};
pub use failure::{Failure, FailureKind};
pub use features::{Feature, Features};
pub use inference::Inference;
pub use job::{Job, MatmulComparison, Task};
pub use manifest::{Component, Embed, Generation, Image, Manifest};
pub use metric::{Metric, Phase, Samples};
pub use outcome::{Answer, InferenceReport, MatmulReport, NoReport, Outcome, Planned, Report, Verdict};
pub use placement::{FallbackNode, Placement};
pub use precision::Precision;
pub use profile::{DispatchName, DispatchTimes, ProfileReport};
pub use sampling::Sampling;
pub use target::{BrowserKind, Device, Engine, Runtime, Target};
pub use trace::{Statistics, Trace, TraceReport, TracedNode};
