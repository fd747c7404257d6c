//! ONNX operators that only make constants: Constant, ConstantOfShape, Range, Shape, Size, NonZero.

use super::shapes::lengths;
use crate::builder::Builder;
use crate::builder::cache_length::linear::{Integer, Linear, cached_axes};
use crate::builder::selection;
use crate::error::{Error, invalid, unsupported};
use crate::half::kept;
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::onnx::Attribute;
use crate::ops::{Expand, Operator};
use crate::strided::contiguous;
use crate::tensor::{Data, DataType, Tensor};

/// A Range longer than this is no shape computation any more.
const LONGEST_RANGE: i128 = 1 << 24;

fn made(node: &NodeView, graph: &mut Builder, tensor: Tensor) -> Result<Vec<ValueId>, Error> {
    Ok(vec![graph.constant(node.name, tensor)])
}

/// Constant, in any of the forms that hold numbers.
pub(crate) fn read_constant(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let attributes = &node.attributes.0;
    let Some((name, value)) = attributes.iter().find(|(name, _)| name.contains("value")) else {
        return Err(unsupported!(
            "it has none of the attributes value, value_int, value_float and their lists"
        ));
    };
    let tensor = match value {
        Attribute::Tensor(tensor, _) => tensor.clone(),
        Attribute::Int(integer) => Tensor::scalar(*integer),
        Attribute::Float(float) => Tensor::scalar(*float),
        Attribute::Ints(integers) => Tensor::vector(integers.as_slice()),
        Attribute::Floats(floats) => Tensor::vector(floats.as_slice()),
        Attribute::Text(_) | Attribute::Texts(_) | Attribute::Graph(_) | Attribute::Other(_) => {
            return Err(unsupported!("its {name} is {value:?}"));
        }
    };
    made(node, graph, tensor)
}

/// ConstantOfShape: one element, expanded.
pub(crate) fn read_of_shape(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let wanted = node.linear(0, "shape")?.ok_or_else(|| invalid!("operand 0 is missing"))?;
    let shape = lengths(&wanted, graph.capacity())?;
    let value = node.attributes.tensor("value")?.cloned().unwrap_or_else(|| Tensor::scalar(0f32));
    if value.len() != 1 {
        return Err(invalid!("its value has {} elements, not one", value.len()));
    }
    let value = graph.constant(node.name, value.reshaped(&[]));
    let id = graph.push(node.name, Operator::Expand(Expand { shape }), &[Some(value)])?;
    graph.set_axes(id, cached_axes(&wanted));
    Ok(vec![id])
}

/// Range.
pub(crate) fn read_range(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    if node.inputs.iter().flatten().any(|argument| argument.linear.is_some()) {
        return read_growing_range(node, graph);
    }
    let mut bounds = Vec::new();
    for (index, what) in ["start", "limit", "delta"].into_iter().enumerate() {
        let bound = node.constant(index, what)?.filter(|bound| bound.len() == 1);
        bounds.push(bound.ok_or_else(|| invalid!("its {what} has to be one number"))?);
    }
    let data_type = bounds[0].data_type();
    if bounds.iter().any(|bound| bound.data_type() != data_type) {
        return Err(invalid!("its start, limit and delta are of different types"));
    }
    let data = if data_type.is_float() {
        kept(float_range([0, 1, 2].map(|at| f64::from(bounds[at].to_f32_vec()[0])))?, data_type)
    } else {
        let integer = |at: usize| bounds[at].to_i64_vec().and_then(|integers| integers.first().copied());
        integer_range(data_type, [0, 1, 2].map(|at| integer(at).unwrap_or(0)))?
    };
    made(node, graph, Tensor { shape: vec![data.len()], data })
}

/// A range by ones whose start or limit depends on the number of past positions: where both do, as many
/// integers as ever; where only the limit does, an axis that grows.
fn read_growing_range(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let bound = |index: usize, what: &str| {
        let bound = node.linear(index, what)?.filter(|bound| bound.len() == 1);
        bound.map(|bound| bound[0]).ok_or_else(|| invalid!("its {what} has to be one integer"))
    };
    let (start, limit, delta) = (bound(0, "start")?, bound(1, "limit")?, bound(2, "delta")?);
    if delta != Integer::constant(1) {
        return Err(unsupported!("its bounds depend on the number of past positions and its delta is not 1"));
    }
    let data_type = node.operand(0)?.tensor_type.data_type;
    let length = limit - start;
    let count = length.extent(graph.capacity())?.max(0);
    let all = |part: &dyn Fn(i64) -> i64| {
        let data = Data::from_integers(data_type, (0..count).map(part));
        Tensor { shape: vec![count as usize], data }
    };
    let (base, coefficient) = (all(&|at| start.base + at), all(&|_| start.coefficient));
    if start.coefficient != 0 && length.coefficient != 0 {
        return Err(unsupported!("it both starts and grows with the number of past positions"));
    }
    let id = graph.push_linear(node.name, Linear { base, coefficient });
    graph.set_axes(id, cached_axes(&[length]));
    Ok(vec![id])
}

fn range_length(count: i128) -> Result<i128, Error> {
    match count {
        ..0 => Ok(0),
        0..=LONGEST_RANGE => Ok(count),
        _ => Err(unsupported!("it would have {count} elements")),
    }
}

fn integer_range(data_type: DataType, [start, limit, delta]: [i64; 3]) -> Result<Data, Error> {
    if delta == 0 {
        return Err(invalid!("its delta is 0"));
    }
    let (wide, step) = (i128::from(start), i128::from(delta));
    let count = range_length((i128::from(limit) - wide + step - step.signum()) / step)?;
    Ok(Data::from_integers(data_type, (0..count).map(|at| (wide + at * step) as i64)))
}

fn float_range([start, limit, delta]: [f64; 3]) -> Result<Data, Error> {
    let count = ((limit - start) / delta).ceil();
    if !count.is_finite() {
        return Err(invalid!("from {start} to {limit} by {delta} is no range"));
    }
    let count = range_length(count as i128)?;
    Ok(Data::F32((0..count).map(|at| (start + at as f64 * delta) as f32).collect()))
}

/// Shape, or the part of it between `start` and `end`.
pub(crate) fn read_shape(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let shape = node.shape(0)?;
    let rank = shape.len() as i64;
    let bound = |name: &str, default: i64| {
        let at = node.attributes.int(name)?.unwrap_or(default);
        Ok::<_, Error>((if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize)
    };
    let (start, end) = (bound("start", 0)?, bound("end", rank)?);
    let length = |(&extent, base): (&usize, Option<i64>)| match base {
        Some(base) => Integer { base, coefficient: 1 },
        None => Integer::constant(extent as i64),
    };
    let lengths: Vec<Integer> = shape.iter().zip(node.axes(0)?).map(length).collect();
    Ok(vec![graph.push_linear(node.name, Linear::vector(lengths.get(start..end).unwrap_or_default()))])
}

/// Size.
pub(crate) fn read_size(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    if node.operand(0)?.axes.is_some() {
        return Err(unsupported!("it counts the elements of something that grows while decoding"));
    }
    let count = node.operand(0)?.tensor_type.element_count();
    made(node, graph, Tensor::scalar(count as i64))
}

/// NonZero: one row of indices for each axis.
pub(crate) fn read_non_zero(node: &NodeView, graph: &mut Builder) -> Result<Vec<ValueId>, Error> {
    let operand = node.operand(0)?;
    let varies = operand.linear.is_some() || operand.axes.is_some();
    if operand.constant.is_none() && !varies && !operand.tensor_type.shape.is_empty() {
        return Ok(vec![selection::places(graph, node.name, operand.id)?]);
    }
    let tensor = node.constant(0, "elements")?.ok_or_else(|| invalid!("operand 0 is missing"))?;
    let elements = tensor.to_f32_vec();
    let found: Vec<usize> = (0..elements.len()).filter(|&at| elements[at] != 0.0).collect();
    let axes = tensor.shape.iter().zip(contiguous(&tensor.shape));
    let row = |(&extent, stride): (&usize, isize)| {
        found.iter().map(|at| (at / stride as usize % extent) as i64).collect::<Vec<_>>()
    };
    let rows: Vec<i64> = axes.flat_map(row).collect();
    made(node, graph, Tensor::new([tensor.shape.len(), found.len()], rows)?)
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        check(&[
            ("constant, integer", "y = Constant(value_int=3)", "i64[] = 3"),
            ("constant, floats", "y = Constant(value_floats=[1.5,2.0])", "f32[2] = 1.5 2"),
            ("of shape", "s: i64[2] = 2 1\ny = ConstantOfShape(s)", "f32[2,1] = 0 0"),
            ("range", "a: i64[] = 1\nb: i64[] = 8\nc: i64[] = 3\ny = Range(a, b, c)", "i64[3] = 1 4 7"),
            ("range down", "a: i64[] = 3\nb: i64[] = 0\nc: i64[] = -2\ny = Range(a, b, c)", "i64[2] = 3 1"),
            ("range of none", "a: i64[] = 3\nb: i64[] = 0\nc: i64[] = 1\ny = Range(a, b, c)", "i64[0] ="),
            (
                "range of floats",
                "a: f32[] = 0\nb: f32[] = 1\nc: f32[] = 0.5\ny = Range(a, b, c)",
                "f32[2] = 0 0.5",
            ),
            ("shape", "x: f32[2,3,4]\ny = Shape(x)", "i64[3] = 2 3 4"),
            ("part of a shape", "x: f32[2,3,4]\ny = Shape(x, start=-2, end=99)", "i64[2] = 3 4"),
            ("no part of a shape", "x: f32[2,3,4]\ny = Shape(x, start=2, end=1)", "i64[0] ="),
            ("size", "x: f32[2,3,4]\ny = Size(x)", "i64[] = 24"),
            ("non-zero", "x: i64[2,2] = 1 0 1 1\ny = NonZero(x)", "i64[2,3] = 0 1 1 0 0 1"),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("delta 0", "a: i64[] = 1\nb: i64[] = 0\ny = Range(a, a, b)", "delta is 0"),
            (
                "endless",
                "a: i64[] = 0\nb: i64[] = 9223372036854775807\nc: i64[] = 1\ny = Range(a, b, c)",
                "elements",
            ),
            ("no number", "a: f32[] = 0\nb: f32[] = nan\ny = Range(a, a, b)", "no range"),
            ("text", "y = Constant(value_string=\"a\")", "value_string"),
            ("depends on data", "x: i64[2]\ny = NonZero(x)", "depend on the data"),
        ]);
    }
}
