//! `native-runner`: reads one job a line on standard input, answers one outcome a line on standard output.

mod complete;
mod detect;
mod engines;
mod error;
mod files;
mod measure;
mod model;
mod node_tests;
mod processor;
mod profile;
mod trace;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use protocol::{Answer, Failure, FailureKind, Job, Outcome, Task};

use error::RunnerError;

const HELP: &str = "native-runner: runs Parallax jobs natively

Reads one job a line (JSON) on standard input and writes one outcome a line on standard output, until the
input ends. `parallax sweep` starts it by itself.

Example:
  parallax sweep --models bert-tiny --targets wgpu:vulkan,onnxruntime:cpu";

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        None => match serve() {
            Ok(()) => ExitCode::SUCCESS,
            // The harness closed its end: nobody is left to answer.
            Err(_) => ExitCode::FAILURE,
        },
        Some("--help" | "-h") => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Some("--version" | "-V") => {
            println!("native-runner {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Some(other) => {
            eprintln!("native-runner takes no argument \"{other}\"\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn serve() -> io::Result<()> {
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        serde_json::to_writer(&mut output, &answer(&line))?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

fn answer(line: &str) -> Outcome {
    match serde_json::from_str::<Job>(line) {
        Ok(job) => Outcome { id: job.id, answer: perform(&job).unwrap_or_else(|error| failed(&error)) },
        Err(error) => {
            let message = format!(
                "the job cannot be read: {error}; harness and native-runner are of different versions: build both again"
            );
            Outcome { id: 0, answer: Answer::Failed(Failure { kind: FailureKind::Error, message }) }
        }
    }
}

fn perform(job: &Job) -> Result<Answer, RunnerError> {
    match &job.task {
        Task::Infer(inference) => {
            measure::run(job.engine, job.device, inference).map(|report| Answer::Inferred(Box::new(report)))
        }
        Task::Conform(asked) => {
            node_tests::run(job.engine, job.device, asked).map(|report| Answer::Conformed(Box::new(report)))
        }
        Task::Trace(task) => {
            trace::run(job.engine, job.device, task).map(|report| Answer::Traced(Box::new(report)))
        }
        Task::Profile(inference) => {
            profile::run(job.engine, job.device, inference).map(|report| Answer::Profiled(Box::new(report)))
        }
        Task::Complete(bare) => complete::run(job.engine, job.device, bare).map(Answer::Completed),
        Task::Reproduce(_) => Err(RunnerError::OnlyInAPage { task: "writing a test as a page" }),
        Task::Detect => Ok(Answer::Detected { capabilities: detect::capabilities() }),
        Task::MatmulDuel(_) => {
            Err(RunnerError::OnlyInAPage { task: "a matrix product against onnxruntime-web" })
        }
    }
}

fn failed(error: &RunnerError) -> Answer {
    Answer::Failed(Failure { kind: error.kind(), message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_cannot_be_read_is_answered_with_what_to_do() {
        for line in ["garbage", "{}", r#"{"id": 7, "engine": "wgpu", "task": {"dance": {}}}"#] {
            let Answer::Failed(failure) = answer(line).answer else { panic!("{line} was answered") };
            assert_eq!(failure.kind, FailureKind::Error);
            assert!(failure.message.ends_with("build both again"), "{}", failure.message);
        }
    }

    #[test]
    fn an_engine_that_is_not_built_in_is_unavailable() {
        for (engine, device) in [("burn", "metal"), ("libtorch", "cpu"), ("onnxruntime", "cuda")] {
            let target: protocol::Target = format!("{engine}:{device}").parse().unwrap();
            let Err(error) = engines::find(target.engine, target.device) else { panic!("{target} is there") };
            assert_eq!(error.kind(), FailureKind::Unavailable);
            assert!(error.to_string().contains(&target.to_string()), "{error}");
        }
    }
}
