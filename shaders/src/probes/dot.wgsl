// result[i] = the sum of CHAINS integers, to each of which the scalar product of its own four bytes with four from outside
// is added again and again.
//
// Overrides: LANES   invocations of a workgroup
// Template:  CHAINS  numbers of an invocation
//            STEPS   steps of each in a turn

@group(0) @binding(0) var<storage, read> turns: array<i32>;
@group(0) @binding(1) var<storage, read_write> result: array<i32>;

override LANES: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let count = u32(turns[0]);
    let bytes = u32(turns[1]);
//#for chain in CHAINS
    var x$chain = $chain + turns[2];
//#end
    for (var turn = 0u; turn < count; turn += 1u) {
//#for step in STEPS
//#for chain in CHAINS
        x$chain += dot4I8Packed(u32(x$chain), bytes);
//#end
//#end
    }
    var sum = 0;
//#for chain in CHAINS
    sum += x$chain;
//#end
    result[workgroup.x * LANES + local] = sum;
}
