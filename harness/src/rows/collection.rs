//! Results of many runs and machines, side by side: the latest of each model in each place on each kind of hardware.

use std::collections::BTreeMap;

use protocol::Target;

use super::matrix::{Cell, Matrix};
use super::measurement::{Measurement, Place, RunOf, Subject, Versions};
use crate::adapter::adapter_name;

/// A cell of a matrix with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// How it ended, and how fast it was.
    pub cell: Cell,
    /// What computed it; none where it does not say.
    pub hardware: Option<String>,
    /// The versions that took part.
    pub versions: Versions,
    /// The run it is of.
    pub run: RunOf,
    /// Runs that have it.
    pub runs: usize,
}

/// The family and the modality of a model, where they are known.
pub type Kind = (Option<String>, Option<String>);

/// The entries of measurements, by model and place. Speed-ups are over a baseline in the same run: no other is known to be of the same
/// machine.
pub fn of(measurements: &[Measurement], baseline: &Target) -> Vec<Entry> {
    let mut runs: BTreeMap<&RunOf, Vec<Measurement>> = BTreeMap::new();
    for measurement in measurements {
        runs.entry(&measurement.run).or_default().push(measurement.clone());
    }
    let mut entries: BTreeMap<(Subject, Place, Option<String>), Entry> = BTreeMap::new();
    for (run, taken) in runs {
        for cell in cells(&taken, baseline) {
            let of_cell = |it: &&Measurement| it.subject == cell.subject && it.place == cell.place;
            let Some(first) = taken.iter().find(of_cell) else { continue };
            let adapter = taken.iter().filter(of_cell).find_map(|it| it.adapter.as_ref());
            let hardware = adapter.map(|adapter| adapter_name(adapter));
            let key = (cell.subject.clone(), cell.place.clone(), hardware.clone());
            let before = entries.get(&key).map_or(0, |entry| entry.runs);
            let versions = first.versions.clone();
            entries.insert(key, Entry { cell, hardware, versions, run: run.clone(), runs: before + 1 });
        }
    }
    entries.into_values().collect()
}

/// The cells of one run, over the baseline if the run has it.
fn cells(taken: &[Measurement], baseline: &Target) -> Vec<Cell> {
    let alone = || {
        let cells = Matrix::of(taken, None).map(|matrix| matrix.cells).unwrap_or_default();
        cells.into_iter().map(|cell| Cell { against: None, ..cell }).collect()
    };
    Matrix::of(taken, Some(baseline)).map_or_else(alone, |matrix| matrix.cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::matrix::tests::measured;

    const CHROME: &str = "webgpu@chrome";
    const NATIVE: &str = "wgpu:vulkan";

    #[test]
    fn each_hardware_has_its_latest_result_over_the_baseline_of_the_same_run() {
        let measurements = [
            measured(1, "m", CHROME, &[8.0, 8.0, 8.0]),
            measured(2, "m", NATIVE, &[6.0, 6.0, 6.0]),
            measured(2, "m", CHROME, &[2.0, 2.0, 2.0]),
            measured(3, "m", "webgpu@chrome/swiftshader", &[9.0, 9.0, 9.0]),
        ];
        let entries = of(&measurements, &NATIVE.parse().unwrap());
        let told = entries.iter().map(|it| {
            let speed_up =
                it.cell.against.as_ref().map(|against| against.speed_up.as_ref().unwrap().median.round());
            (
                it.cell.place.to_string(),
                it.run.id.as_str(),
                it.runs,
                it.cell.latency_ms.unwrap().median,
                speed_up,
            )
        });
        let mut told: Vec<_> = told.collect();
        told.sort_by(|a, b| a.3.total_cmp(&b.3));
        assert_eq!(
            told,
            [
                (CHROME.to_owned(), "run 2", 2, 2.0, Some(3.0)),
                (NATIVE.to_owned(), "run 2", 1, 6.0, None),
                ("webgpu@chrome+adapter=swiftshader".to_owned(), "run 3", 1, 9.0, None),
            ]
        );
        assert!(entries.iter().all(|it| it.hardware.is_some()), "{entries:?}");
    }
}
