//! What got worse than in the last sweep that passed, as the gate finds it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::taken::{Taken, of_sweep};
use crate::error::Error;
use crate::gate::findings;
use crate::model::variant::described;
use crate::rows::gate::{Change, Finding};
use crate::rows::measurement::Measurement;
use crate::store::{RunId, Store};

/// The slowdown that is let through, as in `parallax gate`.
const MAX_SLOWDOWN: f64 = 0.05;

/// The gate's findings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    pub against: String,
    pub verdict: &'static str,
    pub rows: Vec<FindingRow>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FindingRow {
    pub model: String,
    pub variant: String,
    pub target: String,
    pub what: String,
    pub fails: bool,
    pub ratio: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub since: Option<String>,
    pub changed: Option<String>,
}

/// The findings against the last sweep that passed; nothing where there is none, or none with a cell of this one.
pub fn of(
    store: &Store,
    taken: &Taken,
    now: &[Measurement],
    history: &[Measurement],
) -> Result<Option<Findings>, Error> {
    let Some(baseline) = baseline(store, taken)? else { return Ok(None) };
    let before = of_sweep(store, &baseline)?;
    let found = findings::of(now, &before, history, MAX_SLOWDOWN);
    if found.cells == 0 {
        return Ok(None);
    }
    let verdict = if found.findings.iter().any(|finding| finding.fails) { "fail" } else { "pass" };
    let names = names(now.iter().chain(&before));
    let rows = found.findings.into_iter().map(|finding| row(finding, &names)).collect();
    Ok(Some(Findings { against: baseline.to_string(), verdict, rows }))
}

/// The last sweep that passed before any part of this one began.
fn baseline(store: &Store, taken: &Taken) -> Result<Option<RunId>, Error> {
    let first = taken.parts.iter().min_by_key(|(_, run)| &run.started_at);
    let Some((first, _)) = first else { return Ok(None) };
    match store.last_passing_sweep(&first.run) {
        Ok(baseline) => Ok(Some(baseline)),
        Err(Error::NoBaseline { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Model, variant and target of what the gate names in one word each.
type Names = BTreeMap<(String, String), [String; 3]>;

fn names<'a>(measured: impl Iterator<Item = &'a Measurement>) -> Names {
    let named = measured.map(|Measurement { subject, place, .. }| {
        let variant = [described(&subject.dimensions), place.features.clone()];
        let variant = variant.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        let cell = [subject.model.clone(), variant, place.target.to_string()];
        ((subject.to_string(), place.to_string()), cell)
    });
    named.collect()
}

fn row(finding: Finding, names: &Names) -> FindingRow {
    let Finding { kind, fails, model, place, message, ratio, since, changed } = finding;
    let cell = names.get(&(model.clone(), place.clone())).cloned();
    let [model, variant, target] = cell.unwrap_or([model, String::new(), place]);
    FindingRow {
        model,
        variant,
        target,
        what: format!("{}: {message}", kind.replace('-', " ")),
        fails,
        ratio: ratio.map(|ratio| ratio.median),
        low: ratio.and_then(|ratio| ratio.low),
        high: ratio.and_then(|ratio| ratio.high),
        since: Some(since).filter(|since| !since.is_empty()),
        changed: in_words(&changed),
    }
}

/// What changed, in one line; nothing where nothing did.
pub fn in_words(changes: &[Change]) -> Option<String> {
    let words = changes.iter().map(|Change { what, from, to }| format!("{what} {from} → {to}"));
    let words = words.collect::<Vec<_>>().join(", ");
    Some(words).filter(|words| !words.is_empty())
}
