//! If, Loop and Scan: their bodies are read in place, the one that is taken, or again for every iteration.

use std::collections::BTreeMap;

use super::Scope;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axis};
use crate::onnx::{OnnxNode, Subgraph};
use crate::tensor::{Tensor, TensorType};
use crate::writer::Writer;

/// A body is not read more often than this.
const MOST_ITERATIONS: usize = 4096;

type Opsets = BTreeMap<String, i64>;

impl Scope {
    /// Results of a node that holds bodies; `None` of any other.
    pub(super) fn read_control(
        &mut self,
        node: &OnnxNode,
        opsets: &Opsets,
    ) -> Result<Option<Vec<ValueId>>, Error> {
        if !node.domain.is_empty() {
            return Ok(None);
        }
        let opset = opsets.get("").copied().unwrap_or(0);
        let read = match node.operator.as_str() {
            "If" => Scope::read_if,
            "Loop" => Scope::read_loop,
            "Scan" => Scope::read_scan,
            _ => return Ok(None),
        };
        let view = self.view(node, opset)?;
        self.read_settled(node, view, |scope, view| read(scope, view, opsets)).map(Some)
    }

    /// The results of a body for these inputs. What it names is forgotten afterwards.
    fn body(&mut self, body: &Subgraph, inputs: &[ValueId], opsets: &Opsets) -> Result<Vec<ValueId>, Error> {
        if body.inputs.len() != inputs.len() {
            return Err(invalid!("a body of {} inputs is given {}", body.inputs.len(), inputs.len()));
        }
        let outside = self.names.clone();
        self.foreign.extend(&body.foreign);
        for (name, tensor) in &body.constants {
            let id = self.graph.constant(name, tensor.clone());
            self.names.insert(name.clone(), id);
        }
        self.names.extend(body.inputs.iter().cloned().zip(inputs.iter().copied()));
        let read = body.nodes.iter().try_for_each(|node| self.read(node, opsets));
        let results = read.and_then(|()| body.outputs.iter().map(|name| Ok(self.result(name)?.1)).collect());
        self.names = outside;
        results
    }

    fn read_if(&mut self, node: &NodeView, opsets: &Opsets) -> Result<Vec<ValueId>, Error> {
        let condition = node.operand(0)?;
        let Some(known) = &condition.constant else { return self.read_both(node, opsets) };
        let taken = if flag(known) { "then_branch" } else { "else_branch" };
        self.body(body(node, taken)?, &[], opsets)
    }

    /// Both branches of an If whose condition is computed, and of each result the one that is taken.
    fn read_both(&mut self, node: &NodeView, opsets: &Opsets) -> Result<Vec<ValueId>, Error> {
        self.chosen(node, opsets).map_err(|reason| {
            let what = format!("results ({reason})");
            Error::NotConstant { what, operand: 0, inputs: Vec::new() }
        })
    }

    fn chosen(&mut self, node: &NodeView, opsets: &Opsets) -> Result<Vec<ValueId>, Error> {
        let condition = node.operand(0)?.id;
        let branches = [body(node, "then_branch")?, body(node, "else_branch")?];
        let [yes, no] = branches.map(|branch| self.body(branch, &[], opsets));
        let write = &Writer::new(node, &mut self.graph);
        let condition = write.reshape(condition, &[])?;
        let choose = |(yes, no): (ValueId, ValueId)| {
            let types = [write.tensor_type(yes), write.tensor_type(no)];
            if types[0] != types[1] {
                return Err(unsupported!("they give {} and {}", types[0], types[1]));
            }
            write.select(condition, yes, no)
        };
        yes?.into_iter().zip(no?).map(choose).collect()
    }

    fn read_loop(&mut self, node: &NodeView, opsets: &Opsets) -> Result<Vec<ValueId>, Error> {
        let most = node.integers(0, "trip count")?.and_then(|count| count.first().copied());
        let mut goes_on = node.constant(1, "condition")?.is_none_or(flag);
        let body = body(node, "body")?;
        let mut carried = (2..node.inputs.len())
            .map(|index| node.operand(index).map(|operand| operand.id))
            .collect::<Result<Vec<_>, _>>()?;
        let mut rows: Vec<Vec<ValueId>> = Vec::new();
        let mut at = 0;
        while goes_on && most.is_none_or(|most| at < most) {
            check_iterations(at as usize)?;
            let counter = self.graph.constant(node.name, Tensor::scalar(at));
            let condition = self.graph.constant(node.name, Tensor::scalar(true));
            let mut results = self.body(body, &[&[counter, condition], &carried[..]].concat(), opsets)?;
            if results.len() <= carried.len() {
                return Err(invalid!("its body has too few outputs"));
            }
            let known = self.graph.settle(results[0]);
            let known = known.ok_or_else(|| unsupported!("its condition depends on what it computes"))?;
            goes_on = flag(&known);
            rows.push(results.split_off(1 + carried.len()));
            carried = results.split_off(1);
            at += 1;
        }
        let stacked = match rows.is_empty() {
            true => self.stacked_of_none(node, body, &carried, opsets)?,
            false => {
                let scanned = body.outputs.len().saturating_sub(1 + carried.len());
                self.stacked(node, &rows, &vec![(0, false); scanned])?
            }
        };
        Ok([carried, stacked].concat())
    }

    /// The results of no iteration of a Loop, stacked: a turn that is thrown away tells their types.
    fn stacked_of_none(
        &mut self,
        node: &NodeView,
        body: &Subgraph,
        carried: &[ValueId],
        opsets: &Opsets,
    ) -> Result<Vec<ValueId>, Error> {
        let before = self.graph.clone();
        let counter = self.graph.constant(node.name, Tensor::scalar(0i64));
        let condition = self.graph.constant(node.name, Tensor::scalar(true));
        let results = self.body(body, &[&[counter, condition], carried].concat(), opsets);
        let types = results.map(|results| {
            let scanned = results.into_iter().skip(1 + carried.len());
            scanned.map(|id| self.graph.tensor_type(id).clone()).collect::<Vec<_>>()
        });
        self.graph = before;
        let none = |TensorType { data_type, shape }| {
            let shape = [&[0], &shape[..]].concat();
            self.graph.constant(node.name, Tensor::zeros(&TensorType { data_type, shape }))
        };
        Ok(types?.into_iter().map(none).collect())
    }

    fn read_scan(&mut self, node: &NodeView, opsets: &Opsets) -> Result<Vec<ValueId>, Error> {
        if node.opset < 9 {
            return Err(unsupported!("it has a batch axis, as before opset 9"));
        }
        let body = body(node, "body")?;
        let count = node.attributes.int("num_scan_inputs")?.unwrap_or(0);
        let states = usize::try_from(count).ok().and_then(|count| node.inputs.len().checked_sub(count));
        let states = states.ok_or_else(|| invalid!("num_scan_inputs is {count}"))?;
        let list = |name: &str| Ok::<_, Error>(node.attributes.ints(name)?.unwrap_or_default().to_vec());
        let (axes, directions) = (list("scan_input_axes")?, list("scan_input_directions")?);
        let mut scanned = Vec::new();
        for (at, index) in (states..node.inputs.len()).enumerate() {
            let rank = node.shape(index)?.len();
            let axis = axis(axes.get(at).copied().unwrap_or(0), rank)?;
            scanned.push((node.operand(index)?.id, axis, directions.get(at) == Some(&1)));
        }
        let &(first, axis, _) = scanned.first().ok_or_else(|| invalid!("it has nothing to scan"))?;
        let length = self.graph.tensor_type(first).shape[axis];
        check_iterations(length)?;
        let mut carried =
            (0..states).map(|index| Ok(node.operand(index)?.id)).collect::<Result<Vec<_>, Error>>()?;
        let mut rows = Vec::new();
        for at in 0..length {
            let write = Writer::new(node, &mut self.graph);
            let slice = |&(id, axis, backwards): &(ValueId, usize, bool)| {
                let mut shape = write.shape(id);
                shape.remove(axis);
                let place = if backwards { length - 1 - at } else { at };
                write.reshape(write.slice(id, axis, place, 1)?, &shape)
            };
            let slices = scanned.iter().map(slice).collect::<Result<Vec<_>, _>>()?;
            let mut results = self.body(body, &[carried, slices].concat(), opsets)?;
            rows.push(results.split_off(states.min(results.len())));
            carried = results;
        }
        let (axes, directions) = (list("scan_output_axes")?, list("scan_output_directions")?);
        let along = |at: usize| (axes.get(at).copied().unwrap_or(0), directions.get(at) == Some(&1));
        let along: Vec<_> = (0..body.outputs.len().saturating_sub(states)).map(along).collect();
        let stacked = self.stacked(node, &rows, &along)?;
        Ok([carried, stacked].concat())
    }

    /// The outputs of all iterations, each stacked along a new axis, perhaps the last first.
    fn stacked(
        &mut self,
        node: &NodeView,
        rows: &[Vec<ValueId>],
        along: &[(i64, bool)],
    ) -> Result<Vec<ValueId>, Error> {
        if rows.is_empty() && !along.is_empty() {
            return Err(unsupported!("it stacks the results of no iteration"));
        }
        let write = Writer::new(node, &mut self.graph);
        let stack = |(at, &(wanted, backwards)): (usize, &(i64, bool))| {
            let mut parts = Vec::new();
            let mut place = 0;
            for row in rows {
                let mut shape = write.shape(row[at]);
                place = axis(wanted, shape.len() + 1)?;
                shape.insert(place, 1);
                parts.push(write.reshape(row[at], &shape)?);
            }
            if backwards {
                parts.reverse();
            }
            write.concat(place, &parts)
        };
        along.iter().enumerate().map(stack).collect()
    }
}

/// Returns whether a condition holds.
fn flag(condition: &Tensor) -> bool {
    condition.to_f32_vec().iter().any(|&element| element != 0.0)
}

fn body<'a>(node: &NodeView<'a>, name: &str) -> Result<&'a Subgraph, Error> {
    node.attributes.graph(name)?.ok_or_else(|| invalid!("attribute {name:?} is missing"))
}

fn check_iterations(count: usize) -> Result<(), Error> {
    match count {
        0..=MOST_ITERATIONS => Ok(()),
        _ => Err(unsupported!("it runs more than {MOST_ITERATIONS} times")),
    }
}
