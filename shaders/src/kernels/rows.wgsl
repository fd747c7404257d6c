// Prelude of kernels that fold each of COUNT rows: who works on which row.
//
// Template: SHARED  a workgroup has a row to itself and its LANES invocations share it;
//                   otherwise each invocation has its own row, and LANES is 1
//           E       the type of the elements

alias E = $E;
const LANES: u32 = $LANESu;

//#if SHARED
var<workgroup> partial: array<E, $LANES>;

fn row_of(workgroup: vec3<u32>, local: u32) -> u32 {
    return flat_workgroup(workgroup);
}

fn lane_of(local: u32) -> u32 {
    return local;
}
//#end
//#if ALONE
fn row_of(workgroup: vec3<u32>, local: u32) -> u32 {
    return flat_invocation(workgroup, local);
}

fn lane_of(local: u32) -> u32 {
    return 0u;
}
//#end
