//! SVMRegressor of ai.onnx.ml.

use super::{PostTransform, floats, rows};
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::reduce::Reduction;
use crate::ops::{Activation, Binary, Unary};
use crate::strided::table;
use crate::tensor::Tensor;
use crate::writer::{Writer, Written};

/// The likeness of x and each of the support vectors, `[rows, vectors]`.
fn kernel(node: &NodeView, write: &Writer, x: ValueId, vectors: ValueId) -> Written {
    let parameters = floats(node.attributes, "kernel_params")?;
    let parameter = |at: usize| parameters.get(at).copied().unwrap_or(0.0);
    let (gamma, offset, degree) = (parameter(0), parameter(1), parameter(2));
    let product = || write.matmul(x, write.transpose_last(vectors)?);
    let shifted = || write.plus(write.times(product()?, gamma)?, offset);
    match node.attributes.text("kernel_type")?.unwrap_or("LINEAR") {
        "LINEAR" => product(),
        "POLY" => write.binary(Binary::Pow, shifted()?, write.float(degree)),
        "SIGMOID" => write.activation(Activation::Tanh, shifted()?),
        "RBF" => {
            let [rows, width] = write.shape(x)[..] else { return Err(invalid!("its operand is no matrix")) };
            let count = write.shape(vectors)[0];
            let x = write.reshape(x, &[rows, 1, width])?;
            let apart = write.sub(x, write.reshape(vectors, &[1, count, width])?)?;
            let squares = write.reduce(Reduction::Sum, write.mul(apart, apart)?, &[2], false)?;
            write.unary(Unary::Exp, write.times(squares, -gamma)?)
        }
        other => Err(unsupported!("its kernel_type is {other:?}")),
    }
}

/// SVMRegressor: the likeness to each support vector by its coefficient; without vectors, a linear model.
pub(crate) fn read_regressor(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let count = node.attributes.int("n_supports")?.unwrap_or(0);
    let count = usize::try_from(count).map_err(|_| invalid!("n_supports is {count}"))?;
    let coefficients = floats(node.attributes, "coefficients")?;
    let shift = floats(node.attributes, "rho")?.first().copied().unwrap_or(0.0);
    let write = &Writer::new(node, graph);
    let x = rows(node, write, 0)?;
    let width = write.shape(x)[1];
    let likeness = match count {
        0 => x,
        _ => {
            table(&[count, width])?;
            let vectors = Tensor::new([count, width], floats(node.attributes, "support_vectors")?)?;
            kernel(node, write, x, write.constant(vectors))?
        }
    };
    let weights = Tensor::new([coefficients.len(), 1], coefficients)?;
    let score = write.plus(write.matmul(likeness, write.constant(weights))?, shift)?;
    if node.attributes.flag("one_class", false)? {
        let inside = write.binary(Binary::Greater, score, write.float(0.0))?;
        return Ok(vec![write.select(inside, write.float(1.0), write.float(-1.0))?]);
    }
    Ok(vec![PostTransform::of(node)?.write(write, score)?])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        let graph = |kernel: &str| {
            format!(
                "x: f32[3,2] = 0.3 -1 -0.5 2 1.2 0.1\n\
                 y = ai.onnx.ml.SVMRegressor(x, kernel_type=\"{kernel}\", kernel_params=[0.5,0.2,2.0], \
                 coefficients=[0.5,-1.0,0.25], support_vectors=[1.0,0.0,0.0,1.0,0.5,0.5], n_supports=3, rho=[0.1])"
            )
        };
        let rows = [
            ("LINEAR", "f32[3,1] = 1.1625 -1.9625 0.7625"),
            ("POLY", "f32[3,1] = 0.07140626 -1.25609374 0.42640629"),
            ("RBF", "f32[3,1] = 0.28754294 -0.36406505 0.44363430"),
            ("SIGMOID", "f32[3,1] = 0.56574911 -0.62887824 0.30748722"),
        ];
        let rows = rows.map(|(kernel, expected)| (kernel, graph(kernel), expected));
        check_near(&rows.each_ref().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)));
    }
}
