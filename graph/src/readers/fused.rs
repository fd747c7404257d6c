//! Operators that ONNX Runtime's optimisers join from others: biases, activations and skips beside the operator proper.

use super::activations::Function;
use super::pooling::channels_last;
use super::{convolution, products};
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::{NodeView, Reader, axis};
use crate::ops::{Activation, Binary, Reduction, Unary};
use crate::strided::table;
use crate::tensor::{DataType, Tensor};
use crate::writer::{Writer, Written};

fn operand(node: &NodeView, index: usize) -> Option<ValueId> {
    node.optional(index).map(|operand| operand.id)
}

/// x and whichever of these operands are there.
fn sum(node: &NodeView, write: &Writer, x: ValueId, indices: &[usize]) -> Written {
    let others = indices.iter().filter_map(|&index| operand(node, index));
    others.into_iter().try_fold(x, |sum, other| write.add(sum, other))
}

/// The function that attributes name: `activation` with its parameters in a list (FusedConv), each in an attribute of
/// its own (FusedGemm), or under longer names (FusedMatMulActivation).
fn activated(node: &NodeView, write: &Writer, x: ValueId) -> Written {
    let Some(name) = node.attributes.text("activation")?.filter(|name| !name.is_empty()) else {
        return Ok(x);
    };
    let function = Function::named(name).ok_or_else(|| unsupported!("its activation is {name:?}"))?;
    let list = node.attributes.floats("activation_params")?.unwrap_or_default();
    let (alpha, beta) = function.defaults();
    let parameter = |at: usize, name: &str, default: f32| {
        let own = node.attributes.float(&format!("activation_{name}"))?;
        Ok::<_, Error>(own.or(list.get(at).copied()).unwrap_or(default))
    };
    function.write(write, x, parameter(0, "alpha", alpha)?, parameter(1, "beta", beta)?)
}

/// Bounds that `activation_params` gives to Clip.
fn clipped(node: &NodeView, write: &Writer, x: ValueId) -> Written {
    let &[low, high] = node.attributes.floats("activation_params")?.unwrap_or_default() else {
        return Err(invalid!("activation_params have to be the two bounds of Clip"));
    };
    write.binary(Binary::Min, write.binary(Binary::Max, x, write.like(x, low))?, write.like(x, high))
}

/// FusedConv: x, weight, bias, and what is added before the activation.
pub(crate) fn read_conv(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let computed = convolution::read_conv(node, graph)?;
    let write = &Writer::new(node, graph);
    let x = sum(node, write, computed[0], &[3])?;
    let clips = node.attributes.text("activation")? == Some("Clip");
    Ok(vec![if clips { clipped(node, write, x)? } else { activated(node, write, x)? }])
}

/// NhwcConv: convolution with the channels last, in the filters too.
pub(crate) fn read_conv_channels_last(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let rank = node.shape(1)?.len();
    let order: Vec<usize> = [0, rank.saturating_sub(1)].into_iter().chain(1..rank.max(2) - 1).collect();
    let weight = Writer::new(node, graph).transpose(node.operand(1)?.id, &order)?;
    let operands = [operand(node, 0), Some(weight), operand(node, 2)];
    channels_last(&node.over(graph, &operands), graph, convolution::read_conv)
}

/// FusedGemm.
pub(crate) fn read_gemm(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    then_activated(node, graph, products::read_gemm)
}

/// FusedMatMulActivation.
pub(crate) fn read_matmul(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    then_activated(node, graph, products::read_fused)
}

fn then_activated(node: &NodeView, graph: &mut Builder, read: Reader) -> Result<Vec<ValueId>, Error> {
    let computed = read(node, graph)?;
    Ok(vec![activated(node, &Writer::new(node, graph), computed[0])?])
}

/// GemmFastGelu: a product, a bias, the tanh form of GELU.
pub(crate) fn read_gemm_gelu(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (x, weight) = (node.operand(0)?.id, node.operand(1)?.id);
    let write = &Writer::new(node, graph);
    let biased = sum(node, write, write.matmul(x, weight)?, &[2])?;
    Ok(vec![write.activation(Activation::GeluTanh, biased)?])
}

/// BiasAdd: x, bias and what is skipped.
pub(crate) fn read_bias_add(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?.id;
    Ok(vec![sum(node, &Writer::new(node, graph), x, &[1, 2])?])
}

/// BiasDropout, which drops nothing but in training: x, bias, residual.
pub(crate) fn read_bias_dropout(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let training =
        node.integers(4, "training mode")?.is_some_and(|flags| flags.iter().any(|&flag| flag != 0));
    if training {
        return Err(unsupported!("it drops elements at random, as in training"));
    }
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let all = write.expand(write.constant(Tensor::scalar(true)), &write.shape(x))?;
    Ok(vec![sum(node, write, x, &[1, 2])?, all])
}

/// BiasSoftmax: softmax of the sum of x and bias, over the axes from `axis` on.
pub(crate) fn read_bias_softmax(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?.id;
    let shape = node.shape(0)?.to_vec();
    let first = axis(node.attributes.int("axis")?.unwrap_or(1), shape.len())?;
    let (lead, row) = shape.split_at(first);
    let write = &Writer::new(node, graph);
    let biased = sum(node, write, x, &[1])?;
    let rows = write.reshape(biased, &[lead, &[row.iter().product()]].concat())?;
    Ok(vec![write.reshape(write.softmax(rows, first)?, &shape)?])
}

/// BiasSplitGelu: of the sum of x and bias, the first half of each row times GELU of the second.
pub(crate) fn read_bias_split_gelu(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?.id;
    let shape = node.shape(0)?.to_vec();
    let width = shape.last().filter(|width| width.is_multiple_of(2));
    let half = width.ok_or_else(|| invalid!("rows of {shape:?} have no halves"))? / 2;
    let write = &Writer::new(node, graph);
    let biased = sum(node, write, x, &[1])?;
    let part = |start: usize| write.slice(biased, shape.len() - 1, start, half);
    Ok(vec![write.mul(part(0)?, write.activation(Activation::Gelu, part(half)?)?)?])
}

/// CDist: the distance of each row of a from each row of b.
pub(crate) fn read_distances(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (&[rows, width], &[columns, _]) = (node.shape(0)?, node.shape(1)?) else {
        return Err(invalid!("its operands are no matrices"));
    };
    let (a, b) = (node.operand(0)?.id, node.operand(1)?.id);
    let write = &Writer::new(node, graph);
    let apart = write.sub(write.reshape(a, &[rows, 1, width])?, write.reshape(b, &[1, columns, width])?)?;
    let squares = write.reduce(Reduction::Sum, write.mul(apart, apart)?, &[2], false)?;
    match node.attributes.text("metric")?.unwrap_or("sqeuclidean") {
        "sqeuclidean" => Ok(vec![squares]),
        "euclidean" => Ok(vec![write.unary(Unary::Sqrt, squares)?]),
        other => Err(unsupported!("its metric is {other:?}")),
    }
}

/// ExpandDims: Unsqueeze by one axis.
pub(crate) fn read_expand_dims(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let mut shape = node.shape(0)?.to_vec();
    let at = node.integers(1, "axis")?.and_then(|axes| axes.first().copied());
    let at = axis(at.ok_or_else(|| invalid!("its axis is missing"))?, shape.len() + 1)?;
    shape.insert(at, 1);
    let x = node.operand(0)?.id;
    Ok(vec![Writer::new(node, graph).reshape(x, &shape)?])
}

/// UnfoldTensor: windows along an axis, their elements on a new last axis.
pub(crate) fn read_unfold(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let shape = node.shape(0)?;
    let along = axis(node.attributes.int("dim")?.unwrap_or(-1), shape.len())?;
    let size = node.attributes.int("size")?.unwrap_or(0);
    let step = node.attributes.int("step")?.unwrap_or(1);
    let room = shape[along] as i64 - size;
    if size < 1 || step < 1 || room < 0 {
        return Err(invalid!("windows of {size}, {step} apart, do not fit axis {along} of {shape:?}"));
    }
    let (rank, count) = (shape.len(), room / step + 1);
    table(&[count as usize, size as usize])?;
    let places = (0..count).flat_map(|window| (0..size).map(move |at| window * step + at));
    let places = Tensor::new([count as usize, size as usize], places.collect::<Vec<i64>>())?;
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let windows = write.gather(x, along, write.constant(places))?;
    let order = (0..=along).chain(along + 2..=rank).chain([along + 1]);
    Ok(vec![write.transpose(windows, &order.collect::<Vec<_>>())?])
}

/// The numbers that the two kinds of MatMulBnb4's four bits stand for, as the bitsandbytes library has them.
const FP4: [f32; 16] = [
    0.0,
    0.005_208_333_4,
    0.666_666_7,
    1.0,
    0.333_333_34,
    0.5,
    0.166_666_67,
    0.25,
    -0.0,
    -0.005_208_333_4,
    -0.666_666_7,
    -1.0,
    -0.333_333_34,
    -0.5,
    -0.166_666_67,
    -0.25,
];
const NF4: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// MatMulBnb4: a, the weights `[N, K]` of four bits, two in a byte, the first in its high half, and the largest
/// magnitude of each block of them.
pub(crate) fn read_bnb4(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let size = |name: &str| {
        let given = node.attributes.int(name)?.and_then(|given| usize::try_from(given).ok());
        given.filter(|&given| given > 0).ok_or_else(|| invalid!("attribute {name:?} is missing"))
    };
    let (inner, columns, block) = (size("K")?, size("N")?, size("block_size")?);
    let numbers = if node.attributes.flag("quant_type", true)? { NF4 } else { FP4 };
    let count = inner.saturating_mul(columns);
    if !count.is_multiple_of(block) || !node.attributes.flag("transB", true)? {
        return Err(unsupported!("its {columns} by {inner} weights lie in blocks of {block}"));
    }
    let (a, packed, largest) = (node.operand(0)?.id, node.operand(1)?.id, node.operand(2)?.id);
    let write = &Writer::new(node, graph);
    // Both numbers of a byte at once.
    let pairs: Vec<f32> = (0..256).flat_map(|byte| [numbers[byte / 16], numbers[byte % 16]]).collect();
    let bytes = write.cast(write.reshape(packed, &[count / 2])?, DataType::I32)?;
    let weights = write.gather(write.constant(Tensor::new([256, 2], pairs)?), 0, bytes)?;
    let blocks = write.reshape(weights, &[count / block, block])?;
    let scaled = write.mul(blocks, write.reshape(largest, &[count / block, 1])?)?;
    let weights = write.transpose_last(write.reshape(scaled, &[columns, inner])?)?;
    Ok(vec![write.matmul(a, weights)?])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "convolution, sum and relu",
                "a: f32[1,1,2,3] = 0 0.3 -0.3 -0.9 -0.5 -1\n\
                 b: f32[1,1,1,2] = 0.1 1.3\n\
                 c: f32[1] = -0.5\n\
                 d: f32[1,1,2,2] = -0.6 0.5 0.4 0.1\n\
                 y = com.microsoft.FusedConv(a, b, c, d, activation=\"Relu\")",
                "f32[1,1,2,2] = 0 0 0 0",
            ),
            (
                "convolution and clip",
                "a: f32[1,1,2,3] = -0.9 -0 0.7 -1.3 -0.5 -1.9\n\
                 b: f32[1,1,1,2] = -1.3 -1.8\n\
                 c: f32[1] = -0.2\n\
                 y = com.microsoft.FusedConv(a, b, c, activation=\"Clip\", activation_params=[-0.5,0.25])",
                "f32[1,1,2,2] = 0.25 -0.5 0.25 0.25",
            ),
            (
                "convolution and leaky relu",
                "a: f32[1,1,2,3] = -1.3 0.3 0.2 -0.2 -2.5 -0.5\n\
                 b: f32[1,1,1,2] = -0 0.1\n\
                 c: f32[1] = -1.5\n\
                 y = com.microsoft.FusedConv(a, b, c, activation=\"LeakyRelu\", activation_params=[0.3])",
                "f32[1,1,2,2] = -0.441 -0.444 -0.525 -0.465",
            ),
            (
                "gemm and leaky relu",
                "a: f32[2,3] = -0.5 -1 -0.8 1.1 -0.8 -0\n\
                 b: f32[2,3] = 0.9 -0.6 -0.1 0.1 0.1 -1.2\n\
                 c: f32[2] = 0.1 1.4\n\
                 y = com.microsoft.FusedGemm(a, b, c, transB=1, activation=\"LeakyRelu\", activation_alpha=0.2)",
                "f32[2,2] = 0.33 2.21 1.57 1.43",
            ),
            (
                "largest, channels last",
                "a: u8[1,2,3,2] = 147 250 100 151 112 154 114 163 140 173 244 38\n\
                 y = com.microsoft.NhwcMaxPool(a, kernel_shape=[2,2])",
                "u8[1,1,2,2] = 147 250 244 173",
            ),
            (
                "distances",
                "a: f32[2,2] = -1.2 -0.6 -0.2 0.9\n\
                 b: f32[3,2] = 1.1 -1.3 -0.8 0.6 -2 -0.5\n\
                 y = com.microsoft.CDist(a, b, metric=\"euclidean\")",
                "f32[2,3] = 2.404163 1.264911 0.806226 2.555386 0.67082 2.280351",
            ),
            (
                "windows",
                "a: f32[2,5] = -0.1 1.3 0.7 -0.3 -0.4 -0.3 1.5 -0.4 -0.3 0.4\n\
                 y = com.microsoft.UnfoldTensor(a, dim=-1, size=3, step=2)",
                "f32[2,2,3] = -0.1 1.3 0.7 0.7 -0.3 -0.4 -0.3 1.5 -0.4 -0.4 -0.3 0.4",
            ),
            (
                "ExpandDims",
                "a: f32[2,2] = -0.1 -0.2 -1.1 -0\n\
                 b: i32[] = 1\n\
                 y = com.microsoft.ExpandDims(a, b)",
                "f32[2,1,2] = -0.1 -0.2 -1.1 -0",
            ),
            (
                "four bits",
                "a: f32[1,4] = -0.4 1.2 0.7 -0\n\
                 b: u8[16] = 145 119 194 140 122 82 114 192 14 6 184 95 205 7 232 31\n\
                 c: f32[2] = 2 0.3\n\
                 y = com.microsoft.MatMulBnb4(a, b, c, K=4, N=8, block_size=16, quant_type=1)",
                "f32[1,8] = -1.799607 -1.501331 0.331987 -0.643182 0.170264 -0.050703 -0.060343 -0.204306",
            ),
            (
                "four bits of floats",
                "a: f32[1,4] = -0.9 0.2 2.2 -0.8\n\
                 b: u8[16] = 14 151 71 175 221 90 231 132 135 195 202 232 255 38 105 238\n\
                 c: f32[2] = 0.1 0\n\
                 y = com.microsoft.MatMulBnb4(a, b, c, K=4, N=8, block_size=16, quant_type=0)",
                "f32[1,8] = -0.024479 -0.151667 0.198333 -0.006667 0 0 0 0",
            ),
            (
                "trilu",
                "a: f32[2,2] = 0 -0.4 -0.3 -1.4\n\
                 y = com.microsoft.Trilu(a, upper=0)",
                "f32[2,2] = 0 0 -0.3 -1.4",
            ),
        ]);
    }

    #[test]
    fn values_of_other_devices() {
        // ONNX Runtime has no kernels for them on the CPU: the formulas in NumPy.
        let x = "x: f32[2,3] = 0.5 -1 0.3 0.2 0.7 -0.4\n";
        let weight = "w: f32[3,2] = 1 0.5 -0.3 0.2 0.4 -1\nb: f32[2] = 0.1 -0.2\n";
        let rows = [
            (
                "gelu of a product",
                format!("{x}{weight}y = com.microsoft.GemmFastGelu(x, w, b)"),
                "f32[2,2] = 0.862899 -0.146872 -0.033047 0.294803",
            ),
            (
                "tanh of a product",
                format!("{x}{weight}y = com.microsoft.FusedMatMulActivation(x, w, alpha=0.5, activation=\"Tanh\")"),
                "f32[2,2] = 0.430084 -0.124353 -0.084796 0.309507",
            ),
            (
                "softmax of a sum",
                format!("{x}b: f32[1,3] = 1 0 -1\ny = com.microsoft.BiasSoftmax(x, b, axis=1, is_inner_broadcast=0)"),
                "f32[2,3] = 0.838302 0.068812 0.092886 0.594953 0.360857 0.044189",
            ),
            (
                "half by gelu of half",
                "x: f32[1,1,4] = 0.5 -1 0.3 2\nb: f32[4] = 0.1 0.2 -0.3 0.5\ny = com.microsoft.BiasSplitGelu(x, b)"
                    .to_owned(),
                "f32[1,1,2] = 0 -1.987581",
            ),
            (
                "sums",
                format!("{x}b: f32[3] = 1 0 -1\ny = com.microsoft.BiasAdd(x, b, x)"),
                "f32[2,3] = 2 -2 -0.4 1.4 1.4 -1.8",
            ),
            (
                "nothing dropped",
                format!("{x}b: f32[3] = 1 0 -1\ny, m = com.microsoft.BiasDropout(x, b, x)"),
                "f32[2,3] = 2 -2 -0.4 1.4 1.4 -1.8",
            ),
            (
                "channels last",
                "x: f32[1,2,2,2] = 0 1 2 3 4 5 6 7\nw: f32[1,1,2,2] = 1 -1 2 0.5\ny = com.microsoft.NhwcConv(x, w)"
                    .to_owned(),
                "f32[1,2,1,1] = 4.5 14.5",
            ),
        ];
        check_near(&rows.each_ref().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)));
    }
}
