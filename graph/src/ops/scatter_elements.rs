//! Writes single elements along an axis by index.

use super::gather_elements::{check_coordinates, places};
use super::{Binary, Rule, operand};
use crate::error::{Error, invalid, unsupported};
use crate::tensor::{Data, DataType, Tensor, TensorType};

/// The way an update joins the element that it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scatter {
    /// It takes the update's place; of several updates the last counts.
    Replace,
    /// The update is added; integers wrap around.
    Add,
    /// It is multiplied by the update; integers wrap around.
    Mul,
    /// The larger one stays; NaN wins.
    Max,
    /// The smaller one stays; NaN wins.
    Min,
}

/// Its first input with updates, the third, at the coordinates of their elements, but along `axis` at the index
/// that the second input, of the same shape, holds there (negative ones count from the end). Updates apply in
/// their row-major order. An index outside is refused; on a device, which cannot refuse, its update is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScatterElements {
    /// The axis that the indices select from.
    pub axis: usize,
    /// The way updates join what is there.
    pub scatter: Scatter,
}

impl Scatter {
    fn operator(self) -> Option<Binary> {
        match self {
            Scatter::Replace => None,
            Scatter::Add => Some(Binary::Add),
            Scatter::Mul => Some(Binary::Mul),
            Scatter::Max => Some(Binary::Max),
            Scatter::Min => Some(Binary::Min),
        }
    }

    /// Refuses updates of another type, and arithmetic on bools.
    pub(super) fn check(self, data: &TensorType, updates: &TensorType) -> Result<(), Error> {
        if updates.data_type != data.data_type {
            return Err(invalid!("{updates} cannot update {data}"));
        }
        if data.data_type == DataType::Bool && self != Scatter::Replace {
            return Err(unsupported!("{self:?} on {data}"));
        }
        Ok(())
    }

    /// The data with updates at these places.
    pub(super) fn apply(self, data: &Tensor, updates: &Tensor, places: &[usize]) -> Result<Data, Error> {
        if let (Some(elements), Some(updates)) = (data.as_f32(), updates.as_f32()) {
            let mut elements = elements.to_vec();
            let join = |old, new| self.operator().map_or(new, |operator| operator.on_floats(old, new));
            places.iter().zip(updates).for_each(|(&at, &new)| elements[at] = join(elements[at], new));
            return Ok(elements.into());
        }
        let mut elements = data.to_i64_vec().unwrap_or_default();
        for (&at, new) in places.iter().zip(updates.to_i64_vec().unwrap_or_default()) {
            elements[at] = match self.operator() {
                None => new,
                Some(operator) => operator.on_integers(elements[at], new)?,
            };
        }
        Ok(Data::from_integers(data.data_type(), elements.into_iter()))
    }
}

impl Rule for ScatterElements {
    fn infer(&self, inputs: &[Option<&TensorType>]) -> Result<TensorType, Error> {
        let (data, indices, updates) = (operand(inputs, 0)?, operand(inputs, 1)?, operand(inputs, 2)?);
        check_coordinates(data, indices, self.axis)?;
        self.scatter.check(data, updates)?;
        if updates.shape != indices.shape {
            return Err(invalid!("updates are {updates}, not of the shape of {indices}"));
        }
        Ok(data.clone())
    }

    fn evaluate(&self, inputs: &[Option<&Tensor>], _: &TensorType) -> Result<Data, Error> {
        let (data, indices, updates) = (operand(inputs, 0)?, operand(inputs, 1)?, operand(inputs, 2)?);
        self.scatter.apply(data, updates, &places(&data.shape, indices, self.axis)?)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::table::{check, refuse};

    #[test]
    fn values() {
        // The first two are the examples of the ONNX specification.
        check(&[
            (
                "rows",
                "x: f32[3,3] = 0\ni: i64[2,3] = 1 0 2 0 2 1\nu: f32[2,3] = 1 1.1 1.2 2 2.1 2.2\n\
                 y = ScatterElements(x, i, u)",
                "f32[3,3] = 2 1.1 0 1 0 2.2 0 2.1 1.2",
            ),
            (
                "columns",
                "x: f32[1,5] = 1 2 3 4 5\ni: i64[1,2] = 1 3\nu: f32[1,2] = 1.1 2.1\n\
                 y = ScatterElements(x, i, u, axis=1)",
                "f32[1,5] = 1 1.1 3 2.1 5",
            ),
            (
                "the last one counts",
                "x: i64[3] = 0\ni: i64[3] = 1 -2 0\nu: i64[3] = 7 8 9\ny = ScatterElements(x, i, u)",
                "i64[3] = 9 8 0",
            ),
            (
                "all are added",
                "x: u8[2] = 250 1\ni: i64[3] = 0 0 1\nu: u8[3] = 4 3 1\n\
                 y = ScatterElements(x, i, u, reduction=\"add\")",
                "u8[2] = 1 2",
            ),
            (
                "nan is the largest",
                "x: f32[2] = nan 1\ni: i64[2] = 0 1\nu: f32[2] = 4 nan\n\
                 y = ScatterElements(x, i, u, reduction=\"max\")",
                "f32[2] = nan nan",
            ),
        ]);
    }

    #[test]
    fn refusals() {
        refuse(&[
            ("types", "x: f32[2]\ni: i64[1]\nu: i64[1]\ny = ScatterElements(x, i, u)", "cannot update"),
            ("shapes", "x: f32[2]\ni: i64[1]\nu: f32[2]\ny = ScatterElements(x, i, u)", "not of the shape"),
            (
                "bools do not add",
                "x: bool[2]\ni: i64[1]\nu: bool[1]\ny = ScatterElements(x, i, u, reduction=\"add\")",
                "Add on bool[2]",
            ),
            (
                "reduction",
                "x: f32[2]\ni: i64[1]\nu: f32[1]\ny = ScatterElements(x, i, u, reduction=\"mean\")",
                "\"mean\"",
            ),
        ]);
    }
}
