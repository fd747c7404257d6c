//! ONNX protobuf in, a checked and plain model out. Reads bytes, never files.

mod attributes;
mod external;
mod order;
mod outline;
mod outputs;
mod proto;
mod recipe;
mod sparse;
pub(crate) mod tensor;
mod uses;
mod weights;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

pub(crate) use attributes::{Attribute, Attributes};
pub use outline::Outline;
pub use outputs::with_all_outputs;
pub(crate) use proto::TensorProto;
pub use uses::Uses;
pub use weights::{ComputedFile, alike, share};

use crate::constant::Constant;
use crate::element_type::ElementType;
use crate::error::Error;
use crate::tensor::{DataType, Tensor};
use external::ExternalData;
use order::execution_order;
use outline::Skeleton;
use proto::{Extent, GraphProto, ModelProto, NodeProto, SparseTensorProto, TypeProto, ValueInfo};

/// An ONNX model, its shapes still open.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The inputs that have to be fed, in the model's order.
    pub inputs: Vec<Input>,
    /// Names of the results, in the model's order.
    pub outputs: Vec<String>,
    pub(crate) opsets: BTreeMap<String, i64>,
    pub(crate) nodes: Vec<OnnxNode>,
    pub(crate) constants: BTreeMap<String, Constant>,
    pub(crate) foreign: Foreign,
    /// Files beside the model that hold weights.
    external: BTreeSet<String>,
    /// Constants that have to be read and were not yet.
    pending: Vec<ExternalData>,
    /// Weights that are computed; they are among the constants already.
    seeded: Vec<ExternalData>,
}

/// An input as the model declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// The type of its elements.
    pub data_type: DataType,
    /// Its dimensions, or `None` where the model leaves even their number open.
    pub dimensions: Option<Vec<Dimension>>,
}

/// One dimension of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// Always this extent.
    Fixed(usize),
    /// Any extent, the same wherever this name stands.
    Symbol(String),
    /// Any extent.
    Any,
}

/// Facts that a file tells of names and the values here do not.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Foreign {
    /// Element types that are kept as others.
    pub element_types: BTreeMap<String, ElementType>,
    /// Constants of a type that is not known here, and which: nobody may read them.
    pub unread: BTreeMap<String, String>,
}

impl Foreign {
    /// Adds what another graph says.
    pub fn extend(&mut self, other: &Foreign) {
        self.element_types.extend(other.element_types.clone());
        self.unread.extend(other.unread.clone());
    }

    /// Notes the type of a name, if it is kept as another.
    fn note(&mut self, name: &str, element_type: ElementType) {
        if !matches!(element_type, ElementType::Kept(_)) {
            self.element_types.insert(name.to_owned(), element_type);
        }
    }

    /// A constant; `None` of a type that is not known here, which is noted.
    fn known<T>(&mut self, proto: &TensorProto, read: Result<T, Error>) -> Result<Option<T>, Error> {
        match (read, tensor::element_type(proto)) {
            (Ok(read), Ok(element_type)) => {
                self.note(&proto.name, element_type);
                Ok(Some(read))
            }
            (Ok(_), Err(Error::Unsupported(reason))) | (Err(Error::Unsupported(reason)), _) => {
                self.unread.insert(proto.name.clone(), reason);
                Ok(None)
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

/// A node as ONNX has it. An empty name among the inputs is an optional one left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OnnxNode {
    pub name: String,
    pub operator: String,
    pub domain: String,
    pub attributes: Attributes,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
}

/// A graph that is an attribute of a node. It may read whatever is named outside it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Subgraph {
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub nodes: Vec<OnnxNode>,
    pub constants: BTreeMap<String, Tensor>,
    pub foreign: Foreign,
}

impl Subgraph {
    fn read(graph: GraphProto) -> Result<Subgraph, Error> {
        let (mut constants, mut foreign) = (BTreeMap::new(), Foreign::default());
        for proto in graph.initializer {
            let read = tensor::read(&proto);
            constants.extend(foreign.known(&proto, read)?.map(|tensor| (proto.name, tensor)));
        }
        for proto in &graph.sparse_initializer {
            constants.extend([sparse_constant(proto)?]);
        }
        Ok(Subgraph {
            inputs: graph.input.into_iter().map(|input| input.name).collect(),
            outputs: graph.output.into_iter().map(|output| output.name).collect(),
            nodes: execution_order(graph.node.into_iter().map(node).collect::<Result<_, _>>()?),
            constants,
            foreign,
        })
    }
}

impl Model {
    /// Reads the bytes of a `.onnx` file; the weights in it are here.
    ///
    /// # Errors
    /// Where the bytes are no protobuf, no ONNX model, or cut off; where an initializer does not fill its shape or has
    /// an element type that is not supported.
    pub fn parse(bytes: &[u8]) -> Result<Model, Error> {
        Model::from_skeleton(bytes, &Skeleton::default())
    }

    /// Reads a `.onnx` file of which all was taken that is wanted; its large weights are left there.
    ///
    /// # Errors
    /// Those of [`Model::parse`].
    pub fn read(outline: Outline) -> Result<Model, Error> {
        let skeleton = outline.finish()?;
        Model::from_skeleton(&skeleton.bytes, &skeleton)
    }

    fn from_skeleton(bytes: &[u8], skeleton: &Skeleton) -> Result<Model, Error> {
        let not_onnx = |reason: String| Error::NotOnnx { reason };
        let proto = ModelProto::decode(bytes)
            .map_err(|error| not_onnx(format!("it cannot be decoded as protobuf ({error})")))?;
        let graph = proto.graph.ok_or_else(|| not_onnx("it holds no graph".into()))?;
        if proto.opset_import.is_empty() {
            return Err(not_onnx("it names no operator set".into()));
        }
        if graph.node.is_empty() {
            return Err(not_onnx("its graph has no nodes".into()));
        }
        if graph.output.is_empty() {
            return Err(not_onnx("its graph has no outputs".into()));
        }
        let opsets = proto.opset_import.into_iter().map(|opset| (domain(opset.domain), opset.version));
        Model::from_graph(graph, opsets.collect(), skeleton)
    }

    /// The operators of a file's nodes, known here or not, with their domain before them where that is not ONNX's
    /// own; none where the bytes are no ONNX model.
    pub fn operators_in(bytes: &[u8]) -> BTreeSet<String> {
        let nodes = ModelProto::decode(bytes).ok().and_then(|proto| proto.graph).map(|graph| graph.node);
        let name = |node: NodeProto| qualified(&domain(node.domain), &node.op_type);
        nodes.into_iter().flatten().map(name).collect()
    }

    fn from_graph(
        graph: GraphProto,
        opsets: BTreeMap<String, i64>,
        skeleton: &Skeleton,
    ) -> Result<Model, Error> {
        let (mut constants, mut foreign) = (BTreeMap::new(), Foreign::default());
        for proto in &graph.sparse_initializer {
            let (name, tensor) = sparse_constant(proto)?;
            constants.insert(name, Constant::Here(tensor));
        }
        let (mut pending, mut seeded, mut external) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (number, proto) in graph.initializer.into_iter().enumerate() {
            let left_out = ExternalData::left_out(skeleton, number, &proto);
            let data = match left_out {
                Ok(None) if !tensor::is_external(&proto) => {
                    let here = foreign.known(&proto, tensor::read(&proto))?.map(Constant::Here);
                    constants.extend(here.map(|here| (proto.name, here)));
                    continue;
                }
                Ok(None) => ExternalData::read(&proto),
                Ok(Some(data)) => Ok(data),
                Err(error) => Err(error),
            };
            let Some(data) = foreign.known(&proto, data)? else { continue };
            let lies_beside = data.recipe.is_none() && data.span.location != skeleton.file;
            external.extend(lies_beside.then(|| data.span.location.clone()));
            match data.constant(skeleton.large_bytes) {
                Some(constant) => {
                    constants.insert(proto.name, constant);
                    seeded.extend(data.recipe.is_some().then_some(data));
                }
                None => pending.push(data),
            }
        }
        let pending_names = pending.iter().map(|data| &data.tensor);
        let declared = constants.keys().chain(pending_names).chain(foreign.unread.keys());
        let declared: BTreeSet<String> = declared.cloned().collect();
        let fed = graph.input.into_iter().filter(|input| !declared.contains(&input.name));
        let inputs = fed.map(|proto| input(proto, &mut foreign)).collect::<Result<_, _>>()?;
        let nodes = execution_order(graph.node.into_iter().map(node).collect::<Result<_, _>>()?);
        let outputs = graph.output.into_iter().map(output).collect::<Result<_, _>>()?;
        let outputs = each_once(outputs);
        Ok(Model { inputs, outputs, opsets, nodes, constants, foreign, external, pending, seeded })
    }

    /// A model of these parts.
    #[cfg(test)]
    pub(crate) fn of(
        inputs: Vec<Input>,
        constants: BTreeMap<String, Tensor>,
        nodes: Vec<OnnxNode>,
        outputs: &[&str],
    ) -> Model {
        let outputs = outputs.iter().map(|name| (*name).to_owned()).collect();
        let opsets = BTreeMap::from([(String::new(), 17)]);
        let constants = constants.into_iter().map(|(name, tensor)| (name, Constant::Here(tensor))).collect();
        let (external, pending, seeded) = (BTreeSet::new(), Vec::new(), Vec::new());
        let foreign = Foreign::default();
        Model { inputs, outputs, opsets, nodes, constants, foreign, external, pending, seeded }
    }

    /// The type that the elements of an input or a weight have in the file; they may be kept as another type.
    pub fn element_type(&self, name: &str) -> Option<ElementType> {
        self.foreign.element_types.get(name).copied()
    }

    /// Returns whether any input or weight is kept as f16.
    pub fn has_halves(&self) -> bool {
        let inputs = self.inputs.iter().map(|input| input.data_type);
        let constants = self.constants.values().map(|constant| constant.tensor_type().data_type);
        let pending = self.pending.iter().map(|data| data.tensor_type.data_type);
        inputs.chain(constants).chain(pending).any(|data_type| data_type == DataType::F16)
    }
}

/// A sparse tensor has the name of its elements.
fn sparse_constant(proto: &SparseTensorProto) -> Result<(String, Tensor), Error> {
    let name = proto.values.as_ref().map(|values| values.name.clone()).unwrap_or_default();
    Ok((name, sparse::read(proto)?))
}

/// An operator's name, with its domain before it where that is not ONNX's own.
pub(crate) fn qualified(domain: &str, operator: &str) -> String {
    if domain.is_empty() { operator.to_owned() } else { format!("{domain}.{operator}") }
}

/// `ai.onnx` is another name of the default domain.
fn domain(name: String) -> String {
    if name == "ai.onnx" { String::new() } else { name }
}

fn node(proto: NodeProto) -> Result<OnnxNode, Error> {
    let first_output = proto.output.iter().find(|name| !name.is_empty());
    let name = if proto.name.is_empty() { first_output.cloned().unwrap_or_default() } else { proto.name };
    let attributes = Attributes::read(proto.attribute).map_err(|error| error.at(&name, &proto.op_type))?;
    Ok(OnnxNode {
        name,
        operator: proto.op_type,
        domain: domain(proto.domain),
        attributes,
        inputs: proto.input,
        outputs: proto.output,
    })
}

/// Refuses what is no tensor.
fn check_kind(declared: &TypeProto, owner: &str) -> Result<(), Error> {
    let kinds = [
        (declared.sequence_type.is_some(), "a sequence"),
        (declared.map_type.is_some(), "a map"),
        (declared.sparse_tensor_type.is_some(), "a sparse tensor"),
        (declared.optional_type.is_some(), "an optional value"),
    ];
    match kinds.into_iter().find(|(is_one, _)| *is_one) {
        Some((_, kind)) => Err(Error::Unsupported(format!("{owner} is {kind}"))),
        None => Ok(()),
    }
}

/// A value may be declared as output more than once: it is one.
fn each_once(names: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(name.clone())).collect()
}

fn output(proto: ValueInfo) -> Result<String, Error> {
    let checked = check_kind(&proto.r#type.unwrap_or_default(), &format!("output {:?}", proto.name));
    checked.map_err(|error| match error {
        Error::Unsupported(what) if what.ends_with("sequence") => Error::Unsupported(format!(
            "{what} (a classifier's scores are a tensor where it is exported without ZipMap)"
        )),
        other => other,
    })?;
    Ok(proto.name)
}

fn input(proto: ValueInfo, foreign: &mut Foreign) -> Result<Input, Error> {
    let malformed = |what: &str| Error::Malformed { reason: format!("input {:?} {what}", proto.name) };
    let declared = proto.r#type.unwrap_or_default();
    check_kind(&declared, &format!("input {:?}", proto.name))?;
    let declared = declared.tensor_type.ok_or_else(|| malformed("is not declared as a tensor"))?;
    let element_type = ElementType::from_number(declared.elem_type, &format!("input {:?}", proto.name))?;
    foreign.note(&proto.name, element_type);
    let data_type = element_type.data_type();
    let dimensions = declared.shape.map(|shape| shape.dim.into_iter().map(|dim| dim.value));
    let dimensions = dimensions.map(|values| {
        let dimension = |value| match value {
            // Some exporters write -1 for what is open.
            Some(Extent::Fixed(extent)) => usize::try_from(extent).map_or(Dimension::Any, Dimension::Fixed),
            Some(Extent::Symbol(name)) if !name.is_empty() => Dimension::Symbol(name),
            Some(Extent::Symbol(_)) | None => Dimension::Any,
        };
        values.map(dimension).collect()
    });
    Ok(Input { dimensions, data_type, name: proto.name })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::{reshape_model, small_model};
