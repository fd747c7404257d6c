//! Goes through a batch of the ONNX project's node tests on one device: what goes wrong with a test ends that test
//! and no other.

use std::collections::BTreeMap;
use std::rc::Rc;

use graph::node_test::NodeTest;
use graph::onnx::Model;
use protocol::pack::{Files, unpack};
use protocol::{BrowserKind, Conformance, ConformanceReport, Engine, NodeTestEnd, NodeTestReport};

use crate::browser;
use crate::device::Device;
use crate::engine::Ready;
use crate::error::RuntimeError;
use crate::files::Folder;
use crate::model::wrong;
use crate::webgpu;

/// Runs every test asked for.
///
/// # Errors
/// An engine that runs none here, a pack that cannot be had, or no device.
pub async fn run(
    engine: Engine,
    asked: &Conformance,
    browser: Option<BrowserKind>,
) -> Result<ConformanceReport, RuntimeError> {
    match engine {
        Engine::Webgpu => webgpu_batch(asked, browser).await,
        Engine::Webnn
        | Engine::Wasm
        | Engine::OrtWebgpu
        | Engine::OrtWebnn
        | Engine::OrtWasm
        | Engine::Wgpu
        | Engine::Libtorch
        | Engine::Burn
        | Engine::Openvino
        | Engine::Onnxruntime => Err(RuntimeError::EngineNotHere { engine }),
    }
}

async fn webgpu_batch(
    asked: &Conformance,
    browser: Option<BrowserKind>,
) -> Result<ConformanceReport, RuntimeError> {
    let files = fetch(&asked.location).await?;
    let device = Rc::new(Device::open(browser).await?);
    let mut batch = Batch { asked, browser, files, device, phases_ms: BTreeMap::new() };
    let mut tests = Vec::new();
    for test in &asked.tests {
        tests.push(batch.report(test).await);
        batch.renew().await?;
    }
    Ok(ConformanceReport {
        engine: Engine::Webgpu,
        device: None,
        adapter: batch.device.description.to_adapter(),
        tests,
        operators: graph::operators().collect(),
        phases_ms: batch.phases_ms,
    })
}

async fn fetch(url: &str) -> Result<Files, RuntimeError> {
    let pack = browser::fetch(url).await?;
    unpack(&pack.to_vec())
        .map_err(|error| RuntimeError::Fetch { url: url.to_owned(), reason: error.to_string() })
}

struct Batch<'a> {
    asked: &'a Conformance,
    browser: Option<BrowserKind>,
    files: Files,
    device: Rc<Device>,
    phases_ms: BTreeMap<String, f64>,
}

impl Batch<'_> {
    /// Replaces a device that the last test has broken.
    async fn renew(&mut self) -> Result<(), RuntimeError> {
        if self.device.check("between two tests").is_err() {
            self.device = Rc::new(Device::open(self.browser).await?);
        }
        Ok(())
    }

    async fn report(&mut self, test: &str) -> NodeTestReport {
        let start = self.device.clock.now_ms();
        let ended = match self.faults(test).await {
            Ok(faults) => NodeTestEnd::Ran { faults },
            Err(error) => NodeTestEnd::Failed(error.into()),
        };
        let wall_ms = self.device.clock.now_ms() - start;
        let model = self.files.get(&format!("{test}/model.onnx"));
        let operators = model.map(|bytes| Model::operators_in(bytes)).unwrap_or_default();
        NodeTestReport { test: test.to_owned(), operators: operators.into_iter().collect(), wall_ms, ended }
    }

    /// What is wrong with the test's outputs.
    async fn faults(&mut self, test: &str) -> Result<Vec<String>, RuntimeError> {
        let read = self.timed("read", async |batch| batch.read(test)).await?;
        let pipeline = self.timed("specialise", async |_| read.pipeline()).await;
        let pipeline = pipeline.map_err(|source| wrong(test, source))?;
        let prepare = async |batch: &Self| {
            let device = Rc::clone(&batch.device);
            webgpu::prepare_on(device, test, &pipeline, &Folder::nowhere(), batch.browser).await
        };
        let mut prepared = self.timed("prepare", prepare).await?;
        let ran = self.timed("run", async |_| prepared.model.run(0, &read.inputs).await).await?;
        Ok(read.faults(&ran.outputs, self.asked.tolerance))
    }

    fn read(&self, test: &str) -> Result<NodeTest, RuntimeError> {
        let file = |name: &str| self.files.get(&format!("{test}/{name}")).cloned();
        let data = |kind: &str| -> Vec<Vec<u8>> {
            let names = (0..).map(|number| format!("test_data_set_0/{kind}_{number}.pb"));
            names.map_while(|name| file(&name)).collect()
        };
        let model = file("model.onnx").unwrap_or_default();
        NodeTest::read(&model, &data("input"), &data("output")).map_err(|source| wrong(test, source))
    }

    async fn timed<T>(&mut self, phase: &str, work: impl AsyncFnOnce(&Self) -> T) -> T {
        let start = self.device.clock.now_ms();
        let done = work(self).await;
        *self.phases_ms.entry(phase.to_owned()).or_default() += self.device.clock.now_ms() - start;
        done
    }
}
