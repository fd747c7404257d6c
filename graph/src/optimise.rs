//! Rewrites a graph into a smaller one with the same results: a list of passes, run until none applies.

mod attention;
mod channels_last;
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

use protocol::{Feature, Features};

use crate::ir::Graph;
use crate::tensor::TensorType;
use rewriter::{Pattern, rewrite};

/// Rounds after which passes that undo each other would be cut off; two or three are the rule.
const MOST_ROUNDS: usize = 16;

/// How far a graph is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewriting {
    /// By every pass.
    Full,
    /// By all passes but those that fuse.
    Unfused,
    /// Only what nobody uses goes: every operator that counts stays a node of its own.
    Least,
}

impl Rewriting {
    /// The rewriting that a setting of the optimisations asks for.
    pub fn of(features: &Features) -> Rewriting {
        if features.has(Feature::Fusion) { Rewriting::Full } else { Rewriting::Unfused }
    }

    fn includes(self, pass: &Pass) -> bool {
        match self {
            Rewriting::Full => true,
            Rewriting::Unfused => !matches!(pass, Pass::Fusion(_)),
            Rewriting::Least => false,
        }
    }
}

enum Pass {
    /// Looks at the graph as a whole.
    Whole(fn(&mut Graph)),
    /// Looks at one node and those before it.
    Local(Pattern),
    /// Looks at the same, and makes one operator of several or of what they work on.
    Fusion(Pattern),
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
    ("fuse GELU", Pass::Fusion(gelu::fuse)),
    ("fuse SiLU", Pass::Fusion(gelu::fuse_swish)),
    ("fuse normalisation by the root mean square", Pass::Fusion(root_mean_square::fuse)),
    ("fuse rotary embedding", Pass::Fusion(rotary_embedding::fuse)),
    ("fuse attention", Pass::Fusion(attention::fuse)),
    ("share heads", Pass::Fusion(attention::share_heads)),
    ("draw the transpose into attention", Pass::Fusion(attention::absorb_transpose)),
    ("fuse bias into MatMul", Pass::Fusion(epilogue::fuse_bias)),
    ("fuse activation into MatMul and Conv", Pass::Fusion(epilogue::fuse_activation)),
    ("drop what nobody uses", Pass::Whole(dead::remove)),
];

/// Order matters: what is drawn down comes behind what may take it away.
const CHANNELS_LAST: &[(&str, Pass)] = &[
    ("turn convolutions", Pass::Local(channels_last::turn)),
    ("join transposes", Pass::Local(layout::join_transposes)),
    ("drop identities", Pass::Local(identities::drop)),
    ("reshape where no element moves", Pass::Local(layout::transpose_to_reshape)),
    ("join reshapes", Pass::Local(layout::join_reshapes)),
    ("draw below elementwise operators", Pass::Local(channels_last::below_elementwise)),
    ("draw below reductions", Pass::Local(channels_last::below_reduction)),
    ("draw below joins", Pass::Local(channels_last::below_concat)),
    ("draw below pools", Pass::Local(channels_last::below_pool)),
    ("draw below borders", Pass::Local(channels_last::below_pad)),
    ("draw below flattening", Pass::Local(channels_last::below_flattening)),
    ("share equal values", Pass::Whole(duplicates::share)),
    ("drop what nobody uses", Pass::Whole(dead::remove)),
];

/// The graph, optimised: fewer nodes, equal results but for rounding.
pub fn optimise(graph: Graph) -> Graph {
    rewritten(graph, Rewriting::Full)
}

/// The graph with equal results but for rounding, rewritten so far.
pub fn rewritten(mut graph: Graph, rewriting: Rewriting) -> Graph {
    if rewriting == Rewriting::Least {
        dead::remove(&mut graph);
        return graph;
    }
    let passes: Vec<_> = PASSES.iter().filter(|(_, pass)| rewriting.includes(pass)).collect();
    until_none_applies(graph, &passes)
}

/// The graph with the channels of its convolutions last, where vectors of them fit: for engines whose kernels want it
/// so. `None` where there is no such convolution, or one reads or makes what does not fit as a whole.
pub fn channels_last(graph: &Graph, fits: impl Fn(&TensorType) -> bool) -> Option<Graph> {
    let passes: Vec<_> = CHANNELS_LAST.iter().collect();
    channels_last::applies(graph, fits).then(|| until_none_applies(graph.clone(), &passes))
}

fn until_none_applies(mut graph: Graph, passes: &[&(&str, Pass)]) -> Graph {
    for _ in 0..MOST_ROUNDS {
        let before = (graph.nodes.len(), graph.to_string());
        for (name, pass) in passes {
            match pass {
                Pass::Whole(pass) => pass(&mut graph),
                Pass::Local(pattern) | Pass::Fusion(pattern) => rewrite(&mut graph, *pattern),
            }
            debug_assert_eq!(graph.check(), Ok(()), "after pass {name:?}");
        }
        if before == (graph.nodes.len(), graph.to_string()) {
            break;
        }
    }
    graph
}

#[cfg(test)]
mod tests;
