//! RoiAlign: regions of an image, each brought to one size by two products with matrices of weights.

use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::reduce::Reduction;
use crate::ops::{Binary, Unary};
use crate::tensor::{Data, DataType, Tensor};
use crate::writer::{Writer, Written};

/// The way regions are looked at.
#[derive(Debug, Clone, Copy)]
struct Regions {
    /// Places looked at in each element of the result, along each axis.
    samples: usize,
    scale: f32,
    /// True where places are those of pixels' centres.
    half_pixel: bool,
}

impl Regions {
    /// For each region the weights `[regions, 1, to, from]` of the image's elements along one axis; `start` and
    /// `end` of the regions are `[regions, 1]`.
    fn weights(&self, write: &Writer, [start, end]: [ValueId; 2], to: usize, from: usize) -> Written {
        let offset = if self.half_pixel { -0.5 } else { 0.0 };
        let place = |bound: ValueId| write.plus(write.times(bound, self.scale)?, offset);
        let start = place(start)?;
        let mut length = write.sub(place(end)?, start)?;
        if !self.half_pixel {
            length = write.binary(Binary::Max, length, write.float(1.0))?;
        }
        let count = to * self.samples;
        let steps: Vec<f32> = (0..count).map(|at| (at as f32 + 0.5) / count as f32).collect();
        let steps = write.constant(Tensor { shape: vec![1, count], data: Data::from(steps) });
        let places = write.add(write.mul(length, steps)?, start)?;
        let inside = write.binary(
            Binary::And,
            write.binary(Binary::GreaterOrEqual, places, write.float(-1.0))?,
            write.binary(Binary::LessOrEqual, places, write.float(from as f32))?,
        )?;
        let held = write.binary(Binary::Max, places, write.float(0.0))?;
        let held = write.binary(Binary::Min, held, write.float(from as f32 - 1.0))?;
        // Each element counts by how near it is, up to a distance of 1.
        let elements = write.constant(Tensor::vector((0..from).map(|at| at as f32).collect::<Vec<_>>()));
        let apart = write.sub(write.trailing(held, 3)?, elements)?;
        let near = write.plus(write.unary(Unary::Neg, write.unary(Unary::Abs, apart)?)?, 1.0)?;
        let near = write.binary(Binary::Max, near, write.float(0.0))?;
        let near = write.select(write.trailing(inside, 3)?, near, write.float(0.0))?;
        let regions = write.shape(start)[0];
        let sampled = write.reshape(near, &[regions, 1, to, self.samples, from])?;
        write.reduce(Reduction::Mean, sampled, &[3], false)
    }
}

/// RoiAlign: image `[batch, channels, rows, columns]`, regions `[regions, 4]` from left, top to right, bottom, and
/// the image of each.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let mode = node.attributes.text("mode")?.unwrap_or("avg");
    if mode != "avg" {
        return Err(unsupported!("its mode is {mode:?}"));
    }
    let size = |name: &str, default: i64| {
        let size = node.attributes.int(name)?.unwrap_or(default);
        usize::try_from(size).map_err(|_| invalid!("{name} is {size}"))
    };
    let (height, width) = (size("output_height", 1)?, size("output_width", 1)?);
    let samples = size("sampling_ratio", 0)?;
    if samples == 0 {
        return Err(unsupported!("how many samples it takes depends on the regions"));
    }
    let default = if node.opset < 16 { "output_half_pixel" } else { "half_pixel" };
    let half_pixel = match node.attributes.text("coordinate_transformation_mode")?.unwrap_or(default) {
        "half_pixel" => true,
        "output_half_pixel" => false,
        other => return Err(invalid!("coordinate_transformation_mode is {other:?}")),
    };
    let scale = node.attributes.float("spatial_scale")?.unwrap_or(1.0);
    let &[_, _, rows, columns] = node.shape(0)? else { return Err(invalid!("its image is not of rank 4")) };
    let (image, bounds, owners) = (node.operand(0)?.id, node.operand(1)?.id, node.operand(2)?.id);
    let write = &Writer::new(node, graph);
    let regions = Regions { samples, scale, half_pixel };
    let bound = |at: usize| write.slice(bounds, 1, at, 1);
    let across = regions.weights(write, [bound(0)?, bound(2)?], width, columns)?;
    let down = regions.weights(write, [bound(1)?, bound(3)?], height, rows)?;
    let own = write.gather(image, 0, write.cast(owners, DataType::I64)?)?;
    let narrowed = write.matmul(own, write.transpose_last(across)?)?;
    Ok(vec![write.matmul(down, narrowed)?])
}
