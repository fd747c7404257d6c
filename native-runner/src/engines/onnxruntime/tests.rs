//! Models that ask something particular of ONNX Runtime's side, with right values from elsewhere.

use std::path::Path;

use protocol::Inference;

use super::*;

/// A folder of `fixtures/cases`, read.
fn case(name: &str) -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases").join(name);
    let manifest = std::fs::read_to_string(folder.join("model.toml")).unwrap();
    let inference = Inference {
        location: folder.to_string_lossy().into_owned(),
        manifest: toml::from_str(&manifest).unwrap(),
        sampling: Sampling::default(),
        strict: false,
        features: Default::default(),
        tuning: None,
    };
    Loaded::read(&inference).unwrap()
}

#[test]
fn an_output_that_is_an_input_outlives_the_run() {
    let loaded = case("input_as_output");
    let mut prepared = prepare(&loaded, Device::Cpu, &mut begin(Sampling::default())).unwrap();
    for _ in 0..3 {
        assert_eq!(prepared.model.run(0, &loaded.inputs).unwrap().outputs, loaded.expected);
    }
}

#[test]
fn types_that_no_value_can_carry_are_lacking_by_name() {
    use ort::value::TensorElementType::{Float8E5M2, Float64, Int2, String};
    environment().unwrap();
    let tensor = Tensor { shape: vec![1], data: graph::Data::F32(vec![1.0].into()) };
    assert!(to_value(&tensor, Some(Float64)).is_ok());
    for (declared, name) in [(Float8E5M2, "f8_e5m2"), (Int2, "i2"), (String, "String")] {
        let error = to_value(&tensor, Some(declared)).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.kind(), protocol::FailureKind::Unsupported, "{error}");
    }
}
