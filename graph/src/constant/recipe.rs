//! Weights that no file holds: the numbers that a tensor's recipe stands for, as `fixtures/seeded.py` makes them.

use std::ops::Range;
use std::sync::Arc;

use crate::tensor::{Data, Tensor};

/// 2^64 divided by the golden ratio, the step of SplitMix64.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
const SQRT_3: f32 = 1.732_050_8;

/// A way to compute a tensor: a seed, a mean, a deviation and an order.
///
/// Element `i` is made of output `i` of SplitMix64 (Steele, Lea, Flood 2014, <https://doi.org/10.1145/2660193.2660195>)
/// started at the seed: its upper 24 bits are a number in `[-1, 1)`, which is multiplied by `deviation * sqrt(3)`
/// and added to the mean, each step rounded to f32.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    seed: u64,
    mean: f32,
    deviation: f32,
    column_major: bool,
}

impl Recipe {
    /// A recipe of these parts.
    pub fn new(seed: u64, mean: f32, deviation: f32, column_major: bool) -> Recipe {
        Recipe { seed, mean, deviation, column_major }
    }

    /// The recipe of the transposed matrix.
    pub fn turned(self) -> Recipe {
        Recipe { column_major: !self.column_major, ..self }
    }

    /// The tensor of this shape.
    pub fn tensor(&self, shape: Vec<usize>) -> Tensor {
        let columns = 0..shape.last().copied().unwrap_or(1);
        let data = self.elements(&shape, &columns, 0..shape.iter().product());
        Tensor { shape, data }
    }

    /// Some of the elements, in row-major order, of these columns (what lies along the last axis) of the tensor of this
    /// shape.
    pub fn elements(&self, shape: &[usize], columns: &Range<usize>, places: Range<usize>) -> Data {
        let (extent, width) = (shape.last().copied().unwrap_or(1), columns.len().max(1));
        let whole = |at: usize| match width == extent {
            true => at,
            false => at / width * extent + columns.start + at % width,
        };
        let elements: Arc<[f32]> = match shape {
            &[rows, extent] if self.column_major => {
                let index = |at: usize| (at % extent * rows + at / extent) as u64;
                places.map(|at| self.element(index(whole(at)))).collect()
            }
            _ => places.map(|at| self.element(whole(at) as u64)).collect(),
        };
        Data::F32(elements)
    }

    fn element(&self, index: u64) -> f32 {
        // 24 bits fit an f32 exactly.
        let uniform = (random(self.seed, index) >> 40) as f32 / (1u32 << 23) as f32 - 1.0;
        uniform * (self.deviation * SQRT_3) + self.mean
    }
}

/// Output `index` of SplitMix64 started at the seed.
pub fn random(seed: u64, index: u64) -> u64 {
    mixed(seed.wrapping_add(GOLDEN.wrapping_mul(index.wrapping_add(1))))
}

fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs for seed 1234567, as the generator's authors publish them.
        let outputs = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423u64];
        for (at, expected) in (0..).zip(outputs) {
            assert_eq!(random(1_234_567, at), expected, "output {at}");
        }
    }

    #[test]
    fn elements_are_those_of_the_fixtures_script() {
        // From `Recipe(...).array(...)` in fixtures/seeded.py.
        let cases = [
            (
                Recipe { seed: 42, mean: 0.5, deviation: 0.25, column_major: false },
                vec![6],
                [0.709_201_34, 0.205_473_75, 0.308_262_94, 0.365_065_16, 0.099_922_39, 0.818_894_8],
            ),
            (
                Recipe { seed: u64::MAX, mean: 1.0, deviation: 0.02, column_major: true },
                vec![2, 3],
                [1.027_293_2, 0.980_565_13, 1.014_242_4, 1.028_585_6, 0.994_889_4, 1.022_494],
            ),
        ];
        for (recipe, shape, expected) in cases {
            let all = 0..shape.last().copied().unwrap();
            assert_eq!(recipe.elements(&shape, &all, 0..6), Data::F32(expected.into()), "{recipe:?}");
            assert_eq!(recipe.elements(&shape, &all, 2..5), Data::F32(expected[2..5].into()), "{recipe:?}");
        }
    }
}
