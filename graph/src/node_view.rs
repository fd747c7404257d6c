//! An ONNX node as its reader sees it: attributes, operand types and the constants among them.

use crate::builder::Builder;
use crate::builder::cache_length::Axes;
use crate::builder::cache_length::linear::{Integer, Linear};
use crate::element_type::ElementType;
use crate::error::{Error, invalid, unsupported};
use crate::ir::ValueId;
use crate::onnx::Attributes;
use crate::ops::Operator;
use crate::tensor::{Tensor, TensorType};

/// Turns an ONNX node into nodes of the static graph; returns a value for each of the node's outputs.
pub(crate) type Reader = fn(&NodeView, &mut Builder) -> Result<Vec<ValueId>, Error>;

/// An ONNX node whose operands are known.
#[derive(Debug)]
pub(crate) struct NodeView<'a> {
    pub name: &'a str,
    pub opset: i64,
    pub attributes: &'a Attributes,
    pub inputs: Vec<Option<Argument>>,
    pub output_count: usize,
}

/// An operand of an ONNX node.
#[derive(Debug, Clone)]
pub(crate) struct Argument {
    pub id: ValueId,
    pub tensor_type: TensorType,
    /// The type of its elements in the file; the tensor type says what they are kept as.
    pub element_type: ElementType,
    pub constant: Option<Tensor>,
    /// Its integers, where they are known but for the number of past positions.
    pub linear: Option<Linear>,
    /// The bases of the axes that grow while decoding.
    pub axes: Option<Axes>,
}

impl NodeView<'_> {
    /// An operand that has to be there.
    pub fn operand(&self, index: usize) -> Result<&Argument, Error> {
        self.optional(index).ok_or_else(|| invalid!("operand {index} is missing"))
    }

    /// An operand that may be left out.
    pub fn optional(&self, index: usize) -> Option<&Argument> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    /// The node over other operands, for the reader of an operator that this one is made of.
    pub fn over(&self, graph: &Builder, operands: &[Option<ValueId>]) -> Self {
        let argument = |id: ValueId| Argument {
            id,
            tensor_type: graph.tensor_type(id).clone(),
            element_type: graph.tensor_type(id).data_type.into(),
            constant: graph.constant_of(id).cloned(),
            linear: graph.linear(id).cloned(),
            axes: graph.axes(id).cloned(),
        };
        let inputs = operands.iter().map(|id| id.map(argument)).collect();
        NodeView { inputs, ..*self }
    }

    /// The shape of an operand.
    pub fn shape(&self, index: usize) -> Result<&[usize], Error> {
        Ok(&self.operand(index)?.tensor_type.shape)
    }

    /// An operand that only says how to compute, and so has to be constant; `None` where it is left out.
    pub fn constant(&self, index: usize, what: &str) -> Result<Option<&Tensor>, Error> {
        let Some(argument) = self.optional(index) else { return Ok(None) };
        if argument.linear.is_some() || argument.axes.is_some() {
            return Err(unsupported!("its {what} (operand {index}) depend on the number of past positions"));
        }
        let constant = argument.constant.as_ref();
        let (what, inputs) = (what.to_owned(), Vec::new());
        constant.map(Some).ok_or(Error::NotConstant { what, operand: index, inputs })
    }

    /// The integers of such an operand.
    pub fn integers(&self, index: usize, what: &str) -> Result<Option<Vec<i64>>, Error> {
        let Some(tensor) = self.constant(index, what)? else { return Ok(None) };
        tensor.to_i64_vec().map(Some).ok_or_else(|| invalid!("its {what} (operand {index}) are no integers"))
    }

    /// The integers of such an operand, which may depend on the number of past positions.
    pub fn linear(&self, index: usize, what: &str) -> Result<Option<Vec<Integer>>, Error> {
        match self.optional(index).and_then(|argument| argument.linear.as_ref()) {
            Some(linear) => Ok(Some(linear.integers())),
            None => {
                let constants = self.integers(index, what)?;
                Ok(constants.map(|all| all.into_iter().map(Integer::constant).collect()))
            }
        }
    }

    /// The axes of an operand that grow; all `None` where nothing does.
    pub fn axes(&self, index: usize) -> Result<Axes, Error> {
        let operand = self.operand(index)?;
        let rank = operand.tensor_type.shape.len();
        Ok(operand.axes.clone().unwrap_or_else(|| vec![None; rank]))
    }

    /// Integers that are an attribute in older operator sets and an operand in newer ones.
    pub fn integers_or_attribute(&self, index: usize, name: &str) -> Result<Option<Vec<i64>>, Error> {
        match self.integers(index, name)? {
            Some(integers) => Ok(Some(integers)),
            None => Ok(self.attributes.ints(name)?.map(<[i64]>::to_vec)),
        }
    }

    /// The attribute `axis`, counted from the front.
    pub fn axis(&self, rank: usize, default: i64) -> Result<usize, Error> {
        axis(self.attributes.int("axis")?.unwrap_or(default), rank)
    }

    /// Refuses a node of which more than its first output is wanted.
    pub fn single_output(&self) -> Result<(), Error> {
        if self.output_count > 1 {
            return Err(unsupported!("more than its first output is wanted"));
        }
        Ok(())
    }

    /// Applies one operator to the first `count` operands.
    pub fn apply(
        &self,
        graph: &mut Builder,
        operator: Operator,
        count: usize,
    ) -> Result<Vec<ValueId>, Error> {
        let operands: Vec<_> =
            (0..count).map(|index| self.optional(index).map(|argument| argument.id)).collect();
        Ok(vec![graph.push(self.name, operator, &operands)?])
    }
}

/// An axis counted from the front, from one that may count from the end.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, Error> {
    let from_front = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    let found = usize::try_from(from_front).ok().filter(|&axis| axis < rank);
    found.ok_or_else(|| invalid!("there is no axis {axis} among {rank}"))
}

/// Axes counted from the front, ascending; refuses one named twice.
pub(crate) fn axes(axes: &[i64], rank: usize) -> Result<Vec<usize>, Error> {
    let mut found = axes.iter().map(|&at| axis(at, rank)).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    if found.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(invalid!("axes {axes:?} name one axis twice"));
    }
    Ok(found)
}
