// result[row] = the index of the element that comes first in a row of [outer, EXTENT, INNER].
//
// Overrides: EXTENT       of the axis
//            INNER        elements behind the axis; a row is one of outer * INNER
// Template:  BEFORE       whether the element x comes before y
//            TIE          whether, of equal elements at i and j, that at i is taken
// Variants:  one workgroup or one invocation per row, see rows.wgsl

@group(0) @binding(0) var<storage, read> input: array<E>;
@group(0) @binding(1) var<storage, read_write> result: array<i32>;

override EXTENT: u32;
override INNER: u32;

//#if SHARED
var<workgroup> places: array<u32, $LANES>;
//#end

fn comes_before(x: E, y: E) -> bool {
    return $BEFORE;
}

// Whether the element x at place i is taken rather than y at place j.
fn is_taken(x: E, i: u32, y: E, j: u32) -> bool {
    return comes_before(x, y) || (!comes_before(y, x) && $TIE);
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = row_of(workgroup, local);
    let lane = lane_of(local);
    if row >= COUNT {
        return;
    }
    let start = row / INNER * EXTENT * INNER + row % INNER;
    // Lanes beyond the row take its last element too.
    var place = min(lane, EXTENT - 1u);
    var best = input[start + place * INNER];
    let next = lane + LANES;
//#loop i from next to EXTENT by LANES
        let x = input[start + i * INNER];
        if is_taken(x, i, best, place) {
            best = x;
            place = i;
        }
//#end
//#if SHARED
    partial[lane] = best;
    places[lane] = place;
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step = step >> 1u) {
        if lane < step && is_taken(partial[lane + step], places[lane + step], partial[lane], places[lane]) {
            partial[lane] = partial[lane + step];
            places[lane] = places[lane + step];
        }
        workgroupBarrier();
    }
    place = places[0];
//#end
    if lane == 0u {
        result[row] = i32(place);
    }
}
