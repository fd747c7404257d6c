// result = softmax(query . key * SCALE + mask) . value per head: one workgroup for ROWS query rows of a head.
//
// Keys are taken LANES at a time: each invocation scores one key against all ROWS queries, the scores meet in
// workgroup memory, and then each invocation adds the weighted values of its own elements of the result. The
// softmax runs along as in attention_alone.wgsl. Workgroups are numbered by [query block, head, batch].
//
// Layout, overrides: as in attention_alone.wgsl.
// Template:  T, TOTAL                        f32 or vec4<f32>, and the sum of the components of v
//            ROWS                            query rows of a workgroup
//            LANES                           invocations of a workgroup
//            DEPTH, VALUE_DEPTH              of a head, in elements of T
//            PARTS                           elements of a result row per invocation: VALUE_DEPTH / LANES, rounded up
//            MASK, MASK_TYPE, BOOL, ADDED, RESULT   as in attention_alone.wgsl

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
const DEPTH = $DEPTHu;
const FORBIDDEN = -3.4028234e38;

var<workgroup> queries: array<T, $ROWSu * DEPTH>;
var<workgroup> scores: array<f32, $ROWSu * LANES>;

fn total(v: T) -> f32 {
    return $TOTAL;
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let block = block_of(workgroup);
    let first_row = block.x * $ROWSu;
    let head = block.y;
    let batch = block.z;
    let query_start = batch * Q_BATCH + head * Q_HEAD;
    let key_start = batch * K_BATCH + head / SHARING * K_HEAD;
    let value_start = batch * V_BATCH + head / SHARING * V_HEAD;
    for (var i = lane; i < $ROWSu * DEPTH; i += LANES) {
        let row = min(first_row + i / DEPTH, QUERIES - 1u);
        queries[i] = query[query_start + row * Q_ROW + i % DEPTH];
    }
//#for m in ROWS
    let row$m = min(first_row + $mu, QUERIES - 1u);
    var largest$m = FORBIDDEN;
    var weights$m = 0.0;
//#for p in PARTS
    var sum$m_$p = T(0.0);
//#end
//#end
    for (var from_key = 0u; from_key < KEYS; from_key += LANES) {
        let key_row = min(from_key + lane, KEYS - 1u);
        let key_at = key_start + key_row * K_ROW;
//#for m in ROWS
        var products$m = T(0.0);
//#end
        workgroupBarrier();
        for (var d = 0u; d < DEPTH; d++) {
            let element = key[key_at + d];
//#for m in ROWS
            products$m += queries[$mu * DEPTH + d] * element;
//#end
        }
//#for m in ROWS
        var score$m = total(products$m) * SCALE;
//#if ADDED
        score$m += mask[batch * MASK_BATCH + head * MASK_HEAD + row$m * MASK_QUERY + key_row * MASK_KEY];
//#end
        scores[$mu * LANES + lane] = score$m;
//#end
        workgroupBarrier();

        let here = min(LANES, KEYS - from_key);
//#for m in ROWS
        var peak$m = largest$m;
        for (var j = 0u; j < here; j++) {
//#if BOOL
            if mask[batch * MASK_BATCH + head * MASK_HEAD + row$m * MASK_QUERY + (from_key + j) * MASK_KEY] == 0u {
                continue;
            }
//#end
            peak$m = larger(peak$m, scores[$mu * LANES + j]);
        }
        let shrink$m = exp(largest$m - peak$m);
        largest$m = peak$m;
        weights$m *= shrink$m;
//#for p in PARTS
        sum$m_$p *= shrink$m;
//#end
//#end
        for (var j = 0u; j < here; j++) {
            let value_at = value_start + (from_key + j) * V_ROW;
//#for p in PARTS
            let element$p = value[value_at + min($pu * LANES + lane, $VALUE_DEPTHu - 1u)];
//#end
//#for m in ROWS
            var weight$m = exp(scores[$mu * LANES + j] - largest$m);
//#if BOOL
            if mask[batch * MASK_BATCH + head * MASK_HEAD + row$m * MASK_QUERY + (from_key + j) * MASK_KEY] == 0u {
                weight$m = 0.0;
            }
//#end
            weights$m += weight$m;
//#for p in PARTS
            sum$m_$p += weight$m * element$p;
//#end
//#end
        }
    }
//#for m in ROWS
    if first_row + $mu < QUERIES {
        let result_at = batch * O_BATCH + head * O_HEAD + row$m * O_ROW;
        // Drivers lose NaN in exp, but not in the largest score.
        let defined = weights$m > 0.0 && !not_a_number(weights$m) && !not_finite(largest$m);
        let factor = select(select(undefined(), 0.0, ZERO_UNDEFINED), 1.0 / weights$m, defined);
//#for p in PARTS
        if $pu * LANES + lane < $VALUE_DEPTHu {
            result[result_at + $pu * LANES + lane] = select(T(factor), sum$m_$p * factor, defined);
        }
//#end
    }
//#end
}
