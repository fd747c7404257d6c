//! Every kernel variant computes on the machine's Vulkan adapter what the CPU reference of its operator computes.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeSet;

use graph::cases::{self, Case, fault};
use graph::{DataType, Graph, Operator, Tensor};
use shaders::{Host, Tuning};
use support::{adapter, plan, site, tunings};

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
        cases::all().iter().filter_map(Case::halved).map(with_expected).collect();
    let faults: Vec<String> = halves
        .iter()
        .filter_map(|(case, expected)| {
            let plan = plan(&case.name, &case.graph(), &site(Host::Native, true), &Tuning::default());
            let ready = adapter::device().prepare(&plan);
            ready.write(&case.fed());
            ready.run();
            fault(&ready.read()[0], expected).map(|fault| format!("{}: {fault}", case.name))
        })
        .collect();
    assert!(halves.len() > 200, "{} cases", halves.len());
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(40)].join("\n"));
}

#[test]
fn every_kernel_variant_computes_what_its_operator_means() {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let cases: Vec<(Case, Tensor)> = cases::all().into_iter().map(with_expected).collect();
    for tuning in tunings() {
        let runs = cases.iter().flat_map(|run| graphs(&run.0).into_iter().map(move |graph| (run, graph)));
        for ((case, expected), graph) in runs {
            let plan = plan(&case.name, &graph, &site(Host::Native, true), &tuning);
            let pipelines: Vec<_> = plan
                .kernels
                .iter()
                .map(|kernel| format!("{}{:?}{:?}", kernel.wgsl, kernel.constants, case.name))
                .collect();
            if !pipelines.is_empty() && !seen.insert(pipelines) {
                continue;
            }
            let ready = adapter::device().prepare(&plan);
            ready.write(&case.fed());
            ready.run();
            let label = plan.kernels.first().map_or("no kernel", |kernel| kernel.label.as_str());
            faults.extend(
                fault(&ready.read()[0], expected).map(|fault| format!("{} ({label}): {fault}", case.name)),
            );
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(40)].join("\n"));
}
