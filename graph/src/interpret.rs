//! Computes a graph operator by operator on the CPU: the reference for passes, shaders and engines.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::ir::{Graph, ValueId};
use crate::tensor::Tensor;

/// Every output of the graph, by name, for these inputs, by name.
///
/// # Errors
/// Where an input is missing or of another type, or a node cannot be computed (an index outside, say).
pub fn interpret(
    graph: &Graph,
    inputs: &BTreeMap<String, Tensor>,
) -> Result<BTreeMap<String, Tensor>, Error> {
    let mut computed: BTreeMap<ValueId, Tensor> = BTreeMap::new();
    for &id in &graph.inputs {
        let value = &graph.values[id.0];
        let (name, wanted) = (value.name.clone(), value.tensor_type.to_string());
        match inputs.get(&name) {
            None => return Err(Error::InputMissing { name, wanted }),
            Some(tensor) if tensor.tensor_type() != value.tensor_type => {
                return Err(Error::InputMismatch { name, wanted, given: tensor.tensor_type() });
            }
            Some(tensor) => computed.insert(id, tensor.clone()),
        };
    }
    for node in &graph.nodes {
        let found = |id: ValueId| graph.values[id.0].constant.as_ref().or_else(|| computed.get(&id));
        let operands: Vec<_> = node.inputs.iter().map(|id| id.and_then(found)).collect();
        let results = node.operator.evaluate(&operands);
        let results = results.map_err(|error| error.at(&node.name, &node.operator.to_string()))?;
        computed.extend(node.outputs.iter().copied().zip(results));
    }
    let output = |id: &ValueId| {
        let value = &graph.values[id.0];
        let found = value.constant.clone().or_else(|| computed.get(id).cloned());
        let missing = || Error::Malformed { reason: format!("no node makes output {:?}", value.name) };
        Ok((value.name.clone(), found.ok_or_else(missing)?))
    };
    graph.outputs.iter().map(output).collect()
}
