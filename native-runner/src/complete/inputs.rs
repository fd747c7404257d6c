//! Makes up inputs for a model that comes without any, elements from a seed and within what the model accepts. Pure.

use std::collections::BTreeMap;

use fastrand::Rng;
use graph::onnx::{Input, Model, Uses};
use graph::{Data, DataType, Tensor};
use half::f16;

use super::extents::Extents;

/// The seed that all random elements follow from.
pub const SEED: u64 = 1;
/// The fillings of inputs, by how their names end: the customs of text and speech models.
const FILLINGS: [(&str, Filling); 5] = [
    ("mask", Filling::Ones),
    ("token_type_ids", Filling::Below(1)),
    ("position_ids", Filling::Places),
    ("lengths", Filling::Length),
    ("length", Filling::Length),
];

/// The elements that an input is filled with.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Filling {
    Ones,
    /// 0, 1, 2, … along the last dimension.
    Places,
    /// The extent of the second dimension of the first input that has one.
    Length,
    /// One number everywhere.
    Same(f32),
    /// Integers of at least 0 and less than this.
    Below(usize),
    /// Floats in [-1, 1); integers 0 and 1, which every vocabulary and every table has.
    Random,
}

/// A tensor for every input.
pub fn of(model: &Model, extents: &Extents) -> BTreeMap<String, Tensor> {
    let mut random = Rng::with_seed(SEED);
    let lengths = model.inputs.iter().filter_map(|input| extents.shapes.get(&input.name)?.get(1));
    let length = lengths.copied().next().unwrap_or(1);
    let tensor = |input: &Input| {
        let shape = extents.shapes.get(&input.name).cloned().unwrap_or_default();
        let filling = match Filling::of(input, &model.uses(&input.name), &shape) {
            Filling::Length => Filling::Same(length as f32),
            other => other,
        };
        let data = data(filling, input.data_type, &shape, &mut random);
        (input.name.clone(), Tensor { shape, data })
    };
    model.inputs.iter().map(tensor).collect()
}

/// A folder's own input at another shape: its elements as far as it has them, drawn from among them beyond, but for `single`,
/// which stays as often as it is there. A mask is all ones then, and positions are counted anew.
pub fn resized(name: &str, own: &Tensor, shape: &[usize], single: Option<i64>, random: &mut Rng) -> Tensor {
    if own.shape == shape {
        return own.clone();
    }
    let by_name = FILLINGS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, filling)| *filling);
    let switches = own.to_f32_vec().iter().all(|element| [0.0, 1.0].contains(element));
    match by_name {
        Some(filling @ Filling::Places) => made(filling, own.data_type(), shape, random),
        Some(filling @ Filling::Ones) if switches => made(filling, own.data_type(), shape, random),
        _ => spread(own, shape, single, random),
    }
}

fn made(filling: Filling, data_type: DataType, shape: &[usize], random: &mut Rng) -> Tensor {
    Tensor { shape: shape.to_vec(), data: data(filling, data_type, shape, random) }
}

fn spread(own: &Tensor, shape: &[usize], single: Option<i64>, random: &mut Rng) -> Tensor {
    let (bytes, size) = (own.to_le_bytes(), own.data_type().size_bytes());
    let integers = own.to_i64_vec().unwrap_or_default();
    let is_single = |at: &usize| single.is_some() && integers.get(*at).copied() == single;
    let drawn: Vec<usize> = (0..own.len()).filter(|at| !is_single(at)).collect();
    let mut elements = Vec::with_capacity(shape.iter().product::<usize>() * size);
    for at in 0..shape.iter().product() {
        let kept = place_in(at, shape, &own.shape);
        let from = kept.or_else(|| drawn.get(random.usize(0..drawn.len().max(1))).copied());
        match from.and_then(|from| bytes.get(from * size..(from + 1) * size)) {
            Some(element) => elements.extend_from_slice(element),
            // Nothing to draw from.
            None => elements.resize(elements.len() + size, 0),
        }
    }
    Tensor { shape: shape.to_vec(), data: Data::from_le_bytes(own.data_type(), &elements) }
}

/// Returns where the element at this place of a shape lies in another of as many dimensions, if it does.
fn place_in(mut at: usize, shape: &[usize], other: &[usize]) -> Option<usize> {
    let (mut place, mut stride) = (0, 1);
    for (extent, own) in shape.iter().zip(other).rev() {
        let coordinate = at % extent;
        at /= extent;
        if coordinate >= *own {
            return None;
        }
        place += coordinate * stride;
        stride *= own;
    }
    Some(place)
}

/// The inputs as the model declares them, and the shapes that they got.
pub fn described(model: &Model, tensors: &BTreeMap<String, Tensor>) -> String {
    let described = model.inputs.iter().map(|input| {
        let given = tensors.get(&input.name).map(|tensor| tensor.tensor_type().to_string());
        format!("{} ({input}) as {}", input.name, given.unwrap_or_default())
    });
    described.collect::<Vec<_>>().join(", ")
}

impl Filling {
    fn of(input: &Input, uses: &Uses, shape: &[usize]) -> Filling {
        let is_one = shape.iter().product::<usize>() == 1;
        let switch = uses.compared_with.as_ref().filter(|_| is_one);
        let switch = switch.and_then(|tensor| tensor.to_f32_vec().first().copied());
        let by_name =
            FILLINGS.iter().find(|(ending, _)| input.name.ends_with(ending)).map(|(_, filling)| *filling);
        match (by_name, uses.rows.filter(|rows| *rows > 0), switch) {
            (Some(Filling::Below(_)), Some(rows), _) => Filling::Below(rows),
            (Some(filling), ..) => filling,
            (None, _, Some(value)) => Filling::Same(value),
            // Mostly a mask or a switch.
            (None, ..) if input.data_type == DataType::Bool => Filling::Ones,
            (None, Some(rows), None) => Filling::Below(rows),
            (None, None, None) => Filling::Random,
        }
    }

    /// The element at `place` of a row.
    fn integer(self, place: usize, random: &mut Rng) -> i64 {
        match self {
            Filling::Ones => 1,
            Filling::Places => place as i64,
            Filling::Same(value) => value as i64,
            Filling::Below(limit) => random.i64(0..limit.max(1) as i64),
            Filling::Random | Filling::Length => random.i64(0..2),
        }
    }

    fn float(self, place: usize, random: &mut Rng) -> f32 {
        match self {
            Filling::Random => random.f32() * 2.0 - 1.0,
            Filling::Same(value) => value,
            Filling::Ones | Filling::Places | Filling::Length | Filling::Below(_) => {
                self.integer(place, random) as f32
            }
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

    fn filled(name: &str, data_type: DataType, shape: &[usize], uses: &Uses) -> Data {
        let input = Input { name: name.to_owned(), data_type, dimensions: None };
        data(Filling::of(&input, uses, shape), data_type, shape, &mut Rng::with_seed(SEED))
    }

    #[test]
    fn elements_follow_the_customs_of_text_models() {
        for (name, data_type, expected) in [
            ("attention_mask", DataType::I64, Data::from(vec![1i64; 6])),
            ("attention_mask", DataType::F32, Data::from(vec![1f32; 6])),
            ("bool_mask", DataType::Bool, Data::from(vec![true; 6])),
            ("use_cache_branch", DataType::Bool, Data::from(vec![true; 6])),
            ("token_type_ids", DataType::I64, Data::from(vec![0i64; 6])),
            ("decoder_position_ids", DataType::I32, Data::from(vec![0i32, 1, 2, 0, 1, 2])),
        ] {
            assert_eq!(filled(name, data_type, &[2, 3], &Uses::default()), expected, "{name}");
        }
        let Data::F32(floats) = filled("pixel_values", DataType::F32, &[2, 3], &Uses::default()) else {
            panic!("another type")
        };
        assert!(
            floats.iter().all(|float| (-1.0..1.0).contains(float)) && floats[0] != floats[1],
            "{floats:?}"
        );
        let again = || filled("input_ids", DataType::I64, &[2, 3], &Uses::default());
        assert_eq!(again(), again(), "the same every time");
    }

    #[test]
    fn other_extents_keep_what_there_is_and_draw_the_rest_from_it() {
        let own = Tensor::new([2, 3], vec![1i64, 31, 2, 3, 4, 31]).unwrap();
        let mut random = Rng::with_seed(SEED);
        let smaller = resized("ids", &own, &[1, 2], None, &mut random);
        assert_eq!(smaller, Tensor::new([1, 2], vec![1i64, 31]).unwrap());
        let larger = resized("ids", &own, &[3, 5], Some(31), &mut random).to_i64_vec().unwrap();
        assert_eq!([&larger[..3], &larger[5..8]].concat(), [1, 31, 2, 3, 4, 31]);
        let drawn = [&larger[3..5], &larger[8..]].concat();
        assert!(drawn.iter().all(|id| (1..=4).contains(id)), "{drawn:?}");
        for (name, own, expected) in [
            ("attention_mask", vec![1i64, 0], vec![1i64, 1, 1, 1]),
            ("position_ids", vec![0, 1], vec![0, 1, 2, 3]),
            ("depth_mask", vec![7, 7], vec![7, 7, 7, 7]),
        ] {
            let own = Tensor::new([1, 2], own).unwrap();
            let found = resized(name, &own, &[1, 4], None, &mut random);
            assert_eq!(found, Tensor::new([1, 4], expected).unwrap(), "{name}");
        }
    }

    #[test]
    fn integers_are_drawn_from_what_the_model_accepts() {
        let rows = |rows| Uses { rows, ..Uses::default() };
        let switch = Uses { compared_with: Some(Tensor::scalar(16_000i64)), ..Uses::default() };
        // All that may be drawn, of 200.
        for (name, uses, expected) in [
            ("input_ids", rows(None), 0..=1),
            ("input_ids", rows(Some(5)), 0..=4),
            ("token_type_ids", rows(None), 0..=0),
            ("token_type_ids", rows(Some(2)), 0..=1),
        ] {
            let Data::I64(drawn) = filled(name, DataType::I64, &[200], &uses) else { panic!("another type") };
            let (least, most) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
            assert_eq!(*least..=*most, expected, "{name} {uses:?}");
        }
        assert_eq!(filled("sr", DataType::I64, &[], &switch), Data::from(vec![16_000i64]));
        assert_ne!(filled("many", DataType::I64, &[4], &switch), Data::from(vec![16_000i64; 4]));
    }
}
