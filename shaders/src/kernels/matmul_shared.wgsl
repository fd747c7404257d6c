// result[row, column] = activate(sum over k of a[row, k] * b[k, column] + bias[column]) + residual[row, column],
// through workgroup memory.
//
// Layout: all row-major. A workgroup computes a tile of WY * ROWS rows and WX * VECTORS
// vectors of four columns; its invocations fetch blocks of DEPTH terms of both operands into workgroup memory
// together, and each computes ROWS rows of VECTORS vectors in registers from there. What an invocation fetches is on its
// way all at once, while the block before is computed: a GPU waits as long for one vector as for eight. Batches are
// numbered along z.
//
// Overrides: M                     rows
//            K                     terms of each sum
//            A_ROW                 elements of a row of a: vectors if VECTOR, else terms
//            D0, S0_0, S1_0, ...   extents of the batch, and the strides of a and b there, in their elements
// Template:  ROWS, VECTORS         results per invocation
//            LX, LY                the workgroup's size, as array sizes need it
//            DEPTH4                terms of a block, in vectors of four
//            FETCHED_A, FETCHED_B  vectors of a block that an invocation fetches
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

const LANES = $LXu * $LYu;
const TILE_ROWS = $LYu * $ROWSu;
const TILE_COLUMNS = $LXu * $VECTORSu;
const DEPTH4 = $DEPTH4u;

const BLOCK_A = TILE_ROWS * DEPTH4;
const BLOCK_B = DEPTH4 * 4u * TILE_COLUMNS;

var<workgroup> tile_a: array<vec4<f32>, BLOCK_A>;
var<workgroup> tile_b: array<vec4<f32>, BLOCK_B>;

// Where a workgroup's operands begin, and its results.
struct Tile {
    a_start: u32,
    b_start: u32,
    first_row: u32,
    first_column: u32,
}

// The i-th vector of a block of a, which has zeros beyond the last term, and the last row again beyond that.
fn fetched_a(tile: Tile, from_k4: u32, i: u32) -> vec4<f32> {
    let k4 = from_k4 + i % DEPTH4;
    let row = tile.a_start + min(tile.first_row + i / DEPTH4, M - 1u) * A_ROW;
//#if VECTOR
    return select(vec4<f32>(), a[row + min(k4, A_ROW - 1u)], k4 < A_ROW);
//#end
//#if SINGLE
    let k = vec4<u32>(k4 * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let at = row + min(k, vec4<u32>(K - 1u));
    return select(vec4<f32>(), vec4<f32>(a[at.x], a[at.y], a[at.z], a[at.w]), k < vec4<u32>(K));
//#end
}

fn fetched_b(tile: Tile, from_k4: u32, i: u32) -> vec4<f32> {
    let k = from_k4 * 4u + i / TILE_COLUMNS;
    let row = tile.b_start + min(k, K - 1u) * OUT;
    return select(vec4<f32>(), b_at(row, columns_of(tile.first_column + i % TILE_COLUMNS)), k < K);
}

@compute @workgroup_size(WX, WY)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = block_of(workgroup);
    let first_row = block.y * TILE_ROWS;
    let first_column = block.x * TILE_COLUMNS;
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
//#for m in ROWS
//#for v in VECTORS
    var sum$m_$v = vec4<f32>();
//#end
//#end
    let tile = Tile(a_start, b_start, first_row, first_column);
//#for i in FETCHED_A
    var next_a$i = fetched_a(tile, 0u, lane + $iu * LANES);
//#end
//#for i in FETCHED_B
    var next_b$i = fetched_b(tile, 0u, lane + $iu * LANES);
//#end
    for (var from_k4 = 0u; from_k4 * 4u < K; from_k4 += DEPTH4) {
        workgroupBarrier();
//#for i in FETCHED_A
        if lane + $iu * LANES < BLOCK_A {
            tile_a[lane + $iu * LANES] = next_a$i;
        }
//#end
//#for i in FETCHED_B
        if lane + $iu * LANES < BLOCK_B {
            tile_b[lane + $iu * LANES] = next_b$i;
        }
//#end
        workgroupBarrier();
//#for i in FETCHED_A
        next_a$i = fetched_a(tile, from_k4 + DEPTH4, lane + $iu * LANES);
//#end
//#for i in FETCHED_B
        next_b$i = fetched_b(tile, from_k4 + DEPTH4, lane + $iu * LANES);
//#end
        for (var k4 = 0u; k4 < DEPTH4; k4++) {
//#for m in ROWS
            let factor$m = tile_a[(local.y * $ROWSu + $mu) * DEPTH4 + k4];
//#end
//#for j in FOUR
            {
//#for v in VECTORS
                let vector$v = tile_b[(k4 * 4u + $ju) * TILE_COLUMNS + $vu * $LXu + local.x];
//#end
//#for m in ROWS
//#for v in VECTORS
                sum$m_$v = fma(vec4<f32>(factor$m[$j]), vector$v, sum$m_$v);
//#end
//#end
            }
//#end
        }
    }
//#for v in VECTORS
    let column$v = first_column + $vu * $LXu + local.x;
    if column$v < N4 {
//#for m in ROWS
        if first_row + local.y * $ROWSu + $mu < M {
            store(sum$m_$v, (block.z * M + first_row + local.y * $ROWSu + $mu) * OUT, 0u, column$v);
        }
//#end
    }
//#end
}
