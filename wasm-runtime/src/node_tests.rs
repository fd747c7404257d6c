//! Goes through a batch of the ONNX project's node tests on one device: what goes wrong with a test ends that test
//! and no other.

use std::collections::BTreeMap;
use std::rc::Rc;

use ::webnn::PageContent;
use graph::node_test::NodeTest;
use graph::onnx::Model;
use graph::pipeline::Pipeline;
use protocol::pack::{Files, unpack};
use protocol::{Adapter, Conformance, ConformanceReport, Engine, NodeTestEnd, NodeTestReport, Sampling};

use crate::browser;
use crate::device::Device;
use crate::engine::{PageContext, Prepared, Ready};
use crate::error::RuntimeError;
use crate::executor::Executor;
use crate::files::Folder;
use crate::model::wrong;
use crate::setting::Setting;
use crate::timing::{Clock, Course, begin};
use crate::wasm::{self, BurnInterpreter};
use crate::webgpu;
use crate::webnn::{self, Rest};

/// Runs every test asked for.
///
/// # Errors
/// An engine that runs none here, a pack that cannot be had, or no device.
pub async fn run(
    engine: Engine,
    asked: &Conformance,
    page: PageContext<'_>,
) -> Result<ConformanceReport, RuntimeError> {
    match engine {
        Engine::Webgpu => {
            let device = Rc::new(Device::open(Setting::of(page.browser)).await?);
            Batch::fetch(asked, Gpu { device }).await?.report(engine).await
        }
        Engine::Webnn => {
            let device = page.device.unwrap_or(protocol::Device::Cpu);
            let context = Rc::new(webnn::Context::open(device).await?);
            let report = Batch::fetch(asked, context).await?.report(engine).await?;
            Ok(ConformanceReport { device: Some(device), ..report })
        }
        Engine::Wasm => Batch::fetch(asked, Processor).await?.report(engine).await,
        Engine::OrtWebgpu
        | Engine::OrtWebnn
        | Engine::OrtWasm
        | Engine::Wgpu
        | Engine::Libtorch
        | Engine::Burn
        | Engine::Openvino
        | Engine::Onnxruntime => Err(RuntimeError::EngineNotHere { engine }),
    }
}

/// A test as a page that shows it on WebNN.
///
/// # Errors
/// An engine that is not WebNN, a context that cannot be had, a test that it cannot run.
pub async fn reproduce(
    engine: Engine,
    asked: &Conformance,
    page: PageContext<'_>,
) -> Result<String, RuntimeError> {
    if engine != Engine::Webnn {
        return Err(RuntimeError::EngineNotHere { engine });
    }
    let device = page.device.unwrap_or(protocol::Device::Cpu);
    let batch = Batch::fetch(asked, Rc::new(webnn::Context::open(device).await?)).await?;
    let test = asked.tests.first().map_or("", String::as_str);
    let read = batch.read(test)?;
    let pipeline = read.pipeline().map_err(|source| wrong(test, source))?;
    let plan = webnn::lower(test, &pipeline.programs[0].graph, &batch.bed)?;
    let title = format!("{test} on WebNN for {}", device.name());
    let context = webnn::options(device);
    let content =
        PageContent { title: &title, context: &context, inputs: &read.inputs, expected: &read.expected };
    ::webnn::page(&plan, &content).map_err(|source| wrong(test, source))
}

/// An engine that runs a batch of tests, one after another.
trait Bed {
    /// A test's graph, ready to run.
    type Model: Ready;

    async fn prepare(
        &self,
        test: &str,
        pipeline: &Pipeline,
        course: &mut Course,
    ) -> Result<Prepared<Self::Model>, RuntimeError>;

    /// Replaces what the last test has broken.
    async fn renew(&mut self) -> Result<(), RuntimeError>;

    fn adapter(&self) -> Adapter;

    /// Returns what was found to be claimed and refused since the last time.
    fn refused(&mut self) -> Vec<(String, String)> {
        Vec::new()
    }
}

/// Our kernels on a device that all tests share.
struct Gpu {
    device: Rc<Device>,
}

impl Bed for Gpu {
    type Model = Executor;

    async fn prepare(
        &self,
        test: &str,
        pipeline: &Pipeline,
        course: &mut Course,
    ) -> Result<Prepared<Executor>, RuntimeError> {
        let (device, folder) = (Rc::clone(&self.device), Folder::nowhere());
        webgpu::prepare_on(device, test, pipeline, &folder, course).await
    }

    async fn renew(&mut self) -> Result<(), RuntimeError> {
        if self.device.check("between two tests").is_err() {
            self.device = Rc::new(Device::open(self.device.setting.clone()).await?);
        }
        Ok(())
    }

    fn adapter(&self) -> Adapter {
        self.device.description.to_adapter()
    }
}

impl Bed for Rc<webnn::Context> {
    type Model = webnn::Executor;

    async fn prepare(
        &self,
        test: &str,
        pipeline: &Pipeline,
        course: &mut Course,
    ) -> Result<Prepared<webnn::Executor>, RuntimeError> {
        // What another engine runs shows nothing of this one.
        webnn::prepare_on(Rc::clone(self), test, pipeline, &Folder::nowhere(), Rest::Refused, course).await
    }

    async fn renew(&mut self) -> Result<(), RuntimeError> {
        if self.is_lost() {
            *self = Rc::new(webnn::Context::open(self.device).await?);
        }
        Ok(())
    }

    fn adapter(&self) -> Adapter {
        webnn::Context::adapter(self)
    }

    fn refused(&mut self) -> Vec<(String, String)> {
        self.broken.borrow_mut().drain(..).collect()
    }
}

/// Burn on the processor.
struct Processor;

impl Bed for Processor {
    type Model = BurnInterpreter;

    async fn prepare(
        &self,
        test: &str,
        pipeline: &Pipeline,
        course: &mut Course,
    ) -> Result<Prepared<BurnInterpreter>, RuntimeError> {
        wasm::prepare(test, pipeline, &Folder::nowhere(), course).await
    }

    /// Replaces nothing: whatever Burn panics at takes the whole page with it.
    async fn renew(&mut self) -> Result<(), RuntimeError> {
        Ok(())
    }

    fn adapter(&self) -> Adapter {
        wasm::adapter()
    }
}

async fn fetch(url: &str) -> Result<Files, RuntimeError> {
    let pack = browser::fetch(url).await?;
    unpack(&pack.to_vec())
        .map_err(|error| RuntimeError::Fetch { url: url.to_owned(), reason: error.to_string() })
}

struct Batch<'a, B> {
    asked: &'a Conformance,
    files: Files,
    bed: B,
    clock: Clock,
    phases_ms: BTreeMap<String, f64>,
}

impl<'a, B: Bed> Batch<'a, B> {
    async fn fetch(asked: &'a Conformance, bed: B) -> Result<Self, RuntimeError> {
        let (files, clock) = (fetch(&asked.location).await?, Clock::open()?);
        Ok(Batch { asked, files, bed, clock, phases_ms: BTreeMap::new() })
    }

    async fn report(mut self, engine: Engine) -> Result<ConformanceReport, RuntimeError> {
        let (mut tests, mut refused) = (Vec::new(), BTreeMap::new());
        for test in &self.asked.tests {
            tests.push(self.test(test).await);
            let found = self.bed.refused().into_iter();
            refused.extend(found.map(|(kind, message)| (kind, format!("{message}; found by {test}"))));
            self.bed.renew().await?;
        }
        Ok(ConformanceReport {
            engine,
            device: None,
            adapter: self.bed.adapter(),
            tests,
            refused,
            operators: graph::operators().collect(),
            phases_ms: self.phases_ms,
        })
    }

    async fn test(&mut self, test: &str) -> NodeTestReport {
        let start = self.clock.now_ms();
        let ended = match self.faults(test).await {
            Ok(faults) => NodeTestEnd::Ran { faults },
            Err(error) => NodeTestEnd::Failed(error.into()),
        };
        let wall_ms = self.clock.now_ms() - start;
        let model = self.files.get(&format!("{test}/model.onnx"));
        let operators = model.map(|bytes| Model::operators_in(bytes)).unwrap_or_default();
        NodeTestReport { test: test.to_owned(), operators: operators.into_iter().collect(), wall_ms, ended }
    }

    /// Returns what is wrong with the test's outputs.
    async fn faults(&mut self, test: &str) -> Result<Vec<String>, RuntimeError> {
        let read = self.timed("read", async |batch| batch.read(test)).await?;
        let pipeline = self.timed("specialise", async |_| read.pipeline()).await;
        let pipeline = pipeline.map_err(|source| wrong(test, source))?;
        let mut course = begin(Sampling::default())?;
        let prepare = async |batch: &Self| batch.bed.prepare(test, &pipeline, &mut course).await;
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
        let start = self.clock.now_ms();
        let done = work(self).await;
        *self.phases_ms.entry(phase.to_owned()).or_default() += self.clock.now_ms() - start;
        done
    }
}
