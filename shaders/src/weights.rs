//! Packs constants into weight buffers, each distinct one once.

use std::collections::HashMap;

use graph::constant::{Constant, Digest};

use crate::plan::{Buffer, BufferRole, Region, Weight};
use crate::transfer::Encoding;

/// The weight buffers as they fill.
pub(crate) struct Packing {
    alignment_bytes: u64,
    capacity_bytes: u64,
    first_buffer: usize,
    /// The constants packed so far; regions name buffers from `first_buffer` on.
    pub weights: Vec<Weight>,
    sizes: Vec<u64>,
    /// The region of each, by its contents.
    known: HashMap<(Digest, Encoding), Region>,
}

impl Packing {
    /// An empty packing. Buffers are numbered from `first_buffer` on.
    pub fn new(first_buffer: usize, alignment_bytes: u64, capacity_bytes: u64) -> Self {
        let (weights, sizes, known) = (Vec::new(), Vec::new(), HashMap::new());
        Packing { alignment_bytes, capacity_bytes, first_buffer, weights, sizes, known }
    }

    /// The region of a constant of `size_bytes` on the device, which is packed if nothing equal is there.
    pub fn place(&mut self, constant: &Constant, encoding: Encoding, size_bytes: u64) -> Region {
        let key = (constant.digest(), encoding);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let last = self.sizes.last().map(|size| size.next_multiple_of(self.alignment_bytes));
        let offset_bytes = last.filter(|offset| offset + size_bytes <= self.capacity_bytes);
        if offset_bytes.is_none() {
            self.sizes.push(0);
        }
        let (index, offset_bytes) = (self.sizes.len() - 1, offset_bytes.unwrap_or(0));
        self.sizes[index] = offset_bytes + size_bytes;
        let region = Region { buffer: self.first_buffer + index, offset_bytes, size_bytes };
        self.known.insert(key, region);
        self.weights.push(Weight { constant: constant.clone(), encoding, region });
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

#[cfg(test)]
mod tests {
    use graph::Tensor;

    use super::*;

    fn constant(elements: &[f32]) -> Constant {
        Constant::Here(Tensor::vector(elements))
    }

    #[test]
    fn equal_constants_are_packed_once_and_full_buffers_followed_by_others() {
        let mut packing = Packing::new(3, 256, 300);
        let places = [&[1.0, 2.0][..], &[0.0], &[1.0, 2.0], &[-0.0], &[f32::NAN], &[f32::NAN]]
            .map(|elements| packing.place(&constant(elements), Encoding::Elements, elements.len() as u64 * 4))
            .map(|region| (region.buffer, region.offset_bytes));
        assert_eq!(places, [(3, 0), (3, 256), (3, 0), (4, 0), (4, 256), (4, 256)]);
        assert_eq!(packing.buffers().map(|buffer| buffer.size_bytes).collect::<Vec<_>>(), [260, 260]);
    }
}
