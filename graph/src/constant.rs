//! Constants of a graph: elements that are here, or that are made when they are wanted.

mod deferred;
mod digest;
mod files;
mod recipe;

pub use deferred::Deferred;
pub use digest::{Digest, Digester};
pub use files::{Files, NoFiles, Span};
pub(crate) use recipe::{Recipe, random};

use crate::error::Error;
use crate::ops::{Operator, Slice, Transpose};
use crate::tensor::{Tensor, TensorType};

/// A constant. What says how to compute is always here; weights need not be before a device wants them.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    /// Its elements.
    Here(Tensor),
    /// The way they are made.
    Deferred(Deferred),
}

impl From<Tensor> for Constant {
    fn from(tensor: Tensor) -> Constant {
        Constant::Here(tensor)
    }
}

impl Constant {
    /// Its type.
    pub fn tensor_type(&self) -> TensorType {
        match self {
            Constant::Here(tensor) => tensor.tensor_type(),
            Constant::Deferred(deferred) => deferred.tensor_type(),
        }
    }

    /// The number of its elements.
    pub fn element_count(&self) -> usize {
        match self {
            Constant::Here(tensor) => tensor.len(),
            Constant::Deferred(deferred) => deferred.element_count(),
        }
    }

    /// Its elements, if they are here.
    pub fn here(&self) -> Option<&Tensor> {
        match self {
            Constant::Here(tensor) => Some(tensor),
            Constant::Deferred(_) => None,
        }
    }

    /// Its elements, made if need be.
    ///
    /// # Errors
    /// Bytes that cannot be read, and what an operator refuses.
    pub fn evaluate(&self, files: &mut dyn Files) -> Result<Tensor, Error> {
        match self {
            Constant::Here(tensor) => Ok(tensor.clone()),
            Constant::Deferred(deferred) => deferred.evaluate(files),
        }
    }

    /// The parts of files that have to be read to make its elements.
    pub fn spans(&self) -> Vec<Span> {
        match self {
            Constant::Here(_) => Vec::new(),
            Constant::Deferred(deferred) => deferred.spans(),
        }
    }

    /// Its elements as vectors of at most so many, in order, where they can be made one by one.
    pub fn parts(&self, most_elements: usize) -> Vec<Constant> {
        match self {
            Constant::Here(_) => vec![self.clone()],
            Constant::Deferred(deferred) => {
                deferred.parts(most_elements).into_iter().map(Constant::Deferred).collect()
            }
        }
    }

    /// `count` rows from `first` on, a row being what lies behind the first axis.
    pub(crate) fn rows(&self, first: usize, count: usize) -> Option<Constant> {
        if let Constant::Deferred(deferred) = self
            && let Some(rows) = deferred.rows(first, count)
        {
            return Some(Constant::Deferred(rows));
        }
        self.window(0, first, count)
    }

    /// `count` columns of a matrix from `first` on.
    pub(crate) fn columns(&self, first: usize, count: usize) -> Option<Constant> {
        if let Constant::Deferred(deferred) = self
            && let Some(columns) = deferred.columns(first, count)
        {
            return Some(Constant::Deferred(columns));
        }
        if let Constant::Deferred(deferred) = self
            && let Some(turned) = deferred.transposed()
        {
            let rows = turned.rows(first, count)?;
            let tensor_type = rows.tensor_type();
            let shape: Vec<usize> = tensor_type.shape.iter().rev().copied().collect();
            let turn = Operator::Transpose(Transpose { permutation: vec![1, 0] });
            return apply(&turn, &[Some(&rows)], &TensorType::new(tensor_type.data_type, shape)).ok()?;
        }
        self.window(1, first, count)
    }

    /// The elements of an axis from `first` on, cut out of all of them.
    pub(crate) fn window(&self, axis: usize, first: usize, count: usize) -> Option<Constant> {
        let TensorType { data_type, mut shape } = self.tensor_type();
        *shape.get_mut(axis)? = count;
        let mut starts = vec![0; shape.len()];
        starts[axis] = first;
        let slice = Slice { starts, steps: vec![1; shape.len()], shape: shape.clone() };
        apply(&Operator::Slice(slice), &[Some(self)], &TensorType::new(data_type, shape)).ok()?
    }

    /// Equal for constants of the same elements in whatever shape, as far as that is known without making them.
    /// Floats are told apart by their bits.
    pub fn digest(&self) -> Digest {
        match self {
            Constant::Here(tensor) => Digest::of_tensor(tensor),
            Constant::Deferred(deferred) => deferred.digest(),
        }
    }

    /// Its elements in another shape of as many.
    pub fn reshaped(&self, shape: &[usize]) -> Constant {
        match self {
            Constant::Here(tensor) => Constant::Here(tensor.reshaped(shape)),
            Constant::Deferred(deferred) => Constant::Deferred(deferred.reshaped(shape)),
        }
    }
}

impl Constant {
    /// Returns whether it is one element repeated, and far from any shape computation.
    pub(crate) fn is_fill(&self) -> bool {
        matches!(self, Constant::Deferred(deferred) if deferred.filled_with().is_some())
    }

    /// Its element, as a scalar, where there is but one everywhere.
    fn only_element(&self) -> Option<Tensor> {
        match self {
            Constant::Here(tensor) => (tensor.len() == 1).then(|| tensor.reshaped(&[])),
            Constant::Deferred(deferred) => deferred.filled_with().cloned(),
        }
    }
}

/// The result of an operator where each operand is one element repeated: one element repeated, which takes no room.
/// `None` where the result is something else.
///
/// # Errors
/// Operands that the operator refuses.
pub(crate) fn refilled(
    operator: &Operator,
    operands: &[Option<&Constant>],
    result: &TensorType,
) -> Result<Option<Constant>, Error> {
    let elements: Option<Vec<_>> = operands.iter().map(|operand| (*operand)?.only_element()).collect();
    let element = match (operator, elements) {
        (
            Operator::Expand(_) | Operator::Reshape(_) | Operator::Slice(_) | Operator::Transpose(_),
            Some(elements),
        ) => elements.into_iter().next(),
        (operator, Some(elements)) if operator.is_elementwise() => {
            let elements: Vec<_> = elements.iter().map(Some).collect();
            operator.evaluate(&elements)?.pop()
        }
        _ => None,
    };
    Ok(element.map(|element| Constant::Deferred(Deferred::fill(result.clone(), &element))))
}

/// The result of an operator on constants, computed at once where all of them are here. `None` where it is too long a
/// way from what is here to the result.
///
/// # Errors
/// Operands that the operator refuses.
pub fn apply(
    operator: &Operator,
    operands: &[Option<&Constant>],
    result: &TensorType,
) -> Result<Option<Constant>, Error> {
    let here: Option<Vec<_>> = operands
        .iter()
        .map(|operand| operand.map_or(Some(None), |constant| constant.here().map(Some)))
        .collect();
    match here {
        Some(tensors) => Ok(operator.evaluate(&tensors)?.pop().map(Constant::Here)),
        None => Ok(Deferred::result(operator, operands, result).map(Constant::Deferred)),
    }
}
