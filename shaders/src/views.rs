//! Values that lie inside larger ones: parts of what is too large for one binding are bound where they lie.

use std::collections::{BTreeMap, HashMap, HashSet};

use graph::ops::Slice;
use graph::{Graph, Node, Operator, ValueId};

/// The place of a value inside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    /// The larger one.
    pub whole: ValueId,
    /// The offset in it.
    pub offset_bytes: u64,
}

/// The bytes that each value takes, the largest binding, and the alignment of its offset.
pub(crate) struct Sizes<'a> {
    pub graph: &'a Graph,
    /// By [`ValueId`].
    pub size_bytes: Vec<u64>,
    pub most_bytes: u64,
    pub alignment_bytes: u64,
    /// Ports that lie in a state, which nothing can be a part of.
    pub states: &'a BTreeMap<String, String>,
}

/// The slices and the concatenated parts of values that are too large to bind.
pub(crate) fn views(sizes: &Sizes<'_>) -> HashMap<ValueId, View> {
    let mut views = HashMap::new();
    let made: HashSet<ValueId> = sizes.graph.nodes.iter().flat_map(|node| node.outputs.clone()).collect();
    for node in &sizes.graph.nodes {
        match &node.operator {
            Operator::Slice(slice) => views.extend(sizes.slice(node, slice)),
            Operator::Concat(concat) => {
                let parts = sizes.parts(node, concat.axis, &made).unwrap_or_default();
                if parts.iter().all(|(part, _)| !views.contains_key(part)) {
                    views.extend(parts);
                }
            }
            _ => {}
        }
    }
    views
}

impl Sizes<'_> {
    fn shape(&self, id: ValueId) -> &[usize] {
        &self.graph.values[id.0].tensor_type.shape
    }

    fn is_divided(&self, id: ValueId) -> bool {
        self.size_bytes[id.0] > self.most_bytes && !self.states.contains_key(&self.graph.values[id.0].name)
    }

    /// A slice whose elements lie one behind the other.
    fn slice(&self, node: &Node, slice: &Slice) -> Option<(ValueId, View)> {
        let (whole, output) = ((*node.inputs.first()?)?, *node.outputs.first()?);
        let shape = self.shape(whole);
        let outermost = shape.iter().position(|&extent| extent > 1)?;
        let all_of_it = |axis: usize| slice.starts[axis] == 0 && slice.shape[axis] == shape[axis];
        let others = (0..shape.len()).filter(|&axis| axis != outermost);
        if !self.is_divided(whole)
            || slice.steps.iter().any(|&step| step != 1)
            || !others.clone().all(all_of_it)
        {
            return None;
        }
        let row_bytes = self.size_bytes[whole.0] / shape[outermost] as u64;
        let offset_bytes = slice.starts[outermost] as u64 * row_bytes;
        offset_bytes.is_multiple_of(self.alignment_bytes).then_some((output, View { whole, offset_bytes }))
    }

    /// The operands of a concatenation along the outermost axis, if each is made for it alone.
    fn parts(&self, node: &Node, axis: usize, made: &HashSet<ValueId>) -> Option<Vec<(ValueId, View)>> {
        let whole = *node.outputs.first()?;
        if !self.is_divided(whole) || self.shape(whole)[..axis].iter().any(|&extent| extent != 1) {
            return None;
        }
        let mut offset_bytes = 0u64;
        let mut parts: Vec<(ValueId, View)> = Vec::new();
        for part in &node.inputs {
            let part = (*part)?;
            let again = parts.iter().any(|(other, _)| *other == part);
            if !made.contains(&part) || again || !offset_bytes.is_multiple_of(self.alignment_bytes) {
                return None;
            }
            parts.push((part, View { whole, offset_bytes }));
            offset_bytes += self.size_bytes[part.0];
        }
        Some(parts)
    }
}
