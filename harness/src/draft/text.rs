//! The text of a plan to start from: models for its purpose, targets that are here, and what else can be varied as comments.
//! Pure.

use std::fmt::Write;

use protocol::{BrowserKind, Manifest, Precision};
use toml::Value;

/// Models that are small and of every kind, for every change.
const CI: [&str; 4] = ["bert-tiny", "vit-tiny", "wav2vec2-tiny", "whisper-tiny"];
/// Families of which a model takes two kinds of inputs.
const MULTIMODAL: [&str; 5] = ["clap", "clip", "llava", "llava-next", "xclip"];
/// What is said of fixtures at full size, which take minutes on a software adapter.
const FULL_SIZE: &str = "computed weights";

/// What a plan is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Purpose {
    /// Every change: few models, few targets.
    Ci,
    /// All that there is.
    Full,
    /// The fixtures of a kind.
    Kind(&'static str),
    /// One model.
    Model {
        /// As a plan names it.
        name: String,
        /// Its `model.toml`.
        manifest: Box<Manifest>,
    },
}

/// What this machine has.
#[derive(Debug, Default)]
pub struct Here {
    /// Installed browsers.
    pub browsers: Vec<(String, BrowserKind)>,
    /// Native targets.
    pub native: Vec<String>,
    /// True if an adapter of theirs is no software.
    pub has_gpu: bool,
    /// What is not here, and how to get it.
    pub missing: Vec<Missing>,
}

/// A browser or engine that is not here.
#[derive(Debug)]
pub struct Missing {
    /// Its name.
    pub name: String,
    /// Why not, and the remedy.
    pub reason: String,
}

impl Purpose {
    /// The kinds of models by which plans are asked for.
    const KINDS: [&str; 4] = ["audio", "vision", "text", "multimodal"];

    /// The purpose that is not a model's.
    pub fn named(name: &str) -> Option<Purpose> {
        match name {
            "ci" => Some(Purpose::Ci),
            "full" => Some(Purpose::Full),
            _ => Purpose::KINDS.into_iter().find(|kind| *kind == name).map(Purpose::Kind),
        }
    }

    fn told(&self) -> String {
        match self {
            Purpose::Ci => "every change: small models of each kind, on what tells most".to_owned(),
            Purpose::Full => "all that there is: every small model, on every target".to_owned(),
            Purpose::Kind(kind) => format!("{kind}: its small models, on every target"),
            Purpose::Model { name, .. } => format!("the model {name:?}, on every target"),
        }
    }

    fn takes(&self, model: &Manifest) -> bool {
        let is_multimodal = MULTIMODAL.contains(&model.family.as_str());
        let is_small = !model.source.contains(FULL_SIZE);
        match self {
            Purpose::Ci => CI.contains(&model.name.as_str()),
            Purpose::Full => is_small,
            Purpose::Kind("multimodal") => is_small && is_multimodal,
            Purpose::Kind("vision") => {
                is_small && !is_multimodal && ["image", "video"].contains(&model.modality.as_str())
            }
            Purpose::Kind(kind) => is_small && !is_multimodal && model.modality == *kind,
            Purpose::Model { .. } => false,
        }
    }
}

/// The plan, as a TOML file.
pub fn write(purpose: &Purpose, here: &Here, fixtures: &[Manifest]) -> String {
    let models: Vec<(String, &Manifest)> = match purpose {
        Purpose::Model { name, manifest } => vec![(name.clone(), manifest)],
        _ => fixtures.iter().filter(|model| purpose.takes(model)).map(|m| (m.name.clone(), m)).collect(),
    };
    let mut text = format!("# A plan to start from, for {}.\n", comment(&purpose.told()));
    let adapter = match here.has_gpu {
        true => "# This machine has a GPU.",
        false => "# No GPU was found here: WebGPU runs on a software adapter, so allow it time.",
    };
    let _ = writeln!(text, "{adapter}\n\nmodels = [");
    for (name, model) in &models {
        let Manifest { family, modality, precision, .. } = model;
        let told = comment(&format!("{modality}, {family}, {precision}"));
        let _ = writeln!(text, "    {}, # {told}", Value::String(name.clone()));
    }
    text.push_str("]\ntargets = [\n");
    for target in targets(purpose, here) {
        let _ = writeln!(text, "    {},", Value::String(target));
    }
    text.push_str("]\n");
    for Missing { name, reason } in &here.missing {
        let _ = writeln!(text, "# Not here: {}", comment(&format!("{name}: {reason}")));
    }
    let (samples, timeout_s) = if here.has_gpu { (30, 120) } else { (20, 300) };
    let _ = writeln!(text, "\nsamples = {samples}\ntimeout_s = {timeout_s}\n");
    text.push_str(&variable(&models));
    text
}

/// What else a plan can vary, to be taken in by removing a `#`.
fn variable(models: &[(String, &Manifest)]) -> String {
    let mut text = "# Each of these may be a list; every combination of them is run.\n".to_owned();
    match models.iter().all(|(_, model)| model.generation.is_some()) {
        true => text
            .push_str("# A model that makes tokens takes one prompt at a time, so batches are not for it.\n"),
        false => text.push_str("# batch = [1, 4]\n"),
    }
    let precisions = Precision::ALL.map(|precision| format!("\"{precision}\""));
    let _ = writeln!(text, "# precision = [{}]", precisions[..2].join(", "));
    text.push_str("# features = [\"\", \"-fusion\", \"-tuned\"]\n");
    if models.iter().any(|(_, model)| model.modality == "text") {
        text.push_str("\n# Names are the model's own; another is refused with those that there are.\n");
        text.push_str("# [dimensions]\n# sequence = [16, 64]\n");
    }
    text
}

fn targets(purpose: &Purpose, here: &Here) -> Vec<String> {
    let in_browser = |(name, kind): &(String, BrowserKind)| {
        let engines: &[&str] = match (purpose, kind) {
            (Purpose::Ci, BrowserKind::Chromium | BrowserKind::Firefox) => &["webgpu"],
            (Purpose::Ci, BrowserKind::Webkit) => &[],
            (_, BrowserKind::Chromium) => &["webgpu", "webnn:cpu", "wasm"],
            (_, BrowserKind::Firefox) => &["webgpu", "wasm"],
            (_, BrowserKind::Webkit) => &["wasm"],
        };
        engines.iter().map(|engine| format!("{engine}@{name}")).collect::<Vec<_>>()
    };
    let native = here.native.iter().filter(|target| *purpose != Purpose::Ci || !target.starts_with("burn:"));
    here.browsers.iter().flat_map(in_browser).chain(native.cloned()).collect()
}

/// A text on one line, as a comment's has to be.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fixtures;

    fn here() -> Here {
        let missing = Missing { name: "edge".to_owned(), reason: "no edge\nfound; install it".to_owned() };
        Here {
            browsers: vec![
                ("chrome".to_owned(), BrowserKind::Chromium),
                ("firefox".to_owned(), BrowserKind::Firefox),
                ("webkit".to_owned(), BrowserKind::Webkit),
            ],
            native: ["wgpu:vulkan", "onnxruntime:cpu", "burn:cpu"].map(str::to_owned).to_vec(),
            has_gpu: false,
            missing: vec![missing],
        }
    }

    #[test]
    fn every_purpose_has_a_plan_that_is_read_back_and_resolves() {
        let fixtures = fixtures();
        let manifest = fixtures.iter().find(|model| model.name == "t5-tiny").unwrap().clone();
        let model = Purpose::Model { name: "t5-tiny".to_owned(), manifest: Box::new(manifest) };
        let named = |name| Purpose::named(name).unwrap();
        for (purpose, models, targets) in [
            (named("ci"), 4, 4),
            (named("full"), 31, 9),
            (named("audio"), 4, 9),
            (named("vision"), 6, 9),
            (named("text"), 14, 9),
            (named("multimodal"), 7, 9),
            (model, 1, 9),
        ] {
            let text = write(&purpose, &here(), &fixtures);
            let plan = crate::plan::tests::resolve(Some(&text), &[]).unwrap();
            assert_eq!((plan.models.len(), plan.targets.len()), (models, targets), "{text}");
            assert!(text.contains("# Not here: edge: no edge found; install it\n"), "{text}");
            // What is commented out is right too.
            let taken = text.replace("\n# [", "\n[").lines().map(uncommented).collect::<Vec<_>>().join("\n");
            let table: toml::Table = taken.parse().unwrap();
            assert!(table.contains_key("precision") && table.contains_key("features"), "{taken}");
        }
    }

    fn uncommented(line: &str) -> &str {
        let rest = line.strip_prefix("# ").unwrap_or(line);
        if rest.contains(" = [") { rest } else { line }
    }

    #[test]
    fn a_models_name_stays_a_text_whatever_is_in_it() {
        let mut fixtures = fixtures();
        fixtures.truncate(1);
        let name = "a\"]\nstrict = true\n#\\b.onnx".to_owned();
        let manifest = Manifest { family: "x\ny = 1".to_owned(), ..fixtures[0].clone() };
        let purpose = Purpose::Model { name: name.clone(), manifest: Box::new(manifest) };
        let table: toml::Table = write(&purpose, &here(), &[]).parse().unwrap();
        assert_eq!(table["models"][0].as_str(), Some(name.as_str()));
        assert!(!table.contains_key("strict") && !table.contains_key("y"));
    }
}
