//! Goes through a batch of the ONNX project's node tests on one engine: what goes wrong with a test ends that test
//! and no other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use graph::node_test::NodeTest;
use graph::onnx::Model;
use protocol::{
    Component, Conformance, ConformanceReport, Failure, Features, Manifest, NodeTestEnd, NodeTestReport,
    Sampling,
};

use crate::course::{begin, elapsed_ms};
use crate::engines::{Chosen, Prepare, Prepared};
use crate::error::RunnerError;
use crate::model::Loaded;

/// The file of a test's model.
const FILE: &str = "model.onnx";
/// The name of the one component of a test.
const COMPONENT: &str = "model";

/// Runs every test asked for.
///
/// # Errors
/// When what the engine needs is not here.
pub fn run(chosen: &Chosen, asked: &Conformance) -> Result<ConformanceReport, RunnerError> {
    let Chosen { entry, device, .. } = *chosen;
    let adapter = (entry.detect)(device)?.adapter;
    let mut batch = Batch { chosen, asked, phases_ms: BTreeMap::new() };
    let tests = asked.tests.iter().map(|test| batch.report(test)).collect();
    let operators = match entry.prepare {
        Prepare::Graphs(_) => graph::operators().collect(),
        Prepare::Files { .. } => Vec::new(),
    };
    let refused = BTreeMap::new();
    let (engine, device) = (entry.engine, Some(device));
    Ok(ConformanceReport { engine, device, adapter, tests, refused, operators, phases_ms: batch.phases_ms })
}

struct Batch<'a> {
    chosen: &'a Chosen,
    asked: &'a Conformance,
    phases_ms: BTreeMap<String, f64>,
}

impl Batch<'_> {
    fn report(&mut self, test: &str) -> NodeTestReport {
        let start = Instant::now();
        let ended = match self.faults(test) {
            Ok(faults) => NodeTestEnd::Ran { faults },
            Err(error) => NodeTestEnd::Failed(Failure { kind: error.kind(), message: error.to_string() }),
        };
        let wall_ms = elapsed_ms(start);
        // A model that cannot be read has no operators, and the test has said so.
        let model = std::fs::read(self.folder(test).join(FILE)).unwrap_or_default();
        let operators = Model::operators_in(&model).into_iter().collect();
        NodeTestReport { test: test.to_owned(), operators, wall_ms, ended }
    }

    fn folder(&self, test: &str) -> PathBuf {
        Path::new(&self.asked.location).join(test)
    }

    /// Returns what is wrong with the test's outputs.
    fn faults(&mut self, test: &str) -> Result<Vec<String>, RunnerError> {
        let folder = self.folder(test);
        let read = self.timed("read", |_| read(&folder, test))?;
        let mut prepared = self.prepare(test, &read)?;
        let ran = self.timed("run", |_| prepared.model.run(0, &read.inputs))?;
        Ok(read.faults(&ran.outputs, self.asked.tolerance))
    }

    fn prepare(&mut self, test: &str, read: &NodeTest) -> Result<Prepared, RunnerError> {
        let (loaded, mut course) = (loaded(test, self.folder(test), read), begin(Sampling::default()));
        match self.chosen.entry.prepare {
            Prepare::Graphs(prepare) => {
                let pipeline = self.timed("specialise", |_| read.pipeline());
                let pipeline = pipeline.map_err(|source| refused(test, source))?;
                self.timed("prepare", |batch| prepare(&loaded, &pipeline, batch.chosen, &mut course))
            }
            Prepare::Files { prepare, .. } => {
                self.timed("prepare", |batch| prepare(&loaded, batch.chosen.device, &mut course))
            }
        }
    }

    fn timed<T>(&mut self, phase: &str, work: impl FnOnce(&Self) -> T) -> T {
        let start = Instant::now();
        let done = work(self);
        *self.phases_ms.entry(phase.to_owned()).or_default() += elapsed_ms(start);
        done
    }
}

fn read(folder: &Path, test: &str) -> Result<NodeTest, RunnerError> {
    let read = |file: &str| {
        let named = |source| RunnerError::Read { model: test.to_owned(), file: file.to_owned(), source };
        std::fs::read(folder.join(file)).map_err(named)
    };
    let data = |kind: &str| -> Result<Vec<_>, _> {
        let files = (0..).map(|number| format!("test_data_set_0/{kind}_{number}.pb"));
        files.take_while(|file| folder.join(file).is_file()).map(|file| read(&file)).collect()
    };
    NodeTest::read(&read(FILE)?, &data("input")?, &data("output")?).map_err(|source| refused(test, source))
}

/// A test as a model folder with one component.
fn loaded(test: &str, folder: PathBuf, read: &NodeTest) -> Loaded {
    let component = Component { name: COMPONENT.to_owned(), file: FILE.to_owned(), from: BTreeMap::new() };
    let manifest = Manifest {
        name: test.to_owned(),
        family: "node test".to_owned(),
        modality: "tensors".to_owned(),
        source: "the ONNX project".to_owned(),
        reference: None,
        precision: protocol::Precision::default(),
        batch: None,
        tolerance_scale: 1.0,
        notes: Vec::new(),
        inputs: String::new(),
        expected: String::new(),
        components: vec![component],
        generation: None,
        tolerances: BTreeMap::new(),
    };
    let models = BTreeMap::from([(COMPONENT.to_owned(), read.model.clone())]);
    Loaded {
        manifest,
        folder,
        models,
        inputs: read.inputs.clone(),
        expected: read.expected.clone(),
        decoding: None,
        features: Features::default(),
        tuning: None,
    }
}

fn refused(test: &str, source: graph::Error) -> RunnerError {
    RunnerError::Graph { model: test.to_owned(), source: Box::new(source) }
}
