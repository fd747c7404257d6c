// result[RESULT_BASE + c . S1] = input[INPUT_BASE + c . S0] for every coordinate c: moves elements, whatever they are.
//
// Transpose, Expand, Slice (its strides may be negative), each part of a Concat, new rows of a cache, and plain
// copies are all this kernel. Dimensions are counted from the innermost.
//
// Overrides: D0, D1, ...                extents
//            S0_0, ... and S1_0, ...    strides of input and result
//            INPUT_BASE, RESULT_BASE    where the first element lies
//            MOVED_BY                   how far each of the integer `moved` moves the result's base
// Template:  T     element type: f32, i32, u32 or a vector of four, and then everything counts in vectors
//            RANK  dimensions; LAST is RANK - 1
//            MOVED whether there is such an integer

alias T = $T;

@group(0) @binding(0) var<storage, read> input: array<T>;
//#if MOVED
@group(0) @binding(1) var<storage, read> moved: array<i32>;
override MOVED_BY: i32;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<T>;

override INPUT_BASE: i32;
override RESULT_BASE: i32;
//#for d in RANK
override D$d: u32;
override S0_$d: i32;
override S1_$d: i32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    var rest = flat;
    var from_at = INPUT_BASE;
    var to_at = RESULT_BASE;
//#if MOVED
    to_at += moved[0] * MOVED_BY;
//#end
//#for d in LAST
    let c$d = i32(rest % D$d);
    rest = rest / D$d;
    from_at += c$d * S0_$d;
    to_at += c$d * S1_$d;
//#end
    from_at += i32(rest) * S0_$LAST;
    to_at += i32(rest) * S1_$LAST;
    result[u32(to_at)] = input[u32(from_at)];
}
