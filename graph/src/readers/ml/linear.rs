//! Linear models of ai.onnx.ml: LinearRegressor, LinearClassifier.

use super::{PostTransform, best, floats, labels, one_of_two, rows};
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::Binary;
use crate::tensor::Tensor;
use crate::writer::{Writer, Written};

/// `x · coefficientsᵀ + intercepts`, a column for each target.
fn scores(node: &NodeView, write: &Writer, targets: usize) -> Written {
    let x = rows(node, write, 0)?;
    let width = write.shape(x)[1];
    let coefficients = floats(node.attributes, "coefficients")?;
    if coefficients.len() != targets.saturating_mul(width) {
        return Err(invalid!("{} coefficients do not fit {targets} times {width}", coefficients.len()));
    }
    let weights = write.transpose_last(write.constant(Tensor::new([targets, width], coefficients)?))?;
    let product = write.matmul(x, weights)?;
    let intercepts = floats(node.attributes, "intercepts")?;
    if intercepts.is_empty() {
        return Ok(product);
    }
    write.add(product, write.constant(Tensor::vector(intercepts)))
}

/// LinearRegressor.
pub(crate) fn read_regressor(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let targets = node.attributes.int("targets")?.unwrap_or(1);
    let targets = usize::try_from(targets).map_err(|_| invalid!("targets is {targets}"))?;
    let write = &Writer::new(node, graph);
    let computed = scores(node, write, targets)?;
    Ok(vec![PostTransform::of(node)?.write(write, computed)?])
}

/// LinearClassifier: labels and scores. One score for two classes is that of the second.
pub(crate) fn read_classifier(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let labels = labels(node, "classlabels_ints")?;
    let transform = PostTransform::of(node)?;
    let targets = floats(node.attributes, "intercepts")?.len().max(1);
    let write = &Writer::new(node, graph);
    let computed = scores(node, write, targets)?;
    if targets > 1 {
        return Ok(vec![best(write, computed, &labels)?, transform.write(write, computed)?]);
    }
    if labels.len() != 2 {
        return Err(invalid!("it has one score for {} class labels", labels.len()));
    }
    let second = write.binary(Binary::Greater, computed, write.float(0.0))?;
    let own = match transform {
        // Of a single score ONNX Runtime makes no softmax.
        PostTransform::Softmax | PostTransform::SoftmaxZero | PostTransform::None => computed,
        PostTransform::Logistic | PostTransform::Probit => transform.write(write, computed)?,
    };
    let other = write.plus(write.times(own, -1.0)?, 1.0)?;
    Ok(vec![one_of_two(write, second, &labels)?, write.concat(1, &[other, own])?])
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check_near, refuse};

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        let x = "x: f32[3,2] = 0.3 -1 -0.5 2 1.2 0.1\n";
        let two = "coefficients=[0.5,-0.2], intercepts=[0.1], classlabels_ints=[10,20]";
        let three = "coefficients=[0.5,-0.2,0.3,0.7,-0.1,0.2], intercepts=[0.1,-0.2,0.3], classlabels_ints=[10,20,30]";
        let classifier = |outputs: &str, attributes: &str, transform: &str| {
            format!(
                "{x}{outputs} = ai.onnx.ml.LinearClassifier(x, {attributes}, post_transform=\"{transform}\")"
            )
        };
        let rows = [
            ("two classes", classifier("y, s", two, "NONE"), "i64[3] = 20 10 20"),
            ("their scores", classifier("l, y", two, "NONE"), "f32[3,2] = 0.55 0.45 1.55 -0.55 0.32 0.68"),
            (
                "their probabilities",
                classifier("l, y", two, "LOGISTIC"),
                "f32[3,2] = 0.38936 0.61064 0.63414 0.36586 0.33626 0.66374",
            ),
            ("three classes", classifier("y, s", three, "NONE"), "i64[3] = 10 20 10"),
            (
                "their softmax",
                classifier("l, y", three, "SOFTMAX"),
                "f32[3,3] = 0.50826 0.14417 0.34758 0.10392 0.51474 0.38133 0.44318 0.28259 0.27423",
            ),
            (
                "probit",
                format!(
                    "{x}y = ai.onnx.ml.LinearRegressor(x, coefficients=[0.5,-0.2], intercepts=[0.1], post_transform=\"PROBIT\")"
                ),
                "f32[3,1] = -0.12566201 nan 0.46773263",
            ),
        ];
        check_near(&rows.each_ref().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)));
    }

    #[test]
    fn refusals() {
        refuse(&[(
            "coefficients",
            "x: f32[1,3]\ny = ai.onnx.ml.LinearRegressor(x, coefficients=[0.5,-0.2])",
            "2 coefficients do not fit 1 times 3",
        )]);
    }
}
