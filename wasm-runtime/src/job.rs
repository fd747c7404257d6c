//! The page's one entry point: a job in as JSON, its outcome out as JSON, whatever happens between.

use std::cell::RefCell;

use js_sys::Promise;
use protocol::{Answer, Engine, Failure, FailureKind, Job, Outcome, Task};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;

use crate::engine::PageContext;
use crate::error::RuntimeError;
use crate::{comparison, detect, inference, node_tests, probe, profile, trace, tune, wasm};

/// Runs one job, given as the JSON of [`Job`]; the promise resolves to the JSON of [`Outcome`], and rejects only
/// where the job needs Burn and this module was built without. A panic resolves it too, so that a defect costs one
/// case and not a time-out.
#[wasm_bindgen]
pub fn run(job_json: String) -> Promise {
    Promise::new(&mut |resolve, reject| {
        let job_json = job_json.clone();
        spawn_local(async move {
            let job = serde_json::from_str::<Job>(&job_json);
            let job = job.map_err(|error| RuntimeError::JobUnreadable { reason: error.to_string() });
            let id = job.as_ref().map_or(0, |job| job.id);
            ON_PANIC.set(Some((id, resolve.clone())));
            std::panic::set_hook(Box::new(answer_for_panic));
            let answer = match job {
                Ok(job) => answer(job).await,
                Err(error) => Err(error),
            };
            ON_PANIC.set(None);
            match answer {
                Err(error @ RuntimeError::WithoutBurn) => call(&reject, &error.to_string()),
                answer => {
                    let answer = answer.unwrap_or_else(|error| Answer::Failed(error.into()));
                    settle(&resolve, &Outcome { id, answer });
                }
            }
        });
    })
}

async fn answer(job: Job) -> Result<Answer, RuntimeError> {
    if job.engine == Engine::Wasm && !wasm::IS_HERE {
        return Err(RuntimeError::WithoutBurn);
    }
    let page = PageContext {
        browser: job.browser,
        device: job.device,
        onnxruntime_web: job.onnxruntime_web.as_deref(),
    };
    match &job.task {
        Task::Complete(_) | Task::Resize(_) | Task::Control => {
            Err(RuntimeError::EngineNotHere { engine: job.engine })
        }
        Task::Detect => Ok(Answer::Detected { capabilities: detect::capabilities(page).await }),
        Task::CompareMatmul(comparison) => Ok(Answer::Compared(comparison::run(comparison, page).await?)),
        Task::Conform(asked) => {
            let report = node_tests::run(job.engine, asked, page).await?;
            Ok(Answer::Conformed(Box::new(report)))
        }
        Task::Reproduce(asked) => {
            Ok(Answer::Reproduced { page: node_tests::reproduce(job.engine, asked, page).await? })
        }
        Task::Infer(inference) => {
            let report = inference::run(job.engine, inference, page).await?;
            Ok(Answer::Inferred(Box::new(report)))
        }
        Task::Profile(inference) => {
            let report = profile::run(job.engine, inference, job.browser).await?;
            Ok(Answer::Profiled(Box::new(report)))
        }
        Task::ListKernels(asked) => {
            let list = tune::list(job.engine, asked, job.browser).await?;
            Ok(Answer::KernelsListed(Box::new(list)))
        }
        Task::Tune(asked) => Ok(Answer::Tuned(Box::new(tune::run(job.engine, asked, job.browser).await?))),
        Task::Probe => Ok(Answer::Probed(Box::new(probe::run(job.engine, page).await?))),
        Task::Trace(task) => {
            let report = trace::run(job.engine, task, page).await?;
            Ok(Answer::Traced(Box::new(report)))
        }
    }
}

thread_local! {
    /// Whom to answer if the job in hand panics: wasm built with panic=abort unwinds nothing.
    static ON_PANIC: RefCell<Option<(u64, js_sys::Function)>> = const { RefCell::new(None) };
}

fn answer_for_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let message = format!("a defect in the page's code: {panic}");
    web_sys::console::error_1(&JsValue::from_str(&message));
    if let Some((id, resolve)) = ON_PANIC.take() {
        settle(
            &resolve,
            &Outcome { id, answer: Answer::Failed(Failure { kind: FailureKind::Error, message }) },
        );
    }
}

fn settle(resolve: &js_sys::Function, outcome: &Outcome) {
    // Maps with text keys and numbers always become JSON; an empty text would be reported as no answer.
    call(resolve, &serde_json::to_string(outcome).unwrap_or_default());
}

/// Resolves or rejects a promise.
fn call(settle: &js_sys::Function, text: &str) {
    // What settles a promise does not throw.
    let _ = settle.call1(&JsValue::UNDEFINED, &JsValue::from_str(text));
}
