//! One trial's values of one metric, with everything that decides what they may be compared with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use protocol::{Adapter, AdapterChoice, Target, Verdict};

use crate::statistics::Summary;
use crate::turn;

/// One metric of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The run it was taken in, or the first of the shards that run is one of.
    pub run: RunOf,
    /// The case's key.
    pub case_key: String,
    /// What ran.
    pub subject: Subject,
    /// The model's digest.
    pub model_digest: String,
    /// Where it was to run.
    pub place: Place,
    /// How it was taken.
    pub conditions: Conditions,
    /// What changes from time to time without being asked to.
    pub versions: Versions,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, unless it passed.
    pub message: Option<String>,
    /// The adapter that computed it.
    pub adapter: Option<Arc<Adapter>>,
    /// How it is known which adapter computed, where the adapter does not say.
    pub adapter_evidence: Option<String>,
    /// Its turn, where targets took turns.
    pub turn: Option<turn::Place>,
    /// The session it ran in, numbered in its run.
    pub session: Option<u32>,
    /// The metric's values in the order taken, in its unit; none where it was not measured.
    pub values: Vec<f64>,
    /// What the drift control took shortly before, in milliseconds.
    pub control_ms: Option<f64>,
}

/// The run of a measurement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunOf {
    /// When it was begun: ISO 8601, UTC.
    pub started_at: String,
    /// Its identifier.
    pub id: String,
}

/// A model as it ran: what may be compared has the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The model's name.
    pub model: String,
    /// Of its arithmetic: `fp32`.
    pub precision: String,
    /// Items in one inference.
    pub batch: u32,
    /// Extents that were asked of its open dimensions.
    pub dimensions: BTreeMap<String, usize>,
}

/// Where and with which optimisations a model was to run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The target as asked.
    pub target: Target,
    /// The adapter as asked.
    pub adapter: AdapterChoice,
    /// The optimisations turned off, as in `-tuned`.
    pub features: String,
}

/// What has to be equal where numbers are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Jobs that ran at the same time.
    pub concurrency: u32,
    /// The state of caches when the session opened.
    pub temperature: Option<String>,
}

/// What a change may come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versions {
    /// The browser's.
    pub browser: Option<String>,
    /// Its driver's.
    pub driver: Option<String>,
    /// Parallax's own.
    pub parallax: String,
    /// The commit of the repository that it was run in.
    pub commit: Option<String>,
    /// The machine's name.
    pub host: Option<String>,
    /// A digest of the browser's flags and preferences.
    pub settings: Option<String>,
    /// A digest of the tuning table.
    pub tuning: Option<String>,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.model)?;
        self.dimensions.iter().try_for_each(|(name, extent)| write!(f, " {name}={extent}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target)?;
        match &self.adapter {
            AdapterChoice::Default => {}
            adapter => write!(f, "+adapter={adapter}")?,
        }
        if self.features.is_empty() { Ok(()) } else { write!(f, "+features={}", self.features) }
    }
}

impl Measurement {
    /// The median of its values; nothing where it failed or was not measured: a wrong answer's time is no time.
    pub fn median(&self) -> Option<f64> {
        let passed = self.verdict == Verdict::Pass;
        Summary::of(&self.values).filter(|_| passed).map(|summary| summary.median)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A measurement of model `m` on a target in a run, `n` samples around so many milliseconds, one per cent apart.
    pub(crate) fn measurement(target: &str, run: u32, latency_ms: f64) -> Measurement {
        let run = RunOf { started_at: format!("2026-01-{run:02}T00:00:00Z"), id: format!("run-{run:02}") };
        Measurement {
            run,
            case_key: format!("key of {target}"),
            subject: Subject {
                model: "m".to_owned(),
                precision: "fp32".to_owned(),
                batch: 1,
                dimensions: BTreeMap::new(),
            },
            model_digest: "digest".to_owned(),
            place: Place {
                target: target.parse().unwrap(),
                adapter: AdapterChoice::Default,
                features: String::new(),
            },
            conditions: Conditions { concurrency: 1, temperature: Some("new-profile".to_owned()) },
            versions: Versions {
                browser: Some("156".to_owned()),
                host: Some("here".to_owned()),
                ..Versions::default()
            },
            verdict: Verdict::Pass,
            message: None,
            adapter: Some(Arc::new(Adapter { device: "card".to_owned(), ..Adapter::default() })),
            adapter_evidence: None,
            turn: None,
            session: Some(1),
            values: (0..20).map(|sample| latency_ms * (1.0 + 0.01 * f64::from(sample % 5 - 2))).collect(),
            control_ms: Some(10.0),
        }
    }

    #[test]
    fn a_wrong_answers_time_is_no_time() {
        let right = measurement("wgpu:vulkan", 1, 5.0);
        assert_eq!(right.median(), Some(5.0));
        assert_eq!(Measurement { verdict: Verdict::Mismatch, ..right }.median(), None);
    }
}
