//! Has a bare ONNX file completed to a model folder: native-runner makes up inputs and runs the reference engine, since
//! nothing here can read ONNX.

use std::collections::BTreeMap;
use std::path::{MAIN_SEPARATOR, Path, PathBuf, absolute};
use std::time::Duration;

use protocol::{BareModel, CompletedModel, Device, Engine, Target, Task};

use super::{Dimensions, ONNX, invalid, is_plain, kept};
use crate::error::Error;
use crate::fault::Fault;
use crate::lane::{Lane, NoAnswer, Unit};
use crate::session::Context;

/// The name that exporters give the file of a whole model: then its folder's name says more.
const USUAL: &str = "model";

/// The folder of the model in `file`, which its user calls `origin` and tables call `name`; making it may take `limit`.
///
/// # Errors
/// A file that is not there or no ONNX model, one that the reference engine does not run or not within the limit, and
/// where that engine is not on this machine.
pub async fn complete(
    origin: &str,
    file: &Path,
    name: String,
    dimensions: &Dimensions,
    limit: Duration,
) -> Result<PathBuf, Error> {
    if !file.is_file() {
        return Err(invalid(file, "there is no such file".to_owned()));
    }
    let bare = BareModel {
        // The runner may be somewhere else. A link stays one: weights lie beside it, not where it leads.
        file: absolute(file).unwrap_or_else(|_| file.to_owned()),
        origin: origin.to_owned(),
        name,
        folders: protocol::cache::models_dir(),
        dimensions: dimensions.clone(),
    };
    completed(origin, Task::Complete(bare), limit).await
}

/// The folder that the reference engine makes by a task within the limit, which is in use from now on; `model` is what its user
/// calls it.
///
/// # Errors
/// When there is none, by the reason.
pub async fn completed(model: &str, task: Task, limit: Duration) -> Result<PathBuf, Error> {
    let context = Context::start(BTreeMap::new()).await?;
    let model = model.to_owned();
    match Lane::only(&context, Completion { task, limit }).await.answer {
        Ok(CompletedModel { folder }) => {
            // A folder that is its own answer is no one's to clear.
            if folder.starts_with(protocol::cache::models_dir()) {
                kept::used(&folder);
            }
            Ok(folder)
        }
        Err(NoAnswer::Fault(fault @ (Fault::Timeout { .. } | Fault::Crash { .. }))) => {
            Err(Error::Unfinished { model, fault })
        }
        Err(none) if none.is_unavailable() => Err(Error::NoReference { model, message: none.to_string() }),
        Err(none) => Err(Error::Uncompleted { model, verdict: none.verdict(), message: none.to_string() }),
    }
}

/// A folder to be made.
#[derive(Clone)]
struct Completion {
    task: Task,
    limit: Duration,
}

impl Unit for Completion {
    type Report = CompletedModel;

    fn target(&self) -> Target {
        Target { engine: Engine::Onnxruntime, device: Some(Device::Cpu), browser: None }
    }

    fn task(&self, _: &Context) -> Task {
        self.task.clone()
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

/// Returns the name of a local file's model: the file's without the ending, or its folder's where that says nothing.
pub fn name_of(file: &Path) -> String {
    let folder = absolute(file).ok().and_then(|file| file.parent()?.canonicalize().ok());
    let folder = folder.and_then(|folder| Some(folder.file_name()?.to_string_lossy().into_owned()));
    let folder = folder.unwrap_or_default();
    plain(stem(&file.to_string_lossy()).unwrap_or(&folder))
}

/// A file's name without folders and ending, unless it is the usual one.
pub fn stem(file: &str) -> Option<&str> {
    let name = file.rsplit(['/', MAIN_SEPARATOR]).next()?;
    Some(name.strip_suffix(ONNX).unwrap_or(name)).filter(|stem| *stem != USUAL)
}

/// The nearest name that can stand in a URL's path and in a table.
fn plain(name: &str) -> String {
    let name: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    let name = name.trim_start_matches(['.', '_', '-']);
    if name.is_empty() { USUAL.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_by_its_name_or_its_folders() {
        let root = tempfile::TempDir::new().unwrap();
        for (file, expected) in [
            ("vit-tiny/model.onnx", "vit-tiny"),
            ("vit-tiny/model_quantized.onnx", "model_quantized"),
            ("my photos/v1.2 (best).onnx", "v1.2--best-"),
            ("_/model.onnx", "model"),
            ("é/.onnx", "model"),
        ] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "").unwrap();
            assert_eq!(name_of(&path), expected, "{file}");
        }
    }
}
