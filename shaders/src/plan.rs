//! GpuPlan: a whole model as plain data, ready for any WebGPU executor.
//!
//! An executor makes the buffers, one pipeline per kernel and one bind group per dispatch, uploads the
//! weights, and then, each time a program is run, writes its inputs, encodes its dispatches in order into one
//! compute pass, copies its outputs out, and submits once. A model that is run once per inference is one
//! program; one that generates is two, which share weights, arenas and the state that is kept between them.

use std::borrow::Cow;
use std::sync::Arc;

use graph::constant::{Constant, Files};
use graph::{DataType, Tensor, TensorType};
use protocol::profile::Work;

use crate::error::Error;
use crate::transfer::{self, ELEMENT_BYTES, Encoding};
use crate::tuning::{self, Tuning};

/// The use of a buffer; decides its usage flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BufferRole {
    /// Written once at load, only ever bound for reading.
    Weights,
    /// An arena of activations, inputs and outputs, shared by values whose lifetimes do not overlap.
    Arena,
    /// Kept from one run of a program to the next, whichever program it is; zeros at first.
    State,
}

/// A GPU buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// Shown by GPU debuggers and in errors.
    pub label: String,
    /// Its use.
    pub role: BufferRole,
    /// Its size, a multiple of 4.
    pub size_bytes: u64,
}

/// Part of a buffer. Offsets are multiples of the adapter's storage offset alignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region {
    /// Index into [`GpuPlan::buffers`].
    pub buffer: usize,
    /// First byte.
    pub offset_bytes: u64,
    /// Length, a multiple of 4.
    pub size_bytes: u64,
}

/// A kernel's access to one of its bindings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
}

/// A compute pipeline to be: WGSL and the constants that specialise it.
///
/// Binding `i` of group 0 is `bindings[i]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    /// The kernel and variant, with the shape it is specialised to.
    pub label: String,
    /// The whole shader module. Kernels with equal text may share one module.
    pub wgsl: Arc<str>,
    /// The entry point in it.
    pub entry_point: &'static str,
    /// Values of its `override` declarations.
    pub constants: Vec<(&'static str, f64)>,
    /// Its workgroup size, already part of the text or the constants.
    pub workgroup_size: [u32; 3],
    /// The access to each binding.
    pub bindings: Vec<Access>,
}

/// One dispatch of a kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// The graph node it computes.
    pub label: String,
    /// Index into [`GpuPlan::kernels`].
    pub kernel: usize,
    /// The regions bound, in the order of the kernel's bindings. No buffer is both read and written.
    pub bindings: Vec<Region>,
    /// Workgroups along each dimension.
    pub workgroups: [u32; 3],
    /// What it has to compute and to move at least.
    pub work: Work,
}

/// A constant to upload before the first inference.
#[derive(Debug, Clone, PartialEq)]
pub struct Weight {
    /// The elements, or how they are made.
    pub constant: Constant,
    /// Their encoding on the device.
    pub encoding: Encoding,
    /// Their place.
    pub region: Region,
}

impl Weight {
    /// The weights of at most about so many bytes each that this one falls into, one behind the other, if they can be
    /// made one by one: so that a large one is never in host memory as a whole.
    pub fn pieces(self, most_bytes: usize) -> Vec<Weight> {
        // Whole words, whatever an element takes.
        let most_elements = (most_bytes / ELEMENT_BYTES).next_multiple_of(ELEMENT_BYTES).max(ELEMENT_BYTES);
        let Weight { constant, encoding, region } = self;
        let mut offset_bytes = region.offset_bytes;
        let piece = |constant: Constant| {
            let size_bytes = encoding.size_bytes(&constant.tensor_type()) as u64;
            let region = Region { offset_bytes, size_bytes, ..region };
            offset_bytes += size_bytes;
            Weight { constant, encoding, region }
        };
        constant.parts(most_elements).into_iter().map(piece).collect()
    }

    /// Makes the elements and hands over what to upload.
    ///
    /// # Errors
    /// Elements that cannot be made, or that the device has no room for.
    pub fn with_bytes<T>(&self, files: &mut dyn Files, take: impl FnOnce(&[u8]) -> T) -> Result<T, Error> {
        let tensor =
            self.constant.evaluate(files).map_err(|error| Error::Weight { reason: error.to_string() })?;
        Ok(take(&transfer::encode(&tensor, self.encoding)?))
    }
}

/// An input or output of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The ONNX name.
    pub name: String,
    /// The type on the host; [`crate::transfer`] says how it is encoded on the device.
    pub data_type: DataType,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its encoding on the device.
    pub encoding: Encoding,
    /// The least and the most that the plan relies on, of integers that are fed.
    pub bounds: Option<(i64, i64)>,
    /// Its place.
    pub region: Region,
}

impl Port {
    /// The bytes of a tensor that is fed here.
    ///
    /// # Errors
    /// Integers outside the bounds that the plan relies on.
    pub fn encode<'t>(&self, tensor: &'t Tensor) -> Result<Cow<'t, [u8]>, Error> {
        if let (Some((least, most)), Some(found)) = (self.bounds, graph::ranges::of_elements(tensor))
            && (found.0 < least || found.1 > most)
        {
            let value = if found.0 < least { found.0 } else { found.1 };
            return Err(Error::OutOfBounds { port: self.name.clone(), value, least, most });
        }
        transfer::encode(tensor, self.encoding)
    }

    /// The tensor that came back from the device. Bytes beyond it are ignored.
    ///
    /// # Errors
    /// Fewer bytes than its shape needs.
    pub fn decode(&self, bytes: &[u8]) -> Result<Tensor, Error> {
        let tensor_type = TensorType { data_type: self.data_type, shape: self.shape.clone() };
        let wanted = self.encoding.size_bytes(&tensor_type);
        if bytes.len() < wanted {
            return Err(Error::ShortOutput {
                port: self.name.clone(),
                tensor_type: tensor_type.to_string(),
                wanted,
                available: bytes.len(),
            });
        }
        let data = transfer::decode(self.data_type, self.encoding, tensor_type.element_count(), bytes);
        Ok(Tensor { shape: tensor_type.shape, data })
    }
}

/// Dispatches that are submitted at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    /// Its name among the programs of the plan.
    pub name: String,
    /// The dispatches, in order.
    pub dispatches: Vec<Dispatch>,
    /// The ports that the caller writes before each run.
    pub inputs: Vec<Port>,
    /// The ports that the caller reads after each run.
    pub outputs: Vec<Port>,
}

/// A whole model.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuPlan {
    /// Every buffer but those for reading back.
    pub buffers: Vec<Buffer>,
    /// Every distinct pipeline.
    pub kernels: Vec<Kernel>,
    /// The constants, until they are uploaded.
    pub weights: Vec<Weight>,
    /// The programs that can be run.
    pub programs: Vec<Program>,
    /// The rows of the tuning table that were chosen for it.
    pub tuning: Tuning,
}

impl Program {
    /// The bytes of the outputs when they are read back one after another.
    pub fn readback_bytes(&self) -> u64 {
        self.outputs.iter().map(|port| port.region.size_bytes).sum()
    }
}

impl GpuPlan {
    /// The most bytes that the outputs of any one program take when they are read back.
    pub fn readback_bytes(&self) -> u64 {
        self.programs.iter().map(Program::readback_bytes).max().unwrap_or(0)
    }

    /// For each kernel the first dispatch that runs it: the number of the program, and that of the dispatch in it.
    pub fn first_uses(&self) -> Vec<(usize, usize)> {
        let mut uses = vec![None; self.kernels.len()];
        for (program, Program { dispatches, .. }) in self.programs.iter().enumerate() {
            for (index, dispatch) in dispatches.iter().enumerate() {
                uses[dispatch.kernel].get_or_insert((program, index));
            }
        }
        uses.into_iter().flatten().collect()
    }

    /// The rows of the tuning table that were chosen, as compact JSON.
    pub fn tuning_text(&self) -> String {
        tuning::text(&self.tuning)
    }

    /// The number of dispatches, as people read it: of each program one after another, `+` between them.
    pub fn dispatch_counts(&self) -> String {
        let counts = self.programs.iter().map(|program| program.dispatches.len().to_string());
        counts.collect::<Vec<_>>().join("+")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(data_type: DataType, bounds: Option<(i64, i64)>) -> Port {
        let region = Region { buffer: 0, offset_bytes: 0, size_bytes: 8 };
        let (name, shape, encoding) = ("y".into(), vec![2], Encoding::Elements);
        Port { name, data_type, shape, encoding, bounds, region }
    }

    #[test]
    fn integers_that_were_not_planned_for_are_refused() {
        let port = port(DataType::I64, Some((0, 9)));
        assert!(port.encode(&Tensor::vector([1i64, 9])).is_ok());
        assert_eq!(
            port.encode(&Tensor::vector([1i64, 10])).unwrap_err().to_string(),
            "input \"y\" holds 10, and the plan relies on 0 to 9, as in the inputs given when it was made; plan again \
             with these"
        );
    }

    #[test]
    fn outputs_are_decoded_and_short_ones_refused() {
        let port = port(DataType::F32, None);
        let bytes = [0, 0, 128, 63, 0, 0, 0, 192, 7, 7, 7, 7];
        assert_eq!(port.decode(&bytes), Ok(Tensor::vector([1.0f32, -2.0])));
        assert!(matches!(port.decode(&bytes[..4]), Err(Error::ShortOutput { wanted: 8, available: 4, .. })));
    }
}
