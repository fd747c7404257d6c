//! Every kernel variant computes on the machine's Vulkan adapter what the CPU reference of its operator computes.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeSet;

use graph::{Data, Tensor};
use shaders::Host;
use support::{Case, adapter, cases, plan, site, tunings};

/// Largest error allowed, relative to the expected number where that is larger than 1.
const TOLERANCE: f32 = 2e-5;

/// What is wrong with a result.
fn fault(actual: &Tensor, expected: &Tensor) -> Option<String> {
    if actual.shape != expected.shape {
        return Some(format!("has shape {:?}, expected {:?}", actual.shape, expected.shape));
    }
    let (Data::F32(got), Data::F32(wanted)) = (&actual.data, &expected.data) else {
        return (actual != expected).then(|| format!("is {:?}, expected {:?}", actual.data, expected.data));
    };
    let off = |(a, e): (&f32, &f32)| {
        let same = a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= TOLERANCE * e.abs().max(1.0);
        !same
    };
    let index = got.iter().zip(wanted.iter()).position(off)?;
    Some(format!("element {index} is {}, expected {}", got[index], wanted[index]))
}

fn reference(case: &Case) -> Tensor {
    let operands: Vec<Option<&Tensor>> = case.inputs.iter().map(Option::as_ref).collect();
    let mut results =
        case.operator.evaluate(&operands).map_err(|e| format!("{}: {e}", case.name)).expect("evaluates");
    results.remove(0)
}

#[test]
fn every_kernel_variant_computes_what_its_operator_means() {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let cases: Vec<(Case, Tensor)> =
        cases::all().into_iter().map(|case| (reference(&case), case)).map(|(t, c)| (c, t)).collect();
    for tuning in tunings() {
        for (case, expected) in &cases {
            let plan = plan(&case.name, &case.graph(), &site(Host::Native, true), &tuning);
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
