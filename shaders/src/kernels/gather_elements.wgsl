// result[c] = data[c, but indices[c] along one axis]. Negative indices count from the end; others out of range are
// moved to the nearest element.
//
// Overrides: EXTENT, STRIDE     of the axis in data
//            D0, S0_0, ...      extents of the result, and strides of data there; 0 along the axis
// Template:  T                  element type
//            RANK               dimensions; LAST is RANK - 1

alias T = $T;

@group(0) @binding(0) var<storage, read> data: array<T>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> result: array<T>;

override EXTENT: i32;
override STRIDE: u32;
//#for d in RANK
override D$d: u32;
override S0_$d: u32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    var rest = flat;
    var at = 0u;
//#for d in LAST
    at += rest % D$d * S0_$d;
    rest = rest / D$d;
//#end
    at += rest * S0_$LAST;
    let index = indices[flat];
    at += u32(clamp(select(index, index + EXTENT, index < 0), 0, EXTENT - 1)) * STRIDE;
    result[flat] = data[at];
}
