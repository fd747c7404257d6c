//! What an adapter could do at most, measured by kernels that do nothing else.

use std::collections::BTreeMap;
use std::rc::Rc;

use graph::Tensor;
use protocol::probe::Effort;
use protocol::{Engine, ProbeReport, Sampling};
use shaders::probes::{self, Probes, TURNS};

use crate::device::{self, Device};
use crate::engine::{PageContext, Ready};
use crate::error::RuntimeError;
use crate::executor::Executor;
use crate::files::Folder;
use crate::setting::Setting;
use crate::timing::begin;
use crate::webgpu::properties;

const MODEL: &str = "the probes";

/// Measures the adapter that the browser offers.
///
/// # Errors
/// An engine without kernels of ours, no adapter, too little memory, the device's loss.
pub async fn run(engine: Engine, page: PageContext<'_>) -> Result<ProbeReport, RuntimeError> {
    if engine != Engine::Webgpu {
        return Err(RuntimeError::NotProbed { engine });
    }
    let device = Rc::new(Device::open(Setting::of(page.browser)).await?);
    let adapter = device.description.to_adapter();
    let packed_products = device::has_language_feature("packed_4x8_integer_dot_product");
    let Probes { plan, measured } = probes::plan(&properties(&device), packed_products);
    let mut course = begin(Sampling::default())?;
    let mut executor = Executor::prepare(MODEL, device, plan, &Folder::nowhere(), &mut course).await?;
    let mut found = Vec::with_capacity(measured.len());
    for (program, (probe, work)) in measured.into_iter().enumerate() {
        let mut effort = Effort::new(work);
        while let Some(turns) = effort.turns() {
            let turns = Tensor::vector([turns as i32, 1, 1]);
            let start_ms = executor.clock().now_ms();
            let ran = executor.run(program, &BTreeMap::from([(TURNS.to_owned(), turns)])).await?;
            effort.took(ran.gpu_ms, executor.clock().now_ms() - start_ms);
        }
        found.push(effort.finish(probe));
    }
    Ok(ProbeReport { engine, device: None, adapter, probes: found })
}
