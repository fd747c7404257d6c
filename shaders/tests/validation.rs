//! Every kernel variant that can be produced is accepted by naga, with its override constants filled in.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeSet;

use graph::cases;
use naga::back::PipelineConstants;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use shaders::{Kernel, Tuning};
use support::{devices, plan, tunings};

/// The errors that naga has against a kernel.
fn fault(kernel: &Kernel) -> Option<String> {
    let module = match naga::front::wgsl::parse_str(&kernel.wgsl) {
        Ok(module) => module,
        Err(error) => return Some(error.emit_to_string(&kernel.wgsl)),
    };
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16);
    let info = match validator.validate(&module) {
        Ok(info) => info,
        Err(error) => return Some(error.emit_to_string(&kernel.wgsl)),
    };
    let mut constants = PipelineConstants::default();
    constants.extend(kernel.constants.iter().map(|&(name, value)| (name.to_owned(), value)));
    let entry = Some((naga::ShaderStage::Compute, kernel.entry_point));
    match naga::back::pipeline_constants::process_overrides(&module, &info, entry, &constants) {
        Ok((module, _)) => {
            let size = module.entry_points.first().map(|entry| entry.workgroup_size);
            (size != Some(kernel.workgroup_size)).then(|| format!("its workgroup size is {size:?}"))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// The bindings in WGSL, as the kernel says them.
fn binding_fault(kernel: &Kernel) -> Option<String> {
    let declared = (0..).take_while(|index| kernel.wgsl.contains(&format!("@binding({index})"))).count();
    (declared != kernel.bindings.len()).then(|| format!("binds {declared}, says {:?}", kernel.bindings))
}

#[test]
fn every_kernel_variant_is_valid() {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    let defaults = devices().into_iter().map(|device| (device, Tuning::default()));
    let forced = tunings().into_iter().map(|tuning| (devices()[0], tuning));
    for (device, tuning) in defaults.chain(forced) {
        for case in cases::all().into_iter().flat_map(|case| case.halved().into_iter().chain([case])) {
            for kernel in plan(&case.name, &case.graph(), &device, &tuning).kernels {
                let key = (kernel.wgsl.to_string(), kernel.workgroup_size);
                if seen.insert(key) {
                    let found = fault(&kernel).or_else(|| binding_fault(&kernel));
                    faults.extend(found.map(|fault| format!("{} ({}): {fault}", kernel.label, case.name)));
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults, the first:\n{}",
        faults.len(),
        faults[..faults.len().min(5)].join("\n\n")
    );
    assert!(seen.len() > 200, "only {} variants were produced", seen.len());
    println!("{} variants validated", seen.len());
}
