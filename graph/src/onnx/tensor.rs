//! Tensors as ONNX writes them, in raw bytes or in the field of their type.

use half::f16;

use super::proto::TensorProto;
use crate::error::{Error, unsupported};
use crate::tensor::{Data, DataType, Tensor};

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

/// Whether the elements lie in another file.
pub fn is_external(proto: &TensorProto) -> bool {
    proto.data_location == EXTERNAL
}

/// The element type that ONNX writes as this number.
pub fn data_type(number: i32, owner: &str) -> Result<DataType, Error> {
    // TensorProto.DataType; the names of those that are not supported make a better message.
    const NAMES: [&str; 17] = [
        "undefined",
        "f32",
        "u8",
        "i8",
        "u16",
        "i16",
        "i32",
        "i64",
        "string",
        "bool",
        "f16",
        "f64",
        "u32",
        "u64",
        "complex64",
        "complex128",
        "bf16",
    ];
    Ok(match number {
        1 => DataType::F32,
        2 => DataType::U8,
        3 => DataType::I8,
        6 => DataType::I32,
        7 => DataType::I64,
        9 => DataType::Bool,
        10 => DataType::F16,
        _ => {
            let name = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
            return Err(unsupported!("{owner} has element type {} ({number})", name.unwrap_or(&"unknown")));
        }
    })
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
    let data_type = data_type(proto.data_type, &format!("tensor {:?}", proto.name))?;
    let data = if proto.raw_data.is_empty() { typed(proto, data_type) } else { raw(proto, data_type)? };
    Tensor::new(shape(proto)?, data).map_err(|error| bad(proto, error.to_string()))
}

fn raw(proto: &TensorProto, data_type: DataType) -> Result<Data, Error> {
    if !proto.raw_data.len().is_multiple_of(data_type.size_bytes()) {
        return Err(bad(proto, format!("{} bytes are no whole number of {data_type}", proto.raw_data.len())));
    }
    Ok(Data::from_le_bytes(data_type, &proto.raw_data))
}

/// ONNX keeps the narrow integers, bools and the bits of f16 in `int32_data`.
fn typed(proto: &TensorProto, data_type: DataType) -> Data {
    let narrow = proto.int32_data.iter();
    match data_type {
        DataType::F32 => Data::F32(proto.float_data.as_slice().into()),
        DataType::F16 => Data::F16(narrow.map(|&bits| f16::from_bits(bits as u16)).collect()),
        DataType::I64 => Data::I64(proto.int64_data.as_slice().into()),
        DataType::I32 => Data::I32(proto.int32_data.as_slice().into()),
        DataType::U8 => Data::U8(narrow.map(|&element| element as u8).collect()),
        DataType::I8 => Data::I8(narrow.map(|&element| element as i8).collect()),
        DataType::Bool => Data::Bool(narrow.map(|&element| element != 0).collect()),
    }
}

fn bad(proto: &TensorProto, reason: String) -> Error {
    Error::BadTensor { tensor: proto.name.clone(), reason }
}
