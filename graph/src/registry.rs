//! Which ONNX operators are known, and who reads them: one row each.

use crate::node_view::Reader;
use crate::ops::activations::{self, Function};
use crate::ops::binary::{self, Binary};
use crate::ops::reduce::{self, Reduction};
use crate::ops::unary::{self, Activation, Unary};
use crate::ops::{
    arrange, cast, concat, constants, contrib_attention, conv, expand, gather, gather_nd, gemm, identity,
    matmul, normalization, onnx_attention, reductions, reshape, resize, rotary_embedding, select, slice,
    softmax, transpose,
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
    ("", "CastLike", arrange::read_cast_like),
    ("", "Celu", |node, graph| activations::read(node, graph, Function::Celu)),
    ("", "CenterCropPad", arrange::read_center_crop_pad),
    ("", "Clip", activations::read_clip),
    ("", "Compress", arrange::read_compress),
    ("", "Concat", concat::read),
    ("", "Constant", constants::read_constant),
    ("", "ConstantOfShape", constants::read_of_shape),
    ("", "Conv", conv::read),
    ("", "Cos", |node, graph| unary::read(node, graph, Unary::Cos)),
    ("", "DepthToSpace", arrange::read_depth_to_space),
    ("", "Det", arrange::read_determinant),
    ("", "Div", |node, graph| binary::read(node, graph, Binary::Div)),
    ("", "Dropout", identity::read),
    ("", "Elu", |node, graph| activations::read(node, graph, Function::Elu)),
    ("", "Equal", |node, graph| binary::read(node, graph, Binary::Equal)),
    ("", "Erf", |node, graph| unary::read(node, graph, Unary::Erf)),
    ("", "Exp", |node, graph| unary::read(node, graph, Unary::Exp)),
    ("", "Expand", expand::read),
    ("", "EyeLike", arrange::read_eye_like),
    ("", "Flatten", reshape::read_flatten),
    ("", "Floor", |node, graph| unary::read(node, graph, Unary::Floor)),
    ("", "Gather", gather::read),
    ("", "GatherND", gather_nd::read),
    ("", "Gelu", unary::read_gelu),
    ("", "Gemm", gemm::read),
    ("", "Greater", |node, graph| binary::read(node, graph, Binary::Greater)),
    ("", "GreaterOrEqual", |node, graph| binary::read(node, graph, Binary::GreaterOrEqual)),
    ("", "GroupNormalization", normalization::read_group),
    ("", "HardSigmoid", |node, graph| activations::read(node, graph, Function::HardSigmoid)),
    ("", "HardSwish", |node, graph| activations::read(node, graph, Function::HardSwish)),
    ("", "Hardmax", softmax::read_hard),
    ("", "Identity", identity::read),
    ("", "InstanceNormalization", normalization::read_instance),
    ("", "IsNaN", |node, graph| unary::read(node, graph, Unary::IsNaN)),
    ("", "LRN", normalization::read_local_response),
    ("", "LayerNormalization", |node, graph| normalization::read(node, graph, true)),
    ("", "LeakyRelu", |node, graph| activations::read(node, graph, Function::LeakyRelu)),
    ("", "Less", |node, graph| binary::read(node, graph, Binary::Less)),
    ("", "LessOrEqual", |node, graph| binary::read(node, graph, Binary::LessOrEqual)),
    ("", "Log", |node, graph| unary::read(node, graph, Unary::Log)),
    ("", "LogSoftmax", softmax::read_log),
    ("", "LpNormalization", normalization::read_lp),
    ("", "MatMul", matmul::read),
    ("", "Max", |node, graph| binary::read_many(node, graph, Binary::Max)),
    ("", "Mean", |node, graph| activations::read_sum(node, graph, true)),
    ("", "MeanVarianceNormalization", normalization::read_mean_variance),
    ("", "Min", |node, graph| binary::read_many(node, graph, Binary::Min)),
    ("", "Mish", |node, graph| activations::read(node, graph, Function::Mish)),
    ("", "Mul", |node, graph| binary::read(node, graph, Binary::Mul)),
    ("", "Neg", |node, graph| unary::read(node, graph, Unary::Neg)),
    ("", "NonZero", constants::read_non_zero),
    ("", "Not", |node, graph| unary::read(node, graph, Unary::Not)),
    ("", "OneHot", arrange::read_one_hot),
    ("", "Or", |node, graph| binary::read(node, graph, Binary::Or)),
    ("", "PRelu", activations::read_parametric),
    ("", "Pow", |node, graph| binary::read(node, graph, Binary::Pow)),
    ("", "RMSNormalization", |node, graph| normalization::read(node, graph, false)),
    ("", "Range", constants::read_range),
    ("", "Reciprocal", |node, graph| unary::read(node, graph, Unary::Reciprocal)),
    ("", "ReduceL1", reductions::read_l1),
    ("", "ReduceL2", |node, graph| reduce::read(node, graph, Reduction::L2)),
    ("", "ReduceLogSum", reductions::read_log_sum),
    ("", "ReduceLogSumExp", reductions::read_log_sum_exp),
    ("", "ReduceMax", |node, graph| reductions::read_extreme(node, graph, Reduction::Max)),
    ("", "ReduceMean", |node, graph| reduce::read(node, graph, Reduction::Mean)),
    ("", "ReduceMin", |node, graph| reductions::read_extreme(node, graph, Reduction::Min)),
    ("", "ReduceProd", |node, graph| reduce::read(node, graph, Reduction::Prod)),
    ("", "ReduceSum", |node, graph| reduce::read(node, graph, Reduction::Sum)),
    ("", "ReduceSumSquare", reductions::read_sum_square),
    ("", "Relu", |node, graph| unary::read(node, graph, Unary::Activation(Activation::Relu))),
    ("", "Reshape", reshape::read),
    ("", "Resize", resize::read),
    ("", "ReverseSequence", arrange::read_reverse_sequence),
    ("", "RotaryEmbedding", rotary_embedding::read),
    ("", "Selu", |node, graph| activations::read(node, graph, Function::Selu)),
    ("", "Shape", constants::read_shape),
    ("", "Shrink", activations::read_shrink),
    ("", "Sigmoid", |node, graph| unary::read(node, graph, Unary::Activation(Activation::Sigmoid))),
    ("", "SimplifiedLayerNormalization", |node, graph| normalization::read(node, graph, false)),
    ("", "Sin", |node, graph| unary::read(node, graph, Unary::Sin)),
    ("", "Size", constants::read_size),
    ("", "Slice", slice::read),
    ("", "Softmax", softmax::read),
    ("", "Softplus", |node, graph| activations::read(node, graph, Function::Softplus)),
    ("", "Softsign", |node, graph| activations::read(node, graph, Function::Softsign)),
    ("", "SpaceToDepth", arrange::read_space_to_depth),
    ("", "Split", slice::read_split),
    ("", "Sqrt", |node, graph| unary::read(node, graph, Unary::Sqrt)),
    ("", "Squeeze", reshape::read_squeeze),
    ("", "Sub", |node, graph| binary::read(node, graph, Binary::Sub)),
    ("", "Sum", |node, graph| activations::read_sum(node, graph, false)),
    ("", "Swish", |node, graph| activations::read(node, graph, Function::Swish)),
    ("", "Tanh", |node, graph| unary::read(node, graph, Unary::Activation(Activation::Tanh))),
    ("", "ThresholdedRelu", |node, graph| activations::read(node, graph, Function::ThresholdedRelu)),
    ("", "Tile", arrange::read_tile),
    ("", "Transpose", transpose::read),
    ("", "Trilu", arrange::read_trilu),
    ("", "Unsqueeze", reshape::read_unsqueeze),
    ("", "Upsample", resize::read_scaled),
    ("", "Where", select::read),
    ("", "Xor", |node, graph| binary::read(node, graph, Binary::Xor)),
    (CONTRIB, "Attention", contrib_attention::read),
    (CONTRIB, "BiasGelu", |node, graph| activations::read_bias_gelu(node, graph, Activation::Gelu)),
    (CONTRIB, "FastGelu", |node, graph| activations::read_bias_gelu(node, graph, Activation::GeluTanh)),
    (CONTRIB, "Gelu", unary::read_gelu),
    (CONTRIB, "GroupQueryAttention", contrib_attention::read_group_query),
    (CONTRIB, "MultiHeadAttention", contrib_attention::read_multi_head),
    (CONTRIB, "QuickGelu", activations::read_quick_gelu),
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
