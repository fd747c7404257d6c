//! The engines ort-webgpu and ort-wasm: onnxruntime-web on the ONNX files as they are, component by component.

use std::collections::BTreeMap;
use std::rc::Rc;

use graph::Tensor;
use graph::pipeline::{Calls, TOKEN};
use protocol::Activity;

use crate::engine::{Inferred, PageContext, Prepared, Ready};
use crate::error::RuntimeError;
use crate::model::{Files, Loaded, OnnxFile, wrong};
use crate::onnxruntime_web::{Extents, Library, Provider, Session};
use crate::placement::Placement;
use crate::timing::Course;

/// A model's components, each open in a session, and which of them is next.
pub(crate) struct ReferenceRuntime {
    name: String,
    calls: Calls,
    library: Rc<Library>,
    sessions: BTreeMap<String, Session>,
    files: Files,
    /// The symbolic dimensions that each component was told.
    told: BTreeMap<String, Extents>,
    notes: Vec<String>,
}

/// Opens a model's ONNX files. Starting the library itself is no part of that, no more than opening a device is
/// for our own engine.
///
/// # Errors
/// No library, no adapter, a file that the library refuses, inputs that fit no component.
pub(crate) async fn prepare(
    provider: Provider,
    loaded: &Loaded,
    files: Files,
    page: PageContext<'_>,
    course: &mut Course,
) -> Result<Prepared<ReferenceRuntime>, RuntimeError> {
    course.turn_to(Activity::Open);
    let name = loaded.manifest.name.clone();
    let calls = Calls::new(&loaded.manifest, &loaded.models, &loaded.inputs);
    let calls = calls.map_err(|source| wrong(&name, source))?;
    let library = Library::get(provider, page).await?;
    course.turn_to(Activity::Compile);
    let (mut sessions, mut told, mut notes) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for (component, file) in &files {
        let settled = calls.settled(component);
        let opened = open(&library, file, settled).await?;
        notes.extend(opened.refusal.map(|refusal| left_out(component, &refusal)));
        sessions.insert(component.clone(), opened.session);
        told.insert(component.clone(), opened.told);
    }
    let (adapter, mut features) = (library.adapter(), features(&library));
    features.insert("free_dimension_overrides".to_owned(), listed(&told));
    let model = ReferenceRuntime { name, calls, library, sessions, files, told, notes };
    Ok(Prepared { model, adapter, features })
}

/// A component that is open.
struct Opened {
    session: Session,
    /// The symbolic dimensions that it was told.
    told: Extents,
    /// Why it was not told more.
    refusal: Option<RuntimeError>,
}

/// Opens a file with what is known of its symbolic dimensions; where the library refuses it so, without, for a model
/// may say one name and mean two extents.
async fn open(library: &Rc<Library>, file: &OnnxFile, settled: Extents) -> Result<Opened, RuntimeError> {
    match Session::open(library, file, &settled).await {
        Ok(session) => Ok(Opened { session, told: settled, refusal: None }),
        Err(refusal @ RuntimeError::ReferenceRuntime { .. }) if !settled.is_empty() && library.is_sound() => {
            let session = Session::open(library, file, &Extents::new()).await?;
            Ok(Opened { session, told: Extents::new(), refusal: Some(refusal) })
        }
        Err(error) => Err(error),
    }
}

fn left_out(component: &str, refusal: &RuntimeError) -> String {
    format!(
        "onnxruntime-web was not told the extents of {component}'s dimensions (freeDimensionOverrides), with which it \
         does not open it: {refusal}"
    )
}

fn listed(told: &BTreeMap<String, Extents>) -> String {
    let extents = told.iter().flat_map(|(component, extents)| {
        extents.iter().map(move |(name, extent)| format!("{component}.{name}={extent}"))
    });
    extents.collect::<Vec<_>>().join(" ")
}

impl Ready for ReferenceRuntime {
    async fn run(
        &mut self,
        program: usize,
        inputs: &BTreeMap<String, Tensor>,
    ) -> Result<Inferred, RuntimeError> {
        let wrong = |source| wrong(&self.name, source);
        for component in self.calls.start(program, inputs.get(TOKEN)).map_err(wrong)? {
            let feeds = self.calls.feeds(&component).map_err(wrong)?;
            if let Some(session) = self.sessions.get(&component) {
                self.calls.keep(&component, session.infer(&feeds).await?).map_err(wrong)?;
            }
        }
        Ok(Inferred {
            outputs: self.calls.outputs().map_err(wrong)?,
            gpu_ms: None,
            dispatches_ms: Vec::new(),
        })
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// Where the nodes ran. It takes a second opening of the model, with the log at its most talkative, which is
    /// why it comes last.
    async fn look_back(&mut self) -> BTreeMap<String, String> {
        self.sessions.clear();
        let mut placement = Placement::default();
        for (component, file) in &self.files {
            let told = self.told.get(component).cloned().unwrap_or_default();
            if let Err(error) = self.library.place(file, &told, &mut placement).await {
                return BTreeMap::from([("nodes_elsewhere".to_owned(), format!("unknown: {error}"))]);
            }
        }
        let elsewhere = placement.elsewhere(self.library.provider.logged_name());
        let operators = elsewhere.iter().map(|(operator, count)| format!("{operator} {count}"));
        let operators = operators.collect::<Vec<_>>().join(", ");
        let features = [
            ("nodes", placement.nodes().to_string()),
            ("nodes_elsewhere", elsewhere.values().sum::<usize>().to_string()),
            ("operators_elsewhere", operators),
        ];
        features.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Returns what shaped the numbers and is not the adapter.
fn features(library: &Library) -> BTreeMap<String, String> {
    let features = [
        ("onnxruntime_web", library.version.clone()),
        ("onnxruntime_web_module", library.provider.module().to_owned()),
        ("wasm_threads", library.threads.to_string()),
        // It refuses to start without.
        ("wasm_simd", true.to_string()),
        ("completion_kick", library.is_kicking().to_string()),
    ];
    features.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
