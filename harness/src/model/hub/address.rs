//! Where a model is on the hub, and which of a repository's files it is made of. Pure.

use protocol::Precision;
use protocol::suggest::did_you_mean;

use crate::error::Error;
use crate::model::bare::stem;
use crate::model::{MANIFEST, ONNX, is_plain_name, precision};

/// The beginning of the names of models from the hub.
const PREFIX: &str = "hf:";
/// Where a repository's files are, unless a revision is named.
const BRANCH: &str = "main";
/// Where exporters put the file of a whole model.
const USUAL: [&str; 2] = ["onnx/model.onnx", "model.onnx"];
/// Names that a message lists at most.
const LISTED: usize = 12;

/// Returns whether a model's name says that it is on the hub.
pub fn is_hub_address(model: &str) -> bool {
    model.starts_with(PREFIX)
}

/// Where a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The name as it was written.
    pub model: String,
    /// `owner/repository`.
    pub repo: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// The file or folder in it; empty where none is named.
    pub path: String,
}

/// The files that a model is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A folder with a `model.toml`: all that is in it. The repository as a whole is the empty one.
    Folder(String),
    /// An ONNX file and the files of weights beside it.
    Onnx(String),
}

impl Address {
    /// Reads `hf:owner/repository[@revision][/path]`.
    ///
    /// # Errors
    /// A name that is written otherwise.
    pub fn parse(model: &str) -> Result<Address, Error> {
        let text = model.strip_prefix(PREFIX).unwrap_or(model);
        let mut parts = text.splitn(3, '/');
        let (owner, named) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (name, revision) = named.split_once('@').unwrap_or((named, BRANCH));
        let path = parts.next();
        let address = Address {
            model: model.to_owned(),
            repo: format!("{owner}/{name}"),
            revision: revision.to_owned(),
            path: path.unwrap_or_default().to_owned(),
        };
        let is_path = |path: &str| path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        match [owner, name, revision].into_iter().all(is_plain_name) && path.is_none_or(is_path) {
            true => Ok(address),
            false => Err(address.error(
                "it is no place on the hub".to_owned(),
                "write hf:owner/repository, perhaps with @revision behind it and then the path of an ONNX file",
            )),
        }
    }

    /// Returns the name to give the model of an ONNX file.
    pub fn name(&self) -> String {
        let revision = Some(self.revision.as_str()).filter(|revision| *revision != BRANCH);
        let file = stem(&self.path).filter(|stem| !stem.is_empty());
        let parts = [Some(self.repo.as_str()), revision, file].into_iter().flatten();
        parts.collect::<Vec<_>>().join("-").replace(|c: char| !crate::model::is_plain(c), "-")
    }

    /// Returns an error that says what is wrong with it, and what to do.
    pub fn error(&self, reason: String, remedy: &str) -> Error {
        Error::Hub { model: self.model.clone(), reason, remedy: remedy.to_owned() }
    }
}

/// The model that an address means among the files of its repository: the export in this precision, where one is asked for.
///
/// # Errors
/// When it is not there, with what is.
pub fn choose(address: &Address, precision: Option<Precision>, files: &[String]) -> Result<Choice, Error> {
    let has = |file: &str| files.iter().any(|known| known == file);
    match (named(address, files)?, precision) {
        (Choice::Onnx(file), Some(precision)) => {
            let export = precision::export(&file, precision, has);
            export.map(Choice::Onnx).ok_or_else(|| unkept(address, precision, &file, files))
        }
        (choice, _) => Ok(choice),
    }
}

/// The model that is named, or the usual one.
fn named(address: &Address, files: &[String]) -> Result<Choice, Error> {
    let has = |file: &str| files.iter().any(|known| known == file);
    let path = address.path.as_str();
    let manifest = if path.is_empty() { MANIFEST.to_owned() } else { format!("{path}/{MANIFEST}") };
    if path.ends_with(ONNX) && has(path) {
        return Ok(Choice::Onnx(path.to_owned()));
    }
    if has(&manifest) {
        return Ok(Choice::Folder(path.to_owned()));
    }
    let usual = USUAL.into_iter().find(|file| path.is_empty() && has(file));
    usual.map(|file| Choice::Onnx(file.to_owned())).ok_or_else(|| missing(address, &manifest, files))
}

/// Says that there is no export in a precision, and in which there are.
fn unkept(address: &Address, precision: Precision, file: &str, files: &[String]) -> Error {
    let has = |file: &str| files.iter().any(|known| known == file);
    let known = Precision::ALL.into_iter().filter_map(|known| precision::export(file, known, has));
    let known = known.collect::<Vec<_>>().join(", ");
    address.error(format!("it has no export of {file} in {precision}"), &format!("there are {known}"))
}

fn missing(address: &Address, manifest: &str, files: &[String]) -> Error {
    let models = || {
        let onnx = |file: &&String| file.ends_with(ONNX);
        let folders = files.iter().filter_map(|file| file.strip_suffix(MANIFEST)?.strip_suffix('/'));
        files.iter().filter(onnx).map(String::as_str).chain(folders)
    };
    let reason = match address.path.as_str() {
        "" => format!("the repository has no {}, {} or {manifest}", USUAL[0], USUAL[1]),
        path if path.ends_with(ONNX) => {
            format!("the repository has no {path}{}", did_you_mean(path, models()))
        }
        path => format!("the repository has no {manifest}{}", did_you_mean(path, models())),
    };
    let mut listed: Vec<&str> = models().take(LISTED).collect();
    if models().nth(LISTED).is_some() {
        listed.push("…");
    }
    match listed.is_empty() {
        true => address.error(reason, "name another: it holds no model in ONNX's format"),
        false => {
            address.error(reason, &format!("name one that is there, behind a slash: {}", listed.join(", ")))
        }
    }
}

impl Choice {
    /// The files that it is made of, the ONNX file itself first. Which files hold weights only the ONNX file says: taken
    /// are those whose names begin with its own, as in `model.onnx_data`.
    pub fn files<'a>(&self, files: &'a [String]) -> Vec<&'a str> {
        let all = files.iter().map(String::as_str);
        match self {
            Choice::Onnx(onnx) => {
                let mut chosen: Vec<&str> = all.filter(|file| file.starts_with(onnx)).collect();
                chosen.sort_unstable();
                chosen
            }
            Choice::Folder(folder) => {
                let inside = if folder.is_empty() { String::new() } else { format!("{folder}/") };
                let shown = |file: &&str| !file.split('/').any(|part| part.starts_with('.'));
                all.filter(|file| file.starts_with(&inside)).filter(shown).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_name_is_owner_repository_revision_and_path() {
        for (model, repo, revision, path, name) in [
            ("hf:a/b", "a/b", "main", "", "a-b"),
            ("hf:Xenova/all-MiniLM-L6-v2", "Xenova/all-MiniLM-L6-v2", "main", "", "Xenova-all-MiniLM-L6-v2"),
            ("hf:a/b@v1.0", "a/b", "v1.0", "", "a-b-v1.0"),
            ("hf:a/b/onnx/model.onnx", "a/b", "main", "onnx/model.onnx", "a-b"),
            ("hf:a/b@dev/onnx/q 4.onnx", "a/b", "dev", "onnx/q 4.onnx", "a-b-dev-q-4"),
            ("hf:a/b/tiny", "a/b", "main", "tiny", "a-b-tiny"),
        ] {
            let address = Address::parse(model).unwrap();
            assert_eq!(
                (&*address.repo, &*address.revision, &*address.path),
                (repo, revision, path),
                "{model}"
            );
            assert_eq!(address.name(), name, "{model}");
            assert!(is_plain_name(&address.name()), "{model}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for model in [
            "hf:",
            "hf:a",
            "hf:/b",
            "hf:a/",
            "hf:a/@main",
            "hf:a/b@",
            "hf:a/b@x@y",
            "hf:a/b/",
            "hf:a/b//model.onnx",
            "hf:../b",
            "hf:a/..",
            "hf:a/b@..",
            "hf:a/b/../c.onnx",
            "hf:a b/c",
            "hf:a/b?x",
            "hf:a/b@ä",
        ] {
            let message = Address::parse(model).unwrap_err().to_string();
            assert!(message.contains(&format!("\"{model}\"")), "{message}");
            assert!(message.contains("write hf:owner/repository"), "{message}");
        }
    }

    #[test]
    fn a_repository_is_a_folder_or_an_onnx_file() {
        let folder =
            ["model.toml", "model.onnx", "w.bin", ".gitattributes", "tiny/model.toml", "tiny/a/x.onnx"];
        let bare =
            ["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx_data_1", "onnx/model_q4.onnx", "c"];
        let old = ["model.onnx", "model.onnx.data", "README.md"];
        for (model, holds, expected) in [
            (
                "hf:a/b",
                &folder[..],
                &["model.toml", "model.onnx", "w.bin", "tiny/model.toml", "tiny/a/x.onnx"][..],
            ),
            ("hf:a/b/tiny", &folder, &["tiny/model.toml", "tiny/a/x.onnx"]),
            ("hf:a/b/tiny/a/x.onnx", &folder, &["tiny/a/x.onnx"]),
            ("hf:a/b", &bare, &["onnx/model.onnx", "onnx/model.onnx_data", "onnx/model.onnx_data_1"]),
            ("hf:a/b/onnx/model_q4.onnx", &bare, &["onnx/model_q4.onnx"]),
            ("hf:a/b", &old, &["model.onnx", "model.onnx.data"]),
        ] {
            let holds = files(holds);
            let choice = choose(&Address::parse(model).unwrap(), None, &holds).unwrap();
            assert_eq!(choice.files(&holds), expected, "{model}");
        }
    }

    #[test]
    fn a_precision_is_an_export_beside_the_one_that_is_named() {
        let holds = files(&["onnx/model.onnx", "onnx/model_fp16.onnx", "onnx/model_quantized.onnx"]);
        let chosen = |model: &str, precision| {
            let address = Address::parse(model).unwrap();
            choose(&address, Some(precision), &holds).map_err(|error| error.to_string())
        };
        for (model, precision, expected) in [
            ("hf:a/b", Precision::Fp32, "onnx/model.onnx"),
            ("hf:a/b", Precision::Fp16, "onnx/model_fp16.onnx"),
            ("hf:a/b/onnx/model_fp16.onnx", Precision::Int8, "onnx/model_quantized.onnx"),
        ] {
            assert_eq!(
                chosen(model, precision),
                Ok(Choice::Onnx(expected.to_owned())),
                "{model} {precision}"
            );
        }
        let message = chosen("hf:a/b", Precision::Q4).unwrap_err();
        assert!(
            message.contains(
                "no export of onnx/model.onnx in q4; there are onnx/model.onnx, onnx/model_fp16.onnx"
            ),
            "{message}"
        );
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        let some = ["onnx/encoder_model.onnx", "tiny/model.toml", "config.json"];
        let many: Vec<String> = (0..20).map(|number| format!("{number:02}.onnx")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for (model, holds, parts) in [
            (
                "hf:a/b",
                &some[..],
                &["no onnx/model.onnx, model.onnx or model.toml", "encoder_model.onnx, tiny"][..],
            ),
            ("hf:a/b/onnx/encodr_model.onnx", &some, &["did you mean \"onnx/encoder_model.onnx\""]),
            ("hf:a/b/tny", &some, &["no tny/model.toml", "did you mean \"tiny\""]),
            ("hf:a/b/config.json", &some, &["no config.json/model.toml"]),
            ("hf:a/b", &["model.safetensors"], &["it holds no model in ONNX's format"]),
            ("hf:a/b", &many, &["11.onnx, …"]),
        ] {
            let message =
                choose(&Address::parse(model).unwrap(), None, &files(holds)).unwrap_err().to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{model}: {message}");
        }
    }
}
