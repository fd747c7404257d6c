//! Partitions of a graph: nodes that a context can run stay on it, the others go to a fallback engine, with
//! as few changes between the two as that allows.

use std::collections::{BTreeMap, BTreeSet};

use graph::ranges::{Range, ranges};
use graph::{Graph, Node, NodeId, Value, ValueId};

/// A part of a graph that one engine runs in one go.
#[derive(Debug, Clone, PartialEq)]
pub struct Partition {
    /// True where the fallback engine runs it.
    pub fallback: bool,
    /// The part. What it takes from earlier parts is among its inputs, by name; what later ones take, among its
    /// outputs.
    pub graph: Graph,
    /// Its nodes, as the whole graph numbers them.
    pub nodes: Vec<NodeId>,
    /// The ranges of its integers, which only the whole graph shows.
    pub(crate) ranges: Vec<Option<Range>>,
}

/// The partitions of a graph in order; the nodes of `fallback` run on the other engine.
///
/// A node is in the earliest partition that what it reads allows, so that the partitions are no more than the changes
/// along the longest way through the graph.
pub fn partition(graph: &Graph, fallback: &BTreeSet<NodeId>) -> Vec<Partition> {
    let named = named_apart(graph);
    let levels = [false, true].map(|first| levels(graph, fallback, first));
    let [own_first, other_first] = levels;
    let (levels, first) = if own_first.iter().max() <= other_first.iter().max() {
        (own_first, false)
    } else {
        (other_first, true)
    };
    let count = levels.iter().max().map_or(0, |last| last + 1);
    let ranges = ranges(graph);
    let partitions = (0..count).map(|level| {
        let nodes = (0..levels.len()).map(NodeId).filter(|node| levels[node.0] == level).collect();
        let (graph, moved) = part(&named, |node| levels[node.0] == level);
        let mut own = vec![None; graph.values.len()];
        moved.into_iter().for_each(|(old, new)| own[new.0] = ranges[old.0]);
        let graph = bounded(graph, &own);
        Partition { fallback: (level % 2 == 1) != first, graph, nodes, ranges: own }
    });
    partitions.filter(|partition| !partition.graph.nodes.is_empty()).collect()
}

/// The graph with what the whole shows of its inputs, for whoever runs it.
fn bounded(mut graph: Graph, ranges: &[Option<Range>]) -> Graph {
    for id in &graph.inputs {
        let bounds =
            ranges[id.0].and_then(|(least, most)| Some((least.try_into().ok()?, most.try_into().ok()?)));
        graph.bounds.extend(bounds.map(|bounds| (graph.values[id.0].name.clone(), bounds)));
    }
    graph
}

/// The partition of each node, where the first partition is the other engine's or not.
fn levels(graph: &Graph, fallback: &BTreeSet<NodeId>, other_first: bool) -> Vec<usize> {
    let mut made: BTreeMap<ValueId, usize> = BTreeMap::new();
    let mut levels: Vec<usize> = Vec::with_capacity(graph.nodes.len());
    for (index, node) in graph.nodes.iter().enumerate() {
        let other = fallback.contains(&NodeId(index));
        let earliest = usize::from(other != other_first);
        let read = node.inputs.iter().flatten().filter_map(|id| made.get(id)).copied().max().unwrap_or(0);
        // Partitions of the same engine are two apart.
        let level = read.max(earliest) + usize::from(read > earliest && (read - earliest) % 2 == 1);
        made.extend(node.outputs.iter().map(|&id| (id, level)));
        levels.push(level);
    }
    levels
}

/// The graph with a name of its own for every value; those of its inputs and outputs stay.
fn named_apart(graph: &Graph) -> Graph {
    let mut graph = graph.clone();
    let ends: BTreeSet<ValueId> = graph.inputs.iter().chain(&graph.outputs).copied().collect();
    let mut taken: BTreeSet<String> = ends.iter().map(|id| graph.values[id.0].name.clone()).collect();
    for index in (0..graph.values.len()).filter(|&index| !ends.contains(&ValueId(index))) {
        let name = &mut graph.values[index].name;
        if !taken.insert(name.clone()) {
            *name = format!("{name}#{index}");
            taken.insert(name.clone());
        }
    }
    graph
}

/// The nodes chosen as a graph of their own, and what its values are called there.
fn part(graph: &Graph, chosen: impl Fn(NodeId) -> bool) -> (Graph, BTreeMap<ValueId, ValueId>) {
    let chosen: Vec<bool> = (0..graph.nodes.len()).map(|index| chosen(NodeId(index))).collect();
    let nodes = |wanted: bool| {
        let picked = graph.nodes.iter().zip(&chosen);
        picked.filter(move |&(_, &inside)| inside == wanted).map(|(node, _)| node)
    };
    let reads = |node: &Node| node.inputs.clone().into_iter().flatten();
    let made: BTreeSet<ValueId> = nodes(true).flat_map(|node| node.outputs.clone()).collect();
    let taken: BTreeSet<ValueId> =
        nodes(false).flat_map(reads).chain(graph.outputs.iter().copied()).collect();

    let mut own = Graph::default();
    let mut moved: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut take = |id: ValueId, values: &mut Vec<Value>| {
        *moved.entry(id).or_insert_with(|| {
            values.push(graph.values[id.0].clone());
            ValueId(values.len() - 1)
        })
    };
    for node in nodes(true) {
        for id in reads(node).filter(|id| !made.contains(id) && graph.values[id.0].constant.is_none()) {
            let id = take(id, &mut own.values);
            if !own.inputs.contains(&id) {
                own.inputs.push(id);
            }
        }
        let inputs = node.inputs.iter().map(|id| id.map(|id| take(id, &mut own.values))).collect();
        let outputs: Vec<ValueId> = node.outputs.iter().map(|&id| take(id, &mut own.values)).collect();
        let wanted = node.outputs.iter().zip(&outputs).filter(|(old, _)| taken.contains(old));
        own.outputs.extend(wanted.map(|(_, new)| *new));
        own.nodes.push(Node { name: node.name.clone(), operator: node.operator.clone(), inputs, outputs });
    }
    (own, moved)
}

#[cfg(test)]
mod tests {
    use graph::Tensor;

    use super::*;

    /// The nodes of each partition, those fallback in brackets.
    fn partitions(text: &str, fallback: &[&str]) -> (Graph, Vec<Partition>, String) {
        let graph = graph::text::parse(text).unwrap();
        let is_there = |node: &Node| fallback.contains(&graph.values[node.outputs[0].0].name.as_str());
        let there = graph.nodes.iter().enumerate().filter(|(_, node)| is_there(node));
        let partitions = partition(&graph, &there.map(|(index, _)| NodeId(index)).collect());
        let told = partitions.iter().map(|partition| {
            let made = partition
                .graph
                .nodes
                .iter()
                .map(|node| partition.graph.values[node.outputs[0].0].name.clone());
            let made = made.collect::<Vec<_>>().join(" ");
            if partition.fallback { format!("[{made}]") } else { made }
        });
        let told = told.collect::<Vec<_>>().join(" | ");
        (graph, partitions, told)
    }

    const DIAMOND: &str = "x: f32[2]\nw: f32[2] = 3 4\na = Neg(x)\nb = Abs(a)\nc = Add(a, w)\nd = Mul(b, c)\ne = Exp(x)\n\
                           y = Sub(d, e)\nreturn y";

    #[test]
    fn a_node_is_in_the_earliest_stage_that_it_can_be_in() {
        for (name, fallback, expected) in [
            ("everything here", &[][..], "a b c d e y"),
            ("everything fallback", &["a", "b", "c", "d", "e", "y"], "[a b c d e y]"),
            ("one in the middle", &["b"], "a c e | [b] | d y"),
            ("two that do not wait for each other", &["b", "e"], "a c | [b e] | d y"),
            ("the first", &["a", "e"], "[a e] | b c d y"),
            ("the last", &["y"], "a b c d e | [y]"),
        ] {
            assert_eq!(partitions(DIAMOND, fallback).2, expected, "{name}");
        }
    }

    /// Run one after another, the partitions compute what the whole graph does.
    #[test]
    fn stages_together_are_the_graph() {
        let x = Tensor::vector(vec![0.5f32, -2.0]);
        for fallback in [&["b"][..], &["a", "e"], &["b", "e", "y"], &["c", "d"]] {
            let (graph, partitions, told) = partitions(DIAMOND, fallback);
            let mut known = BTreeMap::from([("x".to_owned(), x.clone())]);
            for partition in &partitions {
                assert_eq!(partition.graph.check(), Ok(()), "{told}");
                let made = graph::interpret(&partition.graph, &known).unwrap();
                known.extend(made);
            }
            let whole = graph::interpret(&graph, &BTreeMap::from([("x".to_owned(), x.clone())])).unwrap();
            assert_eq!(known["y"], whole["y"], "{told}");
        }
    }
}
