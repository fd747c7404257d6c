//! EmbedLayerNormalization of ONNX Runtime, plain and quantised: what a text model begins with.

use super::normalization::Normalization;
use super::quantization::dequantised;
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::Reduction;
use crate::tensor::DataType;
use crate::writer::{Writer, Written};

/// Tables and what the sum of their rows is normalised with.
struct Parameters {
    words: ValueId,
    positions: ValueId,
    segments: Option<ValueId>,
    scale: ValueId,
    shift: ValueId,
    mask: Option<ValueId>,
    /// The row of the positions for each place; the places themselves unless told.
    places: Option<ValueId>,
}

/// EmbedLayerNormalization: ids, segments, their tables, scale, shift, mask, positions.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let at = |index: usize| node.operand(index).map(|operand| operand.id);
    let optional = |index: usize| node.optional(index).map(|operand| operand.id);
    let parameters = Parameters {
        words: at(2)?,
        positions: at(3)?,
        segments: optional(4),
        scale: at(5)?,
        shift: at(6)?,
        mask: optional(7),
        places: optional(8),
    };
    write_all(node, &Writer::new(node, graph), &parameters)
}

/// QEmbedLayerNormalization: the same with quantised tables, scale and shift; behind the mask all scales, then all zero
/// points.
pub(crate) fn read_quantized(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let write = Writer::new(node, graph);
    let float = |index: usize| dequantised(node, &write, [index, index + 6, index + 11]);
    let parameters = Parameters {
        words: float(2)?,
        positions: float(3)?,
        segments: node.optional(4).map(|_| float(4)).transpose()?,
        scale: float(5)?,
        shift: float(6)?,
        mask: node.optional(7).map(|mask| mask.id),
        places: None,
    };
    write_all(node, &write, &parameters)
}

/// The normalised sum, how many places of each row the mask shows, and the sum.
fn write_all(node: &NodeView, write: &Writer, parameters: &Parameters) -> Result<Vec<ValueId>, Error> {
    let ids = node.operand(0)?.id;
    let &[batch, length] = node.shape(0)? else { return Err(invalid!("its ids are no matrix")) };
    let places = parameters.places.map_or_else(
        || write.slice(parameters.positions, 0, 0, length),
        |places| write.gather(parameters.positions, 0, places),
    )?;
    let mut sum = write.add(write.gather(parameters.words, 0, ids)?, places)?;
    if let (Some(table), Some(segments)) = (parameters.segments, node.optional(1)) {
        sum = write.add(sum, write.gather(table, 0, segments.id)?)?;
    }
    let epsilon = node.attributes.float("epsilon")?.unwrap_or(1e-12);
    let normalization = Normalization { axis: 2, epsilon, center: true };
    let normalised = normalization.write(write, sum, Some(parameters.scale), Some(parameters.shift))?;
    if node.output_count == 1 {
        return Ok(vec![normalised]);
    }
    Ok(vec![normalised, shown(write, parameters.mask, batch)?, sum])
}

/// The number of places that a mask shows in each row; none without a mask.
fn shown(write: &Writer, mask: Option<ValueId>, batch: usize) -> Written {
    let Some(mask) = mask else {
        return write.expand(write.cast(write.integers([0]), DataType::I32)?, &[batch]);
    };
    write.reduce(Reduction::Sum, write.cast(mask, DataType::I32)?, &[1], false)
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check_near;

    #[test]
    fn values() {
        // Expected values from ONNX Runtime.
        check_near(&[
            (
                "embedding",
                "a: i32[1,3] = 1 0 2\n\
                 b: i32[1,3] = 0 1 1\n\
                 c: f32[3,4] = 0 0.3 -0.3 -0.9 -0.5 -1 0.1 1.3 -0.5 -0.6 0.5 0.4\n\
                 d: f32[5,4] = 0.1 -0.9 -0 0.7 -1.3 -0.5 -1.9 -1.3 -1.8 -0.2 -1.3 0.3 0.2 -0.2 -2.5 -0.5 -0 0.1 -1.5 -0.5\n\
                 e: f32[2,4] = -1 -0.8 1.1 -0.8 -0 0.9 -0.6 -0.1\n\
                 f: f32[4] = 0.1 0.1 -1.2 0.1\n\
                 g: f32[4] = 1.4 -1.5 0.9 0.1\n\
                 h: i32[1,3] = 1 1 0\n\
                 y, o1 = com.microsoft.EmbedLayerNormalization(a, b, c, d, e, f, g, h, epsilon=1e-05)",
                "f32[1,3,4] = 1.342265 -1.634715 -0.254699 0.196225 1.409325 -1.341475 2.130903 0.034725 1.266226 -1.42664 1.573187 0.216513",
            ),
            (
                "mask index",
                "a: i32[1,3] = 1 0 2\n\
                 c: f32[3,4] = -0.6 2 0.8 -1.2 0.1 0.6 -0.2 0.7 -0.1 0.7 1.4 -0.7\n\
                 d: f32[5,4] = 0.2 -0.5 0.1 -1.2 -0.6 -0.2 0.9 1.1 -1.3 -0.8 0.6 -2 -0.5 -0.1 1.3 0.7 -0.3 -0.4 -0.3 1.5\n\
                 f: f32[4] = -0.4 -0.3 0.4 -0.1\n\
                 g: f32[4] = -0.2 -1.1 -0 -0.4\n\
                 h: i32[1,3] = 1 1 0\n\
                 o0, y = com.microsoft.EmbedLayerNormalization(a, _, c, d, _, f, g, h)",
                "i32[1] = 2",
            ),
            (
                "no mask",
                "a: i32[1,3] = 1 0 2\n\
                 c: f32[3,4] = 1.2 0.7 -0 0.7 -0.3 1.1 -0 0.6 -1.3 0.3 -1.7 -2\n\
                 d: f32[5,4] = -0.3 -0.9 0.2 2.2 -0.8 -0.6 0.2 0.5 -0.2 -0.2 0.7 0.5 -1 -0.1 0 -1.1 0.3 -0.9 1 0.2\n\
                 f: f32[4] = 0.1 -0.6 -0.1 -2\n\
                 g: f32[4] = -1.1 0.4 -2.1 0.8\n\
                 o0, y = com.microsoft.EmbedLayerNormalization(a, _, c, d, _, f, g)",
                "i32[1] = 0",
            ),
            (
                "sum",
                "a: i32[1,3] = 1 0 2\n\
                 c: f32[3,4] = -1.7 0.8 -0.8 0.8 0.1 -1.5 1.2 1.4 -0.1 -0.3 -0.2 -1\n\
                 d: f32[5,4] = 1.1 -0.5 -0.1 -0.8 -0.6 -1.3 1.3 -0.2 1 0 -0.7 -0.3 -0.6 0 -0.4 -0.3 -1.4 -0.8 1.7 -0.7\n\
                 f: f32[4] = -1.1 0.3 1.4 -1.5\n\
                 g: f32[4] = -0.2 -0.6 -1.8 0.7\n\
                 i: i32[1,3] = 4 1 0\n\
                 o0, o1, y = com.microsoft.EmbedLayerNormalization(a, _, c, d, _, f, g, _, i)",
                "f32[1,3,4] = -1.3 -2.3 2.9 0.7 -2.3 -0.5 0.5 0.6 1 -0.8 -0.3 -1.8",
            ),
            (
                "quantised",
                "a: i32[1,3] = 1 0 2\n\
                 b: i32[1,3] = 0 1 1\n\
                 c: u8[3,4] = 60 160 105 162 23 47 188 15 173 105 0 195\n\
                 d: u8[5,4] = 179 208 229 186 215 28 235 233 177 205 189 224 227 133 208 234 76 11 43 7\n\
                 e: u8[2,4] = 111 5 66 64 180 63 243 48\n\
                 f: u8[4] = 248 145 62 9\n\
                 g: u8[4] = 78 151 27 42\n\
                 h: i32[1,3] = 1 1 0\n\
                 i: f32[] = 0.02\n\
                 j: f32[] = 0.03\n\
                 k: f32[] = 0.01\n\
                 l: f32[] = 0.02\n\
                 m: f32[] = 0.01\n\
                 n: u8[] = 100\n\
                 o: u8[] = 120\n\
                 p: u8[] = 128\n\
                 q: u8[] = 90\n\
                 r: u8[] = 128\n\
                 y, o1 = com.microsoft.QEmbedLayerNormalization(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, epsilon=1e-05)",
                "f32[1,3,4] = -2.237217 -0.208499 -1.97152 0.38515 -0.088541 -1.596946 -1.52986 -1.835777 1.852527 -0.476119 -0.292191 -2.770398",
            ),
        ]);
    }
}
