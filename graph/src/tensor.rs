//! Tensors in host memory: a shape and its elements in row-major order.

use std::fmt;
use std::sync::Arc;

use half::f16;

use crate::error::{Error, invalid};

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each variant is named as ONNX and safetensors name it")]
pub enum DataType {
    F32,
    F16,
    I64,
    I32,
    U8,
    I8,
    Bool,
}

/// The elements of a tensor, shared: cloning a tensor never copies them.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "one variant per data type")]
pub enum Data {
    F32(Arc<[f32]>),
    F16(Arc<[f16]>),
    I64(Arc<[i64]>),
    I32(Arc<[i32]>),
    U8(Arc<[u8]>),
    I8(Arc<[i8]>),
    Bool(Arc<[bool]>),
}

/// A tensor in host memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Extent of each dimension, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements, in row-major order; as many as the shape says.
    pub data: Data,
}

/// The type of a tensor: all that is known before it is computed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TensorType {
    /// The type of its elements.
    pub data_type: DataType,
    /// Extent of each dimension, outermost first.
    pub shape: Vec<usize>,
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DataType::F32 => "f32",
            DataType::F16 => "f16",
            DataType::I64 => "i64",
            DataType::I32 => "i32",
            DataType::U8 => "u8",
            DataType::I8 => "i8",
            DataType::Bool => "bool",
        })
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", self.data_type, self.shape)
    }
}

impl DataType {
    /// Every type there is.
    pub const ALL: [DataType; 7] = [
        DataType::F32,
        DataType::F16,
        DataType::I64,
        DataType::I32,
        DataType::U8,
        DataType::I8,
        DataType::Bool,
    ];

    /// Bytes that an element takes in files and host memory.
    pub fn size_bytes(self) -> usize {
        match self {
            DataType::I64 => 8,
            DataType::F32 | DataType::I32 => 4,
            DataType::F16 => 2,
            DataType::U8 | DataType::I8 | DataType::Bool => 1,
        }
    }

    /// Returns whether its elements are floats.
    pub fn is_float(self) -> bool {
        matches!(self, DataType::F32 | DataType::F16)
    }
}

impl TensorType {
    /// The type with this element type and shape.
    pub fn new(data_type: DataType, shape: impl Into<Vec<usize>>) -> TensorType {
        TensorType { data_type, shape: shape.into() }
    }

    /// The number of elements of a tensor of this type.
    pub fn element_count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The number of elements of a tensor of this type, or `None` where that is past counting.
    pub(crate) fn checked_count(&self) -> Option<usize> {
        let largest = isize::MAX as usize / 8;
        // Zero extents are left out, so that they cannot hide an overflow.
        let product = |count: usize, extent: &usize| count.checked_mul((*extent).max(1));
        self.shape.iter().try_fold(1, product).filter(|&count| count <= largest)?;
        Some(self.element_count())
    }
}

/// A Rust type that tensors hold.
pub trait Element: Copy + PartialEq + fmt::Debug + 'static {
    /// The variant for this type of elements.
    const DATA_TYPE: DataType;
    /// These elements as tensor data.
    fn wrap(elements: Arc<[Self]>) -> Data;
    /// The elements of the data, if they are of this type.
    fn slice(data: &Data) -> Option<&[Self]>;
}

macro_rules! elements {
    ($($variant:ident $rust:ty),*) => {
        $(
            impl Element for $rust {
                const DATA_TYPE: DataType = DataType::$variant;

                fn wrap(elements: Arc<[Self]>) -> Data {
                    Data::$variant(elements)
                }

                fn slice(data: &Data) -> Option<&[Self]> {
                    match data {
                        Data::$variant(elements) => Some(elements),
                        _ => None,
                    }
                }
            }

            impl From<Vec<$rust>> for Data {
                fn from(elements: Vec<$rust>) -> Data {
                    Data::$variant(elements.into())
                }
            }
        )*
    };
}

elements!(F32 f32, F16 f16, I64 i64, I32 i32, U8 u8, I8 i8, Bool bool);

/// Runs the same code on the elements, whatever their type: `each!(data, elements => expression)`.
macro_rules! each {
    ($data:expr, $elements:ident => $body:expr) => {
        match $data {
            $crate::Data::F32($elements) => $body,
            $crate::Data::F16($elements) => $body,
            $crate::Data::I64($elements) => $body,
            $crate::Data::I32($elements) => $body,
            $crate::Data::U8($elements) => $body,
            $crate::Data::I8($elements) => $body,
            $crate::Data::Bool($elements) => $body,
        }
    };
}

impl Data {
    /// The type of the elements.
    pub fn data_type(&self) -> DataType {
        match self {
            Data::F32(_) => DataType::F32,
            Data::F16(_) => DataType::F16,
            Data::I64(_) => DataType::I64,
            Data::I32(_) => DataType::I32,
            Data::U8(_) => DataType::U8,
            Data::I8(_) => DataType::I8,
            Data::Bool(_) => DataType::Bool,
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        each!(self, elements => elements.len())
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements at these offsets. The offsets must lie within the data.
    pub(crate) fn pick(&self, mut offsets: impl Iterator<Item = usize>) -> Data {
        match offsets.size_hint() {
            // A range is known to keep its length, and so what is collected is not copied once more.
            (count, Some(most)) if count == most => each!(self, elements => {
                Element::wrap((0..count).map(|_| elements[offsets.next().unwrap_or_default()]).collect())
            }),
            _ => each!(self, elements => Element::wrap(offsets.map(|offset| elements[offset]).collect())),
        }
    }

    /// Integers as elements of this type: wrapped where too large, true where not zero.
    pub(crate) fn from_integers(data_type: DataType, integers: impl Iterator<Item = i64>) -> Data {
        match data_type {
            DataType::F32 => Data::F32(integers.map(|integer| integer as f32).collect()),
            DataType::F16 => Data::F16(integers.map(|integer| f16::from_f32(integer as f32)).collect()),
            DataType::I64 => Data::I64(integers.collect()),
            DataType::I32 => Data::I32(integers.map(|integer| integer as i32).collect()),
            DataType::U8 => Data::U8(integers.map(|integer| integer as u8).collect()),
            DataType::I8 => Data::I8(integers.map(|integer| integer as i8).collect()),
            DataType::Bool => Data::Bool(integers.map(|integer| integer != 0).collect()),
        }
    }

    /// Reads elements from little-endian bytes; bools are bytes other than zero.
    pub fn from_le_bytes(data_type: DataType, bytes: &[u8]) -> Data {
        match data_type {
            DataType::F32 => Data::F32(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            DataType::F16 => Data::F16(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b)).collect()),
            DataType::I64 => Data::I64(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect()),
            DataType::I32 => Data::I32(bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b)).collect()),
            DataType::U8 => Data::U8(bytes.into()),
            DataType::I8 => Data::I8(bytes.iter().map(|b| i8::from_le_bytes([*b])).collect()),
            DataType::Bool => Data::Bool(bytes.iter().map(|b| *b != 0).collect()),
        }
    }
}

impl Tensor {
    /// A tensor of this shape.
    ///
    /// # Errors
    /// Where the shape asks for another number of elements.
    pub fn new(shape: impl Into<Vec<usize>>, data: impl Into<Data>) -> Result<Tensor, Error> {
        let tensor = Tensor { shape: shape.into(), data: data.into() };
        let count = tensor.data.len();
        if tensor.tensor_type().checked_count() != Some(count) {
            return Err(invalid!("{count} elements do not fill a tensor of shape {:?}", tensor.shape));
        }
        Ok(tensor)
    }

    /// A tensor of no dimensions.
    pub fn scalar<T: Element>(element: T) -> Tensor {
        Tensor { shape: vec![], data: T::wrap([element].into()) }
    }

    /// A tensor of one dimension.
    pub fn vector<T: Element>(elements: impl Into<Arc<[T]>>) -> Tensor {
        let elements = elements.into();
        Tensor { shape: vec![elements.len()], data: T::wrap(elements) }
    }

    /// A tensor of this type whose elements are all zero.
    pub fn zeros(tensor_type: &TensorType) -> Tensor {
        let integers = std::iter::repeat_n(0, tensor_type.element_count());
        let data = Data::from_integers(tensor_type.data_type, integers);
        Tensor { shape: tensor_type.shape.clone(), data }
    }

    /// A tensor's type.
    pub fn tensor_type(&self) -> TensorType {
        TensorType { data_type: self.data.data_type(), shape: self.shape.clone() }
    }

    /// The type of its elements.
    pub fn data_type(&self) -> DataType {
        self.data.data_type()
    }

    /// The number of its elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Returns whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements, if they are of this type.
    pub fn elements<T: Element>(&self) -> Option<&[T]> {
        T::slice(&self.data)
    }

    /// The elements, if they are f32.
    pub fn as_f32(&self) -> Option<&[f32]> {
        self.elements()
    }

    /// The elements, if they are i64.
    pub fn as_i64(&self) -> Option<&[i64]> {
        self.elements()
    }

    /// The elements converted to f32, whatever they are: for comparing outputs. Bools become 0 and 1.
    pub fn to_f32_vec(&self) -> Vec<f32> {
        match &self.data {
            Data::F32(elements) => elements.to_vec(),
            Data::F16(elements) => elements.iter().map(|element| element.to_f32()).collect(),
            Data::I64(elements) => elements.iter().map(|&element| element as f32).collect(),
            Data::I32(elements) => elements.iter().map(|&element| element as f32).collect(),
            Data::U8(elements) => elements.iter().map(|&element| f32::from(element)).collect(),
            Data::I8(elements) => elements.iter().map(|&element| f32::from(element)).collect(),
            Data::Bool(elements) => elements.iter().map(|&element| f32::from(u8::from(element))).collect(),
        }
    }

    /// The elements as i64, if they are integers or bools: indices, axes, shapes.
    pub fn to_i64_vec(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I64(elements) => Some(elements.to_vec()),
            Data::I32(elements) => Some(elements.iter().map(|&element| i64::from(element)).collect()),
            Data::U8(elements) => Some(elements.iter().map(|&element| i64::from(element)).collect()),
            Data::I8(elements) => Some(elements.iter().map(|&element| i64::from(element)).collect()),
            Data::Bool(elements) => Some(elements.iter().map(|&element| i64::from(element)).collect()),
            Data::F32(_) | Data::F16(_) => None,
        }
    }

    /// The elements in little-endian order, as files and GPUs take them; bools are one byte each.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        match &self.data {
            Data::F32(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Data::F16(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Data::I64(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Data::I32(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Data::U8(elements) => elements.to_vec(),
            Data::I8(elements) => elements.iter().flat_map(|element| element.to_le_bytes()).collect(),
            Data::Bool(elements) => elements.iter().map(|&element| u8::from(element)).collect(),
        }
    }

    /// Its elements in another shape of as many.
    pub(crate) fn reshaped(&self, shape: &[usize]) -> Tensor {
        Tensor { shape: shape.to_vec(), data: self.data.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_has_as_many_elements_as_its_shape_says() {
        let cases: [(&[usize], usize, bool); 6] = [
            (&[], 1, true),
            (&[2, 3], 6, true),
            (&[0, 3], 0, true),
            (&[2, 3], 5, false),
            (&[usize::MAX, 2], 0, false),
            (&[0, usize::MAX, 2], 0, false),
        ];
        for (shape, count, sound) in cases {
            assert_eq!(Tensor::new(shape, vec![0f32; count]).is_ok(), sound, "{count} in {shape:?}");
        }
    }

    #[test]
    fn bytes_survive_the_way_there_and_back() {
        let tensors = [
            Tensor::vector(vec![1.5f32, -2.0]),
            Tensor::vector(vec![i64::MIN, 7]),
            Tensor::vector(vec![-3i32, 4]),
            Tensor::vector(vec![255u8, 0]),
            Tensor::vector(vec![-128i8, 1]),
            Tensor::vector(vec![true, false]),
        ];
        for tensor in tensors {
            assert_eq!(Data::from_le_bytes(tensor.data_type(), &tensor.to_le_bytes()), tensor.data);
        }
    }
}
