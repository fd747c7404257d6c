//! A new shape for the same elements in the same order: Reshape, Squeeze, Unsqueeze, Flatten.

use super::{Operator, Rule, operand};
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::growth::linear::extents;
use crate::ir::ValueId;
use crate::node_view::{NodeView, axes, axis};
use crate::tensor::{Data, Tensor, TensorType};

/// Gives its input another shape; no element moves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reshape {
    /// The output's shape.
    pub shape: Vec<usize>,
}

/// Reshape: 0 copies the operand's extent unless `allowzero`, one -1 is whatever is left.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let wanted = node.linear(1, "shape")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    let wanted = extents(&wanted, graph.capacity())?;
    let shape = resolve(node.shape(0)?, &wanted, node.attributes.flag("allowzero", false)?)?;
    node.apply(graph, Operator::Reshape(Reshape { shape }), 1)
}

fn resolve(from: &[usize], wanted: &[i64], allow_zero: bool) -> Result<Vec<usize>, Error> {
    let misfit = || invalid!("shape {from:?} does not become {wanted:?}");
    let mut shape = Vec::new();
    let mut open = None;
    for (at, &extent) in wanted.iter().enumerate() {
        shape.push(match extent {
            0 if !allow_zero => *from.get(at).ok_or_else(misfit)?,
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            extent => usize::try_from(extent).map_err(|_| misfit())?,
        });
    }
    if let Some(at) = open {
        let count: usize = from.iter().product();
        let others = shape.iter().try_fold(1usize, |product, &extent| product.checked_mul(extent));
        let left = others.filter(|&others| others > 0 && count.is_multiple_of(others)).ok_or_else(misfit)?;
        shape[at] = count / left;
    }
    Ok(shape)
}

/// Flatten.
pub(crate) fn read_flatten(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let from = node.shape(0)?;
    let at = node.attributes.int("axis")?.unwrap_or(1);
    let at = if at == from.len() as i64 { from.len() } else { axis(at, from.len())? };
    let shape = vec![from[..at].iter().product(), from[at..].iter().product()];
    node.apply(graph, Operator::Reshape(Reshape { shape }), 1)
}

/// Squeeze.
pub(crate) fn read_squeeze(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let from = node.shape(0)?;
    let dropped = match node.integers_or_attribute(1, "axes")? {
        Some(given) => axes(&given, from.len())?,
        None => (0..from.len()).filter(|&at| from[at] == 1).collect(),
    };
    if let Some(at) = dropped.iter().find(|&&at| from[at] != 1) {
        return Err(invalid!("axis {at} of {from:?} cannot be squeezed: its extent is not 1"));
    }
    let shape = (0..from.len()).filter(|at| !dropped.contains(at)).map(|at| from[at]).collect();
    node.apply(graph, Operator::Reshape(Reshape { shape }), 1)
}

/// Unsqueeze: the axes count in the result.
pub(crate) fn read_unsqueeze(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let given = node.integers_or_attribute(1, "axes")?.ok_or_else(|| invalid!("its axes are missing"))?;
    let mut shape = node.shape(0)?.to_vec();
    for at in axes(&given, shape.len() + given.len())? {
        shape.insert(at, 1);
    }
    node.apply(graph, Operator::Reshape(Reshape { shape }), 1)
}

impl Rule for Reshape {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let operand = operand(inputs, 0)?;
        let result = TensorType { data_type: operand.data_type, shape: self.shape.clone() };
        if result.checked_count() != Some(operand.element_count()) {
            return Err(invalid!("{operand} does not become {:?}", self.shape));
        }
        Ok(result)
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], _: &TensorType) -> Result<Data, Error> {
        Ok(operand(inputs, 0)?.data.clone())
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("plain", "x: i64[4] = 1 2 3 4\ns: i64[2] = 2 2\ny = Reshape(x, s)", "i64[2,2] = 1 2 3 4"),
            ("rest", "x: i64[4] = 1 2 3 4\ns: i64[2] = -1 2\ny = Reshape(x, s)", "i64[2,2] = 1 2 3 4"),
            (
                "copied extent",
                "x: i64[2,2] = 1 2 3 4\ns: i64[3] = 0 1 -1\ny = Reshape(x, s)",
                "i64[2,1,2] = 1 2 3 4",
            ),
            ("true zero", "x: i64[0] =\ns: i64[2] = 0 7\ny = Reshape(x, s, allowzero=1)", "i64[0,7] ="),
            ("to scalar", "x: i64[1] = 5\ns: i64[0] =\ny = Reshape(x, s)", "i64[] = 5"),
            ("flatten", "x: i64[1,2,2] = 1 2 3 4\ny = Flatten(x, axis=2)", "i64[2,2] = 1 2 3 4"),
            ("flatten at the end", "x: i64[2] = 1 2\ny = Flatten(x)", "i64[2,1] = 1 2"),
            ("squeeze all", "x: i64[1,2,1] = 1 2\ny = Squeeze(x)", "i64[2] = 1 2"),
            ("squeeze one", "x: i64[1,2,1] = 1 2\na: i64[1] = -1\ny = Squeeze(x, a)", "i64[1,2] = 1 2"),
            ("unsqueeze", "x: i64[2] = 1 2\na: i64[2] = 0 -1\ny = Unsqueeze(x, a)", "i64[1,2,1] = 1 2"),
            ("axes as attribute", "opset 11\nx: i64[2] = 1 2\ny = Unsqueeze(x, axes=[1])", "i64[2,1] = 1 2"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("count", "x: f32[4]\ns: i64[1] = 3\ny = Reshape(x, s)", "does not become"),
            ("rest does not divide", "x: f32[4]\ns: i64[2] = -1 3\ny = Reshape(x, s)", "does not become"),
            ("two rests", "x: f32[4]\ns: i64[2] = -1 -1\ny = Reshape(x, s)", "does not become"),
            ("no extent to copy", "x: f32[4]\ns: i64[2] = 4 0\ny = Reshape(x, s)", "does not become"),
            ("squeeze of two", "x: f32[2]\na: i64[1] = 0\ny = Squeeze(x, a)", "not 1"),
            ("axis twice", "x: f32[2]\na: i64[2] = 0 0\ny = Unsqueeze(x, a)", "twice"),
            ("shape from data", "x: f32[4]\ns: i64[1]\ny = Reshape(x, s)", "depend on the data"),
        ]);
    }
}
