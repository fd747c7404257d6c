//! Makes every value of an ONNX file an output of it, for engines that take the file as it is.

use std::collections::BTreeSet;

use prost::Message;

use super::proto::{GraphProto, ModelProto, ValueInfo};
use crate::error::Error;

/// The model with the results of all nodes among its outputs, after those it has.
///
/// Protobuf merges a message that is there twice, so what is added is appended, and everything that is not read
/// here stays as it is: <https://protobuf.dev/programming-guides/encoding/#last-one-wins>.
///
/// # Errors
/// Where the bytes are no ONNX model.
pub fn with_all_outputs(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let model = ModelProto::decode(bytes).map_err(|error| Error::NotOnnx { reason: error.to_string() })?;
    let graph = model.graph.unwrap_or_default();
    let mut there: BTreeSet<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    let results = graph.node.iter().flat_map(|node| &node.output);
    let added = results.filter(|name| !name.is_empty() && there.insert(name));
    let output = added.map(|name| ValueInfo { name: name.clone(), r#type: None }).collect();
    let more = GraphProto { output, ..GraphProto::default() };
    let more = ModelProto { graph: Some(more), opset_import: Vec::new() };
    Ok([bytes, &more.encode_to_vec()].concat())
}

#[cfg(test)]
mod tests {
    use super::super::Model;
    use super::super::tests::small_proto;
    use super::*;

    #[test]
    fn every_result_becomes_an_output_and_nothing_else_changes() {
        let bytes = small_proto().encode_to_vec();
        let (before, after) =
            (Model::parse(&bytes).unwrap(), Model::parse(&with_all_outputs(&bytes).unwrap()).unwrap());
        let results: BTreeSet<&String> = before.nodes.iter().flat_map(|node| &node.outputs).collect();
        assert_eq!(after.outputs[..before.outputs.len()], before.outputs);
        assert_eq!(after.outputs.iter().collect::<BTreeSet<_>>(), results);
        assert_eq!(after.outputs.len(), results.len(), "each once");
        assert_eq!(Model { outputs: before.outputs.clone(), ..after }, before);
        assert!(with_all_outputs(b"hello").is_err());
    }
}
