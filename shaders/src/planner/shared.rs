//! Weights, kernels and states that the programs of a plan have in common, each there once.

use std::collections::HashMap;
use std::sync::Arc;

use graph::TensorType;

use crate::device::DeviceProperties;
use crate::error::Error;
use crate::plan::Kernel;
use crate::transfer::{ELEMENT_BYTES, Encoding};
use crate::tuning::Chooser;
use crate::weights::Packing;

/// Weights that do not fit together into so many bytes lie in several buffers: drivers refuse much larger ones for
/// which the adapter's limit leaves room.
const LARGEST_PACK_BYTES: u64 = 1 << 30;

/// The identity of a pipeline: the text, and the constants (their names, and values by their bits).
type KernelKey = (Arc<str>, Vec<(&'static str, u64)>);

/// Resources that the programs of a plan have in common.
pub struct Shared<'a> {
    pub device: &'a DeviceProperties,
    pub tuning: &'a Chooser<'a>,
    pub packing: Packing,
    pub kernels: Vec<Kernel>,
    kernel_numbers: HashMap<KernelKey, usize>,
    /// Names and sizes in bytes.
    pub states: Vec<(String, u64)>,
}

impl<'a> Shared<'a> {
    pub fn new(device: &'a DeviceProperties, tuning: &'a Chooser<'a>) -> Self {
        let alignment = u64::from(device.limits.min_storage_buffer_offset_alignment);
        Shared {
            device,
            tuning,
            packing: Packing::new(0, alignment, device.limits.max_buffer_size.min(LARGEST_PACK_BYTES)),
            kernels: Vec::new(),
            kernel_numbers: HashMap::new(),
            states: Vec::new(),
        }
    }

    pub fn kernel(&mut self, kernel: Kernel) -> usize {
        let constants = kernel.constants.iter().map(|&(name, value)| (name, value.to_bits())).collect();
        let key = (kernel.wgsl.clone(), constants);
        let next = self.kernels.len();
        let number = *self.kernel_numbers.entry(key).or_insert(next);
        if number == next {
            self.kernels.push(kernel);
        }
        number
    }

    /// The state of this name, as large as all that lies in it needs.
    pub fn state(&mut self, name: &str, size_bytes: u64) -> usize {
        if let Some(index) = self.states.iter().position(|(known, _)| known == name) {
            self.states[index].1 = self.states[index].1.max(size_bytes);
            return index;
        }
        self.states.push((name.to_owned(), size_bytes));
        self.states.len() - 1
    }

    /// The bytes that a value takes. An empty one takes as much as the widest element, so that it can be bound.
    pub fn size_bytes(&self, name: &str, tensor_type: &TensorType, encoding: Encoding) -> Result<u64, Error> {
        let wanted = match encoding.size_bytes(tensor_type) {
            0 => 4 * ELEMENT_BYTES as u64,
            size => size as u64,
        };
        within(name, tensor_type, "maxBufferSize", wanted, self.device.limits.max_buffer_size)?;
        Ok(wanted)
    }
}

/// Holds a tensor's bytes against a limit.
pub fn within(
    name: &str,
    tensor_type: &TensorType,
    limit: &'static str,
    wanted: u64,
    available: u64,
) -> Result<(), Error> {
    if wanted <= available {
        return Ok(());
    }
    Err(Error::Limit { place: format!("tensor \"{name}\" ({tensor_type})"), limit, wanted, available })
}
