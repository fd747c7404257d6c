// target_[i] = data[i], as often as there are turns, in the order in which read.wgsl reads.
//
// Overrides and template as in read.wgsl.

@group(0) @binding(0) var<storage, read> turns: array<i32>;
@group(0) @binding(1) var<storage, read> data: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> target_: array<vec4<f32>>;

override LANES: u32;
override CHUNKS: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let count = u32(turns[0]);
    for (var turn = 0u; turn < count; turn += 1u) {
        let chunk = (workgroup.x + turn * (CHUNKS / 2u + 1u)) & (CHUNKS - 1u);
        let at = chunk * $STEPSu * LANES + local;
//#for step in STEPS
        target_[at + $stepu * LANES] = data[at + $stepu * LANES];
//#end
    }
}
