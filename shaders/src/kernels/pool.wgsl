// result[plane, o...] = the fold of the elements of input[plane, i...] in a window.
//
// Layout: input [planes, I...], result [planes, O...]. Spatial dimensions are counted from the innermost. The window
// may reach into the padding, and beyond it where the last window is not whole.
//
// Overrides: PADDED0, ...             extents of the input with its padding on both sides
// Template:  SPATIAL                  spatial dimensions; LAST is SPATIAL - 1
//            AREA, VOLUME             whether there are at least two, or three
//            E, FIRST, STEP, FINISH   element type; the neutral element, the fold of a and x, and the result from a;
//                                     `inside` are the elements folded, `counted` those and the padding
// Prelude:   windows.wgsl

alias E = $E;

@group(0) @binding(0) var<storage, read> input: array<E>;
@group(0) @binding(1) var<storage, read_write> result: array<E>;

//#for d in SPATIAL
override PADDED$d: u32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    var rest = flat;
    var inputs = 1u;
//#for d in SPATIAL
    let o$d = rest % O$d;
    rest = rest / O$d;
    inputs *= I$d;
//#end
    let plane = rest * inputs;
    var a = E($FIRST);
    var inside = 0u;
    var counted = 0u;
//#if AREA
    for (var k$LAST = 0u; k$LAST < K$LAST; k$LAST++) {
//#end
//#if VOLUME
    for (var k1 = 0u; k1 < K1; k1++) {
//#end
//#loop k0 from 0u to K0 by 1u
        var is_inside = true;
        var is_counted = true;
        var at = plane;
        var stride = 1u;
//#for d in SPATIAL
        let p$d = o$d * STRIDE$d + k$d * DILATION$d;
        // Before the first element this wraps to something large, and so lies outside too.
        let i$d = p$d - PAD$d;
        is_inside = is_inside && i$d < I$d;
        is_counted = is_counted && p$d < PADDED$d;
        at += i$d * stride;
        stride *= I$d;
//#end
        if is_counted {
            counted += 1u;
        }
        if is_inside {
            inside += 1u;
            let x = input[at];
            a = $STEP;
        }
//#end
//#if VOLUME
    }
//#end
//#if AREA
    }
//#end
    result[flat] = $FINISH;
}
