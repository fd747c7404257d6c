//! Resize and Upsample: along each axis a gather (nearest) or a product with a constant matrix.

use super::arrange::sizes;
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axis};
use crate::strided::table;
use crate::tensor::{Data, DataType, Tensor};
use crate::writer::{Writer, Written};

/// The map from output places to input places; named as ONNX names them.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Coordinates {
    AlignCorners,
    Asymmetric,
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    TfCropAndResize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Nearest {
    Ceil,
    Floor,
    RoundPreferCeil,
    RoundPreferFloor,
    /// As before opset 11: down where an axis grows, up where it shrinks.
    BySize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Nearest(Nearest),
    Linear,
    /// With the coefficient a.
    Cubic(f64),
}

/// The interpolation along an axis.
#[derive(Debug, Clone, Copy)]
struct Interpolation {
    mode: Mode,
    coordinates: Coordinates,
    antialias: bool,
    exclude_outside: bool,
    extrapolation: f64,
}

/// One axis to be resized.
#[derive(Debug, Clone, Copy)]
struct Resized {
    axis: usize,
    from: usize,
    to: usize,
    scale: f64,
    /// The part of the axis that is looked at, from 0 to 1.
    region: (f64, f64),
}

impl Interpolation {
    fn of(node: &NodeView) -> Result<Interpolation, Error> {
        let text = |name: &str, default| Ok::<_, Error>(node.attributes.text(name)?.unwrap_or(default));
        let nearest = match text("nearest_mode", "round_prefer_floor")? {
            "ceil" => Nearest::Ceil,
            "floor" => Nearest::Floor,
            "round_prefer_ceil" => Nearest::RoundPreferCeil,
            "round_prefer_floor" => Nearest::RoundPreferFloor,
            other => return Err(invalid!("nearest_mode is {other:?}")),
        };
        let mode = match text("mode", "nearest")? {
            "nearest" => Mode::Nearest(nearest),
            "linear" => Mode::Linear,
            "cubic" => Mode::Cubic(f64::from(node.attributes.float("cubic_coeff_a")?.unwrap_or(-0.75))),
            other => return Err(invalid!("mode is {other:?}")),
        };
        let coordinates = match text("coordinate_transformation_mode", "half_pixel")? {
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "tf_crop_and_resize" => Coordinates::TfCropAndResize,
            other => return Err(unsupported!("coordinate_transformation_mode is {other:?}")),
        };
        Ok(Interpolation {
            mode,
            coordinates,
            antialias: node.attributes.flag("antialias", false)?,
            exclude_outside: node.attributes.flag("exclude_outside", false)?,
            extrapolation: f64::from(node.attributes.float("extrapolation_value")?.unwrap_or(0.0)),
        })
    }

    /// As Resize was before opset 11, and Upsample.
    fn old(mode: Mode) -> Interpolation {
        let coordinates = Coordinates::Asymmetric;
        Interpolation { mode, coordinates, antialias: false, exclude_outside: false, extrapolation: 0.0 }
    }

    /// The place in the input of an output place.
    fn place(&self, at: usize, axis: &Resized) -> f64 {
        let (at, from) = (at as f64, axis.from as f64);
        let length = axis.scale * from;
        let half_pixel = (at + 0.5) / axis.scale - 0.5;
        let (start, end) = axis.region;
        match self.coordinates {
            Coordinates::AlignCorners if length == 1.0 => 0.0,
            Coordinates::AlignCorners => at * (from - 1.0) / (length - 1.0),
            Coordinates::Asymmetric => at / axis.scale,
            Coordinates::HalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = axis.to as f64 / length;
                from / 2.0 * (1.0 - adjustment) + half_pixel
            }
            Coordinates::PytorchHalfPixel if length == 1.0 => 0.0,
            Coordinates::PytorchHalfPixel => half_pixel,
            Coordinates::TfCropAndResize => {
                let first = start * (from - 1.0);
                let rest = match length == 1.0 {
                    true => (end - start) * (from - 1.0) / 2.0,
                    false => at * (end - start) * (from - 1.0) / (length - 1.0),
                };
                first + rest
            }
        }
    }

    /// Returns whether an output place lies outside the input and takes the extrapolation value.
    fn is_outside(&self, place: f64, from: usize) -> bool {
        self.coordinates == Coordinates::TfCropAndResize && !(0.0..=from as f64 - 1.0).contains(&place)
    }

    /// The factor of an element at this distance from the place looked at.
    fn weight(&self, distance: f64) -> f64 {
        let x = distance.abs();
        match self.mode {
            Mode::Nearest(_) => 0.0,
            Mode::Linear => (1.0 - x).max(0.0),
            Mode::Cubic(a) if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Mode::Cubic(a) if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            Mode::Cubic(_) => 0.0,
        }
    }

    /// The factors of all input elements for the output element at this place; they add up to one.
    fn weights(&self, place: f64, axis: &Resized) -> Vec<f64> {
        let stretch = if self.antialias { axis.scale.min(1.0) } else { 1.0 };
        let reach = if self.mode == Mode::Linear { 1.0 } else { 2.0 } / stretch;
        let (first, last) = ((place - reach).ceil() as i64, (place + reach).floor() as i64);
        let mut weights = vec![0.0; axis.from];
        let mut sum = 0.0;
        for at in first..=last {
            let inside = at.clamp(0, axis.from as i64 - 1);
            if self.exclude_outside && inside != at {
                continue;
            }
            let weight = self.weight((at as f64 - place) * stretch);
            weights[inside as usize] += weight;
            sum += weight;
        }
        weights.into_iter().map(|weight| weight / sum).collect()
    }

    fn write(&self, write: &Writer, x: ValueId, axis: &Resized) -> Written {
        if axis.from == 0 && axis.to > 0 {
            return Err(invalid!("nothing cannot become {} elements", axis.to));
        }
        table(&[axis.to])?;
        let places: Vec<f64> = (0..axis.to).map(|at| self.place(at, axis)).collect();
        let unchanged =
            axis.from == axis.to && places.iter().enumerate().all(|(at, &place)| place == at as f64);
        if unchanged {
            return Ok(x);
        }
        table(&[axis.to, if matches!(self.mode, Mode::Nearest(_)) { 1 } else { axis.from }])?;
        let resized = match self.mode {
            Mode::Nearest(nearest) => {
                let last = axis.from as f64 - 1.0;
                let at = |&place: &f64| nearest.round(place, axis.scale).clamp(0.0, last) as i64;
                write.gather(x, axis.axis, write.integers(places.iter().map(at)))?
            }
            Mode::Linear | Mode::Cubic(_) => {
                let rows = places.iter().flat_map(|&place| self.weights(place, axis));
                let matrix: Vec<f32> = rows.map(|weight| weight as f32).collect();
                let matrix = Tensor { shape: vec![axis.to, axis.from], data: Data::from(matrix) };
                write.transform(x, axis.axis, matrix)?
            }
        };
        let outside: Vec<bool> = places.iter().map(|&place| self.is_outside(place, axis.from)).collect();
        if !outside.contains(&true) {
            return Ok(resized);
        }
        let rank = write.shape(x).len();
        let outside = write.along(write.constant(Tensor::vector(outside)), axis.axis, rank)?;
        write.select(outside, write.like(x, self.extrapolation as f32), resized)
    }
}

impl Nearest {
    fn round(self, place: f64, scale: f64) -> f64 {
        match self {
            Nearest::BySize if scale < 1.0 => place.ceil(),
            Nearest::Floor | Nearest::BySize => place.floor(),
            Nearest::Ceil => place.ceil(),
            Nearest::RoundPreferCeil => (place + 0.5).floor(),
            Nearest::RoundPreferFloor => (place - 0.5).ceil(),
        }
    }
}

fn apply(
    node: &NodeView,
    graph: &mut Builder,
    interpolation: &Interpolation,
    axes: &[Resized],
) -> Result<Vec<ValueId>, Error> {
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    let data_type = write.data_type(x);
    let moves_only = matches!(interpolation.mode, Mode::Nearest(_));
    let mut result = if moves_only { x } else { write.cast(x, DataType::F32)? };
    for axis in axes {
        result = interpolation.write(write, result, axis)?;
    }
    Ok(vec![if moves_only { result } else { write.cast(result, data_type)? }])
}

/// Resize: x, region, scales, sizes since opset 11; x and scales in opset 10.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    if node.opset < 11 {
        return read_scaled(node, graph);
    }
    let interpolation = Interpolation::of(node)?;
    let from = node.shape(0)?.to_vec();
    let over: Vec<usize> = match node.attributes.ints("axes")? {
        Some(given) => given.iter().map(|&at| axis(at, from.len())).collect::<Result<_, _>>()?,
        None => (0..from.len()).collect(),
    };
    let given = |index: usize, what: &str| match node.optional(index) {
        Some(argument) if argument.tensor_type.element_count() > 0 => node.constant(index, what),
        Some(_) | None => Ok(None),
    };
    let (scales, extents) = match (given(2, "scales")?, given(3, "sizes")?) {
        (Some(scales), _) => by_scales(&from, &over, &scales.to_f32_vec())?,
        (None, Some(sizes)) => by_sizes(node, &from, &over, &sizes.to_i64_vec().unwrap_or_default())?,
        (None, None) => return Err(invalid!("it has neither scales nor sizes")),
    };
    let region = match interpolation.coordinates {
        Coordinates::TfCropAndResize => given(1, "region")?.map(Tensor::to_f32_vec),
        _ => None,
    };
    let region = region.unwrap_or_else(|| [vec![0.0; over.len()], vec![1.0; over.len()]].concat());
    if region.len() != 2 * over.len() {
        return Err(invalid!("its region has {} bounds for {} axes", region.len(), over.len()));
    }
    let axes = over.iter().enumerate().map(|(at, &axis)| Resized {
        axis,
        from: from[axis],
        to: extents[at],
        scale: scales[at],
        region: (f64::from(region[at]), f64::from(region[over.len() + at])),
    });
    apply(node, graph, &interpolation, &axes.collect::<Vec<_>>())
}

type Scaled = (Vec<f64>, Vec<usize>);

/// Scales and extents, the latter rounded down.
fn by_scales(from: &[usize], over: &[usize], scales: &[f32]) -> Result<Scaled, Error> {
    if scales.len() != over.len() || scales.iter().any(|&scale| scale.is_nan() || scale <= 0.0) {
        return Err(invalid!("scales {scales:?} do not fit {} axes", over.len()));
    }
    let scales: Vec<f64> = scales.iter().copied().map(f64::from).collect();
    let extents = over.iter().zip(&scales).map(|(&axis, scale)| (from[axis] as f64 * scale) as usize);
    Ok((scales.clone(), extents.collect()))
}

/// The scaling from sizes; the policy may make all scales that of the axis that changes least or most.
fn by_sizes(node: &NodeView, from: &[usize], over: &[usize], wanted: &[i64]) -> Result<Scaled, Error> {
    let extents = sizes(wanted, "its sizes")?;
    if extents.len() != over.len() {
        return Err(invalid!("{} sizes for {} axes", extents.len(), over.len()));
    }
    let scales: Vec<f64> =
        over.iter().zip(&extents).map(|(&axis, &extent)| extent as f64 / from[axis] as f64).collect();
    let common = match node.attributes.text("keep_aspect_ratio_policy")?.unwrap_or("stretch") {
        "stretch" => return Ok((scales, extents)),
        "not_larger" => scales.iter().copied().fold(f64::INFINITY, f64::min),
        "not_smaller" => scales.iter().copied().fold(0.0, f64::max),
        other => return Err(invalid!("keep_aspect_ratio_policy is {other:?}")),
    };
    let rounded = over.iter().map(|&axis| (common * from[axis] as f64 + 0.5) as usize);
    Ok((vec![common; over.len()], rounded.collect()))
}

/// Resize of opset 10 and Upsample: scales are operand 1, or before opset 9 an attribute.
pub(crate) fn read_scaled(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let mode = match node.attributes.text("mode")?.unwrap_or("nearest") {
        "nearest" => Mode::Nearest(Nearest::BySize),
        "linear" | "bilinear" => Mode::Linear,
        other => return Err(unsupported!("mode is {other:?}")),
    };
    let scales = match node.constant(1, "scales")? {
        Some(scales) => scales.to_f32_vec(),
        None => node.attributes.floats("scales")?.unwrap_or_default().to_vec(),
    };
    let from = node.shape(0)?.to_vec();
    let over: Vec<usize> = (0..from.len()).collect();
    let (scales, extents) = by_scales(&from, &over, &scales)?;
    let axis = |axis: usize| Resized {
        axis,
        from: from[axis],
        to: extents[axis],
        scale: scales[axis],
        region: (0.0, 1.0),
    };
    apply(node, graph, &Interpolation::old(mode), &over.into_iter().map(axis).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use crate::ops::table::check;

    #[test]
    fn nearest_elements_before_opset_11() {
        // The first two are node tests of ONNX 1.5, the last mixes both along two axes.
        check(&[
            (
                "shrinking",
                "opset 10\nx: f32[1,1,2,4] = 1 2 3 4 5 6 7 8\ns: f32[4] = 1 1 0.6 0.6\ny = Resize(x, s)",
                "f32[1,1,1,2] = 1 3",
            ),
            (
                "growing",
                "opset 10\nx: f32[1,1,2,2] = 1 2 3 4\ns: f32[4] = 1 1 2 3\ny = Resize(x, s)",
                "f32[1,1,4,6] = 1 1 1 2 2 2 1 1 1 2 2 2 3 3 3 4 4 4 3 3 3 4 4 4",
            ),
            (
                "each by its own scale",
                "opset 10\nx: f32[1,1,1,4] = 1 2 3 4\ns: f32[4] = 1 1 2 0.6\ny = Resize(x, s)",
                "f32[1,1,2,2] = 1 3 1 3",
            ),
        ]);
    }
}
