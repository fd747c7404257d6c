//! Tensors by name from a safetensors file: the inputs and expected outputs of a model.

use std::collections::BTreeMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::element_type::ElementType;
use crate::error::{Error, unsupported};
use crate::tensor::{DataType, Tensor};

/// Reads every tensor of a safetensors file.
///
/// # Errors
/// Where the bytes are not such a file, or hold a type that is none of [`ElementType`]'s.
pub fn read(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, Error> {
    let file =
        SafeTensors::deserialize(bytes).map_err(|error| Error::TensorFile { reason: error.to_string() })?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let element_type = element_type(view.dtype())
            .ok_or_else(|| unsupported!("tensor {name:?} has elements of type {:?}", view.dtype()))?;
        let data = element_type.decode(view.data(), view.shape().iter().product())?;
        let tensor = Tensor::new(view.shape(), data)
            .map_err(|error| Error::BadTensor { tensor: name.into(), reason: error.to_string() })?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(tensors)
}

/// The bytes of a safetensors file that holds these tensors.
///
/// # Errors
/// Never for tensors as many elements long as their shapes say.
pub fn write(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, Error> {
    let failed = |error: safetensors::SafeTensorError| Error::TensorFile { reason: error.to_string() };
    let bytes: Vec<Vec<u8>> = tensors.values().map(Tensor::to_le_bytes).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        Ok((name, TensorView::new(dtype(tensor.data_type()), tensor.shape.clone(), bytes).map_err(failed)?))
    });
    safetensors::serialize(views.collect::<Result<Vec<_>, Error>>()?, None).map_err(failed)
}

fn dtype(data_type: DataType) -> Dtype {
    match data_type {
        DataType::F32 => Dtype::F32,
        DataType::F16 => Dtype::F16,
        DataType::I64 => Dtype::I64,
        DataType::I32 => Dtype::I32,
        DataType::U8 => Dtype::U8,
        DataType::I8 => Dtype::I8,
        DataType::Bool => Dtype::BOOL,
    }
}

fn element_type(dtype: Dtype) -> Option<ElementType> {
    Some(match dtype {
        Dtype::F32 => DataType::F32.into(),
        Dtype::F16 => DataType::F16.into(),
        Dtype::I64 => DataType::I64.into(),
        Dtype::I32 => DataType::I32.into(),
        Dtype::U8 => DataType::U8.into(),
        Dtype::I8 => DataType::I8.into(),
        Dtype::BOOL => DataType::Bool.into(),
        Dtype::F64 => ElementType::F64,
        Dtype::BF16 => ElementType::BF16,
        Dtype::F8_E4M3 => ElementType::F8E4M3FN,
        Dtype::F8_E5M2 => ElementType::F8E5M2,
        Dtype::F8_E4M3FNUZ => ElementType::F8E4M3FNUZ,
        Dtype::F8_E5M2FNUZ => ElementType::F8E5M2FNUZ,
        Dtype::F8_E8M0 => ElementType::F8E8M0,
        Dtype::I16 => ElementType::I16,
        Dtype::U16 => ElementType::U16,
        Dtype::U32 => ElementType::U32,
        Dtype::U64 => ElementType::U64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let tensors = BTreeMap::from([
            ("a".to_owned(), Tensor::new([2, 1], vec![1.5f32, f32::NEG_INFINITY]).unwrap()),
            ("b".to_owned(), Tensor::scalar(-3i64)),
            ("c".to_owned(), Tensor::vector(vec![true, false])),
            ("d".to_owned(), Tensor::vector(vec![-7i32])),
            ("e".to_owned(), Tensor::vector(vec![200u8])),
            ("f".to_owned(), Tensor::vector(vec![-8i8])),
        ]);
        assert_eq!(read(&write(&tensors).unwrap()).unwrap(), tensors);
    }

    #[test]
    fn reads_what_the_reference_crate_writes() {
        let tensors = [
            ("a", Tensor::vector(vec![1.5f32, 2.0])),
            ("b", Tensor::scalar(-3i64)),
            ("c", Tensor::scalar(true)),
        ];
        let types = [Dtype::F32, Dtype::I64, Dtype::BOOL];
        let bytes: Vec<_> = tensors.iter().map(|(_, tensor)| tensor.to_le_bytes()).collect();
        let views = tensors.iter().zip(types).zip(&bytes).map(|(((name, tensor), dtype), bytes)| {
            (*name, safetensors::tensor::TensorView::new(dtype, tensor.shape.clone(), bytes).unwrap())
        });
        let file = safetensors::serialize(views, None).unwrap();
        let expected = tensors.clone().map(|(name, tensor)| (name.to_owned(), tensor));
        assert_eq!(read(&file).unwrap(), BTreeMap::from(expected));
        let double = 0.5f64.to_le_bytes();
        let double = [("d", safetensors::tensor::TensorView::new(Dtype::F64, vec![1], &double).unwrap())];
        let doubles = safetensors::serialize(double, None).unwrap();
        assert_eq!(
            read(&doubles).unwrap()["d"],
            Tensor::vector(vec![0.5f32]),
            "what is kept as another type"
        );
        assert!(read(&file[..file.len() - 1]).is_err(), "a truncated file is refused");
        assert!(read(b"hello").unwrap_err().to_string().contains("not a safetensors file"));
    }
}
