// result[..., i, ...] = the sum of the elements of a row of [outer, EXTENT, INNER] up to i.
//
// Each lane adds up a part of the row, and then goes through it again from the sum of the parts before.
//
// Overrides: EXTENT     of the axis
//            INNER      elements behind the axis; a row is one of outer * INNER
//            REVERSE    whether rows are walked from the end
// Template:  INCLUSIVE, EXCLUSIVE   whether element i counts itself
//            SUM                    of a and x
//            FINISH                 the result from the sum a
// Variants:  one workgroup or one invocation per row, see rows.wgsl

@group(0) @binding(0) var<storage, read> input: array<E>;
@group(0) @binding(1) var<storage, read_write> result: array<E>;

alias R = E;
alias U = u32;

override EXTENT: u32;
override INNER: u32;
override REVERSE: bool;

fn sum(a: E, x: E) -> E {
    return $SUM;
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = row_of(workgroup, local);
    let lane = lane_of(local);
    if row >= COUNT {
        return;
    }
    let start = row / INNER * EXTENT * INNER + row % INNER;
    let part = (EXTENT + LANES - 1u) / LANES;
    let first = lane * part;
    let end = min(first + part, EXTENT);
    var a = E(0);
//#if SHARED
//#loop i from first to end by 1u
        a = sum(a, input[start + select(i, EXTENT - 1u - i, REVERSE) * INNER]);
//#end
    partial[lane] = a;
    workgroupBarrier();
    a = E(0);
    for (var before = 0u; before < lane; before++) {
        a = sum(a, partial[before]);
    }
//#end
//#loop i from first to end by 1u
        let at = start + select(i, EXTENT - 1u - i, REVERSE) * INNER;
//#if EXCLUSIVE
        result[at] = $FINISH;
//#end
        a = sum(a, input[at]);
//#if INCLUSIVE
        result[at] = $FINISH;
//#end
//#end
}
