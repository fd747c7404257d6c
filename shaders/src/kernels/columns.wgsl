// Prelude of products on vectors: four columns of a row of b, bias, residual or result, which lie as a vector, or element
// by element where rows are no whole number of vectors. Rows are given by where they begin, counted as their elements lie.
//
// Overrides: N, N4                 columns, and vectors of them
//            OUT                   elements between neighbouring rows: vectors if ALIGNED, else columns
// Template:  ALIGNED, UNALIGNED    whether they lie as vectors, or not
//            W                     their type there
//            BIAS, RESIDUAL        whether there is a bias, and what is added at last, of the result's shape
//            RESIDUAL_AT, RESULT   bindings

@group(0) @binding(1) var<storage, read> b: array<$W>;
//#if BIAS
@group(0) @binding(2) var<storage, read> bias: array<$W>;
//#end
//#if RESIDUAL
@group(0) @binding($RESIDUAL_AT) var<storage, read> residual: array<$W>;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<$W>;

override N: u32;
override N4: u32;
override OUT: u32;

//#if ALIGNED
alias Columns = u32;

// Of vectors beyond the last, the last once more.
fn columns_of(vector: u32) -> Columns {
    return min(vector, N4 - 1u);
}

fn b_at(row: u32, columns: Columns) -> vec4<f32> {
    return b[row + columns];
}
//#end
//#if UNALIGNED
alias Columns = vec4<u32>;

fn columns_of(vector: u32) -> Columns {
    return min(vec4<u32>(vector * 4u) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(N - 1u));
}

fn b_at(row: u32, columns: Columns) -> vec4<f32> {
    let at = row + columns;
    return vec4<f32>(b[at.x], b[at.y], b[at.z], b[at.w]);
}
//#end

// Of a sum: with its bias, which has one row that begins there, activated, the residual added.
fn store(sum: vec4<f32>, row: u32, bias_row: u32, vector: u32) {
    let columns = columns_of(vector);
    var value = sum;
//#if BIAS
    let shift = bias_row + columns;
//#if ALIGNED
    value += bias[shift];
//#end
//#if UNALIGNED
    value += vec4<f32>(bias[shift.x], bias[shift.y], bias[shift.z], bias[shift.w]);
//#end
//#end
    var finished = activate(value);
    let at = row + columns;
//#if ALIGNED
//#if RESIDUAL
    finished += residual[at];
//#end
    result[at] = finished;
//#end
//#if UNALIGNED
//#for j in FOUR
    if vector * 4u + $ju < N {
//#if RESIDUAL
        finished[$j] += residual[at[$j]];
//#end
        result[at[$j]] = finished[$j];
    }
//#end
//#end
}
