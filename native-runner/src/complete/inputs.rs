//! Makes up inputs for a model that comes without any: shapes from what it declares, elements from a seed. Pure.

use std::collections::BTreeMap;

use fastrand::Rng;
use graph::onnx::{Dimension, Input, Model};
use graph::{Data, DataType, Tensor};
use half::f16;

use crate::error::RunnerError;

/// What all random elements follow from.
pub const SEED: u64 = 1;
/// The extent of an open dimension of which nothing is known.
const EXTENT: usize = 8;
/// Extents of the others, by what is in their names; a total is of what is past and what is new.
const EXTENTS: [(&str, usize); 5] =
    [("batch", 1), ("channel", 3), ("height", 224), ("width", 224), ("total", 2 * EXTENT)];
/// What inputs are filled with, by how their names end: the customs of text models.
const FILLINGS: [(&str, Filling); 3] =
    [("mask", Filling::Ones), ("token_type_ids", Filling::Zeros), ("position_ids", Filling::Places)];
/// More is refused: a file of a few bytes can declare any shape.
const MOST_ELEMENTS: usize = 1 << 28;

/// What an input's elements are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Filling {
    Ones,
    Zeros,
    /// 0, 1, 2, … along the last dimension.
    Places,
    /// Floats in [-1, 1); integers 0 and 1, which every vocabulary and every table has.
    Random,
}

/// A tensor for every input, open dimensions as `extents` says or by custom.
///
/// # Errors
/// An input whose number of dimensions is open, or that is too large.
pub fn of(
    model_name: &str,
    model: &Model,
    extents: &BTreeMap<String, usize>,
) -> Result<BTreeMap<String, Tensor>, RunnerError> {
    let mut random = Rng::with_seed(SEED);
    let tensor = |input: &Input| {
        let shape = shape(input, extents).map_err(|reason| RunnerError::NoInput {
            model: model_name.to_owned(),
            input: input.name.clone(),
            reason,
        })?;
        let data = data(Filling::of(input), input.data_type, &shape, &mut random);
        Ok((input.name.clone(), Tensor { shape, data }))
    };
    model.inputs.iter().map(tensor).collect()
}

/// The inputs as the model declares them, and the shapes that they got.
pub fn described(model: &Model, tensors: &BTreeMap<String, Tensor>) -> String {
    let described = model.inputs.iter().map(|input| {
        let given = tensors.get(&input.name).map(|tensor| tensor.tensor_type().to_string());
        format!("{} ({input}) as {}", input.name, given.unwrap_or_default())
    });
    described.collect::<Vec<_>>().join(", ")
}

fn shape(input: &Input, extents: &BTreeMap<String, usize>) -> Result<Vec<usize>, String> {
    let Some(dimensions) = &input.dimensions else {
        return Err("the model does not say how many dimensions it has".to_owned());
    };
    let shape: Vec<usize> =
        dimensions.iter().enumerate().map(|(axis, dimension)| extent(axis, dimension, extents)).collect();
    let count = shape.iter().try_fold(1usize, |count, extent| count.checked_mul(*extent));
    match count.is_some_and(|count| count <= MOST_ELEMENTS) {
        true => Ok(shape),
        false => Err(format!("{shape:?} has more than {MOST_ELEMENTS} elements")),
    }
}

fn extent(axis: usize, dimension: &Dimension, extents: &BTreeMap<String, usize>) -> usize {
    match dimension {
        Dimension::Fixed(extent) => *extent,
        Dimension::Symbol(name) => symbol(name, extents),
        Dimension::Any if axis == 0 => 1,
        Dimension::Any => EXTENT,
    }
}

/// A symbol's extent; exporters also write sums of symbols and numbers (`past_sequence_length + 1`).
fn symbol(name: &str, extents: &BTreeMap<String, usize>) -> usize {
    if let Some(extent) = extents.get(name) {
        return *extent;
    }
    if let Ok(number) = name.parse() {
        return number;
    }
    if let Some((left, right)) = name.split_once('+') {
        return symbol(left.trim(), extents).saturating_add(symbol(right.trim(), extents));
    }
    let name = name.to_lowercase();
    EXTENTS.iter().find(|(part, _)| name.contains(part)).map_or(EXTENT, |(_, extent)| *extent)
}

impl Filling {
    fn of(input: &Input) -> Filling {
        let known = FILLINGS.iter().find(|(ending, _)| input.name.ends_with(ending));
        match (known, input.data_type) {
            (Some((_, filling)), _) => *filling,
            // Mostly a mask or a switch.
            (None, DataType::Bool) => Filling::Ones,
            (None, _) => Filling::Random,
        }
    }

    /// The element at `place` of a row.
    fn integer(self, place: usize, random: &mut Rng) -> i64 {
        match self {
            Filling::Ones => 1,
            Filling::Zeros => 0,
            Filling::Places => place as i64,
            Filling::Random => random.i64(0..2),
        }
    }

    fn float(self, place: usize, random: &mut Rng) -> f32 {
        match self {
            Filling::Random => random.f32() * 2.0 - 1.0,
            Filling::Ones | Filling::Zeros | Filling::Places => self.integer(place, random) as f32,
        }
    }
}

fn data(filling: Filling, data_type: DataType, shape: &[usize], random: &mut Rng) -> Data {
    let row = shape.last().copied().unwrap_or(1);
    let places = (0..shape.iter().product()).map(|at: usize| at % row);
    match data_type {
        DataType::F32 => Data::F32(places.map(|place| filling.float(place, random)).collect()),
        DataType::F16 => Data::F16(places.map(|place| f16::from_f32(filling.float(place, random))).collect()),
        DataType::I64 => Data::I64(places.map(|place| filling.integer(place, random)).collect()),
        DataType::I32 => Data::I32(places.map(|place| filling.integer(place, random) as i32).collect()),
        DataType::U8 => Data::U8(places.map(|place| filling.integer(place, random) as u8).collect()),
        DataType::I8 => Data::I8(places.map(|place| filling.integer(place, random) as i8).collect()),
        DataType::Bool => Data::Bool(places.map(|place| filling.integer(place, random) != 0).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, data_type: DataType, dimensions: &[Dimension]) -> Input {
        Input { name: name.to_owned(), data_type, dimensions: Some(dimensions.to_vec()) }
    }

    fn symbol(name: &str) -> Dimension {
        Dimension::Symbol(name.to_owned())
    }

    #[test]
    fn open_dimensions_are_what_they_are_called() {
        let extents = BTreeMap::from([("past".to_owned(), 4), ("frames".to_owned(), 3000)]);
        for (dimensions, expected) in [
            (&[][..], &[][..]),
            (&[Dimension::Fixed(5), Dimension::Fixed(0)], &[5, 0]),
            (&[Dimension::Any, Dimension::Any], &[1, 8]),
            (&[symbol("batch_size"), symbol("sequence_length")], &[1, 8]),
            (
                &[symbol("Batch"), symbol("num_channels"), symbol("height"), symbol("width")],
                &[1, 3, 224, 224],
            ),
            (
                &[symbol("batch"), symbol("past + 1"), symbol("past + sequence"), symbol("12")],
                &[1, 5, 12, 12],
            ),
            (&[symbol("frames"), symbol("total_sequence_length")], &[3000, 16]),
        ] {
            let input = input("x", DataType::F32, dimensions);
            assert_eq!(shape(&input, &extents).unwrap(), expected, "{dimensions:?}");
        }
    }

    #[test]
    fn a_shape_that_nobody_can_make_is_refused() {
        let huge = input("x", DataType::U8, &[Dimension::Fixed(1 << 40), Dimension::Fixed(1 << 40)]);
        assert!(shape(&huge, &BTreeMap::new()).unwrap_err().contains("more than"));
        let open = Input { dimensions: None, ..huge };
        assert!(shape(&open, &BTreeMap::new()).unwrap_err().contains("how many dimensions"));
    }

    #[test]
    fn elements_follow_the_customs_of_text_models() {
        let made = |name: &str, data_type: DataType| {
            let input = input(name, data_type, &[]);
            data(Filling::of(&input), data_type, &[2, 3], &mut Rng::with_seed(SEED))
        };
        for (name, data_type, expected) in [
            ("attention_mask", DataType::I64, Data::from(vec![1i64; 6])),
            ("attention_mask", DataType::F32, Data::from(vec![1f32; 6])),
            ("bool_mask", DataType::Bool, Data::from(vec![true; 6])),
            ("use_cache_branch", DataType::Bool, Data::from(vec![true; 6])),
            ("token_type_ids", DataType::I64, Data::from(vec![0i64; 6])),
            ("decoder_position_ids", DataType::I32, Data::from(vec![0i32, 1, 2, 0, 1, 2])),
        ] {
            assert_eq!(made(name, data_type), expected, "{name}");
        }
        let Data::I64(ids) = made("input_ids", DataType::I64) else { panic!("another type") };
        assert!(ids.iter().all(|id| (0..2).contains(id)) && ids.contains(&0) && ids.contains(&1), "{ids:?}");
        let Data::F32(floats) = made("pixel_values", DataType::F32) else { panic!("another type") };
        assert!(
            floats.iter().all(|float| (-1.0..1.0).contains(float)) && floats[0] != floats[1],
            "{floats:?}"
        );
        assert_eq!(made("input_ids", DataType::I64), made("input_ids", DataType::I64), "the same every time");
    }
}
