//! Models that ask something particular of ONNX Runtime's side, with right values from elsewhere.

use std::path::Path;

use protocol::{Inference, Sampling};

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
    };
    Loaded::read(&inference).unwrap()
}

#[test]
fn an_output_that_is_an_input_outlives_the_run() {
    let loaded = case("input_as_output");
    let mut prepared = prepare(&loaded, Device::Cpu).unwrap();
    for _ in 0..3 {
        assert_eq!(prepared.model.run(0, &loaded.inputs).unwrap().outputs, loaded.expected);
    }
}
