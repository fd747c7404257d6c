//! The sound and broken models that mutated ones are made from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use graph::onnx::Model;

use crate::load::{Stage, load};
use crate::mutate::Mutator;

/// A factor that keeps a case's own draws apart from those of the case before it.
const SEED_STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Every ONNX file below a folder.
pub struct Corpus {
    paths: Vec<PathBuf>,
    files: Vec<Vec<u8>>,
    weights: Vec<BTreeMap<String, Arc<[u8]>>>,
}

impl Corpus {
    /// Reads the files, in the order of their paths.
    ///
    /// # Errors
    /// A folder or file that cannot be read, or no file at all.
    pub fn read(folder: &Path) -> io::Result<Corpus> {
        let mut paths = Vec::new();
        find(folder, &mut paths)?;
        paths.sort();
        if paths.is_empty() {
            return Err(io::Error::other(format!("no .onnx file below {}", folder.display())));
        }
        let files: Vec<Vec<u8>> = paths.iter().map(fs::read).collect::<Result<_, _>>()?;
        let weights = paths.iter().zip(&files).map(|(path, file)| weights(path, file)).collect();
        Ok(Corpus { paths, files, weights })
    }

    /// How far each file comes unchanged.
    pub fn stages(&self) -> Vec<(&Path, Stage)> {
        let files = self.paths.iter().zip(&self.files).zip(&self.weights);
        files.map(|((path, file), weights)| (path.as_path(), load(file, weights))).collect()
    }

    /// The mutated file of a case, and the weights beside it.
    pub fn case(&self, seed: u64, number: u64) -> (Vec<u8>, &BTreeMap<String, Arc<[u8]>>) {
        let mut mutator = Mutator::new(seed ^ number.wrapping_mul(SEED_STEP), &self.files);
        let at = mutator.below(self.files.len());
        (mutator.change(&self.files[at]), &self.weights[at])
    }
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "onnx") {
            found.push(path);
        }
    }
    Ok(())
}

/// The files of weights beside a model; those that are missing are left out.
fn weights(path: &Path, file: &[u8]) -> BTreeMap<String, Arc<[u8]>> {
    let names = Model::parse(file).map(|model| model.external_files()).unwrap_or_default();
    let read = |name: String| Some((name.clone(), fs::read(path.with_file_name(&name)).ok()?.into()));
    names.into_iter().filter_map(read).collect()
}
