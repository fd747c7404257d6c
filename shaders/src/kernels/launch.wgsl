// Prelude of every kernel: the workgroup's size, and the number of an invocation or workgroup.
//
// Overrides: WX, WY             invocations of a workgroup: of a line, and lines; only products have several
//            GRID_X             workgroups along x; more than the adapter allows along x are folded into y
//            COUNT              results, rows where a workgroup has a row to itself, or blocks where they are folded
//            BLOCKS_X, BLOCKS_Y blocks along x and y
// Template:  FOLDED, STRAIGHT   whether blocks are numbered as workgroups are folded, or as workgroups are numbered

override WX: u32;
override WY: u32;
override GRID_X: u32;
override COUNT: u32;
//#if FOLDED
override BLOCKS_X: u32;
override BLOCKS_Y: u32;
//#end

// A float by its bits, through a variable: WGSL refuses constants that are not finite.
fn float_of(bits: u32) -> f32 {
    var copy = bits;
    return bitcast<f32>(copy);
}

fn flat_workgroup(workgroup: vec3<u32>) -> u32 {
    return workgroup.y * GRID_X + workgroup.x;
}

fn flat_invocation(workgroup: vec3<u32>, local: u32) -> u32 {
    return flat_workgroup(workgroup) * (WX * WY) + local;
}

// The block of a workgroup. Workgroups beyond the last block compute that once more.
fn block_of(workgroup: vec3<u32>) -> vec3<u32> {
//#if FOLDED
    let flat = min(flat_workgroup(workgroup), COUNT - 1u);
    return vec3<u32>(flat % BLOCKS_X, flat / BLOCKS_X % BLOCKS_Y, flat / (BLOCKS_X * BLOCKS_Y));
//#end
//#if STRAIGHT
    return workgroup;
//#end
}
