//! Real models, computed before and after the passes, against PyTorch's outputs; and broken ones.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use graph::onnx::Model;
use graph::ops::{HeadLayout, Unary};
use graph::{Feed, Graph, Operator, Tensor, interpret, optimise, specialise, tensor_file};

const TOLERANCE: f32 = 1e-4;

type Tensors = BTreeMap<String, Tensor>;
type Outcome<T> = Result<T, Box<dyn Error>>;

fn folder(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(model)
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn tensors(model: &str, file: &str) -> Outcome<Tensors> {
    Ok(tensor_file::read(&read(&folder(model).join(file))?)?)
}

/// The specialised model and its inputs.
fn load(name: &str) -> Outcome<(Graph, Tensors)> {
    let inputs = tensors(name, "inputs.safetensors")?;
    Ok((specialised(name, &inputs)?, inputs))
}

fn specialised(name: &str, inputs: &Tensors) -> Outcome<Graph> {
    let feeds = inputs.iter().map(|(name, tensor)| (name.clone(), Feed::Value(tensor.clone()))).collect();
    let model = Model::parse(&read(&folder(name).join("model.onnx"))?)?;
    let mut files: BTreeMap<String, Arc<[u8]>> = BTreeMap::new();
    for file in model.external_files() {
        if let Ok(bytes) = read(&folder(name).join(&file)) {
            files.insert(file, bytes.into());
        }
    }
    Ok(specialise(&model.with_files(&mut files)?, &feeds)?)
}

/// NaN where a difference is.
fn largest_error(outputs: &Tensors, expected: &Tensors) -> f32 {
    assert_eq!(outputs.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    let errors = outputs.iter().flat_map(|(name, given)| {
        assert_eq!(given.tensor_type(), expected[name].tensor_type(), "{name}");
        let pairs = given.to_f32_vec().into_iter().zip(expected[name].to_f32_vec());
        pairs.map(|(given, expected)| (given - expected).abs()).collect::<Vec<_>>()
    });
    errors.fold(0.0, |largest, error| if error <= largest { largest } else { error })
}

fn count(graph: &Graph, wanted: fn(&Operator) -> bool) -> usize {
    graph.nodes.iter().filter(|node| wanted(&node.operator)).count()
}

#[test]
fn models_agree_with_pytorch_before_and_after_the_passes() -> Outcome<()> {
    for (model, attentions, most_nodes) in [("models/bert-tiny", 2, 33), ("models/vit-tiny", 2, 30)] {
        let (graph, inputs) = load(model)?;
        let optimised = optimise(graph.clone());
        assert_eq!((graph.check(), optimised.check()), (Ok(()), Ok(())), "{model}");
        let expected = tensors(model, "expected.safetensors")?;
        let plain = largest_error(&interpret(&graph, &inputs)?, &expected);
        let fused = largest_error(&interpret(&optimised, &inputs)?, &expected);
        let (before, after) = (graph.nodes.len(), optimised.nodes.len());
        println!("{model}: {before} nodes (error {plain:e}), {after} after the passes (error {fused:e})");
        assert!(plain <= TOLERANCE && fused <= TOLERANCE, "{model}: {plain:e}, {fused:e}");
        assert!(after <= most_nodes, "{model}: {after} nodes\n{optimised}");
        let attention = |operator: &Operator| matches!(operator, Operator::Attention(_));
        assert_eq!(count(&optimised, attention), attentions, "{model}\n{optimised}");
        let left = |operator: &Operator| match operator {
            Operator::Softmax(_) | Operator::Gemm(_) => true,
            operator => *operator == Operator::Unary(Unary::Erf),
        };
        assert_eq!(count(&optimised, left), 0, "{model}\n{optimised}");
    }
    Ok(())
}

/// Tensors with every element along the batch twice.
fn doubled(tensors: Tensors) -> Outcome<Tensors> {
    let double = |(name, tensor): (String, Tensor)| {
        let result =
            Operator::Concat(graph::ops::Concat { axis: 0 }).evaluate(&[Some(&tensor), Some(&tensor)]);
        Ok((name, result?.swap_remove(0)))
    };
    tensors.into_iter().map(double).collect()
}

#[test]
fn a_larger_batch_is_fused_as_well() -> Outcome<()> {
    for model in ["models/bert-tiny", "models/vit-tiny"] {
        let inputs = doubled(tensors(model, "inputs.safetensors")?)?;
        let optimised = optimise(specialised(model, &inputs)?);
        let sequence_first = |operator: &Operator| match operator {
            Operator::Attention(attention) => {
                [
                    attention.query_layout,
                    attention.key_layout,
                    attention.value_layout,
                    attention.output_layout,
                ] == [HeadLayout::SequenceFirst; 4]
            }
            _ => false,
        };
        assert_eq!(count(&optimised, sequence_first), 2, "{model}\n{optimised}");
        let expected = doubled(tensors(model, "expected.safetensors")?)?;
        assert!(largest_error(&interpret(&optimised, &inputs)?, &expected) <= TOLERANCE, "{model}");
    }
    Ok(())
}

#[test]
fn the_mask_of_bert_is_computed_once() -> Outcome<()> {
    let optimised = optimise(load("models/bert-tiny")?.0);
    let masks = optimised.nodes.iter().filter(|node| matches!(node.operator, Operator::Attention(_)));
    let masks: Vec<_> = masks.map(|node| node.inputs.get(3)).collect();
    assert!(masks[0].is_some() && masks[0] == masks[1], "{optimised}");
    assert_eq!(count(&optimised, |operator| matches!(operator, Operator::Select(_))), 1, "{optimised}");
    Ok(())
}

#[test]
fn external_data_is_found() -> Outcome<()> {
    let (graph, inputs) = load("bad/external-good")?;
    let outputs = interpret(&optimise(graph), &inputs)?;
    assert!(largest_error(&outputs, &tensors("bad/external-good", "expected.safetensors")?) <= TOLERANCE);
    Ok(())
}

#[test]
fn broken_models_are_refused_with_a_clear_message() {
    let cases = [
        ("bad/external-missing", "of \"weights.bin\", which was not found", false),
        (
            "bad/external-short",
            "needs 48 bytes from byte 0 of \"weights.bin\", which has only 20 bytes",
            false,
        ),
        ("bad/not-onnx", "is not an ONNX model: it cannot be decoded as protobuf", false),
        ("bad/truncated", "is not an ONNX model: it cannot be decoded as protobuf", false),
        ("bad/unknown-operator", "node \"finish\": no operator \"Frobnicate\"", true),
        ("bad/wrong-input-name", "has no input \"features\"; its inputs are x (f32[batch, 4])", false),
        ("bad/wrong-input-type", "input \"x\" has to be f32[batch, 4], not i64[", false),
        ("bad/wrong-input-shape", "input \"x\" has to be f32[batch, 4], not f32[2, 5]", false),
    ];
    for (model, wanted, unsupported) in cases {
        let error = load(model).map(|_| ()).expect_err(model);
        assert!(error.to_string().contains(wanted), "{model}: {error}");
        let known = error.downcast_ref::<graph::Error>();
        assert_eq!(known.map(graph::Error::is_unsupported), Some(unsupported), "{model}: {error}");
    }
}
