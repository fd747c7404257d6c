//! Scaled dot-product attention, fused from its parts.

/// How the heads of a query, key, value or output tensor lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadLayout {
    /// `[batch, heads, sequence, depth]`.
    HeadsFirst,
    /// `[batch, sequence, heads * depth]`: as a projection leaves it, no transpose needed.
    SequenceFirst,
}

/// `softmax(query · keyᵀ · scale + mask) · value` per head.
///
/// Inputs: query, key, value, optional mask (f32 added to the scores, or bool where false forbids),
/// broadcastable to `[batch, heads, query_sequence, key_sequence]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attention {
    /// Heads of the query.
    pub heads: usize,
    /// Heads of key and value; divides `heads` (grouped-query attention when smaller).
    pub key_value_heads: usize,
    /// Factor of the scores.
    pub scale: f32,
    /// Whether a row whose softmax is not a number counts as zeros (PyTorch's guard against fully masked rows).
    pub undefined_rows_are_zero: bool,
    /// Layout of the query.
    pub query_layout: HeadLayout,
    /// Layout of the key.
    pub key_layout: HeadLayout,
    /// Layout of the value.
    pub value_layout: HeadLayout,
    /// Layout of the output.
    pub output_layout: HeadLayout,
}
