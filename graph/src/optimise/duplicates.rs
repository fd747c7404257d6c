//! Common subexpressions: equal constants and equal nodes over equal operands become one.

use std::collections::BTreeMap;

use crate::constant::Constant;
use crate::ir::{Graph, Node, ValueId};

/// Larger constants are not compared: exporters do not repeat weights.
const COMPARED_ELEMENTS: usize = 256;

/// Lets all users of equal values read the first of them. Outputs of the graph stay apart.
pub(super) fn share(graph: &mut Graph) {
    let mut same: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut constants: BTreeMap<String, ValueId> = BTreeMap::new();
    for (at, value) in graph.values.iter().enumerate() {
        let here = value.constant.as_ref().and_then(Constant::here);
        let Some(tensor) = here.filter(|tensor| tensor.len() <= COMPARED_ELEMENTS) else { continue };
        let first = *constants.entry(format!("{tensor:?}")).or_insert(ValueId(at));
        same.insert(ValueId(at), first);
    }
    let mut made: BTreeMap<String, Vec<ValueId>> = BTreeMap::new();
    for node in &mut graph.nodes {
        let operands = node.inputs.iter_mut().flatten();
        operands.for_each(|operand| *operand = same.get(operand).copied().unwrap_or(*operand));
        if node.outputs.iter().any(|id| graph.outputs.contains(id)) {
            continue;
        }
        let first = made.entry(meaning(node)).or_insert_with(|| node.outputs.clone());
        same.extend(node.outputs.iter().copied().zip(first.iter().copied()));
    }
}

/// Equal for nodes that compute the same; Debug keeps floats apart that differ in any bit but NaN's.
fn meaning(node: &Node) -> String {
    format!("{:?} {:?}", node.operator, node.inputs)
}
