// Prelude of every kernel: the workgroup's size, and the flat number of an invocation or workgroup.
//
// Overrides: WX, WY, WZ   workgroup size
//            GRID_X       workgroups along x; more than the adapter allows along x are folded into y
//            COUNT        results, or rows where a workgroup has a row to itself

override WX: u32;
override WY: u32;
override WZ: u32;
override GRID_X: u32;
override COUNT: u32;

// A float by its bits, through a variable: WGSL refuses constants that are not finite.
fn float_of(bits: u32) -> f32 {
    var copy = bits;
    return bitcast<f32>(copy);
}

fn flat_workgroup(workgroup: vec3<u32>) -> u32 {
    return workgroup.y * GRID_X + workgroup.x;
}

fn flat_invocation(workgroup: vec3<u32>, local: u32) -> u32 {
    return flat_workgroup(workgroup) * (WX * WY * WZ) + local;
}
