//! Elements that an input may have, as a model's nodes say, for whoever makes up inputs. They follow a value as
//! long as nothing is computed with it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Attribute, Model, OnnxNode, Subgraph};
use crate::tensor::Tensor;

/// The elements that may be fed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Uses {
    /// The number of rows of the smallest table that the elements choose from.
    pub rows: Option<usize>,
    /// Constants that the elements are compared with: they switch something.
    pub compared_with: Option<Tensor>,
    /// True for the first state of a recurrent operator, whose second axis is the batch.
    pub is_state: bool,
}

/// Operators that hand their first operand on, element by element.
const HAND_ON: [&str; 10] = [
    "Cast",
    "Clip",
    "Expand",
    "Flatten",
    "Identity",
    "Reshape",
    "Slice",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
];
/// Operators that look their operand up in a table: the operand, and the table.
const LOOK_UPS: [(&str, usize, usize); 4] = [
    ("Gather", 1, 0),
    ("GatherBlockQuantized", 1, 0),
    ("EmbedLayerNormalization", 0, 2),
    ("EmbedLayerNormalization", 1, 4),
];
/// Operators that go on from a state, and which of their operands it is.
const STATES: [(&str, usize); 6] = [
    ("RNN", 5),
    ("GRU", 5),
    ("LSTM", 5),
    ("LSTM", 6),
    ("DynamicQuantizeLSTM", 5),
    ("DynamicQuantizeLSTM", 6),
];

impl Model {
    /// The uses that the nodes make of an input.
    pub fn uses(&self, input: &str) -> Uses {
        let constants =
            self.constants.iter().map(|(name, constant)| (name.clone(), constant.tensor_type().shape));
        let pending = self.pending.iter().map(|data| (data.tensor.clone(), data.tensor_type.shape.clone()));
        let here = self
            .constants
            .iter()
            .filter_map(|(name, constant)| Some((name.clone(), constant.here()?.clone())));
        let mut reader = Reader {
            carriers: BTreeSet::from([input.to_owned()]),
            shapes: constants.chain(pending).collect(),
            constants: here.collect(),
            uses: Uses::default(),
        };
        reader.read(&self.nodes);
        reader.uses
    }
}

/// A walk over nodes in order.
struct Reader {
    /// Names of values that hold the input's elements.
    carriers: BTreeSet<String>,
    /// Shapes of weights.
    shapes: BTreeMap<String, Vec<usize>>,
    constants: BTreeMap<String, Tensor>,
    uses: Uses,
}

impl Reader {
    fn read(&mut self, nodes: &[OnnxNode]) {
        for node in nodes {
            self.look_up(node);
            self.compare(node);
            let is_state =
                |&(operator, index): &(&str, usize)| node.operator == operator && self.carries(node, index);
            self.uses.is_state |= STATES.iter().any(is_state);
            self.hand_on(node);
            for attribute in node.attributes.0.values() {
                if let Attribute::Graph(body) = attribute {
                    self.enter(body);
                }
            }
        }
    }

    fn enter(&mut self, body: &Subgraph) {
        for (name, tensor) in &body.constants {
            self.shapes.insert(name.clone(), tensor.shape.clone());
            self.constants.insert(name.clone(), tensor.clone());
        }
        self.read(&body.nodes);
    }

    fn carries(&self, node: &OnnxNode, index: usize) -> bool {
        node.inputs.get(index).is_some_and(|name| self.carriers.contains(name))
    }

    fn look_up(&mut self, node: &OnnxNode) {
        for &(operator, index, table) in &LOOK_UPS {
            if node.operator != operator || !self.carries(node, index) {
                continue;
            }
            let shape = node.inputs.get(table).and_then(|table| self.shapes.get(table));
            let axis = match node.attributes.0.get("axis") {
                Some(Attribute::Int(axis)) => *axis,
                _ => 0,
            };
            let rank = shape.map_or(0, Vec::len) as i64;
            let axis = usize::try_from(if axis < 0 { axis + rank } else { axis }).ok();
            let rows = shape.zip(axis).and_then(|(shape, axis)| shape.get(axis)).copied();
            self.uses.rows = self.uses.rows.into_iter().chain(rows).min();
        }
    }

    fn compare(&mut self, node: &OnnxNode) {
        if node.operator != "Equal" {
            return;
        }
        for (index, other) in [(0, 1), (1, 0)] {
            let constant = node.inputs.get(other).and_then(|name| self.constants.get(name));
            if let Some(constant) = constant.filter(|tensor| tensor.len() == 1 && self.carries(node, index)) {
                self.uses.compared_with.get_or_insert_with(|| constant.clone());
            }
        }
    }

    /// Follows the input's elements, and weights that are only kept otherwise.
    fn hand_on(&mut self, node: &OnnxNode) {
        let Some((first, output)) = node.inputs.first().zip(node.outputs.first()) else {
            if let ("Constant", Some(Attribute::Tensor(tensor, ..)), Some(output)) =
                (node.operator.as_str(), node.attributes.0.get("value"), node.outputs.first())
            {
                self.shapes.insert(output.clone(), tensor.shape.clone());
                self.constants.insert(output.clone(), tensor.clone());
            }
            return;
        };
        if self.carriers.contains(first) && HAND_ON.contains(&node.operator.as_str()) {
            self.carriers.insert(output.clone());
        }
        let keeps_shape = ["Cast", "Identity", "DequantizeLinear"].contains(&node.operator.as_str());
        if let Some(shape) = self.shapes.get(first).filter(|_| keeps_shape) {
            self.shapes.insert(output.clone(), shape.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{Attributes, Input};
    use crate::tensor::DataType;

    fn node(operator: &str, inputs: &[&str], output: &str) -> OnnxNode {
        OnnxNode {
            name: output.to_owned(),
            operator: operator.to_owned(),
            domain: String::new(),
            attributes: Attributes::default(),
            inputs: inputs.iter().map(|name| (*name).to_owned()).collect(),
            outputs: vec![output.to_owned()],
        }
    }

    #[test]
    fn a_table_a_comparison_and_a_state_say_what_an_input_may_be() {
        let table = |rows: usize| Tensor::new([rows, 2], vec![0f32; rows * 2]).unwrap();
        let constants = BTreeMap::from([
            ("words".to_owned(), table(50)),
            ("places".to_owned(), table(12)),
            ("rate".to_owned(), Tensor::scalar(16_000i64)),
        ]);
        let input = |name: &str| Input { name: name.to_owned(), data_type: DataType::I64, dimensions: None };
        let nodes = vec![
            node("Cast", &["ids"], "ids32"),
            node("Identity", &["words"], "kept"),
            node("Gather", &["kept", "ids32"], "e"),
            node("Gather", &["words", "both"], "e1"),
            node("Gather", &["places", "both"], "e2"),
            node("Add", &["sum", "e"], "other"),
            node("Gather", &["places", "other"], "e3"),
            node("Equal", &["sr", "rate"], "is16k"),
            node("LSTM", &["x", "w", "r", "", "", "h"], "y"),
        ];
        let names = ["ids", "both", "sum", "sr", "h"];
        let model = Model::of(names.map(input).to_vec(), constants, nodes, &["y"]);
        for (name, rows, compared_with, is_state) in [
            ("ids", Some(50), None, false),
            ("both", Some(12), None, false),
            ("sum", None, None, false),
            ("sr", None, Some(Tensor::scalar(16_000i64)), false),
            ("h", None, None, true),
        ] {
            assert_eq!(model.uses(name), Uses { rows, compared_with, is_state }, "{name}");
        }
    }
}
