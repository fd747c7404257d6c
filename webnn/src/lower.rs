//! Graph nodes as calls of an MLGraphBuilder: one function per operator.

mod attention;
mod elementwise;
mod indices;
mod normalization;
mod products;
mod shapes;
mod windows;

use std::collections::BTreeMap;

use graph::{Graph, Node, NodeId, Operator, TensorType, ValueId};

use crate::error::{Error, Refusal};
use crate::limits::Limits;
use crate::plan::{Operand, OperandId, Plan};
use crate::writer::{Lowered, Writer};

/// The calls that build a whole graph.
///
/// # Errors
/// The first node that this context cannot run, and why.
pub fn lower(graph: &Graph, limits: &Limits) -> Result<Plan, Error> {
    let mut lowering = Lowering { graph, limits, plan: Plan::default(), known: BTreeMap::new() };
    for &id in &graph.inputs {
        lowering.tensor("input", id).map_err(|refusal| of_tensor(graph, id, "input", refusal))?;
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        lowering.node(NodeId(index), node).map_err(|refusal| of_node(node, refusal))?;
    }
    for &id in &graph.outputs {
        lowering.output(id).map_err(|refusal| of_tensor(graph, id, "output", refusal))?;
    }
    Ok(lowering.plan)
}

/// Why a context cannot run a node, if it cannot.
pub fn refusal(graph: &Graph, node: NodeId, limits: &Limits) -> Option<Refusal> {
    let mut lowering = Lowering { graph, limits, plan: Plan::default(), known: BTreeMap::new() };
    lowering.node(node, &graph.nodes[node.0]).err()
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
    plan: Plan,
    known: BTreeMap<ValueId, OperandId>,
}

/// What a node's function is given beside the operator.
pub(crate) struct Site<'a> {
    /// Operands in the operator's order.
    pub inputs: &'a [Option<OperandId>],
    /// The types that the graph has for them.
    pub types: Vec<Option<&'a TensorType>>,
    /// What the graph has where an operand is constant.
    pub constants: Vec<Option<&'a graph::Constant>>,
    /// The type of the result.
    pub result: &'a TensorType,
}

impl Site<'_> {
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

impl Lowering<'_> {
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
        let read = reads(&node.operator, node.inputs.len());
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (index, id) in node.inputs.iter().enumerate() {
            inputs.push(id.filter(|_| read(index)).map(|id| self.find(id)).transpose()?);
        }
        let &[output] = node.outputs.as_slice() else {
            return Err(Refusal::NotInWebnn { what: "node of several results".to_owned() });
        };
        let site = Site {
            inputs: &inputs,
            types: node.inputs.iter().map(|id| id.map(|id| &values[id.0].tensor_type)).collect(),
            constants: node.inputs.iter().map(|id| id.and_then(|id| values[id.0].constant.as_ref())).collect(),
            result: &values[output.0].tensor_type,
        };
        let mut writer = Writer { limits: self.limits, plan: &mut self.plan, node: id, label: &node.name };
        let made = operator(&node.operator, &mut writer, &site)?;
        self.known.insert(output, made);
        Ok(())
    }

    /// An output has to be the result of a call, and of one that no other output is.
    fn output(&mut self, id: ValueId) -> Result<(), Refusal> {
        let mut operand = self.find(id)?;
        self.limits.check_tensor("output", self.plan.operand(operand))?;
        let made = self.plan.calls.iter().any(|call| call.output == operand);
        if !made || self.plan.outputs.iter().any(|&(_, other)| other == operand) {
            let name = self.graph.values[id.0].name.clone();
            let node = NodeId(self.graph.nodes.len().saturating_sub(1));
            let mut writer = Writer { limits: self.limits, plan: &mut self.plan, node, label: &name };
            operand = writer.unary("identity", operand)?;
        }
        self.plan.outputs.push((self.graph.values[id.0].name.clone(), operand));
        Ok(())
    }
}

/// Which operands a node's function takes from the plan; the others it makes itself of what the graph has.
fn reads(operator: &Operator, count: usize) -> impl Fn(usize) -> bool {
    let own = match operator {
        Operator::MatMulNBits(_) => 1,
        Operator::Pad(_) => 1,
        _ => count,
    };
    move |index| index < own
}

/// The calls of an operator.
fn operator(operator: &Operator, writer: &mut Writer, site: &Site) -> Lowered {
    match operator {
        Operator::ArgReduce(arg_reduce) => indices::arg_reduce(arg_reduce, writer, site),
        Operator::Attention(own) => attention::attention(own, writer, site),
        Operator::Binary(binary) => elementwise::binary(*binary, writer, site),
        Operator::CacheUpdate(update) => indices::cache_update(update, writer, site),
        Operator::Cast(cast) => elementwise::cast(cast, writer, site),
        Operator::Concat(concat) => shapes::concat(concat, writer, site),
        Operator::Conv(conv) => windows::conv(conv, writer, site),
        Operator::ConvTranspose(conv) => windows::conv_transpose(conv, writer, site),
        Operator::CumulativeSum(sum) => indices::cumulative_sum(sum, writer, site),
        Operator::Expand(expand) => shapes::expand(expand, writer, site),
        Operator::Gather(gather) => indices::gather(gather, writer, site),
        Operator::GatherElements(gather) => indices::gather_elements(gather, writer, site),
        Operator::GatherNd(gather) => indices::gather_nd(gather, writer, site),
        Operator::Gemm(gemm) => products::gemm(gemm, writer, site),
        Operator::LayerNormalization(own) => normalization::layer_normalization(own, writer, site),
        Operator::MatMul(matmul) => products::matmul(matmul, writer, site),
        Operator::MatMulNBits(matmul) => products::matmul_n_bits(matmul, writer, site),
        Operator::Order(_) => Err(Refusal::NotInWebnn { what: "sorting".to_owned() }),
        Operator::Pad(pad) => shapes::pad(pad, writer, site),
        Operator::Pool(pool) => windows::pool(pool, writer, site),
        Operator::Reduce(reduce) => normalization::reduce(reduce, writer, site),
        Operator::Reshape(reshape) => writer.reshape(site.operand(0)?, &reshape.shape),
        Operator::RotateHalf(_) => shapes::rotate_half(writer, site),
        Operator::ScatterElements(scatter) => indices::scatter_elements(scatter, writer, site),
        Operator::ScatterNd(scatter) => indices::scatter_nd(scatter, writer, site),
        Operator::Select(_) => elementwise::select(writer, site),
        Operator::Slice(slice) => shapes::slice(slice, writer, site),
        Operator::Softmax(softmax) => normalization::softmax(softmax, writer, site),
        Operator::Transpose(transpose) => writer.transpose(site.operand(0)?, &transpose.permutation),
        Operator::Unary(unary) => elementwise::unary(*unary, writer, site),
    }
}

#[cfg(test)]
mod tests {
    use graph::cases;

    use super::*;
    use crate::plan::Operand;

    /// What the context for the CPU of Chromium 153 says of itself.
    fn limits() -> Limits {
        Limits::read(&serde_json::from_str(include_str!("limits/chromium-153-cpu.json")).unwrap())
    }

    /// Whether a case can run, and if not, why.
    fn told(case: &cases::Case) -> Result<(), String> {
        let graph = case.graph();
        let plan = lower(&graph, &limits()).map_err(|error| error.refusal.to_string())?;
        let (name, made) = &plan.outputs[0];
        let TensorType { data_type, shape } = graph.values[graph.outputs[0].0].tensor_type.clone();
        let expected = Operand { element: data_type.into(), shape };
        assert_eq!((name.as_str(), plan.operand(*made)), ("y", &expected), "{}", case.name);
        Ok(())
    }

    /// What no context can do, as long as WebNN is what it is.
    const NOT_IN_WEBNN: [&str; 29] = [
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
        "Mod",
        "Remainder",
        "ShiftLeft",
        "ShiftRight",
        "Sinh",
        "gatherElements with smaller indices",
        "gatherND with batch dimensions",
        "mean that counts the padding",
        "padding that wraps around",
        "padding with what is computed or not finite",
        "pool of norm",
        "reflection more than once",
        "scatterElements that joins",
        "scatterElements with smaller indices",
        "scatterND that joins",
        "sorting",
        "unpacking of operand",
        "weights of",
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
    fn a_graph_that_cannot_run_names_the_node() {
        let graph = graph::text::parse("x: f32[2,3]\na = Neg(x)\ny = Sinh(a)\nreturn y").unwrap();
        let error = lower(&graph, &limits()).unwrap_err().to_string();
        assert!(error.contains("(Sinh): WebNN has no Sinh"), "{error}");
        assert_eq!(refusal(&graph, NodeId(0), &limits()), None);
        assert!(refusal(&graph, NodeId(1), &limits()).is_some());
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
