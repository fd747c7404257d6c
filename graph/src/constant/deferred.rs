//! Constants whose elements are made later: from a file, from a recipe, or by an operator from other constants.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use super::recipe::Recipe;
use super::{Constant, Digest, Digester, Files, Span};
use crate::element_type::ElementType;
use crate::error::Error;
use crate::ops::Operator;
use crate::tensor::{Tensor, TensorType};

/// A result of more operators, one upon the other, is left to be computed at run time.
const MOST_OPERATORS: usize = 32;

/// Elements that are not here. Cloning shares how they are made.
#[derive(Debug, Clone)]
pub struct Deferred {
    shape: Vec<usize>,
    origin: Arc<Origin>,
}

#[derive(Debug)]
struct Origin {
    tensor_type: TensorType,
    digest: Digest,
    /// The number of operators that lie one upon the other.
    operators: usize,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Little-endian bytes of this type; the tensor is named in errors.
    File {
        tensor: String,
        element_type: ElementType,
        span: Span,
    },
    /// The elements from `first` on of these columns of what a recipe gives for a shape.
    Recipe {
        recipe: Recipe,
        shape: Vec<usize>,
        columns: Range<usize>,
        first: usize,
    },
    /// One element everywhere.
    Fill(Tensor),
    Result {
        operator: Operator,
        operands: Vec<Option<Constant>>,
    },
}

impl PartialEq for Deferred {
    fn eq(&self, other: &Deferred) -> bool {
        (self.tensor_type(), self.digest()) == (other.tensor_type(), other.digest())
    }
}

impl Deferred {
    /// A tensor that lies in a file: its name, of what type its elements are there, and where; `content` is its
    /// digest, where somebody took it.
    pub(crate) fn file(
        (tensor, element_type, span): (&str, ElementType, Span),
        shape: impl Into<Vec<usize>>,
        content: Option<Digest>,
    ) -> Deferred {
        let mut digester = Digester::new();
        match content {
            Some(content) => {
                digester.text(&format!("content {element_type}"));
                digester.digest(content);
            }
            None => digester.text(&format!("file {element_type} {span:?}")),
        }
        let (tensor, tensor_type) = (tensor.to_owned(), TensorType::new(element_type.data_type(), shape));
        Deferred::new(tensor_type, digester, 0, Kind::File { tensor, element_type, span })
    }

    /// The tensor of a recipe.
    pub(crate) fn recipe(tensor_type: TensorType, recipe: Recipe) -> Deferred {
        let mut digester = Digester::new();
        digester.text(&format!("recipe {recipe:?} {tensor_type}"));
        let shape = tensor_type.shape.clone();
        let columns = 0..shape.last().copied().unwrap_or(1);
        Deferred::new(tensor_type, digester, 0, Kind::Recipe { recipe, shape, columns, first: 0 })
    }

    /// One element as often as a type says.
    pub(super) fn fill(tensor_type: TensorType, element: &Tensor) -> Deferred {
        let mut digester = Digester::new();
        digester.text(&format!("{} times {}", tensor_type.element_count(), tensor_type.data_type));
        digester.digest(Digest::of_tensor(element));
        Deferred::new(tensor_type, digester, 0, Kind::Fill(element.reshaped(&[])))
    }

    /// The one element of a constant that has it everywhere.
    pub(super) fn filled_with(&self) -> Option<&Tensor> {
        match &self.origin.kind {
            Kind::Fill(element) => Some(element),
            Kind::File { .. } | Kind::Recipe { .. } | Kind::Result { .. } => None,
        }
    }

    /// The result of an operator.
    pub(super) fn result(
        operator: &Operator,
        operands: &[Option<&Constant>],
        tensor_type: &TensorType,
    ) -> Option<Deferred> {
        if let (Operator::Reshape(_), [Some(Constant::Deferred(operand))]) = (operator, operands) {
            return Some(operand.reshaped(&tensor_type.shape));
        }
        if let (Operator::Transpose(transpose), [Some(Constant::Deferred(operand))]) = (operator, operands)
            && transpose.permutation == [1, 0]
            && let Some(recipe) = operand.whole_recipe()
        {
            return Some(Deferred::recipe(tensor_type.clone(), recipe.turned()));
        }
        if let (Operator::Transpose(_) | Operator::Slice(_), [Some(Constant::Deferred(operand))]) =
            (operator, operands)
            && let Some(element) = operand.filled_with()
        {
            return Some(Deferred::fill(tensor_type.clone(), element));
        }
        let mut digester = Digester::new();
        digester.text(&format!("{operator:?} {tensor_type}"));
        for operand in operands {
            digester.text(&operand.map(|operand| operand.tensor_type().to_string()).unwrap_or_default());
            operand.iter().for_each(|operand| digester.digest(operand.digest()));
        }
        let below = |operand: &&Constant| match operand {
            Constant::Here(_) => 0,
            Constant::Deferred(deferred) => deferred.origin.operators,
        };
        let operators = 1 + operands.iter().flatten().map(below).max().unwrap_or(0);
        let operands = operands.iter().map(|operand| operand.cloned()).collect();
        let kind = Kind::Result { operator: operator.clone(), operands };
        (operators <= MOST_OPERATORS).then(|| Deferred::new(tensor_type.clone(), digester, operators, kind))
    }

    fn new(tensor_type: TensorType, digester: Digester, operators: usize, kind: Kind) -> Deferred {
        let (shape, digest) = (tensor_type.shape.clone(), digester.finish());
        Deferred { shape, origin: Arc::new(Origin { tensor_type, digest, operators, kind }) }
    }

    /// Its type.
    pub fn tensor_type(&self) -> TensorType {
        TensorType::new(self.origin.tensor_type.data_type, self.shape.clone())
    }

    /// The number of its elements.
    pub fn element_count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Equal where the same elements are made in the same way, whatever the shape.
    pub(super) fn digest(&self) -> Digest {
        self.origin.digest
    }

    pub(super) fn reshaped(&self, shape: &[usize]) -> Deferred {
        Deferred { shape: shape.to_vec(), origin: Arc::clone(&self.origin) }
    }

    /// The tensor's name, the type of its elements and where they lie, if it is in a file as it is.
    pub(crate) fn place(&self) -> Option<(&str, ElementType, &Span)> {
        match &self.origin.kind {
            Kind::File { tensor, element_type, span } => Some((tensor, *element_type, span)),
            Kind::Recipe { .. } | Kind::Fill(_) | Kind::Result { .. } => None,
        }
    }

    /// The recipe, if it is one of a tensor of just this shape.
    fn whole_recipe(&self) -> Option<Recipe> {
        match &self.origin.kind {
            Kind::Recipe { recipe, shape, first: 0, .. } if *shape == self.shape => Some(*recipe),
            Kind::File { .. } | Kind::Recipe { .. } | Kind::Fill(_) | Kind::Result { .. } => None,
        }
    }

    /// The spans of files that have to be read, each once.
    pub(super) fn spans(&self) -> Vec<Span> {
        let mut spans = BTreeSet::new();
        let mut uses = HashMap::new();
        self.origin.visit(&mut uses, &mut |origin| {
            if let Kind::File { span, .. } = &origin.kind {
                spans.insert(span.clone());
            }
        });
        spans.into_iter().collect()
    }

    /// Those of [`Constant::parts`].
    pub(super) fn parts(&self, most_elements: usize) -> Vec<Deferred> {
        let count = self.element_count();
        if count <= most_elements {
            return vec![self.clone()];
        }
        let data_type = self.origin.tensor_type.data_type;
        let of_type = |length: usize| TensorType::new(data_type, [length]);
        // Parts start at whole bytes, however many elements share one.
        let sharing = match &self.origin.kind {
            Kind::File { element_type, .. } => 8_usize.div_ceil(element_type.bits()),
            Kind::Recipe { .. } | Kind::Fill(_) | Kind::Result { .. } => 1,
        };
        let most_elements = (most_elements / sharing * sharing).max(sharing);
        let starts = (0..count).step_by(most_elements);
        let lengths = starts.map(|start| (start, most_elements.min(count - start)));
        match &self.origin.kind {
            Kind::File { tensor, element_type, span } => {
                let part = |(start, length): (usize, usize)| {
                    let span = span.part(element_type.size_bytes(start), element_type.size_bytes(length));
                    Deferred::file((tensor, *element_type, span), [length], None)
                };
                lengths.map(part).collect()
            }
            Kind::Recipe { recipe, shape, columns, first } => {
                let part = |(start, length): (usize, usize)| {
                    let (shape, columns, first) = (shape.clone(), columns.clone(), first + start);
                    let kind = Kind::Recipe { recipe: *recipe, shape, columns, first };
                    Deferred::new(of_type(length), Digester::new(), 0, kind)
                };
                lengths.map(part).collect()
            }
            Kind::Fill(element) => {
                lengths.map(|(_, length)| Deferred::fill(of_type(length), element)).collect()
            }
            Kind::Result { .. } => vec![self.clone()],
        }
    }

    /// `count` rows from `first` on, where these can be made without the others: a row is what lies behind the first
    /// axis.
    pub(super) fn rows(&self, first: usize, count: usize) -> Option<Deferred> {
        let (&extent, behind) = self.shape.split_first()?;
        let row: usize = behind.iter().product();
        let data_type = self.origin.tensor_type.data_type;
        let tensor_type = TensorType::new(data_type, [&[count], behind].concat());
        let (start, length) = (first * row, count * row);
        if first + count > extent {
            return None;
        }
        let kind = match &self.origin.kind {
            Kind::File { tensor, element_type, span } => {
                if !(start * element_type.bits()).is_multiple_of(8) {
                    return None;
                }
                let span = span.part(element_type.size_bytes(start), element_type.size_bytes(length));
                Kind::File { tensor: tensor.clone(), element_type: *element_type, span }
            }
            Kind::Recipe { recipe, shape, columns, first } => {
                let (shape, columns, first) = (shape.clone(), columns.clone(), first + start);
                Kind::Recipe { recipe: *recipe, shape, columns, first }
            }
            Kind::Fill(element) => return Some(Deferred::fill(tensor_type, element)),
            Kind::Result { .. } => return self.of_parts(&tensor_type, |operand| operand.rows(first, count)),
        };
        let mut digester = Digester::new();
        digester.text(&format!("rows from {first} {tensor_type}"));
        digester.digest(self.digest());
        Some(Deferred::new(tensor_type, digester, 0, kind))
    }

    /// `count` columns of a matrix from `first` on, where these can be made without the others.
    pub(super) fn columns(&self, first: usize, count: usize) -> Option<Deferred> {
        let &[rows, extent] = self.shape.as_slice() else { return None };
        if first + count > extent {
            return None;
        }
        let tensor_type = TensorType::new(self.origin.tensor_type.data_type, [rows, count]);
        if let Some(element) = self.filled_with() {
            return Some(Deferred::fill(tensor_type, element));
        }
        if let Kind::Result { .. } = &self.origin.kind {
            return self.of_parts(&tensor_type, |operand| operand.columns(first, count));
        }
        let recipe = self.whole_recipe()?;
        let mut digester = Digester::new();
        digester.text(&format!("columns from {first} {tensor_type}"));
        digester.digest(self.digest());
        let (shape, columns) = (self.shape.clone(), first..first + count);
        Some(Deferred::new(tensor_type, digester, 0, Kind::Recipe { recipe, shape, columns, first: 0 }))
    }

    /// The result of an element-wise operator on the same part of each operand that is as large as the whole; what is
    /// broadcast is one element.
    fn of_parts(
        &self,
        tensor_type: &TensorType,
        part: impl Fn(&Constant) -> Option<Constant>,
    ) -> Option<Deferred> {
        let Kind::Result { operator, operands } = &self.origin.kind else { return None };
        let whole = &self.origin.tensor_type.shape;
        if !operator.is_elementwise() || *whole != self.shape {
            return None;
        }
        let of_operand = |operand: &Option<Constant>| match operand {
            Some(constant) if constant.tensor_type().shape == *whole => part(constant).map(Some),
            Some(constant) => (constant.element_count() == 1).then(|| Some(constant.clone())),
            None => Some(None),
        };
        let operands: Vec<_> = operands.iter().map(of_operand).collect::<Option<_>>()?;
        let operands: Vec<_> = operands.iter().map(Option::as_ref).collect();
        Deferred::result(operator, &operands, tensor_type)
    }

    /// The one operand of a transpose of a matrix.
    pub(super) fn transposed(&self) -> Option<&Constant> {
        match &self.origin.kind {
            Kind::Result { operator: Operator::Transpose(turn), operands }
                if turn.permutation == [1, 0] && self.shape == self.origin.tensor_type.shape =>
            {
                operands.first()?.as_ref()
            }
            Kind::File { .. } | Kind::Recipe { .. } | Kind::Fill(_) | Kind::Result { .. } => None,
        }
    }

    /// Makes the elements.
    ///
    /// # Errors
    /// Bytes that cannot be read, and what an operator refuses.
    pub(super) fn evaluate(&self, files: &mut dyn Files) -> Result<Tensor, Error> {
        let mut uses = HashMap::new();
        self.origin.visit(&mut uses, &mut |_| {});
        Evaluation { files, uses, made: HashMap::new() }.tensor(self)
    }
}

impl Origin {
    /// Calls `seen` once for each origin among which it is, and counts how often each is used.
    fn visit(&self, uses: &mut HashMap<*const Origin, usize>, seen: &mut dyn FnMut(&Origin)) {
        let count = uses.entry(std::ptr::from_ref(self)).or_default();
        *count += 1;
        if *count > 1 {
            return;
        }
        seen(self);
        if let Kind::Result { operands, .. } = &self.kind {
            for operand in operands.iter().flatten() {
                if let Constant::Deferred(deferred) = operand {
                    deferred.origin.visit(uses, seen);
                }
            }
        }
    }
}

/// An expression in the making: what is used more than once is made once.
struct Evaluation<'a> {
    files: &'a mut dyn Files,
    uses: HashMap<*const Origin, usize>,
    made: HashMap<*const Origin, Tensor>,
}

impl Evaluation<'_> {
    fn tensor(&mut self, deferred: &Deferred) -> Result<Tensor, Error> {
        let key = Arc::as_ptr(&deferred.origin);
        if let Some(made) = self.made.get(&key) {
            return Ok(made.reshaped(&deferred.shape));
        }
        let made = self.make(&deferred.origin)?;
        if self.uses.get(&key).is_some_and(|&uses| uses > 1) {
            self.made.insert(key, made.clone());
        }
        Ok(made.reshaped(&deferred.shape))
    }

    fn make(&mut self, origin: &Origin) -> Result<Tensor, Error> {
        let TensorType { shape, .. } = &origin.tensor_type;
        match &origin.kind {
            Kind::File { tensor, element_type, span } => {
                let bytes = span.bytes(tensor, self.files)?;
                let count = origin.tensor_type.element_count();
                Tensor::new(shape.clone(), element_type.decode(&bytes, count)?)
            }
            Kind::Recipe { recipe, shape: whole, columns, first } => {
                let count = origin.tensor_type.element_count();
                Tensor::new(shape.clone(), recipe.elements(whole, columns, *first..first + count))
            }
            Kind::Fill(element) => {
                let count = origin.tensor_type.element_count();
                Tensor::new(shape.clone(), element.data.pick(std::iter::repeat_n(0, count)))
            }
            Kind::Result { operator, operands } => {
                let mut tensors = Vec::new();
                for operand in operands {
                    tensors.push(match operand {
                        Some(Constant::Here(tensor)) => Some(tensor.clone()),
                        Some(Constant::Deferred(deferred)) => Some(self.tensor(deferred)?),
                        None => None,
                    });
                }
                let operands: Vec<_> = tensors.iter().map(Option::as_ref).collect();
                Ok(operator.evaluate(&operands)?.swap_remove(0))
            }
        }
    }
}

#[cfg(test)]
mod tests;
