//! The list of node tests that targets do not support: what a run is held to, and what it is written anew from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use protocol::{Target, Verdict};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::rows::conformance::{Conformance, TestRow, Unexpected};

/// Stands for every target of the list.
const EVERY: &str = "*";
const PREFACE: &str = "\
# The node tests that a target does not support, and on which targets; \"*\" is each of them. All others pass there.
# `parallax conformance --expect FILE --update` runs them and writes this anew.
";

/// The node tests that each target does not support.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// Which tests, as [`Conformance`] names them.
    suite: String,
    /// The targets that are held to the list.
    pub targets: Vec<Target>,
    /// By test, the targets that do not support it.
    unsupported: BTreeMap<String, BTreeSet<String>>,
}

/// The list as its file has it, in TOML.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    suite: String,
    targets: Vec<Target>,
    unsupported: BTreeMap<String, Vec<String>>,
}

impl Expected {
    /// Reads a list; one that is yet to be written is empty.
    ///
    /// # Errors
    /// When the file is no such list, and when it is not there though it is not to be written.
    pub fn open(path: &Path, update: bool) -> Result<Expected, Error> {
        let wrong = |message| Error::Expectations { path: path.to_owned(), message };
        if update && !path.exists() {
            return Ok(Expected::default());
        }
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        text.parse().map_err(wrong)
    }

    /// Checks that the list says something of these targets and tests.
    ///
    /// # Errors
    /// Names what it does not know, and the remedy.
    pub fn covers(&self, path: &Path, targets: &[Target], suite: &str) -> Result<(), Error> {
        let wrong = |message| Err(Error::Expectations { path: path.to_owned(), message });
        if self.suite != suite {
            return wrong(format!("it is about {}, and the tests here are {suite}", self.suite));
        }
        match targets.iter().find(|target| !self.targets.contains(target)) {
            Some(target) => wrong(format!("it says nothing of {target}; --update adds it")),
            None => Ok(()),
        }
    }

    /// Returns the tests not as expected. A test that fails is a failure whatever is expected, and not told here.
    pub fn unexpected(&self, target: &str, tests: &[TestRow]) -> Vec<Unexpected> {
        let judged = tests.iter().filter_map(|test| {
            let listed = self.unsupported.get(&test.test).is_some_and(|targets| targets.contains(target));
            let expected = match (test.verdict, listed) {
                (Verdict::Pass, true) => Verdict::Unsupported,
                (Verdict::Unsupported, false) => Verdict::Pass,
                _ => return None,
            };
            let TestRow { test, verdict, message, .. } = test.clone();
            Some(Unexpected { test, expected, found: verdict, message })
        });
        judged.collect()
    }

    /// Takes in what a run found of the tests that it ran; where those are others than before, all is forgotten first.
    pub fn learn(&mut self, found: &Conformance) {
        for row in found.targets.iter().filter(|row| row.unavailable.is_none()) {
            if self.suite != row.suite {
                *self = Expected { suite: row.suite.clone(), ..Expected::default() };
            }
            let Ok(target) = row.target.parse() else { continue };
            if !self.targets.contains(&target) {
                self.targets.push(target);
            }
            for test in &row.tests {
                let targets = self.unsupported.entry(test.test.clone()).or_default();
                match test.verdict {
                    Verdict::Unsupported => targets.insert(row.target.clone()),
                    _ => targets.remove(&row.target),
                };
            }
        }
        self.unsupported.retain(|_, targets| !targets.is_empty());
    }

    /// Writes the list.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        fs::write(path, self.to_string()).map_err(Error::Output)
    }
}

impl std::str::FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Expected, String> {
        let Listed { suite, targets, unsupported } =
            toml::from_str(text).map_err(|error| error.to_string())?;
        let every: BTreeSet<String> = targets.iter().map(Target::to_string).collect();
        let unsupported = unsupported.into_iter().map(|(test, names)| {
            let names = if names == [EVERY] { every.clone() } else { names.into_iter().collect() };
            match names.difference(&every).next() {
                Some(stranger) => Err(format!("{test}: {stranger} is none of the targets")),
                None => Ok((test, names)),
            }
        });
        Ok(Expected { suite, targets, unsupported: unsupported.collect::<Result<_, _>>()? })
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |targets: &BTreeSet<String>| match targets.len() == self.targets.len() {
            true => vec![EVERY.to_owned()],
            false => targets.iter().cloned().collect(),
        };
        let listed = Listed {
            suite: self.suite.clone(),
            targets: self.targets.clone(),
            unsupported: self.unsupported.iter().map(|(test, on)| (test.clone(), names(on))).collect(),
        };
        let text = toml::to_string(&listed).map_err(|_| std::fmt::Error)?;
        write!(f, "{PREFACE}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::conformance::tests::found;

    const LIST: &str = "\
suite = \"ONNX 1.22.0\"
targets = [\"webgpu@chrome\", \"wgpu:vulkan\"]

[unsupported]
test_adam = [\"*\"]
test_gelu_expanded = [\"wgpu:vulkan\"]
";

    fn list() -> Expected {
        LIST.parse().unwrap()
    }

    #[test]
    fn the_file_comes_back_as_it_was() {
        assert_eq!(list().to_string(), format!("{PREFACE}{LIST}"));
    }

    #[test]
    fn what_is_wrong_with_a_list_is_said() {
        let covers = |targets: &[&str], suite| {
            let targets: Vec<Target> = targets.iter().map(|target| target.parse().unwrap()).collect();
            list().covers(Path::new("list.toml"), &targets, suite).err().map(|error| error.to_string())
        };
        for (found, part) in [
            (covers(&["wgpu:vulkan"], "ONNX 1.22.0"), ""),
            (
                covers(&["burn:cpu"], "ONNX 1.22.0"),
                "list.toml: it says nothing of burn:cpu; --update adds it",
            ),
            (
                covers(&["wgpu:vulkan"], "ONNX 1.23.0"),
                "it is about ONNX 1.22.0, and the tests here are ONNX 1.23.0",
            ),
            (
                LIST.replace("[\"wgpu:vulkan\"]", "[\"wgpu:metal\"]").parse::<Expected>().err(),
                "wgpu:metal is none",
            ),
            (LIST.replace("suite", "sweet").parse::<Expected>().err(), "sweet"),
        ] {
            assert!(found.as_deref().unwrap_or_default().contains(part), "{found:?}");
            assert_eq!(found.is_none(), part.is_empty(), "{found:?}");
        }
    }

    #[test]
    fn what_turns_unsupported_and_what_turns_to_pass_is_told() {
        let mut rows = found().targets[0].tests.clone();
        let verdicts = [Verdict::Unsupported, Verdict::Mismatch, Verdict::Pass, Verdict::Unsupported];
        rows.iter_mut().zip(verdicts).for_each(|(row, verdict)| row.verdict = verdict);
        let told: Vec<_> = list()
            .unexpected("webgpu@chrome", &rows)
            .into_iter()
            .map(|row| (row.test, row.expected, row.found))
            .collect();
        let expected = [
            ("test_add", Verdict::Pass, Verdict::Unsupported),
            ("test_adam", Verdict::Unsupported, Verdict::Pass),
            ("test_gelu_expanded", Verdict::Pass, Verdict::Unsupported),
        ];
        assert_eq!(told, expected.map(|(test, expected, found)| (test.to_owned(), expected, found)));
    }

    #[test]
    fn a_run_changes_what_it_ran_and_nothing_else() {
        let mut list = list();
        list.unsupported.insert("test_of_another_run".to_owned(), ["wgpu:vulkan".to_owned()].into());
        let mut run = found();
        run.targets[0].tests.retain(|test| test.test != "test_gelu_expanded");
        run.targets[1].tests[2].verdict = Verdict::Pass;
        list.learn(&run);
        let expected = "\
test_adam = [\"webgpu@chrome\"]
test_gelu_expanded = [\"wgpu:vulkan\"]
test_of_another_run = [\"wgpu:vulkan\"]
";
        assert!(list.to_string().ends_with(expected), "{list}");
        assert_eq!(list.targets.len(), 2, "what was not here is not on the list");

        run.targets.iter_mut().for_each(|target| target.suite = "ONNX 1.23.0".to_owned());
        list.learn(&run);
        assert!(!list.to_string().contains("another_run"), "{list}");
    }
}
