//! The encoding of tensors on the device: every element takes four bytes, little endian, but f16 its two, and bytes
//! that hold several numbers each stay packed.
//!
//! | host | device |
//! |---|---|
//! | f32 | f32 |
//! | f16 | f16; f32 in registers |
//! | i32, i8 | i32 |
//! | i64 | i32 where all of a tensor is known to fit, else vec2<u32>, the lower word first |
//! | bool, u8 | u32 |

use std::borrow::Cow;

use graph::{Data, DataType, Tensor, TensorType};
use half::f16;

use crate::error::Error;

/// Bytes of one element on the device.
pub const ELEMENT_BYTES: usize = 4;

/// The encoding of a tensor on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// Each element takes four bytes.
    Elements,
    /// The eight bytes of an i64.
    Wide,
    /// As in the file: four bytes of a u8 or i8 tensor to a word. For weights of fewer than eight bits.
    Packed,
}

impl Encoding {
    /// The bytes that a tensor of this type takes on the device, a multiple of four.
    pub fn size_bytes(self, tensor_type: &TensorType) -> usize {
        let count = tensor_type.element_count();
        match self {
            Encoding::Elements if tensor_type.data_type == DataType::F16 => {
                (count * DataType::F16.size_bytes()).next_multiple_of(ELEMENT_BYTES)
            }
            Encoding::Elements => count * ELEMENT_BYTES,
            Encoding::Wide => count * 2 * ELEMENT_BYTES,
            Encoding::Packed => (count * tensor_type.data_type.size_bytes()).next_multiple_of(ELEMENT_BYTES),
        }
    }
}

/// The type of an element in WGSL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// `f32`.
    F32,
    /// `i32`.
    I32,
    /// `u32`.
    U32,
    /// `vec2<u32>`: an i64, the lower word first. There are no vectors of it.
    Wide,
}

impl Element {
    /// The element that a host type is kept as on the device; of i64, where they fit.
    pub fn of(data_type: DataType) -> Self {
        match data_type {
            DataType::F32 | DataType::F16 => Element::F32,
            DataType::I64 | DataType::I32 | DataType::I8 => Element::I32,
            DataType::U8 | DataType::Bool => Element::U32,
        }
    }

    /// The bytes that one takes in a workgroup's memory.
    pub fn size_bytes(self) -> u32 {
        match self {
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::Wide => 8,
        }
    }

    /// Its name in WGSL, for a scalar or a vector of four.
    pub fn wgsl(self, vector: bool) -> &'static str {
        match (self, vector) {
            (Element::F32, false) => "f32",
            (Element::I32, false) => "i32",
            (Element::U32, false) => "u32",
            (Element::Wide, _) => "vec2<u32>",
            (Element::F32, true) => "vec4<f32>",
            (Element::I32, true) => "vec4<i32>",
            (Element::U32, true) => "vec4<u32>",
        }
    }
}

/// The bytes of a tensor as the device wants them, in row-major order; f32 and i32 are not copied.
///
/// # Errors
/// An i64 that does not fit in the 32 bits that the encoding gives it.
pub fn encode(tensor: &Tensor, encoding: Encoding) -> Result<Cow<'_, [u8]>, Error> {
    Ok(match (&tensor.data, encoding) {
        (_, Encoding::Packed) | (Data::F16(_), _) => packed(tensor),
        (Data::I64(elements), Encoding::Wide) => {
            Cow::Owned(elements.iter().flat_map(|element| element.to_le_bytes()).collect())
        }
        (Data::I64(elements), Encoding::Elements) => {
            let narrow: Result<Vec<_>, _> =
                elements.iter().enumerate().map(|(index, &value)| narrow(tensor, index, value)).collect();
            Cow::Owned(narrow?.into_iter().flatten().collect())
        }
        (Data::F32(elements), _) => bytes_of(elements, f32::to_le_bytes),
        (Data::I32(elements), _) => bytes_of(elements, i32::to_le_bytes),
        (Data::I8(elements), _) => {
            Cow::Owned(elements.iter().flat_map(|&x| i32::from(x).to_le_bytes()).collect())
        }
        (Data::U8(elements), _) => {
            Cow::Owned(elements.iter().flat_map(|&x| u32::from(x).to_le_bytes()).collect())
        }
        (Data::Bool(elements), _) => {
            Cow::Owned(elements.iter().flat_map(|&x| u32::from(x).to_le_bytes()).collect())
        }
    })
}

/// The bytes of a tensor as they are in files, and zeros up to a whole word; u8 are not copied where they fill it.
fn packed(tensor: &Tensor) -> Cow<'_, [u8]> {
    match &tensor.data {
        Data::U8(elements) if elements.len().is_multiple_of(ELEMENT_BYTES) => Cow::Borrowed(elements),
        _ => {
            let mut bytes = tensor.to_le_bytes();
            bytes.resize(bytes.len().next_multiple_of(ELEMENT_BYTES), 0);
            Cow::Owned(bytes)
        }
    }
}

fn bytes_of<T: bytemuck::NoUninit>(elements: &[T], to_bytes: fn(T) -> [u8; 4]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(elements))
    } else {
        Cow::Owned(elements.iter().flat_map(|&x| to_bytes(x)).collect())
    }
}

fn narrow(tensor: &Tensor, index: usize, value: i64) -> Result<[u8; 4], Error> {
    let tensor_type = || tensor.tensor_type().to_string();
    let narrow = i32::try_from(value).map(i32::to_le_bytes);
    narrow.map_err(|_| Error::OutOfRange { tensor_type: tensor_type(), index, value })
}

/// The elements that bytes of the device encode. As many bytes as [`Encoding::size_bytes`] says are there at least;
/// what lies beyond them is ignored.
pub(crate) fn decode(data_type: DataType, encoding: Encoding, count: usize, bytes: &[u8]) -> Data {
    let words = bytes.as_chunks::<ELEMENT_BYTES>().0.iter().take(count).copied();
    let integers = words.clone().map(i32::from_le_bytes);
    match data_type {
        DataType::F32 => Data::F32(words.map(f32::from_le_bytes).collect()),
        DataType::F16 => {
            let halves = bytes.as_chunks().0.iter().take(count);
            Data::F16(halves.map(|half| f16::from_le_bytes(*half)).collect())
        }
        DataType::I64 if encoding == Encoding::Wide => {
            let elements = bytes.as_chunks().0.iter().take(count);
            Data::I64(elements.map(|element| i64::from_le_bytes(*element)).collect())
        }
        DataType::I64 => Data::I64(integers.map(i64::from).collect()),
        DataType::I32 => Data::I32(integers.collect()),
        DataType::I8 => Data::I8(words.map(|[low, ..]| i8::from_le_bytes([low])).collect()),
        DataType::U8 => Data::U8(words.map(|[low, ..]| low).collect()),
        DataType::Bool => Data::Bool(integers.map(|x| x != 0).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(tensor: &Tensor, encoding: Encoding, bytes: &[u8]) -> Data {
        decode(tensor.data.data_type(), encoding, tensor.data.len(), bytes)
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for data in [
            Data::F32([1.5, -0.0, f32::MAX].into()),
            Data::I64([0, -7, i64::from(i32::MAX)].into()),
            Data::I32([i32::MIN, 0, 9].into()),
            Data::U8([0, 7, 255].into()),
            Data::I8([-128, 0, 127].into()),
            Data::Bool([true, false, true].into()),
        ] {
            let tensor = Tensor { shape: vec![3], data };
            let bytes = encode(&tensor, Encoding::Elements).unwrap();
            assert_eq!(bytes.len(), 12);
            assert_eq!(decoded(&tensor, Encoding::Elements, &bytes), tensor.data);
        }
    }

    #[test]
    fn wide_integers_take_eight_bytes() {
        let tensor = Tensor::vector([i64::MIN, 1 << 32, -2]);
        let bytes = encode(&tensor, Encoding::Wide).unwrap();
        assert_eq!(bytes.len(), Encoding::Wide.size_bytes(&tensor.tensor_type()));
        assert_eq!(bytes[8..16], [0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(decoded(&tensor, Encoding::Wide, &bytes), tensor.data);
    }

    #[test]
    fn halves_take_two_bytes_and_fill_whole_words() {
        let tensor = Tensor { shape: vec![3], data: Data::F16([1.5, -2.0, 0.25].map(f16::from_f32).into()) };
        let bytes = encode(&tensor, Encoding::Elements).unwrap();
        assert_eq!(bytes.len(), Encoding::Elements.size_bytes(&tensor.tensor_type()));
        assert_eq!(bytes.as_ref(), [0x00, 0x3e, 0x00, 0xc0, 0x00, 0x34, 0, 0]);
        assert_eq!(decoded(&tensor, Encoding::Elements, &bytes), tensor.data);
    }

    #[test]
    fn packed_bytes_fill_whole_words() {
        for (elements, expected) in
            [(vec![1u8, 2, 3, 4], vec![1, 2, 3, 4]), (vec![1, 2, 3, 4, 5], vec![1, 2, 3, 4, 5, 0, 0, 0])]
        {
            let tensor = Tensor::vector(elements);
            assert_eq!(*packed(&tensor), expected);
            assert_eq!(Encoding::Packed.size_bytes(&tensor.tensor_type()), expected.len());
        }
    }

    #[test]
    fn integers_that_were_not_planned_for_are_refused() {
        let tensor = |value| Tensor { shape: vec![2], data: Data::I64([1, value].into()) };
        let error = encode(&tensor(1 << 31), Encoding::Elements).unwrap_err();
        assert!(error.is_unsupported());
        assert_eq!(
            error.to_string(),
            "a tensor of type i64[2] holds 2147483648 at element 1, and its integers have 32 bits on the device"
        );
    }
}
