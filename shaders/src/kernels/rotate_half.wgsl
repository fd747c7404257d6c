// Turns the pairs (a, b) that lie half a row apart: result = (a cos - b sin, b cos + a sin).
//
// Layout: x and result are rows of two halves; the angles of a row are found by the strides of the iteration space,
// whose dimensions are counted from the innermost. One invocation per pair, or per four pairs.
//
// Overrides: HALF         half a row
//            SECOND       from the angles of the first half to those of the second; 0 where they are the same
//            D0, S0_0...  extents of the pairs, strides of the angles
// Template:  T            f32, or a vector of four, and then everything counts in vectors
//            RANK         how many dimensions; LAST is RANK - 1

alias T = $T;

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> cosines: array<T>;
@group(0) @binding(2) var<storage, read> sines: array<T>;
@group(0) @binding(3) var<storage, read_write> result: array<T>;

override HALF: u32;
override SECOND: u32;
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
    var angle = 0u;
//#for d in LAST
    angle += rest % D$d * S0_$d;
    rest = rest / D$d;
//#end
    angle += rest * S0_$LAST;
    let at = flat / HALF * 2u * HALF + flat % HALF;
    let a = x[at];
    let b = x[at + HALF];
    let first = a * cosines[angle] - b * sines[angle];
    let second = b * cosines[angle + SECOND] + a * sines[angle + SECOND];
    result[at] = first;
    result[at + HALF] = second;
}
