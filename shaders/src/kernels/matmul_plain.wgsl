// result[row, column] = activate(ALPHA * sum over k of a[row, k] * b[k, column] + BETA * c[row, column])
//                       + residual[row, column]
//
// For shapes that vectors of four do not fit, and for operands in any order in memory: all by strides. One
// invocation computes ROWS rows of one column. Batches are numbered along z.
//
// Overrides: M, N, K                       extents
//            A_ROW, A_K, B_K, B_COLUMN     strides of the operands
//            C_ROW, C_COLUMN               strides of what is added; 0 along a broadcast dimension
//            ALPHA, BETA                   factors
//            D0, S0_0, S1_0, ...           extents of the batch, and the strides of a and b there
// Template:  E, FLOAT, WHOLE               f32, or i32: then factors, c and activation are left out, and sums wrap
//            ROWS                          rows per invocation
//            BATCH                         batch dimensions; LAST is BATCH - 1
//            BIAS, RESIDUAL                whether there is a c, and what is added at last, of the result's shape
//            RESIDUAL_AT, RESULT           bindings

alias E = $E;

@group(0) @binding(0) var<storage, read> a: array<E>;
@group(0) @binding(1) var<storage, read> b: array<E>;
//#if BIAS
@group(0) @binding(2) var<storage, read> c: array<f32>;
override C_ROW: u32;
override C_COLUMN: u32;
override BETA: f32;
//#end
//#if RESIDUAL
@group(0) @binding($RESIDUAL_AT) var<storage, read> residual: array<f32>;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<E>;

override M: u32;
override N: u32;
override K: u32;
override A_ROW: u32;
override A_K: u32;
override B_K: u32;
override B_COLUMN: u32;
//#if FLOAT
override ALPHA: f32;
//#end
//#for d in BATCH
override D$d: u32;
override S0_$d: u32;
override S1_$d: u32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let block = block_of(workgroup);
    let column = block.x * WX + local.x;
    let row = (block.y * WY + local.y) * $ROWSu;
    var rest = block.z;
    var a_start = 0u;
    var b_start = 0u;
//#for d in LAST
    a_start += rest % D$d * S0_$d;
    b_start += rest % D$d * S1_$d;
    rest = rest / D$d;
//#end
    a_start += rest * S0_$LAST;
    b_start += rest * S1_$LAST + min(column, N - 1u) * B_COLUMN;
//#for m in ROWS
    let a$m = a_start + min(row + $mu, M - 1u) * A_ROW;
    var sum$m = E(0);
//#end
//#loop k from 0u to K by 1u
        let factor = b[b_start + k * B_K];
//#for m in ROWS
        sum$m += a[a$m + k * A_K] * factor;
//#end
//#end
    if column >= N {
        return;
    }
//#for m in ROWS
    if row + $mu < M {
//#if FLOAT
        var value = ALPHA * sum$m;
//#if BIAS
        value += BETA * c[(row + $mu) * C_ROW + column * C_COLUMN];
//#end
        let at = (block.z * M + row + $mu) * N + column;
        var finished = activate(value);
//#if RESIDUAL
        finished += residual[at];
//#end
        result[at] = finished;
//#end
//#if WHOLE
        result[(block.z * M + row + $mu) * N + column] = sum$m;
//#end
    }
//#end
}
