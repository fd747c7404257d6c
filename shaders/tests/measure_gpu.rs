//! Measures on a machine's GPU how kernels do with each tiling of their work that the tuning table could name.
//!
//! `cargo test --release -p shaders --test measure_gpu -- --ignored --nocapture --test-threads 1`
#![allow(clippy::expect_used, reason = "a measurement that cannot go on has to fail")]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use graph::cases::{Case, floats};
use graph::ops::{
    Attention, ChannelOrder, Conv, HeadLayout, LayerNormalization, MatMul, Reduce, Reduction, Softmax,
};
use graph::{DataType, Operator, Tensor, TensorType};
use shaders::tuning::Variant::{Alone, Shared};
use shaders::tuning::{Choice, Variant};
use shaders::{Implementation, Part, Tuning};
use support::{adapter, device, only};

/// So long a submission is enough for what surrounds its dispatches not to count, in microseconds.
const ENOUGH_US: f64 = 4_000.0;
const ROUNDS: usize = 3;

/// A GPU that had nothing to do takes its time until it runs at full speed.
const WARM_UP: Duration = Duration::from_millis(20);

/// The time of one dispatch among many, in microseconds: the best of some rounds. Nothing where the tiling needs more
/// memory than WebGPU guarantees to workgroups.
fn dispatch_us(case: &Case, tuning: &Tuning) -> Option<f64> {
    let graph = case.graph();
    let part = Part { name: "model", graph: &graph, states: &BTreeMap::new() };
    let plan = shaders::plan_parts(&[part], &device(Implementation::Native, false), tuning).ok()?;
    let ready = adapter::device().prepare(&plan);
    ready.write(&case.fed());
    let time_us = |times: usize| ready.run_times(times).as_secs_f64() * 1e6;
    let begun = Instant::now();
    while begun.elapsed() < WARM_UP {
        time_us(20);
    }
    let single = time_us(1).min(time_us(1));
    let times = (ENOUGH_US / single).ceil().clamp(1.0, 200.0) as usize;
    let best = (0..ROUNDS).map(|_| time_us(times)).fold(f64::INFINITY, f64::min);
    Some(best / times as f64)
}

/// Prints a case's times, the fastest tiling first, and where the table's own stands among them.
fn report(case: &Case, operations: usize, choices: &[Choice]) {
    let rate = |us: f64| operations as f64 / us / 1e3;
    let own = dispatch_us(case, &Tuning::default()).expect("the table's own tiling fits every device");
    println!("{}: {own:9.1} us {:9.1} GFLOPS as the table has it", case.name, rate(own));
    let measured = choices.iter().filter_map(|choice| {
        let us = dispatch_us(case, &only(choice.variant, choice.tile, [choice.lanes, choice.lines]))?;
        Some((us, choice))
    });
    let mut measured: Vec<_> = measured.collect();
    measured.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    for (us, Choice { variant, tile, lanes, lines }) in measured.into_iter().take(6) {
        println!("    {us:9.1} us {:9.1} GFLOPS {variant:?} {tile:?} by {lanes}x{lines}", rate(us));
    }
}

fn choices(variant: Variant, tiles: &[[u32; 2]], sizes: &[[u32; 2]]) -> Vec<Choice> {
    let choice = |tile, [lanes, lines]: [u32; 2]| Choice { variant, tile, lanes, lines };
    tiles.iter().flat_map(|&tile| sizes.iter().map(move |&size| choice(tile, size))).collect()
}

fn case(name: String, operator: Operator, inputs: &[&[usize]], output: &[usize]) -> Case {
    let inputs: Vec<Option<Tensor>> =
        inputs.iter().zip(1..).map(|(shape, seed)| Some(floats(shape, seed))).collect();
    Case { name, operator, inputs, output: TensorType::new(DataType::F32, output.to_vec()) }
}

fn product(m: usize, k: usize, n: usize) -> Case {
    let operator = Operator::MatMul(MatMul { activation: None });
    case(format!("matmul {m} by {k} by {n}"), operator, &[&[m, k], &[k, n]], &[m, n])
}

#[test]
#[ignore = "a measurement, not a check"]
fn products() {
    let tiles = [[2, 1], [4, 1], [8, 1], [4, 2], [8, 2]];
    let all = choices(Shared, &tiles, &[[8, 8], [8, 16], [16, 8], [16, 16], [32, 8]]);
    for (m, k, n) in [
        (7, 768, 768),
        (128, 768, 768),
        (128, 3072, 768),
        (197, 768, 768),
        (512, 512, 512),
        (1500, 384, 1536),
        (1024, 1024, 1024),
        (2048, 2048, 2048),
        (4096, 4096, 4096),
    ] {
        report(&product(m, k, n), 2 * m * k * n, &all);
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn products_of_few_rows() {
    let mut all =
        choices(Shared, &[[4, 1]], &[[4, 16], [8, 8], [8, 16], [8, 32], [16, 16], [16, 4], [4, 64]]);
    all.extend(choices(Alone, &[[4, 1]], &[[32, 1], [64, 1]]));
    for (m, k, n) in
        [(1, 384, 384), (1, 768, 768), (1, 768, 3072), (1, 3072, 768), (4, 768, 3072), (1, 896, 32_000)]
    {
        report(&product(m, k, n), 2 * m * k * n, &all);
    }
}

/// A convolution along one or two axes, by a window of `extent` along each.
fn convolution(
    channels: [usize; 2],
    groups: usize,
    input: &[usize],
    extent: usize,
    stride: usize,
) -> (Case, usize) {
    let [incoming, outgoing] = channels;
    let axes = input.len();
    let pad = if stride == extent { 0 } else { extent / 2 };
    let places: Vec<usize> = input.iter().map(|side| (side + 2 * pad - extent) / stride + 1).collect();
    let operator = Operator::Conv(Conv {
        channels: ChannelOrder::First,
        strides: vec![stride; axes],
        pads_begin: vec![pad; axes],
        pads_end: vec![pad; axes],
        dilations: vec![1; axes],
        groups,
        activation: None,
    });
    let x = [&[1, incoming], input].concat();
    let weight = [vec![outgoing, incoming / groups], vec![extent; axes]].concat();
    let output = [vec![1, outgoing], places].concat();
    let terms = weight[1..].iter().product::<usize>();
    let operations = 2 * terms * output.iter().product::<usize>();
    (case(format!("conv {x:?} {weight:?} by {stride}"), operator, &[&x, &weight], &output), operations)
}

#[test]
#[ignore = "a measurement, not a check"]
fn convolutions() {
    let tiles = [[1, 1], [2, 1], [4, 1], [8, 1], [4, 2], [4, 4]];
    let all = choices(Alone, &tiles, &[[64, 1], [256, 1]]);
    for (channels, groups, input, extent, stride) in [
        ([3, 64], 1, &[224, 224][..], 7, 2),
        ([64, 64], 1, &[56, 56], 3, 1),
        ([64, 256], 1, &[56, 56], 1, 1),
        ([256, 64], 1, &[56, 56], 1, 1),
        ([128, 128], 1, &[28, 28], 3, 1),
        ([256, 256], 1, &[14, 14], 3, 1),
        ([1024, 256], 1, &[14, 14], 1, 1),
        ([512, 512], 1, &[7, 7], 3, 1),
        ([3, 768], 1, &[224, 224], 16, 16),
        ([144, 144], 144, &[56, 56], 3, 1),
        ([512, 512], 1, &[3199], 3, 2),
        ([80, 384], 1, &[3000], 3, 1),
        ([384, 384], 1, &[3000], 3, 2),
        ([768, 768], 16, &[149], 127, 1),
    ] {
        let (case, operations) = convolution(channels, groups, input, extent, stride);
        report(&case, operations, &all);
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn attentions() {
    let layout = HeadLayout::SequenceFirst;
    let mut all = choices(
        Shared,
        &[[1, 1], [2, 1], [4, 1], [8, 1], [16, 1]],
        &[[16, 1], [32, 1], [64, 1], [128, 1], [256, 1]],
    );
    all.extend(choices(Alone, &[[1, 1], [2, 1], [4, 1]], &[[32, 1], [64, 1]]));
    for (heads, queries, keys, depth) in [
        (12, 1, 128, 64),
        (6, 1, 1500, 64),
        (12, 16, 16, 64),
        (12, 128, 128, 64),
        (12, 197, 197, 64),
        (6, 1500, 1500, 64),
    ] {
        let operator = Operator::Attention(Attention {
            heads,
            key_value_heads: heads,
            scale: 0.125,
            undefined_rows_are_zero: false,
            query_layout: layout,
            key_layout: layout,
            value_layout: layout,
            output_layout: layout,
        });
        let width = heads * depth;
        let (query, key) = ([1, queries, width], [1, keys, width]);
        let name = format!("attention of {heads} heads, {queries} by {keys}");
        report(&case(name, operator, &[&query, &key, &key], &query), 4 * queries * keys * width, &all);
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn rows() {
    let mut all = choices(Shared, &[[1, 1]], &[[32, 1], [64, 1], [128, 1], [256, 1]]);
    all.extend(choices(Alone, &[[1, 1]], &[[32, 1], [64, 1]]));
    for shape in
        [[12, 16], [1536, 128], [2364, 197], [9000, 1500], [128, 768], [1500, 384], [1, 768], [1, 32_000]]
    {
        let operations = shape[0] * shape[1];
        let softmax = Operator::Softmax(Softmax { axis: 1 });
        report(&case(format!("softmax {shape:?}"), softmax, &[&shape], &shape), operations, &all);
        let norm = LayerNormalization { axis: 1, epsilon: 1e-5, center: true };
        let normalization = Operator::LayerNormalization(norm);
        let scale = [shape[1]];
        let name = format!("layer normalization {shape:?}");
        report(&case(name, normalization, &[&shape, &scale, &scale], &shape), operations, &all);
        let reduce = Reduce { reduction: Reduction::Mean, axes: vec![1], keep_dimensions: true };
        let name = format!("mean {shape:?}");
        report(&case(name, Operator::Reduce(reduce), &[&shape], &[shape[0], 1]), operations, &all);
    }
}
