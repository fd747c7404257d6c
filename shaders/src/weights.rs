//! Packs constants into weight buffers, each distinct one once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use graph::{Data, Tensor};

use crate::plan::{Buffer, BufferRole, Region, Weight};
use crate::transfer::Encoding;

/// The weight buffers as they fill.
pub(crate) struct Packing {
    alignment_bytes: u64,
    capacity_bytes: u64,
    first_buffer: usize,
    /// What is packed; regions name buffers from `first_buffer` on.
    pub weights: Vec<Weight>,
    sizes: Vec<u64>,
    by_content: HashMap<u64, Vec<usize>>,
}

impl Packing {
    /// An empty packing. Buffers are numbered from `first_buffer` on.
    pub fn new(first_buffer: usize, alignment_bytes: u64, capacity_bytes: u64) -> Self {
        let (weights, sizes, by_content) = (Vec::new(), Vec::new(), HashMap::new());
        Packing { alignment_bytes, capacity_bytes, first_buffer, weights, sizes, by_content }
    }

    /// Where a constant of `size_bytes` on the device lies, packing it if nothing equal is there.
    pub fn place(&mut self, tensor: &Tensor, encoding: Encoding, size_bytes: u64) -> Region {
        let same = self.by_content.entry(fingerprint(&tensor.data)).or_default();
        let is_known = |&&known: &&usize| {
            let known = &self.weights[known];
            known.encoding == encoding && is_same(&known.tensor.data, &tensor.data)
        };
        if let Some(&known) = same.iter().find(is_known) {
            return self.weights[known].region;
        }
        same.push(self.weights.len());
        let last = self.sizes.last().map(|size| size.next_multiple_of(self.alignment_bytes));
        let offset_bytes = last.filter(|offset| offset + size_bytes <= self.capacity_bytes);
        if offset_bytes.is_none() {
            self.sizes.push(0);
        }
        let (index, offset_bytes) = (self.sizes.len() - 1, offset_bytes.unwrap_or(0));
        self.sizes[index] = offset_bytes + size_bytes;
        let region = Region { buffer: self.first_buffer + index, offset_bytes, size_bytes };
        self.weights.push(Weight { tensor: tensor.clone(), encoding, region });
        region
    }

    /// The buffers, in the order of their numbers.
    pub fn buffers(&self) -> impl Iterator<Item = Buffer> {
        let buffer = |(index, &size_bytes): (usize, &u64)| Buffer {
            label: format!("weights {index}"),
            role: BufferRole::Weights,
            size_bytes,
        };
        self.sizes.iter().enumerate().map(buffer)
    }
}

/// Floats are compared by their bits: a NaN is equal to itself, and 0 is not -0.
fn fingerprint(data: &Data) -> u64 {
    let mut hasher = DefaultHasher::new();
    data.data_type().hash(&mut hasher);
    match data {
        Data::F32(elements) => bytemuck::cast_slice::<f32, u32>(elements).hash(&mut hasher),
        Data::F16(elements) => elements.iter().for_each(|element| element.to_bits().hash(&mut hasher)),
        Data::I64(elements) => elements.hash(&mut hasher),
        Data::I32(elements) => elements.hash(&mut hasher),
        Data::U8(elements) => elements.hash(&mut hasher),
        Data::I8(elements) => elements.hash(&mut hasher),
        Data::Bool(elements) => elements.hash(&mut hasher),
    }
    hasher.finish()
}

fn is_same(a: &Data, b: &Data) -> bool {
    match (a, b) {
        (Data::F32(a), Data::F32(b)) => {
            bytemuck::cast_slice::<f32, u32>(a) == bytemuck::cast_slice::<f32, u32>(b)
        }
        (Data::F16(a), Data::F16(b)) => {
            a.iter().map(|element| element.to_bits()).eq(b.iter().map(|element| element.to_bits()))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(elements: &[f32]) -> Tensor {
        Tensor { shape: vec![elements.len()], data: Data::F32(elements.into()) }
    }

    #[test]
    fn equal_constants_are_packed_once_and_full_buffers_followed_by_others() {
        let mut packing = Packing::new(3, 256, 300);
        let places = [&[1.0, 2.0][..], &[0.0], &[1.0, 2.0], &[-0.0], &[f32::NAN], &[f32::NAN]]
            .map(|elements| packing.place(&tensor(elements), Encoding::Elements, elements.len() as u64 * 4))
            .map(|region| (region.buffer, region.offset_bytes));
        assert_eq!(places, [(3, 0), (3, 256), (3, 0), (4, 0), (4, 256), (4, 256)]);
        assert_eq!(packing.buffers().map(|buffer| buffer.size_bytes).collect::<Vec<_>>(), [260, 260]);
    }
}
