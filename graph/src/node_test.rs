//! Reads one of the ONNX project's node tests: a model, what to feed it, and what it has to give. Bytes in.

mod comparison;

use std::collections::BTreeMap;

use prost::Message;

use crate::error::Error;
use crate::onnx::{Model, TensorProto, tensor};
use crate::tensor::Tensor;

/// Operators whose results no test can expect; ONNX's own runner leaves their tests out.
const RANDOM: [&str; 6] =
    ["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"];

/// A node test.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeTest {
    /// The model under test.
    pub model: Model,
    /// Its inputs, by name.
    pub inputs: BTreeMap<String, Tensor>,
    /// The outputs it has to give, by name.
    pub expected: BTreeMap<String, Tensor>,
}

impl NodeTest {
    /// Reads a test's `model.onnx`, and `input_N.pb` and `output_N.pb` of its data set, in the order of N: those of
    /// the model's inputs and outputs.
    ///
    /// # Errors
    /// Those of [`Model::parse`]; a file that is no tensor, or of a type that is not known here.
    pub fn read(model: &[u8], inputs: &[Vec<u8>], outputs: &[Vec<u8>]) -> Result<NodeTest, Error> {
        let drawn =
            Model::operators_in(model).into_iter().find(|operator| RANDOM.contains(&operator.as_str()));
        if let Some(operator) = drawn {
            return Err(Error::Unsupported(format!("what it expects {operator} to draw is another's luck")));
        }
        let model = Model::parse(model)?;
        let inputs = named(model.inputs.iter().map(|input| &input.name), inputs)?;
        let expected = named(model.outputs.iter(), outputs)?;
        Ok(NodeTest { model, inputs, expected })
    }
}

fn named<'a>(
    names: impl ExactSizeIterator<Item = &'a String>,
    files: &[Vec<u8>],
) -> Result<BTreeMap<String, Tensor>, Error> {
    if names.len() != files.len() {
        let reason = format!("the model has {} ports, and {} tensors were given", names.len(), files.len());
        return Err(Error::Malformed { reason });
    }
    names.zip(files).map(|(name, bytes)| Ok((name.clone(), read_tensor(name, bytes)?))).collect()
}

fn read_tensor(name: &str, bytes: &[u8]) -> Result<Tensor, Error> {
    let bad = |reason: String| Error::BadTensor { tensor: name.to_owned(), reason };
    let proto =
        TensorProto::decode(bytes).map_err(|error| bad(format!("its file is no tensor ({error})")))?;
    tensor::read(&proto)
}
