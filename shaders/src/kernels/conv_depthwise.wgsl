// result[place, channel] = activate(sum over the window of x * weight[..., channel] + bias[channel]), channels last, where
// each channel of the result comes from its own of x.
//
// Layout: x [batch, I..., C], weight [K..., 1, C], result [batch, O..., C], all in vectors of four channels. One invocation
// computes ROWS neighbouring places of one vector, whose weights it reads once for all of them. Neighbours have
// neighbouring vectors. Spatial dimensions are counted from the innermost.
//
// Overrides: M                      places, of all images
//            C4                     vectors of channels
//            IMAGE, X0, ...         vectors of x between neighbouring images and places
// Template:  SPATIAL                spatial dimensions
//            AREA                   whether there are two
//            ROWS                   places per invocation
//            BIAS, RESULT           whether there is a bias; binding of the result
// Prelude:   windows.wgsl

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
//#if BIAS
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
//#end
@group(0) @binding($RESULT) var<storage, read_write> result: array<vec4<f32>>;

override M: u32;
override C4: u32;
override IMAGE: u32;
//#for d in SPATIAL
override X$d: u32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) local: u32) {
    let flat = flat_invocation(workgroup, local);
    if flat >= COUNT {
        return;
    }
    let channel = flat % C4;
    let first = flat / C4 * $ROWSu;
//#for m in ROWS
    var rest$m = min(first + $mu, M - 1u);
//#for d in SPATIAL
    let start$m_$d = rest$m % O$d * STRIDE$d - PAD$d;
    rest$m = rest$m / O$d;
//#end
    let image$m = rest$m * IMAGE + channel;
    var sum$m = vec4<f32>();
//#end
    var tap = 0u;
//#if AREA
    for (var k1 = 0u; k1 < K1; k1++) {
//#end
//#loop k0 from 0u to K0 by 1u
        let factor = weight[(tap + k0) * C4 + channel];
//#for m in ROWS
        var at$m = image$m;
        var inside$m = true;
//#for d in SPATIAL
        // Before the first element this wraps to something large, and so lies outside too.
        let i$m_$d = start$m_$d + k$d * DILATION$d;
        at$m += i$m_$d * X$d;
        inside$m = inside$m && i$m_$d < I$d;
//#end
        let value$m = select(vec4<f32>(), x[select(channel, at$m, inside$m)], inside$m);
        sum$m = fma(value$m, factor, sum$m);
//#end
//#end
        tap += K0;
//#if AREA
    }
//#end
//#for m in ROWS
    if first + $mu < M {
//#if BIAS
        sum$m += bias[channel];
//#end
        result[(first + $mu) * C4 + channel] = activate(sum$m);
    }
//#end
}
