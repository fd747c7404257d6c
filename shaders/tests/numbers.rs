//! Every kernel variant computes on the machine's Vulkan adapter what the CPU reference of its operator computes.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeSet;

use graph::Tensor;
use graph::cases::{self, Case, fault};
use shaders::Host;
use support::{adapter, plan, site, tunings};

fn with_expected(case: Case) -> (Case, Tensor) {
    let expected = case.expected().map_err(|error| format!("{}: {error}", case.name)).expect("evaluates");
    (case, expected)
}

#[test]
fn every_kernel_variant_computes_what_its_operator_means() {
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    let cases: Vec<(Case, Tensor)> = cases::all().into_iter().map(with_expected).collect();
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
