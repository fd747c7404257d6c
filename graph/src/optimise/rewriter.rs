//! The rewriter: patterns look at a node and what surrounds it, and what they propose is put in its place.

use crate::constant::{self, Constant};
use crate::ir::{Graph, Node, Value, ValueId};
use crate::ops::{Binary, MatMul, Operator};
use crate::tensor::{Tensor, TensorType};

/// Looks at one node; proposes something to stand in its place, or nothing.
pub(super) type Pattern = fn(&mut Rewriter) -> Option<Rewrite>;

/// The replacement of a node.
#[derive(Debug)]
pub(super) enum Rewrite {
    /// A value that is there already.
    Alias(ValueId),
    /// Another operator over other operands.
    Replace(Operator, Vec<Option<ValueId>>),
}

/// The producer of each value, and how many use it; nodes whose own results nobody uses do not count.
struct Links {
    producers: Vec<Option<usize>>,
    uses: Vec<usize>,
}

impl Links {
    fn of(graph: &Graph) -> Links {
        let mut links =
            Links { producers: vec![None; graph.values.len()], uses: vec![0; graph.values.len()] };
        graph.outputs.iter().for_each(|id| links.uses[id.0] += 1);
        for (at, node) in graph.nodes.iter().enumerate().rev() {
            node.outputs.iter().for_each(|id| links.producers[id.0] = Some(at));
            if node.outputs.iter().any(|id| links.uses[id.0] > 0) {
                node.inputs.iter().flatten().for_each(|id| links.uses[id.0] += 1);
            }
        }
        links
    }
}

/// One node, with the graph around it and room for values and nodes to add before it.
pub(super) struct Rewriter<'a> {
    graph: &'a Graph,
    links: &'a Links,
    /// The node in question.
    pub node: &'a Node,
    values: Vec<Value>,
    nodes: Vec<Node>,
}

impl<'a> Rewriter<'a> {
    fn value(&self, id: ValueId) -> &Value {
        id.0.checked_sub(self.graph.values.len())
            .map_or_else(|| &self.graph.values[id.0], |at| &self.values[at])
    }

    /// The type of a value.
    pub fn tensor_type(&self, id: ValueId) -> &TensorType {
        &self.value(id).tensor_type
    }

    /// The shape of a value.
    pub fn shape(&self, id: ValueId) -> &[usize] {
        &self.value(id).tensor_type.shape
    }

    /// A value's constant, if it is one.
    pub fn constant(&self, id: ValueId) -> Option<&Constant> {
        self.value(id).constant.as_ref()
    }

    /// The elements of a value, if it is constant and they are here.
    pub fn elements(&self, id: ValueId) -> Option<&Tensor> {
        self.constant(id)?.here()
    }

    /// The one element of a constant f32 value.
    pub fn scalar(&self, id: ValueId) -> Option<f32> {
        match self.elements(id)?.as_f32()? {
            [element] => Some(*element),
            _ => None,
        }
    }

    /// The node that makes a value.
    pub fn producer(&self, id: ValueId) -> Option<&'a Node> {
        let producer = self.links.producers.get(id.0).copied().flatten()?;
        Some(&self.graph.nodes[producer])
    }

    /// The node that makes a value which `uses` operands and outputs in all refer to; fusing it away
    /// loses nothing.
    pub fn private(&self, id: ValueId, uses: usize) -> Option<&'a Node> {
        self.producer(id).filter(|_| self.links.uses[id.0] == uses)
    }

    /// Adds a constant.
    pub fn add_constant(&mut self, constant: impl Into<Constant>) -> ValueId {
        let constant = constant.into();
        let id = ValueId(self.graph.values.len() + self.values.len());
        let name = format!("{}#{}", self.node.name, id.0);
        self.values.push(Value { name, tensor_type: constant.tensor_type(), constant: Some(constant) });
        id
    }

    /// Adds a node before this one, or its result if all its operands are constant.
    pub fn add(&mut self, operator: Operator, inputs: Vec<Option<ValueId>>) -> Option<ValueId> {
        let types: Vec<_> = inputs.iter().map(|id| id.map(|id| &self.value(id).tensor_type)).collect();
        let tensor_type = operator.infer(&types).ok()?.pop()?;
        let constants: Option<Vec<_>> =
            inputs.iter().map(|id| id.map_or(Some(None), |id| self.constant(id).map(Some))).collect();
        if let Some(constants) = constants
            && let Some(constant) = constant::apply(&operator, &constants, &tensor_type).ok()?
        {
            return Some(self.add_constant(constant));
        }
        let output = ValueId(self.graph.values.len() + self.values.len());
        let name = format!("{}#{}", self.node.name, output.0);
        self.values.push(Value { name: name.clone(), tensor_type, constant: None });
        self.nodes.push(Node { name, operator, inputs, outputs: vec![output] });
        Some(output)
    }
}

/// The two operands of a node that is this operation.
pub(super) fn binary(node: &Node, wanted: Binary) -> Option<(ValueId, ValueId)> {
    match (&node.operator, node.inputs.as_slice()) {
        (Operator::Binary(found), &[Some(left), Some(right)]) if *found == wanted => Some((left, right)),
        _ => None,
    }
}

/// The two operands of a matrix product with nothing fused into it yet.
pub(super) fn plain_product(node: &Node) -> Option<(ValueId, ValueId)> {
    match (&node.operator, node.inputs.as_slice()) {
        (Operator::MatMul(MatMul { activation: None }), &[Some(left), Some(right)]) => Some((left, right)),
        _ => None,
    }
}

/// The first operand of a node.
pub(super) fn first(node: &Node) -> Option<ValueId> {
    node.inputs.first().copied().flatten()
}

/// Tries a pattern at every node, in order.
pub(super) fn rewrite(graph: &mut Graph, pattern: Pattern) {
    let mut links = Links::of(graph);
    let mut at = 0;
    while at < graph.nodes.len() {
        let mut rewriter =
            Rewriter { graph, links: &links, node: &graph.nodes[at], values: vec![], nodes: vec![] };
        let proposal = pattern(&mut rewriter);
        let (values, nodes) = (rewriter.values, rewriter.nodes);
        let next = match proposal {
            Some(Rewrite::Alias(id)) => alias(graph, at, id).then_some(at),
            Some(Rewrite::Replace(operator, inputs)) => replace(graph, at, values, nodes, operator, inputs),
            None => None,
        };
        if next.is_some() {
            links = Links::of(graph);
        }
        at = next.unwrap_or(at + 1);
    }
}

/// Removes the node and lets its users read `id` instead. Not where a graph output would lose its node.
fn alias(graph: &mut Graph, at: usize, id: ValueId) -> bool {
    let [gone] = graph.nodes[at].outputs[..] else { return false };
    if let Some(output) = graph.outputs.iter().position(|output| *output == gone) {
        let made = graph.nodes.iter().any(|node| node.outputs.contains(&id));
        if !made || graph.outputs.contains(&id) {
            return false;
        }
        graph.outputs[output] = id;
        graph.values[id.0].name = graph.values[gone.0].name.clone();
    }
    graph.nodes.remove(at);
    let operands = graph.nodes.iter_mut().flat_map(|node| &mut node.inputs);
    operands.filter(|operand| **operand == Some(gone)).for_each(|operand| *operand = Some(id));
    true
}

/// Puts the new nodes in place, unless the result would be of another type. Returns where to go on.
fn replace(
    graph: &mut Graph,
    at: usize,
    values: Vec<Value>,
    nodes: Vec<Node>,
    operator: Operator,
    inputs: Vec<Option<ValueId>>,
) -> Option<usize> {
    let count = graph.values.len();
    graph.values.extend(values);
    let types: Vec<_> = inputs.iter().map(|id| id.map(|id| &graph.values[id.0].tensor_type)).collect();
    let inferred = operator.infer(&types).ok().and_then(|mut results| results.pop());
    let [output] = graph.nodes[at].outputs[..] else { return None };
    if inferred.as_ref() != Some(&graph.values[output.0].tensor_type) {
        graph.values.truncate(count);
        return None;
    }
    graph.nodes[at].operator = operator;
    graph.nodes[at].inputs = inputs;
    let next = at + nodes.len() + 1;
    graph.nodes.splice(at..at, nodes);
    Some(next)
}
