//! Which ONNX operators are known, and who reads them: one row each.

use crate::node_view::Reader;
use crate::ops::binary::{self, Binary};
use crate::ops::reduce::{self, Reduction};
use crate::ops::unary::{self, Activation, Unary};
use crate::ops::{
    cast, concat, constants, contrib_attention, conv, expand, gather, gather_nd, gemm, identity, matmul,
    normalization, onnx_attention, reshape, rotary_embedding, select, slice, softmax, transpose,
};

/// ONNX Runtime's own operators.
const CONTRIB: &str = "com.microsoft";

/// Domain (empty: ONNX's own), name and reader of each operator.
const OPERATORS: &[(&str, &str, Reader)] = &[
    ("", "Abs", |node, graph| unary::read(node, graph, Unary::Abs)),
    ("", "Add", |node, graph| binary::read(node, graph, Binary::Add)),
    ("", "And", |node, graph| binary::read(node, graph, Binary::And)),
    ("", "Attention", onnx_attention::read),
    ("", "BatchNormalization", normalization::read_batch),
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
    ("", "GroupNormalization", normalization::read_group),
    ("", "Identity", identity::read),
    ("", "InstanceNormalization", normalization::read_instance),
    ("", "IsNaN", |node, graph| unary::read(node, graph, Unary::IsNaN)),
    ("", "LRN", normalization::read_local_response),
    ("", "LayerNormalization", |node, graph| normalization::read(node, graph, true)),
    ("", "Less", |node, graph| binary::read(node, graph, Binary::Less)),
    ("", "LessOrEqual", |node, graph| binary::read(node, graph, Binary::LessOrEqual)),
    ("", "Log", |node, graph| unary::read(node, graph, Unary::Log)),
    ("", "LpNormalization", normalization::read_lp),
    ("", "MatMul", matmul::read),
    ("", "Max", |node, graph| binary::read_many(node, graph, Binary::Max)),
    ("", "MeanVarianceNormalization", normalization::read_mean_variance),
    ("", "Min", |node, graph| binary::read_many(node, graph, Binary::Min)),
    ("", "Mul", |node, graph| binary::read(node, graph, Binary::Mul)),
    ("", "Neg", |node, graph| unary::read(node, graph, Unary::Neg)),
    ("", "NonZero", constants::read_non_zero),
    ("", "Not", |node, graph| unary::read(node, graph, Unary::Not)),
    ("", "Or", |node, graph| binary::read(node, graph, Binary::Or)),
    ("", "Pow", |node, graph| binary::read(node, graph, Binary::Pow)),
    ("", "RMSNormalization", |node, graph| normalization::read(node, graph, false)),
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
    ("", "RotaryEmbedding", rotary_embedding::read),
    ("", "Shape", constants::read_shape),
    ("", "Sigmoid", |node, graph| unary::read(node, graph, Unary::Activation(Activation::Sigmoid))),
    ("", "SimplifiedLayerNormalization", |node, graph| normalization::read(node, graph, false)),
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
    (CONTRIB, "Attention", contrib_attention::read),
    (CONTRIB, "BiasGelu", |node, graph| normalization::read_bias_gelu(node, graph, Activation::Gelu)),
    (CONTRIB, "FastGelu", |node, graph| normalization::read_bias_gelu(node, graph, Activation::GeluTanh)),
    (CONTRIB, "Gelu", unary::read_gelu),
    (CONTRIB, "GroupQueryAttention", contrib_attention::read_group_query),
    (CONTRIB, "MultiHeadAttention", contrib_attention::read_multi_head),
    (CONTRIB, "RotaryEmbedding", rotary_embedding::read_contributed),
    (CONTRIB, "SimplifiedLayerNormalization", |node, graph| normalization::read(node, graph, false)),
    (CONTRIB, "SkipLayerNormalization", |node, graph| normalization::read_skip(node, graph, true)),
    (CONTRIB, "SkipSimplifiedLayerNormalization", |node, graph| normalization::read_skip(node, graph, false)),
];

/// Who reads this operator, if anybody.
pub(crate) fn reader(domain: &str, operator: &str) -> Option<Reader> {
    let row = OPERATORS.iter().find(|(of, name, _)| (*of, *name) == (domain, operator));
    row.map(|&(_, _, reader)| reader)
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
