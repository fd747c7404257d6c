// result[i] = RESULT(x0[i], x1[i], ...), element by element, with broadcasting by strides.
//
// Layout: the result is contiguous; each input is read at the strides of the iteration space, whose dimensions
// are counted from the innermost. One invocation per element, or per vector of four where rows allow it: an
// input that stays the same along the innermost dimension is then a scalar, and splat.
//
// Overrides: D0, D1, ...      extents; in vectors along D0 where the result is in vectors
//            S0_0, S0_1, ...  strides of input 0, and so on
// Template:  INPUTS, RANK     how many inputs and dimensions; LAST is RANK - 1
//            I0, X0, T0, ...  type of input 0 in memory, the same as wide as the result, and as computed with
//            R, RESULT        type of the result, and its expression over x0, x1, ...

alias R = $R;

//#for i in INPUTS
@group(0) @binding($i) var<storage, read> input$i: array<$I$i>;
//#end
@group(0) @binding($INPUTS) var<storage, read_write> result: array<R>;

//#for d in RANK
override D$d: u32;
//#end
//#for i in INPUTS
//#for d in RANK
override S$i_$d: u32;
//#end
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    var rest = flat;
//#for d in LAST
    let c$d = rest % D$d;
    rest = rest / D$d;
//#end
    let c$LAST = rest;
//#for i in INPUTS
    var at$i = 0u;
//#for d in RANK
    at$i += c$d * S$i_$d;
//#end
    let x$i = $T$i($X$i(input$i[at$i]));
//#end
    result[flat] = $RESULT;
}
