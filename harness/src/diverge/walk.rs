//! Walks a graph in order and finds where two runs of it part. Pure: two lists of nodes and their values in, what
//! happened at each node out.

use std::collections::{BTreeMap, HashMap};

use protocol::{Statistics, TracedNode};
use serde::Serialize;

use super::values::{Value, Values};
use crate::rows::divergence::{Difference, Finding, NodeDifference};

/// One target's run.
#[derive(Debug)]
pub struct Side {
    /// Its nodes, in execution order.
    pub nodes: Vec<TracedNode>,
    /// The constants among their operands.
    pub constants: BTreeMap<String, Statistics>,
    /// The values it computed.
    pub values: Values,
}

/// A comparison of two sides, node by node along the graph.
#[derive(Debug, PartialEq, Serialize)]
pub struct Walk {
    /// The nodes whose values both sides have, in the order of side a.
    pub steps: Vec<NodeDifference>,
    /// Values that only side a has: fused away on side b, or named otherwise.
    pub only_a: usize,
    /// Values that only side b has.
    pub only_b: usize,
}

/// One value as it is on both sides.
#[derive(Debug, PartialEq, Serialize)]
pub struct Operand {
    /// Its name on side a.
    pub name: String,
    /// True if it is a constant: then the sides had it from the same file.
    pub constant: bool,
    /// On side a.
    pub a: Option<Statistics>,
    /// On side b, where it has this value.
    pub b: Option<Statistics>,
    /// The relative difference between the two; none where it was not compared.
    pub relative: Option<f64>,
}

impl Walk {
    /// Compares all that both sides have; `tolerance` is how far apart a value may be, relative to its own largest
    /// magnitude.
    pub fn of(a: &Side, b: &Side, tolerance: f64) -> Walk {
        let partners = Partners::of(&b.nodes);
        let mut differences: HashMap<&str, f64> = HashMap::new();
        let mut hidden: HashMap<&str, Vec<String>> = HashMap::new();
        let mut steps = Vec::new();
        for node in &a.nodes {
            let known = node.inputs.iter().filter_map(|input| differences.get(input.as_str()));
            let inherited = known.copied().fold(0.0, f64::max);
            let unseen = unseen(node, &hidden);
            let step = partners.find(node).and_then(|partner| {
                let (of_a, of_b) = (a.values.get(&node.value)?, b.values.get(&partner.value)?);
                let step = NodeDifference::new(node, partner, &of_a, &of_b, inherited, tolerance);
                Some(NodeDifference { unseen: unseen.clone(), ..step })
            });
            if step.is_none() {
                hidden.insert(&node.value, unseen.into_iter().chain([label(node)]).collect());
            }
            differences.insert(&node.value, step.as_ref().map_or(inherited, |step| step.comparison.relative));
            steps.extend(step);
        }
        let (only_a, only_b) = (a.nodes.len() - steps.len(), b.nodes.len().saturating_sub(steps.len()));
        Walk { steps, only_a, only_b }
    }

    /// The first node where the sides part.
    pub fn first_apart(&self) -> Option<&NodeDifference> {
        self.steps.iter().find(|step| step.finding == Finding::Parts)
    }

    /// The step with the largest relative difference.
    pub fn worst(&self) -> Option<&NodeDifference> {
        let differing = self.steps.iter().filter(|step| step.comparison.relative > 0.0);
        differing.max_by(|one, other| one.comparison.relative.total_cmp(&other.comparison.relative))
    }

    /// Returns what went into a step's node, and what came out, on both sides.
    pub fn operands(&self, step: &NodeDifference, a: &Side, b: &Side) -> Vec<Operand> {
        let own = Some(&step.node.value);
        let operand = |name: &String| {
            let walked = self.steps.iter().find(|step| step.node.value == *name);
            let constant = a.constants.get(name);
            let of_b = walked.and_then(|step| b.values.get(&step.value_on_b));
            Operand {
                name: name.clone(),
                constant: constant.is_some(),
                a: constant.cloned().or_else(|| a.values.get(name).as_ref().map(statistics)),
                b: constant.cloned().or_else(|| of_b.as_ref().map(statistics)),
                relative: walked.map(|step| step.comparison.relative),
            }
        };
        step.node.inputs.iter().chain(own).map(operand).collect()
    }
}

impl NodeDifference {
    fn new(
        node: &TracedNode,
        partner: &TracedNode,
        of_a: &Value,
        of_b: &Value,
        inherited: f64,
        tolerance: f64,
    ) -> NodeDifference {
        let comparison = Difference::of(of_a, of_b);
        let own = comparison.relative;
        let growth = (own > 0.0 && inherited > 0.0 && own.is_finite()).then(|| own / inherited);
        let finding = match (own <= tolerance, inherited <= tolerance) {
            (true, _) => Finding::Agrees,
            (false, true) => Finding::Parts,
            (false, false) => Finding::Follows,
        };
        NodeDifference {
            node: node.clone(),
            value_on_b: partner.value.clone(),
            tensor_type: of_a.tensor_type(),
            comparison,
            inherited,
            growth,
            finding,
            unseen: Vec::new(),
        }
    }
}

/// Returns what went into a node and was not compared, each once.
fn unseen(node: &TracedNode, hidden: &HashMap<&str, Vec<String>>) -> Vec<String> {
    let mut unseen: Vec<String> = Vec::new();
    for label in node.inputs.iter().filter_map(|input| hidden.get(input.as_str())).flatten() {
        if !unseen.contains(label) {
            unseen.push(label.clone());
        }
    }
    unseen
}

/// `"x" (Add)`.
pub fn label(node: &TracedNode) -> String {
    format!("\"{}\" ({})", node.node, word(&node.operator))
}

/// An operator without its attributes.
pub fn word(operator: &str) -> &str {
    operator.split([' ', '(', '{']).next().unwrap_or(operator)
}

fn statistics(value: &Value) -> Statistics {
    Statistics::of(value.tensor_type(), value.elements.iter().copied())
}

/// The nodes of side b, by what their values are called.
struct Partners<'a> {
    by_value: HashMap<&'a str, &'a TracedNode>,
    by_own_name: HashMap<&'a str, Vec<&'a TracedNode>>,
}

impl<'a> Partners<'a> {
    fn of(nodes: &'a [TracedNode]) -> Partners<'a> {
        let mut by_own_name: HashMap<&str, Vec<&TracedNode>> = HashMap::new();
        for node in nodes {
            by_own_name.entry(node.own_name()).or_default().push(node);
        }
        Partners { by_value: nodes.iter().map(|node| (node.value.as_str(), node)).collect(), by_own_name }
    }

    /// The node that makes the same value. An output of the whole model has lost its component's name on one side: it
    /// is taken if only one component has an output of that name.
    fn find(&self, node: &TracedNode) -> Option<&'a TracedNode> {
        if let Some(same) = self.by_value.get(node.value.as_str()) {
            return Some(same);
        }
        let candidates = self.by_own_name.get(node.own_name())?;
        match candidates.as_slice() {
            &[only] if only.component.is_none() || node.component.is_none() => Some(only),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::values::tests::floats;
    use super::*;

    fn node(component: Option<&str>, value: &str, inputs: &[&str]) -> TracedNode {
        TracedNode {
            component: component.map(str::to_owned),
            node: format!("make {value}"),
            operator: "Add".to_owned(),
            value: value.to_owned(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
        }
    }

    /// A side with a vector for each value: `x`, `a = f(x)`, `b = f(a)`, ...
    fn chain(values: &[(&str, [f32; 2])]) -> Side {
        let mut before: Vec<&str> = Vec::new();
        let nodes = values.iter().map(|(name, _)| {
            let made = node(None, name, &before);
            before = vec![name];
            made
        });
        let nodes = nodes.collect();
        let tensors: Vec<(&str, &[usize], &[f32])> =
            values.iter().map(|(name, elements)| (*name, &[2][..], &elements[..])).collect();
        Side { nodes, constants: BTreeMap::new(), values: floats(&tensors) }
    }

    fn findings(walk: &Walk) -> Vec<(&str, Finding)> {
        walk.steps.iter().map(|step| (step.node.value.as_str(), step.finding)).collect()
    }

    const TOLERANCE: f64 = 1e-3;

    #[test]
    fn two_runs_part_at_the_first_node_beyond_the_tolerance_whose_inputs_are_within() {
        use Finding::{Agrees, Follows, Parts};
        const NAN: f32 = f32::NAN;
        let a = [("x", [1.0, 2.0]), ("a", [2.0, 4.0]), ("b", [4.0, 8.0]), ("y", [8.0, 16.0])];
        type Row = (&'static str, [(&'static str, [f32; 2]); 4], [Finding; 4]);
        let rows: [Row; 6] = [
            ("the same", a, [Agrees; 4]),
            (
                "rounding",
                [("x", [1.0, 2.0]), ("a", [2.0, 4.0001]), ("b", [4.0, 8.0003]), ("y", [8.0, 16.001])],
                [Agrees; 4],
            ),
            (
                "at the first node",
                [("x", [1.0, 2.0]), ("a", [2.5, 4.0]), ("b", [5.0, 8.0]), ("y", [10.0, 16.0])],
                [Agrees, Parts, Follows, Follows],
            ),
            (
                "a planted error in the middle",
                [("x", [1.0, 2.0]), ("a", [2.0, 4.0]), ("b", [4.0, 8.5]), ("y", [8.0, 17.0])],
                [Agrees, Agrees, Parts, Follows],
            ),
            (
                "an error that dies out and another one",
                [("x", [1.0, 2.0]), ("a", [2.5, 4.0]), ("b", [4.0, 8.0]), ("y", [9.0, 16.0])],
                [Agrees, Parts, Agrees, Parts],
            ),
            (
                "a NaN on one side",
                [("x", [1.0, 2.0]), ("a", [2.0, 4.0]), ("b", [NAN, 8.0]), ("y", [NAN, NAN])],
                [Agrees, Agrees, Parts, Follows],
            ),
        ];
        for (name, b, expected) in rows {
            let walk = Walk::of(&chain(&a), &chain(&b), TOLERANCE);
            let given: Vec<Finding> = findings(&walk).into_iter().map(|(_, finding)| finding).collect();
            assert_eq!(given, expected, "{name}");
            let first = expected.iter().position(|finding| *finding == Parts).map(|at| a[at].0);
            assert_eq!(walk.first_apart().map(|step| step.node.value.as_str()), first, "{name}");
        }
    }

    #[test]
    fn growth_is_what_a_node_adds_to_what_it_inherits() {
        let a = chain(&[("x", [1.0, 2.0]), ("a", [1.0, 2.0]), ("b", [1.0, 2.0]), ("y", [1.0, 2.0])]);
        let b = chain(&[("x", [1.0, 2.0]), ("a", [1.0, 2.5]), ("b", [1.0, 2.5]), ("y", [1.0, 4.0])]);
        let walk = Walk::of(&a, &b, TOLERANCE);
        let growth: Vec<_> = walk.steps.iter().map(|step| (step.inherited, step.growth)).collect();
        // 0.5 of 2.5 is 0.2, 2 of 4 is 0.5.
        assert_eq!(growth, [(0.0, None), (0.0, None), (0.2, Some(1.0)), (0.2, Some(2.5))]);
        assert_eq!(walk.worst().unwrap().node.value, "y");
    }

    #[test]
    fn no_difference_at_all_is_asked_for_with_a_tolerance_of_0() {
        let a = chain(&[("x", [1.0, 2.0]), ("y", [1.0, 2.0])]);
        let b = chain(&[("x", [1.0, 2.0]), ("y", [1.0, 2.000_000_2])]);
        assert_eq!(Walk::of(&a, &a, 0.0).first_apart(), None);
        assert_eq!(Walk::of(&a, &b, 0.0).first_apart().unwrap().node.value, "y");
    }

    #[test]
    fn what_one_side_alone_has_is_counted_and_passes_its_error_on() {
        let a = chain(&[("x", [1.0, 2.0]), ("a", [1.0, 2.5]), ("only", [0.0; 2]), ("y", [1.0, 2.5])]);
        let b = chain(&[("x", [1.0, 2.0]), ("a", [1.0, 2.0]), ("other", [0.0; 2]), ("y", [1.0, 2.0])]);
        let walk = Walk::of(&a, &b, TOLERANCE);
        let expected = [("x", Finding::Agrees), ("a", Finding::Parts), ("y", Finding::Follows)];
        assert_eq!(findings(&walk), expected);
        assert_eq!((walk.only_a, walk.only_b), (1, 1));
        assert_eq!(walk.steps[2].unseen, ["\"make only\" (Add)"]);
        assert!(walk.steps[1].unseen.is_empty());
    }

    #[test]
    fn values_of_components_find_their_partners() {
        let b = [
            node(Some("encoder"), "encoder.x", &[]),
            node(Some("decoder"), "decoder.x", &[]),
            node(Some("decoder"), "decoder.logits", &[]),
        ];
        let partners = Partners::of(&b);
        for (component, value, expected) in [
            (Some("decoder"), "decoder.x", Some("decoder.x")),
            (None, "logits", Some("decoder.logits")),
            (None, "x", None),
            (Some("encoder"), "encoder.logits", None),
            (None, "nothing", None),
        ] {
            let found = partners.find(&node(component, value, &[])).map(|node| node.value.as_str());
            assert_eq!(found, expected, "{value}");
        }
    }

    #[test]
    fn a_culprits_inputs_are_shown_from_both_sides() {
        let [mut a, b] = [[2.0, 4.0], [2.5, 4.0]].map(|y| chain(&[("x", [1.0, 3.0]), ("y", y)]));
        a.nodes[1].inputs.push("w".to_owned());
        a.constants.insert("w".to_owned(), Statistics::of("f32[1]".to_owned(), [7.0]));
        let walk = Walk::of(&a, &b, TOLERANCE);
        let operands = walk.operands(walk.first_apart().unwrap(), &a, &b);
        let told: Vec<_> = operands.iter().map(|operand| (operand.name.as_str(), operand.constant)).collect();
        assert_eq!(told, [("x", false), ("w", true), ("y", false)]);
        assert_eq!(operands[0].a.as_ref().unwrap().mean, Some(2.0));
        assert_eq!(operands[1].a, operands[1].b);
        assert_eq!(operands[2].b.as_ref().unwrap().mean, Some(3.25));
    }
}
