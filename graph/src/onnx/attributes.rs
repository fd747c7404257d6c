//! The attributes of a node, read by name with the default that ONNX gives.

use std::collections::BTreeMap;

use prost::bytes::Bytes;

use super::proto::AttributeProto;
use super::{Subgraph, sparse, tensor};
use crate::element_type::ElementType;
use crate::error::{Error, invalid, unsupported};
use crate::tensor::Tensor;

/// The value of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attribute {
    Int(i64),
    Float(f32),
    Text(String),
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Texts(Vec<String>),
    /// With the type that its elements have in the file.
    Tensor(Tensor, ElementType),
    Graph(Subgraph),
    /// Another type that no operator here takes; named so that it can be refused when asked for.
    Other(i32),
}

/// The attributes of one node.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Attributes(pub BTreeMap<String, Attribute>);

impl Attributes {
    pub(super) fn read(protos: Vec<AttributeProto>) -> Result<Attributes, Error> {
        let read = |proto: AttributeProto| Ok((proto.name.clone(), attribute(proto)?));
        protos.into_iter().map(read).collect::<Result<_, Error>>().map(Attributes)
    }

    /// An integer, if there is one of that name.
    pub fn int(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Int(value)) => Ok(Some(*value)),
            Some(other) => Err(mistyped(name, "an integer", other)),
        }
    }

    /// An integer that stands for yes or no.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Error> {
        Ok(self.int(name)?.map_or(default, |value| value != 0))
    }

    /// A float, if there is one of that name.
    pub fn float(&self, name: &str) -> Result<Option<f32>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Float(value)) => Ok(Some(*value)),
            Some(Attribute::Int(value)) => Ok(Some(*value as f32)),
            Some(other) => Err(mistyped(name, "a float", other)),
        }
    }

    /// A text, if there is one of that name.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Text(value)) => Ok(Some(value)),
            Some(other) => Err(mistyped(name, "a text", other)),
        }
    }

    /// A list of integers, if there is one of that name.
    pub fn ints(&self, name: &str) -> Result<Option<&[i64]>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(other) => Err(mistyped(name, "a list of integers", other)),
        }
    }

    /// A graph, if there is one of that name.
    pub fn graph(&self, name: &str) -> Result<Option<&Subgraph>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Graph(value)) => Ok(Some(value)),
            Some(other) => Err(mistyped(name, "a graph", other)),
        }
    }

    /// A list of floats, if there is one of that name.
    pub fn floats(&self, name: &str) -> Result<Option<&[f32]>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Floats(values)) => Ok(Some(values)),
            Some(other) => Err(mistyped(name, "a list of floats", other)),
        }
    }

    /// A list of floats that may be written as integers.
    pub fn floats_or_integers(&self, name: &str) -> Result<Option<Vec<f32>>, Error> {
        match self.0.get(name) {
            Some(Attribute::Ints(values)) => Ok(Some(values.iter().map(|&value| value as f32).collect())),
            _ => Ok(self.floats(name)?.map(<[f32]>::to_vec)),
        }
    }

    /// A list of texts, if there is one of that name.
    pub fn texts(&self, name: &str) -> Result<Option<&[String]>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Texts(values)) => Ok(Some(values)),
            Some(other) => Err(mistyped(name, "a list of texts", other)),
        }
    }

    /// A tensor, if there is one of that name.
    pub fn tensor(&self, name: &str) -> Result<Option<&Tensor>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Attribute::Tensor(value, _)) => Ok(Some(value)),
            Some(other) => Err(mistyped(name, "a tensor", other)),
        }
    }

    /// The type that a tensor's elements have in the file.
    pub fn element_type(&self, name: &str) -> Option<ElementType> {
        match self.0.get(name) {
            Some(Attribute::Tensor(_, element_type)) => Some(*element_type),
            _ => None,
        }
    }
}

fn mistyped(name: &str, wanted: &str, given: &Attribute) -> Error {
    match given {
        Attribute::Other(kind) => unsupported!("attribute {name:?} is of ONNX attribute type {kind}"),
        given => invalid!("attribute {name:?} has to be {wanted}, not {given:?}"),
    }
}

/// `AttributeProto.AttributeType` says which field holds the value.
fn attribute(proto: AttributeProto) -> Result<Attribute, Error> {
    if let (11, Some(value)) = (proto.kind, &proto.sparse_tensor) {
        let tensor = sparse::read(value)?;
        let element_type = ElementType::Kept(tensor.data_type());
        return Ok(Attribute::Tensor(tensor, element_type));
    }
    Ok(match (proto.kind, proto.t) {
        (1, _) => Attribute::Float(proto.f),
        (2, _) => Attribute::Int(proto.i),
        (3, _) => Attribute::Text(text(&proto.s)),
        (4, Some(value)) => Attribute::Tensor(tensor::read(&value)?, tensor::element_type(&value)?),
        (5, _) => Attribute::Graph(Subgraph::read(proto.g.unwrap_or_default())?),
        (6, _) => Attribute::Floats(proto.floats),
        (7, _) => Attribute::Ints(proto.ints),
        (8, _) => Attribute::Texts(proto.strings.iter().map(text).collect()),
        (kind, _) => Attribute::Other(kind),
    })
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
