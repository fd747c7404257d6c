//! One program as an MLGraph with the tensors that it is run on.

use std::collections::BTreeMap;

use graph::TensorType;
use graph::constant::Constant;
use js_sys::{Array, Object, Uint8Array};
use protocol::Activity;
use serde_json::{Value, json};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use webnn::{Call, Operand, Partition, Plan};

use super::api::{MlGraph, MlGraphBuilder, MlOperand, MlTensor};
use super::context::{self, Context};
use super::refused::{self, Refused};
use crate::browser::{self, object, thrown};
use crate::error::RuntimeError;
use crate::files::Folder;
use crate::model::wrong;
use crate::timing::Course;

/// Weights are made in parts of so many elements.
const PART_ELEMENTS: usize = 1 << 22;
/// So many calls that are refused together are named.
const MOST_NAMED: usize = 8;

/// A graph that is built.
pub struct Built {
    /// The browser's own.
    pub ml: MlGraph,
    /// The plan that it was built of, without the weights.
    pub plan: Plan,
    /// The types that outputs have in our graph.
    pub output_types: BTreeMap<String, TensorType>,
}

impl Drop for Built {
    fn drop(&mut self) {
        context::destroyed(self.ml.destroy_graph());
    }
}

/// A tensor on a context; dropping it gives its memory back.
pub struct Held(pub MlTensor);

impl Drop for Held {
    fn drop(&mut self) {
        context::destroyed(self.0.destroy_tensor());
    }
}

/// Where a graph's weights come from.
pub struct Source<'a> {
    /// The model's name.
    pub model: &'a str,
    /// Its folder.
    pub folder: &'a Folder,
}

/// A graph built from ours, unless the browser refuses what it claims: then the context knows it from now on.
///
/// # Errors
/// A node that the context cannot run, weights that cannot be made, and refusals that no call is found for.
pub async fn build_or_learn(
    context: &Context,
    stage: &Partition,
    source: &Source<'_>,
    course: &mut Course,
) -> Result<Option<Built>, RuntimeError> {
    course.turn_to(Activity::Plan);
    let plan = webnn::lower_stage(stage, &context.limits.borrow());
    let plan = plan
        .map_err(|error| RuntimeError::Webnn { model: source.model.to_owned(), source: Box::new(error) })?;
    let graph = &stage.graph;
    match build(context, &plan, source, course).await {
        Ok(ml) => {
            let output_types = graph.outputs.iter().map(|id| {
                let value = &graph.values[id.0];
                (value.name.clone(), value.tensor_type.clone())
            });
            let output_types = output_types.collect();
            Ok(Some(Built { ml, plan: Plan { constants: Vec::new(), ..plan }, output_types }))
        }
        Err(error @ RuntimeError::NotBuilt { .. }) => {
            let Some(Refused { calls, message }) = refused::fewest(context, &plan, source, course).await?
            else {
                return Err(error);
            };
            match calls.iter().map(|&call| &plan.calls[call]).collect::<Vec<_>>().as_slice() {
                &[only] => {
                    context.learn(plan.kind(only), format!("{message} (node {})", only.label));
                    Ok(None)
                }
                // Several that are only refused together say nothing of each.
                several => Err(together(source.model, several, message)),
            }
        }
        Err(error) => Err(error),
    }
}

fn together(model: &str, calls: &[&Call], message: String) -> RuntimeError {
    let named = calls.iter().take(MOST_NAMED).map(|call| format!("{} ({})", call.label, call.method));
    let rest = calls.len().saturating_sub(MOST_NAMED);
    let rest = (rest > 0).then(|| format!("and {rest} more"));
    let calls = named.chain(rest).collect::<Vec<_>>().join(", ");
    RuntimeError::RefusedTogether { model: model.to_owned(), calls, message }
}

/// Builds a graph from its plan. The weights are nowhere in this page afterwards.
///
/// # Errors
/// `NotBuilt` for what the browser says of the calls, `Browser` for what it says of inputs and weights.
pub async fn build(
    context: &Context,
    plan: &Plan,
    source: &Source<'_>,
    course: &mut Course,
) -> Result<MlGraph, RuntimeError> {
    context.told(call_builder(context, plan, source, course)).await
}

async fn call_builder(
    context: &Context,
    plan: &Plan,
    source: &Source<'_>,
    course: &mut Course,
) -> Result<MlGraph, RuntimeError> {
    course.turn_to(Activity::Compile);
    let builder =
        MlGraphBuilder::new(&context.ml).map_err(|e| context.failure("making a graph builder", &e))?;
    let mut operands: Vec<Option<MlOperand>> = vec![None; plan.operands.len()];
    for (name, id) in &plan.inputs {
        let input = builder.input(name, &descriptor(plan.operand(*id)));
        let input = input.map_err(|e| context.failure(&format!("declaring input \"{name}\""), &e))?;
        operands[id.0] = Some(input);
    }
    course.turn_to(Activity::Upload);
    for (id, constant) in &plan.constants {
        let operand = plan.operand(*id);
        let bytes = source.bytes(constant, operand.size_bytes()).await?;
        let made = builder.constant(&descriptor(operand), &bytes);
        operands[id.0] = Some(made.map_err(|e| context.failure("taking a weight", &e))?);
    }
    course.turn_to(Activity::Compile);
    for call in &plan.calls {
        let made = builder.call(call.method, &arguments(call, &operands));
        let what = || format!("node \"{}\" ({})", call.label, call.method);
        operands[call.output.0] = Some(made.map_err(|e| not_built(what(), &e))?);
    }
    let outputs = plan.outputs.iter().filter_map(|(name, id)| Some((name, operands[id.0].clone()?.into())));
    let outputs = object(outputs);
    let built = JsFuture::from(builder.build(&outputs)).await;
    built.map(JsCast::unchecked_into).map_err(|e| not_built("the graph".to_owned(), &e))
}

fn not_built(what: String, thrown_value: &JsValue) -> RuntimeError {
    RuntimeError::NotBuilt { what, message: thrown(thrown_value) }
}

fn arguments(call: &Call, operands: &[Option<MlOperand>]) -> Array {
    let operand = |id: &webnn::OperandId| JsValue::from(operands[id.0].clone());
    let taken: Array = call.operands.iter().map(|(_, id)| operand(id)).collect();
    let arguments = if call.as_list { Array::of1(&taken) } else { taken };
    for argument in &call.arguments {
        arguments.push(&context::json(argument));
    }
    let mut options = call.options.clone();
    options.insert("label".to_owned(), Value::from(call.label.as_str()));
    let options: Object = context::json(&Value::Object(options)).unchecked_into();
    for (name, id) in &call.operand_options {
        browser::set(&options, name, &operand(id));
    }
    arguments.push(&options);
    arguments
}

fn description(operand: &Operand) -> Value {
    json!({ "dataType": operand.element.name(), "shape": operand.shape })
}

fn descriptor(operand: &Operand) -> JsValue {
    context::json(&description(operand))
}

/// A tensor on a context.
///
/// # Errors
/// When the browser refuses it, for want of memory above all.
pub async fn tensor(context: &Context, operand: &Operand) -> Result<Held, RuntimeError> {
    let mut described = description(operand);
    described["readable"] = json!(true);
    described["writable"] = json!(true);
    let made = context.ml.create_tensor(&context::json(&described));
    let made = context.wait(&format!("making a tensor {operand}"), made).await?;
    Ok(Held(made.unchecked_into()))
}

impl Source<'_> {
    /// The bytes of a constant, made part by part, so that our own memory never holds them all.
    async fn bytes(&self, constant: &Constant, size_bytes: u64) -> Result<Uint8Array, RuntimeError> {
        let length = u32::try_from(size_bytes).map_err(|_| RuntimeError::LimitExceeded {
            what: "a weight".to_owned(),
            wanted: size_bytes,
            limit_name: "the length of an array",
            limit: u64::from(u32::MAX),
        })?;
        let bytes = Uint8Array::new_with_length(length);
        let mut at = 0;
        for part in constant.parts(PART_ELEMENTS) {
            let mut files = self.folder.gather(part.spans()).await?;
            let part = part.evaluate(&mut files).map_err(|source| wrong(self.model, source))?;
            let part = part.to_le_bytes();
            bytes.set(&Uint8Array::from(&part[..]), at);
            at += part.len() as u32;
        }
        Ok(bytes)
    }
}
