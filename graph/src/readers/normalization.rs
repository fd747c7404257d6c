//! Normalisations: those over the last dimensions become [`LayerNormalization`], the others are written out.

use super::pooling::channels_last;
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axes};
use crate::ops::reduce::Reduction;
use crate::ops::{Activation, Binary, LayerNormalization, Operator, Unary};
use crate::strided::broadcast;
use crate::tensor::Tensor;
use crate::writer::{Writer, Written};

/// A normalisation over the dimensions from `axis` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Normalization {
    pub axis: usize,
    pub epsilon: f32,
    /// True where the mean is subtracted.
    pub center: bool,
}

impl Normalization {
    /// Normalised, scaled and shifted; scale and shift broadcast to x.
    pub fn write(
        &self,
        write: &Writer,
        x: ValueId,
        scale: Option<ValueId>,
        bias: Option<ValueId>,
    ) -> Written {
        let shape = write.shape(x);
        let own = shape.get(self.axis..).filter(|own| !own.is_empty());
        let own = own.ok_or_else(|| invalid!("{shape:?} has no axis {}", self.axis))?;
        let within = |id: &ValueId| fits(&write.shape(*id), own);
        let (inner, outer) = match scale {
            Some(scale) if within(&scale) => (Some(fitted(write, scale, own)?), None),
            other => (None, other),
        };
        let added = bias.filter(|bias| outer.is_none() && within(bias));
        let inner = inner.map_or_else(|| ones(write, own), Ok)?;
        let mut operands = vec![Some(x), Some(inner)];
        if let Some(bias) = added {
            operands.push(Some(fitted(write, bias, own)?));
        }
        let operator = LayerNormalization { axis: self.axis, epsilon: self.epsilon, center: self.center };
        let mut result = write.push(Operator::LayerNormalization(operator), &operands)?;
        if let Some(scale) = outer {
            result = write.mul(result, scale)?;
        }
        if let Some(bias) = bias.filter(|_| added.is_none()) {
            result = write.add(result, bias)?;
        }
        Ok(result)
    }

    /// The mean and the inverse deviation of each row, the normalised axes kept with extent 1.
    fn statistics(&self, write: &Writer, x: ValueId) -> Result<(ValueId, ValueId), Error> {
        let all: Vec<usize> = (self.axis..write.shape(x).len()).collect();
        let mean = write.reduce(Reduction::Mean, x, &all, true)?;
        let apart = if self.center { write.sub(x, mean)? } else { x };
        let variance = write.reduce(Reduction::Mean, write.mul(apart, apart)?, &all, true)?;
        Ok((mean, inverse_root(write, variance, self.epsilon)?))
    }
}

/// `1 / √(x + epsilon)`.
fn inverse_root(write: &Writer, x: ValueId, epsilon: f32) -> Written {
    write.unary(Unary::Reciprocal, write.unary(Unary::Sqrt, write.plus(x, epsilon)?)?)
}

/// Returns whether a parameter is the same for every row: of the row's shape but for ones.
fn fits(parameter: &[usize], row: &[usize]) -> bool {
    let lead = parameter.len().saturating_sub(row.len());
    let (ones, rest) = parameter.split_at(lead);
    ones.iter().all(|&extent| extent == 1) && broadcast(rest, row).is_ok_and(|shape| shape == row)
}

fn fitted(write: &Writer, parameter: ValueId, row: &[usize]) -> Written {
    let shape = write.shape(parameter);
    let rest = &shape[shape.len().saturating_sub(row.len())..];
    write.expand(write.reshape(parameter, rest)?, row)
}

/// Made when they are wanted, where they are many.
fn ones(write: &Writer, shape: &[usize]) -> Written {
    write.expand(write.constant(Tensor::scalar(1f32)), shape)
}

fn check_stash(node: &NodeView) -> Result<(), Error> {
    match node.attributes.int("stash_type")?.unwrap_or(1) {
        1 => Ok(()),
        other => Err(unsupported!("its stash_type is {other}, not f32")),
    }
}

/// LayerNormalization (`center`), RMSNormalization and SimplifiedLayerNormalization; the latter two may also
/// give the inverse deviation, the first mean and inverse deviation.
pub(crate) fn read(node: &NodeView, graph: &mut Builder, center: bool) -> Result<Vec<ValueId>, Error> {
    check_stash(node)?;
    let axis = node.axis(node.shape(0)?.len(), -1)?;
    let epsilon = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    let normalization = Normalization { axis, epsilon, center };
    let (x, scale) = (node.operand(0)?.id, node.operand(1)?.id);
    let write = &Writer::new(node, graph);
    let bias = node.optional(2).map(|bias| bias.id);
    let mut results = vec![normalization.write(write, x, Some(scale), bias)?];
    if node.output_count > 1 {
        let (mean, deviation) = normalization.statistics(write, x)?;
        results.extend(center.then_some(mean));
        results.push(deviation);
    }
    Ok(results)
}

/// SkipLayerNormalization and, without centre and shift, SkipSimplifiedLayerNormalization: the sum of input,
/// skip and bias is normalised, and is the fourth output.
pub(crate) fn read_skip(node: &NodeView, graph: &mut Builder, center: bool) -> Result<Vec<ValueId>, Error> {
    let (x, skip, scale) = (node.operand(0)?.id, node.operand(1)?.id, node.operand(2)?.id);
    let operand = |index: usize| node.optional(index).map(|operand| operand.id);
    let (shift, bias) = if center { (operand(3), operand(4)) } else { (None, operand(3)) };
    let axis = node.shape(0)?.len().saturating_sub(1);
    let epsilon = node.attributes.float("epsilon")?.unwrap_or(if center { 1e-12 } else { 1e-6 });
    let normalization = Normalization { axis, epsilon, center };
    let write = &Writer::new(node, graph);
    let mut sum = write.add(x, skip)?;
    if let Some(bias) = bias {
        sum = write.add(sum, bias)?;
    }
    let result = normalization.write(write, sum, Some(scale), shift)?;
    if node.output_count == 1 {
        return Ok(vec![result]);
    }
    let (mean, deviation) = normalization.statistics(write, sum)?;
    Ok(vec![result, mean, deviation, sum])
}

/// BatchNormalization: with the statistics given or, in training mode, with those of the batch; further outputs are
/// the running mean and variance and, before opset 14, the batch's own.
pub(crate) fn read_batch(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let epsilon = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    let momentum = node.attributes.float("momentum")?.unwrap_or(0.9);
    let training = match node.opset {
        ..14 => node.output_count > 1,
        _ => node.attributes.flag("training_mode", false)?,
    };
    let rank = node.shape(0)?.len();
    if rank < 2 {
        return Err(invalid!("its operand has no channels"));
    }
    let operand = |index: usize| node.operand(index).map(|operand| operand.id);
    let [x, scale, shift, mean, variance] = [operand(0)?, operand(1)?, operand(2)?, operand(3)?, operand(4)?];
    let write = &Writer::new(node, graph);
    let apply = |mean: ValueId, variance: ValueId| {
        let factor = write.mul(scale, inverse_root(write, variance, epsilon)?)?;
        let rest = write.sub(shift, write.mul(mean, factor)?)?;
        write.add(write.mul(x, write.along(factor, 1, rank)?)?, write.along(rest, 1, rank)?)
    };
    if !training {
        return Ok(vec![apply(mean, variance)?, mean, variance]);
    }
    let others: Vec<usize> = (0..rank).filter(|&axis| axis != 1).collect();
    let average = |x: ValueId, keep: bool| write.reduce(Reduction::Mean, x, &others, keep);
    let apart = write.sub(x, average(x, true)?)?;
    let (own_mean, own_variance) = (average(x, false)?, average(write.mul(apart, apart)?, false)?);
    let running = |old: ValueId, new: ValueId| {
        write.add(write.times(old, momentum)?, write.times(new, 1.0 - momentum)?)
    };
    let result = apply(own_mean, own_variance)?;
    let running = [running(mean, own_mean)?, running(variance, own_variance)?];
    Ok([&[result], &running[..], &[own_mean, own_variance]].concat())
}

/// InstanceNormalization: every channel of every image for itself.
pub(crate) fn read_instance(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let groups = *node.shape(0)?.get(1).ok_or_else(|| invalid!("its operand has no channels"))?;
    in_groups(node, graph, groups)
}

/// GroupNormalization: scale and shift are one for each group before opset 21, one for each channel since.
pub(crate) fn read_group(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let groups = node.attributes.int("num_groups")?.unwrap_or(0);
    let groups = usize::try_from(groups).map_err(|_| invalid!("num_groups is {groups}"))?;
    check_stash(node)?;
    in_groups(node, graph, groups)
}

/// GroupNorm of ONNX Runtime: x, scale, shift; the channels last unless told, and SiLU behind it if wanted.
pub(crate) fn read_contributed_group(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let groups = node.attributes.int("groups")?.unwrap_or(0);
    let groups = usize::try_from(groups).map_err(|_| invalid!("groups is {groups}"))?;
    let swish = node.attributes.flag("activation", false)?;
    let normalised = match node.attributes.flag("channels_last", true)? {
        true => channels_last(node, graph, |node, graph| in_groups(node, graph, groups))?,
        false => in_groups(node, graph, groups)?,
    };
    if !swish {
        return Ok(normalised);
    }
    Ok(vec![Writer::new(node, graph).activation(Activation::Silu, normalised[0])?])
}

/// SkipGroupNorm: GroupNorm of the sum of x, skip and bias, which is the second result.
pub(crate) fn read_skip_group(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (x, skip) = (node.operand(0)?, node.operand(3)?);
    let (shape, skipped) = (&x.tensor_type.shape, &skip.tensor_type.shape);
    let write = Writer::new(node, graph);
    // What is skipped may be one row for each image.
    let skip = match (&shape[..], &skipped[..]) {
        (&[batch, .., channels], &[first, last]) if [first, last] == [batch, channels] => {
            let ones = vec![1; shape.len() - 2];
            write.reshape(skip.id, &[vec![batch], ones, vec![channels]].concat())?
        }
        _ => skip.id,
    };
    let mut sum = write.add(x.id, skip)?;
    if let Some(bias) = node.optional(4) {
        sum = write.add(sum, bias.id)?;
    }
    let operands = [Some(sum), Some(node.operand(1)?.id), Some(node.operand(2)?.id)];
    let normalised = read_contributed_group(&node.over(graph, &operands), graph)?;
    Ok(vec![normalised[0], sum])
}

fn in_groups(node: &NodeView, graph: &mut Builder, groups: usize) -> Result<Vec<ValueId>, Error> {
    let shape = node.shape(0)?.to_vec();
    let (x, scale, shift) = (node.operand(0)?.id, node.operand(1)?.id, node.operand(2)?.id);
    let epsilon = node.attributes.float("epsilon")?.unwrap_or(1e-5);
    let [batch, channels, spatial @ ..] = &shape[..] else {
        return Err(invalid!("its operand has no channels"));
    };
    let depth = channels.checked_div(groups).filter(|depth| depth * groups == *channels);
    let depth = depth.ok_or_else(|| invalid!("{channels} channels do not make {groups} groups"))?;
    let plane: usize = spatial.iter().product();
    let write = &Writer::new(node, graph);
    let rows = write.reshape(x, &[*batch, groups, depth * plane])?;
    let normalised = Normalization { axis: 2, epsilon, center: true }.write(write, rows, None, None)?;
    let per_group = write.shape(scale) == [groups] && groups != *channels;
    let apart = if per_group { normalised } else { write.reshape(normalised, &shape)? };
    let rank = write.shape(apart).len();
    let scaled = write.mul(apart, write.along(scale, 1, rank)?)?;
    let shifted = write.add(scaled, write.along(shift, 1, rank)?)?;
    Ok(vec![write.reshape(shifted, &shape)?])
}

/// LpNormalization: over the sum of magnitudes or the root of the sum of squares; zeros stay zeros.
pub(crate) fn read_lp(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let axis = node.axis(node.shape(0)?.len(), -1)?;
    let power = node.attributes.int("p")?.unwrap_or(2);
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let norm = match power {
        1 => write.reduce(Reduction::Sum, write.unary(Unary::Abs, x)?, &[axis], true)?,
        2 => write.reduce(Reduction::L2, x, &[axis], true)?,
        other => return Err(invalid!("p is {other}, neither 1 nor 2")),
    };
    let nothing = write.binary(Binary::Equal, norm, write.float(0.0))?;
    Ok(vec![write.select(nothing, write.float(0.0), write.div(x, norm)?)?])
}

/// MeanVarianceNormalization.
pub(crate) fn read_mean_variance(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let given = node.attributes.ints("axes")?.unwrap_or(&[0, 2, 3]);
    let over = axes(given, node.shape(0)?.len())?;
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let apart = write.sub(x, write.reduce(Reduction::Mean, x, &over, true)?)?;
    let variance = write.reduce(Reduction::Mean, write.mul(apart, apart)?, &over, true)?;
    // The specification adds 1e-9 to the deviation.
    let deviation = write.plus(write.unary(Unary::Sqrt, variance)?, 1e-9)?;
    Ok(vec![write.div(apart, deviation)?])
}

/// LRN: over the root mean square of neighbouring channels.
pub(crate) fn read_local_response(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let size = node.attributes.int("size")?.and_then(|size| usize::try_from(size).ok());
    let size = size.filter(|&size| size > 0).ok_or_else(|| invalid!("its size is missing"))?;
    let number = |name: &str, default: f32| Ok::<_, Error>(node.attributes.float(name)?.unwrap_or(default));
    let (alpha, beta, bias) = (number("alpha", 1e-4)?, number("beta", 0.75)?, number("bias", 1.0)?);
    let x = node.operand(0)?.id;
    let channels = *node.shape(0)?.get(1).ok_or_else(|| invalid!("its operand has no channels"))?;
    let write = &Writer::new(node, graph);
    let padding = |count: usize| {
        let mut shape = write.shape(x);
        shape[1] = count;
        write.expand(write.float(0.0), &shape)
    };
    let before = (size - 1) / 2;
    let squares = [padding(before)?, write.mul(x, x)?, padding(size - 1 - before)?];
    let padded = if size == 1 { squares[1] } else { write.concat(1, &squares)? };
    let mut sum = write.slice(padded, 1, 0, channels)?;
    for at in 1..size {
        sum = write.add(sum, write.slice(padded, 1, at, channels)?)?;
    }
    let base = write.plus(write.times(sum, alpha / size as f32)?, bias)?;
    Ok(vec![write.div(x, write.binary(Binary::Pow, base, write.float(beta))?)?])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    /// A scale for each row leaves none for its elements, and ones for them all would fill any memory.
    #[test]
    fn ones_that_are_many_are_not_made() {
        let text = "opset 23\nx: f32[2,2147483648]\ns: f32[2,1]\ny = RMSNormalization(x, s)\nreturn y";
        let graph = crate::text::parse(text).unwrap();
        let most = graph
            .values
            .iter()
            .filter_map(|value| value.constant.as_ref()?.here())
            .map(crate::Tensor::len)
            .max();
        assert!(most.is_none_or(|most| most < 1 << 20), "{most:?}");
    }

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "groups, channels last, swish",
                "x: f32[1,1,2,4] = 1 2 3 5 -1 0 2 4\ns: f32[4] = 1 0.5 2 1\nb: f32[4] = 0 0.1 -0.2 0.3\n\
                 y = com.microsoft.GroupNorm(x, s, b, groups=2, epsilon=0.00001, activation=1)",
                "f32[1,1,2,4] = 0.272789 0.527006 -0.274466 1.375292 -0.278042 -0.057988 -0.152775 0.507036",
            ),
            (
                "groups of a sum",
                "x: f32[1,1,2,4] = 1 2 3 5 -1 0 2 4\ns: f32[4] = 1 0.5 2 1\nb: f32[4] = 0 0.1 -0.2 0.3\n\
                 k: f32[1,4] = 0.5 -0.5 1 0\nc: f32[4] = 0.1 0.1 0 0\n\
                 y, z = com.microsoft.SkipGroupNorm(x, s, b, k, c, groups=2, epsilon=0.00001, activation=0)",
                "f32[1,1,2,4] = 0.999995 0.599998 -0.2 1.714199 -0.999995 -0.399998 -3.028399 0.3",
            ),
            (
                "skip",
                "a: f32[1,2,4] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 b: f32[1,2,4] = -0.5 -0.6 0.5 0.4 0.1 -0.9 -0 0.7\n\
                 c: f32[4] = -1.3 -0.5 -1.9 -1.3\n\
                 d: f32[4] = -1.8 -0.2 -1.3 0.3\n\
                 e: f32[4] = 0.2 -0.2 -2.5 -0.5\n\
                 y = com.microsoft.SkipLayerNormalization(a, b, c, d, e)",
                "f32[1,2,4] = -3.009851 -0.536961 1.809669 0.258281 -2.2958 0.213167 0.632351 -1.600569",
            ),
            (
                "skip sum",
                "a: f32[1,2,4] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 b: f32[1,2,4] = -0 0.1 -1.5 -0.5 -1 -0.8 1.1 -0.8\n\
                 c: f32[4] = -0 0.9 -0.6 -0.1\n\
                 e: f32[4] = 0.1 0.1 -1.2 0.1\n\
                 p, q, r, y = com.microsoft.SkipLayerNormalization(a, b, c, _, e)",
                "f32[1,2,4] = 0.1 0.5 -3 -1.3 -1.4 -1.7 0 0.6",
            ),
            (
                "skip without centre",
                "a: f32[1,2,4] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 b: f32[1,2,4] = 1.4 -1.5 0.9 0.1 -0.6 2 0.8 -1.2\n\
                 c: f32[4] = 0.1 0.6 -0.2 0.7\n\
                 y = com.microsoft.SkipSimplifiedLayerNormalization(a, b, c, epsilon=0.1)",
                "f32[1,2,4] = 0.127802 -0.657267 -0.109545 -0.511208 -0.118789 0.647939 -0.194382 0.075593",
            ),
            (
                "simplified",
                "opset 21\n\
                 a: f32[1,2,4] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3\n\
                 b: f32[4] = -0.1 0.7 1.4 -0.7\n\
                 y = SimplifiedLayerNormalization(a, b, epsilon=0.1)",
                "f32[1,2,4] = -0 0.356239 -0.712479 1.068718 0.054636 -0.764902 0.15298 -0.994372",
            ),
        ]);
    }
}
