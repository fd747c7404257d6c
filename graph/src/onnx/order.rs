//! Puts nodes into the order in which they can run. ONNX asks files for it, but converters to f16 are known to append
//! their casts at the end, and ONNX Runtime takes such files.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::OnnxNode;

/// The nodes so that each stands behind those it reads from, and otherwise as they were. Those that wait for each
/// other stay at the end, where reading them fails.
pub(super) fn runnable(nodes: Vec<OnnxNode>) -> Vec<OnnxNode> {
    let order = order(&nodes);
    if order.iter().copied().eq(0..nodes.len()) {
        return nodes;
    }
    let mut nodes: Vec<Option<OnnxNode>> = nodes.into_iter().map(Some).collect();
    let mut ordered: Vec<OnnxNode> =
        order.into_iter().filter_map(|at| nodes.get_mut(at).and_then(Option::take)).collect();
    ordered.extend(nodes.into_iter().flatten());
    ordered
}

/// Kahn's algorithm, the earliest node first.
fn order(nodes: &[OnnxNode]) -> Vec<usize> {
    let mut makers: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        makers.extend(node.outputs.iter().filter(|name| !name.is_empty()).map(|name| (name.as_str(), at)));
    }
    let mut readers = vec![Vec::new(); nodes.len()];
    let mut waits = vec![0usize; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        for &maker in node.inputs.iter().filter_map(|name| makers.get(name.as_str())) {
            readers[maker].push(at);
            waits[at] += 1;
        }
    }
    let mut ready: BinaryHeap<_> = (0..nodes.len()).filter(|&at| waits[at] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for &reader in &readers[at] {
            waits[reader] -= 1;
            if waits[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    #[test]
    fn nodes_stand_behind_what_they_read() {
        for (name, lines, expected) in [
            ("in order", ["a = Relu(x)", "b = Relu(x)", "c = Add(a, b)"], "a b c"),
            ("a cast at the end", ["b = Relu(a)", "c = Add(a, b)", "a = Cast(x, to=1)"], "a b c"),
            ("in a circle", ["a = Relu(b)", "b = Relu(a)", "c = Relu(x)"], "c a b"),
        ] {
            let nodes = lines.map(|line| text::node(line).unwrap()).to_vec();
            let names: Vec<String> = runnable(nodes).into_iter().map(|node| node.name).collect();
            assert_eq!(names.join(" "), expected, "{name}");
        }
    }
}
