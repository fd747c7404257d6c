//! Elements that a computed mask picks, as many as the data decides: kept as all there are, beside the mask.
//!
//! NonZero of a computed mask stands for the places of all elements, picked or not. What is computed from there row
//! by row is computed for all of them, and where it is scattered back, what was not picked leaves everything as it
//! was. Whatever would need their number is refused.

use std::collections::BTreeSet;

use crate::builder::Builder;
use crate::builder::cache_length::{Axes, rules};
use crate::error::Error;
use crate::ir::ValueId;
use crate::ops::gather_elements::GatherElements;
use crate::ops::gather_nd::GatherNd;
use crate::ops::scatter_elements::Scatter;
use crate::ops::{Cast, Operator, Reshape, Select};
use crate::strided::contiguous;
use crate::strided::table;
use crate::tensor::{Data, DataType, Tensor};

/// The axis of a value along which a mask picks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Selection {
    pub axis: usize,
    /// Bools, one for each place of the axis.
    pub mask: ValueId,
}

/// NonZero of a computed value: the places of all its elements `[rank, elements]`.
pub(crate) fn places(graph: &mut Builder, name: &str, x: ValueId) -> Result<ValueId, Error> {
    let shape = graph.tensor_type(x).shape.clone();
    let count = table(&[&shape[..], &[shape.len()]].concat())? / shape.len().max(1);
    let mask = graph.push(name, Operator::Cast(Cast { to: DataType::Bool }), &[Some(x)])?;
    let mask = graph.push(name, Operator::Reshape(Reshape { shape: vec![count] }), &[Some(mask)])?;
    let axes = shape.iter().zip(contiguous(&shape));
    let row =
        |(&extent, stride): (&usize, isize)| (0..count).map(move |at| (at / stride as usize % extent) as i64);
    let places = Tensor::new([shape.len(), count], axes.flat_map(row).collect::<Vec<_>>())?;
    let id = graph.constant(name, places);
    graph.set_selection(id, Selection { axis: 1, mask });
    Ok(id)
}

/// The error that something depends on how many elements a mask picks.
pub(crate) fn refused(graph: &Builder, mask: ValueId) -> Error {
    let (what, inputs) = ("picked elements".to_owned(), graph.inputs_behind(mask));
    Error::NotConstant { what, operand: 0, inputs }
}

/// Adds a node some of whose operands a mask picks.
pub(crate) fn push(
    graph: &mut Builder,
    name: &str,
    operator: Operator,
    inputs: &[Option<ValueId>],
) -> Result<ValueId, Error> {
    let masks: BTreeSet<ValueId> =
        inputs.iter().flatten().filter_map(|&id| Some(graph.selection(id)?.mask)).collect();
    let Some(&mask) = masks.first() else { return graph.push_static(name, operator, inputs) };
    let grows = inputs.iter().flatten().any(|&id| graph.axes(id).is_some() || graph.linear(id).is_some());
    if masks.len() > 1 || grows {
        return Err(refused(graph, mask));
    }
    let scatters = matches!(operator, Operator::ScatterNd(_) | Operator::ScatterElements(_));
    if let (true, &[Some(data), Some(at), Some(new), ..]) = (scatters, inputs) {
        return scatter(graph, name, operator, [data, at, new], mask);
    }
    if let (Operator::GatherNd(GatherNd { batch_dimensions: 0 }), &[Some(data), Some(at)]) =
        (&operator, inputs)
        && graph.selection(data).is_none()
        && is_everywhere(graph, data, at)
    {
        let rest = &graph.tensor_type(data).shape[graph.tensor_type(at).shape[1]..];
        let shape = [&graph.tensor_type(at).shape[..1], rest].concat();
        let id = graph.push_static(name, Operator::Reshape(Reshape { shape }), &[Some(data)])?;
        graph.set_selection(id, Selection { axis: 0, mask });
        return Ok(id);
    }
    let axis = axis(graph, &operator, inputs).ok_or_else(|| refused(graph, mask))?;
    let id = graph.push_static(name, operator, inputs)?;
    graph.set_selection(id, Selection { axis, mask });
    Ok(id)
}

/// The axis of the result that holds what was picked, if the operator takes each of it for itself.
fn axis(graph: &Builder, operator: &Operator, inputs: &[Option<ValueId>]) -> Option<usize> {
    let known = |id: ValueId| {
        let mut axes: Axes = vec![None; graph.tensor_type(id).shape.len()];
        if let Some(selection) = graph.selection(id) {
            axes[selection.axis] = Some(0);
        }
        axes
    };
    let along = match operator {
        Operator::Softmax(softmax) => Some(softmax.axis),
        Operator::CumulativeSum(sum) => Some(sum.axis),
        Operator::Concat(concat) => Some(concat.axis),
        _ => None,
    };
    let is_along = |&id: &ValueId| graph.selection(id).is_some_and(|selection| Some(selection.axis) == along);
    if inputs.iter().flatten().any(is_along) {
        return None;
    }
    let axes = rules::axes(graph, operator, inputs, &known).ok()?;
    let mut picked = (0..axes.len()).filter(|&axis| axes[axis].is_some());
    picked.next().filter(|_| picked.next().is_none())
}

/// Writes what was picked where it came from, and leaves what was not as it is there.
fn scatter(
    graph: &mut Builder,
    name: &str,
    operator: Operator,
    [data, at, new]: [ValueId; 3],
    mask: ValueId,
) -> Result<ValueId, Error> {
    let first = |id: ValueId| graph.selection(id).is_some_and(|selection| selection.axis == 0);
    let shape = graph.tensor_type(data).shape.clone();
    let (gather, scatter) = match &operator {
        Operator::ScatterNd(scatter) => {
            (Operator::GatherNd(GatherNd { batch_dimensions: 0 }), scatter.scatter)
        }
        Operator::ScatterElements(scatter) if shape.len() == 1 => {
            (Operator::GatherElements(GatherElements { axis: 0 }), scatter.scatter)
        }
        _ => return Err(refused(graph, mask)),
    };
    if graph.selection(data).is_some() || !first(at) || !first(new) || !is_distinct(graph, at) {
        return Err(refused(graph, mask));
    }
    if scatter == Scatter::Replace && is_everywhere(graph, data, at) {
        let axes = graph.tensor_type(at).shape[1];
        let new =
            graph.push_static(name, Operator::Reshape(Reshape { shape: shape.clone() }), &[Some(new)])?;
        return choose(graph, name, &shape[..axes], [mask, new, data]);
    }
    let element = |graph: &mut Builder, element: i64| {
        let data_type = graph.tensor_type(data).data_type;
        let data = Data::from_integers(data_type, std::iter::once(element));
        Ok(graph.constant(name, Tensor { shape: vec![], data }))
    };
    let unchanged = match scatter {
        Scatter::Replace | Scatter::Max | Scatter::Min => {
            graph.push_static(name, gather, &[Some(data), Some(at)])
        }
        Scatter::Add => element(graph, 0),
        Scatter::Mul => element(graph, 1),
    }?;
    let count = graph.tensor_type(mask).shape.clone();
    let new = choose(graph, name, &count, [mask, new, unchanged])?;
    graph.push_static(name, operator, &[Some(data), Some(at), Some(new)])
}

/// One value where the mask, laid out over the first axes, is true, and another elsewhere.
fn choose(
    graph: &mut Builder,
    name: &str,
    lead: &[usize],
    [mask, yes, no]: [ValueId; 3],
) -> Result<ValueId, Error> {
    let mut shape = lead.to_vec();
    shape.resize(graph.tensor_type(yes).shape.len().max(lead.len()), 1);
    let mask = graph.push_static(name, Operator::Reshape(Reshape { shape }), &[Some(mask)])?;
    graph.push_static(name, Operator::Select(Select), &[Some(mask), Some(yes), Some(no)])
}

/// Returns whether index tuples are all those of the data's first axes, in their order.
fn is_everywhere(graph: &Builder, data: ValueId, at: ValueId) -> bool {
    let shape = &graph.tensor_type(data).shape;
    let Some(places) = graph.constant_of(at) else { return false };
    let &[count, axes] = &places.shape[..] else { return false };
    let Some(lead) = shape.get(..axes).filter(|lead| lead.iter().product::<usize>() == count) else {
        return false;
    };
    let strides = contiguous(lead);
    let place = |at: usize| (at / axes, at % axes);
    let expected = (0..count * axes)
        .map(place)
        .map(|(place, axis)| (place / strides[axis] as usize % lead[axis]) as i64);
    places.to_i64_vec().is_some_and(|places| places.into_iter().eq(expected))
}

/// Returns whether no two of the indices, or index tuples, are the same; what is not known may be.
fn is_distinct(graph: &Builder, at: ValueId) -> bool {
    let Some(places) = graph.constant_of(at) else { return false };
    let length = places.shape.get(1).copied().unwrap_or(1).max(1);
    let elements = places.to_i64_vec().unwrap_or_default();
    let mut seen = BTreeSet::new();
    places.shape.len() <= 2 && elements.chunks(length).all(|place| seen.insert(place.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::text::{self, tensor};
    use crate::{Error, interpret, optimise};

    /// The graph's `y` for this `x`, as read and optimised.
    fn run(lines: &str, x: &str) -> Result<[crate::Tensor; 2], Error> {
        let graph = text::parse(lines)?;
        let inputs = BTreeMap::from([("x".to_owned(), tensor(x)?)]);
        let [read, optimised] = [interpret(&graph, &inputs)?, interpret(&optimise(graph), &inputs)?];
        Ok([read["y"].clone(), optimised["y"].clone()])
    }

    const PICKED: &str = "x: f32[2,3]\nzero: f32[] = 0\nm = GreaterOrEqual(x, zero)\nnz = NonZero(m)\n";

    #[test]
    fn what_a_mask_picks_is_computed_and_put_back() {
        // Expected values from NumPy: x[m] = f(x[m]), and the like.
        let cases = [
            (
                "elements",
                "at = Transpose(nz, perm=[1,0])\nv = GatherND(x, at)\ne = Exp(v)\ny = ScatterND(x, at, e)\nreturn y",
                "f32[2,3] = 1 -1 2.7182817 -2 7.389056 -0.5",
            ),
            (
                "elements added up",
                "at = Transpose(nz, perm=[1,0])\nv = GatherND(x, at)\ny = ScatterND(x, at, v, reduction=\"add\")\nreturn y",
                "f32[2,3] = 0 -1 2 -2 4 -0.5",
            ),
            (
                "into another value",
                "at = Transpose(nz, perm=[1,0])\nv = GatherND(x, at)\nw: f32[2,3] = 9\nn = Neg(v)\n\
                 y = ScatterND(w, at, n)\nreturn y",
                "f32[2,3] = 0 9 -1 9 -2 9",
            ),
            (
                "rows of a table",
                "r: i64[1] = 1\ns = ReduceMax(x, r, keepdims=0)\nk = Greater(s, zero)\nnz1 = NonZero(k)\n\
                 i = Squeeze(nz1, z)\nv = Gather(x, i)\nt: f32[1,3] = 1 2 3\nw = Mul(v, t)\n\
                 a = Transpose(nz1, perm=[1,0])\ny = ScatterND(x, a, w)\nreturn y",
                "f32[2,3] = 0 -2 3 -2 4 -1.5",
            ),
            (
                "along one axis",
                "f: i64[1] = -1\nflat = Reshape(x, f)\nh: f32[] = 0.75\nk = Greater(flat, h)\nnz1 = NonZero(k)\n\
                 i = Squeeze(nz1, z)\nv = Gather(flat, i)\nn = Neg(v)\ny = ScatterElements(flat, i, n)\nreturn y",
                "f32[6] = 0 -1 -1 -2 -2 -0.5",
            ),
        ];
        for (name, lines, expected) in cases {
            let lines = format!("{PICKED}z: i64[1] = 0\n{lines}");
            let found =
                run(&lines, "f32[2,3] = 0 -1 1 -2 2 -0.5").unwrap_or_else(|error| panic!("{name}: {error}"));
            let expected = tensor(expected).unwrap();
            assert_eq!(found, [expected.clone(), expected], "{name}");
        }
    }

    #[test]
    fn what_needs_their_number_is_refused() {
        let cases = [
            ("an output", "y = Transpose(nz)\nreturn y"),
            ("a shape", "at = Transpose(nz)\nv = GatherND(x, at)\ny = Shape(v)\nreturn y"),
            ("a sum", "at = Transpose(nz)\nv = GatherND(x, at)\ny = ReduceMean(v)\nreturn y"),
            (
                "a running sum",
                "at = Transpose(nz)\nv = GatherND(x, at)\nz: i64[] = 0\ny = CumSum(v, z)\nreturn y",
            ),
            (
                "a mask of them",
                "at = Transpose(nz)\nv = GatherND(x, at)\nn = NonZero(v)\ny = Gather(v, n)\nreturn y",
            ),
            ("a concatenation", "y = Concat(nz, nz, axis=1)\nreturn y"),
            ("a list of axes", "s: i64[2,1] = 0\nt = Mul(nz, s)\ny = Tile(x, t)\nreturn y"),
        ];
        for (name, lines) in cases {
            let error = text::parse(&format!("{PICKED}{lines}")).expect_err(name);
            assert!(error.to_string().contains("on the data"), "{name}: {error}");
        }
    }
}
