// result[c, but indices[c] along one axis] = STEP of what is there and updates[c], for every c in the order of updates.
//
// The result starts as a copy of the data. Updates of one line along the axis can meet, those of two lines cannot; so
// each line has OWNERS invocations, which all walk it from end to end, and each writes the elements that are its own.
// Negative indices count from the end; others out of range are dropped.
//
// Overrides: OWNERS             invocations of a line
//            UPDATES            updates of a line
//            EXTENT             of the axis in the result
//            STRIDE, STEP_AT    of the axis in updates and in the result
//            D0, ...            extents of the other dimensions of updates
//            S0_0, S1_0, ...    strides of updates and result there
// Template:  E, U, STEP         element type, u32 as wide, and the new element from the old one a and the update x
//            RANK               dimensions; LAST is RANK - 1

alias E = $E;
alias R = E;
alias U = $U;

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read> updates: array<E>;
@group(0) @binding(2) var<storage, read_write> result: array<E>;

override OWNERS: u32;
override UPDATES: u32;
override EXTENT: i32;
override STRIDE: u32;
override STEP_AT: u32;
//#for d in RANK
override D$d: u32;
override S0_$d: u32;
override S1_$d: u32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    let owner = flat % OWNERS;
    var rest = flat / OWNERS;
    var from_at = 0u;
    var to_at = 0u;
//#for d in LAST
    from_at += rest % D$d * S0_$d;
    to_at += rest % D$d * S1_$d;
    rest = rest / D$d;
//#end
    from_at += rest * S0_$LAST;
    to_at += rest * S1_$LAST;
//#loop i from 0u to UPDATES by 1u
        let given = indices[from_at + i * STRIDE];
        let index = u32(select(given, given + EXTENT, given < 0));
        if index < u32(EXTENT) && index % OWNERS == owner {
            let x = updates[from_at + i * STRIDE];
            let a = result[to_at + index * STEP_AT];
            result[to_at + index * STEP_AT] = $STEP;
        }
//#end
}
