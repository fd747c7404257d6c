//! Tensors as ONNX writes them, in raw bytes or in the field of their type.

use super::proto::TensorProto;
use crate::element_type::ElementType;
use crate::error::Error;
use crate::tensor::{Data, DataType, Tensor};

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// Returns whether the elements lie in another file.
pub fn is_external(proto: &TensorProto) -> bool {
    proto.data_location == EXTERNAL
}

/// A tensor's element type.
pub fn element_type(proto: &TensorProto) -> Result<ElementType, Error> {
    ElementType::from_number(proto.data_type, &format!("tensor {:?}", proto.name))
}

/// The shape of a tensor, checked.
pub fn shape(proto: &TensorProto) -> Result<Vec<usize>, Error> {
    let extents = proto.dims.iter().map(|&extent| usize::try_from(extent));
    extents.collect::<Result<_, _>>().map_err(|_| bad(proto, format!("its shape is {:?}", proto.dims)))
}

/// A tensor whose elements lie in the model itself.
pub fn read(proto: &TensorProto) -> Result<Tensor, Error> {
    if is_external(proto) {
        return Err(bad(proto, "an attribute's data cannot lie in another file".into()));
    }
    let (element_type, shape) = (element_type(proto)?, shape(proto)?);
    let data = match element_type {
        ElementType::Kept(data_type) if proto.raw_data.is_empty() => kept(proto, data_type),
        _ if proto.raw_data.is_empty() => decoded(proto, element_type, &shape, &typed(proto, element_type))?,
        _ => decoded(proto, element_type, &shape, &proto.raw_data)?,
    };
    Tensor::new(shape, data).map_err(|error| bad(proto, error.to_string()))
}

/// The elements in little-endian bytes, as many as the shape asks for.
fn decoded(
    proto: &TensorProto,
    element_type: ElementType,
    shape: &[usize],
    bytes: &[u8],
) -> Result<Data, Error> {
    let whole = element_type.bits().div_ceil(8);
    if !bytes.len().is_multiple_of(whole) {
        return Err(bad(proto, format!("{} bytes are no whole number of {element_type}", bytes.len())));
    }
    let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent));
    // Neither a byte too many nor one too few of elements that share bytes.
    if element_type.bits() < 8
        && count.map(|count| element_type.size_bytes(count)) != Some(bytes.len() as u64)
    {
        return Err(bad(proto, format!("{} bytes of {element_type} do not fill {shape:?}", bytes.len())));
    }
    element_type.decode(bytes, count.unwrap_or(0)).map_err(|error| match error {
        Error::Unsupported(reason) => Error::Unsupported(format!("tensor {:?}: {reason}", proto.name)),
        other => other,
    })
}

/// ONNX keeps the narrow integers, bools and the bits of f16 in `int32_data`.
fn kept(proto: &TensorProto, data_type: DataType) -> Data {
    let narrow = proto.int32_data.iter();
    match data_type {
        DataType::F32 => Data::F32(proto.float_data.as_slice().into()),
        DataType::F16 => Data::F16(narrow.map(|&bits| half::f16::from_bits(bits as u16)).collect()),
        DataType::I64 => Data::I64(proto.int64_data.as_slice().into()),
        DataType::I32 => Data::I32(proto.int32_data.as_slice().into()),
        DataType::U8 => Data::U8(narrow.map(|&element| element as u8).collect()),
        DataType::I8 => Data::I8(narrow.map(|&element| element as i8).collect()),
        DataType::Bool => Data::Bool(narrow.map(|&element| element != 0).collect()),
    }
}

/// The bytes of the elements in the field of their type; in `int32_data` each number holds as many bits as an element,
/// or a byte of packed ones.
fn typed(proto: &TensorProto, element_type: ElementType) -> Vec<u8> {
    match element_type {
        ElementType::F64 => proto.double_data.iter().flat_map(|element| element.to_le_bytes()).collect(),
        ElementType::U32 => {
            proto.uint64_data.iter().flat_map(|&element| (element as u32).to_le_bytes()).collect()
        }
        ElementType::U64 => proto.uint64_data.iter().flat_map(|element| element.to_le_bytes()).collect(),
        _ => {
            let bytes = element_type.bits().div_ceil(8);
            let low = |element: &i32| element.to_le_bytes().into_iter().take(bytes);
            proto.int32_data.iter().flat_map(low).collect()
        }
    }
}

fn bad(proto: &TensorProto, reason: String) -> Error {
    Error::BadTensor { tensor: proto.name.clone(), reason }
}
