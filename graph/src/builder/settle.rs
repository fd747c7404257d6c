//! Values that say what to compute: their elements, as far as they follow from inputs whose elements are known. The
//! inputs stay inputs for all that computes with them.

use std::collections::{BTreeMap, BTreeSet};

use crate::builder::{Builder, FOLD_LIMIT};
use crate::ir::{Node, ValueId};
use crate::tensor::{Tensor, TensorType};

/// Knowledge of the inputs of a graph in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Inputs whose elements are known, and values that were computed from them.
    elements: BTreeMap<ValueId, Tensor>,
    /// Inputs whose elements were asked for.
    deciding: BTreeSet<ValueId>,
}

impl Builder {
    /// Adds a value that the caller will feed with these elements, which may decide what is computed.
    pub(crate) fn known_input(&mut self, name: &str, tensor: &Tensor) -> ValueId {
        let id = self.fed(name, tensor);
        self.known.elements.insert(id, tensor.clone());
        id
    }

    /// The elements of a value, where those of all inputs that it is computed from are known. From then on these inputs
    /// count among those that decide what is computed.
    pub(crate) fn settle(&mut self, id: ValueId) -> Option<Tensor> {
        let behind = self.behind(id);
        // What a mask picks is not known, though the places of all there is to pick are.
        if behind.iter().any(|&id| self.selection(id).is_some()) {
            return None;
        }
        if let Some(constant) = self.constant_of(id) {
            return Some(constant.clone());
        }
        let inputs = self.graph.inputs.iter().copied().filter(|input| behind.contains(input));
        let inputs: Vec<ValueId> = inputs.collect();
        if !inputs.iter().all(|input| self.known.elements.contains_key(input)) {
            return None;
        }
        for at in 0..self.graph.nodes.len() {
            let node = &self.graph.nodes[at];
            let new = |output: &ValueId| behind.contains(output) && !self.known.elements.contains_key(output);
            if !node.outputs.iter().any(new) {
                continue;
            }
            let outputs = node.outputs.clone();
            let results = self.evaluate(node)?;
            self.known.elements.extend(outputs.into_iter().zip(results));
        }
        let settled = self.known.elements.get(&id).cloned()?;
        self.known.deciding.extend(inputs);
        Some(settled)
    }

    fn evaluate(&self, node: &Node) -> Option<Vec<Tensor>> {
        let elements = |id: ValueId| self.constant_of(id).or_else(|| self.known.elements.get(&id));
        let operands: Option<Vec<Option<&Tensor>>> =
            node.inputs.iter().map(|id| id.map_or(Some(None), |id| elements(id).map(Some))).collect();
        let operands = operands?;
        let largest = operands.iter().flatten().map(|tensor| tensor.len()).fold(FOLD_LIMIT, usize::max);
        let fits = |id: &ValueId| TensorType::element_count(self.tensor_type(*id)) <= largest;
        if !node.outputs.iter().all(fits) {
            return None;
        }
        node.operator.evaluate(&operands).ok()
    }

    /// Everything that a value is computed from, itself included.
    pub(crate) fn behind(&self, id: ValueId) -> BTreeSet<ValueId> {
        self.behind_all([id])
    }

    fn behind_all(&self, ids: impl IntoIterator<Item = ValueId>) -> BTreeSet<ValueId> {
        let mut behind: BTreeSet<ValueId> = ids.into_iter().collect();
        for node in self.graph.nodes.iter().rev() {
            if node.outputs.iter().any(|output| behind.contains(output)) {
                behind.extend(node.inputs.iter().flatten());
            }
        }
        behind
    }

    /// Makes constants of the inputs that decided what is computed and are computed with nowhere.
    pub(crate) fn fix_deciding_inputs(&mut self) {
        let deciding = std::mem::take(&mut self.known.deciding);
        if deciding.is_empty() {
            return;
        }
        let used = self.behind_all(self.graph.outputs.iter().copied());
        self.graph.nodes.retain(|node| node.outputs.iter().any(|output| used.contains(output)));
        for &input in &deciding {
            self.graph.deciding.push(self.graph.values[input.0].name.clone());
            if !used.contains(&input) {
                self.graph.inputs.retain(|other| *other != input);
                self.graph.values[input.0].constant =
                    self.known.elements.get(&input).cloned().map(Into::into);
            }
        }
    }
}
