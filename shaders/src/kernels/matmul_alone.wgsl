// result[row, column] = activate(sum over k of a[row, k] * b[k, column] + bias[column]) + residual[row, column],
// without barriers.
//
// Layout: all row-major, K and N multiples of 4. One invocation computes ROWS rows of VECTORS vectors of four
// columns in registers, straight from storage. Where WY is 1, rows depend on the workgroup only: all its invocations
// read the same elements of a, which software adapters load once and broadcast. The vectors of neighbouring
// invocations are neighbours. Workgroups are numbered by [rows, columns, batch], so that those that run one after
// another read the same columns of b, which then stay in the cache.
//
// Overrides: M                     rows
//            N4, K4                columns, and terms of each sum, in vectors of four
//            D0, S0_0, S1_0, ...   extents of the batch, and the strides of a and b there, in vectors of four
// Template:  ROWS, VECTORS         results per invocation
//            BATCH                 batch dimensions; LAST is BATCH - 1
//            BIAS, RESIDUAL        whether there is a bias, and what is added at last, of the result's shape
//            RESIDUAL_AT, RESULT   bindings

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
//#if BIAS
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
//#end
//#if RESIDUAL
@group(0) @binding($RESIDUAL_AT) var<storage, read> residual: array<vec4<f32>>;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<vec4<f32>>;

override M: u32;
override N4: u32;
override K4: u32;
//#for d in BATCH
override D$d: u32;
override S0_$d: u32;
override S1_$d: u32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let block = block_of(workgroup);
    let row = (block.x * WY + local.y) * $ROWSu;
    var rest = block.z;
    var a_start = 0u;
    var b_start = 0u;
//#for d in LAST
    a_start += rest % D$d * S0_$d;
    b_start += rest % D$d * S1_$d;
    rest = rest / D$d;
//#end
    a_start += rest * S0_$LAST;
    b_start += rest * S1_$LAST;
//#for v in VECTORS
    let column$v = (block.y * $VECTORSu + $vu) * WX + local.x;
    let b$v = b_start + min(column$v, N4 - 1u);
//#end
//#for m in ROWS
    let a$m = a_start + min(row + $mu, M - 1u) * K4;
//#for v in VECTORS
    var sum$m_$v = vec4<f32>();
//#end
//#end
//#loop k4 from 0u to K4 by 1u
//#for m in ROWS
        let factor$m = a[a$m + k4];
//#end
//#for j in FOUR
        {
            let at = (k4 * 4u + $ju) * N4;
//#for v in VECTORS
            let vector$v = b[b$v + at];
//#end
//#for m in ROWS
//#for v in VECTORS
            sum$m_$v = fma(vec4<f32>(factor$m[$j]), vector$v, sum$m_$v);
//#end
//#end
        }
//#end
//#end
//#for v in VECTORS
    if column$v < N4 {
//#if BIAS
        let shift = bias[column$v];
//#end
//#for m in ROWS
        if row + $mu < M {
            var value = sum$m_$v;
//#if BIAS
            value += shift;
//#end
            let at = (block.z * M + row + $mu) * N4 + column$v;
            var finished = activate(value);
//#if RESIDUAL
            finished += residual[at];
//#end
            result[at] = finished;
        }
//#end
    }
//#end
}
