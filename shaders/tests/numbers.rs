//! Every kernel variant computes on the machine's Vulkan adapter what the CPU reference of its operator computes.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeSet;

use graph::cases::{self, Case, fault};
use graph::ops::Binary;
use graph::{DataType, Graph, Operator, Tensor};
use shaders::{DeviceProperties, Error, GpuPlan, Implementation, Limits, Tuning};
use support::{adapter, device, plan, tunings};

fn with_expected(case: Case) -> (Case, Tensor) {
    let expected = case.expected().map_err(|error| format!("{}: {error}", case.name)).expect("evaluates");
    (case, expected)
}

/// The graphs that a case is run as: with operands as inputs of which nothing is known; with their integers known to be
/// no larger than they are, so that they take one word each; and, where kernels look at constants, with all but the
/// first as those.
fn graphs(case: &Case) -> Vec<Graph> {
    let graph = case.graph();
    let mut graphs = vec![graph.clone()];
    if case.fed().iter().any(|(_, tensor)| tensor.data_type() == DataType::I64) {
        let mut bounded = graph.clone();
        let bounds = |(name, tensor): (String, Tensor)| Some((name, graph::ranges::of_elements(&tensor)?));
        bounded.bounds.extend(case.fed().into_iter().filter_map(bounds));
        graphs.push(bounded);
    }
    if matches!(case.operator, Operator::MatMulNBits(_) | Operator::ScatterNd(_)) {
        let mut fixed = graph;
        for (id, (_, tensor)) in fixed.inputs.split_off(1).into_iter().zip(case.fed().into_iter().skip(1)) {
            fixed.values[id.0].constant = Some(tensor.into());
        }
        graphs.push(fixed);
    }
    graphs
}

#[test]
fn every_kernel_computes_with_halves() {
    let halves: Vec<(Case, Tensor)> =
        cases::all().iter().chain(&cases::extremes()).filter_map(Case::halved).map(with_expected).collect();
    assert!(halves.len() > 200, "{} cases", halves.len());
    check(halves);
}

#[test]
fn loops_of_many_turns_are_not_cut_short() {
    check(cases::long().into_iter().map(with_expected).collect());
}

/// Runs cases as the default table has it.
fn check(cases: Vec<(Case, Tensor)>) {
    let run = |(case, expected): &(Case, Tensor)| {
        let plan = plan(&case.name, &case.graph(), &device(Implementation::Native, true), &Tuning::default());
        run(&plan, case, expected)
    };
    complain(&cases.iter().filter_map(run).collect::<Vec<_>>());
}

/// The faults of the result of a case's plan.
fn run(plan: &GpuPlan, case: &Case, expected: &Tensor) -> Option<String> {
    let ready = adapter::device().prepare(plan);
    ready.write(&case.fed());
    ready.run();
    let label = plan.kernels.first().map_or("no kernel", |kernel| kernel.label.as_str());
    fault(&ready.read()[0], expected).map(|fault| format!("{} ({label}): {fault}", case.name))
}

fn complain(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(40)].join("\n"));
}

#[test]
fn more_workgroups_than_a_dimension_may_have_are_folded() {
    let most = 3;
    let limits = Limits { max_compute_workgroups_per_dimension: most, ..Limits::default() };
    let device = DeviceProperties { limits, ..device(Implementation::Native, true) };
    let mut faults = Vec::new();
    let mut folded = BTreeSet::new();
    for (case, expected) in cases::all().into_iter().map(with_expected) {
        match shaders::plan(&case.graph(), &device) {
            Ok(plan) => {
                let kernels = plan.kernels.iter().filter(|kernel| kernel.wgsl.contains("BLOCKS_X"));
                folded.extend(kernels.map(|kernel| kernel.label.split(' ').next().unwrap_or("").to_owned()));
                faults.extend(run(&plan, &case, &expected));
            }
            // Nine are the most.
            Err(error) => assert!(matches!(error, Error::Limit { .. }), "{}: {error}", case.name),
        }
    }
    complain(&faults);
    let expected = ["attention", "conv", "conv_transpose", "matmul", "matmul_n_bits"];
    assert!(expected.iter().all(|kernel| folded.contains(*kernel)), "{folded:?}");
}

#[test]
fn every_kernel_variant_computes_what_its_operator_means() {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let cases = cases::all().into_iter().chain(cases::extremes());
    let cases: Vec<(Case, Tensor)> = cases.map(with_expected).collect();
    for tuning in tunings() {
        let runs = cases.iter().flat_map(|run| graphs(&run.0).into_iter().map(move |graph| (run, graph)));
        for ((case, expected), graph) in runs {
            let plan = plan(&case.name, &graph, &device(Implementation::Native, true), &tuning);
            let pipelines: Vec<_> = plan
                .kernels
                .iter()
                .map(|kernel| format!("{}{:?}{:?}", kernel.wgsl, kernel.constants, case.name))
                .collect();
            if !pipelines.is_empty() && !seen.insert(pipelines) {
                continue;
            }
            faults.extend(run(&plan, case, expected));
        }
    }
    complain(&faults);
}

/// GPUs divide by way of an inexact reciprocal and join products and sums, which this imitates wherever it runs.
#[test]
fn quotients_are_rounded_as_ieee_754_has_it() {
    let drawn = |seed| cases::floats(&[1 << 14], seed).to_f32_vec();
    let (mut dividends, divisors) = (drawn(1), drawn(2));
    // Whole quotients, as quantised values have them.
    (0..).zip(dividends.iter_mut().zip(&divisors)).for_each(|(index, (dividend, divisor))| match index % 4 {
        0 => *dividend = divisor * (index % 256) as f32,
        1 => *dividend = divisor * (index as f32 + 0.5),
        _ => {}
    });
    let given = |elements: Vec<f32>| Tensor { shape: vec![elements.len()], data: elements.into() };
    let expected: Vec<f32> = dividends.iter().zip(&divisors).map(|(x, y)| x / y).collect();
    let expected = given(expected);
    let case = Case {
        name: "quotients".into(),
        operator: Operator::Binary(Binary::Div),
        output: expected.tensor_type(),
        inputs: vec![Some(given(dividends)), Some(given(divisors))],
    };
    let rest = "x - high * y_high - high * y_low - low * y_high - low * y_low";
    let joined = "fma(-low, y_low, fma(-low, y_high, fma(-high, y_low, fma(-high, y_high, x))))";
    for (estimate, rest_of_it) in [("x / y", rest), ("x * (F(1.0) / y)", rest), ("x * (F(1.0) / y)", joined)]
    {
        let mut plan =
            plan(&case.name, &case.graph(), &device(Implementation::Native, true), &Tuning::default());
        for kernel in &mut plan.kernels {
            for (text, other) in
                [("estimate = x / y", format!("estimate = {estimate}")), (rest, rest_of_it.into())]
            {
                assert!(kernel.wgsl.contains(text), "{}", kernel.wgsl);
                kernel.wgsl = kernel.wgsl.replace(text, &other).into();
            }
        }
        let ready = adapter::device().prepare(&plan);
        ready.write(&case.fed());
        ready.run();
        let found = ready.read()[0].to_f32_vec();
        let wanted = expected.to_f32_vec();
        let off = found.iter().zip(wanted.iter()).filter(|(found, wanted)| found != wanted).count();
        assert_eq!(off, 0, "of {} by {estimate}, {rest_of_it}", wanted.len());
    }
}
