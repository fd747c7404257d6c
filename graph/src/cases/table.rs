//! The table: one case for each operator, element type and kind of shape.

use super::Case;
use crate::ops::*;
use crate::{Data, DataType, Operator, Tensor, TensorType};

/// Floats between -2 and 2, the same on every run.
pub fn floats(shape: &[usize], seed: u32) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let elements = (0..shape.iter().product::<usize>()).map(|_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1u32 << 22) as f32 - 2.0
    });
    Tensor { shape: shape.to_vec(), data: Data::F32(elements.collect()) }
}

fn given(shape: &[usize], elements: &[f32]) -> Tensor {
    Tensor { shape: shape.to_vec(), data: Data::F32(elements.into()) }
}

/// Small integers of any type, some negative where there are such.
pub fn whole(data_type: DataType, shape: &[usize], seed: u32) -> Tensor {
    let Data::F32(raw) = floats(shape, seed).data else { unreachable!("floats are floats") };
    let whole = raw.iter().map(|x| (x * 3.0).floor() as i32);
    let data = match data_type {
        DataType::F32 => Data::F32(whole.map(|x| x as f32).collect()),
        DataType::I64 => Data::I64(whole.map(i64::from).collect()),
        DataType::I32 => Data::I32(whole.collect()),
        DataType::I8 => Data::I8(whole.map(|x| x as i8).collect()),
        DataType::U8 => Data::U8(whole.map(|x| (x + 6) as u8).collect()),
        DataType::Bool => Data::Bool(whole.map(|x| x > 0).collect()),
    };
    Tensor { shape: shape.to_vec(), data }
}

fn indices(shape: &[usize], elements: &[i64]) -> Tensor {
    Tensor { shape: shape.to_vec(), data: Data::I64(elements.into()) }
}

struct Cases(Vec<Case>);

impl Cases {
    fn add(
        &mut self,
        name: &str,
        operator: impl Into<Wrapped>,
        inputs: Vec<Option<Tensor>>,
        output: TensorType,
    ) {
        let operator = operator.into().0;
        self.0.push(Case { name: name.to_owned(), operator, inputs, output });
    }

    fn float(
        &mut self,
        name: &str,
        operator: impl Into<Wrapped>,
        inputs: Vec<Option<Tensor>>,
        shape: &[usize],
    ) {
        self.add(name, operator, inputs, TensorType { data_type: DataType::F32, shape: shape.to_vec() });
    }
}

/// Any operator.
struct Wrapped(Operator);

macro_rules! wrap {
    ($($operator:ident),*) => { $(impl From<$operator> for Wrapped {
        fn from(operator: $operator) -> Self { Wrapped(Operator::$operator(operator)) }
    })* };
}
wrap!(
    Attention,
    Binary,
    CacheUpdate,
    Cast,
    Concat,
    Conv,
    Expand,
    Gather,
    GatherNd,
    Gemm,
    LayerNormalization,
    MatMul,
    Reduce,
    Reshape,
    Select,
    Slice,
    Softmax,
    Transpose,
    Unary
);

/// All cases.
pub fn all() -> Vec<Case> {
    let mut cases = Cases(Vec::new());
    matrix_products(&mut cases);
    convolutions(&mut cases);
    attentions(&mut cases);
    rows(&mut cases);
    elementwise(&mut cases);
    casts(&mut cases);
    moves(&mut cases);
    cases.0
}

fn matrix_products(cases: &mut Cases) {
    let plain = MatMul { activation: None };
    for (name, a, b, y) in [
        ("even", &[16, 64][..], &[64, 32][..], &[16, 32][..]),
        ("uneven rows and columns", &[17, 12], &[12, 20], &[17, 20]),
        ("deep", &[5, 132], &[132, 8], &[5, 8]),
        ("one row", &[1, 64], &[64, 64], &[1, 64]),
        ("odd columns", &[7, 8], &[8, 5], &[7, 5]),
        ("odd depth", &[7, 5], &[5, 8], &[7, 8]),
        ("batch by one matrix", &[2, 3, 5, 8], &[8, 12], &[2, 3, 5, 12]),
        ("batch by batch", &[2, 3, 5, 8], &[2, 3, 8, 4], &[2, 3, 5, 4]),
        ("crossed batches", &[2, 1, 5, 8], &[3, 8, 4], &[2, 3, 5, 4]),
        ("crossed odd batches", &[2, 1, 5, 3], &[3, 3, 4], &[2, 3, 5, 4]),
        ("a vector by a matrix", &[8], &[8, 12], &[12]),
        ("a matrix by a vector", &[5, 8], &[8], &[5]),
        ("a vector by a vector", &[8], &[8], &[]),
        ("nothing to sum", &[4, 0], &[0, 4], &[4, 4]),
    ] {
        cases.float(&format!("matmul {name}"), plain, vec![Some(floats(a, 1)), Some(floats(b, 2))], y);
    }
    for activation in
        [Activation::Relu, Activation::Gelu, Activation::GeluTanh, Activation::Sigmoid, Activation::Tanh]
    {
        for (n, k) in [(12, 8), (5, 7)] {
            let inputs = vec![Some(floats(&[3, 6, k], 3)), Some(floats(&[k, n], 4)), Some(floats(&[n], 5))];
            let name = format!("matmul {activation:?} {n}");
            cases.float(&name, MatMul { activation: Some(activation) }, inputs, &[3, 6, n]);
        }
    }
    for (name, transpose_a, transpose_b, alpha, beta, a, b, c) in [
        ("plain", false, false, 1.0, 1.0, [6, 8], [8, 4], Some(vec![4])),
        ("both transposed", true, true, 0.5, 2.0, [8, 6], [4, 8], Some(vec![6, 1])),
        ("no c", false, true, 1.0, 0.0, [6, 8], [4, 8], None),
        ("a whole c", false, false, 1.0, 1.0, [6, 8], [8, 4], Some(vec![6, 4])),
    ] {
        let inputs = vec![Some(floats(&a, 6)), Some(floats(&b, 7)), c.map(|shape| floats(&shape, 8))];
        cases.float(&format!("gemm {name}"), Gemm { transpose_a, transpose_b, alpha, beta }, inputs, &[6, 4]);
    }
}

fn convolutions(cases: &mut Cases) {
    let conv =
        |strides: &[usize], pads_begin: &[usize], pads_end: &[usize], dilations: &[usize], groups| Conv {
            strides: strides.to_vec(),
            pads_begin: pads_begin.to_vec(),
            pads_end: pads_end.to_vec(),
            dilations: dilations.to_vec(),
            groups,
            activation: None,
        };
    for (name, operator, x, weight, y) in [
        ("1d", conv(&[2], &[1], &[1], &[1], 1), &[2, 3, 9][..], &[4, 3, 3][..], &[2, 4, 5][..]),
        ("1d dilated, grouped", conv(&[1], &[2], &[2], &[2], 2), &[1, 4, 8], &[6, 2, 3], &[1, 6, 8]),
        (
            "2d patches",
            conv(&[4, 4], &[0, 0], &[0, 0], &[1, 1], 1),
            &[1, 3, 8, 8],
            &[8, 3, 4, 4],
            &[1, 8, 2, 2],
        ),
        (
            "2d uneven",
            conv(&[1, 2], &[1, 0], &[0, 2], &[1, 1], 1),
            &[2, 2, 5, 6],
            &[3, 2, 3, 2],
            &[2, 3, 4, 4],
        ),
        (
            "2d depthwise",
            conv(&[1, 1], &[1, 1], &[1, 1], &[1, 1], 4),
            &[1, 4, 5, 5],
            &[4, 1, 3, 3],
            &[1, 4, 5, 5],
        ),
        (
            "3d",
            conv(&[1, 2, 1], &[0, 1, 0], &[0, 1, 0], &[1, 1, 1], 1),
            &[1, 2, 3, 4, 5],
            &[4, 2, 2, 3, 2],
            &[1, 4, 2, 2, 4],
        ),
    ] {
        let inputs = vec![Some(floats(x, 11)), Some(floats(weight, 12))];
        cases.float(&format!("conv {name}"), operator.clone(), inputs.clone(), y);
        let inputs = inputs.into_iter().chain([Some(floats(&[weight[0]], 13))]).collect();
        let operator = Conv { activation: Some(Activation::Relu), ..operator };
        cases.float(&format!("conv {name} bias relu"), operator, inputs, y);
    }
}

fn attentions(cases: &mut Cases) {
    let attention = |heads, key_value_heads, layout: HeadLayout| Attention {
        heads,
        key_value_heads,
        scale: 0.25,
        undefined_rows_are_zero: true,
        query_layout: layout,
        key_layout: layout,
        value_layout: layout,
        output_layout: layout,
    };
    let (first, last) = (HeadLayout::HeadsFirst, HeadLayout::SequenceFirst);
    let operand = |shape: &[usize], seed| Some(floats(shape, seed));
    let qkv = |q: &[usize], k: &[usize], v: &[usize]| vec![operand(q, 21), operand(k, 22), operand(v, 23)];
    let with = |mut operands: Vec<Option<Tensor>>, mask: Tensor| {
        operands.push(Some(mask));
        operands
    };
    let heads_first = || qkv(&[2, 4, 5, 8], &[2, 2, 7, 8], &[2, 2, 7, 8]);
    cases.float("attention heads first, grouped", attention(4, 2, first), heads_first(), &[2, 4, 5, 8]);
    let sequence_first = qkv(&[2, 5, 16], &[2, 5, 16], &[2, 5, 16]);
    cases.float("attention sequence first", attention(4, 4, last), sequence_first, &[2, 5, 16]);
    let odd = qkv(&[1, 2, 3, 5], &[1, 2, 4, 5], &[1, 2, 4, 6]);
    cases.float("attention odd depth", attention(2, 2, first), odd, &[1, 2, 3, 6]);
    let long = qkv(&[1, 1, 3, 8], &[1, 1, 300, 8], &[1, 1, 300, 8]);
    cases.float("attention many keys", attention(1, 1, first), long, &[1, 1, 3, 8]);
    let mixed = Attention { query_layout: last, output_layout: last, ..attention(2, 2, first) };
    let operands = qkv(&[2, 5, 16], &[2, 2, 7, 8], &[2, 2, 7, 8]);
    cases.float("attention mixed layouts", mixed, operands, &[2, 5, 16]);

    let infinity = f32::NEG_INFINITY;
    let mask = given(&[7], &[0.0, 1.0, -3.4028235e38, infinity, 0.5, -0.5, 0.0]);
    cases.float("attention added mask", attention(4, 2, first), with(heads_first(), mask), &[2, 4, 5, 8]);
    let full = floats(&[2, 1, 5, 7], 24);
    cases.float("attention full mask", attention(4, 2, first), with(heads_first(), full), &[2, 4, 5, 8]);
    let lowest = given(&[5, 1], &[0.0, -3.4028235e38, 0.0, 1.0, 2.0]);
    cases.float(
        "attention row of lowest",
        attention(4, 2, first),
        with(heads_first(), lowest),
        &[2, 4, 5, 8],
    );
    let undefined = given(&[5, 1], &[0.0, infinity, 0.0, infinity, 2.0]);
    cases.float(
        "attention masked rows",
        attention(4, 2, first),
        with(heads_first(), undefined.clone()),
        &[2, 4, 5, 8],
    );
    let nan = Attention { undefined_rows_are_zero: false, ..attention(4, 2, first) };
    cases.float("attention masked rows are NaN", nan, with(heads_first(), undefined), &[2, 4, 5, 8]);
    let bools = whole(DataType::Bool, &[2, 1, 5, 7], 25);
    cases.float("attention bool mask", attention(4, 2, first), with(heads_first(), bools), &[2, 4, 5, 8]);
    let none = Tensor { shape: vec![5, 1], data: Data::Bool([true, false, true, true, false].into()) };
    cases.float("attention forbidden rows", attention(4, 2, first), with(heads_first(), none), &[2, 4, 5, 8]);
}

fn rows(cases: &mut Cases) {
    for (name, shape, axis) in [
        ("vectors", &[3, 5, 64][..], 2),
        ("odd", &[4, 7], 1),
        ("two axes", &[3, 4, 5], 1),
        ("long", &[2, 1000], 1),
    ] {
        let part = |seed| Some(floats(&shape[axis..], seed));
        let operator = LayerNormalization { axis, epsilon: 1e-5 };
        let inputs = vec![Some(floats(shape, 31)), part(32)];
        cases.float(&format!("layer_normalization {name}"), operator, inputs.clone(), shape);
        let inputs = inputs.into_iter().chain([part(33)]).collect();
        cases.float(&format!("layer_normalization {name} bias"), operator, inputs, shape);
    }
    let operator = LayerNormalization { axis: 1, epsilon: 1e-12 };
    let far = given(&[1, 4], &[1000.0, 1001.0, 1002.0, 1003.0]);
    let inputs = vec![Some(far), Some(given(&[4], &[1.0; 4])), Some(given(&[4], &[0.0; 4]))];
    cases.float("layer_normalization far from zero", operator, inputs, &[1, 4]);

    for (name, shape, axis) in [
        ("last", &[3, 4, 7][..], 2),
        ("middle", &[3, 5, 4], 1),
        ("first", &[6, 2], 0),
        ("long", &[2, 300], 1),
    ] {
        cases.float(&format!("softmax {name}"), Softmax { axis }, vec![Some(floats(shape, 41))], shape);
    }
    let large = given(&[1, 4], &[1000.0, 999.0, -1000.0, f32::NEG_INFINITY]);
    cases.float("softmax of large numbers", Softmax { axis: 1 }, vec![Some(large)], &[1, 4]);

    for reduction in
        [Reduction::Sum, Reduction::Mean, Reduction::Max, Reduction::Min, Reduction::Prod, Reduction::L2]
    {
        for (axes, keep_dimensions, y) in [
            (vec![2], true, vec![2, 3, 1, 5]),
            (vec![1, 3], false, vec![2, 4]),
            (vec![0, 1, 2, 3], false, vec![]),
            (vec![3], false, vec![2, 3, 4]),
        ] {
            let operator = Reduce { reduction, axes: axes.clone(), keep_dimensions };
            let name = format!("reduce {reduction:?} {axes:?}");
            cases.float(&name, operator.clone(), vec![Some(floats(&[2, 3, 4, 5], 51))], &y);
            if reduction != Reduction::L2 && reduction != Reduction::Prod {
                let output = TensorType { data_type: DataType::I64, shape: y };
                let input = whole(DataType::I64, &[2, 3, 4, 5], 52);
                cases.add(&format!("{name} i64"), operator, vec![Some(input)], output);
            }
        }
    }
}

fn elementwise(cases: &mut Cases) {
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
    unaries(cases);
}

fn powers(cases: &mut Cases) {
    let base = given(&[12], &[2.0, -2.0, -2.0, 0.0, 0.0, 3.0, -3.0, 1.5, 9.0, -1.0, 10.0, -8.0]);
    let by = given(&[12], &[3.0, 2.0, 3.0, 0.0, 2.0, -1.0, 1.0, 0.5, 0.5, 0.5, -3.0, 0.0]);
    cases.float("Pow", Binary::Pow, vec![Some(base.clone()), Some(by)], &[12]);
    let whole = Tensor { shape: vec![], data: Data::I64([3].into()) };
    cases.float("Pow by an integer", Binary::Pow, vec![Some(base), Some(whole)], &[12]);
}

fn unaries(cases: &mut Cases) {
    use Unary::{Abs, Cos, Erf, Exp, Floor, IsNaN, Log, Neg, Not, Reciprocal, Sin, Sqrt};
    let numbers = [-100.0, -10.0, -3.0, -1.0, -0.5, -1e-3, 0.0, 1e-3, 0.5, 1.0, 3.0, 10.0, 100.0];
    let functions = [Abs, Neg, Erf, Sin, Cos, Floor, IsNaN].into_iter().chain(
        [Activation::Relu, Activation::Gelu, Activation::GeluTanh, Activation::Sigmoid, Activation::Tanh]
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
            let input = match from {
                // Below zero, what a float becomes as an unsigned integer is not defined.
                DataType::F32 if to == DataType::U8 => whole(DataType::U8, &shape, 81),
                _ => whole(from, &shape, 81),
            };
            let from = input.data.data_type();
            let output = TensorType { data_type: to, shape };
            cases.add(&format!("cast {from} to {to}"), Cast { to }, vec![Some(input)], output);
        }
    }
    let input = given(&[4], &[1.7, -1.7, 0.4, -0.4]);
    let output = TensorType { data_type: DataType::I64, shape: vec![4] };
    cases.add("cast truncates", Cast { to: DataType::I64 }, vec![Some(input)], output);
}

fn moves(cases: &mut Cases) {
    for (name, x, permutation, y) in [
        ("2d", &[3, 5][..], vec![1, 0], &[5, 3][..]),
        ("heads", &[2, 3, 4, 8], vec![0, 2, 1, 3], &[2, 4, 3, 8]),
        ("reversed", &[2, 3, 4, 5], vec![3, 2, 1, 0], &[5, 4, 3, 2]),
        ("nothing", &[4, 4], vec![0, 1], &[4, 4]),
    ] {
        cases.float(&format!("transpose {name}"), Transpose { permutation }, vec![Some(floats(x, 91))], y);
    }
    for (name, x, y) in
        [("rows", &[3, 1][..], &[2, 3, 4][..]), ("scalar", &[], &[5]), ("columns", &[8], &[3, 8])]
    {
        cases.float(&format!("expand {name}"), Expand { shape: y.to_vec() }, vec![Some(floats(x, 92))], y);
    }
    for (name, x, starts, steps, y) in [
        ("window", &[4, 8][..], vec![1, 4], vec![1, 1], &[2, 4][..]),
        ("odd window", &[4, 8], vec![1, 3], vec![2, 2], &[2, 3]),
        ("backwards", &[4, 5], vec![3, 4], vec![-1, -2], &[4, 3]),
        ("empty", &[4, 5], vec![0, 0], vec![1, 1], &[0, 5]),
    ] {
        let operator = Slice { starts, steps, shape: y.to_vec() };
        cases.float(&format!("slice {name}"), operator, vec![Some(floats(x, 93))], y);
    }
    for (name, shapes, axis, y) in [
        ("first axis", vec![vec![2, 4], vec![3, 4]], 0, &[5, 4][..]),
        ("last axis", vec![vec![2, 3], vec![2, 5], vec![2, 1]], 1, &[2, 9]),
        ("vectors", vec![vec![2, 4], vec![2, 8]], 1, &[2, 12]),
        ("with an empty one", vec![vec![2, 0], vec![2, 5]], 1, &[2, 5]),
    ] {
        let inputs =
            shapes.iter().enumerate().map(|(index, shape)| Some(floats(shape, 94 + index as u32))).collect();
        cases.float(&format!("concat {name}"), Concat { axis }, inputs, y);
    }
    for (name, cache, rows, axis, at) in [
        ("heads", &[1, 2, 6, 4][..], &[1, 2, 1, 4][..], 2, 3i64),
        ("odd heads", &[2, 2, 5, 3], &[2, 2, 2, 3], 2, 3),
        ("all rows", &[3, 4], &[3, 4], 0, 0),
        ("columns", &[3, 4], &[3, 1], 1, 2),
    ] {
        let inputs = vec![Some(floats(cache, 96)), Some(floats(rows, 97)), Some(Tensor::scalar(at))];
        cases.float(&format!("cache update, {name}"), CacheUpdate { axis }, inputs, cache);
    }
    let ids = indices(&[2, 2], &[0, -1, 2, 1]);
    for (name, x, axis, y) in [
        ("rows", &[3, 8][..], 0, &[2, 2, 8][..]),
        ("odd rows", &[3, 5], 0, &[2, 2, 5]),
        ("columns", &[2, 3], 1, &[2, 2, 2]),
        ("middle", &[2, 3, 4], 1, &[2, 2, 2, 4]),
    ] {
        let inputs = vec![Some(floats(x, 95)), Some(ids.clone())];
        cases.float(&format!("gather {name}"), Gather { axis }, inputs, y);
    }
    for (name, x, batch_dimensions, tuples, y) in [
        ("elements", &[3, 4][..], 0, indices(&[2, 2], &[0, 1, -1, 2]), &[2][..]),
        ("rows", &[3, 4], 0, indices(&[2, 1], &[2, -3]), &[2, 4]),
        ("batches", &[2, 3, 4], 1, indices(&[2, 1], &[1, 2]), &[2, 4]),
        ("batches of elements", &[2, 3, 5], 1, indices(&[2, 2, 2], &[0, 1, 2, 3, 1, -1, 0, 0]), &[2, 2]),
    ] {
        let inputs = vec![Some(floats(x, 96)), Some(tuples)];
        cases.float(&format!("gather_nd {name}"), GatherNd { batch_dimensions }, inputs, y);
    }
    cases.float("reshape", Reshape { shape: vec![3, 4] }, vec![Some(floats(&[2, 6], 97))], &[3, 4]);
}
