// result = softmax(query . key * SCALE + mask) . value per head, without barriers: one invocation per query row.
//
// The softmax runs along: the largest score so far, the sum and the weighted values are kept in registers, and
// rescaled when a larger score comes (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018).
// Workgroups are numbered by [query block, head, batch], so that all invocations of one read the same keys.
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

fn total(v: T) -> f32 {
    return $TOTAL;
}

@compute @workgroup_size(WX, WY, WZ)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = workgroup.x * (WX * WY * WZ) + local;
    let head = workgroup.y;
    let batch = workgroup.z;
    if row >= QUERIES {
        return;
    }
    let query_at = batch * Q_BATCH + head * Q_HEAD + row * Q_ROW;
    let key_start = batch * K_BATCH + head / SHARING * K_HEAD;
    let value_start = batch * V_BATCH + head / SHARING * V_HEAD;
//#for d in DEPTH
    let q$d = query[query_at + $du];
//#end
//#for d in VALUE_DEPTH
    var sum$d = T(0.0);
//#end
    // The smallest finite number, not minus infinity: a row of minus infinities then ends with a sum of 0.
    var largest = -3.4028234e38;
    var weights = 0.0;
    for (var j = 0u; j < KEYS; j++) {
//#if BOOL
        if mask[batch * MASK_BATCH + head * MASK_HEAD + row * MASK_QUERY + j * MASK_KEY] == 0u {
            continue;
        }
//#end
        let key_at = key_start + j * K_ROW;
        var products = T(0.0);
//#for d in DEPTH
        products += q$d * key[key_at + $du];
//#end
        var score = total(products) * SCALE;
//#if ADDED
        score += mask[batch * MASK_BATCH + head * MASK_HEAD + row * MASK_QUERY + j * MASK_KEY];
//#end
        if score > largest {
            let shrink = exp(largest - score);
            largest = score;
            weights *= shrink;
//#for d in VALUE_DEPTH
            sum$d *= shrink;
//#end
        }
        let weight = exp(score - largest);
        let value_at = value_start + j * V_ROW;
        weights += weight;
//#for d in VALUE_DEPTH
        sum$d += weight * value[value_at + $du];
//#end
    }
    let result_at = batch * O_BATCH + head * O_HEAD + row * O_ROW;
    let defined = weights > 0.0 && !not_a_number(weights);
    let factor = select(select(undefined(), 0.0, ZERO_UNDEFINED), 1.0 / weights, defined);
//#for d in VALUE_DEPTH
    result[result_at + $du] = select(T(factor), sum$d * factor, defined);
//#end
}
