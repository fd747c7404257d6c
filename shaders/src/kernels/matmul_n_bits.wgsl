// result[row, column] = sum over k of a[row, k] * (q[column, k] - zero[column, block of k]) * scale[column, block of k]
//
// Layout: a [M, K]; q [N, blocks, BLOCK_WORDS] with numbers of BITS bits from the lowest of a word on; scales
// [N, blocks]; zeros [N, ZERO_BYTES], packed likewise. Invocations of a workgroup that are neighbours in x have the
// same column, and take words of it in turn; those that are neighbours in y have neighbouring columns. Each computes
// ROWS rows, for which a word is unpacked once.
//
// Overrides: M, N, K                  rows, columns and terms
//            WORDS                    words of a column that hold terms
//            BLOCKS, BLOCK_WORDS      blocks of a column, and words of a block
//            ZERO_BYTES               bytes of a column's zero points
// Template:  BITS, MASK               of a number
//            FOURS                    vectors of four numbers in a word
//            ROWS                     rows per invocation
//            SHARED, LX, LY           whether invocations share columns, and the workgroup's size
//            WHOLE, RAGGED            whether a comes in vectors of four that end with a word, or element by element
//            Q_PACKED, Q_SPREAD       whether bytes of q lie four to a word, or each in a word of its own
//            Z_PACKED, Z_SPREAD       the same of zeros; neither where there are none
//            ZEROS, RESULT            whether there are zeros; binding of the result

//#if WHOLE
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
//#end
//#if RAGGED
@group(0) @binding(0) var<storage, read> a: array<f32>;
//#end
@group(0) @binding(1) var<storage, read> q: array<u32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
//#if ZEROS
@group(0) @binding(3) var<storage, read> zeros: array<u32>;
override ZERO_BYTES: u32;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<f32>;

override M: u32;
override N: u32;
override K: u32;
override WORDS: u32;
override BLOCKS: u32;
override BLOCK_WORDS: u32;

const LX = $LXu;
const LY = $LYu;

//#if SHARED
var<workgroup> parts: array<f32, $ROWSu * LX * LY>;
//#end

fn word_of_q(i: u32) -> u32 {
//#if Q_PACKED
    return q[i];
//#end
//#if Q_SPREAD
    return q[4u * i] | (q[4u * i + 1u] << 8u) | (q[4u * i + 2u] << 16u) | (q[4u * i + 3u] << 24u);
//#end
}

fn zero_of(column: u32, block: u32) -> f32 {
//#if ZEROS
    let bit = block * $BITSu;
    let byte = column * ZERO_BYTES + bit / 8u;
//#end
//#if Z_PACKED
    let bits = zeros[byte / 4u] >> (byte % 4u * 8u);
//#end
//#if Z_SPREAD
    let bits = zeros[byte];
//#end
//#if ZEROS
    return f32((bits >> (bit % 8u)) & $MASKu);
//#end
//#if NO_ZEROS
    return f32(($MASKu + 1u) / 2u);
//#end
}

// Elements 4 * i to 4 * i + 3 of a row that starts at element `start`; zeros beyond its end.
fn four_of_a(start: u32, i: u32) -> vec4<f32> {
//#if WHOLE
    return a[start / 4u + i];
//#end
//#if RAGGED
    var four = vec4<f32>();
//#for j in FOUR
    if 4u * i + $ju < K {
        four[$j] = a[start + 4u * i + $ju];
    }
//#end
    return four;
//#end
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let block = block_of(workgroup);
    let column = block.x * LY + local.y;
    let row = block.y * $ROWSu;
    let own = min(column, N - 1u);
//#for m in ROWS
    let start$m = min(row + $mu, M - 1u) * K;
    var sum$m = 0.0;
//#end
//#loop word from local.x to WORDS by LX
        let part = word / BLOCK_WORDS;
        let zero = zero_of(own, part);
        let scale = scales[own * BLOCKS + part];
        let bits = word_of_q(own * BLOCKS * BLOCK_WORDS + word);
//#for v in FOURS
        {
            let shifts = (vec4<u32>(0u, 1u, 2u, 3u) + 4u * $vu) * $BITSu;
            let numbers = vec4<f32>((vec4<u32>(bits) >> shifts) & vec4<u32>($MASKu));
            let weights = (numbers - zero) * scale;
//#for m in ROWS
            sum$m += dot(weights, four_of_a(start$m, word * $FOURSu + $vu));
//#end
        }
//#end
//#end
//#if SHARED
//#for m in ROWS
    parts[($mu * LY + local.y) * LX + local.x] = sum$m;
//#end
    for (var step = LX / 2u; step > 0u; step = step >> 1u) {
        workgroupBarrier();
        if local.x < step {
//#for m in ROWS
            let at$m = ($mu * LY + local.y) * LX + local.x;
            parts[at$m] += parts[at$m + step];
//#end
        }
    }
//#for m in ROWS
    sum$m = parts[($mu * LY + local.y) * LX];
//#end
//#end
    if local.x > 0u || column >= N {
        return;
    }
//#for m in ROWS
    if row + $mu < M {
        result[(row + $mu) * N + column] = sum$m;
    }
//#end
}
