//! A pipeline changed so that every value on the way is an output, and what has to be told of those values.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Manifest, Statistics, TracedNode};

use super::{Pipeline, Program};
use crate::constant::Constant;
use crate::ir::{Graph, Node, ValueId};
use crate::onnx::Model;
use crate::ops::Operator;
use crate::tensor::Tensor;

/// The operator that a traced node has for a value that the caller feeds.
const INPUT: &str = "input";

/// A first program that hands over every value.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// One program again and again, each time with other values as its outputs.
    pub pipeline: Pipeline,
    /// The name of the program traced: the first.
    pub program: String,
    /// Every node whose value is an output of one of them, in execution order, inputs first.
    pub nodes: Vec<TracedNode>,
    /// The constants among the nodes' operands; [`statistics`] is what is told of them.
    pub constants: BTreeMap<String, Constant>,
}

/// The first program of a pipeline (the whole model, or the prefill), cut into runs whose outputs take at most
/// `group_bytes` together, a single value of more excepted.
///
/// Values that the prefill leaves in states are not traced where only a later run would read them.
pub fn trace(manifest: &Manifest, pipeline: &Pipeline, group_bytes: usize) -> Traced {
    let first = pipeline.programs.first();
    let mut graph = first.map(|program| program.graph.clone()).unwrap_or_default();
    leave_out_caches(&mut graph);
    name_apart(&mut graph);
    let program = first.map(|program| program.name.clone()).unwrap_or_default();
    let numbered = groups(&graph, group_bytes).into_iter().enumerate();
    let programs = numbered.map(|(number, outputs)| Program {
        name: format!("{program} {number}"),
        graph: Graph { outputs, ..graph.clone() },
        states: BTreeMap::new(),
    });
    Traced {
        pipeline: Pipeline { programs: programs.collect(), decoding: None },
        program,
        nodes: nodes(manifest, &graph),
        constants: constants(&graph),
    }
}

/// A cache is longer than what was put into it, and nothing in a prefill reads it.
fn leave_out_caches(graph: &mut Graph) {
    let read: BTreeSet<ValueId> =
        graph.nodes.iter().flat_map(|node| node.inputs.iter().flatten()).copied().collect();
    let is_cache = |node: &Node| matches!(node.operator, Operator::CacheUpdate(_));
    graph.nodes.retain(|node| !is_cache(node) || node.outputs.iter().any(|id| read.contains(id)));
    let read: BTreeSet<ValueId> =
        graph.nodes.iter().flat_map(|node| node.inputs.iter().flatten()).copied().collect();
    graph.inputs.retain(|id| read.contains(id));
}

/// Gives every value that is told of a name of its own; of several results of one ONNX node, the last keeps it.
fn name_apart(graph: &mut Graph) {
    let inputs = graph.inputs.iter().map(|id| graph.values[id.0].name.clone());
    let mut taken: BTreeSet<String> = inputs.collect();
    let results: Vec<ValueId> = graph.nodes.iter().flat_map(|node| &node.outputs).rev().copied().collect();
    let constants = (0..graph.values.len()).map(ValueId).filter(|id| graph.values[id.0].constant.is_some());
    for id in results.into_iter().chain(constants.collect::<Vec<_>>()) {
        let name = &mut graph.values[id.0].name;
        if !taken.insert(name.clone()) {
            *name = format!("{name}#{}", id.0);
            taken.insert(name.clone());
        }
    }
}

/// The results that are outputs together.
fn groups(graph: &Graph, group_bytes: usize) -> Vec<Vec<ValueId>> {
    let mut groups: Vec<Vec<ValueId>> = Vec::new();
    let mut room = 0;
    for id in graph.nodes.iter().flat_map(|node| &node.outputs).copied() {
        let tensor_type = &graph.values[id.0].tensor_type;
        let bytes = tensor_type.element_count().saturating_mul(tensor_type.data_type.size_bytes());
        match groups.last_mut() {
            Some(group) if bytes <= room => group.push(id),
            Some(_) | None => {
                groups.push(vec![id]);
                room = group_bytes;
            }
        }
        room = room.saturating_sub(bytes);
    }
    groups
}

fn nodes(manifest: &Manifest, graph: &Graph) -> Vec<TracedNode> {
    let name = |id: ValueId| graph.values[id.0].name.clone();
    let traced = |node: &str, operator: &Operator, inputs: &[Option<ValueId>], id: ValueId| TracedNode {
        component: component_of(manifest, &name(id)),
        node: node.to_owned(),
        operator: operator.to_string(),
        value: name(id),
        inputs: inputs.iter().flatten().map(|id| name(*id)).collect(),
    };
    let given = graph.inputs.iter().map(|id| given(&name(*id)));
    let made = graph
        .nodes
        .iter()
        .flat_map(|node| node.outputs.iter().map(|id| traced(&node.name, &node.operator, &node.inputs, *id)));
    given.chain(made).collect()
}

fn given(name: &str) -> TracedNode {
    let (name, operator) = (name.to_owned(), INPUT.to_owned());
    TracedNode { component: None, node: name.clone(), operator, value: name, inputs: Vec::new() }
}

/// The component that a value's name begins with, where there are several.
fn component_of(manifest: &Manifest, value: &str) -> Option<String> {
    let several = manifest.components.len() > 1;
    let names = manifest.components.iter().map(|component| &component.name).filter(|_| several);
    names.filter(|name| value.strip_prefix(*name).is_some_and(|rest| rest.starts_with('.'))).max().cloned()
}

fn constants(graph: &Graph) -> BTreeMap<String, Constant> {
    let operands: BTreeSet<ValueId> =
        graph.nodes.iter().flat_map(|node| node.inputs.iter().flatten()).copied().collect();
    let values = operands.iter().map(|id| &graph.values[id.0]);
    values.filter_map(|value| Some((value.name.clone(), value.constant.clone()?))).collect()
}

/// The statistics that are told of a constant.
pub fn statistics(tensor: &Tensor) -> Statistics {
    Statistics::of(tensor.tensor_type().to_string(), tensor.to_f32_vec().into_iter().map(f64::from))
}

/// The traced nodes of ONNX files that are run as they are: the folder's inputs, then the nodes of the components in
/// `order`, and the constants among their operands.
pub fn traced_nodes(
    manifest: &Manifest,
    models: &BTreeMap<String, Model>,
    given_names: &BTreeSet<String>,
    order: &[String],
) -> (Vec<TracedNode>, BTreeMap<String, Constant>) {
    let mut nodes: Vec<TracedNode> = given_names.iter().map(|name| given(name)).collect();
    let mut constants = BTreeMap::new();
    for (component, model) in order.iter().filter_map(|name| Some((name, models.get(name)?))) {
        let file = File { manifest, component, model };
        for node in &model.nodes {
            nodes.extend(file.results(node, given_names));
            let operands = node.inputs.iter().filter_map(|name| Some((name, model.constants.get(name)?)));
            constants.extend(operands.map(|(name, constant)| (file.qualified(name), constant.clone())));
        }
    }
    (nodes, constants)
}

/// The name of a component's value among those of all components.
pub fn qualified(manifest: &Manifest, component: &str, name: &str) -> String {
    if manifest.components.len() > 1 { format!("{component}.{name}") } else { name.to_owned() }
}

/// One ONNX file of a model folder.
struct File<'a> {
    manifest: &'a Manifest,
    component: &'a str,
    model: &'a Model,
}

impl File<'_> {
    fn qualified(&self, name: &str) -> String {
        qualified(self.manifest, self.component, name)
    }

    fn results(&self, node: &crate::onnx::OnnxNode, given: &BTreeSet<String>) -> Vec<TracedNode> {
        let operands = node.inputs.iter().filter(|name| !name.is_empty());
        let inputs: Vec<String> = operands.map(|name| self.source(name, given)).collect();
        let results = node.outputs.iter().filter(|name| !name.is_empty());
        let result = |name: &String| TracedNode {
            component: (self.manifest.components.len() > 1).then(|| self.component.to_owned()),
            node: node.name.clone(),
            operator: node.operator.clone(),
            value: self.qualified(name),
            inputs: inputs.clone(),
        };
        results.map(result).collect()
    }

    /// The name of an operand where it was made: by a node, another component or the caller.
    fn source(&self, name: &str, given: &BTreeSet<String>) -> String {
        if self.model.inputs.iter().all(|input| input.name != name) {
            return self.qualified(name);
        }
        let component = self.manifest.components.iter().find(|known| known.name == self.component);
        match component.and_then(|component| component.from.get(name)) {
            Some(wire) => wire.clone(),
            None if given.contains(name) => name.to_owned(),
            None => self.qualified(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    fn manifest(components: &[&str]) -> Manifest {
        let component = |name: &&str| format!("[[components]]\nname = '{name}'\nfile = 'm.onnx'\n");
        let components: String = components.iter().map(component).collect();
        let text = "name = 'm'\nfamily = ''\nmodality = ''\nsource = ''\ninputs = ''\nexpected = ''\n";
        toml::from_str(&format!("{text}{components}[tolerances]\nfp32 = 1e-4\n")).unwrap()
    }

    fn traced(text: &str, group_bytes: usize) -> Traced {
        let graph = text::parse(text).unwrap();
        let program = Program { name: "model".to_owned(), graph, states: BTreeMap::new() };
        trace(&manifest(&["model"]), &Pipeline { programs: vec![program], decoding: None }, group_bytes)
    }

    const CHAIN: &str = "x: f32[2]\nw: f32[2] = 1\na = Neg(x)\nb = Add(a, w)\ny = Mul(b, a)\nreturn y";

    #[test]
    fn every_value_is_told_of_in_order_and_is_an_output_once() {
        let traced = traced(CHAIN, 1 << 20);
        let told: Vec<_> =
            traced.nodes.iter().map(|node| (node.value.as_str(), node.inputs.join(" "))).collect();
        let expected = [("x", ""), ("a", "x"), ("b", "a w"), ("y", "b a")];
        assert_eq!(told, expected.map(|(value, inputs)| (value, inputs.to_owned())));
        assert_eq!(traced.constants.keys().collect::<Vec<_>>(), ["w"]);
        let told = statistics(traced.constants["w"].here().unwrap());
        assert_eq!(told.mean, Some(1.0));
        let [program] = traced.pipeline.programs.as_slice() else { panic!("one run is enough") };
        let x = Tensor::vector(vec![1f32, 2.0]);
        let values = crate::interpret(&program.graph, &BTreeMap::from([("x".to_owned(), x)])).unwrap();
        assert_eq!(values["b"], Tensor::vector(vec![0f32, -1.0]));
        assert_eq!(values.len(), 3);
    }

    #[test]
    fn runs_hand_over_no_more_than_they_may() {
        let outputs = |group_bytes| {
            let programs = traced(CHAIN, group_bytes).pipeline.programs;
            programs.iter().map(|program| program.graph.outputs.len()).collect::<Vec<_>>()
        };
        assert_eq!(outputs(8), [1, 1, 1]);
        assert_eq!(outputs(16), [2, 1]);
        assert_eq!(outputs(1), [1, 1, 1], "a value larger than a group goes alone");
    }

    #[test]
    fn values_of_the_same_name_are_told_apart_and_the_last_keeps_it() {
        let mut graph = text::parse(CHAIN).unwrap();
        for value in &mut graph.values {
            value.name = if value.name == "b" { "y".to_owned() } else { value.name.clone() };
        }
        name_apart(&mut graph);
        let names: Vec<_> = nodes(&manifest(&["model"]), &graph).into_iter().map(|node| node.value).collect();
        assert!(names[2].starts_with("y#"), "{names:?}");
        assert_eq!((names[1].as_str(), names[3].as_str()), ("a", "y"));
    }

    #[test]
    fn a_component_is_known_by_the_name_before_the_dot() {
        let two = manifest(&["encoder", "decoder"]);
        for (value, expected) in [("encoder.x", Some("encoder")), ("decoderx", None), ("x", None)] {
            assert_eq!(component_of(&two, value).as_deref(), expected, "{value}");
        }
        assert_eq!(component_of(&manifest(&["encoder"]), "encoder.x"), None, "one component needs no name");
    }
}
