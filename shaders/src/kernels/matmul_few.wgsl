// result[row, column] = activate(sum over k of a[row, k] * b[k, column] + bias[column]) + residual[row, column]
// for the few rows of decoding.
//
// Layout: all row-major. All that takes time is reading b once, so a workgroup has only WX
// vectors of four columns, and its WY lines of invocations take every WY-th term each; their sums meet in workgroup
// memory. Every invocation computes all ROWS rows, which are all there are. Batches are numbered along z.
//
// Overrides: K                     terms of each sum
//            A_ROW                 elements of a row of a: vectors if VECTOR, else terms
//            D0, S0_0, S1_0, ...   extents of the batch, and the strides of a and b there, in their elements
// Template:  ROWS                  rows
//            LX, LY                the workgroup's size, as array sizes need it
//            BATCH                 batch dimensions; LAST is BATCH - 1
//            VECTOR, SINGLE        whether rows of a can be read in vectors, or not
//            WIDTH                 terms of an element of a: 4 if VECTOR, else 1
//            A                     type of a's elements
// Prelude:   columns.wgsl

@group(0) @binding(0) var<storage, read> a: array<$A>;

override K: u32;
override A_ROW: u32;
//#for d in BATCH
override D$d: u32;
override S0_$d: u32;
override S1_$d: u32;
//#end

const LX = $LXu;
const LY = $LYu;
const SUMS = LX * $ROWSu;

var<workgroup> parts: array<vec4<f32>, LY * SUMS>;

@compute @workgroup_size(WX, WY)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = block_of(workgroup);
    var rest = block.z;
    var a_start = 0u;
    var b_start = 0u;
    let columns = columns_of(block.x * LX + local.x);
//#for d in LAST
    a_start += rest % D$d * S0_$d;
    b_start += rest % D$d * S1_$d;
    rest = rest / D$d;
//#end
    a_start += rest * S0_$LAST;
    b_start += rest * S1_$LAST;
//#for m in ROWS
    var sum$m = vec4<f32>();
//#end
//#loop k from local.y to A_ROW by LY
//#for j in WIDTH
        let vector$j = b_at(b_start + (k * $WIDTHu + $ju) * OUT, columns);
//#end
//#for m in ROWS
        let factor$m = a[a_start + $mu * A_ROW + k];
//#for j in WIDTH
//#if VECTOR
        sum$m = fma(vec4<f32>(factor$m[$j]), vector$j, sum$m);
//#end
//#if SINGLE
        sum$m = fma(vec4<f32>(factor$m), vector$j, sum$m);
//#end
//#end
//#end
//#end
//#for m in ROWS
    parts[local.y * SUMS + $mu * LX + local.x] = sum$m;
//#end
    workgroupBarrier();
    for (var i = lane; i < SUMS; i += LX * LY) {
        let column = block.x * LX + i % LX;
        if column < N4 {
            var value = vec4<f32>();
//#for y in LY
            value += parts[$yu * SUMS + i];
//#end
            store(value, (block.z * $ROWSu + i / LX) * OUT, 0u, column);
        }
    }
}
