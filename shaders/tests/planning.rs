//! Plans are sound: aliases cost nothing, nothing overlaps while it is needed, weights and kernels come once, and
//! limits are kept or named.
#![allow(clippy::expect_used, reason = "a test that cannot go on has to fail")]

mod support;

use std::collections::BTreeMap;

use graph::cases::{self, Case};
use graph::ops::{MatMul, Reduce, Reduction, Unary};
use graph::{DataType, Graph, Operator, TensorType};
use shaders::tuning::{Family, Variant};
use shaders::{BufferRole, DeviceProperties, GpuPlan, Implementation, Limits, Part, Region, Tuning};
use support::{device, devices, only, plan, tunings};

fn parsed(text: &str) -> Graph {
    graph::text::parse(text).map_err(|error| error.to_string()).expect("is a graph")
}

fn planned(text: &str) -> GpuPlan {
    plan(text, &parsed(text), &device(Implementation::Native, true), &Tuning::default())
}

fn overlap(a: &Region, b: &Region) -> bool {
    a.buffer == b.buffer
        && a.offset_bytes < b.offset_bytes + b.size_bytes
        && b.offset_bytes < a.offset_bytes + a.size_bytes
}

/// The faults of a plan, whatever it computes.
fn faults(plan: &GpuPlan, alignment_bytes: u64) -> Vec<String> {
    let mut faults = Vec::new();
    let regions = plan.programs[0].dispatches.iter().flat_map(|dispatch| &dispatch.bindings);
    for region in regions
        .chain(plan.programs[0].inputs.iter().chain(&plan.programs[0].outputs).map(|port| &port.region))
    {
        let inside = region.offset_bytes + region.size_bytes <= plan.buffers[region.buffer].size_bytes;
        if !inside || region.offset_bytes % alignment_bytes != 0 || region.size_bytes % 4 != 0 {
            faults.push(format!("{region:?} does not lie well in {:?}", plan.buffers[region.buffer]));
        }
    }
    for dispatch in &plan.programs[0].dispatches {
        let (write, reads) = dispatch.bindings.split_last().expect("every kernel writes");
        if reads.iter().any(|read| read.buffer == write.buffer) {
            faults.push(format!("{}: reads and writes buffer {}", dispatch.label, write.buffer));
        }
        if plan.buffers[write.buffer].role != BufferRole::Arena {
            faults.push(format!("{}: writes weights", dispatch.label));
        }
        if dispatch.bindings.len() != plan.kernels[dispatch.kernel].bindings.len() {
            faults.push(format!("{}: another number of bindings than its kernel", dispatch.label));
        }
    }
    faults.extend(lifetime_faults(plan));
    faults
}

/// Plays the plan: every region keeps the name of what was written there last, and each read has to find the
/// very region that was written, untouched since.
fn lifetime_faults(plan: &GpuPlan) -> Vec<String> {
    let mut faults = Vec::new();
    let mut intact: Vec<Region> = Vec::new();
    let write = |region: &Region, intact: &mut Vec<Region>| {
        intact.retain(|other| !overlap(other, region) || other == region);
        intact.push(*region);
    };
    for port in &plan.programs[0].inputs {
        if intact.iter().any(|other| overlap(other, &port.region)) {
            faults.push(format!("input {} overlaps another", port.name));
        }
        write(&port.region, &mut intact);
    }
    for weight in &plan.weights {
        write(&weight.region, &mut intact);
    }
    for dispatch in &plan.programs[0].dispatches {
        let (written, reads) = dispatch.bindings.split_last().expect("every kernel writes");
        for read in reads.iter().filter(|read| !intact.contains(read)) {
            faults.push(format!("{}: {read:?} was overwritten, or never written", dispatch.label));
        }
        write(written, &mut intact);
    }
    for port in plan.programs[0]
        .outputs
        .iter()
        .filter(|port| !intact.contains(&port.region) && !port.shape.contains(&0))
    {
        faults.push(format!("output {} did not stay intact", port.name));
    }
    faults
}

#[test]
fn every_plan_is_sound() {
    for case in cases::all() {
        let found: Vec<String> = tunings()
            .iter()
            .flat_map(|tuning| faults(&plan(&case.name, &case.graph(), &devices()[0], tuning), 256))
            .collect();
        assert!(found.is_empty(), "{}: {found:?}", case.name);
    }
}

/// A chain with a long branch, two outputs, an input that is an output, and a constant that is one.
const WOVEN: &str = "
    x: f32[4,8]
    w: f32[8,8] = 0.5
    again: f32[8,8] = 0.5
    a = MatMul(x, w)
    b = Relu(a)
    c = MatMul(b, again)
    d = Add(c, a)
    e = Softmax(d, axis=1)
    f = Concat(a, e, b, axis=0)
    g = Add(d, x)
    return f, g, x, w
";

#[test]
fn a_woven_graph_is_planned_soundly() {
    let plan = planned(WOVEN);
    assert_eq!(faults(&plan, 256), Vec::<String>::new(), "{plan}");
    let arenas = plan.buffers.iter().filter(|buffer| buffer.role == BufferRole::Arena).count();
    assert!(arenas <= 4, "{arenas} arenas:\n{plan}");
    assert_eq!(plan.weights.len(), 1, "equal constants are uploaded once");
    let memory = plan.memory();
    assert!(memory.largest_live_bytes <= memory.arena_bytes && memory.weights_bytes == 256, "{memory:?}");
}

#[test]
fn a_chain_needs_two_arenas_and_one_kernel() {
    let mut text = String::from("x: f32[64]\ny0 = Relu(x)\n");
    for i in 1..20 {
        text += &format!("y{i} = Relu(y{})\n", i - 1);
    }
    let plan = planned(&(text + "return y19"));
    let sizes: Vec<u64> = plan.buffers.iter().map(|buffer| buffer.size_bytes).collect();
    assert_eq!(
        (sizes, plan.kernels.len(), plan.programs[0].dispatches.len()),
        (vec![256, 256], 1, 20),
        "{plan}"
    );
    assert_eq!(plan.first_uses(), [(0, 0)]);
}

#[test]
fn reshapes_are_aliases() {
    let plan = planned(
        "x: f32[2,6]
         shape: i64[2] = 3 4
         a = Relu(x)
         y = Reshape(a, shape)
         return y",
    );
    assert_eq!(plan.programs[0].dispatches.len(), 1, "{plan}");
    assert_eq!(plan.programs[0].outputs[0].region, plan.programs[0].dispatches[0].bindings[1]);
    assert_eq!(plan.programs[0].outputs[0].shape, [3, 4]);
}

#[test]
fn an_input_that_is_an_output_stays_and_a_constant_is_copied() {
    let plan = planned(
        "x: f32[4]
         w: f32[4] = 1 2 3 4
         return x, w",
    );
    assert_eq!(plan.programs[0].outputs[0].region, plan.programs[0].inputs[0].region);
    assert_eq!(plan.programs[0].dispatches.len(), 1, "{plan}");
    assert_eq!(plan.buffers[plan.programs[0].outputs[1].region.buffer].role, BufferRole::Arena);
}

#[test]
fn limits_are_kept_or_named() {
    let limited = |limits: Limits| DeviceProperties { limits, ..device(Implementation::Native, true) };
    let graph = parsed("x: f32[300,256]\ny = Relu(x)\nz = Exp(y)\nreturn z");
    let default = Limits::default();
    for (limits, message) in [
        (
            // A row takes 1024 bytes.
            Limits { max_storage_buffer_binding_size: 512, ..default },
            "tensor \"x\" (f32[300, 256]) needs a maxStorageBufferBindingSize of 307200, and this adapter offers 512",
        ),
        (Limits { max_buffer_size: 2048, ..default }, "needs a maxBufferSize of 307200"),
        (
            Limits { max_compute_invocations_per_workgroup: 16, ..default },
            "needs a maxComputeInvocationsPerWorkgroup of 64, and this adapter offers 16",
        ),
        (
            Limits { max_compute_workgroups_per_dimension: 8, ..default },
            "needs a maxComputeWorkgroupsPerDimension of 38",
        ),
        (
            Limits { max_storage_buffers_per_shader_stage: 1, ..default },
            "maxStorageBuffersPerShaderStage of 2",
        ),
    ] {
        let error = shaders::plan(&graph, &limited(limits)).expect_err("is refused");
        assert!(error.is_unsupported() && error.to_string().contains(message), "{error}");
    }
    let folded = Limits { max_compute_workgroups_per_dimension: 40, ..default };
    let plan = plan("folded", &graph, &limited(folded), &Tuning::default());
    assert!(plan.programs[0].dispatches.iter().all(|dispatch| dispatch.workgroups[1] > 1), "{plan}");
    let small = Limits { max_buffer_size: 400_000, ..default };
    let plan = support::plan("small buffers", &graph, &limited(small), &Tuning::default());
    assert!(plan.buffers.iter().all(|buffer| buffer.size_bytes <= 400_000), "{plan}");
}

#[test]
fn what_has_no_kernel_is_refused_by_name() {
    let integers = || Some(cases::whole(DataType::I64, &[2, 2], 1));
    for (operator, inputs, message) in [
        (
            Operator::Reduce(Reduce { reduction: Reduction::L2, axes: vec![0], keep_dimensions: false }),
            vec![integers()],
            "node \"n\" (Reduce): there is no kernel for norms of integers",
        ),
        (
            Operator::MatMul(MatMul { activation: None }),
            vec![integers(), integers()],
            "node \"n\" (MatMul): operand 0 is i64[2, 2], and there is no kernel but for f32",
        ),
        (
            Operator::Unary(Unary::Sqrt),
            vec![integers()],
            "node \"n\" (Sqrt): there is no kernel for Sqrt of i64[2, 2]",
        ),
    ] {
        let output = TensorType { data_type: DataType::I64, shape: vec![2, 2] };
        let case = Case { name: "n".to_owned(), operator, inputs, output };
        let error = shaders::plan(&case.graph(), &devices()[0]).expect_err("is refused");
        assert!(error.is_unsupported());
        assert_eq!(error.to_string(), message);
    }
}

/// New rows into a cache of four, and what the cache is then.
fn cache_graph(rows: usize) -> Graph {
    use graph::ops::CacheUpdate;
    let mut builder = graph::Builder::new();
    let f32s = |shape: &[usize]| TensorType::new(DataType::F32, shape);
    let cache = builder.input("past", f32s(&[4, 2]));
    let rows = builder.input("rows", f32s(&[rows, 2]));
    let position = builder.input("position", TensorType::new(DataType::I64, []));
    let operator = Operator::CacheUpdate(CacheUpdate { axis: 0 });
    let present = builder.push("update", operator, &[Some(cache), Some(rows), Some(position)]).expect("fits");
    let sum = Operator::Unary(Unary::Neg);
    let seen = builder.push("seen", sum, &[Some(present)]).expect("fits");
    builder.output("present", present);
    builder.output("seen", seen);
    builder.finish()
}

#[test]
fn what_lies_in_a_state_is_updated_in_place_and_found_by_the_next_program() {
    let states = [("past", "cache"), ("present", "cache")].map(|(port, state)| (port.into(), state.into()));
    let states = std::collections::BTreeMap::from(states);
    let (prefill, step) = (cache_graph(2), cache_graph(1));
    let parts = [("prefill", &prefill), ("step", &step)];
    let parts = parts.map(|(name, graph)| shaders::Part { name, graph, states: &states });
    let plan = shaders::plan_parts(&parts, &device(Implementation::Native, true), &Tuning::default())
        .expect("has a plan");
    let cache: Vec<_> = plan.buffers.iter().filter(|buffer| buffer.role == BufferRole::State).collect();
    assert_eq!(
        cache.iter().map(|buffer| (&*buffer.label, buffer.size_bytes)).collect::<Vec<_>>(),
        [("state cache", 32)]
    );
    for program in &plan.programs {
        assert_eq!(program.dispatches.len(), 2, "one update, one negation: {plan}");
        assert_eq!(program.inputs.iter().map(|port| &*port.name).collect::<Vec<_>>(), ["rows", "position"]);
        assert_eq!(program.outputs.iter().map(|port| &*port.name).collect::<Vec<_>>(), ["seen"]);
    }
    assert_eq!(plan.memory().state_bytes, 32);
}

#[test]
fn weights_too_large_for_a_binding_are_split() {
    let limits = Limits { max_storage_buffer_binding_size: 64 << 10, ..Limits::default() };
    let device = DeviceProperties { limits, ..device(Implementation::Native, true) };
    for text in [
        "i: i64[3]\nt: f32[100,256] = 0.5\ny = Gather(t, i)\nreturn y",
        "x: f32[3,256]\nw: f32[256,100] = 0.5\ny = MatMul(x, w)\nreturn y",
    ] {
        let plan = support::plan(text, &parsed(text), &device, &Tuning::default());
        let bindings = plan.programs[0].dispatches.iter().flat_map(|dispatch| &dispatch.bindings);
        let largest = bindings.map(|region| region.size_bytes).max();
        assert!(largest.is_some_and(|bytes| bytes <= 64 << 10), "{plan}");
        assert_eq!(faults(&plan, 256), Vec::<String>::new(), "{plan}");
    }
}

#[test]
fn lines_of_invocations_change_what_a_workgroup_computes() {
    let products = [
        ("many rows", "x: f32[64,64]\nw: f32[64,64] = 0.5\ny = MatMul(x, w)\nreturn y", true),
        ("few rows", "x: f32[1,64]\nw: f32[64,64] = 0.5\ny = MatMul(x, w)\nreturn y", true),
        ("no fours", "x: f32[63,63]\nw: f32[63,63] = 0.5\ny = MatMul(x, w)\nreturn y", true),
        ("no product", "x: f32[64,64]\ny = Softmax(x, axis=1)\nreturn y", false),
    ];
    for (name, text, changes) in products {
        for variant in [Variant::Shared, Variant::Alone] {
            let [long, high] = [[16, 1], [8, 2]].map(|workgroup| {
                let plan = plan(name, &parsed(text), &devices()[0], &only(variant, [1, 1], workgroup));
                let [dispatch] = &plan.programs[0].dispatches[..] else { panic!("{name}: {plan}") };
                (dispatch.workgroups, plan.kernels[0].workgroup_size)
            });
            assert_eq!(
                long.0 != high.0 && long.1 != high.1,
                changes,
                "{name} {variant:?}: {long:?}, {high:?}"
            );
        }
    }
}

#[test]
fn a_table_that_no_kernel_can_keep_to_is_refused_by_its_row() {
    let mut tuning = Tuning::default();
    let wrong = tuning.rows.iter_mut().find(|row| row.family == Family::Elementwise);
    wrong.expect("is in the table").choice.lines = 2;
    let graph = parsed("x: f32[4]\ny = Relu(x)\nreturn y");
    let part = shaders::Part { name: "model", graph: &graph, states: &BTreeMap::new() };
    let error = shaders::plan_parts(&[part], &devices()[0], &tuning).expect_err("is refused");
    assert!(!error.is_unsupported());
    assert_eq!(
        error.to_string(),
        "row {\"family\":\"elementwise\",\"choice\":{\"variant\":\"alone\",\"tile\":[1,1],\"lanes\":64,\"lines\":2}} of the \
         tuning table: these kernels number the invocations of a workgroup in one line"
    );
}

#[test]
fn a_plan_names_the_rows_it_was_made_by() {
    let text = "x: f32[64,64]\nw: f32[64,64] = 0.5\nm = MatMul(x, w)\ny = Softmax(m, axis=1)\nreturn y";
    for device in devices() {
        let chosen = shaders::plan(&parsed(text), &device).expect("has a plan").tuning;
        let families: Vec<Family> = chosen.rows.iter().map(|row| row.family).collect();
        assert_eq!(families, [Family::Matmul, Family::Softmax], "{device:?}");
        for row in &chosen.rows {
            assert!(Tuning::default().rows.contains(row), "{device:?}: {row:?}");
            assert!(row.software.is_none_or(|software| software == device.software), "{device:?}: {row:?}");
        }
    }
}

/// The kernels of a model can be planned one by one, as often as they occur.
#[test]
fn kernels_are_found_one_by_one_and_planned_alone() {
    let graph = parsed(
        "x: f32[1,8,20]\nw: f32[16,8,3] = 0.5\nv: f32[16,16,3] = 0.25\na = Conv(x, w)\nb = Conv(a, v, pads=[1,1])\n\
         c = Conv(b, v, pads=[1,1])\ny = Softmax(c)\nreturn y",
    );
    let device = device(Implementation::Chromium, true);
    let parts = [Part { name: "model", graph: &graph, states: &BTreeMap::new() }];
    let found = shaders::workloads_of_parts(&parts, &device, &Tuning::default()).expect("has a plan");
    let of = |family: Family| -> Vec<usize> {
        found.iter().filter(|workload| workload.family == family).map(|workload| workload.count).collect()
    };
    assert_eq!(of(Family::Conv).iter().sum::<usize>(), 3, "{found:#?}");
    assert_eq!(of(Family::Conv).len(), 2, "two of the three are alike");
    assert_eq!(of(Family::Softmax), [1]);
    for workload in &found {
        let plan = plan(&workload.name(), &workload.graph, &device, &Tuning::default());
        assert_eq!(plan.programs[0].dispatches.len(), 1, "{}", workload.name());
        assert_eq!(plan.tuning.rows[0].family, workload.family);
    }
}
