//! Quantised operators of ONNX and ONNX Runtime, computed on the numbers that their integers stand for.

use super::{convolution, four_bit, narrow};
use crate::builder::Builder;
use crate::element_type::ElementType;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::reduce::Reduction;
use crate::ops::{Binary, Operator, Unary};
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

fn operand(node: &NodeView, index: usize) -> Option<ValueId> {
    node.optional(index).map(|operand| operand.id)
}

/// The integers that a quantised type holds, where f32 holds them too.
fn range(to: ElementType) -> Result<(f32, f32), Error> {
    match (to, to.range()) {
        (ElementType::Kept(DataType::U8), _) => Ok((0.0, 255.0)),
        (ElementType::Kept(DataType::I8), _) => Ok((-128.0, 127.0)),
        (_, Some((low, high))) if high <= i64::from(u16::MAX) => Ok((low as f32, high as f32)),
        _ => Err(unsupported!("it quantises to {to}")),
    }
}

/// The way the elements of a scale or zero point belong to those of x.
#[derive(Debug, Clone, Copy)]
struct Spread {
    axis: usize,
    /// The number of neighbours along the axis that have one in common; 0: as many as it takes.
    block: usize,
}

impl Spread {
    fn of(node: &NodeView) -> Result<Spread, Error> {
        let block = node.attributes.int("block_size")?.unwrap_or(0);
        let block = usize::try_from(block).map_err(|_| invalid!("block_size is {block}"))?;
        let rank = node.shape(0)?.len();
        let axis = if rank > 1 { node.axis(rank, 1)? } else { 0 };
        Ok(Spread { axis, block })
    }

    /// A parameter in a shape that broadcasts to x: one for all, one for each place of the axis, or one for
    /// each block.
    fn write(&self, write: &Writer, parameter: ValueId, shape: &[usize]) -> Written {
        let own = write.shape(parameter);
        if own.iter().product::<usize>() == 1 {
            return write.reshape(parameter, &[]);
        }
        if own.len() == 1 {
            return write.along(parameter, self.axis, shape.len());
        }
        if own.len() != shape.len() {
            return Err(invalid!("a scale of shape {own:?} does not fit {shape:?}"));
        }
        let block = if self.block == 0 { shape[self.axis].div_ceil(own[self.axis]) } else { self.block };
        let (mut apart, mut joined) = (own.clone(), own.clone());
        apart.insert(self.axis + 1, 1);
        let mut repeated = apart.clone();
        repeated[self.axis + 1] = block;
        joined[self.axis] *= block;
        let spread = write.expand(write.reshape(parameter, &apart)?, &repeated)?;
        write.slice(write.reshape(spread, &joined)?, self.axis, 0, shape[self.axis])
    }
}

/// `round(x / scale) + zero`, held within the range of the type; floats of 8 bits and less have no zero point.
pub(super) fn quantised(
    write: &Writer,
    scaled: ValueId,
    zero: Option<ValueId>,
    to: impl Into<ElementType>,
) -> Written {
    let to = to.into();
    if to.float_format().is_some() {
        return narrow::cast(write, scaled, to, true);
    }
    let (low, high) = range(to)?;
    let mut whole = write.unary(Unary::Round, scaled)?;
    if let Some(zero) = zero {
        whole = write.add(whole, write.cast(zero, DataType::F32)?)?;
    }
    let held = write.binary(Binary::Max, whole, write.float(low))?;
    write.cast(write.binary(Binary::Min, held, write.float(high))?, to.data_type())
}

/// `(x − zero) · scale` of operands at these places, the last two one number each.
pub(super) fn dequantised(node: &NodeView, write: &Writer, [x, scale, zero]: [usize; 3]) -> Written {
    let mut centred = write.cast(node.operand(x)?.id, DataType::F32)?;
    if let Some(zero) = operand(node, zero) {
        centred = write.sub(centred, write.cast(write.reshape(zero, &[])?, DataType::F32)?)?;
    }
    write.mul(centred, write.reshape(node.operand(scale)?.id, &[])?)
}

/// QuantizeLinear: x, scale, optional zero point.
pub(crate) fn read_quantize(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let to = match (node.optional(2), node.attributes.int("output_dtype")?.unwrap_or(0)) {
        (Some(zero), _) => zero.element_type,
        (None, 0) => DataType::U8.into(),
        (None, number) => narrow::element_type(number, "output_dtype")?,
    };
    let spread = Spread::of(node)?;
    let (x, scale) = (node.operand(0)?.id, node.operand(1)?.id);
    let write = &Writer::new(node, graph);
    let shape = write.shape(x);
    let x = write.cast(x, DataType::F32)?;
    let scaled = write.div(x, spread.write(write, scale, &shape)?)?;
    let zero = operand(node, 2).map(|zero| spread.write(write, zero, &shape)).transpose()?;
    Ok(vec![quantised(write, scaled, zero, to)?])
}

/// DequantizeLinear: `(x − zero) · scale`.
pub(crate) fn read_dequantize(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let spread = Spread::of(node)?;
    let (x, scale) = (node.operand(0)?.id, node.operand(1)?.id);
    let write = &Writer::new(node, graph);
    let shape = write.shape(x);
    // An i32 may be too large for f32 before its zero point is taken away.
    let between = if write.data_type(x) == DataType::I32 { DataType::I32 } else { DataType::F32 };
    let mut centred = write.cast(x, between)?;
    if let Some(zero) = operand(node, 2) {
        let zero = write.cast(spread.write(write, zero, &shape)?, between)?;
        centred = write.sub(centred, zero)?;
    }
    let scale = spread.write(write, scale, &shape)?;
    let result = write.mul(write.cast(centred, DataType::F32)?, scale)?;
    if let Some(matrix) = four_bit::of(node, graph, spread.axis, spread.block)? {
        graph.set_four_bits(result, matrix);
    }
    Ok(vec![result])
}

/// Quantises x to u8, by a scale and zero point from its own range; gives the three.
fn dynamically(write: &Writer, x: ValueId) -> Result<[ValueId; 3], Error> {
    let all: Vec<usize> = (0..write.shape(x).len()).collect();
    let zero = write.float(0.0);
    let high = write.binary(Binary::Max, write.reduce(Reduction::Max, x, &all, false)?, zero)?;
    let low = write.binary(Binary::Min, write.reduce(Reduction::Min, x, &all, false)?, zero)?;
    let range = write.sub(high, low)?;
    let flat = write.binary(Binary::Equal, range, zero)?;
    let scale = write.select(flat, write.float(1.0), write.div(range, write.float(255.0))?)?;
    let start = write.unary(Unary::Neg, write.div(low, scale)?)?;
    let zero_point = quantised(write, start, None, DataType::U8)?;
    let y = quantised(write, write.div(x, scale)?, Some(zero_point), DataType::U8)?;
    Ok([y, scale, zero_point])
}

/// DynamicQuantizeLinear: u8, scale and zero point.
pub(crate) fn read_dynamic(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?.id;
    Ok(dynamically(&Writer::new(node, graph), x)?.to_vec())
}

/// A parameter of the left side of a product belongs to its rows.
fn by_row(write: &Writer, parameter: ValueId) -> Written {
    match write.shape(parameter)[..] {
        [] => Ok(parameter),
        [1] => write.reshape(parameter, &[]),
        [rows] => write.reshape(parameter, &[rows, 1]),
        _ => Ok(parameter),
    }
}

/// `(a − zero) · (b − zero)` in i32.
fn product(write: &Writer, [a, b]: [ValueId; 2], [a_zero, b_zero]: [Option<ValueId>; 2]) -> Written {
    let centred = |x: ValueId, zero: Option<ValueId>| {
        let x = write.cast(x, DataType::I32)?;
        zero.map_or(Ok(x), |zero| write.sub(x, write.cast(zero, DataType::I32)?))
    };
    let a_zero = a_zero.map(|zero| by_row(write, zero)).transpose()?;
    write.matmul(centred(a, a_zero)?, centred(b, b_zero)?)
}

/// MatMulInteger: A, B and their zero points.
pub(crate) fn read_matmul(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let sides = [node.operand(0)?.id, node.operand(1)?.id];
    let zeros = [operand(node, 2), operand(node, 3)];
    Ok(vec![product(&Writer::new(node, graph), sides, zeros)?])
}

/// QLinearMatMul: A, its scale and zero point, B likewise, scale and zero point of the result.
pub(crate) fn read_linear_matmul(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let at = |index: usize| node.operand(index).map(|operand| operand.id);
    let to = node.operand(7)?.element_type;
    let sides = [at(0)?, at(3)?];
    let (a_scale, b_scale, y_scale, y_zero) = (at(1)?, at(4)?, at(6)?, at(7)?);
    let write = &Writer::new(node, graph);
    let sums = product(write, sides, [operand(node, 2), operand(node, 5)])?;
    let scale = write.div(write.mul(by_row(write, a_scale)?, b_scale)?, y_scale)?;
    let scaled = write.mul(write.cast(sums, DataType::F32)?, scale)?;
    Ok(vec![quantised(write, scaled, Some(y_zero), to)?])
}

/// MatMulIntegerToFloat: A, B, their scales, their zero points, bias.
pub(crate) fn read_matmul_to_float(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let sides = [node.operand(0)?.id, node.operand(1)?.id];
    let (a_scale, b_scale) = (node.operand(2)?.id, node.operand(3)?.id);
    let write = &Writer::new(node, graph);
    let sums = product(write, sides, [operand(node, 4), operand(node, 5)])?;
    let scale = write.mul(by_row(write, a_scale)?, b_scale)?;
    Ok(vec![scaled_and_biased(write, sums, scale, operand(node, 6))?])
}

/// DynamicQuantizeMatMul: A in f32, B, its scale and zero point, bias.
pub(crate) fn read_dynamic_matmul(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (a, b, b_scale) = (node.operand(0)?.id, node.operand(1)?.id, node.operand(2)?.id);
    let write = &Writer::new(node, graph);
    let product = dynamic_product(write, a, [b, b_scale], operand(node, 3))?;
    Ok(vec![operand(node, 4).map_or(Ok(product), |bias| write.add(product, bias))?])
}

/// The product of a, quantised by its own range, and of a quantised b with its scale and zero point.
pub(super) fn dynamic_product(
    write: &Writer,
    a: ValueId,
    [b, b_scale]: [ValueId; 2],
    b_zero: Option<ValueId>,
) -> Written {
    let [quantised, a_scale, a_zero] = dynamically(write, a)?;
    let sums = product(write, [quantised, b], [Some(a_zero), b_zero])?;
    scaled_and_biased(write, sums, write.mul(a_scale, b_scale)?, None)
}

fn scaled_and_biased(write: &Writer, sums: ValueId, scale: ValueId, bias: Option<ValueId>) -> Written {
    let scaled = write.mul(write.cast(sums, DataType::F32)?, scale)?;
    bias.map_or(Ok(scaled), |bias| write.add(scaled, bias))
}

/// The convolution of x and a weight less their zero points, in f32: exact as long as no sum reaches 2^24.
fn convolved(
    node: &NodeView,
    write: &Writer,
    [x, weight]: [usize; 2],
    [x_zero, weight_zero]: [usize; 2],
) -> Written {
    let convolution = convolution::attributes(node, node.shape(x)?, node.shape(weight)?)?;
    let rank = node.shape(x)?.len();
    let centred = |index: usize, zero: Option<ValueId>| {
        let x = write.cast(node.operand(index)?.id, DataType::F32)?;
        zero.map_or(Ok(x), |zero| write.sub(x, write.cast(zero, DataType::F32)?))
    };
    let one = operand(node, x_zero).map(|zero| write.reshape(zero, &[])).transpose()?;
    let each = operand(node, weight_zero).map(|zero| write.along(zero, 0, rank)).transpose()?;
    write.push(Operator::Conv(convolution), &[Some(centred(x, one)?), Some(centred(weight, each)?)])
}

/// ConvInteger: x, weight and their zero points.
pub(crate) fn read_conv(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let write = &Writer::new(node, graph);
    Ok(vec![write.cast(convolved(node, write, [0, 1], [2, 3])?, DataType::I32)?])
}

/// QLinearConv: x, its scale and zero point, weight likewise, scale and zero point of the result, bias in i32.
pub(crate) fn read_linear_conv(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let at = |index: usize| node.operand(index).map(|operand| operand.id);
    let (x_scale, weight_scale, y_scale, y_zero) = (at(1)?, at(4)?, at(6)?, at(7)?);
    let (to, rank) = (node.operand(7)?.element_type, node.shape(0)?.len());
    let write = &Writer::new(node, graph);
    let mut sums = convolved(node, write, [0, 3], [2, 5])?;
    if let Some(bias) = operand(node, 8) {
        sums = write.add(sums, write.along(write.cast(bias, DataType::F32)?, 1, rank)?)?;
    }
    let scale = write.along(write.div(write.mul(x_scale, weight_scale)?, y_scale)?, 1, rank)?;
    let zero = write.reshape(y_zero, &[])?;
    Ok(vec![quantised(write, write.mul(sums, scale)?, Some(zero), to)?])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "dynamic product",
                "a: f32[2,3] = 0.1 -1 -0.8 1.1 -0.8 -0\n\
                 b: u8[3,2] = 247 118 206 233 209 160\n\
                 c: f32[] = 0.02\n\
                 d: u8[] = 120\n\
                 e: f32[2] = 0.9 -0.6\n\
                 y = com.microsoft.DynamicQuantizeMatMul(a, b, c, d, e)",
                "f32[2,2] = -1.984823 -3.495035 2.328988 -2.449482",
            ),
            (
                "product to float",
                "a: u8[2,3] = 29 11 113 9 36 131\n\
                 b: i8[3,2] = -16 3 -61 -2 -32 -65\n\
                 c: f32[] = 0.1\n\
                 d: f32[2] = 0.5 0.25\n\
                 e: u8[] = 3\n\
                 f: i8[2] = 1 -2\n\
                 y = com.microsoft.MatMulIntegerToFloat(a, b, c, d, e, f)",
                "f32[2,2] = -228.400009 -170 -318.600006 -200.850006",
            ),
            (
                "blocked",
                "opset 21\n\
                 a: i8[2,4] = 6 -47 92 75 -63 1 87 68\n\
                 b: f32[2,2] = 0.1 1.4 -1.5 0.9\n\
                 c: i8[2,2] = 4 0 2 6\n\
                 y = DequantizeLinear(a, b, c, axis=1, block_size=2)",
                "f32[2,4] = 0.2 -5.1 128.800003 105 97.5 1.5 72.900002 55.799999",
            ),
            (
                "blocks of four bits",
                "opset 21\n\
                 a: i4[4,1] = -8 7 3 -1\n\
                 b: f32[2,1] = 0.5 2\n\
                 c: i4[2,1] = 1 -2\n\
                 y = DequantizeLinear(a, b, c, axis=0, block_size=2)",
                "f32[4,1] = -4.5 3 10 2",
            ),
            (
                "to four bits",
                "opset 21\n\
                 a: f32[5] = -3.2 0.24 0.26 4 100\n\
                 b: f32[] = 0.5\n\
                 c: u4[] = 3\n\
                 y = QuantizeLinear(a, b, c)",
                "u8[5] = 0 3 4 11 15",
            ),
            (
                "to 16 bits",
                "opset 21\n\
                 a: f32[3] = -3.2 0.26 100000\n\
                 b: f32[] = 0.5\n\
                 y = QuantizeLinear(a, b, output_dtype=4)",
                "i32[3] = 0 1 65535",
            ),
            (
                "quantised convolution",
                "opset 21\n\
                 a: u8[1,2,3] = 174 92 164 152 27 15\n\
                 b: f32[] = 0.02\n\
                 c: u8[] = 100\n\
                 d: i8[2,1,2] = 40 -30 24 -46\n\
                 e: f32[2] = 0.01 0.02\n\
                 f: i8[2] = 0\n\
                 g: f32[] = 0.05\n\
                 h: u8[] = 110\n\
                 i: i32[2] = 50 -70\n\
                 y = QLinearConv(a, b, c, d, e, f, g, h, i, group=2)",
                "u8[1,2,2] = 123 101 146 127",
            ),
        ]);
    }
}
