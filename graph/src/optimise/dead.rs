//! Removes nodes whose results nobody uses, and values that no node knows.

use std::collections::BTreeSet;

use crate::ir::{Graph, ValueId};

/// Keeps the inputs of the graph, used or not: the caller feeds them.
pub(super) fn remove(graph: &mut Graph) {
    let mut used: BTreeSet<ValueId> = graph.outputs.iter().copied().collect();
    for node in graph.nodes.iter().rev() {
        if node.outputs.iter().any(|id| used.contains(id)) {
            used.extend(node.inputs.iter().flatten());
        }
    }
    graph.nodes.retain(|node| node.outputs.iter().any(|id| used.contains(id)));
    used.extend(&graph.inputs);
    used.extend(graph.nodes.iter().flat_map(|node| &node.outputs));
    renumber(graph, &used);
}

fn renumber(graph: &mut Graph, used: &BTreeSet<ValueId>) {
    let mut places = vec![ValueId(0); graph.values.len()];
    used.iter().enumerate().for_each(|(place, id)| places[id.0] = ValueId(place));
    let values = std::mem::take(&mut graph.values).into_iter().enumerate();
    graph.values = values.filter(|(at, _)| used.contains(&ValueId(*at))).map(|(_, value)| value).collect();
    let operands =
        graph.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().flatten().chain(&mut node.outputs));
    operands.chain(&mut graph.inputs).chain(&mut graph.outputs).for_each(|id| *id = places[id.0]);
}
