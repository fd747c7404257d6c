// result[row] = the fold of the FOLDED elements of a row of the input.
//
// Layout: a row's first element is found by the strides of the kept dimensions (D, S0), its elements by those of
// the reduced ones (R, S1), both counted from the innermost.
//
// Overrides: FOLDED             elements of a row
//            D0, S0_0, ...      extents and strides of the kept dimensions
//            R0, S1_0, ...      extents and strides of the reduced dimensions
// Template:  E, U               the elements' type, and u32, which their bits are shifted by
//            KEPT, REDUCED      how many dimensions; KEPT_LAST and REDUCED_LAST are one less
//            FIRST, STEP, NAME  the neutral element, the fold of a and x, the fold's name in fold.wgsl
//            FINISH             the result, of type R, from the fold a of all elements
// Variants:  one workgroup or one invocation per row, see rows.wgsl

@group(0) @binding(0) var<storage, read> input: array<E>;
@group(0) @binding(1) var<storage, read_write> result: array<E>;

override FOLDED: u32;
//#for d in KEPT
override D$d: u32;
override S0_$d: u32;
//#end
//#for d in REDUCED
override R$d: u32;
override S1_$d: u32;
//#end

alias R = E;
alias U = u32;

fn row_start(row: u32) -> u32 {
    var rest = row;
    var at = 0u;
//#for d in KEPT_LAST
    at += rest % D$d * S0_$d;
    rest = rest / D$d;
//#end
    return at + rest * S0_$KEPT_LAST;
}

fn element_at(index: u32) -> u32 {
    var rest = index;
    var at = 0u;
//#for d in REDUCED_LAST
    at += rest % R$d * S1_$d;
    rest = rest / R$d;
//#end
    return at + rest * S1_$REDUCED_LAST;
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let row = row_of(workgroup, local);
    let lane = lane_of(local);
    if row >= COUNT {
        return;
    }
    let start = row_start(row);
    var a = E($FIRST);
//#loop i from lane to FOLDED by LANES
        let x = input[start + element_at(i)];
        a = $STEP;
//#end
    a = fold_$NAME(a, lane);
    if lane == 0u {
        result[row] = $FINISH;
    }
}
