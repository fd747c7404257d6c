//! TensorScatter, since opset 24: new rows written into caches, each from its own position.

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::scatter_elements::{Scatter, ScatterElements};
use crate::ops::{Binary, Operator};
use crate::tensor::DataType;
use crate::writer::Writer;

/// TensorScatter: caches, rows, and for each of the batch the position of its first row.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let shape = node.shape(1)?.to_vec();
    let axis = node.axis(shape.len(), -2)?;
    let extent = *node.shape(0)?.get(axis).ok_or_else(|| invalid!("its cache has no axis {axis}"))?;
    let circular = match node.attributes.text("mode")?.unwrap_or("linear") {
        "linear" => false,
        "circular" => true,
        other => return Err(invalid!("mode is {other:?}")),
    };
    let (cache, rows) = (node.operand(0)?.id, node.operand(1)?.id);
    let starts = node.optional(2).map(|starts| starts.id);
    let write = &Writer::new(node, graph);
    let steps = write.along(write.integers(0..shape[axis] as i64), axis, shape.len())?;
    let mut places = match starts {
        Some(starts) => write.add(steps, write.along(write.cast(starts, DataType::I64)?, 0, shape.len())?)?,
        None => steps,
    };
    if circular {
        places = write.binary(Binary::Mod, places, write.like(places, extent as f32))?;
    }
    let places = write.expand(places, &shape)?;
    let scatter = Operator::ScatterElements(ScatterElements { axis, scatter: Scatter::Replace });
    Ok(vec![write.push(scatter, &[Some(cache), Some(places), Some(rows)])?])
}
