//! AffineGrid and GridSample: an image looked at where a grid says.

use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::gather_nd::GatherNd;
use crate::ops::{Binary, Operator, Unary};
use crate::strided::{contiguous, table};
use crate::tensor::{Data, DataType, Tensor};
use crate::writer::{Writer, Written};

/// AffineGrid: places between −1 and 1, moved by the matrices of theta `[batch, rank, rank + 1]`.
pub(crate) fn read_affine(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let size = node.integers(1, "size")?.ok_or_else(|| invalid!("operand 1 is missing"))?;
    let size = super::arrange::sizes(&size, "its sizes")?;
    let corners = node.attributes.flag("align_corners", false)?;
    let [batch, _, spatial @ ..] = &size[..] else { return Err(invalid!("its size is {size:?}")) };
    let (rank, count) = (spatial.len(), table(spatial)?);
    let strides = contiguous(spatial);
    let place = |axis: usize, at: usize| {
        let (at, extent) = ((at / strides[axis] as usize % spatial[axis]) as f64, spatial[axis] as f64);
        if corners { -1.0 + 2.0 * at / (extent - 1.0) } else { (2.0 * at + 1.0) / extent - 1.0 }
    };
    // The last axis comes first, as x does before y; a row of ones takes the shift.
    let rows = (0..rank).rev().flat_map(|axis| (0..count).map(move |at| place(axis, at) as f32));
    let places: Vec<f32> = rows.chain(std::iter::repeat_n(1.0, count)).collect();
    let theta = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let places = write.constant(Tensor { shape: vec![rank + 1, count], data: Data::from(places) });
    let moved = write.transpose(write.matmul(theta, places)?, &[0, 2, 1])?;
    Ok(vec![write.reshape(moved, &[&[*batch], spatial, &[rank]].concat())?])
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Nearest,
    Linear,
    Cubic,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

/// The way an image is looked at between its elements and outside of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sampler {
    mode: Mode,
    padding: Padding,
    corners: bool,
}

/// An element looked at along one axis: where, and how much it counts.
#[derive(Debug, Clone, Copy)]
struct Tap {
    /// Whole numbers in f32, inside the axis.
    place: ValueId,
    weight: Option<ValueId>,
    /// True where it was inside before it was moved there.
    inside: Option<ValueId>,
}

impl Sampler {
    /// Linear interpolation, with zeros outside.
    pub(super) const LINEAR: Sampler =
        Sampler { mode: Mode::Linear, padding: Padding::Zeros, corners: false };

    fn of(node: &NodeView) -> Result<Sampler, Error> {
        let mode = match node.attributes.text("mode")?.unwrap_or("linear") {
            "nearest" => Mode::Nearest,
            "linear" | "bilinear" => Mode::Linear,
            "cubic" | "bicubic" => Mode::Cubic,
            other => return Err(invalid!("mode is {other:?}")),
        };
        let padding = match node.attributes.text("padding_mode")?.unwrap_or("zeros") {
            "zeros" => Padding::Zeros,
            "border" => Padding::Border,
            "reflection" => Padding::Reflection,
            other => return Err(invalid!("padding_mode is {other:?}")),
        };
        Ok(Sampler { mode, padding, corners: node.attributes.flag("align_corners", false)? })
    }

    /// The ends of an axis.
    fn border(&self, extent: usize) -> (f32, f32) {
        if self.corners { (0.0, extent as f32 - 1.0) } else { (-0.5, extent as f32 - 0.5) }
    }

    /// Places between −1 and 1 as places along an axis; those outside its ends are brought back, unless zeros are
    /// there or cubic interpolation looks further than them from there too.
    fn locate(&self, write: &Writer, x: ValueId, extent: usize) -> Written {
        let length = extent as f32;
        let half = if self.corners { (length - 1.0) / 2.0 } else { length / 2.0 };
        let centre = (length - 1.0) / 2.0;
        let place = write.plus(write.times(x, half)?, centre)?;
        let place = if self.mode == Mode::Nearest { write.unary(Unary::Round, place)? } else { place };
        match self.padding {
            _ if self.mode == Mode::Cubic => Ok(place),
            Padding::Zeros => Ok(place),
            Padding::Reflection => self.reflect(write, place, extent),
            Padding::Border => {
                let (low, high) = self.border(extent);
                let below = write.binary(Binary::Less, place, write.float(low))?;
                let above = write.binary(Binary::Greater, place, write.float(high))?;
                let held = hold(write, place, extent)?;
                write.select(write.binary(Binary::Or, below, above)?, held, place)
            }
        }
    }

    /// Folded back at the ends until it is between them.
    fn reflect(&self, write: &Writer, place: ValueId, extent: usize) -> Written {
        let (low, high) = self.border(extent);
        let range = high - low;
        if range == 0.0 {
            return write.times(place, 0.0);
        }
        let away = write.unary(Unary::Abs, write.plus(place, -low)?)?;
        let turns = write.unary(Unary::Floor, write.times(away, range.recip())?)?;
        let rest = write.sub(away, write.times(turns, range)?)?;
        let half = write.times(turns, 0.5)?;
        let even = write.binary(Binary::Equal, half, write.unary(Unary::Floor, half)?)?;
        let back = write.plus(write.unary(Unary::Neg, rest)?, high)?;
        write.select(even, write.plus(rest, low)?, back)
    }

    /// The elements around places along an axis.
    fn taps(&self, write: &Writer, place: ValueId, extent: usize) -> Result<Vec<Tap>, Error> {
        let first = write.unary(Unary::Floor, place)?;
        let past = write.sub(place, first)?;
        let before = || write.plus(write.unary(Unary::Neg, past)?, 1.0);
        let weights = match self.mode {
            Mode::Nearest => vec![(0.0, None)],
            Mode::Linear => vec![(0.0, Some(before()?)), (1.0, Some(past))],
            Mode::Cubic => {
                let near = |x: ValueId| polynomial(write, x, [1.0, 0.0, -(A + 3.0), A + 2.0]);
                let far =
                    |x: ValueId| polynomial(write, write.plus(x, 1.0)?, [-4.0 * A, 8.0 * A, -5.0 * A, A]);
                let (left, right) = (past, before()?);
                let weights = [far(left)?, near(left)?, near(right)?, far(right)?];
                [-1.0, 0.0, 1.0, 2.0].into_iter().zip(weights.map(Some)).collect()
            }
        };
        let tap = |(step, weight): (f32, Option<ValueId>)| {
            let at = write.plus(first, step)?;
            let inside = match self.padding {
                Padding::Zeros => {
                    let behind = write.binary(Binary::Less, at, write.float(extent as f32))?;
                    let start = write.binary(Binary::GreaterOrEqual, at, write.float(0.0))?;
                    Some(write.binary(Binary::And, start, behind)?)
                }
                Padding::Border | Padding::Reflection => None,
            };
            let at = if self.padding == Padding::Reflection { self.reflect(write, at, extent)? } else { at };
            Ok(Tap { place: hold(write, at, extent)?, weight, inside })
        };
        weights.into_iter().map(tap).collect()
    }

    /// An image `[batch, plane, channels]` of these spatial axes at places `[batch, count, 1]`, one for each of them:
    /// `[batch, count, channels]`.
    pub(super) fn look(
        &self,
        write: &Writer,
        image: ValueId,
        spatial: &[usize],
        places: &[ValueId],
    ) -> Written {
        let mut sums = vec![(None, Vec::<Tap>::new())];
        let strides = contiguous(spatial);
        for ((&extent, &place), stride) in spatial.iter().zip(places).zip(strides) {
            let taps = self.taps(write, place, extent)?;
            let mut longer = Vec::new();
            for (offset, before) in &sums {
                for tap in &taps {
                    let step = write.times(write.cast(tap.place, DataType::I64)?, stride as f32)?;
                    let offset = offset.map_or(Ok(step), |offset| write.add(offset, step))?;
                    longer.push((Some(offset), [&before[..], &[*tap]].concat()));
                }
            }
            sums = longer;
        }
        let mut total = None;
        for (offset, taps) in sums {
            let offset = offset.ok_or_else(|| invalid!("its image has no spatial axes"))?;
            let gather = Operator::GatherNd(GatherNd { batch_dimensions: 1 });
            let mut term = write.push(gather, &[Some(image), Some(offset)])?;
            for tap in taps {
                term = tap.weight.map_or(Ok(term), |weight| write.mul(term, weight))?;
                term = tap.inside.map_or(Ok(term), |inside| write.select(inside, term, write.float(0.0)))?;
            }
            total = Some(total.map_or(Ok(term), |total| write.add(total, term))?);
        }
        total.ok_or_else(|| invalid!("its image has no spatial axes"))
    }
}

/// The coefficient of cubic interpolation.
const A: f32 = -0.75;

/// `c0 + c1 x + c2 x² + c3 x³`.
fn polynomial(write: &Writer, x: ValueId, [c0, c1, c2, c3]: [f32; 4]) -> Written {
    let high = write.plus(write.times(x, c3)?, c2)?;
    let middle = write.plus(write.mul(high, x)?, c1)?;
    write.plus(write.mul(middle, x)?, c0)
}

/// Held between the first and the last element of an axis.
fn hold(write: &Writer, place: ValueId, extent: usize) -> Written {
    let low = write.binary(Binary::Max, place, write.float(0.0))?;
    write.binary(Binary::Min, low, write.float(extent as f32 - 1.0))
}

/// GridSample: image `[batch, channels, spatial…]`, grid `[batch, places…, rank]`, x before y.
pub(crate) fn read_sample(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let sampler = Sampler::of(node)?;
    let (image, grid) = (node.shape(0)?.to_vec(), node.shape(1)?.to_vec());
    let ([batch, channels, spatial @ ..], [_, places @ .., rank]) = (&image[..], &grid[..]) else {
        return Err(invalid!("image {image:?} and grid {grid:?} do not fit"));
    };
    if spatial.len() != *rank || places.len() != *rank {
        return Err(invalid!("image {image:?} and grid {grid:?} do not fit"));
    }
    let (x, grid) = (node.operand(0)?.id, node.operand(1)?.id);
    let (plane, count) = (spatial.iter().product::<usize>(), places.iter().product::<usize>());
    let write = &Writer::new(node, graph);
    let pixels = write.transpose(write.reshape(x, &[*batch, *channels, plane])?, &[0, 2, 1])?;
    let grid = write.reshape(grid, &[*batch, count, *rank])?;
    let place = |(axis, &extent): (usize, &usize)| {
        sampler.locate(write, write.slice(grid, 2, rank - 1 - axis, 1)?, extent)
    };
    let located = spatial.iter().enumerate().map(place).collect::<Result<Vec<_>, _>>()?;
    let total = sampler.look(write, pixels, spatial, &located)?;
    let turned = write.transpose(total, &[0, 2, 1])?;
    Ok(vec![write.reshape(turned, &[&[*batch, *channels], places].concat())?])
}
