// result[place, channel] = activate(sum over the window and its channels of x * weight + bias[channel]), channels last,
// without barriers.
//
// Layout: x [batch, I..., GROUPS * channels], weight [K..., channels of a group, all channels of the result], result
// [batch, O..., channels]. The elements of a window are runs of x: a run for each of its elements, or for each line of
// them where these lie one behind another. One invocation computes ROWS places by VECTORS vectors of four channels in
// registers. Places depend on the workgroup only: all its invocations read the same elements of x, which software
// adapters load once and broadcast, and neighbours have neighbouring vectors. Workgroups are numbered by [places,
// vectors, groups]. Spatial dimensions are counted from the innermost.
//
// Overrides: M                      places, of all images
//            RUN                    elements of a run: in vectors if VECTOR, else one by one
//            IMAGE, GROUP, X0, ...  elements of x between neighbouring images, groups and places, counted as in RUN
// Template:  SPATIAL                spatial dimensions
//            AREA                   whether there are two
//            ROWS, VECTORS          results per invocation
//            VECTOR, SINGLE         whether runs can be read in vectors, or not
//            WIDTH                  terms of an element of x: 4 if VECTOR, else 1
//            PADDED, WITHIN         whether a window may reach beyond its image, or not
//            X                      type of x's elements
// Prelude:   windows.wgsl; columns.wgsl, where b is the weight, and the columns are channels of a group

@group(0) @binding(0) var<storage, read> x: array<$X>;
override M: u32;
override RUN: u32;
override IMAGE: u32;
override GROUP: u32;
//#for d in SPATIAL
override X$d: u32;
//#end

@compute @workgroup_size(WX, WY)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
    let block = block_of(workgroup);
    let first = (block.x * WY + local.y) * $ROWSu;
//#for m in ROWS
    var rest$m = min(first + $mu, M - 1u);
//#for d in SPATIAL
    let start$m_$d = rest$m % O$d * STRIDE$d - PAD$d;
    rest$m = rest$m / O$d;
//#end
    let image$m = rest$m * IMAGE + block.z * GROUP;
//#end
    let group = block.z * N4;
//#for v in VECTORS
    let vector$v = (block.y * $VECTORSu + $vu) * WX + local.x;
    let columns$v = columns_of(vector$v);
//#for m in ROWS
    var sum$m_$v = vec4<f32>();
//#end
//#end
    var term = 0u;
//#if AREA
    for (var k1 = 0u; k1 < K1; k1++) {
//#end
    for (var k0 = 0u; k0 < K0; k0++) {
//#for m in ROWS
        var run$m = image$m;
        var inside$m = true;
//#for d in SPATIAL
        // Before the first element this wraps to something large, and so lies outside too.
        let i$m_$d = start$m_$d + k$d * DILATION$d;
        run$m += i$m_$d * X$d;
        inside$m = inside$m && i$m_$d < I$d;
//#end
//#if PADDED
        run$m = select(image$m, run$m, inside$m);
//#end
//#end
//#loop c from 0u to RUN by 1u
//#for m in ROWS
//#if PADDED
        let factor$m = select($X(), x[run$m + c], inside$m);
//#end
//#if WITHIN
        let factor$m = x[run$m + c];
//#end
//#end
//#for j in WIDTH
        {
            let row = (term + c * $WIDTHu + $ju) * OUT + group;
//#for v in VECTORS
            let weights$v = b_at(row, columns$v);
//#end
//#for m in ROWS
//#for v in VECTORS
//#if VECTOR
            sum$m_$v = fma(vec4<f32>(factor$m[$j]), weights$v, sum$m_$v);
//#end
//#if SINGLE
            sum$m_$v = fma(vec4<f32>(factor$m), weights$v, sum$m_$v);
//#end
//#end
//#end
        }
//#end
//#end
        term += RUN * $WIDTHu;
    }
//#if AREA
    }
//#end
//#for v in VECTORS
    if vector$v < N4 {
//#for m in ROWS
        if first + $mu < M {
            store(sum$m_$v, (first + $mu) * OUT + group, group, vector$v);
        }
//#end
    }
//#end
}
