//! Files made field by field, given to the walk as a reader would, whole and cut off.

use std::sync::Arc;

use prost::Message;

use super::super::Model;
use super::super::proto::{GraphProto, ModelProto, TensorProto};
use super::super::tests::small_proto;
use super::*;

/// Goes through a file; gives what was read of it, in bytes, beside the outline.
fn walk(file: &[u8], large_bytes: u64) -> Result<(Outline, u64), Error> {
    let mut outline = Outline::new("m.onnx", file.len() as u64).with_large_bytes(large_bytes);
    let mut read = 0;
    while let Some(wanted) = outline.wanted()? {
        read += wanted.length_bytes;
        outline.take(&file[wanted.offset_bytes as usize..][..wanted.length_bytes as usize])?;
    }
    Ok((outline, read))
}

fn weight(name: &str, bytes: usize) -> TensorProto {
    let raw_data: Vec<u8> = (0..bytes).map(|at| at as u8 ^ name.as_bytes()[0]).collect();
    let dims = vec![raw_data.len() as i64 / 4];
    TensorProto { name: name.into(), dims, data_type: 1, raw_data: raw_data.into(), ..TensorProto::default() }
}

fn with_weights(weights: Vec<TensorProto>) -> ModelProto {
    let mut proto = small_proto();
    proto.graph.as_mut().unwrap().initializer = weights;
    proto
}

#[test]
fn large_weights_are_left_out_and_all_else_is_kept() {
    let proto = with_weights(vec![weight("a", 64), weight("b", 4096), weight("c", 8), weight("d", 100)]);
    let file = proto.encode_to_vec();
    let skeleton = walk(&file, 100).unwrap().0.finish().unwrap();
    let mut expected = proto.clone();
    for number in [1, 3] {
        expected.graph.as_mut().unwrap().initializer[number].raw_data = Default::default();
    }
    assert_eq!(ModelProto::decode(skeleton.bytes.as_slice()).unwrap(), expected);
    assert_eq!(skeleton.large.keys().copied().collect::<Vec<_>>(), [1, 3]);
    for (number, range) in &skeleton.large {
        let raw = &proto.graph.as_ref().unwrap().initializer[*number].raw_data;
        assert_eq!(file[range.start as usize..range.end as usize], raw[..], "initializer {number}");
    }
    let whole = walk(&file, u64::MAX).unwrap().0.finish().unwrap();
    assert_eq!((whole.bytes, whole.large.len()), (file, 0));
}

#[test]
fn weights_behind_the_first_bytes_are_not_read() {
    let weights = ["a", "b", "c"].map(|name| weight(name, 4 << 20)).to_vec();
    let file = with_weights(weights).encode_to_vec();
    let (outline, read) = walk(&file, LARGE_BYTES).unwrap();
    assert!(read <= FIRST_BYTES + 4 * NEXT_BYTES, "{read} bytes of {}", file.len());
    assert_eq!(outline.finish().unwrap().large.len(), 3);
}

#[test]
fn a_message_that_is_there_twice_is_one() {
    let more = |weights| ModelProto {
        graph: Some(GraphProto { initializer: weights, ..GraphProto::default() }),
        opset_import: Vec::new(),
    };
    let parts = [with_weights(vec![weight("a", 200)]), more(vec![weight("b", 8), weight("c", 200)])];
    let file: Vec<u8> = parts.iter().flat_map(Message::encode_to_vec).collect();
    let skeleton = walk(&file, 100).unwrap().0.finish().unwrap();
    assert_eq!(skeleton.large.keys().copied().collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn the_last_of_several_contents_counts() {
    let field = |bytes: usize| [&[9 << 3 | 2, bytes as u8][..], &vec![bytes as u8; bytes]].concat();
    for (contents, left_out) in [([8, 120], true), ([120, 8], false)] {
        let tensor: Vec<u8> = contents.into_iter().flat_map(field).collect();
        let graph = [&[5 << 3 | 2, tensor.len() as u8 | 0x80, 1][..], &tensor].concat();
        let file = [&[7 << 3 | 2, graph.len() as u8 | 0x80, 1][..], &graph].concat();
        let skeleton = walk(&file, 100).unwrap().0.finish().unwrap();
        let kept = ModelProto::decode(skeleton.bytes.as_slice()).unwrap().graph.unwrap();
        assert_eq!(
            (skeleton.large.len() == 1, kept.initializer[0].raw_data.len()),
            (left_out, 8),
            "{contents:?}"
        );
    }
}

#[test]
fn files_that_end_early_are_refused_wherever_they_end() {
    let file = with_weights(vec![weight("a", 64), weight("b", 300), weight("c", 8)]).encode_to_vec();
    for length in 0..file.len() {
        let walked = walk(&file[..length], 100).and_then(|(outline, _)| Model::read(outline));
        let error = walked.unwrap_err().to_string();
        assert!(error.contains("is not an ONNX model"), "{length}: {error}");
    }
    assert!(walk(&file, 100).and_then(|(outline, _)| Model::read(outline)).is_ok());
}

#[test]
fn what_is_no_protobuf_is_refused() {
    for (name, file, wanted) in [
        ("a group", vec![0x3b], "wire type 3"),
        ("no tag", vec![0x80; 24], "cut off at byte 0"),
        ("a length past counting", [&[0x3a][..], &[0xff; 9], &[1]].concat(), "cut off at byte 0"),
        ("a message longer than the one around it", vec![0x3a, 4, 0x2a, 9, 0, 0], "cut off at byte 2"),
    ] {
        let error = walk(&file, 100).unwrap_err().to_string();
        assert!(error.contains(wanted), "{name}: {error}");
    }
    let mut short = Outline::new("m.onnx", 8);
    assert_eq!(short.wanted().unwrap().unwrap().length_bytes, 8);
    assert!(short.take(&[0; 7]).unwrap_err().to_string().contains("7 bytes came"));
    assert!(Model::read(short).unwrap_err().to_string().contains("not read to its end"));
}

#[test]
fn weights_left_in_the_models_own_file_are_read_when_wanted() {
    let proto = with_weights(vec![weight("a", 4096), weight("b", 8)]);
    let file = proto.encode_to_vec();
    let model = Model::read(walk(&file, 100).unwrap().0).unwrap();
    assert!(model.external_files().is_empty() && model.wanted().next().is_none());
    let eager = Model::parse(&file).unwrap();
    let mut files = BTreeMap::from([("m.onnx".to_owned(), file.as_slice().into())]);
    for (name, constant) in &eager.constants {
        let made = model.constants[name].evaluate(&mut files).unwrap();
        assert_eq!(Some(&made), constant.here(), "{name}");
    }
    assert_eq!(model.constants["a"].here(), None);
    files.insert("m.onnx".to_owned(), file[..1000].into());
    let error = model.with_files(&mut files).unwrap_err().to_string();
    assert!(error.contains("of \"m.onnx\", which has only 1000 bytes"), "{error}");

    let odd = with_weights(vec![TensorProto { dims: vec![3], ..weight("a", 4096) }]).encode_to_vec();
    let error = Model::read(walk(&odd, 100).unwrap().0).unwrap_err().to_string();
    assert!(error.contains("4096 bytes do not fill f32[3], 12 would"), "{error}");
}

#[test]
fn equal_weights_of_several_components_are_known_by_their_contents() {
    let components = ["x", "y"].map(|file| {
        let weights = vec![weight("a", 400), weight("b", 400), weight(file, 800)];
        (file, with_weights(weights).encode_to_vec())
    });
    let mut files: BTreeMap<String, Arc<[u8]>> =
        BTreeMap::from(components.map(|(file, bytes)| (file.to_owned(), bytes.into())));
    let mut models = ["x", "y"].map(|file| {
        let outline = Outline::new(file, files[file].len() as u64).with_large_bytes(100);
        Model::open_outline(outline, &mut files).unwrap()
    });
    assert_ne!(models[0].constants["a"], models[1].constants["a"]);
    assert_eq!(super::super::alike(&models).len(), 6);
    super::super::share(&mut models, &mut files).unwrap();
    let [first, second] = &models;
    assert_eq!(first.constants["a"].digest(), second.constants["a"].digest());
    assert_ne!(first.constants["a"].digest(), second.constants["b"].digest());
    assert_ne!(first.constants["x"].digest(), second.constants["y"].digest());
}
