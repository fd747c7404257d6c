//! Cases of loops longer than 65,535 turns: adapters that end a loop there do not say so.

use super::Case;
use super::table::Cases;
use crate::ops::*;
use crate::{Data, DataType, Tensor, TensorType};

/// Turns of the loop in question.
const TURNS: usize = 70_000;

/// Cases that take too long to be run with every variant of a kernel. Sums are of ones, and so exact, and what decides
/// lies at the end.
pub fn long() -> Vec<Case> {
    let mut cases = Cases::default();
    products(&mut cases);
    windows(&mut cases);
    rows(&mut cases);
    indices(&mut cases);
    attentions(&mut cases);
    cases.0
}

fn filled(shape: &[usize], element: f32) -> Option<Tensor> {
    let elements = vec![element; shape.iter().product()];
    Some(Tensor { shape: shape.to_vec(), data: elements.into() })
}

fn ones(shape: &[usize]) -> Option<Tensor> {
    filled(shape, 1.0)
}

/// Zeros, and a one at the end.
fn last(shape: &[usize]) -> Option<Tensor> {
    let mut elements = vec![0.0; shape.iter().product()];
    elements.last_mut().into_iter().for_each(|element| *element = 1.0);
    Some(Tensor { shape: shape.to_vec(), data: elements.into() })
}

fn products(cases: &mut Cases) {
    let plain = MatMul { activation: None };
    for (name, m, k, n) in [("by elements", 2, TURNS, 3), ("by vectors", 5, 4 * TURNS, 4)] {
        cases.float(&format!("long product {name}"), plain, vec![ones(&[m, k]), ones(&[k, n])], &[m, n]);
    }
    // Numbers of 4 bits lie eight to a word, words eight to a turn.
    let (bits, block_size) = (4, 32);
    let k = 8 * 8 * TURNS;
    let packed = vec![0x99; k / 2];
    let packed = Tensor { shape: vec![1, k / block_size, block_size / 2], data: Data::U8(packed.into()) };
    let inputs = vec![ones(&[1, k]), Some(packed), ones(&[1, k / block_size]), None];
    cases.float("long product of 4 bits", MatMulNBits { bits, block_size }, inputs, &[1, 1]);
}

fn windows(cases: &mut Cases) {
    let conv = Conv {
        channels: ChannelOrder::First,
        strides: vec![1],
        pads_begin: vec![0],
        pads_end: vec![0],
        dilations: vec![1],
        groups: 1,
        activation: None,
    };
    let inputs = vec![ones(&[1, 1, TURNS + 2]), ones(&[2, 1, TURNS])];
    cases.float("conv with a long window", conv.clone(), inputs, &[1, 2, 3]);
    let (x, weight) = (ones(&[1, TURNS / 6, 2, 2]), ones(&[1, TURNS / 6, 2, 2]));
    let area = Conv {
        channels: ChannelOrder::First,
        strides: vec![1; 2],
        pads_begin: vec![0; 2],
        pads_end: vec![0; 2],
        dilations: vec![1; 2],
        ..conv
    };
    cases.float("conv of many channels", area, vec![x, weight], &[1, 1, 1, 1]);
    let transpose = ConvTranspose {
        strides: vec![1],
        pads_begin: vec![0],
        pads_end: vec![0],
        dilations: vec![1],
        output_padding: vec![0],
        groups: 1,
        activation: None,
    };
    let inputs = vec![ones(&[1, TURNS, 3]), ones(&[TURNS, 1, 1])];
    cases.float("conv_transpose of many channels", transpose, inputs, &[1, 1, 3]);
    for (name, kind) in [("max", PoolKind::Max), ("average", PoolKind::Average { count_include_pad: false })]
    {
        let pool = Pool {
            kind,
            kernel: vec![256, 300],
            strides: vec![1; 2],
            pads_begin: vec![0; 2],
            pads_end: vec![0; 2],
            dilations: vec![1; 2],
            ceil: false,
        };
        cases.float(
            &format!("{name} pool of a large area"),
            pool,
            vec![last(&[1, 1, 256, 300])],
            &[1, 1, 1, 1],
        );
    }
}

fn rows(cases: &mut Cases) {
    for (name, count, extent) in [("many", 6, TURNS + 1), ("few", 1, 8 * TURNS)] {
        let shape = [count, extent];
        let sum = Reduce { reduction: Reduction::Sum, axes: vec![1], keep_dimensions: false };
        cases.float(&format!("sum of {name} long rows"), sum.clone(), vec![ones(&shape)], &[count]);
        let max = Reduce { reduction: Reduction::Max, ..sum };
        cases.float(&format!("maximum of {name} long rows"), max, vec![last(&shape)], &[count]);
        let softmax = Softmax { axis: 1 };
        cases.float(&format!("softmax of {name} long rows"), softmax, vec![filled(&shape, 0.5)], &shape);
        let norm = LayerNormalization { axis: 1, epsilon: 1.0, center: true };
        let inputs = vec![filled(&shape, 0.5), ones(&[extent])];
        cases.float(&format!("layer_normalization of {name} long rows"), norm, inputs, &shape);
        let running = CumulativeSum { axis: 1, exclusive: false, reverse: false };
        cases.float(&format!("running sums of {name} long rows"), running, vec![ones(&shape)], &shape);
        let first = ArgReduce { axis: 1, largest: true, last: false };
        let output = TensorType::new(DataType::I64, [count]);
        cases.add(&format!("place of the largest of {name} long rows"), first, vec![last(&shape)], output);
    }
}

fn indices(cases: &mut Cases) {
    let order = Order { axis: 0, count: 2, largest: true };
    let output = TensorType::new(DataType::I64, [2]);
    cases.add("order of a long row", order, vec![last(&[TURNS])], output);
    let places = |shape: Vec<usize>| {
        let data: Vec<i64> = (0..TURNS as i64).map(|i| i % 3).collect();
        Some(Tensor { shape, data: data.into() })
    };
    let inputs = vec![filled(&[3], 0.0), places(vec![TURNS]), ones(&[TURNS])];
    let elements = ScatterElements { axis: 0, scatter: Scatter::Add };
    cases.float("many updates of few elements", elements, inputs, &[3]);
    let inputs = vec![filled(&[3], 0.0), places(vec![TURNS, 1]), ones(&[TURNS])];
    cases.float("many tuples of few slices", ScatterNd { scatter: Scatter::Add }, inputs, &[3]);
}

fn attentions(cases: &mut Cases) {
    let layout = HeadLayout::HeadsFirst;
    let operator = Attention {
        heads: 1,
        key_value_heads: 1,
        scale: 0.5,
        undefined_rows_are_zero: false,
        query_layout: layout,
        key_layout: layout,
        value_layout: layout,
        output_layout: layout,
    };
    for (queries, keys) in [(5, 4 * TURNS), (1, 8 * TURNS)] {
        let mut values = vec![0.0; keys * 4];
        values[(keys / 2) * 4..].fill(1.0);
        let values = Tensor { shape: vec![1, 1, keys, 4], data: values.into() };
        let inputs = vec![ones(&[1, 1, queries, 4]), ones(&[1, 1, keys, 4]), Some(values)];
        let name = format!("attention of {queries} rows over many keys");
        cases.float(&name, operator, inputs, &[1, 1, queries, 4]);
    }
}
