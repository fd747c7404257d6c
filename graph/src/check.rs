//! Holds a graph against its invariants.

use std::collections::BTreeSet;

use crate::error::Error;
use crate::ir::{Graph, Node, ValueId};

impl Graph {
    /// Checks that nodes are in execution order, each value is made once, and every type is what its operator
    /// infers.
    ///
    /// # Errors
    /// The first violation, naming the node.
    pub fn check(&self) -> Result<(), Error> {
        let constant = |id: &ValueId| self.values[id.0].constant.is_some();
        let mut known: BTreeSet<ValueId> = (0..self.values.len()).map(ValueId).filter(constant).collect();
        known.extend(&self.inputs);
        for node in &self.nodes {
            let malformed =
                |reason: &str| Error::Malformed { reason: format!("node {:?} {reason}", node.name) };
            if node.inputs.iter().flatten().any(|id| !known.contains(id)) {
                return Err(malformed("reads a value before it is made"));
            }
            if node.outputs.iter().any(|id| !known.insert(*id)) {
                return Err(malformed("makes a value that is there already"));
            }
            self.check_types(node)?;
        }
        let made: BTreeSet<&ValueId> = self.nodes.iter().flat_map(|node| &node.outputs).collect();
        match self.outputs.iter().find(|id| !made.contains(id)) {
            Some(id) => {
                Err(Error::Malformed { reason: format!("no node makes output {:?}", self.values[id.0].name) })
            }
            None => Ok(()),
        }
    }

    fn check_types(&self, node: &Node) -> Result<(), Error> {
        let type_of = |id: &ValueId| &self.values[id.0].tensor_type;
        let operands: Vec<_> = node.inputs.iter().map(|id| id.as_ref().map(type_of)).collect();
        let results = node.operator.infer(&operands);
        let results = results.map_err(|error| error.at(&node.name, &node.operator.to_string()))?;
        if !results.iter().eq(node.outputs.iter().map(type_of)) {
            return Err(Error::Malformed {
                reason: format!("node {:?} does not make what it declares", node.name),
            });
        }
        Ok(())
    }
}
