//! The domain ai.onnx.ml: classical models, made of the static graph's own operators. Numbers only: texts are refused.

pub(crate) mod encode;
mod ensemble;
pub(crate) mod linear;
pub(crate) mod support_vectors;
pub(crate) mod tree;

use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::onnx::Attributes;
use crate::ops::reduce::Reduction;
use crate::ops::{Activation, ArgReduce, Binary, Operator, Unary};
use crate::tensor::{DataType, Tensor};
use crate::writer::{Writer, Written};

/// The function that is applied to scores, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PostTransform {
    None,
    Softmax,
    Logistic,
    /// Softmax among the scores that are not zero.
    SoftmaxZero,
    Probit,
}

/// Texts of the attribute, in the order of the numbers that newer operators write.
const POST_TRANSFORMS: [(&str, PostTransform); 5] = [
    ("NONE", PostTransform::None),
    ("SOFTMAX", PostTransform::Softmax),
    ("LOGISTIC", PostTransform::Logistic),
    ("SOFTMAX_ZERO", PostTransform::SoftmaxZero),
    ("PROBIT", PostTransform::Probit),
];

impl PostTransform {
    fn of(node: &NodeView) -> Result<PostTransform, Error> {
        let name = node.attributes.text("post_transform")?.unwrap_or("NONE");
        let found = POST_TRANSFORMS.iter().find(|(known, _)| *known == name);
        found.map(|(_, found)| *found).ok_or_else(|| unsupported!("its post_transform is {name:?}"))
    }

    fn of_number(number: i64) -> Result<PostTransform, Error> {
        let found = usize::try_from(number).ok().and_then(|number| POST_TRANSFORMS.get(number));
        found.map(|(_, found)| *found).ok_or_else(|| invalid!("its post_transform is {number}"))
    }

    /// Of scores `[rows, columns]`.
    fn write(self, write: &Writer, scores: ValueId) -> Written {
        match self {
            PostTransform::None => Ok(scores),
            PostTransform::Softmax => write.softmax(scores, 1),
            PostTransform::Logistic => write.activation(Activation::Sigmoid, scores),
            PostTransform::SoftmaxZero => {
                let largest = write.reduce(Reduction::Max, scores, &[1], true)?;
                let powers = write.unary(Unary::Exp, write.sub(scores, largest)?)?;
                let size = write.unary(Unary::Abs, scores)?;
                let some = write.binary(Binary::Greater, size, write.float(1e-7))?;
                let powers = write.select(some, powers, write.float(0.0))?;
                let sum = write.reduce(Reduction::Sum, powers, &[1], true)?;
                let nothing = write.binary(Binary::Equal, sum, write.float(0.0))?;
                write.div(powers, write.select(nothing, write.float(1.0), sum)?)
            }
            PostTransform::Probit => probit(write, scores),
        }
    }
}

/// The inverse of the normal distribution by Winitzki's approximation of the inverse error function, as ONNX Runtime
/// has it.
fn probit(write: &Writer, x: ValueId) -> Written {
    const A: f32 = 0.147;
    let centred = write.plus(write.times(x, 2.0)?, -1.0)?;
    let square = write.mul(centred, centred)?;
    let logarithm = write.unary(Unary::Log, write.plus(write.times(square, -1.0)?, 1.0)?)?;
    let half = write.plus(write.times(logarithm, 0.5)?, 2.0 / (std::f32::consts::PI * A))?;
    let inner = write.sub(write.mul(half, half)?, write.times(logarithm, 1.0 / A)?)?;
    let size = write.unary(Unary::Sqrt, write.sub(write.unary(Unary::Sqrt, inner)?, half)?)?;
    let sign = write.select(
        write.binary(Binary::Less, centred, write.float(0.0))?,
        write.float(-std::f32::consts::SQRT_2),
        write.float(std::f32::consts::SQRT_2),
    )?;
    write.mul(sign, size)
}

/// Rows of numbers, as f32: a vector is one row.
fn rows(node: &NodeView, write: &Writer, index: usize) -> Written {
    let x = write.cast(node.operand(index)?.id, DataType::F32)?;
    match write.shape(x)[..] {
        [width] => write.reshape(x, &[1, width]),
        [_, _] => Ok(x),
        ref other => Err(invalid!("its operand of shape {other:?} is no matrix")),
    }
}

/// A list of floats, or a tensor of the same name with a suffix.
fn floats(attributes: &Attributes, name: &str) -> Result<Vec<f32>, Error> {
    if let Some(tensor) = attributes.tensor(&format!("{name}_as_tensor"))? {
        return Ok(tensor.to_f32_vec());
    }
    Ok(attributes.floats_or_integers(name)?.unwrap_or_default())
}

/// The classes of a classifier.
fn labels(node: &NodeView, integers: &str) -> Result<Vec<i64>, Error> {
    if node.attributes.texts("classlabels_strings")?.is_some_and(|texts| !texts.is_empty()) {
        return Err(unsupported!("its class labels are texts; export the model with integer labels"));
    }
    let labels = node.attributes.ints(integers)?.unwrap_or_default().to_vec();
    match labels.len() {
        0 | 1 => Err(unsupported!("it has {} class labels", labels.len())),
        _ => Ok(labels),
    }
}

/// The label of each row's largest score, the first of several.
fn best(write: &Writer, scores: ValueId, labels: &[i64]) -> Written {
    if write.shape(scores).get(1) != Some(&labels.len()) {
        return Err(invalid!("{} labels do not fit scores {:?}", labels.len(), write.shape(scores)));
    }
    let search = Operator::ArgReduce(ArgReduce { axis: 1, largest: true, last: false });
    write.gather(write.integers(labels.iter().copied()), 0, write.push(search, &[Some(scores)])?)
}

/// The second label where a condition `[rows, 1]` holds, the first elsewhere.
fn one_of_two(write: &Writer, second: ValueId, labels: &[i64]) -> Written {
    let rows = write.shape(second)[0];
    let label = |at: usize| write.constant(Tensor::scalar(labels[at]));
    write.select(write.reshape(second, &[rows])?, label(1), label(0))
}
