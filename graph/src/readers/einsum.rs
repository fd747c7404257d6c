//! Einsum: sums of products over labelled axes, by matrix products of two operands at a time.

use std::collections::BTreeSet;

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::reduce::Reduction;
use crate::strided::table;
use crate::writer::{Writer, Written};

/// The name of an axis: a letter of the equation, or a private one for each axis that `...` stands for.
type Label = char;

/// The last axis that `...` stands for; those before it follow.
const LAST_UNNAMED: u32 = 0xE000;

/// A value and what its axes are called.
#[derive(Debug, Clone)]
struct Term {
    id: ValueId,
    labels: Vec<Label>,
}

/// Einsum.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let equation = node.attributes.text("equation")?.ok_or_else(|| invalid!("its equation is missing"))?;
    let equation: String = equation.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right)),
        None => (equation.as_str(), None),
    };
    let parts: Vec<&str> = left.split(',').collect();
    if parts.len() != node.inputs.len() {
        return Err(invalid!("{equation:?} has {} operands, not {}", parts.len(), node.inputs.len()));
    }
    let mut terms = Vec::new();
    let mut unnamed = 0;
    for (index, part) in parts.iter().enumerate() {
        let rank = node.shape(index)?.len();
        let labels = labels(part, rank.saturating_sub(part.replace("...", "").len()));
        if labels.len() != rank {
            return Err(invalid!("{part:?} does not name {rank} axes"));
        }
        unnamed = unnamed.max(labels.iter().filter(|label| is_unnamed(**label)).count());
        terms.push(Term { id: node.operand(index)?.id, labels });
    }
    let result = right.map_or_else(|| implied(&terms), |right| labels(right, unnamed));
    let write = &Writer::new(node, graph);
    Ok(vec![contract(write, terms, &result)?])
}

fn is_unnamed(label: Label) -> bool {
    u32::from(label) >= LAST_UNNAMED
}

/// The labels of a part of the equation whose `...` stands for so many axes.
fn labels(part: &str, unnamed: usize) -> Vec<Label> {
    let names = (0..unnamed as u32).rev().filter_map(|at| char::from_u32(LAST_UNNAMED + at));
    match part.split_once("...") {
        Some((before, after)) => before.chars().chain(names).chain(after.chars()).collect(),
        None => part.chars().collect(),
    }
}

/// Without `->`: what `...` stands for, then every label that is there once, by the alphabet.
fn implied(terms: &[Term]) -> Vec<Label> {
    let all: Vec<Label> = terms.iter().flat_map(|term| term.labels.clone()).collect();
    let mut unnamed: Vec<Label> = all.iter().copied().filter(|&label| is_unnamed(label)).collect();
    unnamed.sort_unstable_by(|a, b| b.cmp(a));
    unnamed.dedup();
    let once = |label: &Label| !is_unnamed(*label) && all.iter().filter(|other| *other == label).count() == 1;
    let named: BTreeSet<Label> = all.iter().copied().filter(once).collect();
    unnamed.into_iter().chain(named).collect()
}

fn contract(write: &Writer, terms: Vec<Term>, result: &[Label]) -> Written {
    let mut terms: Vec<Term> =
        terms.into_iter().map(|term| diagonal(write, term)).collect::<Result<_, _>>()?;
    terms.reverse();
    let needed = |terms: &[Term], label: Label| {
        result.contains(&label) || terms.iter().any(|term| term.labels.contains(&label))
    };
    while let Some(term) = terms.pop() {
        let term = summed(write, term, |label| needed(&terms, label))?;
        let Some(next) = terms.pop() else { return arranged(write, &term, result) };
        let next = summed(write, next, |label| needed(&terms, label) || term.labels.contains(&label))?;
        let product = product(write, &term, &next, |label| needed(&terms, label))?;
        terms.push(product);
    }
    Err(invalid!("it has no operands"))
}

/// A label that is there twice stands for the diagonal of its axes.
fn diagonal(write: &Writer, term: Term) -> Result<Term, Error> {
    let rank = term.labels.len();
    let pairs = (0..rank).flat_map(|first| (first + 1..rank).map(move |second| (first, second)));
    let twice = pairs.into_iter().find(|&(first, second)| term.labels[first] == term.labels[second]);
    let Some((first, second)) = twice else { return Ok(term) };
    let shape = write.shape(term.id);
    if shape[first] != shape[second] {
        return Err(invalid!("axes of {} and {} have one label", shape[first], shape[second]));
    }
    let extent = shape[first];
    table(&[extent])?;
    let mut order: Vec<usize> = (0..rank).filter(|&axis| axis != first && axis != second).collect();
    let rest: Vec<usize> = order.iter().map(|&axis| shape[axis]).collect();
    let mut labels: Vec<Label> = order.iter().map(|&axis| term.labels[axis]).collect();
    labels.push(term.labels[first]);
    order.extend([first, second]);
    let flat = write.reshape(write.transpose(term.id, &order)?, &[&rest[..], &[extent * extent]].concat())?;
    let places = write.integers((0..extent).map(|at| (at * (extent + 1)) as i64));
    diagonal(write, Term { id: write.gather(flat, rank - 2, places)?, labels })
}

/// Summed over the axes that nobody needs.
fn summed(write: &Writer, term: Term, needed: impl Fn(Label) -> bool) -> Result<Term, Error> {
    let over: Vec<usize> = (0..term.labels.len()).filter(|&axis| !needed(term.labels[axis])).collect();
    let id = write.reduce(Reduction::Sum, term.id, &over, false)?;
    Ok(Term { id, labels: term.labels.into_iter().filter(|&label| needed(label)).collect() })
}

/// The axes in this order; those that are not there have extent 1.
fn arranged(write: &Writer, term: &Term, order: &[Label]) -> Written {
    let axis = |label: &Label| term.labels.iter().position(|own| own == label);
    let permutation: Vec<usize> = order.iter().filter_map(axis).collect();
    let turned = write.transpose(term.id, &permutation)?;
    let shape = write.shape(term.id);
    let shape: Vec<usize> = order.iter().map(|label| axis(label).map_or(1, |axis| shape[axis])).collect();
    write.reshape(turned, &shape)
}

/// The product of two terms, summed over the labels of both that nobody else needs.
fn product(write: &Writer, left: &Term, right: &Term, needed: impl Fn(Label) -> bool) -> Result<Term, Error> {
    let split = |term: &Term, wanted: &dyn Fn(Label) -> bool| -> Vec<Label> {
        term.labels.iter().copied().filter(|&label| wanted(label)).collect()
    };
    let shared = |label: Label| left.labels.contains(&label) && right.labels.contains(&label);
    let batch = split(left, &|label| shared(label) && needed(label));
    let inner = split(left, &|label| shared(label) && !needed(label));
    let rows = split(left, &|label| !shared(label));
    let columns = split(right, &|label| !shared(label));
    let labels = [&batch[..], &rows, &columns].concat();
    if inner.is_empty() {
        let id = write.mul(arranged(write, left, &labels)?, arranged(write, right, &labels)?)?;
        return Ok(Term { id, labels });
    }
    let extent = |label: &Label| {
        let of = |term: &Term| {
            let axis = term.labels.iter().position(|own| own == label);
            axis.map_or(1, |axis| write.shape(term.id)[axis])
        };
        of(left).max(of(right))
    };
    let extents = |labels: &[Label]| labels.iter().map(extent).collect::<Vec<_>>();
    let count = |labels: &[Label]| extents(labels).iter().product::<usize>();
    let stacked = |term: &Term, first: &[Label], second: &[Label]| {
        let order = [&batch[..], first, second].concat();
        // An extent of 1 meets one that is larger.
        let whole = write.expand(arranged(write, term, &order)?, &extents(&order))?;
        write.reshape(whole, &[count(&batch), count(first), count(second)])
    };
    let stack = write.matmul(stacked(left, &rows, &inner)?, stacked(right, &inner, &columns)?)?;
    Ok(Term { id: write.reshape(stack, &extents(&labels))?, labels })
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "matrix product",
                "opset 21\n\
                 a: f32[2,2] = -0.2 0.7 -0.1 0.7\n\
                 b: f32[2,3] = 1.4 -0.7 0.2 -0.5 0.1 -1.2\n\
                 y = Einsum(a, b, equation=\"ij,jk->ik\")",
                "f32[2,3] = -0.63 0.21 -0.88 -0.49 0.14 -0.86",
            ),
            (
                "heads",
                "opset 21\n\
                 a: f32[1,2,1,2] = -0.6 -0.2 0.9 1.1\n\
                 b: f32[1,1,1,2] = -1.3 -0.8\n\
                 y = Einsum(a, b, equation=\"bqhd,bkhd->bhqk\")",
                "f32[1,1,2,1] = 0.94 -2.05",
            ),
            (
                "diagonal",
                "opset 21\n\
                 a: f32[2,2] = 0.6 -2 -0.5 -0.1\n\
                 y = Einsum(a, equation=\"ii->i\")",
                "f32[2] = 0.6 -0.1",
            ),
            (
                "trace",
                "opset 21\n\
                 a: f32[2,2] = 1.3 0.7 -0.3 -0.4\n\
                 y = Einsum(a, equation=\"ii\")",
                "f32[] = 0.9",
            ),
            (
                "unnamed axes",
                "opset 21\n\
                 a: f32[2,1,2] = -0.3 1.5 -0.4 -0.3\n\
                 b: f32[2,2] = 0.4 -0.1 -0.2 -1.1\n\
                 y = Einsum(a, b, equation=\"...ij,jk->...ik\")",
                "f32[2,1,2] = -0.42 -1.62 -0.1 0.37",
            ),
            (
                "three operands",
                "opset 21\n\
                 a: f32[1,2] = -0 -0.4\n\
                 b: f32[2,2] = 1.2 0.7 -0 0.7\n\
                 c: f32[2,1] = -0.3 1.1\n\
                 y = Einsum(a, b, c, equation=\"ij,jk,kl->il\")",
                "f32[1,1] = -0.308",
            ),
            (
                "outer",
                "opset 21\n\
                 a: f32[2] = -0 0.6\n\
                 b: f32[2] = -1.3 0.3\n\
                 y = Einsum(a, b, equation=\"i,j->ij\")",
                "f32[2,2] = 0 0 -0.78 0.18",
            ),
            (
                "implied order",
                "opset 21\n\
                 a: f32[2,3] = -1.7 -2 -0.3 -0.9 0.2 2.2\n\
                 y = Einsum(a, equation=\"ba\")",
                "f32[3,2] = -1.7 -0.9 -2 0.2 -0.3 2.2",
            ),
        ]);
    }
}
