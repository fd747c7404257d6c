//! Sparse tensors as ONNX writes them: some elements and where they are; all others are zero.

use super::proto::{SparseTensorProto, TensorProto};
use super::tensor;
use crate::error::Error;
use crate::ops::{Operator, Scatter, ScatterElements};
use crate::strided::table;
use crate::tensor::{Tensor, TensorType};

/// The tensor with every element written out.
///
/// # Errors
/// Elements without a place, places outside the tensor, and one of more elements than a sound model has.
pub fn read(proto: &SparseTensorProto) -> Result<Tensor, Error> {
    let (values, indices) =
        (proto.values.clone().unwrap_or_default(), proto.indices.clone().unwrap_or_default());
    let bad = |reason: String| Error::BadTensor { tensor: values.name.clone(), reason };
    let shape = tensor::shape(&TensorProto { dims: proto.dims.clone(), ..values.clone() })?;
    let count = table(&shape).map_err(|error| bad(error.to_string()))?;
    let (elements, places) = (tensor::read(&values)?, tensor::read(&indices)?);
    let places =
        flat(&places, &shape).ok_or_else(|| bad("it has elements without a place in it".to_owned()))?;
    let zeros = Tensor::zeros(&TensorType::new(elements.data_type(), [count]));
    let scatter = Operator::ScatterElements(ScatterElements { axis: 0, scatter: Scatter::Replace });
    let written = scatter.evaluate(&[Some(&zeros), Some(&places), Some(&elements)]);
    Ok(written.map_err(|error| bad(error.to_string()))?.swap_remove(0).reshaped(&shape))
}

/// Places in row-major order, from such places or from coordinates `[places, rank]`.
fn flat(places: &Tensor, shape: &[usize]) -> Option<Tensor> {
    let elements = places.to_i64_vec()?;
    if places.shape.len() == 1 {
        return Some(Tensor::vector(elements));
    }
    if places.shape.get(1) != Some(&shape.len()) || shape.is_empty() {
        return None;
    }
    let place = |coordinates: &[i64]| {
        coordinates.iter().zip(shape).try_fold(0i64, |place, (&at, &extent)| {
            let inside = (0..extent as i64).contains(&at);
            inside.then(|| place * extent as i64 + at)
        })
    };
    Some(Tensor::vector(elements.chunks(shape.len()).map(place).collect::<Option<Vec<_>>>()?))
}
