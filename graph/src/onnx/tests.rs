//! Models made field by field: what is read, what is refused, and bytes gone wrong at random.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::proto::*;
use super::*;
use crate::constant::NoFiles;
use crate::tensor::Tensor;
use crate::{Feed, specialise};

fn input(name: &str) -> ValueInfo {
    let dim = [Extent::Symbol("batch".into()), Extent::Fixed(2)];
    let dim = dim.into_iter().map(|extent| DimensionProto { value: Some(extent) }).collect();
    let tensor_type = TensorTypeProto { elem_type: 1, shape: Some(ShapeProto { dim }) };
    ValueInfo {
        name: name.into(),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type), ..TypeProto::default() }),
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("make {output}"),
        op_type: operator.into(),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

pub(super) fn small_proto() -> ModelProto {
    let graph = GraphProto {
        node: vec![node("Add", &["a", "b"], "sum"), node("Relu", &["sum"], "y")],
        input: vec![input("a"), input("b")],
        output: vec![ValueInfo { name: "y".into(), r#type: None }],
        ..GraphProto::default()
    };
    ModelProto {
        graph: Some(graph),
        opset_import: vec![OperatorSetId { domain: String::new(), version: 18 }],
    }
}

/// `y = Reshape(x, double)` where `double = shape + shape`, and a shape of any length.
pub(crate) fn reshape_model() -> Model {
    let shape = TensorTypeProto { elem_type: 7, shape: None };
    let shape = ValueInfo {
        name: "shape".into(),
        r#type: Some(TypeProto { tensor_type: Some(shape), ..TypeProto::default() }),
    };
    let mut proto = small_proto();
    let graph = proto.graph.as_mut().unwrap();
    graph.node = vec![node("Add", &["shape", "shape"], "double"), node("Reshape", &["x", "double"], "y")];
    graph.input = vec![input("x"), shape];
    Model::parse(&proto.encode_to_vec()).unwrap()
}

/// `y = Relu(a + b)` with a dimension left open.
pub(crate) fn small_model() -> Model {
    Model::parse(&small_proto().encode_to_vec()).unwrap()
}

fn weight() -> TensorProto {
    TensorProto { name: "w".into(), dims: vec![2], data_type: 1, ..TensorProto::default() }
}

fn with_weight(weight: TensorProto) -> Result<Model, Error> {
    let mut proto = small_proto();
    proto.graph.as_mut().unwrap().initializer.push(weight);
    Model::parse(&proto.encode_to_vec())
}

#[test]
fn operators_are_named_even_where_nobody_knows_them() {
    for (domain, expected) in [
        ("", ["Add", "Relu"]),
        ("ai.onnx", ["Add", "Relu"]),
        ("ai.onnx.ml", ["ai.onnx.ml.Add", "ai.onnx.ml.Relu"]),
    ] {
        let mut proto = small_proto();
        let graph = proto.graph.as_mut().unwrap();
        graph.node.push(graph.node[0].clone());
        graph.node.iter_mut().for_each(|node| node.domain = domain.into());
        let named = Model::operators_in(&proto.encode_to_vec());
        assert_eq!(named, BTreeSet::from(expected.map(str::to_owned)), "{domain}");
    }
    assert!(Model::operators_in(b"letter").is_empty());
}

#[test]
fn tensors_are_read_from_every_field() {
    let typed = |data_type, fill: fn(&mut TensorProto)| {
        let mut proto = TensorProto { data_type, ..weight() };
        fill(&mut proto);
        proto
    };
    let cases = [
        ("float_data", typed(1, |proto| proto.float_data = vec![1.5, 2.0]), "f32[2] = 1.5 2"),
        ("int64_data", typed(7, |proto| proto.int64_data = vec![-1, 2]), "i64[2] = -1 2"),
        ("int32_data", typed(6, |proto| proto.int32_data = vec![-1, 2]), "i32[2] = -1 2"),
        ("u8 in int32_data", typed(2, |proto| proto.int32_data = vec![255, 2]), "u8[2] = 255 2"),
        ("i8 in int32_data", typed(3, |proto| proto.int32_data = vec![-1, 2]), "i8[2] = -1 2"),
        ("bool in int32_data", typed(9, |proto| proto.int32_data = vec![0, 1]), "bool[2] = 0 1"),
        (
            "raw f32",
            typed(1, |proto| proto.raw_data = vec![0, 0, 0xc0, 0x3f, 0, 0, 0, 0x40].into()),
            "f32[2] = 1.5 2",
        ),
        ("raw bool", typed(9, |proto| proto.raw_data = vec![0, 1].into()), "bool[2] = 0 1"),
        ("double_data", typed(11, |proto| proto.double_data = vec![1.5, 2.0]), "f32[2] = 1.5 2"),
        (
            "u32 in uint64_data",
            typed(12, |proto| proto.uint64_data = vec![7, 4294967295]),
            "i64[2] = 7 4294967295",
        ),
        ("bf16 in int32_data", typed(16, |proto| proto.int32_data = vec![0x3f80, 0xc000]), "f32[2] = 1 -2"),
        ("u4 in int32_data", typed(21, |proto| proto.int32_data = vec![0x2f]), "u8[2] = 15 2"),
        ("raw i4", typed(22, |proto| proto.raw_data = vec![0x2f].into()), "i8[2] = -1 2"),
    ];
    for (name, proto, expected) in cases {
        let model = with_weight(proto).unwrap();
        assert_eq!(model.constants["w"], Constant::Here(crate::text::tensor(expected).unwrap()), "{name}");
    }
}

#[test]
fn broken_models_are_refused() {
    let model = |change: fn(&mut ModelProto)| {
        let mut proto = small_proto();
        change(&mut proto);
        Model::parse(&proto.encode_to_vec())
    };
    let cases = [
        ("text", Model::parse(b"hello, world"), "cannot be decoded as protobuf"),
        ("nothing", Model::parse(b""), "it holds no graph"),
        ("no operator set", model(|proto| proto.opset_import.clear()), "names no operator set"),
        ("no nodes", model(|proto| proto.graph.as_mut().unwrap().node.clear()), "has no nodes"),
        ("no outputs", model(|proto| proto.graph.as_mut().unwrap().output.clear()), "has no outputs"),
        (
            "untyped input",
            model(|proto| proto.graph.as_mut().unwrap().input[0].r#type = None),
            "input \"a\" is not declared",
        ),
        (
            "too few elements",
            with_weight(TensorProto { float_data: vec![1.0], ..weight() }),
            "tensor \"w\": 1 elements",
        ),
        (
            "half a number",
            with_weight(TensorProto { raw_data: vec![0; 7].into(), ..weight() }),
            "no whole number of f32",
        ),
        ("negative extent", with_weight(TensorProto { dims: vec![-2], ..weight() }), "its shape is [-2]"),
    ];
    for (name, outcome, wanted) in cases {
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains(wanted), "{name}: {error}");
        assert_eq!(error.is_unsupported(), name == "double precision", "{name}");
    }
}

fn external(entries: &[(&str, &str)]) -> TensorProto {
    let entry = |(key, value): &(&str, &str)| StringEntry { key: key.to_string(), value: value.to_string() };
    TensorProto { data_location: 1, external_data: entries.iter().map(entry).collect(), ..weight() }
}

#[test]
fn external_data_is_cut_out_of_its_file() {
    let model = with_weight(external(&[("location", "w.bin"), ("offset", "4"), ("length", "8")])).unwrap();
    assert_eq!(model.external_files().into_iter().collect::<Vec<_>>(), ["w.bin"]);
    let file = |bytes: &[u8]| BTreeMap::from([("w.bin".to_owned(), Arc::from(bytes))]);
    let sound = model.clone().with_files(&mut file(&[9, 9, 9, 9, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40])).unwrap();
    assert_eq!(sound.constants["w"], Constant::Here(Tensor::vector(vec![1.0f32, 2.0])));
    let feed = Feed::Type(crate::text::tensor_type("f32[1,2]").unwrap());
    let inputs = sound.inputs.iter().map(|input| (input.name.clone(), feed.clone()));
    let inputs: BTreeMap<_, _> = inputs.collect();
    let cases = [
        (
            "short",
            model.clone().with_files(&mut file(&[0; 11])).map(|_| ()),
            "needs 8 bytes from byte 4 of \"w.bin\", which has only 11",
        ),
        ("missing", model.clone().with_files(&mut NoFiles).map(|_| ()), "of \"w.bin\", which was not found"),
        ("not handed over", specialise(&model, &inputs).map(|_| ()), "of \"w.bin\", which was not found"),
        (
            "outside",
            with_weight(external(&[("location", "../w.bin")])).map(|_| ()),
            "not a path inside the model's folder",
        ),
        ("no location", with_weight(external(&[])).map(|_| ()), "not a path inside the model's folder"),
        (
            "length",
            with_weight(external(&[("location", "w"), ("length", "4")])).map(|_| ()),
            "4 external bytes do not fill f32[2]",
        ),
        (
            "offset",
            with_weight(external(&[("location", "w"), ("offset", "x")])).map(|_| ()),
            "external offset is \"x\"",
        ),
    ];
    for (name, outcome, wanted) in cases {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(wanted), "{name}: {error}");
    }
}

#[test]
fn computed_weights_need_no_file_and_make_one() {
    let recipe = |entries: &[(&str, &str)], place: &[(&str, &str)]| {
        let metadata_props = external(entries).external_data;
        with_weight(TensorProto {
            metadata_props,
            ..external(&[&[("location", "w.seeded")], place].concat())
        })
    };
    let sound = [("seed", "42"), ("mean", "0.5"), ("deviation", "0.25")];
    let model = recipe(&sound, &[("offset", "0"), ("length", "8")]).unwrap();
    // From `Recipe(42, 0.5, 0.25).array((2,))` in fixtures/seeded.py.
    let expected = Tensor::vector(vec![0.709_201_34f32, 0.205_473_75]);
    assert_eq!(model.constants["w"].here(), Some(&expected));
    assert_eq!(model.external_files().len(), 0);
    let files = model.computed_files().unwrap();
    let (place, constant) = &files["w.seeded"].weights[0];
    assert_eq!((files["w.seeded"].size_bytes, *place), (8, 0));
    assert_eq!(constant.evaluate(&mut NoFiles).unwrap(), expected);
    let far = recipe(&sound, &[("offset", "1")]).unwrap();
    let cases = [
        ("place", far.computed_files().map(|_| ()), "byte 1 is no place for it in the 8 computed bytes"),
        ("seed", recipe(&[("seed", "-1")], &[]).map(|_| ()), "its recipe's seed is \"-1\", no number"),
        ("mean", recipe(&[sound[0], ("mean", "inf")], &[]).map(|_| ()), "its recipe's mean is \"inf\""),
        ("deviation", recipe(&sound[..2], &[]).map(|_| ()), "its recipe's deviation is \"\""),
        (
            "order",
            recipe(&[&sound[..], &[("order", "column-major")]].concat(), &[]).map(|_| ()),
            "its recipe's order is \"column-major\", which f32[2] has not",
        ),
    ];
    for (name, outcome, wanted) in cases {
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains(wanted), "{name}: {error}");
    }
    let too_large = TensorProto { dims: vec![1 << 40], ..external(&[("location", "w.seeded")]) };
    let too_large = TensorProto { metadata_props: external(&sound).external_data, ..too_large };
    assert!(with_weight(too_large).unwrap_err().to_string().contains("only f32 of up to"));
}

/// A graph of many kinds of nodes, so that changed bytes have something to break.
fn varied_proto() -> ModelProto {
    let mut proto = small_proto();
    let ints = |name: &str, ints: &[i64]| AttributeProto {
        name: name.into(),
        ints: ints.to_vec(),
        kind: 7,
        ..AttributeProto::default()
    };
    let int =
        |name: &str, i: i64| AttributeProto { name: name.into(), i, kind: 2, ..AttributeProto::default() };
    let with = |mut node: NodeProto, attributes: Vec<AttributeProto>| {
        node.attribute = attributes;
        node
    };
    let numbers = |name: &str, numbers: &[i64]| TensorProto {
        name: name.into(),
        dims: vec![numbers.len() as i64],
        data_type: 7,
        int64_data: numbers.to_vec(),
        ..TensorProto::default()
    };
    let graph = proto.graph.as_mut().unwrap();
    graph.initializer = vec![
        TensorProto { float_data: vec![1.0; 8], dims: vec![2, 4], ..weight() },
        TensorProto { name: "k".into(), dims: vec![1, 1, 2], float_data: vec![1.0; 2], ..weight() },
        numbers("shape", &[1, 1, -1]),
        numbers("one", &[1]),
        numbers("zero", &[0]),
    ];
    graph.node = vec![
        node("Add", &["a", "b"], "sum"),
        node("MatMul", &["sum", "w"], "product"),
        node("Reshape", &["product", "shape"], "row"),
        with(
            node("Conv", &["row", "k"], "conv"),
            vec![ints("pads", &[1, 1]), ints("strides", &[2]), int("group", 1)],
        ),
        with(node("Transpose", &["conv"], "turned"), vec![ints("perm", &[2, 0, 1])]),
        node("Slice", &["turned", "zero", "one", "zero", "one"], "cut"),
        node("Shape", &["cut"], "extents"),
        node("ConstantOfShape", &["extents"], "zeros"),
        node("Expand", &["cut", "extents"], "grown"),
        with(node("Gather", &["grown", "zero"], "picked"), vec![int("axis", 0)]),
        with(node("Concat", &["picked", "zeros"], "joined"), vec![int("axis", 0)]),
        with(node("Softmax", &["joined"], "weights"), vec![int("axis", -1)]),
        with(node("ReduceSum", &["weights", "one"], "reduced"), vec![int("keepdims", 1)]),
        node("Unsqueeze", &["reduced", "zero"], "y"),
    ];
    proto
}

/// xorshift64: any sequence will do, the same in every run.
fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as usize
}

#[test]
fn changed_bytes_never_panic() {
    let sound = varied_proto().encode_to_vec();
    let feed = Feed::Type(crate::text::tensor_type("f32[3,2]").unwrap());
    let types = ["a", "b"].map(|name| (name.to_owned(), feed.clone()));
    let types = BTreeMap::from(types);
    assert!(Model::parse(&sound).and_then(|model| specialise(&model, &types)).is_ok());
    let mut state = 20;
    let (mut read, mut specialised) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = sound.clone();
        for _ in 0..=random(&mut state) % 3 {
            let at = random(&mut state) % bytes.len();
            match random(&mut state) % 4 {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = random(&mut state) as u8,
                2 => bytes[at] ^= 1 << (random(&mut state) % 8),
                _ => drop(bytes.remove(at)),
            }
            bytes.resize(bytes.len().max(1), 0);
        }
        if let Ok(model) = Model::parse(&bytes) {
            read += 1;
            specialised += usize::from(specialise(&model, &types).map(crate::optimise).is_ok());
        }
    }
    assert!(
        read > 1000 && specialised > 100,
        "{read} read, {specialised} specialised: the bytes change too much"
    );
}
