//! Pooling: a fold of the elements in a window that moves over the spatial dimensions.

use super::window::{Window, span};
use super::{Rule, operand};
use crate::error::{Error, invalid, unsupported};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// A function of the elements in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// The largest; NaN wins. A window without elements has the lowest number of the type, −∞ for floats.
    Max,
    /// Their mean; 0 for a window without elements.
    Average {
        /// True where the padding counts as zeros; what lies beyond it never counts.
        count_include_pad: bool,
    },
    /// `(Σ|x|ᵖ)^(1/p)`.
    Lp {
        /// The exponent, 1 or more.
        p: u32,
    },
}

/// Pools `x [batch, channels, spatial…]`; f32, or integers for Max. One entry per spatial dimension in each list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pool {
    /// The function.
    pub kind: PoolKind,
    /// Extents of the window.
    pub kernel: Vec<usize>,
    /// Step of the window.
    pub strides: Vec<usize>,
    /// Padding before the first element.
    pub pads_begin: Vec<usize>,
    /// Padding after the last element.
    pub pads_end: Vec<usize>,
    /// Distance between elements of the window.
    pub dilations: Vec<usize>,
    /// True where a last window that reaches beyond the padding counts, if it begins before the padding at the end.
    pub ceil: bool,
}

impl Pool {
    /// The number of positions that the window has along an axis.
    fn positions(&self, axis: usize, extent: usize) -> Option<usize> {
        let (stride, begun) = (self.strides[axis], extent.checked_add(self.pads_begin[axis])?);
        let padded = begun.checked_add(self.pads_end[axis])?;
        let span = span(self.kernel[axis], self.dilations[axis]);
        if !self.ceil {
            return Some(padded.checked_sub(span)? / stride + 1);
        }
        let count = padded.checked_sub(span)?.div_ceil(stride) + 1;
        Some(if (count - 1) * stride >= begun { count - 1 } else { count })
    }

    fn window<'a>(&'a self, pads_begin: &'a [usize]) -> Window<'a> {
        Window { kernel: &self.kernel, strides: &self.strides, dilations: &self.dilations, pads_begin }
    }
}

impl PoolKind {
    /// The fold of a window's elements; `counted` are they and the padding in the window.
    fn of_floats(self, elements: impl Iterator<Item = f64> + Clone, counted: usize) -> f64 {
        let mean = |count: usize| elements.clone().sum::<f64>() / count.max(1) as f64;
        match self {
            PoolKind::Max => elements.fold(f64::NEG_INFINITY, |a, b| if a.is_nan() || a > b { a } else { b }),
            PoolKind::Average { count_include_pad: true } => mean(counted),
            PoolKind::Average { count_include_pad: false } => mean(elements.clone().count()),
            PoolKind::Lp { p } => {
                let power = f64::from(p);
                elements.map(|x| x.abs().powf(power)).sum::<f64>().powf(1.0 / power)
            }
        }
    }
}

/// The smallest number of an integer type.
fn lowest(data_type: DataType) -> i64 {
    match data_type {
        DataType::I64 | DataType::F32 | DataType::F16 => i64::MIN,
        DataType::I32 => i64::from(i32::MIN),
        DataType::I8 => i64::from(i8::MIN),
        DataType::U8 | DataType::Bool => 0,
    }
}

impl Rule for Pool {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let x = operand(inputs, 0)?;
        let misfit = || invalid!("{x} is not pooled by a window of {:?}", self.kernel);
        let rank = x.shape.len().checked_sub(2).filter(|&rank| rank > 0).ok_or_else(misfit)?;
        let lists = [&self.kernel, &self.strides, &self.pads_begin, &self.pads_end, &self.dilations];
        if lists.iter().any(|list| list.len() != rank) {
            return Err(misfit());
        }
        if self.strides.contains(&0) || self.kernel.contains(&0) || self.kind == (PoolKind::Lp { p: 0 }) {
            return Err(misfit());
        }
        let computes = self.kind != PoolKind::Max && x.data_type != DataType::F32;
        if computes || x.data_type == DataType::Bool {
            return Err(unsupported!("{:?} pools {x}", self.kind));
        }
        let spatial = (0..rank).map(|axis| self.positions(axis, x.shape[axis + 2]));
        let spatial = spatial.collect::<Option<Vec<_>>>().ok_or_else(misfit)?;
        Ok(TensorType::new(x.data_type, [&x.shape[..2], &spatial].concat()))
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let x = operand(inputs, 0)?;
        let (spatial, positions) = (&x.shape[2..], &result.shape[2..]);
        let padded: Vec<usize> = (0..spatial.len())
            .map(|axis| spatial[axis] + self.pads_begin[axis] + self.pads_end[axis])
            .collect();
        let unpadded = vec![0; spatial.len()];
        let windows = (0..positions.iter().product()).map(|at| {
            let taps = self.window(&self.pads_begin).taps(spatial, positions, at);
            let counted = self.window(&unpadded).taps(&padded, positions, at).len();
            (taps.into_iter().map(|(place, _)| place).collect::<Vec<_>>(), counted)
        });
        let windows: Vec<_> = windows.collect();
        let plane: usize = spatial.iter().product();
        let starts = (0..x.shape[..2].iter().product()).map(|which: usize| which * plane);
        if let Some(floats) = x.as_f32() {
            let fold = |start, (taps, counted): &(Vec<usize>, usize)| {
                self.kind.of_floats(taps.iter().map(|at| f64::from(floats[start + at])), *counted) as f32
            };
            return Ok(Data::F32(
                starts.flat_map(|start| windows.iter().map(move |w| fold(start, w))).collect(),
            ));
        }
        let integers = x.to_i64_vec().unwrap_or_default();
        let largest = |start: usize, taps: &[usize]| {
            taps.iter().map(|at| integers[start + at]).max().unwrap_or(lowest(result.data_type))
        };
        let folded = starts.flat_map(|start| windows.iter().map(move |(taps, _)| (start, taps)));
        Ok(Data::from_integers(result.data_type, folded.map(|(start, taps)| largest(start, taps))))
    }
}
