// result[row, column] = activate(sum over k of a[row, k] * b[k, column] + bias[column]) + residual[row, column],
// without barriers.
//
// Layout: all row-major. One invocation computes ROWS rows of VECTORS vectors of four
// columns in registers, straight from storage. Where WY is 1, rows depend on the workgroup only: all its invocations
// read the same elements of a, which software adapters load once and broadcast. The vectors of neighbouring
// invocations are neighbours. Workgroups are numbered by [rows, columns, batch], so that those that run one after
// another read the same columns of b, which then stay in the cache.
//
// Overrides: M                     rows
//            K                     terms of each sum
//            A_ROW                 elements of a row of a: vectors if VECTOR, else terms
//            D0, S0_0, S1_0, ...   extents of the batch, and the strides of a and b there, in their elements
// Template:  ROWS, VECTORS         results per invocation
//            BATCH                 batch dimensions; LAST is BATCH - 1
//            VECTOR, SINGLE        whether rows of a can be read in vectors, or not
//            WIDTH                 terms of an element of a: 4 if VECTOR, else 1
//            A                     type of a's elements
// Prelude:   columns.wgsl

@group(0) @binding(0) var<storage, read> a: array<$A>;

override M: u32;
override K: u32;
override A_ROW: u32;
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
    let columns$v = columns_of(column$v);
//#end
//#for m in ROWS
    let a$m = a_start + min(row + $mu, M - 1u) * A_ROW;
//#for v in VECTORS
    var sum$m_$v = vec4<f32>();
//#end
//#end
//#loop k from 0u to A_ROW by 1u
//#for m in ROWS
        let factor$m = a[a$m + k];
//#end
//#for j in WIDTH
        {
            let from_b = b_start + (k * $WIDTHu + $ju) * OUT;
//#for v in VECTORS
            let vector$v = b_at(from_b, columns$v);
//#end
//#for m in ROWS
//#for v in VECTORS
//#if VECTOR
            sum$m_$v = fma(vec4<f32>(factor$m[$j]), vector$v, sum$m_$v);
//#end
//#if SINGLE
            sum$m_$v = fma(vec4<f32>(factor$m), vector$v, sum$m_$v);
//#end
//#end
//#end
        }
//#end
//#end
//#for v in VECTORS
    if column$v < N4 {
//#for m in ROWS
        if row + $mu < M {
            store(sum$m_$v, (block.z * M + row + $mu) * OUT, 0u, column$v);
        }
//#end
    }
//#end
}
