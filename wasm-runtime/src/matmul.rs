//! The matrix product that both sides of a comparison compute: its operands and its ONNX file.

use graph::{Data, Tensor};

/// The operands' names.
pub const OPERANDS: [&str; 2] = ["a", "b"];
/// The product's name.
pub const PRODUCT: &str = "c";

/// A `size` by `size` f32 matrix of values in [-1, 1), the same for the same seed.
pub fn operand(size: usize, seed: u64) -> Tensor {
    let mut state = seed;
    let elements = (0..size * size).map(|_| uniform(&mut state)).collect();
    Tensor { shape: vec![size, size], data: Data::F32(elements) }
}

/// SplitMix64 (Steele, Lea and Flood 2014); its upper 24 bits fill an f32's mantissa.
fn uniform(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 40) as f32 / (1u32 << 23) as f32 - 1.0
}

/// The product as an ONNX file: opset 17, one MatMul node. Our planner and the reference runtime read the same bytes.
///
/// Written field by field; the numbers are those of onnx.proto (ModelProto, GraphProto, ...).
pub fn onnx(size: usize) -> Vec<u8> {
    let node = [text(1, OPERANDS[0]), text(1, OPERANDS[1]), text(2, PRODUCT), text(4, "MatMul")].concat();
    let graph = [
        bytes(1, &node),
        text(2, "matmul"),
        bytes(11, &value_info(OPERANDS[0], size)),
        bytes(11, &value_info(OPERANDS[1], size)),
        bytes(12, &value_info(PRODUCT, size)),
    ]
    .concat();
    let opset = [text(1, ""), number(2, 17)].concat();
    [number(1, 8), bytes(7, &graph), bytes(8, &opset)].concat()
}

const ONNX_FLOAT: u64 = 1;

fn value_info(name: &str, size: usize) -> Vec<u8> {
    let dimension = bytes(1, &number(1, size as u64));
    let tensor = [number(1, ONNX_FLOAT), bytes(2, &[dimension.clone(), dimension].concat())].concat();
    [text(1, name), bytes(2, &bytes(1, &tensor))].concat()
}

/// A protobuf field of wire type 0.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A protobuf field of wire type 2.
fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn text(field: u64, content: &str) -> Vec<u8> {
    bytes(field, content.as_bytes())
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut encoded = Vec::new();
    while value >= 0x80 {
        encoded.push(value as u8 | 0x80);
        value >>= 7;
    }
    encoded.push(value as u8);
    encoded
}

/// The largest absolute difference of two products; infinite where they differ in length or one is not a number.
pub fn max_abs_difference(left: &[f32], right: &[f32]) -> f64 {
    if left.len() != right.len() {
        return f64::INFINITY;
    }
    let differences = left.iter().zip(right).map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs());
    differences.fold(
        0.0,
        |largest: f64, difference| if difference.is_nan() { f64::INFINITY } else { largest.max(difference) },
    )
}

#[cfg(test)]
mod tests {
    use graph::onnx::Model;
    use graph::{DataType, TensorType};

    use super::*;

    #[test]
    fn operands_are_the_same_for_the_same_seed_and_fill_the_range() {
        let Data::F32(elements) = operand(64, 1).data else { panic!("an operand is f32") };
        assert_eq!(operand(64, 1), Tensor { shape: vec![64, 64], data: Data::F32(elements.clone()) });
        assert_ne!(operand(64, 1), operand(64, 2));
        let (low, high) = elements.iter().fold((1f32, -1f32), |(low, high), &x| (low.min(x), high.max(x)));
        assert!((-1.0..-0.99).contains(&low) && (0.99..1.0).contains(&high), "{low} {high}");
    }

    #[test]
    fn the_onnx_file_is_one_product_of_its_operands() {
        let operand = TensorType { data_type: DataType::F32, shape: vec![200, 200] };
        let feeds = OPERANDS.map(|name| (name.to_owned(), graph::Feed::Type(operand.clone()))).into();
        let graph = graph::specialise(&Model::parse(&onnx(200)).unwrap(), &feeds).unwrap();
        let [node] = graph.nodes.as_slice() else { panic!("{} nodes", graph.nodes.len()) };
        assert!(matches!(node.operator, graph::Operator::MatMul(_)), "{node:?}");
        assert_eq!(graph.values[graph.outputs[0].0].name, PRODUCT);
        assert_eq!(graph.values[graph.outputs[0].0].tensor_type, operand);
    }

    #[test]
    fn differences_are_the_largest_and_never_hide_what_is_no_number() {
        for (name, left, right, expected) in [
            ("equal", vec![1.0, 2.0], vec![1.0, 2.0], 0.0),
            ("the largest", vec![1.0, 2.0], vec![1.5, 4.0], 2.0),
            ("a NaN", vec![f32::NAN, 2.0], vec![1.0, 2.0], f64::INFINITY),
            ("shorter", vec![1.0], vec![1.0, 2.0], f64::INFINITY),
        ] {
            assert_eq!(max_abs_difference(&left, &right), expected, "{name}");
        }
    }
}
