//! The nature of a context, as far as it can be told: browsers name no device, so it is timed beside the CPU's.

use std::collections::BTreeMap;
use std::rc::Rc;

use graph::pipeline::{Pipeline, Program};
use graph::{DataType, Tensor, TensorType};
use protocol::Sampling;

use super::{Context, Rest, prepare_on};
use crate::engine::Ready;
use crate::error::RuntimeError;
use crate::files::Folder;
use crate::model::wrong;
use crate::timing::begin;

/// Rows and columns of the matrices multiplied: enough for any accelerator to show.
const SIZE: usize = 512;
const WARM_UP: usize = 2;
const SAMPLES: usize = 20;
/// Ratios of times that other threads and clocks bring about; an accelerator is further away.
const ALIKE: std::ops::Range<f64> = 0.33..3.0;

/// The observations of a context.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The least time of a product of two matrices of 512 rows and columns, in milliseconds: what else runs on a machine
    /// only ever adds to it.
    pub product_ms: f64,
    limits: webnn::Limits,
}

impl Seen {
    /// Looks at a context.
    ///
    /// # Errors
    /// Whatever keeps it from multiplying.
    pub async fn look(context: Context) -> Result<Seen, RuntimeError> {
        const MODEL: &str = "a product of matrices";
        let text = format!("x: f32[{SIZE},{SIZE}]\nw: f32[{SIZE},{SIZE}]\ny = MatMul(x, w)\nreturn y");
        let graph = graph::text::parse(&text).map_err(|source| wrong(MODEL, source))?;
        let program = Program { name: MODEL.to_owned(), graph, states: BTreeMap::new() };
        let pipeline = Pipeline { programs: vec![program], decoding: None };
        let context = Rc::new(context);
        let (folder, mut course) = (Folder::nowhere(), begin(Sampling::default())?);
        let prepared = prepare_on(Rc::clone(&context), MODEL, &pipeline, &folder, Rest::Refused, &mut course);
        let mut model = prepared.await?.model;
        let zeros = Tensor::zeros(&TensorType::new(DataType::F32, [SIZE, SIZE]));
        let inputs = BTreeMap::from([("x".to_owned(), zeros.clone()), ("w".to_owned(), zeros)]);
        let mut product_ms = f64::INFINITY;
        for round in 0..WARM_UP + SAMPLES {
            let start = context.clock.now_ms();
            model.run(0, &inputs).await?;
            if round >= WARM_UP {
                product_ms = product_ms.min(context.clock.now_ms() - start);
            }
        }
        let limits = context.limits.borrow().clone();
        Ok(Seen { product_ms, limits })
    }

    /// Why this may be the CPU behind another name: it is as fast as the CPU's context and supports the same.
    pub fn like_the_cpu(&self, cpu: &Seen) -> Option<String> {
        let ratio = cpu.product_ms / self.product_ms;
        let alike = ALIKE.contains(&ratio) && self.limits == cpu.limits;
        alike.then(|| {
            format!("it supports what the CPU's context supports and is {ratio:.2} times as fast: the CPU, it seems")
        })
    }
}
