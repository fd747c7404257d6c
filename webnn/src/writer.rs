//! Writes calls into a plan, each held against the context's limits before it is there.

use graph::constant::apply;
use graph::ops::{Slice, Transpose};
use graph::{Constant, NodeId, Operator, Tensor, TensorType};
use serde_json::{Map, Value, json};

use crate::element::ElementType;
use crate::error::Refusal;
use crate::limits::Limits;
use crate::plan::{Call, Operand, OperandId, Plan};

/// The result of lowering: the operand, or why there is none.
pub(crate) type Lowered = Result<OperandId, Refusal>;

/// Writes the calls of one node.
pub(crate) struct Writer<'a> {
    pub limits: &'a Limits,
    pub plan: &'a mut Plan,
    pub node: NodeId,
    pub label: &'a str,
}

/// A call that is being put together.
pub(crate) struct Draft<'w, 'a> {
    writer: &'w mut Writer<'a>,
    call: Call,
}

impl<'a> Writer<'a> {
    pub fn element(&self, id: OperandId) -> ElementType {
        self.plan.operand(id).element
    }

    pub fn shape(&self, id: OperandId) -> Vec<usize> {
        self.plan.operand(id).shape.clone()
    }

    /// Begins a call.
    pub fn call<'w>(&'w mut self, method: &'static str) -> Draft<'w, 'a> {
        let (node, label) = (self.node, self.label.to_owned());
        let call = Call {
            node,
            label,
            method,
            operands: Vec::new(),
            as_list: false,
            arguments: Vec::new(),
            operand_options: Vec::new(),
            options: Map::new(),
            output: OperandId(0),
        };
        Draft { writer: self, call }
    }

    /// A call that is put together already.
    pub fn again<'w>(&'w mut self, call: Call) -> Draft<'w, 'a> {
        Draft { writer: self, call }
    }

    /// A constant of our own.
    pub fn constant(&mut self, tensor: Tensor) -> Lowered {
        let operand = Operand { element: tensor.data_type().into(), shape: tensor.shape.clone() };
        self.constant_as(operand, tensor.into())
    }

    /// A constant whose bytes are taken for an operand's elements.
    pub fn constant_as(&mut self, operand: Operand, constant: Constant) -> Lowered {
        self.limits.check_tensor("constant", &operand)?;
        Ok(self.plan.add_constant(operand, constant))
    }

    /// A number of the same type as an operand.
    pub fn number_like(&mut self, value: f64, like: OperandId) -> Lowered {
        let element = self.element(like);
        self.number(value, element)
    }

    /// A scalar.
    pub fn number(&mut self, value: f64, element: ElementType) -> Lowered {
        let wide = Tensor::scalar(value as f32);
        let tensor = match element {
            ElementType::Float32 => wide,
            ElementType::Float16 => Tensor::scalar(half::f16::from_f64(value)),
            ElementType::Int64 => Tensor::scalar(value as i64),
            ElementType::Int32 => Tensor::scalar(value as i32),
            ElementType::Int8 => Tensor::scalar(value as i8),
            ElementType::Uint8 => Tensor::scalar(value as u8),
            other => return Err(Refusal::NotInWebnn { what: format!("constant {other} of ours") }),
        };
        self.constant(tensor)
    }

    /// A method of one operand whose result is like it.
    pub fn unary(&mut self, method: &'static str, x: OperandId) -> Lowered {
        let (element, shape) = (self.element(x), self.shape(x));
        self.call(method).operand("input", x).gives(element, shape)
    }

    /// A method of two broadcast operands of the same type.
    pub fn binary(&mut self, method: &'static str, a: OperandId, b: OperandId) -> Lowered {
        let element = self.element(a);
        self.pair(method, a, b, element)
    }

    /// A comparison, or a logical method of two: its result is bytes, 0 or 1.
    pub fn compare(&mut self, method: &'static str, a: OperandId, b: OperandId) -> Lowered {
        self.pair(method, a, b, ElementType::Uint8)
    }

    fn pair(&mut self, method: &'static str, a: OperandId, b: OperandId, element: ElementType) -> Lowered {
        let shape = broadcast(&self.shape(a), &self.shape(b));
        self.call(method).operand("a", a).operand("b", b).gives(element, shape)
    }

    /// A method whose one operand is called `a`, and whose result is bytes, 0 or 1.
    pub fn test(&mut self, method: &'static str, a: OperandId) -> Lowered {
        let shape = self.shape(a);
        self.call(method).operand("a", a).gives(ElementType::Uint8, shape)
    }

    /// `condition ? yes : no`, element by element.
    pub fn choose(&mut self, condition: OperandId, yes: OperandId, no: OperandId) -> Lowered {
        let (element, shape) = (self.element(yes), broadcast(&self.shape(yes), &self.shape(no)));
        let shape = broadcast(&self.shape(condition), &shape);
        let call = self.call("where").operand("condition", condition);
        call.operand("trueValue", yes).operand("falseValue", no).gives(element, shape)
    }

    /// The elements as another type.
    pub fn cast(&mut self, x: OperandId, to: ElementType) -> Lowered {
        if self.element(x) == to {
            return Ok(x);
        }
        let shape = self.shape(x);
        self.call("cast").operand("input", x).argument(json!(to.name())).gives(to, shape)
    }

    /// Another shape for the same elements; of a constant, another constant, for a filter has to be one to be fast.
    pub fn reshape(&mut self, x: OperandId, shape: &[usize]) -> Lowered {
        if self.shape(x) == shape {
            return Ok(x);
        }
        // Of several in a row the last one counts.
        let before = self.plan.calls.iter().rev().find(|call| call.output == x);
        if let Some(before) = before.filter(|call| call.method == "reshape") {
            let source = before.operands[0].1;
            return self.reshape(source, shape);
        }
        let element = self.element(x);
        if let Some(constant) = self.plan.constant(x) {
            let constant = constant.reshaped(shape);
            return self.constant_as(Operand { element, shape: shape.to_vec() }, constant);
        }
        self.call("reshape").operand("input", x).argument(json!(shape)).gives(element, shape.to_vec())
    }

    /// The elements again and again, until they fill a shape.
    pub fn expand(&mut self, x: OperandId, shape: &[usize]) -> Lowered {
        let element = self.element(x);
        self.call("expand").operand("input", x).argument(json!(shape)).gives(element, shape.to_vec())
    }

    /// Axis `i` of the result is axis `permutation[i]` of the operand; of a constant, another constant.
    pub fn transpose(&mut self, x: OperandId, permutation: &[usize]) -> Lowered {
        if permutation.iter().copied().eq(0..permutation.len()) {
            return Ok(x);
        }
        let (element, shape) = (self.element(x), self.shape(x));
        let shape: Vec<usize> = permutation.iter().map(|&axis| shape[axis]).collect();
        let operator = Operator::Transpose(Transpose { permutation: permutation.to_vec() });
        if let Some(constant) = self.folded(&operator, x, &shape) {
            return self.constant_as(Operand { element, shape }, constant);
        }
        self.call("transpose")
            .operand("input", x)
            .option("permutation", json!(permutation))
            .gives(element, shape)
    }

    /// The elements from the last to the first along some axes; of a constant, another constant.
    pub fn reverse(&mut self, x: OperandId, axes: &[usize]) -> Lowered {
        let (element, shape) = (self.element(x), self.shape(x));
        let end = |axis: usize| if axes.contains(&axis) { shape[axis].saturating_sub(1) } else { 0 };
        let step = |axis: usize| if axes.contains(&axis) { -1 } else { 1 };
        let operator = Operator::Slice(Slice {
            starts: (0..shape.len()).map(end).collect(),
            steps: (0..shape.len()).map(step).collect(),
            shape: shape.clone(),
        });
        if let Some(constant) = self.folded(&operator, x, &shape) {
            return self.constant_as(Operand { element, shape }, constant);
        }
        self.call("reverse").operand("input", x).option("axes", json!(axes)).gives(element, shape)
    }

    /// The result of an operator on a constant.
    fn folded(&self, operator: &Operator, x: OperandId, shape: &[usize]) -> Option<Constant> {
        let constant = self.plan.constant(x)?;
        let known = constant.tensor_type();
        // Packed numbers are bytes to the graph.
        if known.shape != self.plan.operand(x).shape {
            return None;
        }
        apply(operator, &[Some(constant)], &TensorType::new(known.data_type, shape)).ok()?
    }

    /// As many elements of each axis as `shape` says, from `starts` on and `strides` apart.
    pub fn strided(&mut self, x: OperandId, starts: &[usize], shape: &[usize], strides: &[usize]) -> Lowered {
        let reach = |(&extent, &stride): (&usize, &usize)| extent.saturating_sub(1) * stride + 1;
        let sizes: Vec<usize> = shape.iter().zip(strides).map(reach).collect();
        let element = self.element(x);
        let call = self.call("slice").operand("input", x).argument(json!(starts)).argument(json!(sizes));
        let plain = strides.iter().all(|&stride| stride == 1);
        let call = if plain { call } else { call.option("strides", json!(strides)) };
        call.gives(element, shape.to_vec())
    }

    /// `extent` elements of an axis from `start` on.
    pub fn window(&mut self, x: OperandId, axis: usize, start: usize, extent: usize) -> Lowered {
        let (element, mut shape) = (self.element(x), self.shape(x));
        let mut starts = vec![0; shape.len()];
        (starts[axis], shape[axis]) = (start, extent);
        let call = self.call("slice").operand("input", x).argument(json!(starts)).argument(json!(shape));
        call.gives(element, shape)
    }

    /// Operands of one type one after the other along an axis.
    pub fn concat(&mut self, parts: &[OperandId], axis: usize) -> Lowered {
        let (element, mut shape) = (self.element(parts[0]), self.shape(parts[0]));
        shape[axis] = parts.iter().map(|&part| self.plan.operand(part).shape[axis]).sum();
        let mut call = self.call("concat").argument(json!(axis));
        call.call.as_list = true;
        parts.iter().fold(call, |call, &part| call.operand("inputs", part)).gives(element, shape)
    }

    /// Stacks of matrices, with NumPy's batch rules.
    pub fn matmul(&mut self, a: OperandId, b: OperandId) -> Lowered {
        let (left, right) = (self.shape(a), self.shape(b));
        let (rows, columns) = (left[left.len() - 2], right[right.len() - 1]);
        let mut shape = broadcast(&left[..left.len() - 2], &right[..right.len() - 2]);
        shape.extend([rows, columns]);
        let element = self.element(a);
        self.call("matmul").operand("a", a).operand("b", b).gives(element, shape)
    }

    /// A reduction over axes that stay, with extent 1.
    pub fn reduce(&mut self, method: &'static str, x: OperandId, axes: &[usize]) -> Lowered {
        let (element, mut shape) = (self.element(x), self.shape(x));
        axes.iter().for_each(|&axis| shape[axis] = 1);
        let call = self.call(method).operand("input", x);
        call.option("axes", json!(axes)).option("keepDimensions", json!(true)).gives(element, shape)
    }
}

impl Draft<'_, '_> {
    pub fn operand(mut self, role: &'static str, id: OperandId) -> Self {
        self.call.operands.push((role, id));
        self
    }

    pub fn argument(mut self, value: Value) -> Self {
        self.call.arguments.push(value);
        self
    }

    pub fn option(mut self, name: &str, value: Value) -> Self {
        self.call.options.insert(name.to_owned(), value);
        self
    }

    pub fn operand_option(mut self, name: &'static str, id: Option<OperandId>) -> Self {
        self.call.operand_options.extend(id.map(|id| (name, id)));
        self
    }

    /// Ends the call: what it gives, or what of it the context does not take.
    pub fn gives(self, element: ElementType, shape: Vec<usize>) -> Lowered {
        let Draft { writer, mut call } = self;
        let Writer { limits, plan, .. } = writer;
        for &(role, id) in call.operands.iter().chain(&call.operand_options) {
            limits.check(call.method, role, plan.operand(id))?;
        }
        let output = Operand { element, shape };
        limits.check(call.method, "output", &output)?;
        call.output = plan.add(output);
        limits.stands(call.method, &plan.kind(&call))?;
        let id = call.output;
        plan.calls.push(call);
        Ok(id)
    }
}

/// The shape that two shapes broadcast to, which the graph has checked already.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let extent = |shape: &[usize], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(own) => shape[own],
        None => 1,
    };
    (0..rank).map(|axis| if extent(a, axis) == 1 { extent(b, axis) } else { extent(a, axis) }).collect()
}
