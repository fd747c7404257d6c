// result[i] = the sum of what an invocation reads of `data` in so many turns; in a turn all invocations together read all
// of it once. A workgroup reads what lies together, and in the next turn what lies half of `data` further on, so that no
// cache holds it.
//
// Overrides: LANES   invocations of a workgroup
//            CHUNKS  parts of `data`, one for each workgroup: a power of two
// Template:  STEPS   vectors that an invocation reads in a turn

@group(0) @binding(0) var<storage, read> turns: array<i32>;
@group(0) @binding(1) var<storage, read> data: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

override LANES: u32;
override CHUNKS: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let count = u32(turns[0]);
    var sum = vec4<f32>();
    for (var turn = 0u; turn < count; turn += 1u) {
        let chunk = (workgroup.x + turn * (CHUNKS / 2u + 1u)) & (CHUNKS - 1u);
        let at = chunk * $STEPSu * LANES + local;
//#for step in STEPS
        sum += data[at + $stepu * LANES];
//#end
    }
    result[workgroup.x * LANES + local] = sum.x + sum.y + sum.z + sum.w;
}
