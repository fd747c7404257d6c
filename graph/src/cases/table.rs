//! The table: one case for each operator, element type and kind of shape.

use super::{Case, elementwise, indices, wide, windows};
use crate::half::kept;
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

/// Floats as given.
pub(super) fn given(shape: &[usize], elements: &[f32]) -> Tensor {
    Tensor { shape: shape.to_vec(), data: Data::F32(elements.into()) }
}

/// Small integers of any type, some negative where there are such.
pub fn whole(data_type: DataType, shape: &[usize], seed: u32) -> Tensor {
    let Data::F32(raw) = floats(shape, seed).data else { unreachable!("floats are floats") };
    let whole = raw.iter().map(|x| (x * 3.0).floor() as i32);
    let data = match data_type {
        DataType::F32 | DataType::F16 => kept(Data::F32(whole.map(|x| x as f32).collect()), data_type),
        DataType::I64 => Data::I64(whole.map(i64::from).collect()),
        DataType::I32 => Data::I32(whole.collect()),
        DataType::I8 => Data::I8(whole.map(|x| x as i8).collect()),
        DataType::U8 => Data::U8(whole.map(|x| (x + 6) as u8).collect()),
        DataType::Bool => Data::Bool(whole.map(|x| x > 0).collect()),
    };
    Tensor { shape: shape.to_vec(), data }
}

/// A table in the making.
#[derive(Default)]
pub(super) struct Cases(pub(super) Vec<Case>);

impl Cases {
    pub fn add(
        &mut self,
        name: &str,
        operator: impl Into<Wrapped>,
        inputs: Vec<Option<Tensor>>,
        output: TensorType,
    ) {
        let operator = operator.into().0;
        self.0.push(Case { name: name.to_owned(), operator, inputs, output });
    }

    pub fn float(
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
pub(super) struct Wrapped(Operator);

macro_rules! wrap {
    ($($operator:ident),*) => { $(impl From<$operator> for Wrapped {
        fn from(operator: $operator) -> Self { Wrapped(Operator::$operator(operator)) }
    })* };
}
wrap!(
    ArgReduce,
    Attention,
    Binary,
    CacheUpdate,
    Cast,
    Concat,
    Conv,
    ConvTranspose,
    CumulativeSum,
    Expand,
    Gather,
    GatherElements,
    GatherNd,
    Gemm,
    LayerNormalization,
    MatMul,
    MatMulNBits,
    Order,
    Pad,
    Pool,
    Reduce,
    Reshape,
    RotateHalf,
    ScatterElements,
    ScatterNd,
    Select,
    Slice,
    Softmax,
    Transpose,
    Unary
);

/// All cases.
pub fn all() -> Vec<Case> {
    let mut cases = Cases::default();
    matrix_products(&mut cases);
    packed_products(&mut cases);
    windows::add(&mut cases);
    attentions(&mut cases);
    rotations(&mut cases);
    rows(&mut cases);
    elementwise::add(&mut cases);
    moves(&mut cases);
    indices::add(&mut cases);
    wide::add(&mut cases);
    cases.0
}

fn matrix_products(cases: &mut Cases) {
    let plain = MatMul { activation: None };
    for (name, a, b, y) in [
        ("even", &[16, 64][..], &[64, 32][..], &[16, 32][..]),
        ("uneven rows and columns", &[17, 12], &[12, 20], &[17, 20]),
        ("deep", &[5, 132], &[132, 8], &[5, 8]),
        ("one row", &[1, 64], &[64, 64], &[1, 64]),
        ("three rows", &[3, 20], &[20, 24], &[3, 24]),
        ("one row in a batch", &[2, 1, 8], &[2, 8, 12], &[2, 1, 12]),
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
    for activation in [
        Activation::Relu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::QuickGelu,
        Activation::Sigmoid,
        Activation::Silu,
        Activation::Tanh,
    ] {
        for (n, k) in [(12, 8), (5, 7)] {
            let inputs = vec![Some(floats(&[3, 6, k], 3)), Some(floats(&[k, n], 4)), Some(floats(&[n], 5))];
            let name = format!("matmul {activation:?} {n}");
            cases.float(&name, MatMul { activation: Some(activation) }, inputs, &[3, 6, n]);
        }
    }
    let inputs = vec![Some(floats(&[2, 8], 3)), Some(floats(&[8, 12], 4)), Some(floats(&[12], 5))];
    let relu = MatMul { activation: Some(Activation::Relu) };
    cases.float("matmul two rows bias relu", relu, inputs, &[2, 12]);
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

fn packed_products(cases: &mut Cases) {
    for (name, a, columns, bits, block_size, zeros) in [
        ("4 bits", &[3usize, 64][..], 8usize, 4usize, 32usize, true),
        ("4 bits, one row", &[1, 128], 12, 4, 32, true),
        ("4 bits around 8", &[2, 3, 32], 5, 4, 16, false),
        ("8 bits", &[5, 32], 4, 8, 16, true),
        ("2 bits", &[2, 64], 8, 2, 32, true),
        ("a last block that is not whole", &[2, 40], 3, 4, 16, true),
        ("a last byte that is not whole", &[2, 37], 3, 4, 16, true),
    ] {
        let blocks = a[a.len() - 1].div_ceil(block_size);
        let packed = bytes(&[columns, blocks, block_size * bits / 8], 14);
        let zeros = zeros.then(|| bytes(&[columns, (blocks * bits).div_ceil(8)], 16));
        let inputs = vec![Some(floats(a, 13)), Some(packed), Some(floats(&[columns, blocks], 15)), zeros];
        let y = [&a[..a.len() - 1], &[columns]].concat();
        cases.float(&format!("matmul of {name}"), MatMulNBits { bits, block_size }, inputs, &y);
    }
    for (a, b, y) in [
        (&[5, 8][..], &[8, 12][..], &[5, 12][..]),
        (&[3, 7], &[7, 5], &[3, 5]),
        (&[2, 1, 5], &[5, 4], &[2, 1, 4]),
    ] {
        let inputs = vec![Some(whole(DataType::I32, a, 17)), Some(whole(DataType::I32, b, 18))];
        let output = TensorType::new(DataType::I32, y);
        cases.add(&format!("matmul i32 {a:?} {b:?}"), MatMul { activation: None }, inputs, output);
    }
}

/// Any bytes, the same on every run.
fn bytes(shape: &[usize], seed: u32) -> Tensor {
    let Data::F32(raw) = floats(shape, seed).data else { unreachable!("floats are floats") };
    let bytes = raw.iter().map(|x| (x * 1e6) as i32 as u8).collect::<Vec<_>>();
    Tensor { shape: shape.to_vec(), data: bytes.into() }
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
    let many = || qkv(&[1, 4, 67, 8], &[1, 2, 9, 8], &[1, 2, 9, 8]);
    cases.float("attention of many rows", attention(4, 2, first), many(), &[1, 4, 67, 8]);
    let full = floats(&[67, 9], 24);
    cases.float("attention of many rows, masked", attention(4, 2, first), with(many(), full), &[1, 4, 67, 8]);
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

    let few = |keys: usize| qkv(&[2, 4, 2, 8], &[2, 2, keys, 8], &[2, 2, keys, 8]);
    let one = qkv(&[1, 1, 16], &[1, 300, 8], &[1, 300, 8]);
    cases.float("attention of one row", attention(2, 1, last), one, &[1, 1, 16]);
    let odd = qkv(&[1, 2, 1, 5], &[1, 2, 4, 5], &[1, 2, 4, 6]);
    cases.float("attention of one row, odd depth", attention(2, 2, first), odd, &[1, 2, 1, 6]);
    let bools = whole(DataType::Bool, &[2, 1, 2, 90], 25);
    cases.float(
        "attention of two rows, bool mask",
        attention(4, 2, first),
        with(few(90), bools),
        &[2, 4, 2, 8],
    );
    for (name, row) in [("lowest", -3.4028235e38), ("infinite", infinity)] {
        let mask = given(&[2, 1], &[0.5, row]);
        let operator = Attention { undefined_rows_are_zero: false, ..attention(4, 2, first) };
        cases.float(
            &format!("attention of two rows, one of {name}"),
            operator,
            with(few(7), mask),
            &[2, 4, 2, 8],
        );
    }
}

fn rotations(cases: &mut Cases) {
    for (name, shape, angles) in [
        ("angles for both halves", &[2, 3, 5, 8][..], &[5, 4][..]),
        ("angles for each half", &[2, 3, 5, 8], &[2, 1, 5, 8]),
        ("odd halves", &[1, 2, 3, 6], &[1, 1, 3, 3]),
        ("the same angles everywhere", &[3, 2], &[1]),
    ] {
        let inputs = [(shape, 71), (angles, 72), (angles, 73)];
        let inputs = inputs.into_iter().map(|(shape, seed)| Some(floats(shape, seed))).collect();
        cases.float(&format!("rotate half, {name}"), RotateHalf, inputs, shape);
    }
}

fn rows(cases: &mut Cases) {
    for (name, shape, axis) in [
        ("vectors", &[3, 5, 64][..], 2),
        ("odd", &[4, 7], 1),
        ("two axes", &[3, 4, 5], 1),
        ("long", &[2, 1000], 1),
    ] {
        let part = |seed| Some(floats(&shape[axis..], seed));
        for (center, norm) in
            [(true, "layer_normalization"), (false, "normalization by the root mean square")]
        {
            let operator = LayerNormalization { axis, epsilon: 1e-5, center };
            let inputs = vec![Some(floats(shape, 31)), part(32)];
            cases.float(&format!("{norm} {name}"), operator, inputs.clone(), shape);
            let inputs = inputs.into_iter().chain([part(33)]).collect();
            cases.float(&format!("{norm} {name} bias"), operator, inputs, shape);
        }
    }
    let operator = LayerNormalization { axis: 1, epsilon: 1e-12, center: true };
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
    cases.float("reshape", Reshape { shape: vec![3, 4] }, vec![Some(floats(&[2, 6], 97))], &[3, 4]);
}
