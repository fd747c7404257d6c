//! The values that a traced run left in safetensors files. Files are read at once, elements when they are asked for.

use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, SafeTensors};

/// A tensor as it was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The type of its elements, as tables show it: `f32`.
    pub data_type: &'static str,
    /// True if it has to be the same everywhere: integers that count or point, and truth values.
    pub exact: bool,
    /// Extent of each dimension.
    pub shape: Vec<usize>,
    /// The elements, in row-major order.
    pub elements: Vec<f64>,
}

impl Value {
    /// Type and shape: `f32[2, 16]`.
    pub fn tensor_type(&self) -> String {
        format!("{}{:?}", self.data_type, self.shape)
    }

    /// Where an element lies along each dimension.
    pub fn place(&self, mut index: usize) -> Vec<usize> {
        let mut place = vec![0; self.shape.len()];
        for (at, &extent) in place.iter_mut().zip(&self.shape).rev() {
            *at = index % extent.max(1);
            index /= extent.max(1);
        }
        place
    }
}

/// All files of one run.
#[derive(Debug, Default)]
pub struct Values(Vec<File>);

#[derive(Debug)]
struct File {
    bytes: Vec<u8>,
    data_start: usize,
    metadata: Metadata,
}

/// The length of a safetensors file's header stands before it, as a u64.
const LENGTH_BYTES: usize = 8;

impl Values {
    /// Reads the files `0.safetensors`, `1.safetensors`, ... of a folder.
    ///
    /// # Errors
    /// Names the file that is missing or no safetensors file.
    pub fn read(folder: &Path, files: usize) -> Result<Values, String> {
        let read = |number: usize| {
            let path = folder.join(format!("{number}.safetensors"));
            let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            File::parse(bytes).map_err(|error| format!("{}: {error}", path.display()))
        };
        (0..files).map(read).collect::<Result<_, _>>().map(Values)
    }

    /// A tensor by name, if the run left it and its elements can be compared.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.0.iter().find_map(|file| file.value(name))
    }

    /// Reads the bytes of one file.
    #[cfg(test)]
    pub fn parse(bytes: Vec<u8>) -> Values {
        Values(vec![File::parse(bytes).unwrap()])
    }
}

impl File {
    fn parse(bytes: Vec<u8>) -> Result<File, String> {
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| error.to_string())?;
        Ok(File { data_start: LENGTH_BYTES + header, metadata, bytes })
    }

    fn value(&self, name: &str) -> Option<Value> {
        let info = self.metadata.info(name)?;
        let (start, end) = info.data_offsets;
        let bytes = self.bytes.get(self.data_start + start..self.data_start + end)?;
        let (data_type, exact, elements) = elements(info.dtype, bytes)?;
        Some(Value { data_type, exact, shape: info.shape.clone(), elements })
    }
}

type Elements = (&'static str, bool, Vec<f64>);

/// Returns a type's name and exactness, and the elements; nothing for types that no executor hands over.
fn elements(dtype: Dtype, bytes: &[u8]) -> Option<Elements> {
    let words = || bytes.as_chunks::<4>().0.iter();
    Some(match dtype {
        Dtype::F32 => ("f32", false, words().map(|word| f64::from(f32::from_le_bytes(*word))).collect()),
        Dtype::I32 => ("i32", true, words().map(|word| f64::from(i32::from_le_bytes(*word))).collect()),
        Dtype::I64 => {
            // GPUs keep 32 bits of them, saturated; both sides are compared as if they had.
            let narrow = |word: i64| word.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as f64;
            let words = bytes.as_chunks::<8>().0.iter();
            ("i64", true, words.map(|word| narrow(i64::from_le_bytes(*word))).collect())
        }
        Dtype::BOOL => ("bool", true, bytes.iter().map(|byte| f64::from(u8::from(*byte != 0))).collect()),
        // Quantised numbers stand for others, and round like them.
        Dtype::U8 => ("u8", false, bytes.iter().map(|byte| f64::from(*byte)).collect()),
        Dtype::I8 => ("i8", false, bytes.iter().map(|byte| f64::from(i8::from_le_bytes([*byte]))).collect()),
        _ => return None,
    })
}

#[cfg(test)]
pub mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    /// Values of f32 tensors by name and shape.
    pub fn floats(tensors: &[(&str, &[usize], &[f32])]) -> Values {
        let bytes: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, _, elements)| elements.iter().flat_map(|element| element.to_le_bytes()).collect())
            .collect();
        let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
            (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
        });
        Values::parse(safetensors::serialize(views, None).unwrap())
    }

    #[test]
    fn elements_are_read_by_their_type() {
        let bytes = |value: i64| value.to_le_bytes().to_vec();
        for (name, dtype, bytes, expected) in [
            ("f32", Dtype::F32, 1.5f32.to_le_bytes().to_vec(), Some(("f32", false, vec![1.5]))),
            ("i64", Dtype::I64, bytes(-7), Some(("i64", true, vec![-7.0]))),
            ("the end of i64", Dtype::I64, bytes(i64::MAX), Some(("i64", true, vec![2_147_483_647.0]))),
            ("bool", Dtype::BOOL, vec![2, 0], Some(("bool", true, vec![1.0, 0.0]))),
            ("i8", Dtype::I8, vec![255], Some(("i8", false, vec![-1.0]))),
            ("f64", Dtype::F64, bytes(0), None),
        ] {
            assert_eq!(elements(dtype, &bytes), expected, "{name}");
        }
    }

    #[test]
    fn a_value_is_found_with_its_shape_and_places() {
        let values = floats(&[("a", &[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), ("b", &[], &[7.0])]);
        let a = values.get("a").unwrap();
        assert_eq!((a.tensor_type().as_str(), a.elements[4], a.place(4)), ("f32[2, 3]", 4.0, vec![1, 1]));
        assert_eq!(values.get("b").unwrap().place(0), Vec::<usize>::new());
        assert_eq!(values.get("c"), None);
    }

    #[test]
    fn a_file_that_is_missing_is_named() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::write(folder.path().join("0.safetensors"), "hello").unwrap();
        assert!(Values::read(folder.path(), 1).unwrap_err().contains("0.safetensors"));
        assert!(Values::read(folder.path(), 0).unwrap().get("a").is_none());
    }
}
