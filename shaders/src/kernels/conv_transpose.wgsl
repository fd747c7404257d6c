// result[batch, channel, o...] = activate(bias[channel] + sum over in-channels and the window of x * weight), where the
// element i of x and the element k of the window meet at o = i * STRIDE + k * DILATION - PAD.
//
// Layout: x [batch, GROUPS * IN, I...], weight [GROUPS * IN, OUT, K...], result [batch, GROUPS * OUT, O...].
// One invocation computes BLOCK channels of one place, so that an element of x is read once for all of them. Channels
// beyond the last of a group are the last once more. Workgroups are numbered by [places, blocks of channels, batch]: all
// invocations of one read the same weights. Spatial dimensions are counted from the innermost.
//
// Overrides: GROUPS, IN, OUT        groups, and channels of each
//            BLOCKS                 blocks of channels of a group
// Template:  SPATIAL                spatial dimensions; LAST is SPATIAL - 1
//            AREA, VOLUME           whether there are at least two, or three
//            BLOCK                  channels per invocation
//            BIAS, RESULT           whether there is a bias; binding of the result
// Prelude:   windows.wgsl

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
//#if BIAS
@group(0) @binding(2) var<storage, read> bias: array<f32>;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<f32>;

override GROUPS: u32;
override IN: u32;
override OUT: u32;
override BLOCKS: u32;

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let block = block_of(workgroup);
    let place = block.x * (WX * WY) + local;
    var rest = place;
    var inputs = 1u;
    var outputs = 1u;
    var window = 1u;
//#for d in SPATIAL
    let o$d = rest % O$d;
    rest = rest / O$d;
    inputs *= I$d;
    outputs *= O$d;
    window *= K$d;
//#end
    if rest > 0u {
        return;
    }
    let batch = block.z;
    let group = block.y / BLOCKS;
    let first = block.y % BLOCKS * $BLOCKu;
//#for b in BLOCK
    let channel$b = min(first + $bu, OUT - 1u);
    var sum$b = 0.0;
//#end
    var tap = 0u;
    for (var k$LAST = 0u; k$LAST < K$LAST; k$LAST++) {
//#if VOLUME
    for (var k1 = 0u; k1 < K1; k1++) {
//#end
//#if AREA
    for (var k0 = 0u; k0 < K0; k0++) {
//#end
        // Before the first element these wrap to something large, and so lie outside too.
        var inside = true;
        var at = 0u;
        var stride = 1u;
//#for d in SPATIAL
        let reach$d = o$d + PAD$d - k$d * DILATION$d;
        let i$d = reach$d / STRIDE$d;
        inside = inside && i$d < I$d && i$d * STRIDE$d == reach$d;
        at += i$d * stride;
        stride *= I$d;
//#end
        if inside {
//#loop c from 0u to IN by 1u
                let value = x[((batch * GROUPS + group) * IN + c) * inputs + at];
                let filters = (group * IN + c) * OUT;
//#for b in BLOCK
                sum$b += value * weight[(filters + channel$b) * window + tap];
//#end
//#end
        }
        tap += 1u;
//#if AREA
    }
//#end
//#if VOLUME
    }
//#end
    }
//#for b in BLOCK
//#if BIAS
    sum$b += bias[group * OUT + channel$b];
//#end
    if first + $bu < OUT {
        result[((batch * GROUPS + group) * OUT + channel$b) * outputs + place] = activate(sum$b);
    }
//#end
}
