//! The ONNX project's node tests on disk: where they are, which are asked for, and the packs they travel in.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use glob::Pattern;
use protocol::pack::{Files, pack};

use crate::error::Error;
use crate::fault::Fault;

/// Names another folder of tests than the one that set-up fetched.
const OVERRIDE: &str = "PARALLAX_NODE_TESTS";
/// Tests in one job: enough that the way there and back costs little, few enough to find a culprit quickly.
const BATCH: usize = 50;

/// Tests that travel together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The file that holds their folders, and perhaps those of others.
    pub pack: String,
    /// Their names.
    pub tests: Vec<String>,
}

impl Batch {
    /// Its halves, unless it is of one test.
    pub fn halves(&self) -> Option<[Batch; 2]> {
        let (first, second) = self.tests.split_at(self.tests.len() / 2);
        let half = |tests: &[String]| Batch { pack: self.pack.clone(), tests: tests.to_vec() };
        (!first.is_empty()).then(|| [half(first), half(second)])
    }
}

/// A folder of node tests.
#[derive(Debug)]
pub struct Suite {
    /// Where the tests' folders are.
    pub folder: PathBuf,
    /// Its version, or its folder where the user named one.
    pub name: String,
}

impl Suite {
    /// The folder that the user named, or the one that set-up fetched.
    ///
    /// # Errors
    /// `Unavailable` when there is none, with how to get it.
    pub fn find() -> Result<Suite, Fault> {
        let chosen = env::var_os(OVERRIDE).map(PathBuf::from);
        let name = match &chosen {
            Some(folder) => folder.display().to_string(),
            None => format!("ONNX {}", protocol::cache::NODE_TESTS),
        };
        let folder = chosen.unwrap_or_else(protocol::cache::node_tests_dir);
        match folder.is_dir() {
            true => Ok(Suite { folder, name }),
            false => Err(Fault::Unavailable {
                reason: format!("the ONNX project's node tests are not in {}", folder.display()),
                remedy: format!("run `cargo xtask setup`, or name their folder in {OVERRIDE}"),
            }),
        }
    }

    /// The names of the tests that one of `patterns` matches, sorted; all of them where there is no pattern.
    ///
    /// # Errors
    /// When nothing matches, or the folder cannot be read.
    pub fn names(&self, patterns: &[Pattern]) -> Result<Vec<String>, Error> {
        let entries = fs::read_dir(&self.folder).map_err(|source| unreadable(&self.folder, source))?;
        let tests = entries.flatten().filter(|entry| entry.path().join("model.onnx").is_file());
        let all: Vec<String> = tests.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let wanted = |name: &String| patterns.is_empty() || patterns.iter().any(|one| one.matches(name));
        let mut names: Vec<String> = all.iter().filter(|name| wanted(name)).cloned().collect();
        names.sort();
        if names.is_empty() {
            return Err(Error::NoNodeTest {
                patterns: patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", "),
                count: all.len(),
                folder: self.folder.clone(),
            });
        }
        Ok(names)
    }

    /// Packs the tests, a batch in each file of `folder`.
    ///
    /// # Errors
    /// When a test cannot be read or a pack cannot be written.
    pub fn pack(&self, names: &[String], folder: &Path) -> Result<Vec<Batch>, Error> {
        let batches = names.chunks(BATCH).enumerate().map(|(index, tests)| {
            let batch = Batch { pack: format!("{index}.tar"), tests: tests.to_vec() };
            let path = folder.join(&batch.pack);
            let archive = pack(&self.read(tests)?).map_err(|source| unreadable(&path, source))?;
            fs::write(&path, archive).map_err(|source| unreadable(&path, source))?;
            Ok(batch)
        });
        batches.collect()
    }

    fn read(&self, tests: &[String]) -> Result<Files, Error> {
        let mut files = Files::new();
        for test in tests {
            add_folder(&mut files, &self.folder.join(test), test)?;
        }
        Ok(files)
    }
}

/// Adds everything below a folder, under `name` in the pack.
fn add_folder(files: &mut Files, folder: &Path, name: &str) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))?.flatten() {
        let (path, name) = (entry.path(), format!("{name}/{}", entry.file_name().to_string_lossy()));
        match path.is_dir() {
            true => add_folder(files, &path, &name)?,
            false => {
                let bytes = fs::read(&path).map_err(|source| unreadable(&path, source))?;
                files.insert(name, bytes);
            }
        }
    }
    Ok(())
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::NodeTests { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use protocol::pack::unpack;
    use tempfile::TempDir;

    use super::*;

    fn suite(tests: &[&str]) -> (TempDir, Suite) {
        let folder = TempDir::new().unwrap();
        for test in tests {
            let set = folder.path().join(test).join("test_data_set_0");
            fs::create_dir_all(&set).unwrap();
            fs::write(set.join("input_0.pb"), test).unwrap();
            fs::write(folder.path().join(test).join("model.onnx"), "model").unwrap();
        }
        fs::create_dir(folder.path().join("no_test")).unwrap();
        let suite = Suite { folder: folder.path().to_owned(), name: "made up".to_owned() };
        (folder, suite)
    }

    #[test]
    fn patterns_choose_and_names_are_sorted() {
        let (_folder, suite) = suite(&["test_add", "test_adagrad", "test_matmul_2d"]);
        for (patterns, expected) in [
            (&[][..], &["test_adagrad", "test_add", "test_matmul_2d"][..]),
            (&["test_add*"], &["test_add"]),
            (&["*matmul*", "test_ad?"], &["test_add", "test_matmul_2d"]),
        ] {
            let patterns: Vec<Pattern> = patterns.iter().map(|text| Pattern::new(text).unwrap()).collect();
            assert_eq!(suite.names(&patterns).unwrap(), expected);
        }
        let error = suite.names(&[Pattern::new("test_sub*").unwrap()]).unwrap_err();
        assert_eq!(error.exit(), crate::exit::Exit::BadRequest);
        assert!(error.to_string().contains("test_sub*"), "{error}");
    }

    #[test]
    fn every_test_is_in_the_pack_of_its_batch() {
        let names: Vec<String> = (0..BATCH + 1).map(|number| format!("test_{number:03}")).collect();
        let (_folder, suite) = suite(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let packs = TempDir::new().unwrap();
        let batches = suite.pack(&names, packs.path()).unwrap();
        assert_eq!(batches.iter().map(|batch| batch.tests.len()).collect::<Vec<_>>(), [BATCH, 1]);
        for Batch { pack, tests } in batches {
            let files = unpack(&fs::read(packs.path().join(pack)).unwrap()).unwrap();
            assert_eq!(files.len(), 2 * tests.len());
            for test in tests {
                assert_eq!(files[&format!("{test}/test_data_set_0/input_0.pb")], test.as_bytes());
            }
        }
    }
}
