//! Where onnxruntime-web put the nodes of a model, from what it logs about it: a node that its provider lacks runs
//! on the CPU, without a word unless asked.

use std::collections::BTreeMap;

/// Nodes by the execution provider that runs them, and by operator: `CPUExecutionProvider`, `Gather`, 4.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement(BTreeMap<String, BTreeMap<String, usize>>);

/// The function of onnxruntime that logs placements, in front of each of its lines.
pub const SOURCE: &str = "VerifyEachNodeIsAssignedToAnEp]";
/// How a provider's part begins; its nodes follow, each as `operator (name)`, unless all nodes are its own.
const SOME: &str = "Node(s) placed on [";
const ALL: &str = "All nodes placed on [";
/// The operator under which nodes are counted that were not named one by one.
const UNNAMED: &str = "unnamed";

impl Placement {
    /// Adds a session's placement, from the lines that it logged at the level verbose.
    ///
    /// # Errors
    /// When they say nothing of placements.
    pub fn read<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
        let mut told = false;
        let mut current = None;
        for line in lines.into_iter().filter_map(|line| Some(line.split_once(SOURCE)?.1.trim())) {
            if let Some((provider, count)) = heading(line, ALL) {
                *self.count(provider, UNNAMED) += count;
                told = true;
            } else if let Some((provider, _)) = heading(line, SOME) {
                current = Some(provider);
                told = true;
            } else if let (Some(provider), Some((operator, _))) = (current, line.split_once(" (")) {
                *self.count(provider, operator) += 1;
            }
        }
        if told { Ok(()) } else { Err("onnxruntime-web logged no node placements".to_owned()) }
    }

    fn count(&mut self, provider: &str, operator: &str) -> &mut usize {
        self.0.entry(provider.to_owned()).or_default().entry(operator.to_owned()).or_default()
    }

    /// All nodes.
    pub fn nodes(&self) -> usize {
        self.0.values().flat_map(BTreeMap::values).sum()
    }

    /// The nodes that do not run on `provider`, by operator.
    pub fn elsewhere(&self, provider: &str) -> BTreeMap<&str, usize> {
        let mut operators = BTreeMap::new();
        let others = self.0.iter().filter(|(other, _)| *other != provider);
        for (operator, count) in others.flat_map(|(_, operators)| operators) {
            *operators.entry(operator.as_str()).or_default() += count;
        }
        operators
    }
}

/// The provider and the number of nodes of a line like `Node(s) placed on [PROVIDER]. Number of nodes: 7`.
fn heading<'a>(line: &'a str, beginning: &str) -> Option<(&'a str, usize)> {
    let (provider, count) = line.strip_prefix(beginning)?.split_once("]. Number of nodes: ")?;
    Some((provider, count.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBGPU: &str = "WebGpuExecutionProvider";

    #[test]
    fn nodes_are_counted_where_they_were_put() {
        // As onnxruntime-web 1.30.0 logs it.
        let split = "\
2026-11-21 08:28:29.38 [I:onnxruntime:, transformer_memcpy.cc:393 AddCopyNode] Add MemcpyToHost before val_132
2026-11-21 08:28:29.40 [V:onnxruntime:, session_state.cc:1377 VerifyEachNodeIsAssignedToAnEp] Node placements
2026-11-21 08:28:29.40 [V:onnxruntime:, session_state.cc:1383 VerifyEachNodeIsAssignedToAnEp]  Node(s) placed on [WebGpuExecutionProvider]. Number of nodes: 2
2026-11-21 08:28:29.40 [V:onnxruntime:, session_state.cc:1385 VerifyEachNodeIsAssignedToAnEp]   Gather (node_embedding)
2026-11-21 08:28:29.40 [V:onnxruntime:, session_state.cc:1385 VerifyEachNodeIsAssignedToAnEp]   MatMul (node (2))
2026-11-21 08:28:29.41 [V:onnxruntime:, session_state.cc:1383 VerifyEachNodeIsAssignedToAnEp]  Node(s) placed on [CPUExecutionProvider]. Number of nodes: 3
2026-11-21 08:28:29.41 [V:onnxruntime:, session_state.cc:1385 VerifyEachNodeIsAssignedToAnEp]   Shape (node_Shape_3)
2026-11-21 08:28:29.41 [V:onnxruntime:, session_state.cc:1385 VerifyEachNodeIsAssignedToAnEp]   Gather (node_1)
2026-11-21 08:28:29.41 [V:onnxruntime:, session_state.cc:1385 VerifyEachNodeIsAssignedToAnEp]   Shape ()";
        let whole = "2026-11-21 08:28:45.93 [V:onnxruntime:, session_state.cc:1380 \
                     VerifyEachNodeIsAssignedToAnEp]  All nodes placed on [CPUExecutionProvider]. Number of \
                     nodes: 125";
        type Row<'a> = (&'a str, &'a str, &'a str, usize, &'a [(&'a str, usize)]);
        let rows: [Row<'_>; 3] = [
            ("some elsewhere", split, WEBGPU, 5, &[("Gather", 1), ("Shape", 2)]),
            ("all where asked", whole, "CPUExecutionProvider", 125, &[]),
            ("all elsewhere", whole, WEBGPU, 125, &[(UNNAMED, 125)]),
        ];
        for (name, log, provider, nodes, elsewhere) in rows {
            let mut placement = Placement::default();
            assert_eq!(placement.read(log.lines()), Ok(()), "{name}");
            assert_eq!(placement.nodes(), nodes, "{name}");
            assert_eq!(placement.elsewhere(provider), elsewhere.iter().copied().collect(), "{name}");
        }
    }

    #[test]
    fn components_add_up_and_silence_is_not_taken_for_nothing() {
        let mut placement = Placement::default();
        let line = format!("{SOURCE} All nodes placed on [CPUExecutionProvider]. Number of nodes: 2");
        for _ in 0..2 {
            assert_eq!(placement.read([line.as_str()]), Ok(()));
        }
        assert_eq!(placement.nodes(), 4);
        assert!(Placement::default().read(["", "[I] Session successfully initialized."]).is_err());
    }
}
