//! Cases of i64 that 32 bits do not hold, and of floats that are cast to integers which do not hold them.

use super::table::{Cases, given};
use crate::ops::*;
use crate::{DataType, Tensor, TensorType};

/// Around the ends of 32 and of 64 bits.
const LEFT: [i64; 12] = [
    0,
    -1,
    i32::MAX as i64,
    i32::MIN as i64,
    1 << 32,
    -(1 << 31) - 1,
    65_536,
    -4_900_000_000,
    i64::MAX,
    i64::MIN,
    6_700_417_641,
    1_000_000_007,
];
const RIGHT: [i64; 12] =
    [5, i64::MAX, 1, -1, 65_536, 1 << 33, 65_536, -70_000, i64::MAX, i32::MIN as i64, -641, -1_000_000_007];

/// Adds the cases.
pub(super) fn add(cases: &mut Cases) {
    let numbers = || Some(Tensor::vector(LEFT));
    let i64s = |shape: &[usize]| TensorType::new(DataType::I64, shape);
    for_pairs(cases);
    for operator in [Unary::Abs, Unary::Neg, Unary::Sign, Unary::BitwiseNot] {
        cases.add(&format!("{operator:?} of large i64"), operator, vec![numbers()], i64s(&[12]));
    }
    for (exclusive, reverse) in [(false, false), (true, true)] {
        let sum = CumulativeSum { axis: 0, exclusive, reverse };
        cases.add(&format!("{sum:?} of large i64"), sum, vec![numbers()], i64s(&[12]));
    }
    let table = || Tensor::new([3, 4], LEFT.to_vec()).ok();
    for reduction in [Reduction::Sum, Reduction::Mean, Reduction::Max, Reduction::Min, Reduction::Prod] {
        let reduce = Reduce { reduction, axes: vec![0], keep_dimensions: false };
        cases.add(&format!("{reduction:?} of large i64"), reduce, vec![table()], i64s(&[4]));
    }
    // Whatever the rows hold, one is shared by a whole workgroup.
    let long: Vec<i64> = (0..600).map(|at| LEFT[at % 12] / 7 + at as i64).collect();
    for reduction in [Reduction::Sum, Reduction::Max] {
        let reduce = Reduce { reduction, axes: vec![0], keep_dimensions: true };
        cases.add(
            &format!("{reduction:?} of many large i64"),
            reduce,
            vec![Some(Tensor::vector(long.clone()))],
            i64s(&[1]),
        );
    }
    moves(cases);
    casts(cases);
}

fn for_pairs(cases: &mut Cases) {
    use Binary::*;
    let compare = [Equal, Greater, GreaterOrEqual, Less, LessOrEqual];
    let arithmetic = [Add, Sub, Mul, Max, Min, BitwiseAnd, BitwiseOr, BitwiseXor, Div, Mod, Remainder];
    for operator in arithmetic.into_iter().chain(compare) {
        let data_type = if compare.contains(&operator) { DataType::Bool } else { DataType::I64 };
        let inputs = vec![Some(Tensor::vector(LEFT)), Some(Tensor::vector(RIGHT))];
        let output = TensorType::new(data_type, [12]);
        cases.add(&format!("{operator:?} of large i64"), operator, inputs, output);
    }
    let base = Tensor::vector([2i64, -3, 10, 1, -1, -1, 7, 0]);
    let exponent = Tensor::vector([62i64, 39, 18, i64::MAX, i64::MAX, -4, -1, 3]);
    let output = TensorType::new(DataType::I64, [8]);
    cases.add("Pow of large i64", Pow, vec![Some(base), Some(exponent)], output);
}

/// Operators that move elements, or say where they lie.
fn moves(cases: &mut Cases) {
    let table = || Tensor::new([3, 4], LEFT.to_vec()).ok();
    let picks = |picks: &[i64]| Some(Tensor::vector(picks));
    let i64s = |shape: &[usize]| TensorType::new(DataType::I64, shape);
    let turn = Transpose { permutation: vec![1, 0] };
    cases.add("Transpose of large i64", turn, vec![table()], i64s(&[4, 3]));
    cases.add("Gather of large i64", Gather { axis: 0 }, vec![table(), picks(&[2, 0, -1])], i64s(&[3, 4]));
    cases.add("Concat of large i64", Concat { axis: 0 }, vec![table(), table()], i64s(&[6, 4]));
    let condition = Some(Tensor::vector([true, false, false, true]));
    cases.add("Where of large i64", Select, vec![condition, table(), picks(&[7])], i64s(&[3, 4]));
    let pad = Pad { mode: PadMode::Constant, before: vec![0, 1], after: vec![1, 0] };
    let fill = Some(Tensor::scalar(i64::MIN));
    cases.add("Pad of large i64", pad, vec![table(), fill], i64s(&[4, 5]));
    for largest in [true, false] {
        let search = ArgReduce { axis: 1, largest, last: false };
        cases.add(&format!("place in large i64, largest {largest}"), search, vec![table()], i64s(&[3]));
        let order = Order { axis: 1, largest, count: 4 };
        cases.add(&format!("order of large i64, largest {largest}"), order, vec![table()], i64s(&[3, 4]));
    }
    for scatter in [Scatter::Replace, Scatter::Add, Scatter::Max] {
        let places = Tensor::new([2, 1], vec![2i64, 0]).ok();
        let updates = Tensor::new([2, 4], RIGHT[..8].to_vec()).ok();
        let name = format!("scatter {scatter:?} of large i64");
        cases.add(&name, ScatterNd { scatter }, vec![table(), places, updates], i64s(&[3, 4]));
    }
}

fn casts(cases: &mut Cases) {
    for to in [DataType::F32, DataType::I64, DataType::I32, DataType::I8, DataType::U8, DataType::Bool] {
        let output = TensorType::new(to, [12]);
        let inputs = vec![Some(Tensor::vector(LEFT))];
        cases.add(&format!("cast of large i64 to {to}"), Cast { to }, inputs, output);
        let floats = [
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            3e9,
            -3e9,
            1e20,
            -9.3e18,
            2_147_483_648.0,
            -2_147_483_648.0,
            300.7,
            -300.7,
            0.5,
        ];
        let output = TensorType::new(to, [12]);
        let inputs = vec![Some(given(&[12], &floats))];
        cases.add(&format!("cast of floats that do not fit to {to}"), Cast { to }, inputs, output);
    }
}
