//! Puts nodes into execution order. ONNX asks files for it, but converters to f16 are known to append their casts at
//! the end, and ONNX Runtime takes such files.

use std::collections::{BTreeMap, BTreeSet};

use super::{Attribute, OnnxNode};

/// The nodes such that each comes behind those it reads from; those in order already stay as they are, as do those
/// that wait for each other.
pub fn execution_order(nodes: Vec<OnnxNode>) -> Vec<OnnxNode> {
    let mut makers = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            makers.entry(name.clone()).or_insert(at);
        }
    }
    let awaits = |(at, node): (usize, &OnnxNode)| {
        let mut names = BTreeSet::new();
        add_names(node, &mut names);
        names.into_iter().filter_map(|name| makers.get(name).copied()).filter(|&maker| maker != at).collect()
    };
    let mut waiting: Vec<BTreeSet<usize>> = nodes.iter().enumerate().map(awaits).collect();
    let mut readers = vec![Vec::new(); nodes.len()];
    for (at, makers) in waiting.iter().enumerate() {
        makers.iter().for_each(|&maker| readers[maker].push(at));
    }
    let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(|&at| waiting[at].is_empty()).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(at) = ready.pop_first() {
        order.push(at);
        for &reader in &readers[at] {
            waiting[reader].remove(&at);
            if waiting[reader].is_empty() {
                ready.insert(reader);
            }
        }
    }
    order.extend((0..nodes.len()).filter(|&at| !waiting[at].is_empty()));
    let mut nodes: Vec<Option<OnnxNode>> = nodes.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| nodes[at].take()).collect()
}

/// Adds what a node reads, and what the graphs among its attributes do.
fn add_names<'a>(node: &'a OnnxNode, names: &mut BTreeSet<&'a str>) {
    names.extend(node.inputs.iter().map(String::as_str));
    for attribute in node.attributes.0.values() {
        if let Attribute::Graph(graph) = attribute {
            names.extend(graph.outputs.iter().map(String::as_str));
            graph.nodes.iter().for_each(|node| add_names(node, names));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{Attributes, Subgraph};

    fn node(name: &str, inputs: &[&str]) -> OnnxNode {
        let (operator, domain) = ("Add".to_owned(), String::new());
        let inputs = inputs.iter().map(ToString::to_string).collect();
        let (name, outputs, attributes) = (name.to_owned(), vec![name.to_owned()], Attributes::default());
        OnnxNode { name, operator, domain, attributes, inputs, outputs }
    }

    #[test]
    fn each_node_comes_behind_those_it_reads_from() {
        let body = Subgraph { nodes: vec![node("inner", &["b"])], ..Subgraph::default() };
        let mut branch = node("branch", &["x"]);
        branch.attributes.0.insert("then_branch".to_owned(), Attribute::Graph(body));
        for (name, nodes, expected) in [
            ("in order", vec![node("a", &["x"]), node("b", &["a", ""]), node("c", &["x"])], "a b c"),
            ("backwards", vec![node("c", &["b"]), node("b", &["a", "a"]), node("a", &["x"])], "a b c"),
            ("read by a body", vec![branch, node("a", &["x"]), node("b", &["a"])], "a b branch"),
            ("a ring", vec![node("a", &["b"]), node("b", &["a"]), node("c", &["x"])], "c a b"),
            ("itself", vec![node("a", &["a"])], "a"),
        ] {
            let order: Vec<String> = execution_order(nodes).into_iter().map(|node| node.name).collect();
            assert_eq!(order.join(" "), expected, "{name}");
        }
    }
}
