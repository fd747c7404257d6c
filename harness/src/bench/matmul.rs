//! `parallax bench matmul`: one matrix product in each browser, ours and onnxruntime-web's turn by turn.

use std::time::{Duration, SystemTime};

use indicatif::ProgressBar;
use protocol::{AdapterChoice, Engine, MatmulComparison, MatmulReport, Target, Task, Verdict};

use crate::adapter::complaint;
use crate::cli::MatmulArgs;
use crate::error::Error;
use crate::event::RunEnd;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::lane::{Ended, Event, Lane, Listener, Open, Then, Unit};
use crate::plan;
use crate::report::product as report;
use crate::rows::product::Product;
use crate::screen;
use crate::session::Context;
use crate::store::{RunId, RunKind, Store};

/// How long one product may take on both sides.
const LIMIT: Duration = Duration::from_secs(600);

/// Runs `parallax bench matmul`.
///
/// # Errors
/// When a browser has no entry, or the database or the report cannot be written. A product that goes wrong is a row.
pub async fn run(args: &MatmulArgs) -> Result<Exit, Error> {
    let targets: Vec<Target> = args.browsers.iter().map(|browser| webgpu_in(browser)).collect();
    let adapter = args.adapter.only()?;
    let context = plan::context(&targets).await?;
    let mut store = Store::open(&args.output.db)?;
    let mut interrupt = Interrupt::listen()?;
    let run = store.begin_run(RunKind::BenchMatmul, SystemTime::now())?;
    let units = args.browsers.iter().flat_map(|browser| {
        let product = |&size| MatmulComparison { size, rounds: args.rounds };
        let adapter = &adapter;
        args.sizes.iter().map(move |size| InBrowser {
            browser: browser.clone(),
            adapter: adapter.clone(),
            product: product(size),
        })
    });
    let mut answers = Answers { store: &mut store, run: &run, spinner: screen::spinner(), count: 0 };
    let lane = Lane::new(&context, Open::One);
    let ended = lane.run_until(units, &mut answers, &mut interrupt).await;
    answers.spinner.finish_and_clear();
    let finished = store.finish_run(&run, &RunEnd::of(ended.as_ref().copied()), SystemTime::now());
    // What is there is reported, whatever kept the rest from being there.
    let printed = store.products(&run).and_then(|found| {
        let text = if args.output.json { report::document(&found) } else { report::render(&found) };
        screen::print(&text).map(|()| found.exit())
    });
    let completion = ended?;
    finished.and(printed).map(|exit| completion.exit(exit))
}

fn webgpu_in(browser: &str) -> Target {
    Target { engine: Engine::Webgpu, device: None, browser: Some(browser.to_owned()) }
}

/// A matrix product in a browser.
#[derive(Clone)]
struct InBrowser {
    browser: String,
    adapter: AdapterChoice,
    product: MatmulComparison,
}

impl Unit for InBrowser {
    type Report = MatmulReport;

    fn target(&self) -> Target {
        webgpu_in(&self.browser)
    }

    fn adapter(&self) -> AdapterChoice {
        self.adapter.clone()
    }

    fn task(&self, _: &Context) -> Task {
        Task::CompareMatmul(self.product.clone())
    }

    fn limit(&self) -> Duration {
        LIMIT
    }
}

/// Keeps products as they come in.
struct Answers<'a> {
    store: &'a mut Store,
    run: &'a RunId,
    spinner: ProgressBar,
    /// How many came in.
    count: u32,
}

impl Listener<InBrowser> for Answers<'_> {
    fn hear(&mut self, event: Event<'_, InBrowser>) -> Result<Then<InBrowser>, Error> {
        match event {
            Event::Opening(_) | Event::Opened(..) | Event::Closed(..) => {}
            Event::Started(InBrowser { browser, product: MatmulComparison { size, .. }, .. }) => {
                self.store.check_file()?;
                self.spinner.set_message(format!("{size} x {size} in {browser}"));
            }
            Event::Ended(unit, ended) => {
                self.count += 1;
                self.store.add_product(self.run, self.count - 1, &product(unit, ended))?;
            }
        }
        Ok(Then::default())
    }
}

fn product(InBrowser { browser, adapter, product }: InBrowser, ended: Ended<MatmulReport>) -> Product {
    let facts = ended.observed.facts;
    let target = webgpu_in(&browser);
    let none = Product {
        browser,
        size: product.size,
        verdict: Verdict::Error,
        message: Some("no round was timed".to_owned()),
        adapter: None,
        max_abs_difference: None,
        facts,
        ours_ms: Vec::new(),
        reference_ms: Vec::new(),
        ours_gpu_ms: Vec::new(),
    };
    let answered = ended.answer.map_err(|why| (why.verdict(), why.to_string()));
    match answered.and_then(|report| complaint(&adapter, &target, &report.adapter).map_or(Ok(report), Err)) {
        Err((verdict, message)) => Product { verdict, message: Some(message), ..none },
        Ok(report) if report.ours_ms.is_empty() || report.reference_ms.is_empty() => none,
        Ok(MatmulReport { adapter: met, ours_ms, reference_ms, ours_gpu_ms, max_abs_difference }) => {
            Product {
                verdict: Verdict::Pass,
                message: None,
                adapter: Some(met),
                max_abs_difference: Some(max_abs_difference),
                ours_ms,
                reference_ms,
                ours_gpu_ms,
                ..none
            }
        }
    }
}
