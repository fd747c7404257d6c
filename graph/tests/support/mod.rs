//! The fixture models as folders: their files, inputs and expected outputs. Tests of other crates read it too.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graph::Tensor;
use graph::onnx::{self, Model, Outline};
use protocol::Manifest;

/// A fixture.
pub struct Fixture {
    folder: PathBuf,
    pub manifest: Manifest,
    pub inputs: BTreeMap<String, Tensor>,
    pub expected: BTreeMap<String, Tensor>,
}

/// Every fixture of `fixtures/models`, in order, but for those with more bytes of computed weights.
pub fn fixtures(most_computed_bytes: u64) -> Vec<Fixture> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("is in a checkout").join("fixtures");
    let models = std::env::var_os("PARALLAX_FIXTURES").map_or(checkout, PathBuf::from).join("models");
    let folders = fs::read_dir(models).expect("there are models").flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = folders.collect();
    folders.sort();
    let fixtures = folders.into_iter().map(Fixture::read);
    let few = |fixture: &Fixture| fixture.computed_bytes().expect("can be read") <= most_computed_bytes;
    fixtures.filter(few).collect()
}

impl Fixture {
    fn read(folder: PathBuf) -> Fixture {
        let manifest = fs::read_to_string(folder.join("model.toml")).expect("has a manifest");
        let manifest: Manifest = toml::from_str(&manifest).expect("has a sound manifest");
        let tensors = |file: &str| {
            let bytes = fs::read(folder.join(file)).expect("has its tensors");
            graph::tensor_file::read(&bytes).expect("has sound tensors")
        };
        let (inputs, expected) = (tensors(&manifest.inputs), tensors(&manifest.expected));
        Fixture { folder, manifest, inputs, expected }
    }

    /// The files of its components.
    pub fn files(&self) -> BTreeMap<String, Arc<[u8]>> {
        let read = |file: &String| fs::read(self.folder.join(file)).expect("has its components").into();
        self.manifest.components.iter().map(|known| (known.file.clone(), read(&known.file))).collect()
    }

    /// Its components, weights from so many bytes on put off.
    pub fn models(&self, large_bytes: u64) -> Result<BTreeMap<String, Model>, String> {
        let mut files = self.files();
        let mut models = BTreeMap::new();
        for component in &self.manifest.components {
            let size_bytes = files[&component.file].len() as u64;
            let outline = Outline::new(&component.file, size_bytes).with_large_bytes(large_bytes);
            let model = Model::open_outline(outline, &mut files).map_err(|error| error.to_string())?;
            models.insert(component.name.clone(), model);
        }
        onnx::share(models.values_mut(), &mut files).map_err(|error| error.to_string())?;
        Ok(models)
    }

    /// The bytes of the weights that no file holds.
    fn computed_bytes(&self) -> Result<u64, String> {
        let models = self.models(1)?;
        let files = models.values().map(|model| model.computed_files().map_err(|error| error.to_string()));
        let files = files.collect::<Result<Vec<_>, _>>()?;
        Ok(files.iter().flat_map(|files| files.values().map(|file| file.size_bytes)).sum())
    }
}
