//! Graph nodes as calls of an MLGraphBuilder: one function per operator.

mod attention;
mod elementwise;
mod indices;
mod normalization;
mod numbers;
mod pools;
mod products;
mod remainder;
mod scatter;
mod shapes;
mod transposed;
mod windows;

use std::collections::BTreeMap;

use graph::ranges::{Range, fits_i32, ranges};
use graph::{DataType, Graph, Node, NodeId, Operator, TensorType, ValueId};

use crate::element::ElementType;
use crate::error::{Error, Refusal};
use crate::layout;
use crate::limits::Limits;
use crate::partition::Partition;
use crate::plan::{Operand, OperandId, Plan};
use crate::writer::{Lowered, Writer};

/// The calls that build a whole graph. Outputs without elements are left out where there are others.
///
/// # Errors
/// The first node that this context cannot run, and why.
pub fn lower(graph: &Graph, limits: &Limits) -> Result<Plan, Error> {
    whole(Lowering::new(graph, limits))
}

/// The calls that build a part of a graph.
///
/// # Errors
/// The first node that this context cannot run, and why.
pub fn lower_stage(partition: &Partition, limits: &Limits) -> Result<Plan, Error> {
    whole(Lowering { ranges: partition.ranges.clone(), ..Lowering::new(&partition.graph, limits) })
}

fn whole(mut lowering: Lowering<'_>) -> Result<Plan, Error> {
    let graph = lowering.graph;
    for &id in &graph.inputs {
        lowering.tensor("input", id).map_err(|refusal| of_tensor(graph, id, "input", refusal))?;
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        lowering.node(NodeId(index), node).map_err(|refusal| of_node(node, refusal))?;
    }
    // What has no elements needs no call; but a graph has to have an output.
    let has_elements = |id: &&ValueId| graph.values[id.0].tensor_type.element_count() > 0;
    let all_empty = !graph.outputs.iter().any(|id| has_elements(&id));
    for &id in graph.outputs.iter().filter(|id| all_empty || has_elements(id)) {
        lowering.output(id).map_err(|refusal| of_tensor(graph, id, "output", refusal))?;
    }
    layout::prefer(&mut lowering.plan, lowering.limits);
    lowering.plan.prune();
    Ok(lowering.plan)
}

/// The nodes that a context cannot run, each on its own, and why.
pub fn refusals(graph: &Graph, limits: &Limits) -> BTreeMap<NodeId, Error> {
    let mut lowering = Lowering::new(graph, limits);
    let mut refusals = BTreeMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if let Err(refusal) = lowering.node(NodeId(index), node) {
            refusals.insert(NodeId(index), of_node(node, refusal));
        }
    }
    refusals
}

fn of_node(node: &Node, refusal: Refusal) -> Error {
    Error { node: node.name.clone(), operator: node.operator.to_string(), refusal }
}

fn of_tensor(graph: &Graph, id: ValueId, role: &str, refusal: Refusal) -> Error {
    Error { node: graph.values[id.0].name.clone(), operator: role.to_owned(), refusal }
}

struct Lowering<'a> {
    graph: &'a Graph,
    limits: &'a Limits,
    ranges: Vec<Option<Range>>,
    plan: Plan,
    known: BTreeMap<ValueId, OperandId>,
}

/// The operands of a node that is lowered, and the type that its result has to have.
pub(crate) struct Operands<'a> {
    /// Operands in the operator's order.
    pub inputs: &'a [Option<OperandId>],
    /// The types that the graph has for them.
    pub types: Vec<Option<&'a TensorType>>,
    /// The constants of the graph, where operands are.
    pub constants: Vec<Option<&'a graph::Constant>>,
    /// The ranges of operands, of integers.
    pub ranges: Vec<Option<Range>>,
    /// The type of the result.
    pub result: &'a TensorType,
}

impl Operands<'_> {
    /// An operand that the graph has checked to be there.
    pub fn operand(&self, index: usize) -> Lowered {
        let missing = || Refusal::NotInWebnn { what: format!("operator without operand {index}") };
        self.optional(index).ok_or_else(missing)
    }

    pub fn optional(&self, index: usize) -> Option<OperandId> {
        self.inputs.get(index).copied().flatten()
    }

    pub fn shape(&self, index: usize) -> &[usize] {
        self.types.get(index).copied().flatten().map_or(&[], |tensor_type| &tensor_type.shape)
    }
}

impl<'a> Lowering<'a> {
    fn new(graph: &'a Graph, limits: &'a Limits) -> Lowering<'a> {
        Lowering { graph, limits, ranges: ranges(graph), plan: Plan::default(), known: BTreeMap::new() }
    }

    /// An operand that no call makes: fed, or constant.
    fn tensor(&mut self, role: &'static str, id: ValueId) -> Lowered {
        let value = &self.graph.values[id.0];
        let TensorType { data_type, shape } = value.tensor_type.clone();
        let operand = Operand { element: data_type.into(), shape };
        self.limits.check_tensor(role, &operand)?;
        let operand = self.plan.add(operand);
        match &value.constant {
            Some(constant) => self.plan.constants.push((operand, constant.clone())),
            None => self.plan.inputs.push((value.name.clone(), operand)),
        }
        self.known.insert(id, operand);
        Ok(operand)
    }

    fn find(&mut self, id: ValueId) -> Lowered {
        match self.known.get(&id) {
            Some(&operand) => Ok(operand),
            None if self.graph.values[id.0].constant.is_some() => self.tensor("constant", id),
            None => self.tensor("input", id),
        }
    }

    fn node(&mut self, id: NodeId, node: &Node) -> Result<(), Refusal> {
        let values = &self.graph.values;
        if node.outputs.iter().all(|id| values[id.0].tensor_type.element_count() == 0) {
            return Ok(());
        }
        let read = reads(&node.operator, node.inputs.len());
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (index, id) in node.inputs.iter().enumerate() {
            inputs.push(id.filter(|_| read(index)).map(|id| self.find(id)).transpose()?);
        }
        let &[output] = node.outputs.as_slice() else {
            return Err(Refusal::NotInWebnn { what: "node of several results".to_owned() });
        };
        let result = values[output.0].tensor_type.clone();
        let made = match self.written(id, node, &inputs, &result, |_| None) {
            Err(refusal @ Refusal::Element { found, .. }) => {
                let small = matches!(found, ElementType::Int8 | ElementType::Uint8);
                if !small && (found != ElementType::Int64 || !self.fits_i32(node, output)) {
                    return Err(refusal);
                }
                // Bytes hold what wraps around in int32 as they hold what wraps around in themselves.
                self.as_i32(id, node, &inputs, &result, small).map_err(|_| refusal)?
            }
            made => made?,
        };
        let mut writer = self.writer(id, &node.name);
        let made = writer.cast(made, result.data_type.into())?;
        self.known.insert(output, made);
        Ok(())
    }

    /// The calls of a node whose small or large integers are int32.
    fn as_i32(
        &mut self,
        id: NodeId,
        node: &Node,
        inputs: &[Option<OperandId>],
        result: &TensorType,
        small: bool,
    ) -> Lowered {
        let replaced = |element: ElementType| match element {
            ElementType::Int8 | ElementType::Uint8 => small,
            ElementType::Int64 => !small,
            _ => false,
        };
        let of_result = replaced(result.data_type.into());
        let data_type = if of_result { DataType::I32 } else { result.data_type };
        let narrowed = TensorType { data_type, shape: result.shape.clone() };
        self.written(id, node, inputs, &narrowed, |element| replaced(element).then_some(ElementType::Int32))
    }

    /// Returns whether everything that a node reads and makes fits into int32.
    fn fits_i32(&self, node: &Node, output: ValueId) -> bool {
        let mut all = node.inputs.iter().flatten().chain([&output]);
        all.all(|id| self.ranges[id.0].is_none_or(fits_i32))
    }

    fn writer<'w>(&'w mut self, node: NodeId, label: &'w str) -> Writer<'w> {
        Writer { limits: self.limits, plan: &mut self.plan, node, label }
    }

    /// The calls of a node, its operands cast first as `retype` says. WebNN wants floats of one type; where they are
    /// not, all are float32, as in the graph. Leaves nothing behind where they cannot be written.
    fn written(
        &mut self,
        id: NodeId,
        node: &Node,
        inputs: &[Option<OperandId>],
        result: &TensorType,
        retype: impl Fn(ElementType) -> Option<ElementType>,
    ) -> Lowered {
        let values = &self.graph.values;
        let elements: Vec<ElementType> =
            inputs.iter().flatten().map(|&id| self.plan.operand(id).element).collect();
        let mixed = elements.contains(&ElementType::Float16) && elements.contains(&ElementType::Float32);
        let widened = |element| (mixed && element == ElementType::Float16).then_some(ElementType::Float32);
        let wide = TensorType { data_type: DataType::F32, shape: result.shape.clone() };
        let result = if mixed && result.data_type == DataType::F16 { &wide } else { result };
        let ranges = node.inputs.iter().map(|id| id.and_then(|id| self.ranges[id.0])).collect();
        let before = (self.plan.operands.len(), self.plan.constants.len(), self.plan.calls.len());

        let mut writer = Writer { limits: self.limits, plan: &mut self.plan, node: id, label: &node.name };
        let write = || {
            let mut cast = Vec::with_capacity(inputs.len());
            for &input in inputs {
                cast.push(match input {
                    Some(id) => {
                        let element = writer.element(id);
                        let wanted = retype(element).or(widened(element)).unwrap_or(element);
                        Some(writer.cast(id, wanted)?)
                    }
                    None => None,
                });
            }
            let operands = Operands {
                inputs: &cast,
                types: node.inputs.iter().map(|id| id.map(|id| &values[id.0].tensor_type)).collect(),
                constants: node.inputs.iter().map(|id| values[(*id)?.0].constant.as_ref()).collect(),
                ranges,
                result,
            };
            operator(&node.operator, &mut writer, &operands)
        };
        let made = write();
        if made.is_err() {
            self.plan.operands.truncate(before.0);
            self.plan.constants.truncate(before.1);
            self.plan.calls.truncate(before.2);
        }
        made
    }

    /// An output has to be the result of a call, and of one that no other output is.
    fn output(&mut self, id: ValueId) -> Result<(), Refusal> {
        let mut operand = self.find(id)?;
        self.limits.check_tensor("output", self.plan.operand(operand))?;
        let made = self.plan.calls.iter().any(|call| call.output == operand);
        if !made || self.plan.outputs.iter().any(|&(_, other)| other == operand) {
            let name = self.graph.values[id.0].name.clone();
            let node = NodeId(self.graph.nodes.len().saturating_sub(1));
            operand = self.writer(node, &name).unary("identity", operand)?;
        }
        self.plan.outputs.push((self.graph.values[id.0].name.clone(), operand));
        Ok(())
    }
}

/// The operands that a node's function takes from the plan; the others it makes itself of what the graph has.
fn reads(operator: &Operator, count: usize) -> impl Fn(usize) -> bool {
    let own = match operator {
        Operator::MatMulNBits(_) => 1,
        _ => count,
    };
    move |index| index < own
}

/// The calls of an operator.
fn operator(operator: &Operator, writer: &mut Writer, operands: &Operands) -> Lowered {
    match operator {
        Operator::ArgReduce(arg_reduce) => indices::arg_reduce(arg_reduce, writer, operands),
        Operator::Attention(own) => attention::attention(own, writer, operands),
        Operator::Binary(binary) => elementwise::binary(*binary, writer, operands),
        Operator::CacheUpdate(update) => indices::cache_update(update, writer, operands),
        Operator::Cast(cast) => elementwise::cast(cast, writer, operands),
        Operator::Concat(concat) => shapes::concat(concat, writer, operands),
        Operator::Conv(conv) => windows::conv(conv, writer, operands),
        Operator::ConvTranspose(conv) => transposed::conv_transpose(conv, writer, operands),
        Operator::CumulativeSum(sum) => indices::cumulative_sum(sum, writer, operands),
        Operator::Expand(expand) => shapes::expand(expand, writer, operands),
        Operator::Gather(gather) => indices::gather(gather, writer, operands),
        Operator::GatherElements(gather) => indices::gather_elements(gather, writer, operands),
        Operator::GatherNd(gather) => indices::gather_nd(gather, writer, operands),
        Operator::Gemm(gemm) => products::gemm(gemm, writer, operands),
        Operator::LayerNormalization(own) => normalization::layer_normalization(own, writer, operands),
        Operator::MatMul(matmul) => products::matmul(matmul, writer, operands),
        Operator::MatMulNBits(matmul) => products::matmul_n_bits(matmul, writer, operands),
        Operator::Order(_) => Err(Refusal::NotInWebnn { what: "sorting".to_owned() }),
        Operator::Pad(pad) => shapes::pad(pad, writer, operands),
        Operator::Pool(pool) => pools::pool(pool, writer, operands),
        Operator::Reduce(reduce) => normalization::reduce(reduce, writer, operands),
        Operator::Reshape(reshape) => writer.reshape(operands.operand(0)?, &reshape.shape),
        Operator::RotateHalf(_) => shapes::rotate_half(writer, operands),
        Operator::ScatterElements(scatter) => indices::scatter_elements(scatter, writer, operands),
        Operator::ScatterNd(scatter) => indices::scatter_nd(scatter, writer, operands),
        Operator::Select(_) => elementwise::select(writer, operands),
        Operator::Slice(slice) => shapes::slice(slice, writer, operands),
        Operator::Softmax(softmax) => normalization::softmax(softmax, writer, operands),
        Operator::Transpose(transpose) => writer.transpose(operands.operand(0)?, &transpose.permutation),
        Operator::Unary(unary) => elementwise::unary(*unary, writer, operands),
    }
}

#[cfg(test)]
mod tests {
    use graph::cases;

    use super::*;
    use crate::plan::Operand;

    /// The limits of the context for the CPU of Chromium 153.
    fn limits() -> Limits {
        Limits::read(&serde_json::from_str(include_str!("limits/chromium-153-cpu.json")).unwrap())
    }

    /// The refusal of a case, if it cannot run.
    fn told(case: &cases::Case) -> Result<(), String> {
        let graph = case.graph();
        let plan = lower(&graph, &limits()).map_err(|error| error.refusal.to_string())?;
        let (name, made) = &plan.outputs[0];
        let TensorType { data_type, shape } = graph.values[graph.outputs[0].0].tensor_type.clone();
        let expected = Operand { element: data_type.into(), shape };
        assert_eq!((name.as_str(), plan.operand(*made)), ("y", &expected), "{}", case.name);
        Ok(())
    }

    /// Operators that no context can run, as long as WebNN is what it is.
    const NOT_IN_WEBNN: [&str; 18] = [
        "Acos",
        "Acosh",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "BitwiseAnd",
        "BitwiseNot",
        "BitwiseOr",
        "BitwiseXor",
        "Cosh",
        "product of integers past what float32 holds",
        "ShiftLeft",
        "ShiftRight",
        "Sinh",
        "sorting",
        "transposed convolution over 3 dimensions",
        "unpacking of operand",
    ];

    #[test]
    fn every_operator_gives_what_the_graph_says_or_why_not() {
        let refused = |case: cases::Case| told(&case).err().map(|reason| (case.name, reason));
        for (name, reason) in cases::all().into_iter().filter_map(refused) {
            let missing = reason.strip_prefix("WebNN has no ");
            let expected = match missing {
                Some(what) => NOT_IN_WEBNN.iter().any(|known| what.starts_with(known)),
                // What this context lacks: three spatial dimensions, and integers in many places.
                None => {
                    let lacks = ["of rank 4 to 4", "no int64", "no int8", "no uint8", "no int32 as a"];
                    reason.ends_with("has no elements, which WebNN does not know")
                        || lacks.iter().any(|part| reason.contains(part))
                }
            };
            assert!(expected, "{name}: {reason}");
        }
    }

    #[test]
    fn what_has_no_elements_needs_no_call() {
        let text = "x: f32[2,3]\ns: i64[1] = 1\na = Neg(x)\nb = Slice(x, s, s)\nreturn a, b";
        let mut graph = graph::text::parse(text).unwrap();
        let plan = lower(&graph, &limits()).unwrap();
        assert_eq!(plan.outputs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a"]);
        graph.outputs.remove(0);
        assert!(lower(&graph, &limits()).unwrap_err().to_string().contains("has no elements"));
    }

    #[test]
    fn a_graph_that_cannot_run_names_the_node() {
        let graph = graph::text::parse("x: f32[2,3]\na = Neg(x)\ny = Sinh(a)\nreturn y").unwrap();
        let error = lower(&graph, &limits()).unwrap_err().to_string();
        assert!(error.contains("(Sinh): WebNN has no Sinh"), "{error}");
        assert_eq!(refusals(&graph, &limits()).into_keys().collect::<Vec<_>>(), [NodeId(1)]);
        let nothing = Limits::default();
        let error = lower(&graph, &nothing).unwrap_err().to_string();
        assert!(error.contains("this context has no neg"), "{error}");
    }

    /// An input that goes out as it came in, and one value under two names, are calls of their own.
    #[test]
    fn every_output_is_a_call_of_its_own() {
        let graph = graph::text::parse("x: f32[6]\ns: i64[1] = 6\na = Reshape(x, s)\nreturn a").unwrap();
        let plan = lower(&graph, &limits()).unwrap();
        assert_eq!(plan.calls.iter().map(|call| call.method).collect::<Vec<_>>(), ["identity"]);
    }

    /// A product with a weight is one gemm that takes the bias along; one with a value is a matmul.
    #[test]
    fn products_with_weights_are_gemms() {
        let methods = |text: &str| -> Vec<&str> {
            let graph = graph::text::parse(text).unwrap();
            lower(&graph, &limits()).unwrap().calls.iter().map(|call| call.method).collect()
        };
        let weight = "x: f32[2,3,4]\nw: f32[4,5] = 1\nb: f32[5] = 2\ny = MatMul(x, w, b)\nreturn y";
        assert_eq!(methods(weight), ["reshape", "gemm", "reshape"]);
        let value = "x: f32[2,3,4]\nw: f32[4,5]\ny = MatMul(x, w)\nreturn y";
        assert_eq!(methods(value), ["matmul"]);
    }
}
