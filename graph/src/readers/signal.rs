//! Signal processing: windows and mel weights are constants, Fourier transforms products with them, and those of frames
//! that overlap convolutions.

use std::f64::consts::PI;

use super::narrow;
use crate::builder::Builder;
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::{NodeView, axis};
use crate::ops::{ChannelOrder, Conv, Operator};
use crate::strided::table;
use crate::tensor::{Data, DataType, Tensor};
use crate::writer::{Writer, Written};

/// A size that has to be constant.
fn size(node: &NodeView, index: usize, what: &str) -> Result<Option<usize>, Error> {
    let Some(found) = node.integers(index, what)? else { return Ok(None) };
    let size = found.first().and_then(|&size| usize::try_from(size).ok());
    size.map(Some).ok_or_else(|| invalid!("its {what} is {found:?}"))
}

fn output_type(node: &NodeView) -> Result<DataType, Error> {
    let number = node.attributes.int("output_datatype")?.unwrap_or(1);
    Ok(narrow::element_type(number, "output_datatype")?.data_type())
}

/// HannWindow, HammingWindow, BlackmanWindow: a sum of cosines with these factors.
pub(crate) fn read_window(
    node: &NodeView,
    graph: &mut Builder,
    factors: &[f64],
) -> Result<Vec<ValueId>, Error> {
    let count = table(&[size(node, 0, "size")?.ok_or_else(|| invalid!("its size is missing"))?])?;
    let period = if node.attributes.flag("periodic", true)? { count } else { count.saturating_sub(1) };
    let at = |place: usize| {
        let cosine = |(times, factor): (usize, &f64)| {
            factor * (2.0 * PI * times as f64 * place as f64 / period as f64).cos()
        };
        factors.iter().enumerate().map(cosine).sum::<f64>() as f32
    };
    let to = output_type(node)?;
    let write = &Writer::new(node, graph);
    let window = write.constant(Tensor::vector((0..count).map(at).collect::<Vec<_>>()));
    Ok(vec![write.cast(window, to)?])
}

/// MelWeightMatrix: triangles over the bins of a spectrum, evenly spaced in mel.
pub(crate) fn read_mel(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let number = |index: usize, what: &str| {
        let found = node.constant(index, what)?.and_then(|tensor| tensor.to_f32_vec().first().copied());
        found.map(f64::from).ok_or_else(|| invalid!("its {what} is missing"))
    };
    let (bins, length, rate) =
        (number(0, "number of bins")? as usize, number(1, "dft length")?, number(2, "sample rate")?);
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let (low, high) = (mel(number(3, "lower edge")?), mel(number(4, "upper edge")?));
    let rows = length as usize / 2 + 1;
    let count = table(&[rows, bins])?;
    let step = (high - low) / (bins + 2) as f64;
    let hertz = |at: usize| 700.0 * (10f64.powf((at as f64 * step + low) / 2595.0) - 1.0);
    let edge = |at: usize| ((length + 1.0) * hertz(at) / rate).floor() as i64;
    let weight = |place: usize| {
        let (row, bin) = ((place / bins) as i64, place % bins);
        let (left, centre, right) = (edge(bin), edge(bin + 1), edge(bin + 2));
        match row {
            _ if (centre..right).contains(&row) => (right - row) as f32 / (right - centre) as f32,
            _ if row == centre => 1.0,
            _ if (left..centre).contains(&row) => (row - left) as f32 / (centre - left) as f32,
            _ => 0f32,
        }
    };
    let to = output_type(node)?;
    let weights: Vec<f32> = (0..count).map(weight).collect();
    let write = &Writer::new(node, graph);
    let matrix = write.constant(Tensor { shape: vec![rows, bins], data: Data::from(weights) });
    Ok(vec![write.cast(matrix, to)?])
}

/// A discrete Fourier transform along one axis of complex numbers, which lie in pairs along the last axis.
#[derive(Debug, Clone, Copy)]
struct Transform {
    axis: usize,
    length: usize,
    inverse: bool,
    onesided: bool,
}

impl Transform {
    /// The matrix `[to, from]` of `function(2π · row · column / length) · factor(column)`.
    fn matrix(
        &self,
        to: usize,
        from: usize,
        function: fn(f64) -> f64,
        factor: impl Fn(usize) -> f64,
    ) -> Tensor {
        let element = |place: usize| {
            let (row, column) = (place / from, place % from);
            // Reduced first, so that large products lose nothing.
            let angle = 2.0 * PI * (row * column % self.length) as f64 / self.length as f64;
            (function(angle) * factor(column)) as f32
        };
        let elements: Vec<f32> = (0..to * from).map(element).collect();
        Tensor { shape: vec![to, from], data: elements.into() }
    }

    fn write(&self, write: &Writer, x: ValueId) -> Written {
        let shape = write.shape(x);
        let (last, from) = (shape.len() - 1, shape[self.axis]);
        let used = from.min(self.length);
        let real_result = self.inverse && self.onesided;
        let to = if self.onesided && !self.inverse { self.length / 2 + 1 } else { self.length };
        table(&[to, self.length])?;
        let scale = if self.inverse { 1.0 / self.length as f64 } else { 1.0 };
        // Of a spectrum's halves only one is given; the other is its mirror image.
        let mirrored = |at: usize| at != 0 && 2 * at != self.length;
        let times = |at: usize| if real_result && mirrored(at) { 2.0 } else { 1.0 };
        let factor = |at: usize| if at < used { scale * times(at) } else { 0.0 };
        let cos = self.matrix(to, from, f64::cos, factor);
        let sin = self.matrix(to, from, f64::sin, factor);
        let apply = |matrix: &Tensor, x: ValueId| write.transform(x, self.axis, matrix.clone());
        let real = write.slice(x, last, 0, 1)?;
        let imaginary = (shape[last] == 2).then(|| write.slice(x, last, 1, 1)).transpose()?;
        // The sign of the imaginary unit in the exponent: − forwards, + backwards.
        let (mut cosine, mut sine) = (apply(&cos, real)?, apply(&sin, real)?);
        if let Some(imaginary) = imaginary {
            let (other_cosine, other_sine) = (apply(&cos, imaginary)?, apply(&sin, imaginary)?);
            (cosine, sine) = match self.inverse {
                true => (write.sub(cosine, other_sine)?, write.add(sine, other_cosine)?),
                false => (write.add(cosine, other_sine)?, write.sub(other_cosine, sine)?),
            };
        } else if !self.inverse {
            sine = write.unary(crate::ops::Unary::Neg, sine)?;
        }
        if real_result { Ok(cosine) } else { write.concat(last, &[cosine, sine]) }
    }
}

/// DFT: the axis is an attribute before opset 20, an operand since.
pub(crate) fn read_dft(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let shape = node.shape(0)?;
    let (inverse, onesided) =
        (node.attributes.flag("inverse", false)?, node.attributes.flag("onesided", false)?);
    let given = match node.integers(2, "axis")? {
        Some(found) => found.first().copied().unwrap_or(-2),
        None => node.attributes.int("axis")?.unwrap_or(if node.opset < 20 { 1 } else { -2 }),
    };
    let axis = axis(given, shape.len())?;
    let whole = if inverse && onesided { 2 * (shape[axis].max(1) - 1) } else { shape[axis] };
    let length = size(node, 1, "dft_length")?.unwrap_or(whole);
    if length == 0 || axis + 1 >= shape.len() {
        return Err(invalid!("{shape:?} cannot be transformed along axis {axis}"));
    }
    let x = node.operand(0)?.id;
    let transform = Transform { axis, length, inverse, onesided };
    Ok(vec![transform.write(&Writer::new(node, graph), x)?])
}

/// Frames of a real signal `[batch, samples, 1]`, one every `step` and so long, each by a window and transformed: a
/// convolution, whose channels are the bins, real and imaginary part in turn. Frames overlap, and so stand nowhere by
/// themselves.
fn convolved(
    write: &Writer,
    x: ValueId,
    (step, length): (usize, usize),
    window: Option<ValueId>,
    onesided: bool,
) -> Written {
    let shape = write.shape(x);
    let bins = if onesided { length / 2 + 1 } else { length };
    let weight = |place: usize| {
        let (channel, at) = (place / length, place % length);
        let angle = 2.0 * PI * (channel / 2 * at % length) as f64 / length as f64;
        (if channel.is_multiple_of(2) { angle.cos() } else { -angle.sin() }) as f32
    };
    let weights: Vec<f32> = (0..table(&[2 * bins, length])?).map(weight).collect();
    let mut weights = write.constant(Tensor { shape: vec![2 * bins, 1, length], data: weights.into() });
    if let Some(window) = window {
        weights = write.mul(weights, window)?;
    }
    let conv = Conv {
        channels: ChannelOrder::First,
        strides: vec![step],
        pads_begin: vec![0],
        pads_end: vec![0],
        dilations: vec![1],
        groups: 1,
        activation: None,
    };
    let signal = write.reshape(x, &[shape[0], 1, shape[1]])?;
    let spectrum = write.push(Operator::Conv(conv), &[Some(signal), Some(weights)])?;
    let frames = write.shape(spectrum)[2];
    let spectrum = write.transpose(spectrum, &[0, 2, 1])?;
    write.reshape(spectrum, &[shape[0], frames, bins, 2])
}

/// STFT: signal `[batch, length, 1 or 2]`, step, window, frame length.
pub(crate) fn read_stft(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let &[_, total, _] = node.shape(0)? else { return Err(invalid!("its signal is not of rank 3")) };
    let step = size(node, 1, "frame_step")?.filter(|&step| step > 0);
    let step = step.ok_or_else(|| invalid!("its frame_step is missing"))?;
    let window = node.optional(2);
    let by_window = window.map_or(total, |window| window.tensor_type.element_count());
    let length = size(node, 3, "frame_length")?.unwrap_or(by_window);
    let room = total.checked_sub(length).filter(|_| length > 0 && (window.is_none() || by_window == length));
    let room = room.ok_or_else(|| invalid!("frames of {length} do not fit window or signal"))?;
    let frames = 1 + room / step;
    let onesided = node.attributes.flag("onesided", true)?;
    let x = node.operand(0)?.id;
    let write = &Writer::new(node, graph);
    if write.shape(x)[2] == 1 && write.data_type(x) == DataType::F32 {
        return Ok(vec![convolved(write, x, (step, length), window.map(|window| window.id), onesided)?]);
    }
    let places = (0..table(&[frames, length])?).map(|at| (at / length * step + at % length) as i64);
    let places = write.reshape(write.integers(places), &[frames, length])?;
    let mut framed = write.gather(x, 1, places)?;
    if let Some(window) = window {
        framed = write.mul(framed, write.reshape(window.id, &[length, 1])?)?;
    }
    let transform = Transform { axis: 2, length, inverse: false, onesided };
    Ok(vec![transform.write(write, framed)?])
}
