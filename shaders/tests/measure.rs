//! Measures matrix products and convolutions for several tilings of the work on this machine's Vulkan adapter.
//!
//! `cargo test --release -p shaders --test measure -- --ignored --nocapture`
#![allow(clippy::expect_used, reason = "a measurement that cannot go on has to fail")]

mod support;

use graph::cases::{Case, floats};
use graph::ops::{ChannelOrder, Conv, MatMul};
use graph::{DataType, Operator, TensorType};
use shaders::Implementation;
use shaders::tuning::Variant;
use support::{adapter, device, only, plan};

const ROUNDS: usize = 7;

fn product(size: usize) -> Case {
    let shape = vec![size, size];
    Case {
        name: format!("matmul {size}"),
        operator: Operator::MatMul(MatMul { activation: None }),
        inputs: vec![Some(floats(&shape, 1)), Some(floats(&shape, 2))],
        output: TensorType { data_type: DataType::F32, shape },
    }
}

fn median_ms(case: &Case, variant: Variant, tile: [u32; 2], workgroup: [u32; 2]) -> f64 {
    let plan = plan(
        &case.name,
        &case.graph(),
        &device(Implementation::Native, true),
        &only(variant, tile, workgroup),
    );
    let ready = adapter::device().prepare(&plan);
    ready.write(&case.fed());
    ready.run();
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| ready.run().as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

fn few_rows(m: usize, k: usize, n: usize) -> Case {
    Case {
        name: format!("matmul {m} by {k} by {n}"),
        operator: Operator::MatMul(MatMul { activation: None }),
        inputs: vec![Some(floats(&[m, k], 1)), Some(floats(&[k, n], 2))],
        output: TensorType { data_type: DataType::F32, shape: vec![m, n] },
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn products_of_few_rows() {
    for (m, k, n) in [(1, 768, 768), (1, 768, 3072), (1, 3072, 768), (4, 768, 3072), (1, 768, 32000)] {
        let case = few_rows(m, k, n);
        let report = |variant, tile, workgroup| {
            let ms = median_ms(&case, variant, tile, workgroup);
            let rate = (4 * k * n) as f64 / ms / 1e6;
            println!("{} {variant:?} {tile:?} by {workgroup:?}: {ms:8.3} ms {rate:6.2} GB/s", case.name);
        };
        for tile in [[4, 1], [4, 2], [4, 4], [4, 8]] {
            for workgroup in [[8, 1], [16, 1], [32, 1], [64, 1]] {
                report(Variant::Alone, tile, workgroup);
            }
        }
        for workgroup in [[8, 4], [16, 4], [16, 16], [8, 32]] {
            report(Variant::Shared, [4, 1], workgroup);
        }
    }
}

/// A convolution by a 3 by 3 window, or as many patches as fit.
fn convolution(channels: [usize; 2], side: usize, window: usize, stride: usize) -> Case {
    let [incoming, outgoing] = channels;
    let pad = window / 2 * usize::from(stride == 1);
    let places = (side + 2 * pad - window) / stride + 1;
    let conv = Conv {
        channels: ChannelOrder::First,
        strides: vec![stride; 2],
        pads_begin: vec![pad; 2],
        pads_end: vec![pad; 2],
        dilations: vec![1; 2],
        groups: 1,
        activation: None,
    };
    let inputs = [vec![1, incoming, side, side], vec![outgoing, incoming, window, window]];
    Case {
        name: format!("conv {inputs:?} by {stride}"),
        operator: Operator::Conv(conv),
        inputs: inputs.iter().zip(1..).map(|(shape, seed)| Some(floats(shape, seed))).collect(),
        output: TensorType::new(DataType::F32, [1, outgoing, places, places]),
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn convolutions() {
    for (channels, side, window, stride) in
        [([64, 64], 56, 3, 1), ([256, 256], 14, 1, 1), ([256, 256], 7, 3, 1), ([3, 192], 224, 16, 16)]
    {
        let case = convolution(channels, side, window, stride);
        for tile in [[4, 1], [4, 4], [8, 4], [8, 8]] {
            for workgroup in [[8, 1], [64, 1]] {
                let ms = median_ms(&case, Variant::Alone, tile, workgroup);
                println!("{} {tile:?} by {workgroup:?}: {ms:8.2} ms", case.name);
            }
        }
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn square_products() {
    let sizes: Vec<usize> = match std::env::var("SIZES") {
        Ok(sizes) => sizes.split(',').map(|size| size.parse().expect("SIZES is like 512,1024")).collect(),
        Err(_) => vec![512, 1024],
    };
    for size in sizes {
        let case = product(size);
        let billions = (2 * size.pow(3)) as f64 / 1e9;
        let report = |variant, tile, workgroup| {
            let ms = median_ms(&case, variant, tile, workgroup);
            println!(
                "{size:5} {variant:?} {tile:?} by {workgroup:?}: {ms:8.2} ms {:7.2} GFLOPS",
                billions / ms * 1e3
            );
        };
        for tile in [[4, 1], [8, 2], [4, 4], [8, 4], [12, 4], [8, 8]] {
            for workgroup in [[8, 1], [32, 1]] {
                report(Variant::Alone, tile, workgroup);
            }
        }
        report(Variant::Alone, [8, 2], [4, 1]);
        report(Variant::Alone, [8, 2], [16, 1]);
        report(Variant::Alone, [8, 2], [8, 8]);
        report(Variant::Shared, [4, 1], [16, 16]);
        report(Variant::Shared, [8, 2], [8, 8]);
    }
}
