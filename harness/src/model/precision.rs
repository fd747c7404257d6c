//! A model's exports by what their numbers are kept as: which of the files and folders beside each other is asked for. Pure,
//! but for looking what is there.

use std::path::{Path, PathBuf};

use protocol::Precision;

use super::{MANIFEST, Model, ONNX};
use crate::error::Error;

/// The endings by which exporters tell precisions apart, before a file's `.onnx` or behind a folder's name, the customary
/// ones first: `model_fp16.onnx`, `bert-tiny-fp16`.
const ENDINGS: [(Precision, &[&str]); 4] = [
    (Precision::Fp32, &[""]),
    (Precision::Fp16, &["fp16"]),
    (Precision::Int8, &["int8", "quantized", "qdq"]),
    (Precision::Q4, &["q4", "q4-offset"]),
];

/// The names that a model may have in a precision, whatever precision it is named for.
fn names(name: &str, precision: Precision, separator: char) -> impl Iterator<Item = String> + use<> {
    let endings = ENDINGS.iter().flat_map(|(_, endings)| endings.iter()).filter(|ending| !ending.is_empty());
    let bases = endings.filter_map(|ending| name.strip_suffix(&format!("{separator}{ending}")));
    // The longest ending: what is left is the shortest.
    let base = bases.min_by_key(|base| base.len()).unwrap_or(name).to_owned();
    let asked = ENDINGS.iter().find(|(known, _)| *known == precision).map_or(&[][..], |(_, endings)| endings);
    asked.iter().map(move |ending| match *ending {
        "" => base.clone(),
        ending => format!("{base}{separator}{ending}"),
    })
}

/// The export of an ONNX file in a precision among the files that there are: the one beside it that is called so.
pub fn export(file: &str, precision: Precision, has: impl Fn(&str) -> bool) -> Option<String> {
    let stem = file.strip_suffix(ONNX)?;
    names(stem, precision, '_').map(|name| name + ONNX).find(|name| has(name))
}

/// The file on disk that is the export in a precision; the file itself where there is none that is called so, whose weights
/// then have to be kept so.
pub fn file(path: &Path, precision: Precision) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let export = export(&name, precision, |name| path.with_file_name(name).is_file());
    export.map_or_else(|| path.to_owned(), |name| path.with_file_name(name))
}

/// The model in a precision: itself, or the one of its family in the folder beside it that is called so.
///
/// # Errors
/// When there is none, with the precisions that there are.
pub fn folder(model: Model, precision: Precision) -> Result<Model, Error> {
    if model.manifest.precision == precision {
        return Ok(model);
    }
    let beside = model.folder.parent().map(Path::to_owned).unwrap_or_default();
    let name = model.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let read = |name: &str| {
        let sibling = Some(beside.join(name)).filter(|folder| folder.join(MANIFEST).is_file());
        let sibling = sibling.and_then(|folder| Model::read(&folder).ok());
        sibling.filter(|sibling| sibling.manifest.family == model.manifest.family)
    };
    let find = |precision| {
        let mut siblings = names(&name, precision, '-').filter_map(|name| read(&name));
        siblings.find(|sibling| sibling.manifest.precision == precision)
    };
    match find(precision) {
        Some(sibling) => Ok(sibling),
        None => {
            let known = Precision::ALL.into_iter().filter(|known| find(*known).is_some());
            let known: Vec<&str> = known.map(Precision::name).collect();
            Err(none(&model, precision, &known))
        }
    }
}

/// Holds a completed file to the precision asked for.
///
/// # Errors
/// When its weights are kept otherwise.
pub fn check(model: Model, precision: Option<Precision>) -> Result<Model, Error> {
    match precision.filter(|asked| *asked != model.manifest.precision) {
        Some(asked) => Err(none(&model, asked, &[model.manifest.precision.name()])),
        None => Ok(model),
    }
}

fn none(model: &Model, precision: Precision, known: &[&str]) -> Error {
    let known = match known {
        [] => model.manifest.precision.name().to_owned(),
        known => known.join(", "),
    };
    Error::NoPrecision { model: model.manifest.name.clone(), precision, known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_called_as_the_hubs_are() {
        let files =
            ["onnx/model.onnx", "onnx/model_fp16.onnx", "onnx/model_quantized.onnx", "text_model_q4.onnx"];
        let has = |name: &str| files.contains(&name);
        for (file, precision, expected) in [
            ("onnx/model.onnx", Precision::Fp32, Some("onnx/model.onnx")),
            ("onnx/model.onnx", Precision::Fp16, Some("onnx/model_fp16.onnx")),
            ("onnx/model.onnx", Precision::Int8, Some("onnx/model_quantized.onnx")),
            ("onnx/model.onnx", Precision::Q4, None),
            ("onnx/model_fp16.onnx", Precision::Fp32, Some("onnx/model.onnx")),
            ("text_model.onnx", Precision::Q4, Some("text_model_q4.onnx")),
            ("model", Precision::Fp16, None),
        ] {
            assert_eq!(export(file, precision, has).as_deref(), expected, "{file} {precision}");
        }
    }

    #[test]
    fn folders_are_found_beside_each_other() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models");
        let found = |name: &str, precision| {
            let found = folder(Model::read(&fixtures.join(name)).unwrap(), precision);
            found.map(|model| model.manifest.name).map_err(|error| error.to_string())
        };
        for (name, precision, expected) in [
            ("bert-tiny", Precision::Fp32, "bert-tiny"),
            ("bert-tiny", Precision::Fp16, "bert-tiny-fp16"),
            ("bert-tiny", Precision::Int8, "bert-tiny-int8"),
            ("bert-tiny-q4-offset", Precision::Fp32, "bert-tiny"),
            ("bert-tiny-q4-offset", Precision::Q4, "bert-tiny-q4-offset"),
            ("llama-tiny-qdq", Precision::Q4, "llama-tiny-q4"),
        ] {
            assert_eq!(found(name, precision), Ok(expected.to_owned()), "{name} {precision}");
        }
        let message = found("t5-tiny", Precision::Fp16).unwrap_err();
        assert!(message.contains("\"t5-tiny\" is not kept in fp16 here, only in fp32"), "{message}");
    }
}
