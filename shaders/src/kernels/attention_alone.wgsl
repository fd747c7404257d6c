// result = softmax(query . key * SCALE + mask) . value per head, each invocation with query rows in registers.
//
// There is one invocation for ROWS rows, which share what is read of keys and values; or, for the few rows of decoding,
// a workgroup per row, whose invocations take every LANES-th key each and meet once, at the end.
//
// The softmax runs along: the largest score so far, the sum and the weighted values are kept in registers, and
// rescaled when a larger score comes, BLOCK keys at a time (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018).
// Workgroups are numbered by [query rows, head, batch], so that all invocations of one read the same keys.
//
// Layout: by strides, elements of a head behind each other. Strides and depths count in vectors where T is one.
//
// Overrides: QUERIES, KEYS                     rows of query, rows of key and value
//            SHARING                           query heads that share a key head
//            Q_BATCH, Q_HEAD, Q_ROW, ...       strides of query, key (K), value (V) and result (O)
//            MASK_BATCH, MASK_HEAD, MASK_QUERY, MASK_KEY   strides of the mask; 0 along broadcast dimensions
//            SCALE                             factor of the scores
//            ZERO_UNDEFINED                    whether rows whose softmax is not a number are zeros
// Template:  T, TOTAL                          f32 or vec4<f32>, and the sum of the components of v
//            DEPTH, VALUE_DEPTH                of a head, in elements of T
//            BLOCK, TAIL                       keys taken at a time, and whether KEYS is no multiple of them
//            ROWS                              query rows of an invocation
//            MANY, FEW, LANES                  whether rows have an invocation, or one a workgroup of LANES of them
//            MASK, MASK_TYPE, BOOL, RESULT     whether there is a mask, its type, whether false (0) forbids;
//                                              binding of the result

alias T = $T;

@group(0) @binding(0) var<storage, read> query: array<T>;
@group(0) @binding(1) var<storage, read> key: array<T>;
@group(0) @binding(2) var<storage, read> value: array<T>;
//#if MASK
@group(0) @binding(3) var<storage, read> mask: array<$MASK_TYPE>;
override MASK_BATCH: u32;
override MASK_HEAD: u32;
override MASK_QUERY: u32;
override MASK_KEY: u32;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<T>;

override QUERIES: u32;
override KEYS: u32;
override SHARING: u32;
override Q_BATCH: u32;
override Q_HEAD: u32;
override Q_ROW: u32;
override K_BATCH: u32;
override K_HEAD: u32;
override K_ROW: u32;
override V_BATCH: u32;
override V_HEAD: u32;
override V_ROW: u32;
override O_BATCH: u32;
override O_HEAD: u32;
override O_ROW: u32;
override SCALE: f32;
override ZERO_UNDEFINED: bool;

const LANES = $LANESu;

//#if FEW
const VALUE_DEPTH = $VALUE_DEPTHu;
var<workgroup> peaks: array<f32, LANES>;
var<workgroup> totals: array<f32, LANES>;
var<workgroup> parts: array<T, LANES * VALUE_DEPTH>;
//#end

fn total(v: T) -> f32 {
    return $TOTAL;
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let block = block_of(workgroup);
    let head = block.y;
    let batch = block.z;
//#if MANY
    let lane = 0u;
    let first = (block.x * (WX * WY) + local) * $ROWSu;
    if first >= QUERIES {
        return;
    }
//#end
//#if FEW
    let lane = local;
    let first = block.x;
//#end
    let key_start = batch * K_BATCH + head / SHARING * K_HEAD;
    let value_start = batch * V_BATCH + head / SHARING * V_HEAD;
//#for r in ROWS
    // Rows beyond the last are the last once more.
    let row$r = min(first + $ru, QUERIES - 1u);
    let query_at$r = batch * Q_BATCH + head * Q_HEAD + row$r * Q_ROW;
//#for d in DEPTH
    let q$r_$d = query[query_at$r + $du];
//#end
//#for d in VALUE_DEPTH
    var sum$r_$d = T(0.0);
//#end
    // The smallest finite number, not minus infinity: a row of minus infinities then ends with a sum of 0.
    var largest$r = -3.4028234e38;
    var weights$r = 0.0;
    // By its bits, the largest score of all: drivers lose NaN in exp.
    var extreme$r = 0u;
//#end
    for (var j = lane * $BLOCKu; j < KEYS; j += LANES * $BLOCKu) {
//#for k in BLOCK
        // Keys beyond the last are the last once more, and weigh nothing.
        let place$k = min(j + $ku, KEYS - 1u);
        let key_at$k = key_start + place$k * K_ROW;
        let value_at$k = value_start + place$k * V_ROW;
//#for r in ROWS
        var products$r_$k = T(0.0);
//#end
//#end
//#for d in DEPTH
//#for k in BLOCK
        let key$d_$k = key[key_at$k + $du];
//#for r in ROWS
        products$r_$k += q$r_$d * key$d_$k;
//#end
//#end
//#end
//#for r in ROWS
        let before$r = largest$r;
//#for k in BLOCK
        var score$r_$k = total(products$r_$k) * SCALE;
//#if MASK
        let mask_at$r_$k = batch * MASK_BATCH + head * MASK_HEAD + row$r * MASK_QUERY + place$k * MASK_KEY;
//#end
//#if ADDED
        score$r_$k += mask[mask_at$r_$k];
//#end
//#if BOOL
        score$r_$k = select(float_of(0xff800000u), score$r_$k, mask[mask_at$r_$k] != 0u);
//#end
//#if TAIL
        score$r_$k = select(float_of(0xff800000u), score$r_$k, j + $ku < KEYS);
//#end
        largest$r = select(largest$r, score$r_$k, score$r_$k > largest$r);
        extreme$r = max(extreme$r, bitcast<u32>(score$r_$k) & 0x7fffffffu);
//#end
        let shrink$r = exp(before$r - largest$r);
        weights$r *= shrink$r;
//#for k in BLOCK
        let weight$r_$k = exp(score$r_$k - largest$r);
        weights$r += weight$r_$k;
//#end
//#for d in VALUE_DEPTH
        sum$r_$d *= shrink$r;
//#end
//#end
//#for d in VALUE_DEPTH
//#for k in BLOCK
        let value$d_$k = value[value_at$k + $du];
//#for r in ROWS
        sum$r_$d += weight$r_$k * value$d_$k;
//#end
//#end
//#end
    }
//#if FEW
    peaks[lane] = largest0;
    totals[lane] = select(weights0, undefined(), extreme0 > 0x7f800000u || not_finite(largest0));
//#for d in VALUE_DEPTH
    parts[lane * VALUE_DEPTH + $du] = sum0_$d;
//#end
    workgroupBarrier();
    var largest = largest0;
    for (var i = 0u; i < LANES; i++) {
        largest = larger(largest, peaks[i]);
    }
    let result_at = batch * O_BATCH + head * O_HEAD + row0 * O_ROW;
    for (var d = lane; d < VALUE_DEPTH; d += LANES) {
        var weights = 0.0;
        var sum = T(0.0);
        for (var i = 0u; i < LANES; i++) {
            let shrink = exp(peaks[i] - largest);
            weights += totals[i] * shrink;
            sum += parts[i * VALUE_DEPTH + d] * shrink;
        }
        let defined = weights > 0.0 && !not_a_number(weights);
        let factor = select(select(undefined(), 0.0, ZERO_UNDEFINED), 1.0 / weights, defined);
        result[result_at + d] = select(T(factor), sum * factor, defined);
    }
//#end
//#if MANY
//#for r in ROWS
    if first + $ru < QUERIES {
        let result_at = batch * O_BATCH + head * O_HEAD + row$r * O_ROW;
        let lost = extreme$r > 0x7f800000u || not_finite(largest$r) || not_a_number(weights$r);
        let defined = weights$r > 0.0 && !lost;
        let factor = select(select(undefined(), 0.0, ZERO_UNDEFINED), 1.0 / weights$r, defined);
//#for d in VALUE_DEPTH
        result[result_at + $du] = select(T(factor), sum$r_$d * factor, defined);
//#end
    }
//#end
//#end
}
