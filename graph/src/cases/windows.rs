//! Cases of operators that move a window over spatial dimensions, and of borders.

use super::table::{Cases, floats, given, whole};
use crate::ops::*;
use crate::{DataType, Tensor, TensorType};

/// Adds the cases.
pub(super) fn add(cases: &mut Cases) {
    convolutions(cases);
    transposed_convolutions(cases);
    pools(cases);
    pads(cases);
}

fn convolutions(cases: &mut Cases) {
    let conv =
        |strides: &[usize], pads_begin: &[usize], pads_end: &[usize], dilations: &[usize], groups| Conv {
            channels: ChannelOrder::First,
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
        ("1d, 11 channels", conv(&[1], &[0], &[0], &[1], 1), &[2, 3, 71], &[11, 3, 4], &[2, 11, 68]),
        ("1d, groups of 9 channels", conv(&[1], &[1], &[1], &[1], 2), &[1, 4, 8], &[18, 2, 3], &[1, 18, 8]),
        ("1d, lines of vectors", conv(&[2], &[0], &[0], &[1], 1), &[2, 8, 23], &[12, 8, 3], &[2, 12, 11]),
        (
            "1d, 257 channels of one",
            conv(&[64], &[0], &[0], &[1], 1),
            &[1, 1, 512],
            &[257, 1, 256],
            &[1, 257, 5],
        ),
        ("1d, groups of vectors", conv(&[1], &[3], &[3], &[1], 3), &[2, 12, 9], &[24, 4, 6], &[2, 24, 10]),
        ("1d of a point", conv(&[1], &[0], &[0], &[1], 1), &[2, 8, 9], &[6, 8, 1], &[2, 6, 9]),
        (
            "2d padded",
            conv(&[2, 1], &[1, 1], &[1, 1], &[1, 1], 1),
            &[2, 8, 7, 6],
            &[20, 8, 3, 3],
            &[2, 20, 4, 6],
        ),
        (
            "2d of a point, by twos",
            conv(&[2, 2], &[0, 0], &[0, 0], &[1, 1], 1),
            &[1, 8, 7, 6],
            &[16, 8, 1, 1],
            &[1, 16, 4, 3],
        ),
        (
            "2d depthwise, by twos",
            conv(&[2, 2], &[0, 2], &[1, 1], &[1, 2], 8),
            &[2, 8, 6, 7],
            &[8, 1, 2, 3],
            &[2, 8, 3, 3],
        ),
        ("1d depthwise", conv(&[1], &[2], &[0], &[1], 12), &[2, 12, 7], &[12, 1, 3], &[2, 12, 7]),
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

fn transposed_convolutions(cases: &mut Cases) {
    let conv =
        |strides: &[usize], pads: [&[usize]; 2], dilations: &[usize], output_padding: &[usize], groups| {
            ConvTranspose {
                strides: strides.to_vec(),
                pads_begin: pads[0].to_vec(),
                pads_end: pads[1].to_vec(),
                dilations: dilations.to_vec(),
                output_padding: output_padding.to_vec(),
                groups,
                activation: None,
            }
        };
    for (name, operator, x, weight, y) in [
        ("1d", conv(&[2], [&[1], &[1]], &[1], &[1], 1), &[2, 3, 5][..], &[3, 4, 3][..], &[2, 4, 10][..]),
        ("1d dilated, grouped", conv(&[1], [&[0], &[1]], &[2], &[0], 2), &[1, 4, 5], &[4, 3, 2], &[1, 6, 6]),
        (
            "1d, groups of 9 channels",
            conv(&[1], [&[0], &[1]], &[2], &[0], 2),
            &[1, 4, 5],
            &[4, 9, 2],
            &[1, 18, 6],
        ),
        (
            "2d",
            conv(&[2, 2], [&[1, 1], &[1, 1]], &[1, 1], &[0, 0], 1),
            &[1, 4, 3, 4],
            &[4, 8, 4, 4],
            &[1, 8, 6, 8],
        ),
        (
            "2d uneven",
            conv(&[3, 1], [&[0, 1], &[1, 0]], &[1, 2], &[1, 0], 1),
            &[2, 2, 3, 4],
            &[2, 3, 2, 3],
            &[2, 3, 8, 7],
        ),
        (
            "3d",
            conv(&[1, 2, 1], [&[0, 1, 0], &[0, 0, 0]], &[1, 1, 1], &[0, 0, 0], 1),
            &[1, 2, 2, 3, 2],
            &[2, 3, 2, 2, 2],
            &[1, 3, 3, 5, 3],
        ),
    ] {
        let inputs = vec![Some(floats(x, 101)), Some(floats(weight, 102))];
        cases.float(&format!("conv_transpose {name}"), operator.clone(), inputs.clone(), y);
        let inputs = inputs.into_iter().chain([Some(floats(&[y[1]], 103))]).collect();
        let operator = ConvTranspose { activation: Some(Activation::Relu), ..operator };
        cases.float(&format!("conv_transpose {name} bias relu"), operator, inputs, y);
    }
}

fn pools(cases: &mut Cases) {
    let average = |count_include_pad| PoolKind::Average { count_include_pad };
    let kinds = [PoolKind::Max, average(true), average(false), PoolKind::Lp { p: 1 }, PoolKind::Lp { p: 3 }];
    let pool = |kernel: &[usize], strides: &[usize], pads: [&[usize]; 2], dilations: &[usize], ceil| Pool {
        kind: PoolKind::Max,
        kernel: kernel.to_vec(),
        strides: strides.to_vec(),
        pads_begin: pads[0].to_vec(),
        pads_end: pads[1].to_vec(),
        dilations: dilations.to_vec(),
        ceil,
    };
    for (name, operator, x, y) in [
        ("1d", pool(&[3], &[2], [&[1], &[1]], &[1], false), &[2, 3, 8][..], &[2, 3, 4][..]),
        ("1d, windows cut short", pool(&[3], &[2], [&[0], &[0]], &[1], true), &[1, 2, 8], &[1, 2, 4]),
        ("1d, a window of padding", pool(&[2], &[1], [&[1], &[1]], &[2], false), &[1, 1, 1], &[1, 1, 1]),
        ("2d", pool(&[2, 2], &[2, 2], [&[0, 0], &[0, 0]], &[1, 1], false), &[1, 2, 4, 6], &[1, 2, 2, 3]),
        (
            "2d uneven",
            pool(&[3, 2], &[1, 2], [&[1, 0], &[0, 1]], &[1, 2], true),
            &[1, 2, 5, 7],
            &[1, 2, 4, 4],
        ),
        (
            "3d",
            pool(&[2, 2, 2], &[1, 2, 1], [&[0, 0, 0], &[0, 0, 1]], &[1, 1, 1], false),
            &[1, 1, 3, 4, 3],
            &[1, 1, 2, 2, 3],
        ),
        (
            "whole planes",
            pool(&[7, 5], &[1, 1], [&[0, 0], &[0, 0]], &[1, 1], false),
            &[2, 3, 7, 5],
            &[2, 3, 1, 1],
        ),
    ] {
        for kind in kinds {
            let operator = Pool { kind, ..operator.clone() };
            cases.float(&format!("pool {kind:?} {name}"), operator, vec![Some(floats(x, 104))], y);
        }
        for data_type in [DataType::U8, DataType::I8] {
            let input = whole(data_type, x, 105);
            let output = TensorType::new(data_type, y);
            cases.add(&format!("pool Max {data_type} {name}"), operator.clone(), vec![Some(input)], output);
        }
    }
    let input = given(&[1, 1, 4], &[1.0, f32::NAN, 3.0, -1.0]);
    let operator = pool(&[2], &[1], [&[0], &[0]], &[1], false);
    cases.float("pool Max of NaN", operator, vec![Some(input)], &[1, 1, 3]);
}

fn pads(cases: &mut Cases) {
    for (name, x, before, after, y) in [
        ("images", &[2, 3, 4][..], vec![0, 1, 2], vec![0, 1, 1], &[2, 5, 7][..]),
        ("in fours", &[3, 8], vec![1, 4], vec![0, 4], &[4, 16]),
        ("far", &[2, 3], vec![0, 7], vec![3, 8], &[5, 18]),
        ("one element", &[1, 1], vec![2, 0], vec![1, 3], &[4, 4]),
        ("nothing", &[3, 4], vec![0, 0], vec![0, 0], &[3, 4]),
    ] {
        for mode in [PadMode::Constant, PadMode::Edge, PadMode::Reflect, PadMode::Wrap] {
            let operator = Pad { mode, before: before.clone(), after: after.clone() };
            cases.float(&format!("pad {mode:?} {name}"), operator.clone(), vec![Some(floats(x, 106))], y);
            for data_type in [DataType::I64, DataType::U8, DataType::Bool] {
                let input = vec![Some(whole(data_type, x, 107))];
                let output = TensorType::new(data_type, y);
                cases.add(&format!("pad {mode:?} {data_type} {name}"), operator.clone(), input, output);
            }
        }
        let operator = Pad { mode: PadMode::Constant, before, after };
        let fill = Some(Tensor::scalar(1.5f32));
        cases.float(&format!("pad by 1.5 {name}"), operator, vec![Some(floats(x, 108)), fill], y);
    }
    let operator = Pad { mode: PadMode::Constant, before: vec![1, 0], after: vec![0, 2] };
    let fill = Some(Tensor::vector([7i64].as_slice()));
    cases.add(
        "pad nothing",
        operator,
        vec![Some(whole(DataType::I64, &[2, 0], 109)), fill],
        TensorType::new(DataType::I64, [3, 2]),
    );
}
