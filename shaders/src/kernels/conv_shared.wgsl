// result[place, channel] = activate(sum over the window and its channels of x * weight + bias[channel]), channels last,
// through workgroup memory.
//
// Layout and numbering: those of conv_alone.wgsl. A workgroup computes a tile of WY * ROWS places by WX * VECTORS
// vectors of four channels, as matmul_shared.wgsl does: the rows of its first matrix are what the windows cover, which
// is fetched from where it lies and stands nowhere as a matrix.
//
// Overrides: those of conv_alone.wgsl, and
//            TERMS                  terms of each sum
// Template:  those of conv_alone.wgsl, and
//            LX, LY                 the workgroup's size, as array sizes need it
//            DEPTH4                 terms of a block, in vectors of four
//            FETCHED_A, FETCHED_B   vectors of a block that an invocation fetches
// Prelude:   those of conv_alone.wgsl

@group(0) @binding(0) var<storage, read> x: array<$X>;
override M: u32;
override RUN: u32;
override TERMS: u32;
override IMAGE: u32;
override GROUP: u32;
//#for d in SPATIAL
override X$d: u32;
//#end

const LANES = $LXu * $LYu;
const TILE_ROWS = $LYu * $ROWSu;
const TILE_COLUMNS = $LXu * $VECTORSu;
const DEPTH4 = $DEPTH4u;

const BLOCK_A = TILE_ROWS * DEPTH4;
const BLOCK_B = DEPTH4 * 4u * TILE_COLUMNS;

var<workgroup> tile_a: array<vec4<f32>, BLOCK_A>;
var<workgroup> tile_b: array<vec4<f32>, BLOCK_B>;

// A place of the result: where its image begins, and the first element of its window in it.
struct Place {
    image: u32,
//#for d in SPATIAL
    start$d: u32,
//#end
}

fn place_of(row: u32, group: u32) -> Place {
    var place: Place;
    var rest = min(row, M - 1u);
//#for d in SPATIAL
    place.start$d = rest % O$d * STRIDE$d - PAD$d;
    rest = rest / O$d;
//#end
    place.image = rest * IMAGE + group * GROUP;
    return place;
}

// An element of a window's runs, counted as in RUN: zero beyond the last, and outside of the image.
fn covered(place: Place, element: u32) -> $X {
    var rest = element / RUN;
    var at = place.image + element % RUN;
    var inside = true;
//#for d in SPATIAL
    let k$d = rest % K$d;
    rest = rest / K$d;
    let i$d = place.start$d + k$d * DILATION$d;
    at += i$d * X$d;
    inside = inside && i$d < I$d;
//#end
    // What is left of the element number is of a window beyond the last.
    inside = inside && rest == 0u;
    return select($X(), x[select(0u, at, inside)], inside);
}

// The i-th vector of a block of what windows cover.
fn fetched_a(place: Place, from_k4: u32, i: u32) -> vec4<f32> {
    let k4 = from_k4 + i % DEPTH4;
//#if VECTOR
    return covered(place, k4);
//#end
//#if SINGLE
    return vec4<f32>(
        covered(place, k4 * 4u),
        covered(place, k4 * 4u + 1u),
        covered(place, k4 * 4u + 2u),
        covered(place, k4 * 4u + 3u),
    );
//#end
}

fn fetched_b(first_column: u32, group: u32, from_k4: u32, i: u32) -> vec4<f32> {
    let k = from_k4 * 4u + i / TILE_COLUMNS;
    let row = min(k, TERMS - 1u) * OUT + group * N4;
    let vector = b_at(row, columns_of(first_column + i % TILE_COLUMNS));
    return select(vec4<f32>(), vector, k < TERMS);
}

@compute @workgroup_size(WX, WY)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = block_of(workgroup);
    let first_row = block.x * TILE_ROWS;
    let first_column = block.y * TILE_COLUMNS;
//#for m in ROWS
//#for v in VECTORS
    var sum$m_$v = vec4<f32>();
//#end
//#end
//#for i in FETCHED_A
    let place$i = place_of(first_row + (lane + $iu * LANES) / DEPTH4, block.z);
    var next_a$i = fetched_a(place$i, 0u, lane + $iu * LANES);
//#end
//#for i in FETCHED_B
    var next_b$i = fetched_b(first_column, block.z, 0u, lane + $iu * LANES);
//#end
    for (var from_k4 = 0u; from_k4 * 4u < TERMS; from_k4 += DEPTH4) {
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
        next_a$i = fetched_a(place$i, from_k4 + DEPTH4, lane + $iu * LANES);
//#end
//#for i in FETCHED_B
        next_b$i = fetched_b(first_column, block.z, from_k4 + DEPTH4, lane + $iu * LANES);
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
            let row = (first_row + local.y * $ROWSu + $mu) * OUT + block.z * N4;
            store(sum$m_$v, row, block.z * N4, column$v);
        }
//#end
    }
//#end
}
