// result[..., n, ...] = the index of the element that comes n-th in a row of [outer, EXTENT, INNER], for n below TAKEN.
//
// Each invocation has one element and counts those that come before it: equal elements by their index. Most stop early
// where few are taken.
//
// Overrides: EXTENT  of the axis
//            TAKEN   how many of each row are wanted
//            INNER   elements behind the axis
// Template:  E       element type
//            BEFORE  whether the element x comes before y

alias E = $E;

@group(0) @binding(0) var<storage, read> input: array<E>;
@group(0) @binding(1) var<storage, read_write> result: array<i32>;

override EXTENT: u32;
override TAKEN: u32;
override INNER: u32;

fn comes_before(x: E, y: E) -> bool {
    return $BEFORE;
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    let inner = flat % INNER;
    let place = flat / INNER % EXTENT;
    let outer = flat / INNER / EXTENT;
    let start = outer * EXTENT * INNER + inner;
    let x = input[start + place * INNER];
    var rank = 0u;
//#loop i from 0u to EXTENT by 1u while rank < TAKEN
        let y = input[start + i * INNER];
        if comes_before(y, x) || (i < place && !comes_before(x, y)) {
            rank += 1u;
        }
//#end
    if rank < TAKEN {
        result[(outer * TAKEN + rank) * INNER + inner] = i32(place);
    }
}
