//! Finds models by name, path or place on the hub and reads what their folders hold. It never looks inside a graph.

pub(crate) mod bare;
pub mod hub;
pub(crate) mod kept;
mod precision;
pub mod variant;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use protocol::Manifest;
use protocol::cache::beside_program;
use protocol::suggest::did_you_mean;
use sha2::{Digest, Sha256};

use crate::digest::hexadecimal;
use crate::error::Error;
use hub::Fetched;
pub use variant::Variant;

/// The file that makes a folder a model.
pub(crate) const MANIFEST: &str = "model.toml";
/// How the names of ONNX files end.
pub(crate) const ONNX: &str = ".onnx";

/// A model folder, read and found sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The folder, absolute.
    pub folder: PathBuf,
    /// Its `model.toml`.
    pub manifest: Manifest,
    /// SHA-256 in hexadecimal over every file of the folder, names included: other contents, other digest.
    pub digest: String,
    /// Items in one inference: the batch, where the model has one, else 1.
    pub batch: u32,
    /// The extents that were asked of its open dimensions.
    pub dimensions: Dimensions,
}

impl Model {
    /// Reads the model folder at `folder`.
    ///
    /// # Errors
    /// When `model.toml` is missing or wrong, or names a file that is not in the folder.
    pub fn read(folder: &Path) -> Result<Model, Error> {
        let folder = folder.canonicalize().map_err(|source| unreadable(folder, source))?;
        let manifest = read_manifest(&folder.join(MANIFEST))?;
        for file in files_of(&manifest) {
            check_file(&folder, file)?;
        }
        let batch = manifest.batch.unwrap_or(1);
        Ok(Model { digest: digest(&folder)?, manifest, batch, folder, dimensions: Dimensions::new() })
    }

    /// Returns what stands in the rows of a model that cannot be had.
    pub fn absent(name: &str) -> Model {
        let unknown = String::new;
        let manifest = Manifest {
            name: name.to_owned(),
            family: unknown(),
            modality: unknown(),
            source: unknown(),
            reference: None,
            precision: Default::default(),
            batch: None,
            tolerance_scale: 1.0,
            notes: Vec::new(),
            inputs: unknown(),
            expected: unknown(),
            components: Vec::new(),
            generation: None,
            tolerances: BTreeMap::new(),
        };
        let digest = format!("absent {name}");
        Model { folder: PathBuf::new(), manifest, digest, batch: 1, dimensions: Dimensions::new() }
    }

    /// Its path segment in the addresses that pages find models at: models at several extents have one name.
    pub fn segment(&self) -> String {
        let digest = self.digest.get(..8).unwrap_or(&self.digest);
        format!("{}-{digest}", self.manifest.name)
    }

    /// Largest absolute error allowed.
    pub fn tolerance(&self) -> f64 {
        self.manifest.tolerances.get(&self.manifest.precision).copied().unwrap_or(0.0)
    }
}

/// Where models are found by name: `models` in the folder `PARALLAX_FIXTURES`, else in the fixtures beside this
/// program, as in a bundle, or of the checkout that it was built from.
fn fixtures_folder() -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let named = std::env::var_os("PARALLAX_FIXTURES").map(PathBuf::from);
    let named = named.or_else(|| beside_program("fixtures"));
    named.unwrap_or_else(|| checkout.join("fixtures")).join("models")
}

/// Extents by the names of dimensions that a bare ONNX file leaves open.
pub type Dimensions = BTreeMap<String, usize>;

/// Finds a model: the name of a fixture, the path of a folder with a `model.toml` or of a bare ONNX file, seen from
/// `base`, or `hf:owner/repository` on the hub, from which it is fetched; of its exports the one in the precision that is
/// asked for. A bare ONNX file is completed to a folder, a folder made anew at other extents, within `limit`.
///
/// # Errors
/// When there is none, naming those that exist; when the hub does not give it, when it has no such precision or dimension,
/// when it cannot be completed, or when the folder is not sound.
pub async fn find(model: &str, base: &Path, asked: &Variant, limit: Duration) -> Result<Model, Error> {
    let Variant { dimensions, precision } = asked;
    let (file, name) = if hub::is_hub_address(model) {
        match hub::fetch(model, *precision).await? {
            Fetched::Folder(folder) => {
                let found = precision::check(Model::read(&folder)?, *precision)?;
                return variant::at_extents(found, dimensions, limit).await;
            }
            Fetched::Onnx { file, name } => (file, name),
        }
    } else if model.ends_with(ONNX) {
        let file = base.join(model);
        let file = precision.map_or_else(|| file.clone(), |precision| precision::file(&file, precision));
        let name = bare::name_of(&file);
        (file, name)
    } else {
        let found = find_folder(model, &fixtures_folder(), base)?;
        let found = match precision {
            Some(precision) => precision::folder(found, *precision)?,
            None => found,
        };
        return variant::at_extents(found, dimensions, limit).await;
    };
    let completed = Model::read(&bare::complete(model, &file, name, dimensions, limit).await?)?;
    precision::check(Model { dimensions: dimensions.clone(), ..completed }, *precision)
}

/// Finds a model that is a folder: its name in `fixtures`, or its path, seen from `base`.
fn find_folder(model: &str, fixtures: &Path, base: &Path) -> Result<Model, Error> {
    let is_name = matches!(
        Path::new(model).components().collect::<Vec<_>>()[..],
        [Component::Normal(name)] if name == model
    );
    let path = base.join(model);
    let candidates = [is_name.then(|| fixtures.join(model)), Some(path.clone())];
    match candidates.into_iter().flatten().find(|folder| folder.join(MANIFEST).is_file()) {
        Some(folder) => Model::read(&folder),
        None if path.is_dir() && !model.is_empty() => {
            Err(invalid(&path, format!("the folder has no {MANIFEST}, so it is not a model")))
        }
        None => Err(unknown(model, fixtures)),
    }
}

fn unknown(model: &str, fixtures: &Path) -> Error {
    let known = names_in(fixtures);
    Error::UnknownModel {
        hint: did_you_mean(model, known.iter().map(String::as_str)),
        known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
        fixtures: fixtures.to_owned(),
        model: model.to_owned(),
    }
}

/// The manifests of all that is found by name, in the order of their names.
pub fn fixtures() -> Vec<Manifest> {
    let folder = fixtures_folder();
    let manifest = |name: String| read_manifest(&folder.join(name).join(MANIFEST)).ok();
    names_in(&folder).into_iter().filter_map(manifest).collect()
}

fn names_in(fixtures: &Path) -> Vec<String> {
    let entries = fs::read_dir(fixtures).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join(MANIFEST).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn read_manifest(path: &Path) -> Result<Manifest, Error> {
    let text = fs::read_to_string(path).map_err(|source| unreadable(path, source))?;
    let manifest: Manifest = toml::from_str(&text).map_err(|error| invalid(path, error.to_string()))?;
    let problem = if !is_plain_name(&manifest.name) {
        Some(format!("the name {:?} may hold only letters, digits, '.', '_' and '-'", manifest.name))
    } else if manifest.components.is_empty() {
        Some("it has no [[components]]: name at least one ONNX file".to_owned())
    } else if let Some(problem) = manifest.wiring_problem() {
        Some(problem)
    } else {
        let precision = manifest.precision;
        match manifest.tolerances.get(&precision) {
            None => Some(format!("[tolerances] has no {precision}: add for example {precision} = 1e-4")),
            Some(tolerance) if !tolerance.is_finite() || *tolerance < 0.0 => {
                Some(format!("the {precision} tolerance {tolerance} is not a number of at least 0"))
            }
            Some(_) => None,
        }
    };
    problem.map_or(Ok(manifest), |message| Err(invalid(path, message)))
}

/// A name that can stand in a URL's path and in a table.
pub(crate) fn is_plain_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.chars().all(is_plain)
}

pub(crate) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn files_of(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let components = manifest.components.iter().map(|component| component.file.as_str());
    components.chain([manifest.inputs.as_str(), manifest.expected.as_str()])
}

fn check_file(folder: &Path, file: &str) -> Result<(), Error> {
    if !stays_inside(file) {
        return Err(invalid(&folder.join(MANIFEST), format!("{file:?} is not a file inside the folder")));
    }
    match folder.join(file).is_file() {
        true => Ok(()),
        false => Err(invalid(&folder.join(MANIFEST), format!("it names {file}, which is not in the folder"))),
    }
}

/// Returns whether a relative path leads no way out of the folder that it starts from.
pub(crate) fn stays_inside(file: &str) -> bool {
    Path::new(file).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Hashes every file below `folder`, in the order of their paths: path, length, contents.
fn digest(folder: &Path) -> Result<String, Error> {
    let files = files_below(folder)?;
    let mut hasher = Sha256::new();
    for path in files {
        let contents = fs::read(&path).map_err(|source| unreadable(&path, source))?;
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy();
        hasher.update(format!("{name}\n{}\n", contents.len()));
        hasher.update(contents);
    }
    Ok(hexadecimal(&hasher.finalize()))
}

/// Every file below `folder`, in the order of their paths.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    list_files(folder, &mut files)?;
    files.sort();
    Ok(files)
}

fn list_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))?.flatten() {
        let path = entry.path();
        // A link to a file is a file. One to a folder could lead in a circle, or to all that there is.
        match (path.is_file(), path.is_dir(), path.is_symlink()) {
            (true, _, _) => files.push(path),
            (false, true, false) => list_files(&path, files)?,
            (false, true, true) => {
                let message = "it is a link to a folder, whose files would not count as the model's; put the folder itself there";
                return Err(invalid(&path, message.to_owned()));
            }
            (false, false, _) => {}
        }
    }
    Ok(())
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    Error::ModelUnreadable { path: path.to_owned(), source }
}

fn invalid(path: &Path, message: String) -> Error {
    Error::ModelInvalid { path: path.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const SOUND: &str = r#"
name = "sound"
family = "bert"
modality = "text"
source = "by hand"
batch = 2
inputs = "inputs.safetensors"
expected = "expected.safetensors"
components = [{ name = "model", file = "model.onnx" }]
tolerances = { fp32 = 1e-4 }
"#;

    fn fixtures(manifest: &str) -> TempDir {
        let root = TempDir::new().unwrap();
        let folder = root.path().join("sound");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("model.toml"), manifest).unwrap();
        fs::write(folder.join("model.onnx"), "graph").unwrap();
        fs::write(folder.join("inputs.safetensors"), "").unwrap();
        fs::write(folder.join("expected.safetensors"), "").unwrap();
        root
    }

    #[test]
    fn a_model_is_found_by_name_and_by_path() {
        let root = fixtures(SOUND);
        let by_name = find_folder("sound", root.path(), Path::new("")).unwrap();
        let by_path = find_folder("sound", Path::new("/nowhere"), root.path()).unwrap();
        assert_eq!(by_name, by_path);
        assert_eq!((by_name.manifest.name.as_str(), by_name.batch, by_name.tolerance()), ("sound", 2, 1e-4));
    }

    #[test]
    fn a_model_that_is_not_there_is_refused_with_those_that_are() {
        let root = fixtures(SOUND);
        for (model, parts) in [
            ("sonud", &["did you mean \"sound\"", "sound"][..]),
            ("whisper", &["there is no model \"whisper\";", "are sound"]),
            ("", &["there is no model \"\""]),
            ("../sound", &["there is no model"]),
        ] {
            let message = find_folder(model, root.path(), Path::new("/nowhere")).unwrap_err().to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{model}: {message}");
        }
        let message = find_folder(".", root.path(), root.path()).unwrap_err().to_string();
        assert!(message.contains("has no model.toml"), "{message}");
    }

    #[test]
    fn a_manifest_that_is_wrong_is_refused_with_its_place() {
        for (from, to, part) in [
            ("name = \"sound\"", "name = \"a b\"", "may hold only"),
            ("family", "famly", "famly"),
            ("model.onnx", "other.onnx", "names other.onnx, which is not in the folder"),
            ("\"inputs.safetensors\"", "\"../../etc/passwd\"", "not a file inside the folder"),
            ("fp32 = 1e-4", "fp16 = 1e-4", "[tolerances] has no fp32"),
            ("family =", "precision = \"fp8\"\nfamily =", "unknown variant `fp8`"),
            ("family =", "precision = \"q4\"\nfamily =", "[tolerances] has no q4"),
            ("fp32 = 1e-4", "fp32 = nan", "is not a number of at least 0"),
            (
                "components = [{ name = \"model\", file = \"model.onnx\" }]",
                "components = []",
                "[[components]]",
            ),
            (
                "components = [",
                "components = [{ name = \"model\", file = \"model.onnx\" }, ",
                "two components are called \"model\"",
            ),
            (
                "file = \"model.onnx\"",
                "file = \"model.onnx\", from = { x = \"before.y\" }",
                "from \"before.y\"",
            ),
            (
                "family =",
                "generation = { prompt = \"ids\", tokens = 1, prefill = \"model\", step = \"stepp\", \
                 logits = \"y\", cache = {} }\nfamily =",
                "generation.step is \"stepp\", and the components are model",
            ),
            (
                "family =",
                "generation = { prompt = \"ids\", tokens = 0, prefill = \"model\", step = \"model\", \
                 logits = \"y\", cache = {} }\nfamily =",
                "generation.tokens is 0",
            ),
        ] {
            let root = fixtures(&SOUND.replace(from, to));
            let message = find_folder("sound", root.path(), Path::new("")).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains("model.toml"), "{to}: {message}");
        }
    }

    #[test]
    fn the_digest_follows_every_file() {
        let digest_after = |change: fn(&Path)| {
            let root = fixtures(SOUND);
            change(&root.path().join("sound"));
            find_folder("sound", root.path(), Path::new("")).unwrap().digest
        };
        let original = digest_after(|_| {});
        assert_eq!(original, digest_after(|_| {}));
        for (name, change) in [
            ("contents", (|folder| fs::write(folder.join("model.onnx"), "Graph").unwrap()) as fn(&Path)),
            ("external data", |folder| fs::write(folder.join("weights.bin"), "").unwrap()),
            ("a subfolder's file", |folder| {
                fs::create_dir(folder.join("onnx")).unwrap();
                fs::write(folder.join("onnx/weights.bin"), "1").unwrap();
            }),
        ] {
            assert_ne!(original, digest_after(change), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_file_counts_as_the_file_and_one_to_a_folder_is_refused() {
        use std::os::unix::fs::symlink;
        let elsewhere = TempDir::new().unwrap();
        let weights = elsewhere.path().join("weights.bin");
        let root = fixtures(SOUND);
        let folder = root.path().join("sound");
        symlink(&weights, folder.join("weights.bin")).unwrap();
        let digest_with = |contents: &str| {
            fs::write(&weights, contents).unwrap();
            Model::read(&folder).unwrap().digest
        };
        assert_ne!(digest_with("1"), digest_with("2"));
        fs::create_dir(folder.join("onnx")).unwrap();
        symlink(elsewhere.path(), folder.join("onnx/more")).unwrap();
        let message = Model::read(&folder).unwrap_err().to_string();
        assert!(message.contains("onnx/more") && message.contains("a link to a folder"), "{message}");
    }
}
