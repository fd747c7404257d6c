//! Convolutions with their channels last: what a window covers then lies in runs, and a GPU multiplies it as it does
//! matrices. Each is turned round between two transposes, and the one behind it is drawn through what follows until it
//! meets the one before another, and both are gone.

use super::rewriter::{Rewrite, Rewriter, first};
use crate::ir::{Graph, Node, ValueId};
use crate::ops::{ChannelOrder, Concat, Conv, MatMul, Operator, Pad, Pool, Reduce, Reshape, Transpose};
use crate::tensor::TensorType;

/// An operand so many times smaller than the result is transposed sooner than the result.
const SMALL: usize = 8;

/// Spatial dimensions that a convolution with its channels last has kernels for.
const MOST_SPATIAL: usize = 2;

/// Results of neighbouring channels that are computed as one vector.
const VECTOR: usize = 4;

/// Returns whether a graph has convolutions to turn, and all that they read and make is such as it `fits`: what has to
/// be made in parts is made by channels, which lie together only where they come first.
pub(super) fn applies(graph: &Graph, fits: impl Fn(&TensorType) -> bool) -> bool {
    let tensor_type = |id: &ValueId| &graph.values[id.0].tensor_type;
    let mut convolutions = graph.nodes.iter().filter(|node| {
        let Operator::Conv(conv) = &node.operator else { return false };
        matches!(&node.inputs[..], [_, Some(weight), ..] if suits(conv, &tensor_type(weight).shape))
    });
    let fit = |node: &Node| node.inputs.iter().flatten().chain(&node.outputs).map(tensor_type).all(&fits);
    convolutions.next().is_some_and(fit) && convolutions.all(fit)
}

/// Returns whether vectors of channels fit a convolution with weights of this shape: it has one group, groups whose
/// results come in vectors, or as many groups as channels.
fn suits(conv: &Conv, weight: &[usize]) -> bool {
    let ([incoming, outgoing], kernel) = conv.filter(weight);
    let depthwise = incoming == 1 && outgoing == 1 && conv.groups.is_multiple_of(VECTOR);
    let groups = conv.groups == 1 || depthwise || outgoing.is_multiple_of(VECTOR);
    conv.channels == ChannelOrder::First && (1..=MOST_SPATIAL).contains(&kernel.len()) && groups
}

/// The axes with the channels first, as they come with the channels last.
fn axes_last(rank: usize) -> impl Iterator<Item = usize> {
    [0].into_iter().chain(2..rank).chain([1])
}

/// From channels first to channels last.
fn to_last(rank: usize) -> Operator {
    Operator::Transpose(Transpose { permutation: axes_last(rank).collect() })
}

/// From channels last to channels first.
fn to_first(rank: usize) -> Operator {
    let permutation = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
    Operator::Transpose(Transpose { permutation })
}

/// The value with its channels last that a value with its channels first was made of.
fn source(rewriter: &Rewriter, id: ValueId) -> Option<ValueId> {
    let node = rewriter.producer(id)?;
    let rank = rewriter.shape(id).len();
    (rank > 2 && node.operator == to_first(rank)).then(|| first(node)).flatten()
}

/// A convolution between two transposes; one by a window of a single element is a product.
pub(super) fn turn(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let (Operator::Conv(conv), &[Some(x), Some(weight), ..]) =
        (&rewriter.node.operator, &rewriter.node.inputs[..])
    else {
        return None;
    };
    let weight_shape = rewriter.shape(weight).to_vec();
    if !suits(conv, &weight_shape) {
        return None;
    }
    let bias = rewriter.node.inputs.get(2).copied().flatten();
    let rank = weight_shape.len();
    let conv = Conv { channels: ChannelOrder::Last, ..conv.clone() };
    let image = rewriter.add(to_last(rank), vec![Some(x)])?;
    let result = if is_pointwise(&conv, &weight_shape) {
        let flat = Operator::Reshape(Reshape { shape: weight_shape[..2].to_vec() });
        let flat = rewriter.add(flat, vec![Some(weight)])?;
        let turn = Operator::Transpose(Transpose { permutation: vec![1, 0] });
        let matrix = rewriter.add(turn, vec![Some(flat)])?;
        let product = Operator::MatMul(MatMul { activation: conv.activation });
        let operands = [Some(image), Some(matrix)].into_iter().chain(bias.map(Some)).collect();
        rewriter.add(product, operands)?
    } else {
        let permutation = (2..rank).chain([1, 0]).collect();
        let filter = rewriter.add(Operator::Transpose(Transpose { permutation }), vec![Some(weight)])?;
        rewriter.add(Operator::Conv(conv), vec![Some(image), Some(filter), bias])?
    };
    Some(Rewrite::Replace(to_first(rank), vec![Some(result)]))
}

/// Returns whether each place of the result comes from the same place, with all its channels.
fn is_pointwise(conv: &Conv, weight: &[usize]) -> bool {
    let ones = |extents: &[usize]| extents.iter().all(|&extent| extent == 1);
    let unpadded = conv.pads_begin.iter().chain(&conv.pads_end).all(|&pad| pad == 0);
    conv.groups == 1 && ones(&weight[2..]) && ones(&conv.strides) && unpadded
}

/// An elementwise operator does the same in either order, if its other operands can be had in it cheaply.
pub(super) fn below_elementwise(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let node = rewriter.node;
    if !node.operator.is_elementwise() {
        return None;
    }
    let shape = rewriter.shape(*node.outputs.first()?).to_vec();
    let drawn = |id: &ValueId| rewriter.shape(*id) == shape && source(rewriter, *id).is_some();
    node.inputs.iter().flatten().find(|id| drawn(id))?;
    let operands: Option<Vec<_>> = node
        .inputs
        .iter()
        .map(|id| id.map_or(Some(None), |id| turned(rewriter, id, &shape).map(Some)))
        .collect();
    let result = rewriter.add(node.operator.clone(), operands?)?;
    Some(Rewrite::Replace(to_first(shape.len()), vec![Some(result)]))
}

/// An operand of an elementwise operator, whose result has this shape, with its channels last.
fn turned(rewriter: &mut Rewriter, id: ValueId, shape: &[usize]) -> Option<ValueId> {
    let (own, rank) = (rewriter.shape(id).to_vec(), shape.len());
    if let Some(source) = source(rewriter, id).filter(|_| own.len() == rank) {
        return Some(source);
    }
    let count: usize = own.iter().product();
    if count == 1 {
        return Some(id);
    }
    let cheap = rewriter.constant(id).is_some() || count * SMALL <= shape.iter().product();
    if !cheap {
        return None;
    }
    let padded = [vec![1; rank - own.len()], own].concat();
    let whole = rewriter.add(Operator::Reshape(Reshape { shape: padded }), vec![Some(id)])?;
    rewriter.add(to_last(rank), vec![Some(whole)])
}

/// A reduction over the same axes, wherever they are.
pub(super) fn below_reduction(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Reduce(reduce) = &rewriter.node.operator else { return None };
    let operand = first(rewriter.node)?;
    let source = source(rewriter, operand)?;
    let rank = rewriter.shape(operand).len();
    let mut axes: Vec<usize> = reduce.axes.iter().map(|&axis| last_of(axis, rank)).collect();
    axes.sort_unstable();
    let operator = Operator::Reduce(Reduce { axes, ..reduce.clone() });
    if reduce.keep_dimensions {
        let result = rewriter.add(operator, vec![Some(source)])?;
        return Some(Rewrite::Replace(to_first(rank), vec![Some(result)]));
    }
    let kept = (0..rank).filter(|axis| !reduce.axes.contains(axis)).map(|axis| last_of(axis, rank));
    kept.is_sorted().then(|| Rewrite::Replace(operator, vec![Some(source)]))
}

/// The axis with the channels last that an axis with the channels first is.
fn last_of(axis: usize, rank: usize) -> usize {
    match axis {
        0 => 0,
        1 => rank - 1,
        axis => axis - 1,
    }
}

/// Images joined along any axis.
pub(super) fn below_concat(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Concat(concat) = rewriter.node.operator else { return None };
    let sources: Option<Vec<_>> =
        rewriter.node.inputs.iter().map(|id| source(rewriter, (*id)?).map(Some)).collect();
    let rank = rewriter.shape(first(rewriter.node)?).len();
    let axis = last_of(concat.axis, rank);
    let result = rewriter.add(Operator::Concat(Concat { axis }), sources?)?;
    Some(Rewrite::Replace(to_first(rank), vec![Some(result)]))
}

/// A pool, whose window then moves over the channels too, one at a time.
pub(super) fn below_pool(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Pool(pool) = &rewriter.node.operator else { return None };
    let source = source(rewriter, first(rewriter.node)?)?;
    if pool.kernel.len() > MOST_SPATIAL {
        return None;
    }
    let with = |list: &[usize], of_channels: usize| [list, &[of_channels]].concat();
    let pool = Pool {
        kind: pool.kind,
        kernel: with(&pool.kernel, 1),
        strides: with(&pool.strides, 1),
        pads_begin: with(&pool.pads_begin, 0),
        pads_end: with(&pool.pads_end, 0),
        dilations: with(&pool.dilations, 1),
        ceil: pool.ceil,
    };
    let (images, rest) = rewriter.shape(source).split_first()?;
    let shape = [&[*images, 1], rest].concat();
    let planes = rewriter.add(Operator::Reshape(Reshape { shape }), vec![Some(source)])?;
    let pooled = rewriter.add(Operator::Pool(pool), vec![Some(planes)])?;
    let shape = [&rewriter.shape(pooled)[..1], &rewriter.shape(pooled)[2..]].concat();
    let rank = shape.len();
    let result = rewriter.add(Operator::Reshape(Reshape { shape }), vec![Some(pooled)])?;
    Some(Rewrite::Replace(to_first(rank), vec![Some(result)]))
}

/// A border round images.
pub(super) fn below_pad(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Pad(pad) = &rewriter.node.operator else { return None };
    let mut operands = rewriter.node.inputs.clone();
    operands[0] = Some(source(rewriter, operands[0]?)?);
    let rank = pad.before.len();
    let turned = |pads: &[usize]| axes_last(rank).map(|axis| pads[axis]).collect();
    let pad = Pad { mode: pad.mode, before: turned(&pad.before), after: turned(&pad.after) };
    let result = rewriter.add(Operator::Pad(pad), operands)?;
    Some(Rewrite::Replace(to_first(rank), vec![Some(result)]))
}

/// Spatial dimensions joined into one, or parted, in whatever order the channels are.
pub(super) fn below_flattening(rewriter: &mut Rewriter) -> Option<Rewrite> {
    let Operator::Reshape(reshape) = &rewriter.node.operator else { return None };
    let operand = first(rewriter.node)?;
    let source = source(rewriter, operand)?;
    let (from, to) = (rewriter.shape(operand), &reshape.shape);
    if to.len() < 3 || from[..2] != to[..2] {
        return None;
    }
    let shape = [&to[..1], &to[2..], &to[1..2]].concat();
    let rank = to.len();
    let result = rewriter.add(Operator::Reshape(Reshape { shape }), vec![Some(source)])?;
    Some(Rewrite::Replace(to_first(rank), vec![Some(result)]))
}

#[cfg(test)]
mod tests {
    use crate::constant::Constant;
    use crate::optimise::tests::{differs, operators, run};
    use crate::{Graph, Tensor, channels_last, optimise, text};

    /// The graph, in which the element 0 of a constant stands for elements that all differ.
    fn parsed(name: &str, graph: &str) -> Graph {
        let mut graph = text::parse(graph).unwrap_or_else(|error| panic!("{name}: {error}"));
        for value in &mut graph.values {
            let Some(tensor) = value.constant.as_ref().and_then(Constant::here) else { continue };
            if tensor.len() > 1
                && tensor.as_f32().is_some_and(|elements| elements.iter().all(|&element| element == 0.0))
            {
                let elements: Vec<f32> =
                    (0..tensor.len()).map(|at| (at * 29 % 31) as f32 / 15.0 - 1.0).collect();
                value.constant = Some(Tensor::new(tensor.shape.clone(), elements).unwrap().into());
            }
        }
        optimise(graph)
    }

    fn turned(name: &str, graph: &str) -> (Graph, Option<Graph>) {
        let graph = parsed(name, graph);
        let turned = channels_last(&graph, |_| true);
        (graph, turned)
    }

    #[test]
    fn convolutions_and_what_lies_between_them_are_turned() {
        let two = "x: f32[1,3,6,6]\nv: f32[8,3,3,3] = 0\nw: f32[5,8,2,2] = 0\na = Conv(x, v)\n";
        for (name, graph, expected) in [
            (
                "alone",
                "x: f32[1,2,5]\nw: f32[4,2,3] = 0\ny = Conv(x, w)\nreturn y",
                "Transpose Conv Transpose",
            ),
            (
                "of one channel",
                "x: f32[1,1,5]\nw: f32[4,1,3] = 0\ny = Conv(x, w)\nreturn y",
                "Reshape Conv Transpose",
            ),
            (
                "a point",
                "x: f32[1,2,5]\nw: f32[4,2,1] = 0\nb: f32[4] = 0\ny = Conv(x, w, b)\nreturn y",
                "Transpose MatMul+bias Transpose",
            ),
            ("two", &format!("{two}y = Conv(a, w)\nreturn y"), "Transpose Conv Conv Transpose"),
            (
                "a function between",
                &format!("{two}b = Exp(a)\ny = Conv(b, w)\nreturn y"),
                "Transpose Conv Exp Conv Transpose",
            ),
            (
                "factors of channels",
                &format!("{two}f: f32[8,1,1] = 0\nb = Mul(a, f)\ny = Conv(b, w)\nreturn y"),
                "Transpose Conv Mul Conv Transpose",
            ),
            (
                "a scalar",
                &format!("{two}f: f32[] = 3\nb = Mul(a, f)\ny = Conv(b, w)\nreturn y"),
                "Transpose Conv Mul Conv Transpose",
            ),
            (
                "two branches",
                &format!("{two}n = Neg(a)\ne = Exp(a)\nb = Add(n, e)\ny = Conv(b, w)\nreturn y"),
                "Transpose Conv Neg Exp Add Conv Transpose",
            ),
            (
                "a pool",
                &format!("{two}b = MaxPool(a, kernel_shape=[2,2])\ny = Conv(b, w)\nreturn y"),
                "Transpose Conv Reshape Pool Reshape Conv Transpose",
            ),
            (
                "weights of planes",
                &format!("{two}m = ReduceMean(a, axes=[2,3])\nb = Mul(a, m)\ny = Conv(b, w)\nreturn y"),
                "Transpose Conv Reduce Mul Conv Transpose",
            ),
            (
                "means of planes",
                &format!("{two}y = ReduceMean(a, axes=[2,3], keepdims=0)\nreturn y"),
                "Transpose Conv Reduce",
            ),
            (
                "joined",
                &format!(
                    "{two}n = Neg(a)\nc = Concat(a, n, axis=1)\nu: f32[4,16,1,1] = 0\ny = Conv(c, u)\nreturn y"
                ),
                "Transpose Conv Neg Concat MatMul Transpose",
            ),
            (
                "flattened to rows",
                &format!(
                    "{two}s: i64[3] = 1 8 16\nr = Reshape(a, s)\ny = Transpose(r, perm=[0,2,1])\nreturn y"
                ),
                "Transpose Conv Reshape",
            ),
            (
                "of another operand as large",
                &format!("{two}z: f32[1,8,4,4]\nb = Add(a, z)\nreturn b"),
                "Transpose Conv Transpose Add",
            ),
        ] {
            let (before, after) = turned(name, graph);
            let after = after.unwrap_or_else(|| panic!("{name}: nothing was turned"));
            let results = run(&after);
            for (output, tensor) in run(&before) {
                assert_eq!(differs(&tensor, &results[&output]), None, "{name}: {output}\n{after}");
            }
            assert_eq!(operators(&after), expected, "{name}\n{after}");
        }
    }

    #[test]
    fn what_vectors_do_not_fit_is_left_alone() {
        for (name, graph) in [
            ("groups of three", "x: f32[1,4,5]\nw: f32[6,2,3] = 1\ny = Conv(x, w, group=2)\nreturn y"),
            ("three dimensions", "x: f32[1,2,3,3,3]\nw: f32[4,2,2,2,2] = 1\ny = Conv(x, w)\nreturn y"),
            ("no convolution", "x: f32[1,2,3]\ny = Exp(x)\nreturn y"),
        ] {
            assert_eq!(turned(name, graph).1, None, "{name}");
        }
        let graph = parsed("small", "x: f32[1,2,5]\nw: f32[4,2,3] = 0\ny = Conv(x, w)\nreturn y");
        assert_eq!(channels_last(&graph, |tensor_type| tensor_type.element_count() < 12), None, "too large");
    }
}
