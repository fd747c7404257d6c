//! Operators with which ai.onnx.ml prepares features: Scaler, Normalizer, Binarizer, Imputer, encoders, and what
//! picks and joins columns.

use super::{floats, rows};
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::reduce::Reduction;
use crate::ops::{ArgReduce, Binary, Operator, Unary};
use crate::tensor::{DataType, Tensor};
use crate::writer::{Writer, Written};

/// Scaler: `(x − offset) · scale`, one of each for all or for each column.
pub(crate) fn read_scaler(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?.id;
    let (offset, scale) = (floats(node.attributes, "offset")?, floats(node.attributes, "scale")?);
    let write = &Writer::new(node, graph);
    let x = write.cast(x, DataType::F32)?;
    let apart = write.sub(x, write.constant(Tensor::vector(offset)))?;
    Ok(vec![write.mul(apart, write.constant(Tensor::vector(scale)))?])
}

/// Normalizer: each row by its largest element, its sum of magnitudes or the root of its sum of squares; a row of zeros
/// stays as it is.
pub(crate) fn read_normalizer(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let norm = node.attributes.text("norm")?.unwrap_or("MAX").to_owned();
    let write = &Writer::new(node, graph);
    let x = rows(node, write, 0)?;
    let size = match norm.as_str() {
        "MAX" => write.reduce(Reduction::Max, x, &[1], true)?,
        "L1" => write.reduce(Reduction::Sum, write.unary(Unary::Abs, x)?, &[1], true)?,
        "L2" => write.reduce(Reduction::L2, x, &[1], true)?,
        other => return Err(invalid!("its norm is {other:?}")),
    };
    let nothing = write.binary(Binary::Equal, size, write.float(0.0))?;
    let divided = write.div(x, write.select(nothing, write.float(1.0), size)?)?;
    Ok(vec![write.reshape(divided, node.shape(0)?)?])
}

/// Binarizer: 1 above the threshold, 0 elsewhere.
pub(crate) fn read_binarizer(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let threshold = node.attributes.float("threshold")?.unwrap_or(0.0);
    let x = node.operand(0)?;
    let (x, data_type) = (x.id, x.tensor_type.data_type);
    let write = &Writer::new(node, graph);
    let float = write.cast(x, DataType::F32)?;
    let above = write.binary(Binary::Greater, float, write.float(threshold))?;
    Ok(vec![write.cast(above, data_type)?])
}

/// Imputer: another number in place of one that stands for nothing, which may be NaN.
pub(crate) fn read_imputer(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?;
    let (x, is_float) = (x.id, x.tensor_type.data_type.is_float());
    let write = &Writer::new(node, graph);
    let (absent, imputed) = if is_float {
        let replaced = node.attributes.float("replaced_value_float")?.unwrap_or(0.0);
        let absent = match replaced.is_nan() {
            true => write.unary(Unary::IsNaN, x)?,
            false => write.binary(Binary::Equal, x, write.float(replaced))?,
        };
        (absent, write.constant(Tensor::vector(floats(node.attributes, "imputed_value_floats")?)))
    } else {
        let replaced = node.attributes.int("replaced_value_int64")?.unwrap_or(0);
        let replaced = write.cast(write.constant(Tensor::scalar(replaced)), write.data_type(x))?;
        let imputed = node.attributes.ints("imputed_value_int64s")?.unwrap_or_default();
        let imputed = write.cast(write.integers(imputed.iter().copied()), write.data_type(x))?;
        (write.binary(Binary::Equal, x, replaced)?, imputed)
    };
    Ok(vec![write.select(absent, imputed, x)?])
}

/// The endings of the attributes that hold a list of the encoders, one for each type.
const LISTS: [&str; 3] = ["int64s", "floats", "tensor"];

/// A list of numbers; refuses texts.
fn list(node: &NodeView, name: &str) -> Result<Tensor, Error> {
    if node.attributes.texts(&format!("{name}_strings"))?.is_some_and(|texts| !texts.is_empty()) {
        return Err(unsupported!("its {name} are texts; encode them before the model"));
    }
    for ending in LISTS {
        let name = format!("{name}_{ending}");
        let found = match ending {
            "int64s" => node.attributes.ints(&name)?.map(Tensor::vector::<i64>),
            "floats" => node.attributes.floats_or_integers(&name)?.map(Tensor::vector::<f32>),
            _ => node.attributes.tensor(&name)?.map(|tensor| tensor.reshaped(&[tensor.len()])),
        };
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(unsupported!("its {name} are no numbers"))
}

/// LabelEncoder: the value of the first key that an element equals.
pub(crate) fn read_labels(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (keys, values) = (list(node, "keys")?, list(node, "values")?);
    if keys.len() != values.len() || keys.is_empty() {
        return Err(invalid!("it has {} keys for {} values", keys.len(), values.len()));
    }
    let default = match (node.attributes.tensor("default_tensor")?, values.data_type()) {
        (Some(tensor), _) => tensor.reshaped(&[]),
        (None, DataType::F32) => Tensor::scalar(node.attributes.float("default_float")?.unwrap_or(-0.0)),
        (None, _) => Tensor::scalar(node.attributes.int("default_int64")?.unwrap_or(-1)),
    };
    let x = node.operand(0)?.id;
    let has_nan = keys.as_f32().is_some_and(|keys| keys.iter().any(|key| key.is_nan()));
    let write = &Writer::new(node, graph);
    let rank = write.shape(x).len();
    let apart = write.trailing(x, rank + 1)?;
    let keys = write.cast(write.constant(keys), write.data_type(x))?;
    let mut same = write.binary(Binary::Equal, apart, keys)?;
    if has_nan {
        let both =
            write.binary(Binary::And, write.unary(Unary::IsNaN, apart)?, write.unary(Unary::IsNaN, keys)?)?;
        same = write.binary(Binary::Or, same, both)?;
    }
    let hits = write.cast(same, DataType::F32)?;
    let first = Operator::ArgReduce(ArgReduce { axis: rank, largest: true, last: false });
    let value = write.gather(write.constant(values), 0, write.push(first, &[Some(hits)])?)?;
    let any = write.cast(write.reduce(Reduction::Max, hits, &[rank], false)?, DataType::Bool)?;
    let default = write.cast(write.constant(default), write.data_type(value))?;
    Ok(vec![write.select(any, value, default)?])
}

/// OneHotEncoder: a column for each category, all zero for what is none.
pub(crate) fn read_one_hot(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    if node.attributes.texts("cats_strings")?.is_some_and(|texts| !texts.is_empty()) {
        return Err(unsupported!("its categories are texts; encode them before the model"));
    }
    let categories = node.attributes.ints("cats_int64s")?.unwrap_or_default();
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let apart = write.trailing(write.cast(x, DataType::I64)?, write.shape(x).len() + 1)?;
    let same = write.binary(Binary::Equal, apart, write.integers(categories.iter().copied()))?;
    Ok(vec![write.cast(same, DataType::F32)?])
}

/// FeatureVectorizer: the columns of all operands beside each other.
pub(crate) fn read_vectorizer(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let write = &Writer::new(node, graph);
    let parts = (0..node.inputs.len()).map(|index| rows(node, write, index));
    Ok(vec![write.concat(1, &parts.collect::<Result<Vec<_>, _>>()?)?])
}

/// ArrayFeatureExtractor: columns by their numbers.
pub(crate) fn read_extractor(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (x, indices) = (node.operand(0)?.id, node.operand(1)?);
    let (indices, count) = (indices.id, indices.tensor_type.element_count());
    let write = &Writer::new(node, graph);
    let picked = pick(write, x, write.reshape(indices, &[count])?)?;
    let shape = write.shape(picked);
    Ok(vec![if shape.len() == 1 { write.reshape(picked, &[1, count])? } else { picked }])
}

fn pick(write: &Writer, x: ValueId, indices: ValueId) -> Written {
    let last = write.shape(x).len().checked_sub(1).ok_or_else(|| invalid!("its operand is a scalar"))?;
    write.gather(x, last, indices)
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        let x = "x: f32[3,2] = 0.25 -1 -0.5 2 0 0\n";
        let rows = [
            ("Scaler(x, offset=[1.5,2.0], scale=[0.5,2.0])", "f32[3,2] = -0.625 -6 -1 0 -0.75 -4"),
            ("Scaler(x, offset=[1.5], scale=[0.5])", "f32[3,2] = -0.625 -1.25 -1 0.25 -0.75 -0.75"),
            ("Normalizer(x, norm=\"MAX\")", "f32[3,2] = 1 -4 -0.25 1 0 0"),
            ("Normalizer(x, norm=\"L1\")", "f32[3,2] = 0.2 -0.8 -0.2 0.8 0 0"),
            ("Normalizer(x, norm=\"L2\")", "f32[3,2] = 0.24253564 -0.97014254 -0.24253564 0.97014254 0 0"),
            ("Binarizer(x, threshold=0.2)", "f32[3,2] = 1 0 0 1 0 0"),
            (
                "Imputer(x, imputed_value_floats=[7.0,8.5], replaced_value_float=-1.0)",
                "f32[3,2] = 0.25 8.5 -0.5 2 0 0",
            ),
            ("LabelEncoder(x, keys_floats=[0.25,2.0], values_int64s=[5,6])", "i64[3,2] = 5 -1 -1 6 -1 -1"),
            ("OneHotEncoder(x, cats_int64s=[-1,2])", "f32[3,2,2] = 0 0 1 0 0 0 0 1 0 0 0 0"),
            (
                "FeatureVectorizer(x, x, inputdimensions=[2,2])",
                "f32[3,4] = 0.25 -1 0.25 -1 -0.5 2 -0.5 2 0 0 0 0",
            ),
        ];
        let rows = rows.map(|(call, expected)| (call, format!("{x}y = ai.onnx.ml.{call}"), expected));
        check(&rows.each_ref().map(|(name, graph, expected)| (*name, graph.as_str(), *expected)));
        check(&[(
            "columns",
            "x: f32[2,3] = 1 2 3 4 5 6\ni: i64[1,2] = 2 0\ny = ai.onnx.ml.ArrayFeatureExtractor(x, i)",
            "f32[2,2] = 3 1 6 4",
        )]);
    }

    #[test]
    fn refusals() {
        refuse(&[(
            "no keys",
            "x: f32[1]\ny = ai.onnx.ml.LabelEncoder(x, values_int64s=[1])",
            "its keys are no numbers",
        )]);
    }
}
