//! Weights that are not in the model as it was read: where they lie, how long, and whether that can be true.

use super::outline::Skeleton;
use super::proto::TensorProto;
use super::recipe::recipe;
use super::tensor;
use crate::constant::{Constant, Deferred, Files, Recipe, Span};
use crate::element_type::ElementType;
use crate::error::Error;
use crate::tensor::{DataType, Tensor, TensorType};

/// A tensor's place in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalData {
    pub tensor: String,
    pub span: Span,
    /// The type of the elements there; the tensor type says what they are kept as.
    pub element_type: ElementType,
    pub tensor_type: TensorType,
    /// The recipe by which it is computed instead of read.
    pub recipe: Option<Recipe>,
}

impl ExternalData {
    /// Reads the entry and refuses what leaves the model's folder.
    pub fn read(proto: &TensorProto) -> Result<ExternalData, Error> {
        let bad = |reason: String| Error::BadTensor { tensor: proto.name.clone(), reason };
        let entry = |key: &str| {
            proto.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.clone())
        };
        let location = entry("location").unwrap_or_default().replace('\\', "/");
        if !is_inside(&location) {
            return Err(Error::ExternalPath { tensor: proto.name.clone(), location });
        }
        let number = |key: &str, default: u64| match entry(key) {
            Some(text) => text.parse().map_err(|_| bad(format!("its external {key} is {text:?}, no number"))),
            None => Ok(default),
        };
        let (element_type, tensor_type, needed) = declared(proto)?;
        let (offset_bytes, length_bytes) = (number("offset", 0)?, number("length", needed)?);
        if length_bytes != needed {
            return Err(bad(format!(
                "{length_bytes} external bytes do not fill {element_type}{:?}, {needed} would",
                tensor_type.shape
            )));
        }
        let recipe = recipe(proto, element_type, &tensor_type)?;
        let span = Span { location, offset_bytes, length_bytes };
        Ok(ExternalData { tensor: proto.name.clone(), span, element_type, tensor_type, recipe })
    }

    /// The place of an initializer whose data was left out of the skeleton of its file; `None` where it was not.
    pub fn left_out(
        skeleton: &Skeleton,
        number: usize,
        proto: &TensorProto,
    ) -> Result<Option<ExternalData>, Error> {
        let Some(range) = skeleton.large.get(&number) else { return Ok(None) };
        let (element_type, tensor_type, needed) = declared(proto)?;
        let length_bytes = range.end - range.start;
        if length_bytes != needed {
            let shape = &tensor_type.shape;
            let reason = format!("{length_bytes} bytes do not fill {element_type}{shape:?}, {needed} would");
            return Err(Error::BadTensor { tensor: proto.name.clone(), reason });
        }
        let span = Span { location: skeleton.file.clone(), offset_bytes: range.start, length_bytes };
        let (tensor, recipe) = (proto.name.clone(), None);
        Ok(Some(ExternalData { tensor, span, element_type, tensor_type, recipe }))
    }

    /// The constant, if it can be had without reading: a small one that is computed, or a weight of at least so many
    /// bytes. Integers and bools may say what to compute, and so they are read.
    pub fn constant(&self, large_bytes: u64) -> Option<Constant> {
        let is_weight = match self.tensor_type.data_type {
            DataType::F32 | DataType::F16 | DataType::U8 | DataType::I8 => true,
            DataType::I64 | DataType::I32 | DataType::Bool => false,
        };
        let (is_large, tensor_type) = (self.span.length_bytes >= large_bytes, self.tensor_type.clone());
        match self.recipe {
            Some(recipe) if is_large => Some(Constant::Deferred(Deferred::recipe(tensor_type, recipe))),
            Some(recipe) => Some(Constant::Here(recipe.tensor(tensor_type.shape))),
            None if is_large && is_weight => {
                let place = (self.tensor.as_str(), self.element_type, self.span.clone());
                Some(Constant::Deferred(Deferred::file(place, tensor_type.shape, None)))
            }
            None => None,
        }
    }

    /// Reads the tensor out of its file.
    pub fn load(&self, files: &mut dyn Files) -> Result<Tensor, Error> {
        self.span.check(&self.tensor, files.size_bytes(&self.span.location))?;
        let bytes = self.span.bytes(&self.tensor, files)?;
        let data = self.element_type.decode(&bytes, self.tensor_type.element_count())?;
        Tensor::new(self.tensor_type.shape.clone(), data)
    }
}

/// A tensor's element type, what it is kept as, and how many bytes it takes.
fn declared(proto: &TensorProto) -> Result<(ElementType, TensorType, u64), Error> {
    let bad = |reason: &str| Error::BadTensor { tensor: proto.name.clone(), reason: reason.to_owned() };
    let element_type = tensor::element_type(proto)?;
    let tensor_type = TensorType::new(element_type.data_type(), tensor::shape(proto)?);
    let count = tensor_type.checked_count().ok_or_else(|| bad("its shape is too large"))?;
    Ok((element_type, tensor_type, element_type.size_bytes(count)))
}

/// Returns whether a path stays inside the folder it starts from, on Windows too.
fn is_inside(location: &str) -> bool {
    !location.contains(':') && location.split('/').all(|part| !part.is_empty() && part != "..")
}

#[cfg(test)]
mod tests {
    use super::is_inside;

    #[test]
    fn a_location_stays_in_the_models_folder() {
        let cases = [
            ("weights.bin", true),
            ("data/weights..bin", true),
            ("./weights.bin", true),
            ("", false),
            ("/etc/passwd", false),
            ("../weights.bin", false),
            ("data/../../weights.bin", false),
            ("C:/weights.bin", false),
            ("//host/share", false),
        ];
        for (location, inside) in cases {
            assert_eq!(is_inside(location), inside, "{location:?}");
        }
    }
}
