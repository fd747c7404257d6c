//! Attributes of windows: the steps, paddings and kernels of convolutions and pools.

use crate::error::{Error, invalid, unsupported};
use crate::node_view::NodeView;
use crate::ops::window::span;

/// The padding before the first and behind the last element, along each spatial dimension.
pub(crate) type Pads = (Vec<usize>, Vec<usize>);

/// An attribute that is a list of sizes.
pub(crate) fn list(node: &NodeView, name: &str) -> Result<Option<Vec<usize>>, Error> {
    let Some(integers) = node.attributes.ints(name)? else { return Ok(None) };
    let list: Result<_, _> = integers.iter().map(|&integer| usize::try_from(integer)).collect();
    list.map(Some).map_err(|_| unsupported!("{name} are {integers:?}, with a negative one"))
}

/// The attribute `name`, a size other than zero for each of `rank` dimensions, all 1 where it is left out.
pub(crate) fn steps(node: &NodeView, name: &str, rank: usize) -> Result<Vec<usize>, Error> {
    let steps = list(node, name)?.unwrap_or_else(|| vec![1; rank]);
    if steps.len() != rank || steps.contains(&0) {
        return Err(invalid!("{name} {steps:?} do not fit {rank} spatial dimensions"));
    }
    Ok(steps)
}

/// The attribute `pads`: before and after; `None` where `auto_pad` decides.
pub(crate) fn given_pads(node: &NodeView, rank: usize) -> Result<Option<Pads>, Error> {
    match node.attributes.text("auto_pad")?.unwrap_or("NOTSET") {
        "" | "NOTSET" => {}
        "VALID" => return Ok(Some((vec![0; rank], vec![0; rank]))),
        "SAME_UPPER" | "SAME_LOWER" => return Ok(None),
        other => return Err(invalid!("auto_pad is {other:?}")),
    }
    let given = list(node, "pads")?.unwrap_or_else(|| vec![0; 2 * rank]);
    if given.len() != 2 * rank {
        return Err(invalid!("pads {given:?} are not two for each of {rank} dimensions"));
    }
    Ok(Some((given[..rank].to_vec(), given[rank..].to_vec())))
}

/// Halves paddings as `auto_pad` asks: where one is odd, SAME_LOWER has more of it before, others after.
fn halves(node: &NodeView, totals: &[usize]) -> Result<Pads, Error> {
    let less: Vec<usize> = totals.iter().map(|total| total / 2).collect();
    let more = totals.iter().map(|total| total.div_ceil(2)).collect();
    let lower = node.attributes.text("auto_pad")? == Some("SAME_LOWER");
    Ok(if lower { (more, less) } else { (less, more) })
}

/// Paddings as given, or such that there are as many positions as elements, divided by the strides.
pub(crate) fn pads(
    node: &NodeView,
    spatial: &[usize],
    kernel: &[usize],
    strides: &[usize],
    dilations: &[usize],
) -> Result<Pads, Error> {
    if let Some(given) = given_pads(node, spatial.len())? {
        return Ok(given);
    }
    let total = |axis: usize| {
        let steps = spatial[axis].div_ceil(strides[axis]).saturating_sub(1);
        let reach = span(kernel[axis], dilations[axis]).saturating_add(steps * strides[axis]);
        reach.saturating_sub(spatial[axis])
    };
    halves(node, &(0..spatial.len()).map(total).collect::<Vec<_>>())
}
