//! One cell of the matrix and the key under which its history lines up. Pure.

use std::fmt;
use std::sync::Arc;

use protocol::tuning::TunedRows;
use protocol::{AdapterChoice, Feature, Features, Inference, Sampling, Target, Task, tuning};

use crate::digest::digest;
use crate::lane::NoAnswer;
use crate::model::Model;
use crate::model::variant::described;
use crate::plan::{Lost, Plan};
use crate::session::Context;

/// One model on one target, measured one way.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The model.
    pub model: Arc<Model>,
    /// Where it is to run.
    pub target: Target,
    /// The adapter asked for there.
    pub adapter: AdapterChoice,
    /// The optimisations that are on.
    pub features: Features,
    /// How it is measured.
    pub sampling: Sampling,
    /// The settings in effect of its browser, as canonical JSON; none of a native target.
    pub browser_settings: Option<String>,
    /// True if nothing may run elsewhere in its place, not even a part of the model.
    pub strict: bool,
    /// Rows that go before those of the tuning table, where somebody wants them.
    pub tuning: Option<Arc<TunedRows>>,
}

/// The version of the text that [`Case::key`] hashes.
pub const KEY_VERSION: u32 = 3;
/// The state of a session's caches when it opens: its profile is new. Those of drivers outside of profiles are not looked at.
pub const TEMPERATURE: &str = "new-profile";

impl Case {
    /// A stable key: half a SHA-256 over everything that could change what the case means.
    ///
    /// It is not: where files lie, which browser version or driver was found, or the machine; these are facts of a trial, kept
    /// beside it.
    pub fn key(&self) -> String {
        digest(&self.key_text())
    }

    /// The digest of the tuning table that its plan is made by, with the rows that go before it, on an engine that has such
    /// plans.
    pub fn table(&self) -> Option<String> {
        let table = tuning::digest(self.target.engine).filter(|_| self.features.has(Feature::Tuned))?;
        let rows = self.tuning.as_ref().map(|tuned| &tuned.rows).filter(|rows| !rows.is_empty());
        // Rows are numbers and words, which always become JSON.
        let rows = rows.map(|rows| serde_json::to_string(rows).unwrap_or_default());
        Some(rows.map_or(table.to_owned(), |rows| digest(&format!("{table}\n{rows}"))))
    }

    fn key_text(&self) -> String {
        let Sampling { samples, least_ms, warmup_limit } = self.sampling;
        // What samples go on for is new, and nothing else has another key for it.
        let sampled = if least_ms == 0 { String::new() } else { format!("least_ms={least_ms}\n") };
        format!(
            "parallax-case-{KEY_VERSION}\nmodel={}\ntarget={}\nadapter={}\nfeatures={}\ndimensions={}\nprecision={}\nbatch={}\n\
             samples={samples}\nwarmup_limit={warmup_limit}\n{sampled}strict={}\nbrowser={}\ntuning={}\n\
             temperature={TEMPERATURE}\n",
            self.model.digest,
            self.target,
            self.adapter,
            self.features,
            described(&self.model.dimensions),
            self.model.manifest.precision,
            self.model.batch,
            self.strict,
            self.browser_settings.as_deref().unwrap_or_default(),
            self.table().unwrap_or_default(),
        )
    }

    /// Returns what tells it from other cases of its model and target, as tables show it: `batch=4 -tuned`; nothing of a
    /// case of which nothing is varied.
    pub fn variant(&self) -> String {
        let parts = [described(&self.model.dimensions), self.features.to_string()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The task that runs it.
    pub fn task(&self, context: &Context) -> Task {
        let inference = inference(context, &self.target, &self.model, self.sampling);
        let (features, tuning) = (self.features.clone(), self.tuning.as_deref().cloned());
        Task::Infer(Inference { strict: self.strict, features, tuning, ..inference })
    }
}

/// Running a model on a target, all optimisations on, parts of it elsewhere where the target cannot do otherwise.
pub fn inference(context: &Context, target: &Target, model: &Model, sampling: Sampling) -> Inference {
    Inference {
        location: context.location(target, &model.segment(), &model.folder),
        manifest: model.manifest.clone(),
        sampling,
        strict: false,
        features: Features::default(),
        tuning: None,
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, variant) = (&self.model.manifest.name, self.variant());
        let variant = if variant.is_empty() { variant } else { format!(" {variant}") };
        write!(f, "{name}{variant} on {}", self.target)?;
        match &self.adapter {
            AdapterChoice::Default => Ok(()),
            chosen => write!(f, " ({chosen})"),
        }
    }
}

/// The matrix of a plan: every model on every target with every setting of features, models outermost.
pub fn expand(plan: &Plan) -> Vec<Case> {
    matrix(plan, plan.models.iter().cloned(), &cells(plan))
}

/// The matrix of the models that cannot be had, each with the reason.
pub fn lost(plan: &Plan) -> Vec<(Case, NoAnswer)> {
    let absent = |lost: &Lost| Model { dimensions: lost.dimensions.clone(), ..Model::absent(&lost.name) };
    let models = plan.lost.iter().map(|lost| Arc::new(absent(lost)));
    let mut cells = cells(plan);
    // One row for each place, whatever is turned off there.
    cells.dedup_by(|one, other| one.target == other.target && one.adapter == other.adapter);
    let reasons = plan.lost.iter().flat_map(|lost| std::iter::repeat_n(lost.none.clone(), cells.len()));
    matrix(plan, models, &cells).into_iter().zip(reasons).collect()
}

/// Where and how each model runs.
struct Cell<'a> {
    target: &'a Target,
    adapter: AdapterChoice,
    features: Features,
}

/// Every target, on every adapter and with every setting of features asked for, where it has a choice.
fn cells(plan: &Plan) -> Vec<Cell<'_>> {
    let own = [AdapterChoice::Default];
    let mut cells = Vec::new();
    for target in &plan.targets {
        let adapters = if target.engine.chooses_adapter() { &plan.adapters[..] } else { &own };
        for adapter in adapters {
            let settings = plan.axes.features(target.engine).into_iter();
            cells.extend(settings.map(|features| Cell { target, adapter: adapter.clone(), features }));
        }
    }
    cells
}

fn matrix(plan: &Plan, models: impl Iterator<Item = Arc<Model>>, cells: &[Cell<'_>]) -> Vec<Case> {
    let pairs = models.flat_map(|model| cells.iter().map(move |cell| (Arc::clone(&model), cell)));
    let case = |(model, Cell { target, adapter, features }): (Arc<Model>, &Cell<'_>)| Case {
        model,
        target: (*target).clone(),
        adapter: adapter.clone(),
        features: features.clone(),
        sampling: plan.sampling,
        browser_settings: plan.browser_settings(target),
        strict: plan.strict,
        tuning: plan.tunings.rows(target).filter(|_| features.has(Feature::Tuned)).map(Arc::new),
    };
    pairs.map(case).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use protocol::{Component, Manifest};

    use super::*;

    /// A model that is nowhere on disk.
    pub(crate) fn model(name: &str) -> Model {
        Model {
            folder: "/nowhere".into(),
            manifest: Manifest {
                name: name.to_owned(),
                family: "bert".to_owned(),
                modality: "text".to_owned(),
                source: "by hand".to_owned(),
                reference: None,
                precision: protocol::Precision::default(),
                batch: None,
                tolerance_scale: 1.0,
                notes: Vec::new(),
                inputs: "inputs.safetensors".to_owned(),
                expected: "expected.safetensors".to_owned(),
                components: vec![Component {
                    name: "model".to_owned(),
                    file: "model.onnx".to_owned(),
                    from: BTreeMap::new(),
                }],
                generation: None,
                tolerances: BTreeMap::from([(protocol::Precision::Fp32, 1e-4)]),
            },
            digest: format!("digest of {name}"),
            batch: 2,
            dimensions: Default::default(),
        }
    }

    pub(crate) fn case(name: &str, target: &str) -> Case {
        Case {
            model: Arc::new(model(name)),
            target: target.parse().unwrap(),
            adapter: AdapterChoice::default(),
            features: Features::default(),
            sampling: Sampling::default(),
            browser_settings: None,
            strict: false,
            tuning: None,
        }
    }

    #[test]
    fn the_key_follows_what_changes_the_meaning_and_nothing_else() {
        let original = case("m", "webgpu@chrome");
        let changed = |change: fn(&mut Case)| {
            let mut other = original.clone();
            change(&mut other);
            other.key() != original.key()
        };
        type Row = (&'static str, fn(&mut Case), bool);
        let rows: [Row; 13] = [
            ("nothing", |_| {}, false),
            ("the model's folder", |case| Arc::make_mut(&mut case.model).folder = "/other".into(), false),
            ("the model's files", |case| Arc::make_mut(&mut case.model).digest.push('x'), true),
            (
                "an extent",
                |case| {
                    Arc::make_mut(&mut case.model).dimensions.insert("x".to_owned(), 2);
                },
                true,
            ),
            ("the batch", |case| Arc::make_mut(&mut case.model).batch = 1, true),
            ("the target", |case| case.target = "webgpu@firefox".parse().unwrap(), true),
            ("the adapter", |case| case.adapter = AdapterChoice::Lavapipe, true),
            ("a feature", |case| case.features = "-fusion".parse().unwrap(), true),
            ("the samples", |case| case.sampling.samples = 7, true),
            ("the warm-up", |case| case.sampling.warmup_limit = 7, true),
            ("how long it is sampled for", |case| case.sampling.least_ms = 250, true),
            ("whether it is strict", |case| case.strict = true, true),
            ("the browser's flags", |case| case.browser_settings = Some("x".to_owned()), true),
        ];
        for (name, change, expected) in rows {
            assert_eq!(changed(change), expected, "{name}");
        }
    }

    #[test]
    fn a_key_is_the_same_on_every_machine_and_day() {
        // Computed with Python's hashlib over the text that `Case::key` describes.
        assert_eq!(case("m", "wasm@chrome").key(), "1357ca24c7a9a6fa29221aff395b5c57");
    }

    #[test]
    fn the_key_holds_the_tuning_table_where_a_plan_is_made_by_it() {
        for (target, features, table) in [
            ("webgpu@chrome", "", tuning::DIGEST),
            ("wgpu:vulkan", "-fusion", tuning::DIGEST),
            ("wgpu:vulkan", "-tuned", ""),
            ("burn:cpu", "", ""),
        ] {
            let text = Case { features: features.parse().unwrap(), ..case("m", target) }.key_text();
            assert!(text.contains(&format!("\ntuning={table}\n")), "{target}: {text}");
        }
        let with = |rows: &[tuning::Row]| {
            let tuned = TunedRows {
                source: "stored".to_owned(),
                adapter: String::new(),
                browser_version: None,
                required: false,
                rows: rows.to_vec(),
            };
            Case { tuning: Some(Arc::new(tuned)), ..case("m", "webgpu@chrome") }.key()
        };
        let choice = tuning::Choice { variant: tuning::Variant::Alone, tile: [4, 1], lanes: 8, lines: 1 };
        let row = |lanes| tuning::Row {
            family: tuning::Family::Conv,
            class: None,
            software: None,
            implementation: None,
            choice: tuning::Choice { lanes, ..choice },
        };
        assert_eq!(with(&[]), case("m", "webgpu@chrome").key(), "by the table alone");
        assert_ne!(with(&[row(8)]), with(&[]));
        assert_ne!(with(&[row(8)]), with(&[row(16)]));
    }
}
