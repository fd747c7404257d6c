//! Writes the nodes that one ONNX node decomposes into: a short method for each operator, so that a reader
//! looks like the formula.

use std::cell::RefCell;

use crate::builder::Builder;
use crate::builder::cache_length::linear::{Integer, Linear, cached_axes};
use crate::error::{Error, invalid};
use crate::ir::ValueId;
use crate::node_view::NodeView;
use crate::ops::{
    Activation, Binary, Cast, Concat, Expand, Gather, MatMul, Operator, Reduce, Reduction, Reshape, Select,
    Slice, Softmax, Transpose, Unary,
};
use crate::strided::table;
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// The result of a step of a formula.
pub(crate) type Written = Result<ValueId, Error>;

/// A graph in the making, behind a cell so that calls nest.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    graph: RefCell<&'a mut Builder>,
    name: &'a str,
}

impl<'a> Writer<'a> {
    /// Names what it writes after the node.
    pub fn new(node: &NodeView<'a>, graph: &'a mut Builder) -> Writer<'a> {
        Writer { graph: RefCell::new(graph), name: node.name }
    }

    /// Any operator.
    pub fn push(&self, operator: Operator, inputs: &[Option<ValueId>]) -> Written {
        self.graph.borrow_mut().push(self.name, operator, inputs)
    }

    /// A constant.
    pub fn constant(&self, tensor: Tensor) -> ValueId {
        self.graph.borrow_mut().constant(self.name, tensor)
    }

    /// The elements of a value, if it is constant.
    pub fn constant_of(&self, id: ValueId) -> Option<Tensor> {
        self.graph.borrow().constant_of(id).cloned()
    }

    /// An f32 scalar.
    pub fn float(&self, element: f32) -> ValueId {
        self.constant(Tensor::scalar(element))
    }

    /// A vector of i64.
    pub fn integers(&self, elements: impl IntoIterator<Item = i64>) -> ValueId {
        self.constant(Tensor::vector(elements.into_iter().collect::<Vec<_>>()))
    }

    /// A scalar of another value's type, f32 for f16.
    pub fn like(&self, id: ValueId, element: f32) -> ValueId {
        let data = match self.data_type(id) {
            DataType::F32 | DataType::F16 => Data::from(vec![element]),
            integers => Data::from_integers(integers, std::iter::once(element as i64)),
        };
        self.constant(Tensor { shape: vec![], data })
    }

    /// The type of a value.
    pub fn tensor_type(&self, id: ValueId) -> TensorType {
        self.graph.borrow().tensor_type(id).clone()
    }

    /// The shape of a value.
    pub fn shape(&self, id: ValueId) -> Vec<usize> {
        self.tensor_type(id).shape
    }

    /// The type of a value's elements.
    pub fn data_type(&self, id: ValueId) -> DataType {
        self.graph.borrow().tensor_type(id).data_type
    }

    /// The length of an axis, past positions included.
    pub fn length(&self, id: ValueId, axis: usize) -> Integer {
        let graph = self.graph.borrow();
        match graph.axes(id).and_then(|axes| axes.get(axis).copied().flatten()) {
            Some(base) => Integer { base, coefficient: 1 },
            None => Integer::constant(graph.tensor_type(id).shape.get(axis).copied().unwrap_or(1) as i64),
        }
    }

    /// The i64 integers from `start` on, one for each place of an axis of this length.
    pub fn count_from(&self, start: Integer, length: Integer) -> Written {
        let mut graph = self.graph.borrow_mut();
        let count = length.extent(graph.capacity())?.max(0);
        table(&[usize::try_from(count).unwrap_or(usize::MAX)])?;
        let moved = |at: i64| Integer { base: start.base + at, coefficient: start.coefficient };
        let id = graph.push_linear(self.name, Linear::vector(&(0..count).map(moved).collect::<Vec<_>>()));
        graph.set_axes(id, cached_axes(&[length]));
        Ok(id)
    }

    /// A function of each element.
    pub fn unary(&self, function: Unary, x: ValueId) -> Written {
        self.push(Operator::Unary(function), &[Some(x)])
    }

    /// A function that can be fused.
    pub fn activation(&self, function: Activation, x: ValueId) -> Written {
        self.unary(Unary::Activation(function), x)
    }

    /// A function of pairs of elements.
    pub fn binary(&self, function: Binary, left: ValueId, right: ValueId) -> Written {
        self.push(Operator::Binary(function), &[Some(left), Some(right)])
    }

    /// `left + right`.
    pub fn add(&self, left: ValueId, right: ValueId) -> Written {
        self.binary(Binary::Add, left, right)
    }

    /// `left − right`.
    pub fn sub(&self, left: ValueId, right: ValueId) -> Written {
        self.binary(Binary::Sub, left, right)
    }

    /// `left · right`, element by element.
    pub fn mul(&self, left: ValueId, right: ValueId) -> Written {
        self.binary(Binary::Mul, left, right)
    }

    /// `left / right`.
    pub fn div(&self, left: ValueId, right: ValueId) -> Written {
        self.binary(Binary::Div, left, right)
    }

    /// `x + term`; `x` itself where nothing is added.
    pub fn plus(&self, x: ValueId, term: f32) -> Written {
        if term == 0.0 { Ok(x) } else { self.add(x, self.like(x, term)) }
    }

    /// `x · factor`; `x` itself where the factor is one.
    pub fn times(&self, x: ValueId, factor: f32) -> Written {
        if factor == 1.0 { Ok(x) } else { self.mul(x, self.like(x, factor)) }
    }

    /// `yes` where the condition is true, `no` elsewhere.
    pub fn select(&self, condition: ValueId, yes: ValueId, no: ValueId) -> Written {
        self.push(Operator::Select(Select), &[Some(condition), Some(yes), Some(no)])
    }

    /// Another element type; the value itself where it has that type.
    pub fn cast(&self, x: ValueId, to: DataType) -> Written {
        if self.data_type(x) == to { Ok(x) } else { self.push(Operator::Cast(Cast { to }), &[Some(x)]) }
    }

    /// Another shape; the value itself where it has that shape.
    pub fn reshape(&self, x: ValueId, shape: &[usize]) -> Written {
        if self.shape(x) == shape {
            return Ok(x);
        }
        self.push(Operator::Reshape(Reshape { shape: shape.to_vec() }), &[Some(x)])
    }

    /// Axes of extent 1 added at the end until there are as many as `rank`.
    pub fn trailing(&self, x: ValueId, rank: usize) -> Written {
        let mut shape = self.shape(x);
        shape.resize(rank.max(shape.len()), 1);
        self.reshape(x, &shape)
    }

    /// A vector laid along one of `rank` axes.
    pub fn along(&self, x: ValueId, axis: usize, rank: usize) -> Written {
        let mut shape = vec![1; rank];
        let extent = shape.get_mut(axis).ok_or_else(|| invalid!("there is no axis {axis} among {rank}"))?;
        *extent = self.shape(x).iter().product();
        self.reshape(x, &shape)
    }

    /// Output axis `i` is axis `permutation[i]`.
    pub fn transpose(&self, x: ValueId, permutation: &[usize]) -> Written {
        if permutation.is_sorted() {
            return Ok(x);
        }
        self.push(Operator::Transpose(Transpose { permutation: permutation.to_vec() }), &[Some(x)])
    }

    /// The last two axes exchanged.
    pub fn transpose_last(&self, x: ValueId) -> Written {
        let rank = self.shape(x).len();
        let mut permutation: Vec<usize> = (0..rank).collect();
        if rank < 2 {
            return Err(invalid!("a value of rank {rank} has no two axes to exchange"));
        }
        permutation.swap(rank - 2, rank - 1);
        self.transpose(x, &permutation)
    }

    /// Broadcast to a shape; the value itself where it has that shape.
    pub fn expand(&self, x: ValueId, shape: &[usize]) -> Written {
        if self.shape(x) == shape {
            return Ok(x);
        }
        self.push(Operator::Expand(Expand { shape: shape.to_vec() }), &[Some(x)])
    }

    /// Joined along an axis; a single part is itself.
    pub fn concat(&self, axis: usize, parts: &[ValueId]) -> Written {
        if let [part] = parts {
            return Ok(*part);
        }
        let parts: Vec<_> = parts.iter().copied().map(Some).collect();
        self.push(Operator::Concat(Concat { axis }), &parts)
    }

    /// `count` elements of an axis from `start` on, `step` apart.
    pub fn stride(&self, x: ValueId, axis: usize, start: usize, step: isize, count: usize) -> Written {
        let mut shape = self.shape(x);
        let (mut starts, mut steps) = (vec![0; shape.len()], vec![1; shape.len()]);
        if start == 0 && step == 1 && shape.get(axis) == Some(&count) {
            return Ok(x);
        }
        if axis >= shape.len() {
            return Err(invalid!("a value of shape {shape:?} has no axis {axis} to slice"));
        }
        (starts[axis], steps[axis], shape[axis]) = (start, step, count);
        self.push(Operator::Slice(Slice { starts, steps, shape }), &[Some(x)])
    }

    /// `count` neighbours of an axis from `start` on.
    pub fn slice(&self, x: ValueId, axis: usize, start: usize, count: usize) -> Written {
        self.stride(x, axis, start, 1, count)
    }

    /// Slices along an axis, by index.
    pub fn gather(&self, x: ValueId, axis: usize, indices: ValueId) -> Written {
        self.push(Operator::Gather(Gather { axis }), &[Some(x), Some(indices)])
    }

    /// The matrix product.
    pub fn matmul(&self, left: ValueId, right: ValueId) -> Written {
        self.push(Operator::MatMul(MatMul::default()), &[Some(left), Some(right)])
    }

    /// An axis multiplied with a matrix `[to, from]`, of which each row makes one element.
    pub fn transform(&self, x: ValueId, axis: usize, matrix: Tensor) -> Written {
        let &[to, from] = &matrix.shape[..] else {
            return Err(invalid!("an axis is multiplied with no matrix"));
        };
        let mut shape = self.shape(x);
        let before: usize = shape[..axis].iter().product();
        let behind: usize = shape[axis + 1..].iter().product();
        shape[axis] = to;
        let matrix = self.constant(matrix);
        let product = if behind == 1 {
            self.matmul(self.reshape(x, &[before, from])?, self.transpose_last(matrix)?)?
        } else {
            self.matmul(matrix, self.reshape(x, &[before, from, behind])?)?
        };
        self.reshape(product, &shape)
    }

    /// Softmax along an axis.
    pub fn softmax(&self, x: ValueId, axis: usize) -> Written {
        self.push(Operator::Softmax(Softmax { axis }), &[Some(x)])
    }

    /// A reduction over axes, which stay with extent 1 if kept; no axes: the value itself.
    pub fn reduce(&self, reduction: Reduction, x: ValueId, axes: &[usize], keep: bool) -> Written {
        if axes.is_empty() {
            return Ok(x);
        }
        let reduce = Reduce { reduction, axes: axes.to_vec(), keep_dimensions: keep };
        self.push(Operator::Reduce(reduce), &[Some(x)])
    }
}
