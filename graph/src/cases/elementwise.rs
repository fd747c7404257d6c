//! Cases of element-wise operators.

use super::table::{Cases, floats, given, whole};
use crate::ops::*;
use crate::{Data, DataType, Tensor, TensorType};

/// Adds the cases.
pub(super) fn add(cases: &mut Cases) {
    use Binary::*;
    let typed = |data_type, shape: &[usize]| TensorType { data_type, shape: shape.to_vec() };
    let shapes: [(&[usize], &[usize], &[usize]); 7] = [
        (&[2, 3, 8], &[2, 3, 8], &[2, 3, 8]),
        (&[2, 3, 8], &[8], &[2, 3, 8]),
        (&[2, 3, 8], &[3, 1], &[2, 3, 8]),
        (&[2, 3, 5], &[2, 1, 5], &[2, 3, 5]),
        (&[5], &[], &[5]),
        (&[4, 1], &[1, 3], &[4, 3]),
        (&[2, 0, 8], &[8], &[2, 0, 8]),
    ];
    for (a, b, y) in shapes {
        cases.float(&format!("Add {a:?} {b:?}"), Add, vec![Some(floats(a, 61)), Some(floats(b, 62))], y);
    }
    let compare = [Equal, Greater, GreaterOrEqual, Less, LessOrEqual];
    for data_type in [DataType::F32, DataType::I64, DataType::I32, DataType::U8, DataType::I8] {
        for operator in [Add, Sub, Mul, Max, Min].into_iter().chain(compare) {
            for shape in [&[2, 8][..], &[3, 5]] {
                let result = if compare.contains(&operator) { DataType::Bool } else { data_type };
                let inputs = vec![Some(whole(data_type, shape, 63)), Some(whole(data_type, shape, 64))];
                cases.add(
                    &format!("{operator:?} {data_type} {shape:?}"),
                    operator,
                    inputs,
                    typed(result, shape),
                );
            }
        }
    }
    for shape in [&[2, 8][..], &[3, 5]] {
        for operator in [And, Or, Xor, Equal] {
            let inputs = vec![Some(whole(DataType::Bool, shape, 65)), Some(whole(DataType::Bool, shape, 66))];
            cases.add(
                &format!("{operator:?} bool {shape:?}"),
                operator,
                inputs,
                typed(DataType::Bool, shape),
            );
        }
        let inputs = vec![Some(floats(shape, 67)), Some(floats(shape, 68))];
        cases.float(&format!("Div {shape:?}"), Div, inputs, shape);
        let condition = whole(DataType::Bool, shape, 69);
        for data_type in DataType::ALL {
            let operands = [whole(data_type, shape, 70), whole(data_type, &[1], 71)];
            let inputs = [condition.clone()].into_iter().chain(operands).map(Some).collect();
            cases.add(&format!("Where {data_type} {shape:?}"), Select, inputs, typed(data_type, shape));
        }
    }
    let by = Tensor { shape: vec![5], data: Data::I64([3, -2, 2, 5, -1].into()) };
    let divided = Tensor { shape: vec![5], data: Data::I64([7, 7, -7, -3, 9].into()) };
    cases.add("Div i64", Div, vec![Some(divided), Some(by)], typed(DataType::I64, &[5]));
    powers(cases);
    integers(cases);
    unaries(cases);
    functions(cases);
    casts(cases);
}

fn powers(cases: &mut Cases) {
    let base = given(&[12], &[2.0, -2.0, -2.0, 0.0, 0.0, 3.0, -3.0, 1.5, 9.0, -1.0, 10.0, -8.0]);
    let by = given(&[12], &[3.0, 2.0, 3.0, 0.0, 2.0, -1.0, 1.0, 0.5, 0.5, 0.5, -3.0, 0.0]);
    cases.float("Pow", Binary::Pow, vec![Some(base.clone()), Some(by)], &[12]);
    let whole = Tensor { shape: vec![], data: Data::I64([3].into()) };
    cases.float("Pow by an integer", Binary::Pow, vec![Some(base), Some(whole)], &[12]);
}

/// Operators that integers have: remainders, bits and powers.
fn integers(cases: &mut Cases) {
    use Binary::{BitwiseAnd, BitwiseOr, BitwiseXor, Mod, Pow, Remainder, ShiftLeft, ShiftRight};
    for data_type in [DataType::I64, DataType::I32, DataType::U8, DataType::I8] {
        for shape in [&[2, 8][..], &[3, 5]] {
            let (left, right) = (whole(data_type, shape, 74), whole(data_type, shape, 75));
            let add = |cases: &mut Cases, operator: Binary, right: &Tensor| {
                let inputs = vec![Some(left.clone()), Some(right.clone())];
                let name = format!("{operator:?} {data_type} {shape:?}");
                cases.add(&name, operator, inputs, TensorType::new(data_type, shape));
            };
            for operator in [BitwiseAnd, BitwiseOr, BitwiseXor, Pow] {
                add(cases, operator, &right);
            }
            for operator in [Mod, Remainder] {
                add(cases, operator, &without_zeros(&right));
            }
            if matches!(data_type, DataType::U8 | DataType::I32) {
                add(cases, ShiftLeft, &right);
                add(cases, ShiftRight, &right);
            }
        }
    }
    let numbers = |numbers: [i32; 8]| Some(Tensor::vector(numbers.as_slice()));
    let output = TensorType::new(DataType::I32, [8]);
    let (bits, by) = (numbers([1, 1, 1, -8, -8, 7, 3, 1]), numbers([31, 32, 40, 1, 32, -1, 30, 0]));
    cases.add("ShiftLeft by any number", ShiftLeft, vec![bits.clone(), by.clone()], output.clone());
    cases.add("ShiftRight by any number", ShiftRight, vec![bits, by], output.clone());
    let (base, by) = (numbers([0, 0, 1, -1, -1, 2, -3, 10]), numbers([0, -1, -5, -2, -3, -1, 3, 9]));
    cases.add("Pow i32 of negative exponents", Pow, vec![base, by], output);
}

fn without_zeros(tensor: &Tensor) -> Tensor {
    let integers = tensor.to_i64_vec().unwrap_or_default().into_iter();
    let data = Data::from_integers(tensor.data_type(), integers.map(|x| if x == 0 { 3 } else { x }));
    Tensor { shape: tensor.shape.clone(), data }
}

/// Functions of floats, where they are defined and where they are not.
fn functions(cases: &mut Cases) {
    use Unary::{
        Acos, Acosh, Asin, Asinh, Atan, Atanh, BitwiseNot, Ceil, Cosh, IsInf, Round, Sign, Sinh, Tan,
    };
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    let within = [-1.0, -0.99, -0.5, -0.1, -1e-3, 0.0, 1e-3, 0.1, 0.5, 0.7, 0.99, 1.0];
    let inside = [-0.99, -0.9, -0.5, -0.1, -1e-3, 0.0, 1e-3, 0.1, 0.5, 0.7, 0.9, 0.99];
    let above = [1.0, 1.001, 1.1, 1.5, 2.0, 3.0, 10.0, 1e2, 1e4, 1e10, 1e20, 3e38];
    let modest = [-8.0, -3.0, -1.2, -0.5, -1e-2, -1e-4, 0.0, 1e-3, 0.5, 1.4, 2.0, 7.5];
    let large = [-1e30, -1e10, -1e3, -3.0, -0.5, -1e-3, 0.0, 1e-3, 0.7, 2.0, 1e5, 3e38];
    let halves = [-2.5, -1.5, -0.5, -0.2, 0.0, 0.5, 1.5, 2.5, 2.6, 8388609.0, 1e20, -7.0];
    for (operator, numbers) in [
        (Tan, modest),
        (Asin, within),
        (Acos, within),
        (Atan, large),
        (Sinh, modest),
        (Cosh, modest),
        (Asinh, large),
        (Acosh, above),
        (Atanh, inside),
        (Ceil, halves),
        (Round, halves),
        (Sign, large),
    ] {
        for count in [12, 11] {
            let input = given(&[count], &numbers[..count]);
            cases.float(&format!("{operator:?} {count}"), operator, vec![Some(input)], &[count]);
        }
    }
    for (operator, numbers) in
        [(Asin, [2.0, -1.5]), (Acos, [2.0, -1.5]), (Acosh, [0.5, -2.0]), (Sign, [nan, 1.0])]
    {
        let input = given(&[2], &numbers);
        cases.float(&format!("{operator:?} undefined"), operator, vec![Some(input)], &[2]);
    }
    for (negative, positive) in [(true, true), (true, false), (false, true), (false, false)] {
        let input = given(&[5], &[infinity, -infinity, nan, 0.0, 3e38]);
        let output = TensorType::new(DataType::Bool, [5]);
        let name = format!("IsInf {negative} {positive}");
        cases.add(&name, IsInf { negative, positive }, vec![Some(input)], output);
    }
    for data_type in [DataType::I64, DataType::I32, DataType::I8, DataType::U8] {
        for operator in [Sign, BitwiseNot] {
            let output = TensorType::new(data_type, [8]);
            let input = whole(data_type, &[8], 76);
            cases.add(&format!("{operator:?} {data_type}"), operator, vec![Some(input)], output);
        }
    }
    let (left, right) = (
        given(&[8], &[7.5, -7.5, 7.5, -7.5, 3.0, 0.5, 9.0, -0.25]),
        given(&[8], &[2.0, 2.0, -2.0, -2.0, 5.0, 0.125, 3.0, 0.1]),
    );
    cases.float("Remainder of floats", Binary::Remainder, vec![Some(left), Some(right)], &[8]);
}

fn unaries(cases: &mut Cases) {
    use Unary::{Abs, Cos, Erf, Exp, Floor, IsNaN, Log, Neg, Not, Reciprocal, Sin, Sqrt};
    let numbers = [-100.0, -10.0, -3.0, -1.0, -0.5, -1e-3, 0.0, 1e-3, 0.5, 1.0, 3.0, 10.0, 100.0];
    let functions = [Abs, Neg, Erf, Sin, Cos, Floor, IsNaN].into_iter().chain(
        [
            Activation::Relu,
            Activation::Gelu,
            Activation::GeluTanh,
            Activation::QuickGelu,
            Activation::Sigmoid,
            Activation::Silu,
            Activation::Tanh,
        ]
        .map(Unary::Activation),
    );
    for operator in functions {
        for count in [12, 13] {
            let input = given(&[count], &numbers[..count]);
            let data_type = if operator == IsNaN { DataType::Bool } else { DataType::F32 };
            let output = TensorType { data_type, shape: vec![count] };
            cases.add(&format!("{operator:?} {count}"), operator, vec![Some(input)], output);
        }
    }
    let positive = given(&[4], &[0.01, 0.5, 1.0, 7.0]);
    for operator in [Sqrt, Exp, Log, Reciprocal] {
        cases.float(&format!("{operator:?}"), operator, vec![Some(positive.clone())], &[4]);
    }
    let odd = given(&[3], &[f32::NAN, 1.0, f32::INFINITY]);
    let output = TensorType { data_type: DataType::Bool, shape: vec![3] };
    cases.add("IsNaN of NaN", IsNaN, vec![Some(odd)], output);
    let output = TensorType { data_type: DataType::Bool, shape: vec![8] };
    cases.add("Not", Not, vec![Some(whole(DataType::Bool, &[8], 72))], output);
    for operator in [Abs, Neg] {
        let output = TensorType { data_type: DataType::I64, shape: vec![8] };
        cases.add(&format!("{operator:?} i64"), operator, vec![Some(whole(DataType::I64, &[8], 73))], output);
    }
}

fn casts(cases: &mut Cases) {
    for from in DataType::ALL {
        for to in DataType::ALL {
            let shape = if to == DataType::I64 { vec![8] } else { vec![3, 3] };
            let input = whole(from, &shape, 81);
            let output = TensorType { data_type: to, shape };
            cases.add(&format!("cast {from} to {to}"), Cast { to }, vec![Some(input)], output);
        }
    }
    let input = given(&[4], &[1.7, -1.7, 0.4, -0.4]);
    let output = TensorType { data_type: DataType::I64, shape: vec![4] };
    cases.add("cast truncates", Cast { to: DataType::I64 }, vec![Some(input)], output);
}
