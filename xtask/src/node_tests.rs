//! Fetches the ONNX project's node tests, which its Python package carries.

use anyhow::{Context, Result};
use protocol::cache;

use crate::registry::{files, wheel};
use crate::staging::{Staging, keep};

/// Where the wheel keeps them.
const IN_WHEEL: &str = "onnx/backend/test/data/node";

/// Returns whether they are there.
pub fn are_there() -> bool {
    cache::node_tests_dir().is_dir()
}

/// Fetches them.
pub fn fetch() -> Result<()> {
    let folder = cache::node_tests_dir();
    let scratch = Staging::of(&folder.with_extension("download"))?;
    let tests = wheel("onnx", cache::NODE_TESTS, scratch.path())?.join(IN_WHEEL);
    let staging = Staging::of(&folder)?;
    for test in files(&tests).with_context(|| format!("the onnx wheel has no {IN_WHEEL}"))? {
        keep(&test, &staging.path().join(test.file_name().unwrap_or_default()))?;
    }
    staging.finish()
}
