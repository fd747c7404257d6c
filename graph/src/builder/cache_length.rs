//! Cache-length propagation: decoding with a cache of fixed capacity, of which axes have the length used so far.
//!
//! A decoder's step is specialised once for every number P of past positions: planned anew for each, compiling its
//! kernels would take longer than running them. An axis that grows has the cache's capacity as its extent, and only
//! its first `base + P` places mean anything; P is an input of the graph. Whatever adds up along such an axis is masked
//! here, so nothing behind the last place is ever seen. Integers computed from such extents are followed as
//! `base + coefficient · P` ([`linear`]).

pub(crate) mod linear;
pub(crate) mod rules;

use std::collections::{BTreeMap, BTreeSet};

use crate::builder::Builder;
use crate::error::{Error, unsupported};
use crate::ir::ValueId;
use crate::ops::{Binary, CacheUpdate, Cast, Concat, Operator, Reduction, Select};
use crate::tensor::{Data, DataType, Tensor, TensorType};
use linear::{Folded, Linear};

/// For each axis of a value, the base of its length if it grows.
pub(crate) type Axes = Vec<Option<i64>>;

/// The lengths that depend on the cache in a graph in the making.
#[derive(Debug, Clone)]
pub(crate) struct CacheLength {
    /// The static extent of every axis that grows.
    pub capacity: usize,
    /// The input that says how many past positions there are, an i64 scalar.
    past_length: ValueId,
    axes: BTreeMap<ValueId, Axes>,
    /// Values that are zero wherever an axis of theirs has ended (zero padding): a product with one needs no mask.
    zero_padded: BTreeSet<ValueId>,
    linear: BTreeMap<ValueId, Linear>,
    /// Linear values that had to be computed at run time, and where: each once, however many nodes ask for it.
    computed: BTreeMap<ValueId, ValueId>,
    /// Masks by the base of the length and the number of axes behind.
    masks: BTreeMap<(i64, usize), ValueId>,
}

impl Builder {
    /// Lets values grow: adds the input that says how many past positions there are.
    pub(crate) fn start_cache(&mut self, past_length: &str, capacity: usize) {
        let most = i64::try_from(capacity).unwrap_or(i64::MAX);
        let past_length = self.bounded_input(past_length, TensorType::new(DataType::I64, []), (0, most));
        let (axes, zero_padded, linear) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let (computed, masks) = (BTreeMap::new(), BTreeMap::new());
        *self.cache_length_mut() =
            Some(CacheLength { capacity, past_length, axes, zero_padded, linear, computed, masks });
    }

    /// The axes of a value that grow; `None` where none does.
    pub(crate) fn axes(&self, id: ValueId) -> Option<&Axes> {
        self.cache_length()?.axes.get(&id)
    }

    /// Sets which axes of a value grow, beside those that are known to.
    pub(crate) fn set_axes(&mut self, id: ValueId, axes: Axes) {
        let Some(cache_length) = self.cache_length_mut() else { return };
        if axes.iter().any(Option::is_some) {
            let known = cache_length.axes.entry(id).or_insert_with(|| vec![None; axes.len()]);
            known.iter_mut().zip(axes).for_each(|(known, new)| *known = known.or(new));
        }
    }

    /// The integers of a value that are known but for the number of past positions.
    pub(crate) fn linear(&self, id: ValueId) -> Option<&Linear> {
        self.cache_length()?.linear.get(&id)
    }

    /// Adds integers that are known but for the number of past positions.
    pub(crate) fn push_linear(&mut self, name: &str, linear: Linear) -> ValueId {
        if linear.is_constant() {
            return self.constant(name, linear.base);
        }
        let id = self.declare(name, linear.base.tensor_type());
        if let Some(cache_length) = self.cache_length_mut() {
            cache_length.linear.insert(id, linear);
        }
        id
    }

    /// The static extent of every axis that grows.
    pub(crate) fn capacity(&self) -> usize {
        self.cache_length().map_or(0, |cache_length| cache_length.capacity)
    }

    fn grows_along(&self, id: ValueId, axis: usize) -> Option<i64> {
        self.axes(id)?.get(axis).copied().flatten()
    }

    fn is_zero_padded(&self, id: ValueId) -> bool {
        let zero = |tensor: &Tensor| tensor.len() == 1 && tensor.to_f32_vec() == [0.0];
        self.cache_length().is_some_and(|cache_length| cache_length.zero_padded.contains(&id))
            || self.constant_of(id).is_some_and(zero)
    }

    fn set_zero_padded(&mut self, id: ValueId) {
        if let Some(cache_length) = self.cache_length_mut() {
            cache_length.zero_padded.insert(id);
        }
    }
}

/// Adds a node some of whose operands grow, or depend on the number of past positions.
pub(crate) fn push(
    graph: &mut Builder,
    name: &str,
    operator: Operator,
    inputs: &[Option<ValueId>],
) -> Result<ValueId, Error> {
    // First as integers: most of what depends on P are shapes and positions, and stay no node at all.
    match linear::fold(graph, &operator, inputs)? {
        Some(Folded::Linear(linear)) => return Ok(graph.push_linear(name, linear)),
        Some(Folded::Constant(tensor)) => return Ok(graph.constant(name, tensor)),
        None => {}
    }
    let mut operands = Vec::new();
    for input in inputs {
        operands.push(match input {
            Some(id) => Some(compute(graph, name, *id)?),
            None => None,
        });
    }
    // Appending to a cache would give a tensor of another length at every step; writing into it keeps its extent.
    if let Operator::Concat(Concat { axis }) = operator
        && operands.iter().flatten().any(|&id| graph.grows_along(id, axis).is_some())
    {
        return update(graph, name, axis, &operands);
    }
    // Behind the end lies whatever the operators before made of what is there.
    mask_operands(graph, name, &operator, &mut operands)?;
    let known = |id: ValueId| rules::known(graph, id);
    let axes = rules::axes(graph, &operator, &operands, &known)?;
    let zero_padded = rules::keeps_zero_padding(&operator, |index| {
        operands.get(index).copied().flatten().is_some_and(|id| graph.is_zero_padded(id))
    });
    let id = graph.push_static(name, operator, &operands)?;
    graph.set_axes(id, axes);
    if zero_padded {
        graph.set_zero_padded(id);
    }
    Ok(id)
}

/// The run-time form of a value that depends on the number of past positions; others are what they are.
pub(crate) fn compute(graph: &mut Builder, name: &str, id: ValueId) -> Result<ValueId, Error> {
    let Some(cache_length) = graph.cache_length() else { return Ok(id) };
    let (Some(linear), known) =
        (cache_length.linear.get(&id).cloned(), cache_length.computed.get(&id).copied())
    else {
        return Ok(id);
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let mut past = cache_length.past_length;
    let name = format!("{name}#past");
    if linear.base.data_type() != DataType::I64 {
        let to = linear.base.data_type();
        past = graph.push_static(&name, Operator::Cast(Cast { to }), &[Some(past)])?;
    }
    if linear.coefficient.to_i64_vec().unwrap_or_default().iter().any(|&coefficient| coefficient != 1) {
        let factor = graph.constant(&name, linear.coefficient);
        past = graph.push_static(&name, Operator::Binary(Binary::Mul), &[Some(past), Some(factor)])?;
    }
    let base = graph.constant(&name, linear.base);
    let sum = graph.push_static(&name, Operator::Binary(Binary::Add), &[Some(past), Some(base)])?;
    if let Some(cache_length) = graph.cache_length_mut() {
        cache_length.computed.insert(id, sum);
    }
    Ok(sum)
}

/// Joining new rows to a value that grows is writing them behind its last row.
fn update(
    graph: &mut Builder,
    name: &str,
    axis: usize,
    operands: &[Option<ValueId>],
) -> Result<ValueId, Error> {
    let apart = || unsupported!("it joins a growing axis otherwise than behind it");
    let [Some(cache), rows @ ..] = operands else { return Err(apart()) };
    let base = graph.grows_along(*cache, axis).ok_or_else(apart)?;
    let new: Vec<ValueId> = rows.iter().copied().flatten().collect();
    if new.iter().any(|&id| graph.grows_along(id, axis).is_some()) {
        return Err(apart());
    }
    let rows = match new.as_slice() {
        [] => return Ok(*cache),
        [rows] => *rows,
        _ => graph.push(name, Operator::Concat(Concat { axis }), rows)?,
    };
    let count = graph.tensor_type(rows).shape.get(axis).copied().unwrap_or(0) as i64;
    let position = graph.push_linear(name, Linear::scalar(base, 1));
    let position = compute(graph, name, position)?;
    let mut axes = graph.axes(*cache).cloned().unwrap_or_default();
    let operator = Operator::CacheUpdate(CacheUpdate { axis });
    let id = graph.push_static(name, operator, &[Some(*cache), Some(rows), Some(position)])?;
    axes[axis] = Some(base + count);
    graph.set_axes(id, axes);
    Ok(id)
}

/// Hides what lies behind the end of an axis from operators that would add it up.
fn mask_operands(
    graph: &mut Builder,
    name: &str,
    operator: &Operator,
    operands: &mut [Option<ValueId>],
) -> Result<(), Error> {
    let Some(&Some(first)) = operands.first() else { return Ok(()) };
    match operator {
        Operator::Softmax(softmax) => {
            operands[0] = Some(mask(graph, name, first, &[softmax.axis], f32::NEG_INFINITY)?);
        }
        Operator::Reduce(reduce) => {
            let grows = reduce.axes.iter().any(|&axis| graph.grows_along(first, axis).is_some());
            let filler = match reduce.reduction {
                Reduction::Sum | Reduction::L2 => 0.0,
                Reduction::Prod => 1.0,
                Reduction::Max => f32::NEG_INFINITY,
                Reduction::Min => f32::INFINITY,
                // It would divide by the capacity.
                Reduction::Mean if grows => return Err(unsupported!("it takes the mean of a growing axis")),
                Reduction::Mean => return Ok(()),
            };
            operands[0] = Some(mask(graph, name, first, &reduce.axes, filler)?);
        }
        // One zero factor is enough, and the left one is the smaller: a row for each query. The other has to be finite
        // behind the end, as caches are: they start with zeros.
        Operator::MatMul(_) => {
            let inner = graph.tensor_type(first).shape.len().saturating_sub(1);
            let right = operands.get(1).copied().flatten();
            if !graph.is_zero_padded(first) && !right.is_some_and(|right| graph.is_zero_padded(right)) {
                operands[0] = Some(mask(graph, name, first, &[inner], 0.0)?);
            }
        }
        Operator::Attention(_) => mask_attention(graph, name, operands)?,
        _ => {}
    }
    Ok(())
}

/// The value with `filler` wherever one of these axes has ended.
fn mask(graph: &mut Builder, name: &str, id: ValueId, axes: &[usize], filler: f32) -> Result<ValueId, Error> {
    let TensorType { data_type, shape } = graph.tensor_type(id).clone();
    let mut masked = id;
    for &axis in axes {
        let Some(base) = graph.grows_along(id, axis) else { continue };
        let filler = filled(filler, data_type)?;
        let valid = valid(graph, name, base, shape.len() - axis - 1)?;
        let filler = graph.constant(&format!("{name}#filler"), filler);
        let operands = [Some(valid), Some(masked), Some(filler)];
        masked = graph.push_static(&format!("{name}#masked"), Operator::Select(Select), &operands)?;
    }
    if masked != id {
        let known = graph.axes(id).cloned().unwrap_or_default();
        graph.set_axes(masked, known);
        if filler == 0.0 {
            graph.set_zero_padded(masked);
        }
    }
    Ok(masked)
}

/// A scalar of a type that holds it.
fn filled(filler: f32, data_type: DataType) -> Result<Tensor, Error> {
    match data_type {
        DataType::F32 | DataType::F16 => Ok(Tensor::scalar(filler)),
        DataType::I64 if filler.is_finite() => Ok(Tensor::scalar(filler as i64)),
        DataType::I32 if filler.is_finite() => Ok(Tensor::scalar(filler as i32)),
        DataType::I64 | DataType::I32 | DataType::U8 | DataType::I8 | DataType::Bool => {
            Err(unsupported!("it adds up {data_type} along a growing axis"))
        }
    }
}

/// The mask of where an axis of length `base + P` has not ended, as bool `[capacity, 1, …]` with `behind` ones.
fn valid(graph: &mut Builder, name: &str, base: i64, behind: usize) -> Result<ValueId, Error> {
    if let Some(&known) =
        graph.cache_length().and_then(|cache_length| cache_length.masks.get(&(base, behind)))
    {
        return Ok(known);
    }
    let capacity = graph.capacity();
    let places: Vec<i64> = (0..capacity as i64).collect();
    let shape = [&[capacity][..], &vec![1; behind]].concat();
    let places = graph.constant(&format!("{name}#places"), Tensor { shape, data: Data::I64(places.into()) });
    let length = graph.push_linear(name, Linear::scalar(base, 1));
    let length = compute(graph, name, length)?;
    let name = format!("{name}#valid");
    let valid = graph.push_static(&name, Operator::Binary(Binary::Less), &[Some(places), Some(length)])?;
    let mut axes = vec![None; behind + 1];
    axes[0] = Some(base);
    graph.set_axes(valid, axes);
    if let Some(cache_length) = graph.cache_length_mut() {
        cache_length.masks.insert((base, behind), valid);
    }
    Ok(valid)
}

/// Adds the end of the keys to an attention's mask, which hides their values too: a weight of zero.
fn mask_attention(graph: &mut Builder, name: &str, operands: &mut [Option<ValueId>]) -> Result<(), Error> {
    let Some(&Some(key)) = operands.get(1) else { return Ok(()) };
    let axes = graph.axes(key).cloned().unwrap_or_default();
    let Some(base) = axes.iter().copied().flatten().next() else { return Ok(()) };
    let valid = valid(graph, name, base, 0)?;
    let Some(slot) = operands.get_mut(3) else {
        return Err(unsupported!("its keys grow and it has no place for a mask"));
    };
    *slot = Some(match *slot {
        None => valid,
        Some(mask) if graph.tensor_type(mask).data_type == DataType::Bool => {
            graph.push(name, Operator::Binary(Binary::And), &[Some(valid), Some(mask)])?
        }
        Some(mask) => {
            let filler = graph.constant(name, Tensor::scalar(f32::NEG_INFINITY));
            graph.push(name, Operator::Select(Select), &[Some(valid), Some(mask), Some(filler)])?
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests;
