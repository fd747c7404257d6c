//! Ranges of values: what proves that int64 fits into 32 bits, and that a product of integers is exact in
//! float32.
//!
//! GPUs have no int64, and two words for one cost several times the instructions and twice the memory; WebNN's contexts
//! often have none at all, and multiply integers in float32 where they do. ONNX uses int64 for every index and length,
//! nearly all of which are small. Nothing here is a guess: bounds come from constants, types and [`Graph::bounds`], to
//! which what is fed is held.

mod arithmetic;

use crate::constant::Constant;
use crate::error::Error;
use crate::ir::{Graph, Node, ValueId};
use crate::ops::{Operator, PadMode, Scatter};
use crate::tensor::{DataType, Tensor, TensorType};
use arithmetic::{Interval, joined, of_binary, of_cast, of_cumulative_sum, of_reduction, of_unary};

/// The least and the most that an integer can be.
pub type Range = (i128, i128);

/// A constant of more floats than this is a weight, and nobody proves anything from those.
const MOST_FLOATS: usize = 1 << 12;

/// Returns whether everything in a range fits into int32.
pub fn fits_i32((least, most): Range) -> bool {
    least >= i128::from(i32::MIN) && most <= i128::from(i32::MAX)
}

/// The range of each value, by [`ValueId`]; none of floats. What the caller feeds lies within [`Graph::bounds`].
pub fn ranges(graph: &Graph) -> Vec<Option<Range>> {
    let mut known: Vec<Option<Interval>> = graph.values.iter().map(|value| of_given(graph, value)).collect();
    for node in &graph.nodes {
        for &output in &node.outputs {
            let result = &graph.values[output.0].tensor_type;
            let own = of_node(graph, node, &known);
            // What may wrap around can be anything of its type afterwards.
            known[output.0] = own.and_then(|own| own.within(result.data_type)).or(of_type(result.data_type));
        }
    }
    known.iter().map(|interval| interval.and_then(Interval::integers)).collect()
}

/// The least and the most of a tensor of integers; none of floats.
pub fn of_elements(tensor: &Tensor) -> Option<(i64, i64)> {
    let elements = tensor.to_i64_vec()?;
    let least = elements.iter().min().copied().unwrap_or(0);
    let most = elements.iter().max().copied().unwrap_or(0);
    Some((least, most))
}

impl Graph {
    /// Checks that what is fed lies within the bounds that were taken for granted.
    ///
    /// # Errors
    /// The first input that does not.
    pub fn check_bounds<'a>(
        &self,
        inputs: impl IntoIterator<Item = (&'a String, &'a Tensor)>,
    ) -> Result<(), Error> {
        for (name, tensor) in inputs {
            let found = self.bounds.get(name).zip(of_elements(tensor));
            if let Some((&(least, most), own)) = found
                && (own.0 < least || own.1 > most)
            {
                let value = if own.0 < least { own.0 } else { own.1 };
                return Err(Error::OutOfBounds { name: name.clone(), value, least, most });
            }
        }
        Ok(())
    }
}

/// The range of a value that is not computed: of a constant, or of what the caller feeds.
fn of_given(graph: &Graph, value: &crate::ir::Value) -> Option<Interval> {
    let wide = |(least, most): (i64, i64)| Interval::Integers(least.into(), most.into());
    match &value.constant {
        Some(Constant::Here(tensor)) => match tensor.as_f32() {
            Some(floats) if floats.len() <= MOST_FLOATS => Interval::of_floats(floats),
            _ => of_elements(tensor).map(wide),
        },
        // To look at its elements would be to make them, which only executors do.
        Some(Constant::Deferred(_)) => of_type(value.tensor_type.data_type),
        None => graph.bounds.get(&value.name).copied().map(wide).or(of_type(value.tensor_type.data_type)),
    }
}

fn of_type(data_type: DataType) -> Option<Interval> {
    let (least, most): (i64, i64) = match data_type {
        DataType::F32 | DataType::F16 => return None,
        DataType::Bool => (0, 1),
        DataType::U8 => (0, 255),
        DataType::I8 => (-128, 127),
        DataType::I32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::I64 => (i64::MIN, i64::MAX),
    };
    Some(Interval::Integers(least.into(), most.into()))
}

fn of_node(graph: &Graph, node: &Node, known: &[Option<Interval>]) -> Option<Interval> {
    let operand = |index: usize| -> Option<Interval> { known[node.inputs.get(index).copied()??.0] };
    let type_of = |id: ValueId| &graph.values[id.0].tensor_type;
    let operand_type = |index: usize| -> Option<&TensorType> { Some(type_of((*node.inputs.get(index)?)?)) };
    let result = type_of(*node.outputs.first()?);
    match &node.operator {
        Operator::Expand(_)
        | Operator::Gather(_)
        | Operator::GatherElements(_)
        | Operator::GatherNd(_)
        | Operator::Reshape(_)
        | Operator::Slice(_)
        | Operator::Transpose(_) => operand(0),
        Operator::Cast(cast) => of_cast(operand(0)?, cast.to),
        Operator::Concat(_) => {
            let mut all = node.inputs.iter().map(|id| known[(*id)?.0]);
            all.next()?.and_then(|first| all.try_fold(first, |all, own| joined(all, own?)))
        }
        Operator::Select(_) => joined(operand(1)?, operand(2)?),
        Operator::CacheUpdate(_) => joined(operand(0)?, operand(1)?),
        Operator::Pad(pad) => match (pad.mode, node.inputs.get(1)) {
            (PadMode::Constant, Some(Some(fill))) => joined(operand(0)?, known[fill.0]?),
            (PadMode::Constant, _) => joined(operand(0)?, Interval::zero(result.data_type)),
            (PadMode::Edge | PadMode::Reflect | PadMode::Wrap, _) => operand(0),
        },
        Operator::ScatterElements(scatter) => of_scatter(scatter.scatter, operand(0)?, operand(2)?),
        Operator::ScatterNd(scatter) => of_scatter(scatter.scatter, operand(0)?, operand(2)?),
        Operator::ArgReduce(arg) => positions(operand_type(0)?, arg.axis),
        Operator::Order(order) => positions(operand_type(0)?, order.axis),
        Operator::Binary(binary) => of_binary(*binary, operand(0)?, operand(1)?),
        Operator::Unary(unary) => of_unary(*unary, operand(0)?),
        Operator::Reduce(reduce) => {
            let shape = &operand_type(0)?.shape;
            let count: usize = reduce.axes.iter().map(|&axis| shape[axis]).product();
            of_reduction(reduce.reduction, operand(0)?, count)
        }
        Operator::CumulativeSum(sum) => {
            of_cumulative_sum(operand(0)?, operand_type(0)?.shape[sum.axis], sum.exclusive)
        }
        Operator::Attention(_)
        | Operator::Conv(_)
        | Operator::ConvTranspose(_)
        | Operator::Gemm(_)
        | Operator::LayerNormalization(_)
        | Operator::MatMul(_)
        | Operator::MatMulNBits(_)
        | Operator::Pool(_)
        | Operator::RotateHalf(_)
        | Operator::Softmax(_) => None,
    }
}

fn of_scatter(scatter: Scatter, data: Interval, updates: Interval) -> Option<Interval> {
    match scatter {
        Scatter::Replace | Scatter::Max | Scatter::Min => joined(data, updates),
        // Any number of updates can meet at one element.
        Scatter::Add | Scatter::Mul => None,
    }
}

fn positions(operand: &TensorType, axis: usize) -> Option<Interval> {
    let extent = *operand.shape.get(axis)?;
    Some(Interval::Integers(0, extent.saturating_sub(1) as i128))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Range = (i64::MIN as i128, i64::MAX as i128);

    /// Of a mask of 160 places: 0 or 1 in each.
    #[test]
    fn ranges_follow_what_is_computed() {
        let mask = "m: bool[3,160]\nmask = Cast(m, to=7)\na: i64[1] = 1\n";
        let masked = |text: &str| format!("{mask}{text}");
        for (name, text, expected) in [
            ("an input", "x: i64[2]\ny = Neg(x)\nreturn y".to_owned(), WHOLE),
            ("bytes", "x: u8[2]\ny = Cast(x, to=7)\nreturn y".to_owned(), (0, 255)),
            ("a constant", "x: u8[2]\nz: u8[1] = 3\ny = Max(x, z)\nreturn y".to_owned(), (3, 255)),
            ("what wraps around", "x: u8[2]\nz: u8[1] = 3\ny = Add(x, z)\nreturn y".to_owned(), (0, 255)),
            ("positions", "x: f32[2,9]\ny = ArgMax(x, axis=1)\nreturn y".to_owned(), (0, 8)),
            ("a sum", masked("y = ReduceSum(mask, a, keepdims=0)\nreturn y"), (0, 160)),
            ("a running sum", masked("z: i64[] = 1\ny = CumSum(mask, z)\nreturn y"), (0, 160)),
            (
                "frames of a convolution",
                masked(
                    "n = ReduceSum(mask, a)\nk: i64[1] = 10\ns: i64[1] = 5\nd = Sub(n, k)\ny = Div(d, s)\nreturn y",
                ),
                (-2, 30),
            ),
            (
                "the same by way of floats",
                masked(
                    "n = ReduceSum(mask, a)\nf = Cast(n, to=1)\ns: f32[1] = 5\nd = Div(f, s)\ne = Floor(d)\ny = Cast(e, to=7)\nreturn y",
                ),
                (-1, 33),
            ),
            ("a remainder", "x: i64[2]\nz: i64[1] = 5\ny = Mod(x, z)\nreturn y".to_owned(), (0, 4)),
            ("a float that may be NaN", "x: f32[2]\ny = Cast(x, to=7)\nreturn y".to_owned(), WHOLE),
            ("a choice", masked("z: i64[1] = 9\ny = Where(m, mask, z)\nreturn y"), (0, 9)),
            (
                "a border",
                masked("p: i64[4] = 0 1 0 1\nf: i64[] = -7\ny = Pad(mask, p, f)\nreturn y"),
                (-7, 1),
            ),
        ] {
            let graph = crate::text::parse(&text).unwrap();
            let last = graph.outputs[0];
            let found = ranges(&graph)[last.0].unwrap();
            // Floats are known up to rounding.
            assert!(found.0 >= expected.0 - 1 && found.0 <= expected.0, "{name}: {found:?}");
            assert!(found.1 <= expected.1 + 1 && found.1 >= expected.1, "{name}: {found:?}");
        }
    }

    #[test]
    fn what_is_fed_is_held_to_the_bounds() {
        let mut graph = crate::text::parse("x: i64[2]\ny = Add(x, x)\nreturn y").unwrap();
        graph.bounds.insert("x".to_owned(), (0, 1000));
        assert_eq!(ranges(&graph)[graph.outputs[0].0], Some((0, 2000)));
        let fed = |elements: [i64; 2]| {
            let (name, tensor) = ("x".to_owned(), Tensor::vector(elements));
            graph.check_bounds([(&name, &tensor)]).map_err(|error| error.to_string())
        };
        assert_eq!(fed([0, 1000]), Ok(()));
        let message = fed([0, 1001]).unwrap_err();
        assert!(message.contains("\"x\" holds 1001"), "{message}");
    }
}
