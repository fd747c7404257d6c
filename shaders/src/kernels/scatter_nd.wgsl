// result[tuple..., inner] = STEP of what is there and updates[t, inner] for every row t, the tuple, of indices, in order.
//
// The result starts as a copy of the data. Two tuples may name the same slice; so every slice has one of OWNERS owners,
// each of which walks all tuples and writes to its own slices. Where tuples are known to differ (DISTINCT), each is
// written at once. Negative indices count from the end; tuples out of range are dropped.
//
// Overrides: OWNERS            owners of slices
//            TUPLES            rows of indices
//            INNER             elements of a slice; in vectors where E is one
//            D0, S0_0, ...     extent of the axis that component 0 selects from, and slices between neighbours there
// Template:  E, U, STEP        element type, u32 as wide, and the new element from the old one a and the update x
//            LENGTH            components of a tuple
//            DISTINCT, MEETING whether each tuple is written by itself, or all are walked

alias E = $E;
alias R = E;
alias U = $U;

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read> updates: array<E>;
@group(0) @binding(2) var<storage, read_write> result: array<E>;

override OWNERS: u32;
override TUPLES: u32;
override INNER: u32;
//#for d in LENGTH
override D$d: i32;
override S0_$d: u32;
//#end

fn update(tuple: u32, inner: u32, owner: u32) {
    var inside = true;
    var slice = 0u;
//#for d in LENGTH
    let given$d = indices[tuple * $LENGTHu + $du];
    let index$d = u32(select(given$d, given$d + D$d, given$d < 0));
    inside = inside && index$d < u32(D$d);
    slice += index$d * S0_$d;
//#end
    if inside && slice % OWNERS == owner {
        let x = updates[tuple * INNER + inner];
        let a = result[slice * INNER + inner];
        result[slice * INNER + inner] = $STEP;
    }
}

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
//#if DISTINCT
    update(flat / INNER, flat % INNER, 0u);
//#end
//#if MEETING
//#loop tuple from 0u to TUPLES by 1u
        update(tuple, flat % INNER, flat / INNER);
//#end
//#end
}
