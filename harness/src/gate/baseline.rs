//! A baseline from a file: another database, or the document of a sweep.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use protocol::{Adapter, Metric, Target, Verdict};
use serde::Deserialize;

use crate::error::Error;
use crate::rows::measurement::{Conditions, Measurement, Place, RunOf, Subject, Versions};
use crate::store::{Store, Wanted};
use crate::turn;

/// The last sweep in a file: a database, or what `parallax sweep --json` printed.
///
/// # Errors
/// When it is neither, or holds no sweep.
pub fn of_file(path: &Path) -> Result<Vec<Measurement>, Error> {
    let text = fs::read(path)
        .map_err(|source| Error::BaselineUnread { path: path.to_owned(), message: source.to_string() })?;
    if text.trim_ascii_start().starts_with(b"{") {
        let document: Document = serde_json::from_slice(&text).map_err(|error| Error::BaselineUnread {
            path: path.to_owned(),
            message: format!("it is no document of `parallax sweep --json`: {error}"),
        })?;
        return Ok(document.measurements());
    }
    let store = Store::open(path)?;
    let run = store.find_sweep("last")?;
    store.measurements(Metric::LatencyMs, &Wanted { run: Some(&run), ..Wanted::default() })
}

/// What a baseline needs of a sweep's document; all else in it is passed over.
#[derive(Debug, Deserialize)]
struct Document {
    run: Run,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Run {
    id: String,
    started_at: String,
    version: String,
    commit: Option<String>,
    host: Host,
}

#[derive(Debug, Deserialize)]
struct Host {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Case {
    model: String,
    target: Target,
    verdict: Verdict,
    message: Option<String>,
    adapter: Option<Adapter>,
    #[serde(default)]
    adapter_choice: String,
    #[serde(default)]
    features_off: String,
    #[serde(default)]
    dimensions: BTreeMap<String, usize>,
    case_key: String,
    precision: String,
    batch: u32,
    concurrency: u32,
    round: Option<u32>,
    round_position: Option<u32>,
    features: BTreeMap<String, String>,
    metrics: BTreeMap<String, Series>,
}

#[derive(Debug, Deserialize)]
struct Series {
    #[serde(default)]
    samples: Vec<f64>,
}

impl Document {
    fn measurements(self) -> Vec<Measurement> {
        let Document { run, cases } = self;
        cases.into_iter().map(|case| case.measurement(&run)).collect()
    }
}

impl Case {
    fn measurement(mut self, run: &Run) -> Measurement {
        let feature = |name: &str| self.features.get(name).cloned();
        let versions = Versions {
            browser: feature("browser_version"),
            driver: feature("driver_version"),
            parallax: run.version.clone(),
            commit: run.commit.clone(),
            host: run.host.name.clone(),
            settings: None,
            tuning: None,
        };
        let adapter_evidence = feature("adapter_evidence");
        let series = self.metrics.remove(Metric::LatencyMs.name());
        let turn =
            self.round.zip(self.round_position).map(|(round, position)| turn::Place { round, position });
        Measurement {
            run: RunOf { started_at: run.started_at.clone(), id: run.id.clone() },
            case_key: self.case_key,
            subject: Subject {
                model: self.model,
                precision: self.precision,
                batch: self.batch,
                dimensions: self.dimensions,
            },
            model_digest: String::new(),
            place: Place {
                target: self.target,
                adapter: self.adapter_choice.into(),
                features: self.features_off,
            },
            conditions: Conditions { concurrency: self.concurrency, temperature: None },
            versions,
            verdict: self.verdict,
            message: self.message,
            adapter: self.adapter.map(Arc::new),
            adapter_evidence,
            turn,
            session: None,
            values: series.map(|series| series.samples).unwrap_or_default(),
            control_ms: None,
        }
    }
}
