//! Rewrites a graph into a smaller one with the same results: a list of passes, run until none applies.

mod attention;
mod constants;
mod dead;
mod duplicates;
mod epilogue;
mod gelu;
mod gemm;
mod head_layout;
mod identities;
mod layout;
mod rewriter;
mod root_mean_square;
mod rotary_embedding;

use crate::ir::Graph;
use rewriter::{Pattern, rewrite};

/// Rounds after which passes that undo each other would be cut off; two or three are the rule.
const MOST_ROUNDS: usize = 16;

enum Pass {
    /// Looks at the graph as a whole.
    Whole(fn(&mut Graph)),
    /// Looks at one node and those before it.
    Local(Pattern),
}

/// Order matters: attention is looked for before biases and activations are drawn into its products.
const PASSES: &[(&str, Pass)] = &[
    ("share equal values", Pass::Whole(duplicates::share)),
    ("drop identities", Pass::Local(identities::drop)),
    ("join less", Pass::Local(identities::join_less)),
    ("join reshapes", Pass::Local(layout::join_reshapes)),
    ("join transposes", Pass::Local(layout::join_transposes)),
    ("transpose without flattening", Pass::Local(layout::unflatten_transpose)),
    ("reshape where no element moves", Pass::Local(layout::transpose_to_reshape)),
    ("multiply instead of dividing", Pass::Local(constants::divide_to_multiply)),
    ("join scalar factors", Pass::Local(constants::join_factors)),
    ("turn Gemm into MatMul", Pass::Local(gemm::to_matmul)),
    ("fuse GELU", Pass::Local(gelu::fuse)),
    ("fuse SiLU", Pass::Local(gelu::fuse_swish)),
    ("fuse normalisation by the root mean square", Pass::Local(root_mean_square::fuse)),
    ("fuse rotary embedding", Pass::Local(rotary_embedding::fuse)),
    ("fuse attention", Pass::Local(attention::fuse)),
    ("share heads", Pass::Local(attention::share_heads)),
    ("draw the transpose into attention", Pass::Local(attention::absorb_transpose)),
    ("fuse bias into MatMul", Pass::Local(epilogue::fuse_bias)),
    ("fuse activation into MatMul and Conv", Pass::Local(epilogue::fuse_activation)),
    ("drop what nobody uses", Pass::Whole(dead::remove)),
];

/// The graph, optimised: fewer nodes, equal results but for rounding.
pub fn optimise(mut graph: Graph) -> Graph {
    for _ in 0..MOST_ROUNDS {
        let before = (graph.nodes.len(), graph.to_string());
        for (name, pass) in PASSES {
            match pass {
                Pass::Whole(pass) => pass(&mut graph),
                Pass::Local(pattern) => rewrite(&mut graph, *pattern),
            }
            debug_assert_eq!(graph.check(), Ok(()), "after pass {name:?}");
        }
        if before == (graph.nodes.len(), graph.to_string()) {
            break;
        }
    }
    graph
}

/// The graph without what nobody uses, and else as it is.
pub(crate) fn without_unused(mut graph: Graph) -> Graph {
    dead::remove(&mut graph);
    graph
}

#[cfg(test)]
mod tests;
