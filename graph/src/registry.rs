//! Which ONNX operators are known, and who reads them: one row each.

use crate::node_view::Reader;
use crate::ops::binary::{self, Binary};
use crate::ops::reduce::{self, Reduction};
use crate::ops::unary::{self, Activation, Unary};
use crate::ops::{
    cast, concat, constants, conv, expand, gather, gather_nd, gemm, identity, layer_normalization, matmul,
    reshape, select, slice, softmax, transpose,
};

/// ONNX Runtime's own operators.
const CONTRIB: &str = "com.microsoft";

/// Domain (empty: ONNX's own), name and reader of each operator.
const OPERATORS: &[(&str, &str, Reader)] = &[
    ("", "Abs", |node, graph| unary::read(node, graph, Unary::Abs)),
    ("", "Add", |node, graph| binary::read(node, graph, Binary::Add)),
    ("", "And", |node, graph| binary::read(node, graph, Binary::And)),
    ("", "Cast", cast::read),
    ("", "Concat", concat::read),
    ("", "Constant", constants::read_constant),
    ("", "ConstantOfShape", constants::read_of_shape),
    ("", "Conv", conv::read),
    ("", "Cos", |node, graph| unary::read(node, graph, Unary::Cos)),
    ("", "Div", |node, graph| binary::read(node, graph, Binary::Div)),
    ("", "Dropout", identity::read),
    ("", "Equal", |node, graph| binary::read(node, graph, Binary::Equal)),
    ("", "Erf", |node, graph| unary::read(node, graph, Unary::Erf)),
    ("", "Exp", |node, graph| unary::read(node, graph, Unary::Exp)),
    ("", "Expand", expand::read),
    ("", "Flatten", reshape::read_flatten),
    ("", "Floor", |node, graph| unary::read(node, graph, Unary::Floor)),
    ("", "Gather", gather::read),
    ("", "GatherND", gather_nd::read),
    ("", "Gelu", unary::read_gelu),
    ("", "Gemm", gemm::read),
    ("", "Greater", |node, graph| binary::read(node, graph, Binary::Greater)),
    ("", "GreaterOrEqual", |node, graph| binary::read(node, graph, Binary::GreaterOrEqual)),
    ("", "Identity", identity::read),
    ("", "IsNaN", |node, graph| unary::read(node, graph, Unary::IsNaN)),
    ("", "LayerNormalization", layer_normalization::read),
    ("", "Less", |node, graph| binary::read(node, graph, Binary::Less)),
    ("", "LessOrEqual", |node, graph| binary::read(node, graph, Binary::LessOrEqual)),
    ("", "Log", |node, graph| unary::read(node, graph, Unary::Log)),
    ("", "MatMul", matmul::read),
    ("", "Max", |node, graph| binary::read_many(node, graph, Binary::Max)),
    ("", "Min", |node, graph| binary::read_many(node, graph, Binary::Min)),
    ("", "Mul", |node, graph| binary::read(node, graph, Binary::Mul)),
    ("", "Neg", |node, graph| unary::read(node, graph, Unary::Neg)),
    ("", "NonZero", constants::read_non_zero),
    ("", "Not", |node, graph| unary::read(node, graph, Unary::Not)),
    ("", "Or", |node, graph| binary::read(node, graph, Binary::Or)),
    ("", "Pow", |node, graph| binary::read(node, graph, Binary::Pow)),
    ("", "Range", constants::read_range),
    ("", "Reciprocal", |node, graph| unary::read(node, graph, Unary::Reciprocal)),
    ("", "ReduceL2", |node, graph| reduce::read(node, graph, Reduction::L2)),
    ("", "ReduceMax", |node, graph| reduce::read(node, graph, Reduction::Max)),
    ("", "ReduceMean", |node, graph| reduce::read(node, graph, Reduction::Mean)),
    ("", "ReduceMin", |node, graph| reduce::read(node, graph, Reduction::Min)),
    ("", "ReduceProd", |node, graph| reduce::read(node, graph, Reduction::Prod)),
    ("", "ReduceSum", |node, graph| reduce::read(node, graph, Reduction::Sum)),
    ("", "Relu", |node, graph| unary::read(node, graph, Unary::Activation(Activation::Relu))),
    ("", "Reshape", reshape::read),
    ("", "Shape", constants::read_shape),
    ("", "Sigmoid", |node, graph| unary::read(node, graph, Unary::Activation(Activation::Sigmoid))),
    ("", "Sin", |node, graph| unary::read(node, graph, Unary::Sin)),
    ("", "Size", constants::read_size),
    ("", "Slice", slice::read),
    ("", "Softmax", softmax::read),
    ("", "Split", slice::read_split),
    ("", "Sqrt", |node, graph| unary::read(node, graph, Unary::Sqrt)),
    ("", "Squeeze", reshape::read_squeeze),
    ("", "Sub", |node, graph| binary::read(node, graph, Binary::Sub)),
    ("", "Tanh", |node, graph| unary::read(node, graph, Unary::Activation(Activation::Tanh))),
    ("", "Transpose", transpose::read),
    ("", "Unsqueeze", reshape::read_unsqueeze),
    ("", "Where", select::read),
    ("", "Xor", |node, graph| binary::read(node, graph, Binary::Xor)),
    (CONTRIB, "Gelu", unary::read_gelu),
];

/// Who reads this operator, if anybody.
pub(crate) fn reader(domain: &str, operator: &str) -> Option<Reader> {
    let row = OPERATORS.iter().find(|(of, name, _)| (*of, *name) == (domain, operator));
    row.map(|&(_, _, reader)| reader)
}

/// Every operator that is read at all, those of other domains with the domain before the name.
pub fn operators() -> impl Iterator<Item = String> {
    OPERATORS.iter().map(|(domain, name, _)| qualified(domain, name))
}

/// An operator's name, with its domain before it where that is not ONNX's own.
pub(crate) fn qualified(domain: &str, operator: &str) -> String {
    if domain.is_empty() { operator.to_owned() } else { format!("{domain}.{operator}") }
}

#[cfg(test)]
mod tests {
    use super::OPERATORS;

    #[test]
    fn rows_are_sorted_and_unique() {
        assert!(OPERATORS.is_sorted_by_key(|&(domain, name, _)| (domain, name)));
        assert!(OPERATORS.windows(2).all(|pair| (pair[0].0, pair[0].1) != (pair[1].0, pair[1].1)));
    }
}
