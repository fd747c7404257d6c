//! Computes a graph operator by operator on the CPU: the reference for passes, shaders and engines.

use std::collections::BTreeMap;

use crate::constant::NoFiles;
use crate::error::Error;
use crate::ir::{Graph, ValueId};
use crate::tensor::Tensor;

/// Every output of the graph, by name, for these inputs, by name.
///
/// # Errors
/// Where an input is missing or of another type, or a node cannot be computed (an index outside, say); a constant
/// that lies in a file.
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
        let found = |id: &Option<ValueId>| id.map_or(Ok(None), |id| find(graph, &computed, id));
        let operands = node.inputs.iter().map(found).collect::<Result<Vec<_>, Error>>()?;
        let operands: Vec<_> = operands.iter().map(Option::as_ref).collect();
        let results = node.operator.evaluate(&operands);
        let results = results.map_err(|error| error.at(&node.name, &node.operator.to_string()))?;
        computed.extend(node.outputs.iter().copied().zip(results));
    }
    let output = |id: &ValueId| {
        let value = &graph.values[id.0];
        let found = find(graph, &computed, *id)?;
        let missing = || Error::Malformed { reason: format!("no node makes output {:?}", value.name) };
        Ok((value.name.clone(), found.ok_or_else(missing)?))
    };
    graph.outputs.iter().map(output).collect()
}

/// The elements of a constant, or of what is computed.
fn find(graph: &Graph, computed: &BTreeMap<ValueId, Tensor>, id: ValueId) -> Result<Option<Tensor>, Error> {
    match &graph.values[id.0].constant {
        Some(constant) => constant.evaluate(&mut NoFiles).map(Some),
        None => Ok(computed.get(&id).cloned()),
    }
}
