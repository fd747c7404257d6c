//! Operators of ONNX Runtime between quantised values (QLinearAdd and its kin): the float operator on the numbers that
//! the integers stand for, its result quantised.

use super::quantization::{dequantised, quantised};
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::{NodeView, Reader};
use crate::ops::{Activation, Binary, Gemm, Operator, Reduction, Select, Unary};
use crate::tensor::DataType;
use crate::writer::Writer;

use super::activations::{self, Function};
use super::{binary, pooling, quantization, reductions, rows, shapes, unary};

/// The operator set of the float operators; those whose meaning changed say otherwise.
const OPSET: i64 = 13;

/// The layout of such an operator's operands: each quantised one is followed by its scale and zero point.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Operands before the quantised ones that are taken as they are.
    plain: usize,
    /// The index of the first quantised operand, and how many there are; `None`: all that are left.
    first: usize,
    count: Option<usize>,
    /// The index of the result's scale, its zero point behind it.
    result: usize,
}

impl Layout {
    const fn of(count: usize) -> Layout {
        Layout { plain: 0, first: 0, count: Some(count), result: 3 * count }
    }
}

/// QLinearAdd, QLinearMul.
pub(crate) fn read_binary(
    node: &NodeView,
    graph: &mut Builder,
    function: Binary,
) -> Result<Vec<ValueId>, Error> {
    around(node, graph, Layout::of(2), |node, graph| binary::read(node, graph, function))
}

/// QLinearSigmoid.
pub(crate) fn read_sigmoid(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    around(node, graph, Layout::of(1), |node, graph| {
        unary::read(node, graph, Unary::Activation(Activation::Sigmoid))
    })
}

/// QLinearLeakyRelu.
pub(crate) fn read_leaky_relu(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    around(node, graph, Layout::of(1), |node, graph| activations::read(node, graph, Function::LeakyRelu))
}

/// QLinearSoftmax, which says itself of which operator set it is.
pub(crate) fn read_softmax(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let opset = node.attributes.int("opset")?.unwrap_or(OPSET);
    around(node, graph, Layout::of(1), |node, graph| {
        rows::read_softmax(&NodeView { opset, inputs: node.inputs.clone(), ..*node }, graph)
    })
}

/// QLinearReduceMean.
pub(crate) fn read_mean(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    around(node, graph, Layout::of(1), |node, graph| reductions::read_plain(node, graph, Reduction::Mean))
}

/// QLinearAveragePool.
pub(crate) fn read_average_pool(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let read: Reader = pooling::read_average;
    around(node, graph, Layout::of(1), |node, graph| pooling::channels_where_they_are(node, graph, read))
}

/// QLinearGlobalAveragePool.
pub(crate) fn read_global_average_pool(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let read: Reader = |node, graph| pooling::read_global(node, graph, Reduction::Mean);
    around(node, graph, Layout::of(1), |node, graph| pooling::channels_where_they_are(node, graph, read))
}

/// QLinearConv, whose channels may come last.
pub(crate) fn read_conv(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    pooling::channels_where_they_are(node, graph, quantization::read_linear_conv)
}

/// QLinearConcat: scale and zero point of the result come first.
pub(crate) fn read_concat(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    around(node, graph, Layout { plain: 0, first: 2, count: None, result: 0 }, shapes::read_concat)
}

/// QLinearWhere: the condition comes first.
pub(crate) fn read_where(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    around(node, graph, Layout { plain: 1, first: 1, count: Some(2), result: 7 }, |node, graph| {
        node.apply(graph, Operator::Select(Select), 3)
    })
}

/// The float operator on what the operands stand for, quantised.
fn around(
    node: &NodeView,
    graph: &mut Builder,
    layout: Layout,
    read: impl Fn(&NodeView, &mut Builder) -> Result<Vec<ValueId>, Error>,
) -> Result<Vec<ValueId>, Error> {
    let Layout { plain, first, count, result } = layout;
    let count = count.unwrap_or(node.inputs.len().saturating_sub(first) / 3);
    let mut operands =
        (0..plain).map(|at| Ok(Some(node.operand(at)?.id))).collect::<Result<Vec<_>, Error>>()?;
    let write = Writer::new(node, graph);
    for at in (0..count).map(|at| first + 3 * at) {
        operands.push(Some(dequantised(node, &write, [at, at + 1, at + 2])?));
    }
    let float = NodeView { opset: OPSET, ..node.over(graph, &operands) };
    let computed = read(&float, graph)?;
    let to = match node.optional(result + 1) {
        Some(zero) => zero.element_type,
        None => node.operand(first)?.element_type,
    };
    let write = &Writer::new(node, graph);
    let scaled = write.div(computed[0], write.reshape(node.operand(result)?.id, &[])?)?;
    let zero = node.optional(result + 1).map(|zero| write.reshape(zero.id, &[])).transpose()?;
    Ok(vec![quantised(write, scaled, zero, to)?])
}

/// QGemm: A and B with their scales and zero points, C in i32 at the product of both scales; a float result where the
/// result has no scale.
pub(crate) fn read_gemm(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let gemm = Gemm {
        transpose_a: node.attributes.flag("transA", false)?,
        transpose_b: node.attributes.flag("transB", false)?,
        alpha: node.attributes.float("alpha")?.unwrap_or(1.0),
        beta: 1.0,
    };
    let write = &Writer::new(node, graph);
    let a = dequantised(node, write, [0, 1, 2])?;
    // Columns of B have scales of their own: rows, where it is transposed.
    let columns = |index: usize| {
        let Some(parameter) = node.optional(index) else { return Ok(None) };
        let own = write.shape(parameter.id);
        match own.iter().product::<usize>() {
            1 => write.reshape(parameter.id, &[]),
            _ if gemm.transpose_b => write.trailing(parameter.id, 2),
            _ => Ok(parameter.id),
        }
        .map(Some)
    };
    let missing = || invalid!("the scale of B is missing");
    let (scale, zero) = (columns(4)?.ok_or_else(missing)?, columns(5)?);
    let mut b = write.cast(node.operand(3)?.id, DataType::F32)?;
    if let Some(zero) = zero {
        b = write.sub(b, write.cast(zero, DataType::F32)?)?;
    }
    let product = write.push(Operator::Gemm(gemm), &[Some(a), Some(write.mul(b, scale)?)])?;
    let mut sum = product;
    if let Some(c) = node.optional(6) {
        let own = write.mul(write.reshape(node.operand(1)?.id, &[])?, node.operand(4)?.id)?;
        let scaled = write.mul(write.cast(c.id, DataType::F32)?, write.times(own, gemm.alpha)?)?;
        sum = write.add(product, scaled)?;
    }
    let Some(scale) = node.optional(7) else { return Ok(vec![sum]) };
    let scaled = write.div(sum, write.reshape(scale.id, &[])?)?;
    let to = node.optional(8).map_or(DataType::U8.into(), |zero| zero.element_type);
    let zero = node.optional(8).map(|zero| write.reshape(zero.id, &[])).transpose()?;
    Ok(vec![quantised(write, scaled, zero, to)?])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "sum",
                "a: u8[2,2] = 241 160 175 229\n\
                 b: f32[] = 0.02\n\
                 c: u8[] = 100\n\
                 d: u8[2] = 148 198\n\
                 e: f32[] = 0.03\n\
                 f: u8[] = 120\n\
                 g: f32[] = 0.05\n\
                 h: u8[] = 128\n\
                 y = com.microsoft.QLinearAdd(a, b, c, d, e, f, g, h)",
                "u8[2,2] = 201 199 175 226",
            ),
            (
                "product",
                "a: i8[2,2] = 85 -71 -114 -52\n\
                 b: f32[] = 0.02\n\
                 c: i8[] = 3\n\
                 d: i8[2] = -56 95\n\
                 e: f32[] = 0.03\n\
                 f: i8[] = -5\n\
                 g: f32[] = 0.02\n\
                 h: i8[] = 1\n\
                 y = com.microsoft.QLinearMul(a, b, c, d, e, f, g, h)",
                "i8[2,2] = -124 -128 127 -128",
            ),
            (
                "sigmoid",
                "a: u8[4] = 233 1 127 210\n\
                 b: f32[] = 0.05\n\
                 c: u8[] = 128\n\
                 d: f32[] = 0.003906\n\
                 e: u8[] = 0\n\
                 y = com.microsoft.QLinearSigmoid(a, b, c, d, e)",
                "u8[4] = 255 0 125 252",
            ),
            (
                "leaky",
                "a: u8[4] = 33 204 30 119\n\
                 b: f32[] = 0.05\n\
                 c: u8[] = 128\n\
                 d: f32[] = 0.04\n\
                 e: u8[] = 100\n\
                 y = com.microsoft.QLinearLeakyRelu(a, b, c, d, e, alpha=0.1)",
                "u8[4] = 88 195 88 99",
            ),
            (
                "softmax",
                "a: u8[2,3] = 209 77 87 71 184 65\n\
                 b: f32[] = 0.05\n\
                 c: u8[] = 128\n\
                 d: f32[] = 0.003906\n\
                 e: u8[] = 0\n\
                 y = com.microsoft.QLinearSoftmax(a, b, c, d, e, axis=-1, opset=13)",
                "u8[2,3] = 255 0 1 1 254 1",
            ),
            (
                "average",
                "a: u8[1,1,3,3] = 253 113 122 129 149 141 130 254 206\n\
                 b: f32[] = 0.05\n\
                 c: u8[] = 128\n\
                 d: f32[] = 0.04\n\
                 e: u8[] = 120\n\
                 y = com.microsoft.QLinearAveragePool(a, b, c, d, e, kernel_shape=[2,2])",
                "u8[1,1,2,2] = 161 124 167 194",
            ),
            (
                "average, channels last",
                "a: u8[1,2,2,2] = 202 179 159 87 253 119 55 216\n\
                 b: f32[] = 0.05\n\
                 c: u8[] = 128\n\
                 d: f32[] = 0.04\n\
                 e: u8[] = 120\n\
                 y = com.microsoft.QLinearAveragePool(a, b, c, d, e, kernel_shape=[2,2], channels_last=1)",
                "u8[1,1,1,2] = 169 148",
            ),
            (
                "mean of planes",
                "a: u8[1,2,2,2] = 41 219 156 29 11 113 9 36\n\
                 b: f32[] = 0.05\n\
                 c: u8[] = 128\n\
                 d: f32[] = 0.04\n\
                 e: u8[] = 120\n\
                 y = com.microsoft.QLinearGlobalAveragePool(a, b, c, d, e, channels_last=0)",
                "u8[1,2,1,1] = 99 13",
            ),
            (
                "joined",
                "a: f32[] = 0.05\n\
                 b: u8[] = 128\n\
                 c: u8[1,2] = 131 248\n\
                 d: f32[] = 0.05\n\
                 e: u8[] = 120\n\
                 f: u8[1,1] = 119\n\
                 g: f32[] = 0.02\n\
                 h: u8[] = 3\n\
                 y = com.microsoft.QLinearConcat(a, b, c, d, e, f, g, h, axis=1)",
                "u8[1,3] = 139 255 174",
            ),
            (
                "chosen",
                "a: bool[3] = 1 0 1\n\
                 b: u8[3] = 206 234 210\n\
                 c: f32[] = 0.05\n\
                 d: u8[] = 128\n\
                 e: u8[3] = 161 112 131\n\
                 f: f32[] = 0.02\n\
                 g: u8[] = 100\n\
                 h: f32[] = 0.06\n\
                 i: u8[] = 90\n\
                 y = com.microsoft.QLinearWhere(a, b, c, d, e, f, g, h, i)",
                "u8[3] = 155 94 158",
            ),
            (
                "convolution, channels last",
                "a: u8[1,2,2,2] = 68 127 97 63 254 3 24 49\n\
                 b: f32[] = 0.05\n\
                 c: u8[] = 128\n\
                 d: i8[2,2,1,1] = 120 49 97 -77\n\
                 e: f32[2] = 0.01 0.02\n\
                 f: i8[2] = 0 0\n\
                 g: f32[] = 0.05\n\
                 h: u8[] = 110\n\
                 i: i32[2] = 50 -70\n\
                 y = com.microsoft.QLinearConv(a, b, c, d, e, f, g, h, i, channels_last=1)",
                "u8[1,2,2,2] = 38 0 41 149 200 255 0 28",
            ),
            (
                "gemm",
                "a: u8[2,3] = 184 94 125 0 158 212\n\
                 b: f32[] = 0.02\n\
                 c: u8[] = 120\n\
                 d: i8[2,3] = 41 -89 8 -60 119 97\n\
                 e: f32[2] = 0.01 0.03\n\
                 f: i8[2] = 0 0\n\
                 g: i32[2] = 30 -40\n\
                 h: f32[] = 0.05\n\
                 i: u8[] = 100\n\
                 y = com.microsoft.QGemm(a, b, c, d, e, f, g, h, i, transB=1, alpha=1.0)",
                "u8[2,2] = 120 22 70 255",
            ),
            (
                "gemm to float",
                "a: u8[2,3] = 47 130 240 216 181 163\n\
                 b: f32[] = 0.02\n\
                 c: u8[] = 120\n\
                 d: i8[3,2] = -118 61 -7 -105 -66 10\n\
                 e: f32[] = 0.03\n\
                 f: i8[] = 2\n\
                 y = com.microsoft.QGemm(a, b, c, d, e, f, alpha=0.5)",
                "f32[2,2] = 0.153 -1.3251 -4.4979 -0.1557",
            ),
        ]);
    }
}
