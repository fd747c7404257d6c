// Folds one value of each lane into one that all lanes get.
//
// Template: NAME, COMBINE  what is folded, and the fold of a and b
//           SHARED, E, LANES  as in rows.wgsl

fn fold_$NAME(value: E, lane: u32) -> E {
//#if SHARED
    workgroupBarrier();
    partial[lane] = value;
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step = step >> 1u) {
        if lane < step {
            let a = partial[lane];
            let b = partial[lane + step];
            partial[lane] = $COMBINE;
        }
        workgroupBarrier();
    }
    return partial[0];
//#end
//#if ALONE
    return value;
//#end
}
