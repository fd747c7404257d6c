//! Sums that products make before they store their results: a residual then takes no dispatch of its own.

use std::collections::{HashMap, HashSet};

use graph::ops::Binary;
use graph::{Graph, Node, Operator, ValueId};

/// The index of the residual among a product's operands, behind the bias.
const ADDED: usize = 3;

/// Products that are left out where they stand in a graph, and the sums that take them along.
#[derive(Debug, Default)]
pub struct Residuals {
    /// The results of those products.
    left_out: HashSet<ValueId>,
    /// By the sum: the product with what is added among its operands and the sum for its result.
    drawn: HashMap<ValueId, Node>,
}

impl Residuals {
    /// Finds them: `product + x` of floats, of one shape, where nobody else reads the product. Of two products the
    /// later one takes the sum along.
    pub fn of(graph: &Graph) -> Residuals {
        let mut reads = vec![0_usize; graph.values.len()];
        let read = graph.nodes.iter().flat_map(|node| node.inputs.iter().flatten()).chain(&graph.outputs);
        read.for_each(|value| reads[value.0] += 1);
        let mut products: HashMap<ValueId, &Node> = HashMap::new();
        let mut residuals = Residuals::default();
        for node in &graph.nodes {
            if let (Operator::MatMul(_), &[result]) = (&node.operator, &node.outputs[..])
                && reads[result.0] == 1
                && graph.values[result.0].tensor_type.data_type.is_float()
            {
                products.insert(result, node);
            }
            let (Operator::Binary(Binary::Add), &[Some(left), Some(right)], &[sum]) =
                (&node.operator, &node.inputs[..], &node.outputs[..])
            else {
                continue;
            };
            let shape = |value: ValueId| &graph.values[value.0].tensor_type;
            let alike = shape(left) == shape(sum) && shape(right) == shape(sum);
            let later = [(right, left), (left, right)];
            let product =
                later.into_iter().find_map(|(product, added)| Some((*products.get(&product)?, added)));
            if let (true, Some((product, added))) = (alike, product) {
                residuals.draw(product, added, sum);
            }
        }
        residuals
    }

    fn draw(&mut self, product: &Node, added: ValueId, sum: ValueId) {
        let mut inputs = product.inputs.clone();
        inputs.resize(ADDED, None);
        inputs.push(Some(added));
        self.left_out.extend(&product.outputs);
        self.drawn.insert(sum, Node { inputs, outputs: vec![sum], ..product.clone() });
    }

    /// Returns whether a node is a product that its sum takes along.
    pub fn leave_out(&self, node: &Node) -> bool {
        node.outputs.first().is_some_and(|result| self.left_out.contains(result))
    }

    /// The product that makes a sum, where a node is one.
    pub fn product(&self, node: &Node) -> Option<&Node> {
        self.drawn.get(node.outputs.first()?)
    }
}
