//! Activation functions that ONNX names and the graph composes of simpler ones.

use crate::builder::Builder;
use crate::error::Error;
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Activation, Binary, Unary};
use crate::writer::{Writer, Written};

/// An activation function. `alpha` and `beta` are named as ONNX names its attributes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Function {
    /// `alpha · x + beta`.
    Affine,
    /// `max(x, 0) + min(alpha · (exp(x / alpha) − 1), 0)`.
    Celu,
    /// x where it is positive, `alpha · (exp(x) − 1)` elsewhere.
    Elu,
    /// `alpha · x + beta` between 0 and 1.
    HardSigmoid,
    /// `x · HardSigmoid(x)`.
    HardSwish,
    /// x where it is positive, `alpha · x` elsewhere.
    LeakyRelu,
    /// `x · tanh(Softplus(x))`.
    Mish,
    Relu,
    /// `alpha · tanh(beta · x)`.
    ScaledTanh,
    /// `gamma`, here beta, times Elu.
    Selu,
    Sigmoid,
    /// `ln(1 + exp(x))`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x · sigmoid(alpha · x)`.
    Swish,
    Tanh,
    /// x where it is larger than alpha, 0 elsewhere.
    ThresholdedRelu,
}

impl Function {
    /// Alpha and beta, unless the node says otherwise.
    pub fn defaults(self) -> (f32, f32) {
        match self {
            Function::HardSigmoid => (0.2, 0.5),
            Function::HardSwish => (1.0 / 6.0, 0.5),
            Function::LeakyRelu => (0.01, 0.0),
            // As the specification has them.
            Function::Selu => (1.673_263_2, 1.050_701),
            Function::Affine => (1.0, 0.0),
            Function::Celu
            | Function::Elu
            | Function::Mish
            | Function::Relu
            | Function::ScaledTanh
            | Function::Sigmoid
            | Function::Softplus
            | Function::Softsign
            | Function::Swish
            | Function::Tanh
            | Function::ThresholdedRelu => (1.0, 1.0),
        }
    }

    /// Returns whether it has an alpha, and a beta, that a recurrent network may give.
    pub fn parameters(self) -> (bool, bool) {
        match self {
            Function::Affine | Function::HardSigmoid | Function::ScaledTanh => (true, true),
            Function::Elu | Function::LeakyRelu | Function::ThresholdedRelu => (true, false),
            Function::Celu
            | Function::HardSwish
            | Function::Mish
            | Function::Relu
            | Function::Selu
            | Function::Sigmoid
            | Function::Softplus
            | Function::Softsign
            | Function::Swish
            | Function::Tanh => (false, false),
        }
    }

    /// The function of that name among those that recurrent networks may use.
    pub fn named(name: &str) -> Option<Function> {
        const KNOWN: [(&str, Function); 11] = [
            ("affine", Function::Affine),
            ("elu", Function::Elu),
            ("hardsigmoid", Function::HardSigmoid),
            ("leakyrelu", Function::LeakyRelu),
            ("relu", Function::Relu),
            ("scaledtanh", Function::ScaledTanh),
            ("sigmoid", Function::Sigmoid),
            ("softplus", Function::Softplus),
            ("softsign", Function::Softsign),
            ("tanh", Function::Tanh),
            ("thresholdedrelu", Function::ThresholdedRelu),
        ];
        let wanted = name.to_lowercase();
        KNOWN.into_iter().find(|(known, _)| *known == wanted).map(|(_, function)| function)
    }

    /// The function of each element.
    pub fn write(self, write: &Writer, x: ValueId, alpha: f32, beta: f32) -> Written {
        let zero = write.like(x, 0.0);
        let expm1 = |x: ValueId| write.plus(write.unary(Unary::Exp, x)?, -1.0);
        match self {
            Function::Affine => write.plus(write.times(x, alpha)?, beta),
            Function::Celu => {
                let bent = write.times(expm1(write.times(x, alpha.recip())?)?, alpha)?;
                write.add(write.binary(Binary::Max, x, zero)?, write.binary(Binary::Min, bent, zero)?)
            }
            Function::Elu => {
                let bent = write.times(expm1(x)?, alpha)?;
                write.select(write.binary(Binary::Greater, x, zero)?, x, bent)
            }
            Function::HardSigmoid => {
                let line = write.plus(write.times(x, alpha)?, beta)?;
                let low = write.binary(Binary::Max, line, zero)?;
                write.binary(Binary::Min, low, write.like(x, 1.0))
            }
            Function::HardSwish => write.mul(x, Function::HardSigmoid.write(write, x, alpha, beta)?),
            Function::LeakyRelu => leak(write, x, write.times(x, alpha)?),
            Function::Mish => {
                let inner = Function::Softplus.write(write, x, alpha, beta)?;
                write.mul(x, write.activation(Activation::Tanh, inner)?)
            }
            Function::Relu => write.activation(Activation::Relu, x),
            Function::ScaledTanh => {
                write.times(write.activation(Activation::Tanh, write.times(x, beta)?)?, alpha)
            }
            Function::Selu => write.times(Function::Elu.write(write, x, alpha, beta)?, beta),
            Function::Sigmoid => write.activation(Activation::Sigmoid, x),
            Function::Softplus => {
                // The exponent is never positive, so nothing overflows.
                let small = write.unary(Unary::Neg, write.unary(Unary::Abs, x)?)?;
                let rest = write.unary(Unary::Log, write.plus(write.unary(Unary::Exp, small)?, 1.0)?)?;
                write.add(write.binary(Binary::Max, x, zero)?, rest)
            }
            Function::Softsign => write.div(x, write.plus(write.unary(Unary::Abs, x)?, 1.0)?),
            Function::Swish => {
                let gate = write.activation(Activation::Sigmoid, write.times(x, alpha)?)?;
                write.mul(x, gate)
            }
            Function::Tanh => write.activation(Activation::Tanh, x),
            Function::ThresholdedRelu => {
                let above = write.binary(Binary::Greater, x, write.like(x, alpha))?;
                write.select(above, x, zero)
            }
        }
    }
}

/// x where it is not negative, `other` elsewhere.
fn leak(write: &Writer, x: ValueId, other: ValueId) -> Written {
    write.select(write.binary(Binary::Less, x, write.like(x, 0.0))?, other, x)
}

/// Any of the functions, of a node with the attributes alpha and beta (Selu's is called gamma).
pub(crate) fn read(node: &NodeView, graph: &mut Builder, function: Function) -> Result<Vec<ValueId>, Error> {
    let (alpha, beta) = function.defaults();
    let alpha = node.attributes.float("alpha")?.unwrap_or(alpha);
    let second = if function == Function::Selu { "gamma" } else { "beta" };
    let beta = node.attributes.float(second)?.unwrap_or(beta);
    let x = node.operand(0)?.id;
    Ok(vec![function.write(&Writer::new(node, graph), x, alpha, beta)?])
}

/// QuickGelu: `x · sigmoid(1.702 · x)`.
pub(crate) fn read_quick_gelu(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let alpha = node.attributes.float("alpha")?.unwrap_or(1.702);
    let x = node.operand(0)?.id;
    Ok(vec![Function::Swish.write(&Writer::new(node, graph), x, alpha, 0.0)?])
}

/// BiasGelu, FastGelu: GELU of the sum with an optional bias.
pub(crate) fn read_bias_gelu(
    node: &NodeView,
    graph: &mut Builder,
    function: Activation,
) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let sum = node.optional(1).map_or(Ok(x), |bias| write.add(x, bias.id))?;
    Ok(vec![write.activation(function, sum)?])
}

/// PRelu: the slope broadcasts to x.
pub(crate) fn read_parametric(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (x, slope) = (node.operand(0)?.id, node.operand(1)?.id);
    let write = &Writer::new(node, graph);
    Ok(vec![leak(write, x, write.mul(x, slope)?)?])
}

/// Clip: the bounds are operands since opset 11, attributes before.
pub(crate) fn read_clip(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let mut x = node.operand(0)?.id;
    let bounds = [(1, "min", Binary::Max), (2, "max", Binary::Min)];
    let write = &Writer::new(node, graph);
    for (index, name, function) in bounds {
        let attribute = || Ok(node.attributes.float(name)?.map(|bound| write.like(x, bound)));
        let bound = node.optional(index).map_or_else(attribute, |bound| Ok::<_, Error>(Some(bound.id)))?;
        if let Some(bound) = bound {
            x = write.binary(function, x, bound)?;
        }
    }
    Ok(vec![x])
}

/// Shrink: 0 within `lambd` of 0, `bias` nearer to it beyond.
pub(crate) fn read_shrink(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let lambda = node.attributes.float("lambd")?.unwrap_or(0.5);
    let bias = node.attributes.float("bias")?.unwrap_or(0.0);
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let (below, above) = (write.like(x, -lambda), write.like(x, lambda));
    let high =
        write.select(write.binary(Binary::Greater, x, above)?, write.plus(x, -bias)?, write.like(x, 0.0))?;
    Ok(vec![write.select(write.binary(Binary::Less, x, below)?, write.plus(x, bias)?, high)?])
}

/// Sum, and with `mean` Mean: of one operand or more.
pub(crate) fn read_sum(node: &NodeView, graph: &mut Builder, mean: bool) -> Result<Vec<ValueId>, Error> {
    let mut sum = node.operand(0)?.id;
    let count = node.inputs.len();
    let write = &Writer::new(node, graph);
    for index in 1..count {
        sum = write.add(sum, node.operand(index)?.id)?;
    }
    Ok(vec![if mean { write.times(sum, 1.0 / count as f32)? } else { sum }])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "bias gelu",
                "a: f32[2,2] = 0 0.3 -0.3 -0.9\n\
                 b: f32[2] = -0.5 -1\n\
                 y = com.microsoft.BiasGelu(a, b)",
                "f32[2,2] = -0.154269 -0.169375 -0.169484 -0.054561",
            ),
            (
                "fast gelu",
                "a: f32[2,2] = 0.1 1.3 -0.5 -0.6\n\
                 b: f32[2] = 0.5 0.4\n\
                 y = com.microsoft.FastGelu(a, b)",
                "f32[2,2] = 0.435415 1.624106 0 -0.084149",
            ),
            (
                "quick gelu",
                "a: f32[3] = 0.1 -0.9 -0\n\
                 y = com.microsoft.QuickGelu(a)",
                "f32[3] = 0.054245 -0.159957 -0",
            ),
        ]);
    }
}
