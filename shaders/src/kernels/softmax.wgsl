// result = exp(x - max) / sum(exp(x - max)) along one axis of [outer, EXTENT, INNER].
//
// A row with a NaN or plus infinity in it has no sum. It is found by its largest element, since drivers lose NaN in exp.
//
// Overrides: EXTENT  of the axis
//            INNER   elements behind the axis; a row is one of outer * INNER
// Variants:  one workgroup or one invocation per row, see rows.wgsl

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

override EXTENT: u32;
override INNER: u32;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = row_of(workgroup, local);
    let lane = lane_of(local);
    if row >= COUNT {
        return;
    }
    let start = row / INNER * EXTENT * INNER + row % INNER;

    var largest = -3.4028234e38;
//#loop i from lane to EXTENT by LANES
        largest = larger(largest, input[start + i * INNER]);
//#end
    largest = fold_larger(largest, lane);

    // The sum is 0 only where every element is minus infinity, and 0 / 0 is then the NaN that the definition asks for.
    var sum = 0.0;
//#loop i from lane to EXTENT by LANES
        sum += exp(input[start + i * INNER] - largest);
//#end
    sum = fold_sum(sum, lane);
    if not_finite(largest) {
        sum = float_of(0x7fc00000u);
    }

//#loop i from lane to EXTENT by LANES
        result[start + i * INNER] = exp(input[start + i * INNER] - largest) / sum;
//#end
}
