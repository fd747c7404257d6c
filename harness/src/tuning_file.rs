//! Tunings as one file, for other machines and for the table of the kernels: what was found, where, and how surely.

use std::fs;
use std::path::{Path, PathBuf};

use protocol::tuning::TunedRows;
use protocol::tuning_file::FORMAT;
use protocol::{FoundRow, Target, TunedPlace, TuningFile};
use serde::Deserialize;

use crate::adapter::adapter_name;
use crate::error::Error;
use crate::rows::tuning::TunedClass;

/// What was found in each place; a place where nothing is better is there too, without rows.
fn of(classes: &[TunedClass]) -> TuningFile {
    let mut places: Vec<TunedPlace> = Vec::new();
    for class in classes {
        let report = &class.report;
        let is_same = |place: &TunedPlace| {
            place.target == class.target
                && place.browser_version == class.browser_version
                && place.adapter_words == report.words
                && place.software == report.software
        };
        let at = places.iter().position(is_same).unwrap_or_else(|| {
            places.push(TunedPlace {
                target: class.target.clone(),
                browser_version: class.browser_version.clone(),
                adapter: adapter_name(&report.adapter),
                adapter_words: report.words.clone(),
                software: report.software,
                rows: Vec::new(),
            });
            places.len() - 1
        });
        let found = class.row().zip(class.better()).and_then(|(row, standing)| {
            let ratio = standing.times_as_fast;
            let interval = [ratio.low?, ratio.high?];
            Some(FoundRow { row, times_as_fast: ratio.median, interval, shapes: report.shapes })
        });
        places[at].rows.extend(found);
    }
    TuningFile { parallax_tunings: FORMAT, places }
}

/// Reads a file.
///
/// # Errors
/// One that cannot be read, is none, or is of a newer form.
fn read(path: &Path) -> Result<TuningFile, Error> {
    let broken = |reason: String| Error::TuningFile { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| broken(error.to_string()))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
    match value.get("parallax_tunings").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => {
            return Err(broken(format!(
                "its form is {format}, and this version knows {FORMAT}: update Parallax"
            )));
        }
        None => {
            return Err(broken(
                "it has no field parallax_tunings: `parallax tune --export` writes one".to_owned(),
            ));
        }
    }
    let file: TuningFile = serde_json::from_value(value).map_err(|error| broken(error.to_string()))?;
    let rows = file.places.iter().flat_map(|place| &place.rows);
    match rows.map(|found| found.row).find_map(|row| Some((row, row.fault()?))) {
        Some((row, fault)) => Err(broken(format!("its row of {:?} is none: {fault}", row.family))),
        None => Ok(file),
    }
}

/// What kernels are cut by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum TuningChoice {
    /// The table alone.
    #[default]
    Default,
    /// What was found last in the same place goes before it.
    Stored,
    /// What a file says goes before it.
    File(PathBuf),
}

impl From<String> for TuningChoice {
    fn from(text: String) -> TuningChoice {
        match text.as_str() {
            "default" => TuningChoice::Default,
            "stored" => TuningChoice::Stored,
            path => TuningChoice::File(path.into()),
        }
    }
}

/// The rows that go before those of the table, target by target.
#[derive(Debug, Clone, Default)]
pub struct Tunings {
    choice: TuningChoice,
    places: Vec<TunedPlace>,
}

impl Tunings {
    /// Those that are asked for; what is stored has to be looked up yet.
    ///
    /// # Errors
    /// A file that is no tuning.
    pub fn of(choice: TuningChoice) -> Result<Tunings, Error> {
        let places = match &choice {
            TuningChoice::Default | TuningChoice::Stored => Vec::new(),
            TuningChoice::File(path) => read(path)?.places,
        };
        Ok(Tunings { choice, places })
    }

    /// Looks up what is stored, if that is asked for.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn look_up(&mut self, stored: impl FnOnce() -> Result<Vec<TunedClass>, Error>) -> Result<(), Error> {
        if self.choice == TuningChoice::Stored {
            self.places = of(&stored()?).places;
        }
        Ok(())
    }

    /// The rows for a target, the last where there are several; none where nothing is said of it.
    pub fn rows(&self, target: &Target) -> Option<TunedRows> {
        let (source, required) = match &self.choice {
            TuningChoice::Default => return None,
            TuningChoice::Stored => ("stored".to_owned(), false),
            TuningChoice::File(path) => (path.display().to_string(), true),
        };
        let target = target.to_string();
        let place = self.places.iter().rev().find(|place| place.target == target)?;
        Some(TunedRows {
            source,
            adapter: place.adapter_words.clone(),
            browser_version: place.browser_version.clone(),
            required,
            rows: place.rows.iter().map(|found| found.row).collect(),
        })
    }
}

/// Writes what was found; gives how many places, and rows.
///
/// # Errors
/// Where there is nothing, or the file cannot be written.
pub fn write(path: &Path, classes: &[TunedClass]) -> Result<[usize; 2], Error> {
    let file = of(classes);
    let broken = |reason: String| Error::TuningFile { path: path.to_owned(), reason };
    if file.places.is_empty() {
        let none = "there is nothing to write: the database has no tuning; run `parallax tune` first";
        return Err(broken(none.to_owned()));
    }
    let text = serde_json::to_string_pretty(&file).map_err(|error| broken(error.to_string()))?;
    fs::write(path, text + "\n").map_err(|error| broken(error.to_string()))?;
    Ok([file.places.len(), file.places.iter().map(|place| place.rows.len()).sum()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::tuning::tests::{class, trial};

    fn found(target: &str) -> TunedClass {
        let trials = vec![
            trial(64, &[10.0; 3], &[10.0, 10.1, 9.9, 10.0, 10.2]),
            trial(8, &[5.0; 3], &[5.0, 5.1, 4.9, 5.0, 5.05]),
        ];
        class(target, trials)
    }

    fn read_text(text: &str) -> Result<TuningFile, String> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("tunings.json");
        fs::write(&path, text).unwrap();
        read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_and_holds_for_its_target_alone() {
        let file = of(&[found("webgpu@chrome"), class("webgpu@firefox", vec![])]);
        assert_eq!(read_text(&serde_json::to_string(&file).unwrap()), Ok(file.clone()));
        let tunings = Tunings { choice: TuningChoice::File("t.json".into()), places: file.places };
        let rows = |target: &str| tunings.rows(&target.parse().unwrap());
        let chrome = rows("webgpu@chrome").unwrap();
        assert_eq!(
            (chrome.source.as_str(), chrome.adapter.as_str(), chrome.required),
            ("t.json", "a card", true)
        );
        assert_eq!(chrome.rows.iter().map(|row| row.choice.lanes).collect::<Vec<_>>(), [8]);
        assert_eq!(rows("webgpu@firefox").unwrap().rows, [], "nothing was better there");
        assert_eq!(rows("webgpu@edge"), None);
    }

    #[test]
    fn files_that_are_none_are_refused_with_the_reason() {
        let mut faulty = of(&[found("webgpu@chrome")]);
        faulty.places[0].rows[0].row.choice.lanes = 0;
        let faulty = serde_json::to_string(&faulty).unwrap();
        for (name, text, reason) in [
            ("empty", "", "EOF"),
            ("something else", r#"{"models": []}"#, "--export"),
            ("newer", r#"{"parallax_tunings": 2, "places": []}"#, "update Parallax"),
            ("without places", r#"{"parallax_tunings": 1}"#, "places"),
            ("no work", faulty.as_str(), "nothing to do the work"),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(reason) && error.contains("tunings.json"), "{name}: {error}");
        }
        let error = read(Path::new("/nowhere/t.json")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/t.json"), "{error}");
    }
}
