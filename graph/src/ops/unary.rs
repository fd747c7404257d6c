//! Element-wise operations on one operand.

use super::{Rule, operand};
use crate::error::{Error, unsupported};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// An element-wise operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is named as ONNX names the operator")]
pub enum Unary {
    Abs,
    Neg,
    Sqrt,
    Exp,
    Log,
    Erf,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Asinh,
    Acosh,
    Atanh,
    Floor,
    Ceil,
    /// To the nearest whole number, and to the even one of two.
    Round,
    /// −1, 0 or 1, for floats and integers; NaN stays NaN.
    Sign,
    Reciprocal,
    Not,
    /// All bits inverted, of integers.
    BitwiseNot,
    IsNaN,
    /// True for −∞ or ∞, as far as asked for.
    IsInf {
        negative: bool,
        positive: bool,
    },
    /// One of the functions that can also be fused into the operator before it.
    Activation(Activation),
}

/// The factor of QuickGelu (Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>, section 2).
pub(crate) const QUICK: f64 = 1.702;

/// A non-linear function that matrix products and convolutions can apply to their results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x / 2 · (1 + erf(x / √2))`.
    Gelu,
    /// `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))`.
    GeluTanh,
    /// `x · sigmoid(1.702 · x)`.
    QuickGelu,
    /// `1 / (1 + exp(−x))`.
    Sigmoid,
    /// `x · sigmoid(x)`.
    Silu,
    /// Hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// The function's value, computed in f64.
    pub fn apply(self, x: f32) -> f32 {
        let x = f64::from(x);
        (match self {
            // A comparison would turn NaN into zero.
            Activation::Relu => return if x < 0.0 { 0.0 } else { x as f32 },
            Activation::Gelu => x / 2.0 * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Activation::GeluTanh => {
                let scale = (2.0 / std::f64::consts::PI).sqrt();
                x / 2.0 * (1.0 + (scale * (x + 0.044715 * x * x * x)).tanh())
            }
            Activation::QuickGelu => x / (1.0 + (-QUICK * x).exp()),
            Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::Tanh => x.tanh(),
        }) as f32
    }
}

impl Unary {
    /// In f64; erf is that of FreeBSD's libm, exact to one unit in the last place of f64.
    fn on_float(self, x: f32) -> f32 {
        let wide = f64::from(x);
        (match self {
            Unary::Abs => wide.abs(),
            Unary::Neg => -wide,
            Unary::Sqrt => wide.sqrt(),
            Unary::Exp => wide.exp(),
            Unary::Log => wide.ln(),
            Unary::Erf => libm::erf(wide),
            Unary::Sin => wide.sin(),
            Unary::Cos => wide.cos(),
            Unary::Tan => wide.tan(),
            Unary::Asin => wide.asin(),
            Unary::Acos => wide.acos(),
            Unary::Atan => wide.atan(),
            Unary::Sinh => wide.sinh(),
            Unary::Cosh => wide.cosh(),
            Unary::Asinh => wide.asinh(),
            Unary::Acosh => wide.acosh(),
            Unary::Atanh => wide.atanh(),
            Unary::Floor => wide.floor(),
            Unary::Ceil => wide.ceil(),
            Unary::Round => wide.round_ties_even(),
            Unary::Sign if wide == 0.0 || wide.is_nan() => wide,
            Unary::Sign => wide.signum(),
            Unary::Reciprocal => 1.0 / wide,
            Unary::Activation(activation) => return activation.apply(x),
            // `evaluate` has its own way for them.
            Unary::Not | Unary::BitwiseNot | Unary::IsNaN | Unary::IsInf { .. } => return x,
        }) as f32
    }

    /// Returns whether an element is what is asked for.
    fn is_so(self, x: f32) -> bool {
        match self {
            Unary::IsInf { negative, positive } => {
                x.is_infinite() && if x < 0.0 { negative } else { positive }
            }
            _ => x.is_nan(),
        }
    }

    fn is_question(self) -> bool {
        matches!(self, Unary::IsNaN | Unary::IsInf { .. })
    }
}

impl Rule for Unary {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        let fits = match self {
            Unary::Not => operand.data_type == DataType::Bool,
            Unary::Abs | Unary::Neg | Unary::Sign => operand.data_type != DataType::Bool,
            Unary::BitwiseNot => !matches!(operand.data_type, DataType::Bool | DataType::F32),
            Unary::Sqrt
            | Unary::Exp
            | Unary::Log
            | Unary::Erf
            | Unary::Sin
            | Unary::Cos
            | Unary::Tan
            | Unary::Asin
            | Unary::Acos
            | Unary::Atan
            | Unary::Sinh
            | Unary::Cosh
            | Unary::Asinh
            | Unary::Acosh
            | Unary::Atanh
            | Unary::Floor
            | Unary::Ceil
            | Unary::Round
            | Unary::Reciprocal
            | Unary::IsNaN
            | Unary::IsInf { .. }
            | Unary::Activation(_) => operand.data_type == DataType::F32,
        };
        if !fits {
            return Err(unsupported!("its operand is {operand}"));
        }
        let data_type = if self.is_question() { DataType::Bool } else { operand.data_type };
        Ok(TensorType { data_type, shape: operand.shape.clone() })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let tensor = operand(inputs, 0)?;
        let Some(floats) = tensor.as_f32() else {
            let change = |integer: i64| match self {
                Unary::Not => i64::from(integer == 0),
                Unary::BitwiseNot => !integer,
                Unary::Sign => integer.signum(),
                Unary::Abs => integer.wrapping_abs(),
                _ => integer.wrapping_neg(),
            };
            let integers = tensor.to_i64_vec().unwrap_or_default();
            return Ok(Data::from_integers(result.data_type, integers.into_iter().map(change)));
        };
        Ok(match self {
            question if question.is_question() => {
                Data::Bool(floats.iter().map(|&float| question.is_so(float)).collect())
            }
            function => Data::F32(floats.iter().map(|&float| function.on_float(float)).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // Expected values from tables of the functions, to f32's precision.
        check(&[
            ("abs", "x: f32[2] = -1.5 2\ny = Abs(x)", "f32[2] = 1.5 2"),
            ("abs of integers", "x: i64[2] = -3 2\ny = Abs(x)", "i64[2] = 3 2"),
            ("neg", "x: i32[2] = -3 2\ny = Neg(x)", "i32[2] = 3 -2"),
            ("sqrt", "x: f32[2] = 4 -1\ny = Sqrt(x)", "f32[2] = 2 nan"),
            ("exp", "x: f32[2] = 1 -inf\ny = Exp(x)", "f32[2] = 2.7182817 0"),
            ("log", "x: f32[2] = 1 0\ny = Log(x)", "f32[2] = 0 -inf"),
            (
                "erf",
                "x: f32[5] = 0 0.5 1 -2 9\ny = Erf(x)",
                "f32[5] = 0 0.5204998778 0.8427007929 -0.9953222650 1",
            ),
            ("sin", "x: f32[2] = 0 1\ny = Sin(x)", "f32[2] = 0 0.8414709848"),
            ("cos", "x: f32[2] = 0 1\ny = Cos(x)", "f32[2] = 1 0.5403023059"),
            ("floor", "x: f32[3] = 1.5 -1.5 2\ny = Floor(x)", "f32[3] = 1 -2 2"),
            ("reciprocal", "x: f32[2] = 4 0\ny = Reciprocal(x)", "f32[2] = 0.25 inf"),
            ("not", "x: bool[2] = 0 1\ny = Not(x)", "bool[2] = 1 0"),
            ("round to even", "x: f32[4] = 0.5 1.5 -2.5 2.6\ny = Round(x)", "f32[4] = 0 2 -2 3"),
            ("sign", "x: f32[4] = -3 0 2 nan\ny = Sign(x)", "f32[4] = -1 0 1 nan"),
            ("sign of integers", "x: i8[3] = -3 0 2\ny = Sign(x)", "i8[3] = -1 0 1"),
            ("bits", "x: u8[2] = 0 5\ny = BitwiseNot(x)", "u8[2] = 255 250"),
            ("is inf", "x: f32[3] = nan inf -inf\ny = IsInf(x, detect_negative=0)", "bool[3] = 0 1 0"),
            ("is nan", "x: f32[3] = nan inf 0\ny = IsNaN(x)", "bool[3] = 1 0 0"),
            ("relu", "x: f32[3] = -1 0 2\ny = Relu(x)", "f32[3] = 0 0 2"),
            ("relu keeps nan", "x: f32[1] = nan\ny = Relu(x)", "f32[1] = nan"),
            ("sigmoid", "x: f32[3] = 0 1 -1000\ny = Sigmoid(x)", "f32[3] = 0.5 0.7310585786 0"),
            ("tanh", "x: f32[2] = 0.5 1000\ny = Tanh(x)", "f32[2] = 0.4621171573 1"),
            ("gelu", "opset 20\nx: f32[3] = -1 0 1\ny = Gelu(x)", "f32[3] = -0.1586552539 0 0.8413447461"),
            ("gelu, contributed", "x: f32[1] = 1\ny = com.microsoft.Gelu(x)", "f32[1] = 0.8413447461"),
            (
                "gelu by tanh",
                "opset 20\nx: f32[1] = 1\ny = Gelu(x, approximate=\"tanh\")",
                "f32[1] = 0.8411919906",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("sqrt of integers", "x: i64[2]\ny = Sqrt(x)", "i64[2]"),
            ("not of floats", "x: f32[2]\ny = Not(x)", "f32[2]"),
            ("gelu by guess", "opset 20\nx: f32[2]\ny = Gelu(x, approximate=\"guess\")", "guess"),
        ]);
    }
}
