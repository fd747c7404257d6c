//! Reductions, and what divides by them.

use graph::ops::{LayerNormalization, Reduce, Reduction, Softmax};
use serde_json::json;

use super::Operands;
use super::numbers::{rising, unless_unknown};
use crate::element::ElementType;
use crate::plan::OperandId;
use crate::writer::{Lowered, Writer};

pub fn softmax(softmax: &Softmax, w: &mut Writer, operands: &Operands) -> Lowered {
    softmax_over(operands.operand(0)?, softmax.axis, w)
}

pub fn softmax_over(x: OperandId, axis: usize, w: &mut Writer) -> Lowered {
    let (element, shape) = (w.element(x), w.shape(x));
    w.call("softmax").operand("input", x).argument(json!(axis)).gives(element, shape)
}

pub fn reduce(reduce: &Reduce, w: &mut Writer, operands: &Operands) -> Lowered {
    let (x, axes) = (operands.operand(0)?, reduce.axes.as_slice());
    let made = match reduce.reduction {
        Reduction::Sum => w.reduce("reduceSum", x, axes)?,
        Reduction::Mean => w.reduce("reduceMean", x, axes)?,
        Reduction::Max => extreme_of("reduceMax", x, axes, w)?,
        Reduction::Min => extreme_of("reduceMin", x, axes, w)?,
        Reduction::Prod => w.reduce("reduceProduct", x, axes)?,
        Reduction::L2 => {
            let square = w.binary("mul", x, x)?;
            let sum = w.reduce("reduceSum", square, axes)?;
            rising("sqrt", sum, w)?
        }
    };
    w.reshape(made, &operands.result.shape)
}

/// The largest or the smallest element over axes that stay (`reduceMax`, `reduceMin`); NaN where one of them is.
pub fn extreme_of(method: &'static str, x: OperandId, axes: &[usize], w: &mut Writer) -> Lowered {
    let made = w.reduce(method, x, axes)?;
    if !w.element(x).is_float() {
        return Ok(made);
    }
    unless_unknown(x, made, w, |unknown, w| w.reduce("reduceMax", unknown, axes))
}

pub fn layer_normalization(own: &LayerNormalization, w: &mut Writer, operands: &Operands) -> Lowered {
    let (x, scale, bias) = (operands.operand(0)?, operands.operand(1)?, operands.optional(2));
    let (element, shape) = (w.element(x), w.shape(x));
    let axes: Vec<usize> = (own.axis..shape.len()).collect();
    if own.center {
        let call = w.call("layerNormalization").operand("input", x);
        let call = call.operand_option("scale", Some(scale)).operand_option("bias", bias);
        let call = call.option("axes", json!(axes)).option("epsilon", json!(own.epsilon));
        return call.gives(element, shape);
    }
    // Squares soon leave what float16 holds.
    let (x, scale) = (w.cast(x, ElementType::Float32)?, w.cast(scale, ElementType::Float32)?);
    let bias = bias.map(|bias| w.cast(bias, ElementType::Float32)).transpose()?;
    let square = w.binary("mul", x, x)?;
    let mean = w.reduce("reduceMean", square, &axes)?;
    let epsilon = w.number_like(f64::from(own.epsilon), mean)?;
    let mean = w.binary("add", mean, epsilon)?;
    let root = w.unary("sqrt", mean)?;
    let normal = w.binary("div", x, root)?;
    let scaled = w.binary("mul", normal, scale)?;
    bias.map_or(Ok(scaled), |bias| w.binary("add", scaled, bias))
}
