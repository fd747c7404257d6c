// result[batch, channel, o...] = activate(bias[channel] + sum over in-channels and the window of x * weight)
//
// Layout: x [batch, GROUPS * IN, I...], weight [GROUPS * OUT, IN, K...], result [batch, GROUPS * OUT, O...].
// One invocation computes BLOCK channels of PLACES places, so that each element read is used several times. Channels
// beyond the last of a group are the last once more. Workgroups are numbered by [places, blocks of channels, batch]: all
// invocations of one read the same weights, and neighbours have neighbouring places. Spatial dimensions are counted from
// the innermost.
//
// Overrides: GROUPS, IN, OUT        groups, and channels of each
//            BLOCKS                 blocks of channels of a group
// Template:  SPATIAL                spatial dimensions; LAST is SPATIAL - 1
//            AREA, VOLUME           whether there are at least two, or three
//            BLOCK, PLACES          channels and places per invocation
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
    var inputs = 1u;
    var outputs = 1u;
    var window = 1u;
//#for d in SPATIAL
    inputs *= I$d;
    outputs *= O$d;
    window *= K$d;
//#end
    let block = block_of(workgroup);
    let batch = block.z;
    let group = block.y / BLOCKS;
    let first = block.y % BLOCKS * $BLOCKu;
//#for b in BLOCK
    let channel$b = group * OUT + min(first + $bu, OUT - 1u);
    let filter$b = channel$b * IN * window;
//#end

    // Nothing branches on a place, so that what is the same for all places is computed and read once.
//#for p in PLACES
    let place$p = (block.x * $PLACESu + $pu) * (WX * WY) + local;
    var rest$p = min(place$p, outputs - 1u);
//#for d in SPATIAL
    let start$p_$d = rest$p % O$d * STRIDE$d - PAD$d;
    rest$p = rest$p / O$d;
//#end
//#for b in BLOCK
    var sum$p_$b = 0.0;
//#end
//#end
    var tap = 0u;
    for (var c = 0u; c < IN; c++) {
        let plane = ((batch * GROUPS + group) * IN + c) * inputs;
//#if AREA
        for (var k$LAST = 0u; k$LAST < K$LAST; k$LAST++) {
//#end
//#if VOLUME
        for (var k1 = 0u; k1 < K1; k1++) {
//#end
//#loop k0 from 0u to K0 by 1u
//#for p in PLACES
            // Before the first element these wrap to something large, and so lie outside too.
            var inside$p = true;
            var at$p = plane;
            var stride$p = 1u;
//#for d in SPATIAL
            let i$p_$d = start$p_$d + k$d * DILATION$d;
            inside$p = inside$p && i$p_$d < I$d;
            at$p += i$p_$d * stride$p;
            stride$p *= I$d;
//#end
            let value$p = select(0.0, x[select(plane, at$p, inside$p)], inside$p);
//#end
//#for b in BLOCK
            let factor$b = weight[filter$b + tap];
//#for p in PLACES
            sum$p_$b = fma(value$p, factor$b, sum$p_$b);
//#end
//#end
            tap += 1u;
//#end
//#if VOLUME
        }
//#end
//#if AREA
        }
//#end
    }
//#for p in PLACES
    if place$p < outputs {
//#for b in BLOCK
//#if BIAS
        sum$p_$b += bias[channel$b];
//#end
        if first + $bu < OUT {
            result[(batch * GROUPS * OUT + channel$b) * outputs + place$p] = activate(sum$p_$b);
        }
//#end
    }
//#end
}
