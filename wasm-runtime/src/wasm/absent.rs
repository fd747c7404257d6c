//! Stands where the engine wasm would be in a module built without Burn: it only says so, and the page then takes its
//! other module.

use std::collections::BTreeMap;
use std::convert::Infallible;

use graph::Tensor;
use graph::pipeline::Pipeline;
use protocol::Adapter;

use crate::engine::{Inferred, Prepared, Ready};
use crate::error::RuntimeError;
use crate::files::Folder;
use crate::timing::Course;

/// True if this module has the engine.
pub const IS_HERE: bool = false;

/// A model on the engine: there is none.
#[derive(Debug)]
pub(crate) struct BurnInterpreter(Infallible);

/// Says that the engine is not here.
///
/// # Errors
/// Always.
pub(crate) async fn prepare(
    _: &str,
    _: &Pipeline,
    _: &Folder,
    _: &mut Course,
) -> Result<Prepared<BurnInterpreter>, RuntimeError> {
    Err(RuntimeError::WithoutBurn)
}

/// Nothing.
pub fn adapter() -> Adapter {
    Adapter::default()
}

impl Ready for BurnInterpreter {
    async fn run(&mut self, _: usize, _: &BTreeMap<String, Tensor>) -> Result<Inferred, RuntimeError> {
        match self.0 {}
    }
}
