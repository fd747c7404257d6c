//! Matrix products.

use graph::ops::{Binary, Concat, Gemm, MatMul, MatMulNBits, Slice};
use graph::{Constant, DataType, Operator, Tensor, TensorType};
use serde_json::json;

use super::Operands;
use super::elementwise::activation;
use crate::element::ElementType;
use crate::error::Refusal;
use crate::plan::{Operand, OperandId};
use crate::writer::{Lowered, Writer};

/// A product with a constant matrix is a `gemm` over all rows: backends keep such a matrix packed and take the bias
/// along. Every other product is a `matmul`.
pub fn matmul(matmul: &MatMul, w: &mut Writer, operands: &Operands) -> Lowered {
    let (a, b, bias) = (operands.operand(0)?, operands.operand(1)?, operands.optional(2));
    if operands.types[0].is_some_and(|tensor_type| !tensor_type.data_type.is_float()) {
        return of_integers(a, b, w, operands);
    }
    let made = match (operands.shape(0), operands.shape(1)) {
        (left @ [.., depth], &[_, columns]) if operands.constants[1].is_some() => {
            let rows = left[..left.len() - 1].iter().product();
            let a = w.reshape(a, &[rows, *depth])?;
            gemm_of(a, b, bias, w, [rows, columns])?
        }
        (left, right) => {
            let a = if let &[depth] = left { w.reshape(a, &[1, depth])? } else { a };
            let b = if let &[depth] = right { w.reshape(b, &[depth, 1])? } else { b };
            let product = w.matmul(a, b)?;
            bias.map_or(Ok(product), |bias| w.binary("add", product, bias))?
        }
    };
    let made = matmul.activation.map_or(Ok(made), |own| activation(own, made, w))?;
    w.reshape(made, &operands.result.shape)
}

/// Up to here float32 holds every integer.
const EXACT: i128 = 1 << 24;
/// A product that would be cut into more parts than this is left to others.
const MOST_PARTS: usize = 64;

/// A product of integers, which WebNN has not, in float32: cut along the sum into parts whose sums it holds exactly.
fn of_integers(a: OperandId, b: OperandId, w: &mut Writer, operands: &Operands) -> Lowered {
    let largest =
        |index: usize| operands.ranges[index].map_or(i128::MAX, |(least, most)| least.abs().max(most.abs()));
    let (left, right) = (w.shape(a), w.shape(b));
    let (Some(&depth), [.., _, _], [.., _, _]) = (left.last(), left.as_slice(), right.as_slice()) else {
        return Err(Refusal::NotInWebnn { what: "product of integers in a vector".to_owned() });
    };
    let part = EXACT / largest(0).saturating_mul(largest(1)).max(1);
    let part = usize::try_from(part).unwrap_or(depth).min(depth);
    if part == 0 || depth.div_ceil(part) > MOST_PARTS {
        return Err(Refusal::NotInWebnn { what: "product of integers past what float32 holds".to_owned() });
    }
    let (a, b) = (w.cast(a, ElementType::Float32)?, w.cast(b, ElementType::Float32)?);
    let mut sum = None;
    for start in (0..depth).step_by(part) {
        let extent = part.min(depth - start);
        let (a, b) = if extent == depth {
            (a, b)
        } else {
            (w.window(a, left.len() - 1, start, extent)?, w.window(b, right.len() - 2, start, extent)?)
        };
        let product = w.matmul(a, b)?;
        let whole = w.cast(product, ElementType::Int32)?;
        sum = Some(sum.map_or(Ok(whole), |sum| w.binary("add", sum, whole))?);
    }
    sum.ok_or_else(|| Refusal::NotInWebnn { what: "product without a sum".to_owned() })
}

fn gemm_of(
    a: OperandId,
    b: OperandId,
    bias: Option<OperandId>,
    w: &mut Writer,
    shape: [usize; 2],
) -> Lowered {
    let element = w.element(a);
    w.call("gemm").operand("a", a).operand("b", b).operand_option("c", bias).gives(element, shape.to_vec())
}

pub fn gemm(gemm: &Gemm, w: &mut Writer, operands: &Operands) -> Lowered {
    let (a, b, c) = (operands.operand(0)?, operands.operand(1)?, operands.optional(2));
    let call = w.call("gemm").operand("a", a).operand("b", b).operand_option("c", c);
    let call = call.option("alpha", json!(gemm.alpha)).option("beta", json!(gemm.beta));
    let call =
        call.option("aTranspose", json!(gemm.transpose_a)).option("bTranspose", json!(gemm.transpose_b));
    call.gives(operands.result.data_type.into(), operands.result.shape.clone())
}

/// The packed numbers stay small: `int4`, which is what those of four bits are once 8 is taken off, or `uint8`.
pub fn matmul_n_bits(matmul: &MatMulNBits, w: &mut Writer, operands: &Operands) -> Lowered {
    let (a, packed) = (operands.operand(0)?, constant(operands, 1)?);
    let &[columns, blocks, _] = packed.tensor_type().shape.as_slice() else {
        return Err(Refusal::NotInWebnn { what: "weights that are packed like this".to_owned() });
    };
    let (depth, rows) = match operands.shape(0).split_last() {
        Some((&depth, lead)) => (depth, lead.iter().product()),
        None => return Err(Refusal::NotInWebnn { what: "product of a scalar".to_owned() }),
    };
    // The product is computed in float32 whatever its operands are kept as.
    let (scale, a) = (constant(operands, 2)?, w.cast(a, ElementType::Float32)?);
    let kept: ElementType = scale.tensor_type().data_type.into();
    let scale = w.constant_as(Operand { element: kept, shape: vec![columns, blocks, 1] }, scale)?;
    let scale = w.cast(scale, ElementType::Float32)?;
    let zero = match operands.types.get(3).copied().flatten() {
        Some(_) => Some(constant(operands, 3)?),
        None => None,
    };
    let Packed { element, numbers, zeros } = of_bits(matmul.bits, packed, zero, [columns, blocks])?;
    let shape = vec![columns, blocks, matmul.block_size];
    let numbers = w.constant_as(Operand { element, shape: shape.clone() }, numbers)?;
    let zeros = w.constant_as(Operand { element, shape: vec![columns, blocks, 1] }, zeros)?;
    let call = w.call("dequantizeLinear").operand("input", numbers);
    let call = call.operand("scale", scale).operand("zeroPoint", zeros);
    let weights = call.gives(ElementType::Float32, shape)?;
    let weights = w.reshape(weights, &[columns, blocks * matmul.block_size])?;
    let weights = if depth < blocks * matmul.block_size { w.window(weights, 1, 0, depth)? } else { weights };
    let a = w.reshape(a, &[rows, depth])?;
    let call = w.call("gemm").operand("a", a).operand("b", weights).option("bTranspose", json!(true));
    let product = call.gives(ElementType::Float32, vec![rows, columns])?;
    w.reshape(product, &operands.result.shape)
}

fn constant(operands: &Operands, index: usize) -> Result<Constant, Refusal> {
    let found = operands.constants.get(index).copied().flatten().cloned();
    found.ok_or_else(|| Refusal::NotInWebnn {
        what: format!("unpacking of operand {index}, which is no constant"),
    })
}

/// Small integers as WebNN takes them.
struct Packed {
    element: ElementType,
    numbers: Constant,
    zeros: Constant,
}

/// Four bits stay packed where their zeros can; all others become bytes.
fn of_bits(
    bits: usize,
    packed: Constant,
    zero: Option<Constant>,
    [columns, blocks]: [usize; 2],
) -> Result<Packed, Refusal> {
    let count = columns * blocks;
    let all = |zero: u8, count: usize| Tensor::vector(vec![zero; count]).into();
    if bits == 4 && (zero.is_none() || blocks % 2 == 0) {
        let zeros = zero.map_or_else(|| Ok(all(0, count.div_ceil(2))), |zero| signed(&zero))?;
        return Ok(Packed { element: ElementType::Int4, numbers: signed(&packed)?, zeros });
    }
    let length = packed.element_count() / columns;
    let zeros = match zero {
        // A row of zeros ends in a whole byte.
        Some(zero) => {
            let length = (blocks * bits).div_ceil(8);
            let row = unpacked(&zero.reshaped(&[columns, length, 1]), bits)?;
            let slice = Slice { starts: vec![0; 2], steps: vec![1; 2], shape: vec![columns, blocks] };
            made(Operator::Slice(slice), &[&row], &[columns, blocks])?
        }
        None => all(1 << (bits - 1), count),
    };
    let numbers = unpacked(&packed.reshaped(&[columns, length, 1]), bits)?;
    Ok(Packed { element: ElementType::Uint8, numbers, zeros })
}

/// The numbers in the bytes of each row, `[rows, bytes, 1]`, the first of a byte in its lowest bits.
fn unpacked(bytes: &Constant, bits: usize) -> Result<Constant, Refusal> {
    let TensorType { shape, .. } = bytes.tensor_type();
    let mask = Constant::from(Tensor::scalar(u8::MAX >> (8 - bits)));
    let number = |shift: usize| {
        let shift = Constant::from(Tensor::scalar(shift as u8));
        let shifted = made(Operator::Binary(Binary::ShiftRight), &[bytes, &shift], &shape)?;
        made(Operator::Binary(Binary::BitwiseAnd), &[&shifted, &mask], &shape)
    };
    let parts = (0..8).step_by(bits).map(number).collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<&Constant> = parts.iter().collect();
    let apart = made(Operator::Concat(Concat { axis: 2 }), &parts, &[shape[0], shape[1], parts.len()])?;
    Ok(apart.reshaped(&[shape[0], shape[1] * parts.len()]))
}

/// The bytes with the highest bit of each half turned over, which takes 8 off each number of four bits.
fn signed(packed: &Constant) -> Result<Constant, Refusal> {
    let turn = Constant::from(Tensor::scalar(0x88_u8));
    made(Operator::Binary(Binary::BitwiseXor), &[packed, &turn], &packed.tensor_type().shape)
}

/// The result of an operator on constant bytes.
fn made(operator: Operator, operands: &[&Constant], shape: &[usize]) -> Result<Constant, Refusal> {
    let operands: Vec<Option<&Constant>> = operands.iter().copied().map(Some).collect();
    let made = graph::constant::apply(&operator, &operands, &TensorType::new(DataType::U8, shape));
    let refused = || Refusal::NotInWebnn { what: "weights that are packed like this".to_owned() };
    made.ok().flatten().ok_or_else(refused)
}
