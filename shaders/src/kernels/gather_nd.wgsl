// result[batch, t, inner] = data[batch, tuple..., inner] where tuple is row t of indices [batch, TUPLES, LENGTH].
// Negative indices count from the end; others out of range are moved to the nearest element.
//
// Overrides: TUPLES    index tuples in a batch
//            BATCH     elements of data in a batch
//            INNER     elements that a tuple names
//            D0, ...   extent of the axis that component 0 selects from, and so on
//            S0_0, ... elements between neighbours on that axis
// Template:  LENGTH    components of a tuple
//            T         element type, f32, i32, u32 or a vector of four, and then strides count in vectors

alias T = $T;

@group(0) @binding(0) var<storage, read> data: array<T>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> result: array<T>;

override TUPLES: u32;
override BATCH: u32;
override INNER: u32;
//#for d in LENGTH
override D$d: i32;
override S0_$d: u32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    let tuple = flat / INNER;
    var at = tuple / TUPLES * BATCH + flat % INNER;
//#for d in LENGTH
    let index$d = indices[tuple * $LENGTHu + $du];
    at += u32(clamp(select(index$d, index$d + D$d, index$d < 0), 0, D$d - 1)) * S0_$d;
//#end
    result[flat] = data[at];
}
