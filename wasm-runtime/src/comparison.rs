//! Times one matrix product, ours and onnxruntime-web's turn by turn on the same device.

mod reference_runtime;

use std::collections::BTreeMap;
use std::rc::Rc;

use graph::onnx::Model;
use graph::{Data, DataType, Feed, Tensor, TensorType};
use protocol::{MatmulComparison, MatmulReport, Sampling};
use shaders::{DeviceProperties, GpuPlan};

use crate::device::Device;
use crate::engine::{Inferred, PageContext};
use crate::error::RuntimeError;
use crate::executor::Executor;
use crate::files::Folder;
use crate::matmul;
use crate::setting::Setting;
use crate::timing::begin;
use crate::webgpu;

use self::reference_runtime::ReferenceRuntime;

/// Rounds that are not counted: pipelines are compiled and buffers pooled in the first ones.
const WARM_UP_ROUNDS: u32 = 3;
const SEEDS: [u64; 2] = [1, 2];
const MODEL: &str = "matmul";

/// The times of both sides, and the last product of each.
struct Scores {
    report: MatmulReport,
    ours: Vec<f32>,
    reference: Vec<f32>,
}

/// Runs a comparison.
///
/// # Errors
/// Whatever keeps either side from multiplying.
pub async fn run(comparison: &MatmulComparison, page: PageContext<'_>) -> Result<MatmulReport, RuntimeError> {
    let base = page.onnxruntime_web.ok_or(RuntimeError::ReferenceRuntimeMissing)?;
    let device = Rc::new(Device::open(Setting::of(page.browser)).await?);
    let size = comparison.size as usize;
    let onnx = matmul::onnx(size);
    // First, so that a size beyond the adapter's limits is refused before it fills the host's memory.
    let plan = plan(&onnx, size, &webgpu::properties(&device))?;
    let operands = SEEDS.map(|seed| matmul::operand(size, seed));
    let mut course = begin(Sampling::default())?;
    let executor = Executor::prepare(MODEL, device.clone(), plan, &Folder::nowhere(), &mut course).await?;
    let [a, b] = &operands;
    let [name_a, name_b] = matmul::OPERANDS.map(str::to_owned);
    executor.write_inputs(0, &BTreeMap::from([(name_a, a.clone()), (name_b, b.clone())]))?;
    let named = [(matmul::OPERANDS[0], a), (matmul::OPERANDS[1], b)];
    let reference = ReferenceRuntime::open(base, &device, &onnx, &named).await?;

    let mut scores = Scores::new(&device);
    for round in 0..WARM_UP_ROUNDS + comparison.rounds {
        if round == WARM_UP_ROUNDS {
            scores = Scores::new(&device);
        }
        if round % 2 == 0 {
            scores.our_turn(&executor).await?;
            scores.reference_turn(&reference, &device).await?;
        } else {
            scores.reference_turn(&reference, &device).await?;
            scores.our_turn(&executor).await?;
        }
    }
    reference.close().await?;
    Ok(scores.finish())
}

fn plan(onnx: &[u8], size: usize, device: &DeviceProperties) -> Result<GpuPlan, RuntimeError> {
    let refused = |source| RuntimeError::Graph { model: MODEL.to_owned(), source: Box::new(source) };
    let operand = TensorType { data_type: DataType::F32, shape: vec![size, size] };
    let feed = |name: &str| (name.to_owned(), Feed::Type(operand.clone()));
    let feeds = BTreeMap::from(matmul::OPERANDS.map(feed));
    let model = Model::parse(onnx).map_err(refused)?;
    let graph = graph::specialise(&model, &feeds).map_err(refused)?;
    shaders::plan(&graph, device).map_err(|source| RuntimeError::Plan { model: MODEL.to_owned(), source })
}

impl Scores {
    fn new(device: &Device) -> Self {
        let report = MatmulReport {
            adapter: device.description.to_adapter(),
            ours_ms: Vec::new(),
            reference_ms: Vec::new(),
            ours_gpu_ms: Vec::new(),
            max_abs_difference: 0.0,
        };
        Scores { report, ours: Vec::new(), reference: Vec::new() }
    }

    async fn our_turn(&mut self, executor: &Executor) -> Result<(), RuntimeError> {
        let start = executor.clock().now_ms();
        let Inferred { outputs, gpu_ms, .. } = executor.infer(0).await?;
        self.report.ours_ms.push(executor.clock().now_ms() - start);
        self.report.ours_gpu_ms.extend(gpu_ms);
        if let Some(Tensor { data: Data::F32(product), .. }) = outputs.get(matmul::PRODUCT) {
            self.ours = product.to_vec();
        }
        Ok(())
    }

    async fn reference_turn(
        &mut self,
        reference: &ReferenceRuntime<'_>,
        device: &Device,
    ) -> Result<(), RuntimeError> {
        let start = device.clock.now_ms();
        let product = reference.multiply().await?;
        self.report.reference_ms.push(device.clock.now_ms() - start);
        self.reference = product.to_vec();
        Ok(())
    }

    fn finish(self) -> MatmulReport {
        let difference = matmul::max_abs_difference(&self.ours, &self.reference);
        MatmulReport { max_abs_difference: difference, ..self.report }
    }
}
