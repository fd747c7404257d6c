//! Element-wise operators of two operands.

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{Binary, Operator};
use crate::tensor::DataType;
use crate::writer::Writer;

/// Add, Sub, ... : two operands.
pub(crate) fn read(node: &NodeView, graph: &mut Builder, operator: Binary) -> Result<Vec<ValueId>, Error> {
    node.apply(graph, Operator::Binary(operator), 2)
}

/// Mod: as C's fmod if asked for, else of integers only.
pub(crate) fn read_mod(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let towards_zero = node.attributes.flag("fmod", false)?;
    read(node, graph, if towards_zero { Binary::Remainder } else { Binary::Mod })
}

/// BitShift.
pub(crate) fn read_shift(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    match node.attributes.text("direction")?.unwrap_or_default() {
        "LEFT" => read(node, graph, Binary::ShiftLeft),
        "RIGHT" => read(node, graph, Binary::ShiftRight),
        other => Err(invalid!("its direction is {other:?}")),
    }
}

/// Pow: an integer to the power of a float is computed as a float.
pub(crate) fn read_power(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (base, power) = (node.operand(0)?, node.operand(1)?);
    let (from, to) = (base.tensor_type.data_type, power.tensor_type.data_type);
    if from.is_float() || !to.is_float() {
        return read(node, graph, Binary::Pow);
    }
    let write = Writer::new(node, graph);
    let (base, power) = (write.cast(base.id, DataType::F32)?, write.cast(power.id, DataType::F32)?);
    Ok(vec![write.cast(write.binary(Binary::Pow, base, power)?, from)?])
}

/// Max, Min: one operand or more, taken in pairs.
pub(crate) fn read_many(
    node: &NodeView,
    graph: &mut Builder,
    operator: Binary,
) -> Result<Vec<ValueId>, Error> {
    let mut result = node.operand(0)?.id;
    for index in 1..node.inputs.len() {
        let operand = node.operand(index)?.id;
        result = graph.push(node.name, Operator::Binary(operator), &[Some(result), Some(operand)])?;
    }
    Ok(vec![result])
}
