//! Weights that lie in files beside the model: where, how long, and whether that can be true.

use std::ops::Range;

use super::proto::TensorProto;
use super::seeded::Recipe;
use super::tensor;
use crate::error::Error;
use crate::tensor::{Data, Tensor, TensorType};

/// A tensor's place in another file.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalData {
    pub tensor: String,
    pub location: String,
    pub tensor_type: TensorType,
    offset_bytes: u64,
    length_bytes: u64,
    /// What to compute instead of reading it.
    recipe: Option<Recipe>,
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
        let data_type = tensor::data_type(proto.data_type, &format!("tensor {:?}", proto.name))?;
        let tensor_type = TensorType { data_type, shape: tensor::shape(proto)? };
        let count = tensor_type.checked_count().ok_or_else(|| bad("its shape is too large".into()))?;
        let needed = (count * data_type.size_bytes()) as u64;
        let (offset_bytes, length_bytes) = (number("offset", 0)?, number("length", needed)?);
        if length_bytes != needed {
            return Err(bad(format!(
                "{length_bytes} external bytes do not fill {tensor_type}, {needed} would"
            )));
        }
        let recipe = Recipe::of(proto, &tensor_type)?;
        let tensor = proto.name.clone();
        Ok(ExternalData { tensor, location, tensor_type, offset_bytes, length_bytes, recipe })
    }

    /// The tensor, where it is computed and needs no file.
    pub fn computed(&self) -> Option<Tensor> {
        self.recipe.map(|recipe| recipe.tensor(&self.tensor_type.shape))
    }

    /// Bytes that the tensor takes in its file.
    pub fn size_bytes(&self) -> usize {
        self.length_bytes as usize
    }

    /// Puts the tensor in its place in the file.
    pub fn store(&self, tensor: &Tensor, file: &mut [u8]) -> Result<(), Error> {
        let size_bytes = file.len();
        let Some(place) = self.place().and_then(|place| file.get_mut(place)) else {
            let (at, location) = (self.offset_bytes, &self.location);
            let reason =
                format!("byte {at} is no place for it in the {size_bytes} computed bytes of {location:?}");
            return Err(Error::BadTensor { tensor: self.tensor.clone(), reason });
        };
        place.copy_from_slice(&tensor.to_le_bytes());
        Ok(())
    }

    /// The tensor's bytes in its file, or `None` where they are past counting.
    fn place(&self) -> Option<Range<usize>> {
        let end = usize::try_from(self.offset_bytes.checked_add(self.length_bytes)?).ok()?;
        Some(end - self.size_bytes()..end)
    }

    /// Cuts the tensor out of the file.
    pub fn load(&self, file: Option<&[u8]>) -> Result<Tensor, Error> {
        let (tensor, location) = (self.tensor.clone(), self.location.clone());
        let (offset_bytes, length_bytes) = (self.offset_bytes, self.length_bytes);
        let Some(file) = file else {
            return Err(Error::ExternalMissing { tensor, location, offset_bytes, length_bytes });
        };
        let Some(bytes) = self.place().and_then(|place| file.get(place)) else {
            let actual_bytes = file.len() as u64;
            return Err(Error::ExternalShort { tensor, location, offset_bytes, length_bytes, actual_bytes });
        };
        let data = Data::from_le_bytes(self.tensor_type.data_type, bytes);
        Tensor::new(self.tensor_type.shape.clone(), data)
    }
}

/// Whether a path stays inside the folder it starts from, on Windows too.
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
