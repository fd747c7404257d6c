// result[i] = the sum of CHAINS numbers, each multiplied by a factor and added to again and again: with factor and addend
// 1 it counts the steps. The chains are independent, so that one does not wait for the other; factor and addend come from
// outside, so that no compiler knows what comes of them.
//
// Overrides: LANES   invocations of a workgroup
// Template:  T       f32, or vec2<f16>, and then HALF is set
//            CHAINS  numbers of an invocation
//            STEPS   steps of each in a turn

//#if HALF
enable f16;
//#end

@group(0) @binding(0) var<storage, read> turns: array<i32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

override LANES: u32;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let count = u32(turns[0]);
    let factor = $T($SCALAR(turns[1]));
    let addend = $T($SCALAR(turns[2]));
//#for chain in CHAINS
    var x$chain = $T();
//#end
    for (var turn = 0u; turn < count; turn += 1u) {
//#for step in STEPS
//#for chain in CHAINS
        x$chain = fma(x$chain, factor, addend);
//#end
//#end
    }
    var sum = $T();
//#for chain in CHAINS
    sum += x$chain;
//#end
//#if HALF
    result[workgroup.x * LANES + local] = f32(sum.x) + f32(sum.y);
//#end
//#if FULL
    result[workgroup.x * LANES + local] = sum;
//#end
}
