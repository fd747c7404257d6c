// result = (x - mean) / sqrt(variance + EPSILON) * scale + bias over each row of COLUMNS elements.
//
// The variance is that of the differences from the mean (two passes), which does not cancel for large means.
//
// Overrides: COLUMNS   elements of a row; in vectors where T is a vector
//            WIDTH     elements of a row, as a number to divide by
//            EPSILON   added to the variance
// Template:  T, TOTAL  f32 or vec4<f32>, and the sum of the components of v
//            CENTERED  whether there is a mean to subtract; without, it counts as 0
//            BIAS      whether there is one; RESULT is the binding of the result
// Variants:  one workgroup or one invocation per row, see rows.wgsl

alias T = $T;

@group(0) @binding(0) var<storage, read> input: array<T>;
@group(0) @binding(1) var<storage, read> scale: array<T>;
//#if BIAS
@group(0) @binding(2) var<storage, read> bias: array<T>;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<T>;

override COLUMNS: u32;
override WIDTH: f32;
override EPSILON: f32;

fn total(v: T) -> f32 {
    return $TOTAL;
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = row_of(workgroup, local);
    let lane = lane_of(local);
    if row >= COUNT {
        return;
    }
    let start = row * COLUMNS;
    var mean = 0.0;
//#if CENTERED
    var sum = T(0.0);
//#loop i from lane to COLUMNS by LANES
        sum += input[start + i];
//#end
    mean = fold_sum(total(sum), lane) / WIDTH;
//#end

    var squares = T(0.0);
//#loop i from lane to COLUMNS by LANES
        let difference = input[start + i] - T(mean);
        squares += difference * difference;
//#end
    let variance = fold_sum(total(squares), lane) / WIDTH;
    let factor = T(1.0 / sqrt(variance + EPSILON));

//#loop i from lane to COLUMNS by LANES
        var value = (input[start + i] - T(mean)) * factor * scale[i];
//#if BIAS
        value += bias[i];
//#end
        result[start + i] = value;
//#end
}
