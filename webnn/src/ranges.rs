//! How large integers can be: what proves that int64 fits into int32, and that a product of integers is exact in
//! float32.

use graph::ops::{Binary, Unary};
use graph::{Constant, DataType, Graph, Node, Operator, TensorType, ValueId};

/// The least and the most that an integer can be.
pub(crate) type Range = (i128, i128);

/// Whether everything in a range fits into int32.
pub(crate) fn fits_i32((least, most): Range) -> bool {
    least >= i128::from(i32::MIN) && most <= i128::from(i32::MAX)
}

/// The range of each value, by [`ValueId`]; none of floats.
pub(crate) fn ranges(graph: &Graph) -> Vec<Option<Range>> {
    let mut ranges: Vec<Option<Range>> = graph
        .values
        .iter()
        .map(|value| match &value.constant {
            Some(Constant::Here(tensor)) if !value.tensor_type.data_type.is_float() => of_elements(tensor),
            _ => of_type(&value.tensor_type),
        })
        .collect();
    for node in &graph.nodes {
        for &output in &node.outputs {
            let result = &graph.values[output.0].tensor_type;
            let whole = of_type(result);
            let own = whole.and_then(|whole| Some((of_node(graph, node, &ranges)?, whole)));
            // What may wrap around may be anything.
            ranges[output.0] = match own {
                Some((own, whole)) if own.0 >= whole.0 && own.1 <= whole.1 => Some(own),
                _ => whole,
            };
        }
    }
    ranges
}

fn of_elements(tensor: &graph::Tensor) -> Option<Range> {
    let elements = tensor.to_i64_vec()?;
    let least = elements.iter().min().copied().unwrap_or(0);
    let most = elements.iter().max().copied().unwrap_or(0);
    Some((least.into(), most.into()))
}

fn of_type(tensor_type: &TensorType) -> Option<Range> {
    match tensor_type.data_type {
        DataType::F32 | DataType::F16 => None,
        DataType::Bool => Some((0, 1)),
        DataType::U8 => Some((0, 255)),
        DataType::I8 => Some((-128, 127)),
        DataType::I32 => Some((i32::MIN.into(), i32::MAX.into())),
        DataType::I64 => Some((i64::MIN.into(), i64::MAX.into())),
    }
}

fn of_node(graph: &Graph, node: &Node, ranges: &[Option<Range>]) -> Option<Range> {
    let operand = |index: usize| -> Option<Range> { ranges[node.inputs.get(index).copied()??.0] };
    let every =
        || node.inputs.iter().flatten().map(|id| ranges[id.0]).try_fold(None, |all, own| joined(all, own?));
    match &node.operator {
        Operator::Cast(_)
        | Operator::Expand(_)
        | Operator::Gather(_)
        | Operator::GatherElements(_)
        | Operator::GatherNd(_)
        | Operator::Reshape(_)
        | Operator::Slice(_)
        | Operator::Transpose(_) => operand(0),
        Operator::Concat(_) => every()?,
        Operator::Select(_) => joined(Some(operand(1)?), operand(2)?)?,
        Operator::CacheUpdate(_) => joined(Some(operand(0)?), operand(1)?)?,
        Operator::ArgReduce(arg) => positions(graph, node.inputs[0]?, arg.axis),
        Operator::Order(order) => positions(graph, node.inputs[0]?, order.axis),
        Operator::Binary(binary) => of_binary(*binary, operand(0)?, operand(1)?),
        Operator::Unary(Unary::Neg) => operand(0).map(|(least, most)| (-most, -least)),
        _ => None,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a step of a fold that stops where a range is missing")]
fn joined(all: Option<Range>, own: Range) -> Option<Option<Range>> {
    Some(Some(all.map_or(own, |all| (all.0.min(own.0), all.1.max(own.1)))))
}

fn positions(graph: &Graph, id: ValueId, axis: usize) -> Option<Range> {
    let extent = *graph.values[id.0].tensor_type.shape.get(axis)?;
    Some((0, extent.saturating_sub(1) as i128))
}

fn of_binary(binary: Binary, a: Range, b: Range) -> Option<Range> {
    match binary {
        Binary::Add => Some((a.0 + b.0, a.1 + b.1)),
        Binary::Sub => Some((a.0 - b.1, a.1 - b.0)),
        Binary::Mul => {
            let corners = [a.0 * b.0, a.0 * b.1, a.1 * b.0, a.1 * b.1];
            Some((corners.into_iter().min()?, corners.into_iter().max()?))
        }
        Binary::Max => Some((a.0.max(b.0), a.1.max(b.1))),
        Binary::Min => Some((a.0.min(b.0), a.1.min(b.1))),
        // A divisor of −1 turns the least into one more than the most.
        Binary::Div if b.0 > 0 || b.1 < -1 => {
            let most = a.0.abs().max(a.1.abs());
            Some((-most, most))
        }
        Binary::Mod if b.0 > 0 => Some((0, b.1 - 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_what_is_computed() {
        for (name, text, expected) in [
            ("an input", "x: i64[2]\ny = Neg(x)\nreturn y", (i64::MIN.into(), i64::MAX.into())),
            ("bytes", "x: u8[2]\ny = Cast(x, to=7)\nreturn y", (0, 255)),
            ("a constant", "x: u8[2]\nz: u8[1] = 3\ny = Max(x, z)\nreturn y", (3, 255)),
            ("what wraps around", "x: u8[2]\nz: u8[1] = 3\ny = Add(x, z)\nreturn y", (0, 255)),
            ("positions", "x: f32[2,9]\ny = ArgMax(x, axis=1)\nreturn y", (0, 8)),
        ] {
            let graph = graph::text::parse(text).unwrap();
            let last = graph.outputs[0];
            assert_eq!(ranges(&graph)[last.0], Some(expected), "{name}");
        }
    }
}
