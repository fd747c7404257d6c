//! Splits what is too large for one binding: tables by rows, matrices by columns, and what is computed into parts.

mod parts;

use crate::constant::Constant;
use crate::ir::{Graph, Node, Value, ValueId};
use crate::ops::{Binary, Concat, Gather, MatMul, Operator, Reshape, Select};
use crate::tensor::{Tensor, TensorType};

/// Of more pieces than this nothing is made: at the binding that WebGPU guarantees they are 8 GiB together, more than
/// any buffer has, and a file can claim any extent.
const MOST_PIECES: usize = 64;

/// The graph with every constant of more than `most_bytes` in pieces, as far as that can be done: tables that
/// rows are gathered from, and matrices that are multiplied with from the left. Other values of more are made in parts,
/// and read in parts, along their outermost axis. `size_bytes` is what a tensor takes. `None` where there is nothing to
/// split.
pub fn split(graph: &Graph, most_bytes: u64, size_bytes: fn(&TensorType) -> u64) -> Option<Graph> {
    let is_large = |id: &ValueId| size_bytes(&graph.values[id.0].tensor_type) > most_bytes;
    let large = |node: &Node| node.inputs.iter().flatten().chain(&node.outputs).any(is_large);
    if !graph.nodes.iter().any(large) {
        return None;
    }
    let mut pieces = Pieces { graph: graph.clone(), most_bytes, size_bytes };
    for node in std::mem::take(&mut pieces.graph.nodes) {
        let done = if large(&node) { pieces.split(&node) } else { None };
        if done.is_none() {
            pieces.graph.nodes.push(node);
        }
    }
    Some(pieces.graph)
}

/// A graph in the making.
struct Pieces {
    graph: Graph,
    most_bytes: u64,
    size_bytes: fn(&TensorType) -> u64,
}

impl Pieces {
    /// Puts nodes in the place of one. `None` where nothing was done.
    fn split(&mut self, node: &Node) -> Option<()> {
        let before = (self.graph.nodes.len(), self.graph.values.len());
        for way in [Pieces::constants, Pieces::parts] {
            if way(self, node).is_some() {
                return Some(());
            }
            self.graph.nodes.truncate(before.0);
            self.graph.values.truncate(before.1);
        }
        None
    }

    /// By pieces of an operand that is a constant.
    fn constants(&mut self, node: &Node) -> Option<()> {
        let mut operands = node.inputs.iter().flatten().map(|id| &self.graph.values[id.0]);
        operands.find(|value| {
            value.constant.is_some() && (self.size_bytes)(&value.tensor_type) > self.most_bytes
        })?;
        match node.operator {
            Operator::Gather(Gather { axis: 0 }) => self.gather(node),
            Operator::MatMul(matmul) => self.multiply(node, matmul),
            _ => None,
        }
    }

    /// Each piece of the table is gathered from wherever the index lies, and the one in which it lies is taken.
    fn gather(&mut self, node: &Node) -> Option<()> {
        let [Some(table), Some(indices)] = node.inputs[..] else { return None };
        let table_type = self.graph.values[table.0].tensor_type.clone();
        let (&rows, row) = table_type.shape.split_first()?;
        let splits = self.splits(rows, &TensorType::new(table_type.data_type, row))?;
        let constant = self.graph.values[table.0].constant.clone()?;
        let index_type = self.graph.values[indices.0].tensor_type.clone();
        // A row's index beside the row, for the choice between pieces.
        let beside = [&index_type.shape[..], &vec![1; row.len()]].concat();
        let zero = self.integer(0);
        let height = self.integer(rows);
        let from_end = self.push(node, Operator::Binary(Binary::Add), &[indices, height])?;
        let is_from_end = self.push(node, Operator::Binary(Binary::Less), &[indices, zero])?;
        let index = self.push(node, Operator::Select(Select), &[is_from_end, from_end, indices])?;
        let choice = self.push(node, Operator::Reshape(Reshape { shape: beside }), &[index])?;
        let mut found = None;
        for (first, count) in splits {
            let piece = self.constant(table, first, constant.rows(first, count)?);
            let (start, last) = (self.integer(first), self.integer(count - 1));
            let local = self.push(node, Operator::Binary(Binary::Sub), &[index, start])?;
            let local = self.push(node, Operator::Binary(Binary::Min), &[local, last])?;
            let local = self.push(node, Operator::Binary(Binary::Max), &[local, zero])?;
            let here = self.push(node, Operator::Gather(Gather { axis: 0 }), &[piece, local])?;
            found = Some(match found {
                None => here,
                Some(earlier) => {
                    let reaches = Operator::Binary(Binary::GreaterOrEqual);
                    let is_here = self.push(node, reaches, &[choice, start])?;
                    self.push(node, Operator::Select(Select), &[is_here, here, earlier])?
                }
            });
        }
        self.rename_last(node, found?)
    }

    /// Columns of the product come from columns of the matrix.
    fn multiply(&mut self, node: &Node, matmul: MatMul) -> Option<()> {
        let (&[Some(left), Some(right)] | &[Some(left), Some(right), _]) = &node.inputs[..] else {
            return None;
        };
        let right_type = self.graph.values[right.0].tensor_type.clone();
        let &[depth, columns] = &right_type.shape[..] else { return None };
        let splits = self.splits(columns, &TensorType::new(right_type.data_type, [depth]))?;
        let matrix = self.graph.values[right.0].constant.clone()?;
        let bias = node.inputs.get(2).copied().flatten();
        let mut products = Vec::new();
        for (first, count) in splits {
            let mut operands = vec![left, self.constant(right, first, matrix.columns(first, count)?)];
            if let Some(bias) = bias {
                let part = self.graph.values[bias.0].constant.clone()?.rows(first, count)?;
                operands.push(self.constant(bias, first, part));
            }
            products.push(self.push(node, Operator::MatMul(matmul), &operands)?);
        }
        let axis = self.graph.values[node.outputs.first()?.0].tensor_type.shape.len().checked_sub(1)?;
        let joined = self.push(node, Operator::Concat(Concat { axis }), &products)?;
        self.rename_last(node, joined)
    }

    /// The splits of `extent` slices of this type: the first of each piece, and how many it has.
    fn splits(&self, extent: usize, slice: &TensorType) -> Option<Vec<(usize, usize)>> {
        let most = usize::try_from(self.most_bytes / (self.size_bytes)(slice).max(1)).ok()?;
        let are_few = most > 0 && extent.div_ceil(most) <= MOST_PIECES;
        let starts = are_few.then(|| (0..extent).step_by(most))?;
        Some(starts.map(|first| (first, most.min(extent - first))).collect())
    }

    fn constant(&mut self, whole: ValueId, first: usize, constant: Constant) -> ValueId {
        let name = format!("{}#{first}", self.graph.values[whole.0].name);
        self.value(name, constant.tensor_type(), Some(constant))
    }

    /// An index, of the type that indices have on the way.
    fn integer(&mut self, value: usize) -> ValueId {
        let tensor = Tensor::scalar(value as i64);
        self.value(format!("#{value}"), tensor.tensor_type(), Some(tensor.into()))
    }

    fn value(&mut self, name: String, tensor_type: TensorType, constant: Option<Constant>) -> ValueId {
        self.graph.values.push(Value { name, tensor_type, constant });
        ValueId(self.graph.values.len() - 1)
    }

    fn push(&mut self, node: &Node, operator: Operator, operands: &[ValueId]) -> Option<ValueId> {
        let operands: Vec<_> = operands.iter().copied().map(Some).collect();
        self.push_optional(node, operator, &operands)
    }

    fn push_optional(
        &mut self,
        node: &Node,
        operator: Operator,
        operands: &[Option<ValueId>],
    ) -> Option<ValueId> {
        let types: Vec<_> =
            operands.iter().map(|id| id.map(|id| &self.graph.values[id.0].tensor_type)).collect();
        let tensor_type = operator.infer(&types).ok()?.pop()?;
        let output = self.value(node.name.clone(), tensor_type, None);
        let inputs = operands.to_vec();
        self.graph.nodes.push(Node { name: node.name.clone(), operator, inputs, outputs: vec![output] });
        Some(output)
    }

    /// Lets the node made last give the value that the split one gave.
    fn rename_last(&mut self, node: &Node, made: ValueId) -> Option<()> {
        let &[output] = &node.outputs[..] else { return None };
        let same = self.graph.values[made.0].tensor_type == self.graph.values[output.0].tensor_type;
        let last = self.graph.nodes.last_mut().filter(|last| same && last.outputs == [made])?;
        last.outputs = vec![output];
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{interpret, text};

    fn four_each(tensor_type: &TensorType) -> u64 {
        4 * tensor_type.element_count() as u64
    }

    #[test]
    fn what_would_be_too_many_pieces_stays_whole() {
        for lines in [
            "x: f32[1000000000000]\ny = Neg(x)\nreturn y",
            "x: f32[2,1]\ns: i64[2] = 2 1000000000000\nw = Expand(x, s)\ny = Exp(w)\nreturn y",
        ] {
            let whole = text::parse(lines).unwrap();
            let pieces = split(&whole, 32, four_each).unwrap();
            assert_eq!(pieces.nodes.len(), whole.nodes.len(), "{pieces}");
        }
    }

    /// Graphs with a constant of 80 bytes, in pieces of at most 32.
    #[test]
    fn pieces_give_what_the_whole_gave() {
        let table = "t: f32[5,4] = 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19\n";
        let matrix = "w: f32[4,5] = 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19\n";
        for (name, graph, nodes) in [
            ("rows", format!("{table}i: i64[2,3]\ny = Gather(t, i)\nreturn y"), "Gather"),
            ("columns", format!("{matrix}x: f32[2,4]\ny = MatMul(x, w)\nreturn y"), "MatMul"),
            ("another operator", format!("{matrix}x: f32[4,5]\ny = Add(x, w)\nreturn y"), "Add"),
        ] {
            let whole = text::parse(&graph).unwrap();
            let pieces = split(&whole, 32, four_each).unwrap();
            assert_eq!(pieces.check(), Ok(()), "{name}");
            let operators = |graph: &Graph| {
                graph.nodes.iter().filter(|node| node.operator.to_string().starts_with(nodes)).count()
            };
            assert_eq!(operators(&whole), 1, "{name}");
            assert_eq!(operators(&pieces), if nodes == "Add" { 1 } else { 3 }, "{name}\n{pieces}");
            let feed = |id: &ValueId| {
                let value = &whole.values[id.0];
                let count = value.tensor_type.element_count();
                let tensor = match value.name.as_str() {
                    "i" => Tensor::new([2, 3], vec![0i64, 4, -1, -5, 2, 3]),
                    _ => {
                        let elements: Vec<f32> = (0..count).map(|at| at as f32 * 0.5 - 1.0).collect();
                        Tensor::new(value.tensor_type.shape.clone(), elements)
                    }
                };
                (value.name.clone(), tensor.unwrap())
            };
            let inputs: BTreeMap<_, _> = whole.inputs.iter().map(feed).collect();
            assert_eq!(interpret(&pieces, &inputs), interpret(&whole, &inputs), "{name}");
        }
        let small = text::parse(&format!("{matrix}x: f32[2,4]\ny = MatMul(x, w)\nreturn y")).unwrap();
        assert!(split(&small, 80, four_each).is_none());
    }
}
