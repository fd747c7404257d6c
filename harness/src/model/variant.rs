//! A variant of a model: the model at other extents, or kept in another precision. Folders at other extents are made by
//! native-runner, since nothing here can read ONNX.

use std::time::Duration;

use protocol::{Precision, ResizedModel, Task};

use super::{Dimensions, Model, bare};
use crate::error::Error;

/// What is asked of a model beside its name; nothing by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variant {
    /// Extents of dimensions that it leaves open.
    pub dimensions: Dimensions,
    /// What its numbers are kept as; whatever the model named is kept as where nothing is asked.
    pub precision: Option<Precision>,
}

/// Extents as tables and messages show them: `batch=4 sequence=128`.
pub fn described(dimensions: &Dimensions) -> String {
    let extents = dimensions.iter().map(|(name, extent)| format!("{name}={extent}"));
    extents.collect::<Vec<_>>().join(" ")
}

/// A model folder at other extents, kept in the cache; making it may take `limit`.
///
/// # Errors
/// A dimension that it does not have, extents that the reference engine refuses or does not compute within the limit, and where
/// that engine is not on this machine.
pub async fn at_extents(model: Model, dimensions: &Dimensions, limit: Duration) -> Result<Model, Error> {
    if dimensions.is_empty() {
        return Ok(model);
    }
    let resized = ResizedModel {
        folder: model.folder.clone(),
        manifest: model.manifest.clone(),
        digest: model.digest.clone(),
        folders: protocol::cache::models_dir(),
        dimensions: dimensions.clone(),
    };
    let folder = bare::completed(&model.manifest.name, Task::Resize(resized), limit).await;
    let folder = folder.map_err(|error| match error {
        // The runner's words name the model and the extents.
        Error::Uncompleted { verdict, message, .. } => Error::NotResized { verdict, message },
        other => other,
    })?;
    let found = if folder == model.folder { model } else { Model::read(&folder)? };
    Ok(Model { dimensions: dimensions.clone(), ..found })
}
