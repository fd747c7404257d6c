//! Bare files on their way to model folders.

use super::*;

/// A bare file in a folder of its own, with nothing said of it.
fn bare(file: PathBuf, folders: &Path) -> BareModel {
    let origin = "elsewhere.onnx".to_owned();
    BareModel {
        file,
        origin,
        name: "bare".to_owned(),
        folders: folders.to_owned(),
        dimensions: BTreeMap::new(),
    }
}

#[test]
fn the_precision_is_what_a_model_computes_in() {
    for (name, kept) in [
        ("bert-tiny", Precision::Fp32),
        ("bert-tiny-fp16", Precision::Fp16),
        ("bert-tiny-int8", Precision::Int8),
        ("bert-tiny-qdq", Precision::Int8),
        ("bert-tiny-q4", Precision::Q4),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models").join(name).join(FILE);
        let bytes = fs::read(path).unwrap();
        assert_eq!(precision(&bytes, &Model::parse(&bytes).unwrap()), kept, "{name}");
    }
}

#[test]
fn what_cannot_be_completed_is_refused_by_name() {
    let bad = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/bad");
    let folders = std::env::temp_dir().join(format!("parallax-complete-{}", std::process::id()));
    for (file, part) in [
        ("nowhere.onnx", "nowhere.onnx"),
        ("not-onnx/model.onnx", "not an ONNX"),
        ("external-missing/model.onnx", "the weights in weights.bin beside"),
    ] {
        let refused = Source::read(&bare(bad.join(file), &folders)).and_then(|source| source.key("nobody"));
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("model \"bare\"") && message.contains(part), "{file}: {message}");
    }
    assert!(!folders.exists(), "nothing is written");
}

#[test]
fn the_key_follows_the_file_its_weights_and_what_is_asked() {
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/bad/external-good");
    let folder = std::env::temp_dir().join(format!("parallax-key-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for file in ["model.onnx", "weights.bin"] {
        fs::copy(good.join(file), folder.join(file)).unwrap();
    }
    let mut asked = bare(folder.join(FILE), &folder);
    let key = |asked: &BareModel, reference: &str| Source::read(asked).unwrap().key(reference).unwrap();
    let original = key(&asked, "nobody 1");
    assert_eq!(original, key(&asked, "nobody 1"), "the same again");
    assert_ne!(original, key(&asked, "nobody 2"), "another reference");
    asked.dimensions.insert("frames".to_owned(), 3);
    assert_ne!(original, key(&asked, "nobody 1"), "another extent");
    asked.dimensions.clear();
    fs::write(folder.join("weights.bin"), vec![7; 64]).unwrap();
    assert_ne!(original, key(&asked, "nobody 1"), "other weights");
    fs::remove_dir_all(&folder).unwrap();
}
