//! DeformConv: a convolution whose window looks where offsets say, as a look at each place and a product.

use super::grid::Sampler;
use super::windows::{given_pads, steps};
use crate::builder::Builder;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::window::span;
use crate::strided::table;
use crate::tensor::{Data, Tensor};
use crate::writer::{Writer, Written};

/// A window of two dimensions and how it moves.
#[derive(Debug, Clone, Copy)]
struct Window {
    kernel: [usize; 2],
    strides: [usize; 2],
    dilations: [usize; 2],
    pads: [usize; 2],
    positions: [usize; 2],
}

impl Window {
    fn of(node: &NodeView, [height, width]: [usize; 2], kernel: [usize; 2]) -> Result<Window, Error> {
        let pair = |list: Vec<usize>| [list[0], list[1]];
        let (strides, dilations) = (pair(steps(node, "strides", 2)?), pair(steps(node, "dilations", 2)?));
        let pads = given_pads(node, 2)?.ok_or_else(|| unsupported!("it has an auto_pad"))?;
        let (begin, end) = (pair(pads.0), pair(pads.1));
        let positions = |axis: usize, extent: usize| {
            let room = extent.saturating_add(begin[axis]).saturating_add(end[axis]);
            let room = room.checked_sub(span(kernel[axis], dilations[axis]));
            room.map(|room| room / strides[axis] + 1)
                .ok_or_else(|| invalid!("its window is larger than its image"))
        };
        let positions = [positions(0, height)?, positions(1, width)?];
        Ok(Window { kernel, strides, dilations, pads: begin, positions })
    }

    /// The place where each tap would look along an axis without offsets, `[1, 1, taps, positions]`.
    fn places(&self, axis: usize) -> Result<Tensor, Error> {
        let [taps, positions] = [self.kernel, self.positions].map(|[rows, columns]| rows * columns);
        table(&[taps, positions])?;
        let along = |at: usize, columns: usize| if axis == 0 { at / columns } else { at % columns };
        let place = |at: usize| {
            let (tap, position) =
                (along(at / positions, self.kernel[1]), along(at % positions, self.positions[1]));
            (position * self.strides[axis] + tap * self.dilations[axis]) as f32 - self.pads[axis] as f32
        };
        let places: Vec<f32> = (0..taps * positions).map(place).collect();
        Ok(Tensor { shape: vec![1, 1, taps, positions], data: Data::from(places) })
    }
}

/// DeformConv: image, weights, offsets (rows before columns for each tap), bias, and a factor for each tap.
pub(crate) fn read(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let (&[batch, channels, height, width], &[filters, depth, rows, columns]) =
        (node.shape(0)?, node.shape(1)?)
    else {
        return Err(unsupported!(
            "its image is of {} dimensions, not of two",
            node.shape(0)?.len().saturating_sub(2)
        ));
    };
    let count = |name: &str| {
        let count = node.attributes.int(name)?.unwrap_or(1);
        usize::try_from(count).ok().filter(|&count| count > 0).ok_or_else(|| invalid!("{name} is {count}"))
    };
    let (groups, sources) = (count("group")?, count("offset_group")?);
    if channels != depth * groups || channels % sources != 0 || filters % groups != 0 {
        return Err(invalid!(
            "{channels} channels and {filters} filters do not make {groups} and {sources} groups"
        ));
    }
    let window = Window::of(node, [height, width], [rows, columns])?;
    let (taps, positions) = (table(&[rows, columns])?, table(&window.positions)?);
    let operand = |index: usize| node.optional(index).map(|operand| operand.id);
    let (x, weight, offsets) = (node.operand(0)?.id, node.operand(1)?.id, node.operand(2)?.id);
    let write = &Writer::new(node, graph);
    let offsets = write.reshape(offsets, &[batch, sources, taps, 2, positions])?;
    let place = |axis: usize| -> Written {
        let own = write.reshape(write.slice(offsets, 3, axis, 1)?, &[batch, sources, taps, positions])?;
        let place = write.add(own, write.constant(window.places(axis)?))?;
        write.reshape(place, &[batch * sources, taps * positions, 1])
    };
    let planes = write.reshape(x, &[batch * sources, channels / sources, height * width])?;
    let planes = write.transpose(planes, &[0, 2, 1])?;
    let mut seen = Sampler::LINEAR.look(write, planes, &[height, width], &[place(0)?, place(1)?])?;
    if let Some(factors) = operand(4) {
        seen = write.mul(seen, write.reshape(factors, &[batch * sources, taps * positions, 1])?)?;
    }
    let seen = write.reshape(seen, &[batch, sources, taps, positions, channels / sources])?;
    let seen = write.transpose(seen, &[0, 1, 4, 2, 3])?;
    let seen = write.reshape(seen, &[batch, groups, depth * taps, positions])?;
    let weight = write.reshape(weight, &[groups, filters / groups, depth * taps])?;
    let product = write.matmul(weight, seen)?;
    let result = write.reshape(product, &[batch, filters, window.positions[0], window.positions[1]])?;
    let shifted = operand(3).map(|bias| write.add(result, write.along(bias, 1, 4)?)).transpose()?;
    Ok(vec![shifted.unwrap_or(result)])
}
