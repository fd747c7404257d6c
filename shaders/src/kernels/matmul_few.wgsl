// result[row, column] = activate(sum over k of a[row, k] * b[k, column] + bias[column]) + residual[row, column]
// for the few rows of decoding.
//
// Layout: all row-major, K and N multiples of 4. All that takes time is reading b once, so a workgroup has only WX
// vectors of four columns, and its WY lines of invocations take every WY-th term each; their sums meet in workgroup
// memory. Every invocation computes all ROWS rows, which are all there are. Batches are numbered along z.
//
// Overrides: N4, K4                columns, and terms of each sum, in vectors of four
//            D0, S0_0, S1_0, ...   extents of the batch, and the strides of a and b there, in vectors of four
// Template:  ROWS                  rows
//            LX, LY                the workgroup's size, as array sizes need it
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

override N4: u32;
override K4: u32;
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
    var b_start = min(block.x * LX + local.x, N4 - 1u);
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
//#loop k4 from local.y to K4 by LY
//#for j in FOUR
        let vector$j = b[b_start + (k4 * 4u + $ju) * N4];
//#end
//#for m in ROWS
        let factor$m = a[a_start + $mu * K4 + k4];
//#for j in FOUR
        sum$m = fma(vec4<f32>(factor$m[$j]), vector$j, sum$m);
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
//#if BIAS
            value += bias[column];
//#end
            let at = (block.z * $ROWSu + i / LX) * N4 + column;
            var finished = activate(value);
//#if RESIDUAL
            finished += residual[at];
//#end
            result[at] = finished;
        }
    }
}
