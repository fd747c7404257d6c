//! A runner: reads one job a line on standard input, answers one outcome a line on standard output. Each program of
//! the kind has engines of its own, so that an engine is compiled only where a target asks for it.

mod complete;
mod control;
pub mod course;
mod detect;
pub mod engines;
pub mod error;
mod files;
mod kept;
pub mod measure;
pub mod model;
mod node_tests;
mod old_glibc;
pub mod processor;
mod profile;
mod trace;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use protocol::{Answer, Failure, FailureKind, Job, Outcome, Task};

use engines::{Chosen, EngineEntry};
use error::RunnerError;

/// A program with engines.
#[derive(Clone, Copy)]
pub struct Runner {
    /// The program's name.
    pub name: &'static str,
    /// Its engines.
    pub engines: &'static [EngineEntry],
}

impl Runner {
    /// Does what the command line asks for: serves, unless it is help.
    pub fn main(&self) -> ExitCode {
        match std::env::args().nth(1).as_deref() {
            None => match self.serve() {
                Ok(()) => ExitCode::SUCCESS,
                // The harness closed its end: nobody is left to answer.
                Err(_) => ExitCode::FAILURE,
            },
            Some("--help" | "-h") => {
                println!("{}", self.help());
                ExitCode::SUCCESS
            }
            Some("--version" | "-V") => {
                println!("{} {}", self.name, env!("CARGO_PKG_VERSION"));
                ExitCode::SUCCESS
            }
            Some(other) => {
                eprintln!("{} takes no argument \"{other}\"\n\n{}", self.name, self.help());
                ExitCode::from(2)
            }
        }
    }

    fn help(&self) -> String {
        let targets = self.engines.iter().filter_map(|entry| {
            entry.devices.first().map(|device| format!("{}:{}", entry.engine.name(), device.name()))
        });
        format!(
            "{}: runs Parallax jobs natively

Reads one job a line (JSON) on standard input and writes one outcome a line on standard output, until the
input ends. `parallax sweep` starts it by itself.

Example:
  parallax sweep --models bert-tiny --targets {}",
            self.name,
            targets.collect::<Vec<_>>().join(",")
        )
    }

    fn serve(&self) -> io::Result<()> {
        let mut output = io::stdout().lock();
        for line in io::stdin().lock().lines() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            serde_json::to_writer(&mut output, &self.answer(&line))?;
            output.write_all(b"\n")?;
            output.flush()?;
        }
        Ok(())
    }

    fn answer(&self, line: &str) -> Outcome {
        match serde_json::from_str::<Job>(line) {
            Ok(job) => {
                Outcome { id: job.id, answer: self.perform(&job).unwrap_or_else(|error| failed(&error)) }
            }
            Err(error) => {
                let message = format!(
                    "the job cannot be read: {error}; harness and {} are of different versions: build both again",
                    self.name
                );
                Outcome { id: 0, answer: Answer::Failed(Failure { kind: FailureKind::Error, message }) }
            }
        }
    }

    fn perform(&self, job: &Job) -> Result<Answer, RunnerError> {
        let chosen = || Chosen::find(self.engines, job);
        match &job.task {
            Task::Infer(inference) => {
                measure::run(&chosen()?, inference).map(|report| Answer::Inferred(Box::new(report)))
            }
            Task::Conform(asked) => {
                node_tests::run(&chosen()?, asked).map(|report| Answer::Conformed(Box::new(report)))
            }
            Task::Trace(task) => trace::run(&chosen()?, task).map(|report| Answer::Traced(Box::new(report))),
            Task::Profile(inference) => {
                profile::run(&chosen()?, inference).map(|report| Answer::Profiled(Box::new(report)))
            }
            Task::Probe => {
                let chosen = chosen()?;
                let probe =
                    chosen.entry.probe.ok_or(RunnerError::NotProbed { engine: chosen.entry.engine })?;
                probe(&chosen).map(|report| Answer::Probed(Box::new(report)))
            }
            Task::Complete(bare) => complete::run(&chosen()?, bare).map(Answer::Completed),
            Task::Resize(model) => complete::resized::run(&chosen()?, model).map(Answer::Completed),
            Task::Control => Ok(Answer::Controlled(control::run())),
            Task::Reproduce(_) => Err(RunnerError::OnlyInAPage { task: "writing a test as a page" }),
            Task::Detect => Ok(Answer::Detected { capabilities: detect::capabilities(self.engines) }),
            Task::ListKernels(_) | Task::Tune(_) => Err(RunnerError::OnlyInAPage { task: "tuning" }),
            Task::CompareMatmul(_) => {
                Err(RunnerError::OnlyInAPage { task: "a matrix product against onnxruntime-web" })
            }
        }
    }
}

fn failed(error: &RunnerError) -> Answer {
    Answer::Failed(Failure { kind: error.kind(), message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::ENGINES;

    #[test]
    fn a_job_that_cannot_be_read_is_answered_with_what_to_do() {
        for line in ["garbage", "{}", r#"{"id": 7, "engine": "wgpu", "task": {"dance": {}}}"#] {
            let runner = Runner { name: "native-runner", engines: ENGINES };
            let Answer::Failed(failure) = runner.answer(line).answer else { panic!("{line} was answered") };
            assert_eq!(failure.kind, FailureKind::Error);
            assert!(failure.message.ends_with("build both again"), "{}", failure.message);
        }
    }

    #[test]
    fn an_engine_that_is_not_built_in_is_unavailable() {
        for (engine, device) in [("burn", "cpu"), ("libtorch", "cpu"), ("onnxruntime", "cuda")] {
            let target: protocol::Target = format!("{engine}:{device}").parse().unwrap();
            let job = Job {
                id: 1,
                engine: target.engine,
                device: target.device,
                adapter: protocol::AdapterChoice::Default,
                browser: None,
                onnxruntime_web: None,
                task: Task::Detect,
            };
            let Err(error) = Chosen::find(ENGINES, &job) else { panic!("{target} is there") };
            assert_eq!(error.kind(), FailureKind::Unavailable);
            assert!(error.to_string().contains(&target.to_string()), "{error}");
        }
    }
}
