// result[outer, i, inner] = data[outer, indices[i], inner]. Negative indices count from the end; others out of
// range, which ONNX leaves to the engine, are moved to the nearest element.
//
// Overrides: INDICES  how many indices
//            EXTENT   of the axis they select from
//            INNER    elements behind the axis; in vectors where T is a vector
// Template:  T        element type, f32, i32, u32 or a vector of four

alias T = $T;

@group(0) @binding(0) var<storage, read> data: array<T>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> result: array<T>;

override INDICES: u32;
override EXTENT: i32;
override INNER: u32;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    let inner = flat % INNER;
    let slice = flat / INNER;
    let outer = slice / INDICES;
    let index = indices[slice % INDICES];
    let at = u32(clamp(select(index, index + EXTENT, index < 0), 0, EXTENT - 1));
    result[flat] = data[(outer * u32(EXTENT) + at) * INNER + inner];
}
