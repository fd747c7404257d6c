//! The adapters of this machine as wgpu finds them, one Vulkan driver after the other, and which of them has a name.

use std::time::Duration;

use protocol::suggest::did_you_mean;
use protocol::{Adapter, AdapterChoice, Answer, Capability, Device, Engine, Target, Task};
use serde_json::Value;

use super::program::Program;
use super::runner::Runner;
use super::{Context, Session};
use crate::adapter::DRIVER_FILES;
use crate::adapter::driver_file::DriverFile;
use crate::fault::Fault;

/// How long one driver may take to say which adapters it has.
const LIMIT: Duration = Duration::from_secs(30);
/// The fact of a capability that lists an engine's adapters.
const ADAPTERS: &str = "adapters";

/// An adapter, and the driver's file that leads to it, where there are such files.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeAdapter {
    /// Its description.
    pub adapter: Adapter,
    /// The driver's file.
    pub file: Option<DriverFile>,
}

/// Every adapter of this machine; asked once in a context.
///
/// # Errors
/// `Unavailable` where native-runner, which asks, is not there.
pub async fn all(context: &Context) -> Result<&[NativeAdapter], Fault> {
    context.native_adapters.get_or_try_init(|| look(context)).await.map(Vec::as_slice)
}

/// Asks every driver by itself: the loader does not say which driver an adapter is of. One that hangs or dies has none.
async fn look(context: &Context) -> Result<Vec<NativeAdapter>, Fault> {
    let mut all: Vec<NativeAdapter> = Vec::new();
    let files = context.driver_files();
    let each = files.iter().map(Some).chain(files.is_empty().then_some(None));
    for file in each {
        let found = ask(context, file).await?.into_iter();
        let found = found.map(|adapter| NativeAdapter { adapter, file: file.cloned() });
        let found: Vec<_> = found.filter(|found| all.iter().all(|known| !known.is_copy(found))).collect();
        all.extend(found);
    }
    Ok(all)
}

impl NativeAdapter {
    /// Returns whether it is the same adapter through a second copy of the same driver.
    fn is_copy(&self, other: &NativeAdapter) -> bool {
        let library = |of: &NativeAdapter| of.file.as_ref().map(|file| file.library.clone());
        let names = |of: &NativeAdapter| of.adapter.names().map(str::to_owned).collect::<Vec<_>>();
        self.file != other.file && library(self) == library(other) && names(self) == names(other)
    }
}

async fn ask(context: &Context, file: Option<&DriverFile>) -> Result<Vec<Adapter>, Fault> {
    let path = file.map(|file| file.path.display().to_string());
    let environment: Vec<_> =
        path.iter().flat_map(|path| DRIVER_FILES.map(|name| (name, path.clone()))).collect();
    let mut runner = Box::new(Runner::start(Program::of(Engine::Wgpu), &environment)?);
    let target = Target { engine: Engine::Wgpu, device: Some(Device::Vulkan), browser: None };
    let job = context.job_of(&target, AdapterChoice::Default, 0, Task::Detect);
    let outcome = runner.run(&job, LIMIT).await;
    runner.close().await;
    Ok(match outcome.map(|outcome| outcome.answer) {
        Ok(Answer::Detected { capabilities }) => capabilities.iter().flat_map(listed).collect(),
        Ok(_) | Err(_) => Vec::new(),
    })
}

fn listed(capability: &Capability) -> Vec<Adapter> {
    let listed = capability.facts.get(ADAPTERS).cloned().unwrap_or(Value::Null);
    serde_json::from_value(listed).unwrap_or_default()
}

/// The one adapter that has `part` in its name, whatever its case.
///
/// # Errors
/// `Unavailable` where none has, or more than one, with those that there are.
pub fn find<'a>(adapters: &'a [NativeAdapter], part: &str) -> Result<&'a NativeAdapter, Fault> {
    let choice = AdapterChoice::Named(part.to_owned());
    let named: Vec<&NativeAdapter> =
        adapters.iter().filter(|found| choice.is_met_by(&found.adapter)).collect();
    let names = |of: &[&NativeAdapter]| {
        let names: Vec<String> = of.iter().map(|found| format!("\"{}\"", found.adapter.device)).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    match named[..] {
        [only] => Ok(only),
        [] => {
            let words = || AdapterChoice::WORDS.iter().map(|(word, _)| *word);
            let all: Vec<&NativeAdapter> = adapters.iter().collect();
            Err(Fault::Unavailable {
                reason: format!(
                    "no adapter here has \"{part}\" in its name{}: there is {}",
                    did_you_mean(part, words()),
                    names(&all)
                ),
                remedy: format!("name one of them, or ask for {}", words().collect::<Vec<_>>().join(", ")),
            })
        }
        _ => Err(Fault::Unavailable {
            reason: format!(
                "{} adapters here have \"{part}\" in their names: {}",
                named.len(),
                names(&named)
            ),
            remedy: "give more of the name of one".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(device: &str, path: &str) -> NativeAdapter {
        let adapter = Adapter { device: device.to_owned(), ..Adapter::default() };
        let library = format!("lib{}.so", device.split(' ').next().unwrap());
        NativeAdapter { adapter, file: Some(DriverFile { path: path.into(), library }) }
    }

    #[test]
    fn a_name_is_that_of_one_adapter_or_refused_with_those_that_there_are() {
        let adapters = [
            found("NVIDIA GeForce RTX 4090", "/nvidia.json"),
            found("NVIDIA GeForce GT 710", "/nvidia.json"),
            found("llvmpipe (LLVM 15.0.6, 256 bits)", "/lvp.json"),
        ];
        for (part, expected) in [
            ("4090", Ok("NVIDIA GeForce RTX 4090")),
            ("LLVM", Ok("llvmpipe (LLVM 15.0.6, 256 bits)")),
            (
                "geforce",
                Err("2 adapters here have \"geforce\" in their names: \"NVIDIA GeForce RTX 4090\", \"NVIDIA"),
            ),
            (
                "Radeon",
                Err("no adapter here has \"Radeon\" in its name: there is \"NVIDIA GeForce RTX 4090\", "),
            ),
            ("hardwrae", Err("did you mean \"hardware\"?")),
        ] {
            match (find(&adapters, part), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found.adapter.device, expected, "{part}"),
                (Err(fault), Err(words)) => assert!(fault.to_string().contains(words), "{part}: {fault}"),
                (found, _) => panic!("{part}: {found:?}"),
            }
        }
        assert!(find(&[], "x").unwrap_err().to_string().contains("there is none"));
    }

    #[test]
    fn a_second_copy_of_a_driver_is_no_second_adapter() {
        let swiftshader = || found("SwiftShader Device (Subzero)", "/usr/lib/chromium/icd.json");
        for (name, other, expected) in [
            ("the headless shell's copy", found("SwiftShader Device (Subzero)", "/shell/icd.json"), true),
            ("a twin behind the same driver", swiftshader(), false),
            ("another", found("llvmpipe", "/lvp.json"), false),
        ] {
            assert_eq!(swiftshader().is_copy(&other), expected, "{name}");
        }
    }
}
