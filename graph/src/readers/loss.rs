//! Losses over classes: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.

use super::rows::logarithm;
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::gather_elements::GatherElements;
use crate::ops::reduce::Reduction;
use crate::ops::{Binary, Operator, Unary};
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// NegativeLogLikelihoodLoss: logarithms `[batch, classes, …]`, targets `[batch, …]`, weights of the classes.
pub(crate) fn read_likelihood(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let logarithms = node.operand(0)?.id;
    Ok(vec![loss(node, &Writer::new(node, graph), logarithms)?])
}

/// SoftmaxCrossEntropyLoss: the same from scores; the logarithms are the second output.
pub(crate) fn read_cross_entropy(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let scores = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let logarithms = logarithm(write, scores, 1)?;
    Ok(vec![loss(node, write, logarithms)?, logarithms])
}

fn loss(node: &NodeView, write: &Writer, logarithms: ValueId) -> Written {
    let target = write.cast(node.operand(1)?.id, DataType::I64)?;
    let shape = write.shape(target);
    if write.shape(logarithms).len() != shape.len() + 1 {
        return Err(invalid!("its targets {shape:?} are not of one rank less than its classes"));
    }
    let ignored = match node.attributes.int("ignore_index")? {
        Some(index) => {
            let index = write.constant(crate::Tensor::scalar(index));
            Some(write.binary(Binary::Equal, target, index)?)
        }
        None => None,
    };
    // A target that is ignored may lie outside the classes.
    let class = match ignored {
        Some(ignored) => write.select(ignored, write.like(target, 0.0), target)?,
        None => target,
    };
    let mut beside = shape.clone();
    beside.insert(1, 1);
    let picked = Operator::GatherElements(GatherElements { axis: 1 });
    let picked = write.push(picked, &[Some(logarithms), Some(write.reshape(class, &beside)?)])?;
    let losses = write.unary(Unary::Neg, write.reshape(picked, &shape)?)?;
    let given = node.optional(2).map(|weights| write.gather(weights.id, 0, class)).transpose()?;
    let weights = match (given, ignored) {
        (given, Some(ignored)) => {
            Some(write.select(ignored, write.float(0.0), given.unwrap_or_else(|| write.float(1.0)))?)
        }
        (given, None) => given,
    };
    let all: Vec<usize> = (0..shape.len()).collect();
    let weighted = weights.map_or(Ok(losses), |weights| write.mul(losses, weights))?;
    let sum = |x: ValueId| write.reduce(Reduction::Sum, x, &all, false);
    match (node.attributes.text("reduction")?.unwrap_or("mean"), weights) {
        ("none", _) => Ok(weighted),
        ("sum", _) => sum(weighted),
        ("mean", Some(weights)) => write.div(sum(weighted)?, sum(write.expand(weights, &shape)?)?),
        ("mean", None) => write.reduce(Reduction::Mean, weighted, &all, false),
        (other, _) => Err(invalid!("reduction is {other:?}")),
    }
}
