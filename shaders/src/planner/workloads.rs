//! The kernels of a model one by one, so that each can be measured by itself.

use std::collections::BTreeMap;

use graph::pipeline::Pipeline;
use graph::{DataType, Graph, Node, Value, ValueId};

use super::{Part, parts_of, planned};
use crate::device::DeviceProperties;
use crate::error::Error;
use crate::tuning::{Chooser, Family, ShapeClass, Tuning};

/// A node that is cut by the tuning table, alone in a graph of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The kernel that computes it.
    pub family: Family,
    /// The kind of shape that it is given.
    pub class: ShapeClass,
    /// The node; all its operands are inputs, and nothing is an output.
    pub graph: Graph,
    /// How often it occurs in the programs.
    pub count: usize,
}

impl Workload {
    /// The operator and the shapes.
    pub fn name(&self) -> String {
        let types: Vec<String> =
            self.graph.values.iter().map(|value| value.tensor_type.to_string()).collect();
        let operator = self.graph.nodes.first().map(|node| node.operator.to_string()).unwrap_or_default();
        format!("{operator} of {}", types.join(", "))
    }
}

/// The nodes of a model's programs by what their kernels are cut by, each kernel and shape once.
///
/// # Errors
/// Those of [`super::plan_pipeline`].
pub fn workloads(
    pipeline: &Pipeline,
    device: &DeviceProperties,
    tuning: &Tuning,
) -> Result<Vec<Workload>, Error> {
    workloads_of_parts(&parts_of(pipeline), device, tuning)
}

/// The same of programs.
///
/// # Errors
/// Those of [`super::plan_parts`].
pub fn workloads_of_parts(
    parts: &[Part<'_>],
    device: &DeviceProperties,
    tuning: &Tuning,
) -> Result<Vec<Workload>, Error> {
    let mut found: BTreeMap<String, Workload> = BTreeMap::new();
    let chooser = Chooser::new(tuning);
    planned(parts, device, &chooser, &mut |graph, node, (family, class)| {
        let alone = alone(graph, node);
        let types = alone.values.iter().map(|value| value.tensor_type.to_string()).collect::<Vec<_>>();
        let key = format!("{family:?} {class:?} {} {types:?} {:?}", node.operator, alone.bounds);
        found.entry(key).or_insert(Workload { family, class, graph: alone, count: 0 }).count += 1;
    })?;
    Ok(found.into_values().collect())
}

/// A node in a graph of its own. What its integers are decides nothing but how many words they take, so they are small.
fn alone(graph: &Graph, node: &Node) -> Graph {
    let mut alone = Graph::default();
    let mut value = |id: ValueId, name: String| {
        let tensor_type = graph.values[id.0].tensor_type.clone();
        alone.values.push(Value { name, tensor_type, constant: None });
        ValueId(alone.values.len() - 1)
    };
    let inputs = node.inputs.iter().enumerate();
    let inputs: Vec<_> = inputs.map(|(at, id)| id.map(|id| value(id, format!("operand {at}")))).collect();
    let outputs: Vec<_> = node.outputs.iter().map(|&id| value(id, "result".to_owned())).collect();
    alone.inputs = inputs.iter().flatten().copied().collect();
    let integers = alone.inputs.iter().map(|id| &alone.values[id.0]);
    let integers = integers.filter(|value| value.tensor_type.data_type == DataType::I64);
    alone.bounds = integers.map(|value| (value.name.clone(), (0, 0))).collect();
    alone.nodes.push(Node { inputs, outputs, ..node.clone() });
    alone
}
