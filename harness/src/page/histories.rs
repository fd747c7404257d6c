//! The history of a cell over the latest runs on its machine, and where it changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::findings::in_words;
use crate::history;
use crate::rows::history::{History, Step};
use crate::rows::measurement::{Measurement, Place, Subject};

/// A cell's points and changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    pub points: Vec<(String, f64, Option<String>)>,
    pub changes: Vec<ChangeRow>,
}

/// A step to another level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChangeRow {
    pub at: usize,
    pub ratio: f64,
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub run: String,
    pub changed: String,
}

/// What was measured of each cell on each machine.
pub struct Histories<'a>(BTreeMap<history::Cell<'a>, Vec<&'a Measurement>>);

impl<'a> Histories<'a> {
    /// Sorts measurements by cell and machine.
    pub fn of(measured: &'a [Measurement]) -> Histories<'a> {
        Histories(history::by_cell(measured))
    }

    /// The history of a cell on a machine; nothing where it never passed there.
    pub fn course(&self, (subject, place): &(Subject, Place), host: &Option<String>) -> Option<Course> {
        let trials = self.0.get(&(subject, place, host))?;
        let commits: BTreeMap<&str, &Option<String>> =
            trials.iter().map(|one| (one.run.id.as_str(), &one.versions.commit)).collect();
        let history = history::history(subject, place, host.clone(), trials.clone());
        Some(course(history, &commits))
    }
}

fn course(history: History, commits: &BTreeMap<&str, &Option<String>>) -> Course {
    let at = |run: &str| history.points.iter().position(|point| point.run == run);
    let change = |step: &Step| {
        let changed = in_words(&step.changed).unwrap_or_default();
        Some(ChangeRow {
            at: at(&step.run)?,
            ratio: step.ratio,
            low: None,
            high: None,
            run: step.run.clone(),
            changed,
        })
    };
    let changes = history.changes.iter().filter_map(change).collect();
    let commit = |run: &str| commits.get(run).and_then(|commit| (*commit).clone());
    let points = history.points.iter();
    let points = points.map(|point| (point.started_at.clone(), point.median, commit(&point.run))).collect();
    Course { points, changes }
}
