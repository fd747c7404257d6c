//! Scaled dot-product attention, fused from its parts.

use super::softmax::softmax;
use super::{Rule, float_operand, floats, operand, optional};
use crate::error::{Error, invalid};
use crate::strided::{broadcast, broadcast_strides};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// The layout of the heads of a query, key, value or output tensor in memory.
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
    /// True where a row whose softmax is not a number counts as zeros (PyTorch's guard against fully masked
    /// rows).
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

/// Extents and strides of a tensor, seen as `[batch, heads, sequence, depth]` whatever its layout.
#[derive(Debug, Clone)]
struct Heads {
    extents: [usize; 4],
    strides: [usize; 4],
}

impl Heads {
    fn of(shape: &[usize], layout: HeadLayout, heads: usize) -> Result<Heads, Error> {
        let extents = match (layout, shape) {
            (HeadLayout::HeadsFirst, &[batch, found, sequence, depth]) if found == heads => {
                [batch, heads, sequence, depth]
            }
            (HeadLayout::SequenceFirst, &[batch, sequence, width]) if heads > 0 && width % heads == 0 => {
                [batch, heads, sequence, width / heads]
            }
            _ => return Err(invalid!("{shape:?} is not {layout:?} with {heads} heads")),
        };
        let [_, heads, sequence, depth] = extents;
        let strides = match layout {
            HeadLayout::HeadsFirst => [heads * sequence * depth, sequence * depth, depth, 1],
            HeadLayout::SequenceFirst => [heads * sequence * depth, depth, heads * depth, 1],
        };
        Ok(Heads { extents, strides })
    }

    fn at(&self, batch: usize, head: usize, position: usize) -> usize {
        batch * self.strides[0] + head * self.strides[1] + position * self.strides[2]
    }
}

impl Attention {
    fn operands(&self, shapes: [&[usize]; 3]) -> Result<[Heads; 3], Error> {
        let query = Heads::of(shapes[0], self.query_layout, self.heads)?;
        let key = Heads::of(shapes[1], self.key_layout, self.key_value_heads)?;
        let value = Heads::of(shapes[2], self.value_layout, self.key_value_heads)?;
        let batches = [key.extents[0], value.extents[0]] == [query.extents[0]; 2];
        let grouped = self.key_value_heads > 0 && self.heads.is_multiple_of(self.key_value_heads);
        let fits = key.extents[2] == value.extents[2] && key.extents[3] == query.extents[3];
        if !batches || !grouped || !fits {
            return Err(invalid!("query, key and value {shapes:?} do not fit together"));
        }
        Ok([query, key, value])
    }

    /// The weights of one row: softmax of the masked scores.
    fn weights(&self, scores: impl Iterator<Item = f64>, mask: impl Fn(usize) -> f64) -> Vec<f64> {
        let masked = scores.enumerate().map(|(at, score)| score * f64::from(self.scale) + mask(at));
        let weights = softmax(&masked.collect::<Vec<_>>());
        if self.undefined_rows_are_zero && weights.iter().any(|weight| weight.is_nan()) {
            return weights.into_iter().map(|weight| if weight.is_nan() { 0.0 } else { weight }).collect();
        }
        weights
    }
}

/// A mask's addend for each place of the scores: as it is, or nothing and minus infinity for true and false.
fn mask_addends(mask: Option<&Tensor>) -> Vec<f64> {
    let addend = |allowed: &bool| if *allowed { 0.0 } else { f64::NEG_INFINITY };
    match mask.map(|mask| &mask.data) {
        Some(Data::Bool(allowed)) => allowed.iter().map(addend).collect(),
        Some(Data::F32(addends)) => addends.iter().map(|&addend| f64::from(addend)).collect(),
        Some(Data::F16(_) | Data::I64(_) | Data::I32(_) | Data::U8(_) | Data::I8(_)) | None => Vec::new(),
    }
}

impl Rule for Attention {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let [q, k, v] = [float_operand(inputs, 0)?, float_operand(inputs, 1)?, float_operand(inputs, 2)?];
        let [query, key, value] = self.operands([&q.shape, &k.shape, &v.shape])?;
        let [batch, heads, sequence, _] = query.extents;
        if let Some(mask) = optional(inputs, 3) {
            let scores = vec![batch, heads, sequence, key.extents[2]];
            let known = matches!(mask.data_type, DataType::F32 | DataType::Bool);
            if !known || broadcast(&mask.shape, &scores)? != scores {
                return Err(invalid!("mask {mask} does not expand to scores {scores:?}"));
            }
        }
        let depth = value.extents[3];
        let shape = match self.output_layout {
            HeadLayout::HeadsFirst => vec![batch, heads, sequence, depth],
            HeadLayout::SequenceFirst => vec![batch, sequence, heads * depth],
        };
        Ok(TensorType { data_type: DataType::F32, shape })
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], result: &TensorType) -> Result<Data, Error> {
        let [q, k, v] = [floats(inputs, 0)?, floats(inputs, 1)?, floats(inputs, 2)?];
        let shape = |index| operand(inputs, index).map(|input| input.shape.as_slice());
        let [query, key, value] = self.operands([shape(0)?, shape(1)?, shape(2)?])?;
        let output = Heads::of(&result.shape, self.output_layout, self.heads)?;
        let [batches, heads, rows, depth] = query.extents;
        let (columns, width) = (key.extents[2], value.extents[3]);
        let mask = optional(inputs, 3);
        let addends = mask_addends(mask);
        let steps =
            mask.map_or(vec![0; 4], |mask| broadcast_strides(&mask.shape, &[batches, heads, rows, columns]));
        let mut results = vec![0.0; result.element_count()];
        for place in 0..batches * heads * rows {
            let (batch, head, row) = (place / rows / heads, place / rows % heads, place % rows);
            let shared = head / (heads / self.key_value_heads);
            let from = query.at(batch, head, row);
            let scores = (0..columns).map(|column| {
                let with = key.at(batch, shared, column);
                (0..depth).map(|at| f64::from(q[from + at]) * f64::from(k[with + at])).sum()
            });
            let start = batch * steps[0] as usize + head * steps[1] as usize + row * steps[2] as usize;
            let added =
                |column: usize| addends.get(start + column * steps[3] as usize).copied().unwrap_or(0.0);
            let weights = self.weights(scores, added);
            for at in 0..width {
                let element = |column: usize| f64::from(v[value.at(batch, shared, column) + at]);
                let sum: f64 =
                    weights.iter().enumerate().map(|(column, weight)| weight * element(column)).sum();
                results[output.at(batch, head, row) + at] = sum as f32;
            }
        }
        Ok(results.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operator;

    const HEADS_FIRST: Attention = Attention {
        heads: 2,
        key_value_heads: 2,
        scale: 0.5,
        undefined_rows_are_zero: false,
        query_layout: HeadLayout::HeadsFirst,
        key_layout: HeadLayout::HeadsFirst,
        value_layout: HeadLayout::HeadsFirst,
        output_layout: HeadLayout::HeadsFirst,
    };
    const SEQUENCE_FIRST: Attention = Attention {
        query_layout: HeadLayout::SequenceFirst,
        key_layout: HeadLayout::SequenceFirst,
        value_layout: HeadLayout::SequenceFirst,
        output_layout: HeadLayout::SequenceFirst,
        ..HEADS_FIRST
    };

    fn run(attention: Attention, inputs: &[&str]) -> Result<Vec<f32>, Error> {
        let inputs: Vec<Tensor> = inputs.iter().map(|text| crate::text::tensor(text).unwrap()).collect();
        let inputs: Vec<Option<&Tensor>> = inputs.iter().map(Some).collect();
        Ok(Operator::Attention(attention).evaluate(&inputs)?[0].to_f32_vec())
    }

    #[test]
    fn values() {
        // Two keys; scores are q·k/2. With q = 0 the weights are halves. With ln 3 more for the first
        // key, 3 : 1.
        let ln3 = "1.0986123";
        let guarded = Attention { undefined_rows_are_zero: true, ..HEADS_FIRST };
        let grouped = Attention { key_value_heads: 1, ..HEADS_FIRST };
        let q = "f32[1,2,1,1] = 0 2";
        let k = format!("f32[1,2,2,1] = 7 9 {ln3} 0");
        let v = "f32[1,2,2,1] = 10 20 100 200";
        let forbid_first = "bool[1,1,1,2] = 0 1";
        let nothing = "bool[1] = 0";
        type Case<'a> = (&'a str, Attention, Vec<&'a str>, [f32; 2]);
        let cases: [Case; 6] = [
            ("heads first", HEADS_FIRST, vec![q, &k, v], [15.0, 125.0]),
            ("bool mask", HEADS_FIRST, vec![q, &k, v, forbid_first], [20.0, 200.0]),
            ("f32 mask", HEADS_FIRST, vec![q, &k, v, "f32[2,1,2] = 0 1.0986123 0 0"], [17.5, 125.0]),
            ("nothing allowed, guarded", guarded, vec![q, &k, v, nothing], [0.0, 0.0]),
            (
                "sequence first",
                SEQUENCE_FIRST,
                vec!["f32[1,1,2] = 0 2", "f32[1,2,2] = 7 1.0986123 9 0", "f32[1,2,2] = 10 100 20 200"],
                [15.0, 125.0],
            ),
            (
                "grouped",
                grouped,
                vec![q, "f32[1,1,2,1] = 1.0986123 0", "f32[1,1,2,1] = 100 200"],
                [150.0, 125.0],
            ),
        ];
        for (name, attention, inputs, expected) in cases {
            let given = run(attention, &inputs).unwrap();
            assert!(given.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4), "{name}: {given:?}");
        }
        let unguarded = run(HEADS_FIRST, &[q, &k, v, nothing]).unwrap();
        assert!(unguarded.iter().all(|element| element.is_nan()), "nothing allowed: {unguarded:?}");
    }

    #[test]
    fn refusals() {
        let (q, k) = ("f32[1,2,1,1] = 0", "f32[1,2,2,1] = 0");
        let cases: [(&str, Vec<&str>, &str); 4] = [
            ("heads", vec!["f32[1,3,1,1] = 0", k, k], "with 2 heads"),
            ("lengths", vec![q, k, "f32[1,2,3,1] = 0"], "do not fit together"),
            ("mask", vec![q, k, k, "f32[3] = 0"], "do not broadcast"),
            ("mask type", vec![q, k, k, "i64[1] = 0"], "does not expand"),
        ];
        for (name, inputs, wanted) in cases {
            let error = run(HEADS_FIRST, &inputs).unwrap_err().to_string();
            assert!(error.contains(wanted), "{name}: {error}");
        }
    }
}
