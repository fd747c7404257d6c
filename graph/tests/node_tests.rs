//! The ONNX project's own node tests, computed by the reference: none may fail, and most have to be read.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use graph::node_test::NodeTest;
use graph::{DataType, Error, Feed, Tensor, interpret, specialise};

/// As in ONNX's own runner.
const RELATIVE: f32 = 1e-3;

/// ONNX's own runner allows 1e-7, which f32 sums that come close to zero in another order do not keep.
const ABSOLUTE: f32 = 1e-5;

/// The number of tests that have to pass.
const WANTED: usize = 1600;

/// The outcome of a test.
enum Verdict {
    Pass,
    Unsupported(String),
    Fail(String),
}

#[test]
fn no_node_test_fails() -> Result<(), String> {
    let (mut passed, mut failing, mut reasons) = (0, Vec::new(), BTreeMap::<String, Vec<String>>::new());
    for folder in suite()? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match verdict(&folder) {
            Verdict::Pass => passed += 1,
            Verdict::Unsupported(reason) => reasons.entry(reason).or_default().push(name),
            Verdict::Fail(fault) => failing.push(format!("{name}: {fault}")),
        }
    }
    let unsupported: usize = reasons.values().map(Vec::len).sum();
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    for (reason, names) in reasons {
        println!("{:5} {reason}: {}", names.len(), names.join(" "));
    }
    println!("{passed} pass, {} fail, {unsupported} are unsupported", failing.len());
    assert!(failing.is_empty(), "{}", failing.join("\n"));
    assert!(passed >= WANTED, "only {passed} pass");
    Ok(())
}

/// The folders of all tests, by name.
fn suite() -> Result<Vec<PathBuf>, String> {
    let folder = std::env::var_os("PARALLAX_NODE_TESTS").map_or_else(cached, PathBuf::from);
    let entries = fs::read_dir(&folder).map_err(|error| {
        format!("{}: {error}; fetch the ONNX node tests with `cargo xtask setup`", folder.display())
    })?;
    let mut tests: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    tests.sort();
    Ok(tests)
}

fn cached() -> PathBuf {
    let home = || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    cache.join("parallax/onnx-node-tests/1.22.0")
}

fn verdict(folder: &Path) -> Verdict {
    match catch_unwind(AssertUnwindSafe(|| run(folder))) {
        Ok(Ok(None)) => Verdict::Pass,
        Ok(Ok(Some(fault))) => Verdict::Fail(fault),
        Ok(Err(error)) if error.is_unsupported() => Verdict::Unsupported(reason(&error)),
        Ok(Err(error)) => Verdict::Fail(error.to_string()),
        Err(_) => Verdict::Fail("it panics".to_owned()),
    }
}

/// The refusal of a test by an engine, without the names of this test's values.
fn reason(error: &Error) -> String {
    match error {
        Error::AtNode { operator, source, .. } => format!("{operator}: {}", reason(source)),
        Error::UnknownOperator { operator, domain, .. } => format!("no operator {operator} of {domain}"),
        Error::NotConstant { what, operand, .. } => {
            format!("its {what} (operand {operand}) depend on the data")
        }
        Error::Unsupported(text) => {
            let parts = text.split('"').enumerate().filter(|(at, _)| at % 2 == 0);
            parts.map(|(_, part)| part.trim()).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

/// The fault of the outputs, if there is one.
fn run(folder: &Path) -> Result<Option<String>, Error> {
    // A model that is not there is one of no bytes, which is refused.
    let model = fs::read(folder.join("model.onnx")).unwrap_or_default();
    let test = NodeTest::read(&model, &files(folder, "input"), &files(folder, "output"))?;
    let feed = |(name, tensor): (&String, &Tensor)| (name.clone(), Feed::Value(tensor.clone()));
    let graph = specialise(&test.model, &test.inputs.iter().map(feed).collect())?;
    graph.check()?;
    for graph in [graph.clone(), graph::optimise(graph)] {
        let outputs = interpret(&graph, &test.inputs)?;
        let fault = |(name, expected): (&String, &Tensor)| {
            fault(&outputs[name], expected).map(|fault| format!("{name} {fault}"))
        };
        if let Some(fault) = test.expected.iter().find_map(fault) {
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

/// `input_0.pb`, `input_1.pb`, ... of the first data set.
fn files(folder: &Path, kind: &str) -> Vec<Vec<u8>> {
    let file = |index: usize| fs::read(folder.join(format!("test_data_set_0/{kind}_{index}.pb"))).ok();
    (0..).map_while(file).collect()
}

fn fault(actual: &Tensor, expected: &Tensor) -> Option<String> {
    if actual.tensor_type() != expected.tensor_type() {
        return Some(format!("is {}, expected {}", actual.tensor_type(), expected.tensor_type()));
    }
    let relative = match expected.data_type() {
        DataType::F32 => RELATIVE,
        // Operators that ONNX defines by others round to f16 between them, and ours only at the end.
        DataType::F16 => 2.0 * RELATIVE,
        _ => {
            return (actual != expected)
                .then(|| format!("is {:?}, expected {:?}", actual.data, expected.data));
        }
    };
    let (got, wanted) = (actual.to_f32_vec(), expected.to_f32_vec());
    let close = |a: f32, e: f32| {
        let near = e.is_finite() && (a - e).abs() <= ABSOLUTE + relative * e.abs();
        near || a == e || (a.is_nan() && e.is_nan())
    };
    let index = got.iter().zip(wanted.iter()).position(|(&a, &e)| !close(a, e))?;
    Some(format!("is {} at {index}, expected {}", got[index], wanted[index]))
}

/// The number of times that each model is changed.
const CHANGES: usize = 8;

#[test]
fn changed_models_never_panic() -> Result<(), String> {
    let mut state = 20;
    let mut panics = Vec::new();
    for folder in suite()? {
        let model = fs::read(folder.join("model.onnx")).unwrap_or_default();
        let (inputs, outputs) = (files(&folder, "input"), files(&folder, "output"));
        for change in 0..CHANGES {
            let (mut model, mut inputs) = (model.clone(), inputs.clone());
            // Inputs matter as much as the model: shapes, axes and paddings are among them.
            let which = random(&mut state) % (inputs.len() + 1);
            change_bytes(inputs.get_mut(which).unwrap_or(&mut model), &mut state);
            let read = || NodeTest::read(&model, &inputs, &outputs).and_then(|test| test.pipeline()).is_ok();
            if catch_unwind(AssertUnwindSafe(read)).is_err() {
                panics.push(format!("{} at change {change}", folder.display()));
            }
        }
    }
    assert!(panics.is_empty(), "{} panic:\n{}", panics.len(), panics.join("\n"));
    Ok(())
}

/// Up to three of the bytes are set, turned or cut off.
fn change_bytes(bytes: &mut Vec<u8>, state: &mut u64) {
    for _ in 0..=random(state) % 3 {
        let at = random(state) % bytes.len().max(1);
        match random(state) % 8 {
            0 => bytes.truncate(at),
            1 | 2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = 0xff),
            3 => bytes.iter_mut().skip(at).take(8).for_each(|byte| *byte = 0xff),
            4 | 5 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
            _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = byte.wrapping_add(1)),
        }
    }
}

fn random(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state as usize
}
