// result[c] = input[c - BEFORE] where that lies inside the input; elsewhere what the mode says.
//
// Dimensions are counted from the innermost.
//
// Overrides: D0, I0, B0, ...   extents of result and input, and what comes before the input
// Template:  T, RANK           element type, and how many dimensions
//            CONSTANT          fills with an element of the second operand, or with 0 where there is none
//            EDGE              repeats the first and the last element
//            REFLECT           goes back and forth between them
//            WRAP              starts again
//            FILL, NO_FILL     whether there is a second operand, or none; RESULT is the binding of the result

alias T = $T;

@group(0) @binding(0) var<storage, read> input: array<T>;
//#if FILL
@group(0) @binding(1) var<storage, read> fill: array<T>;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<T>;

//#for d in RANK
override D$d: u32;
override I$d: i32;
override B$d: i32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    var rest = flat;
    var inside = true;
    var at = 0;
    var stride = 1;
//#for d in RANK
    let c$d = i32(rest % D$d) - B$d;
    rest = rest / D$d;
//#if CONSTANT
    inside = inside && c$d >= 0 && c$d < I$d;
    at += c$d * stride;
//#end
//#if EDGE
    at += clamp(c$d, 0, I$d - 1) * stride;
//#end
//#if REFLECT
    let period$d = max(2 * I$d - 2, 1);
    let phase$d = (c$d % period$d + period$d) % period$d;
    at += min(phase$d, period$d - phase$d) * stride;
//#end
//#if WRAP
    at += (c$d % I$d + I$d) % I$d * stride;
//#end
    stride *= I$d;
//#end
//#if FILL
    var value = fill[0];
//#end
//#if NO_FILL
    var value = T();
//#end
    if inside {
        value = input[u32(at)];
    }
    result[flat] = value;
}
