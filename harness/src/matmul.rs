//! `parallax bench matmul`: one matrix product in each browser, ours and onnxruntime-web's turn by turn.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::ProgressBar;
use protocol::suggest::did_you_mean;
use protocol::{DuelReport, Engine, Job, MatmulDuel, Target, Task, Verdict};
use serde_json::{Value, json};

use crate::browser;
use crate::cli::MatmulArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::lane::{Event, Lane, Listener, Open, Queue, Then, Unit};
use crate::number;
use crate::report::adapter_name;
use crate::report::columns::{Align, lay_out};
use crate::screen;
use crate::session::{Context, Place};
use crate::statistics::Summary;

/// How long one duel may take.
const LIMIT: Duration = Duration::from_secs(600);
/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// One product in one browser.
struct Duel {
    browser: String,
    size: u32,
    ended: Result<Scores, (Verdict, String)>,
}

/// What both sides took, summarised.
struct Scores {
    report: DuelReport,
    ours: Summary,
    peer: Summary,
    ours_gpu: Option<Summary>,
    /// How many times as long as ours the peer's took.
    ratio: Summary,
}

/// Runs `parallax bench matmul`.
///
/// # Errors
/// When a browser has no entry or the report cannot be written. A duel that goes
/// wrong is a row.
pub async fn run(args: &MatmulArgs) -> Result<Exit, Error> {
    let context = Context::start(browser::known(&BTreeMap::new())?).await?;
    check_names(&args.browsers, &context)?;
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(TICK);
    let mut duels = Duels { spinner, over: Vec::new() };
    let products = args.browsers.iter().flat_map(|browser| {
        let duel = |&size| MatmulDuel { size, rounds: args.rounds };
        args.sizes.iter().map(move |size| Product { browser: browser.clone(), duel: duel(size) })
    });
    Lane::new(&context, Open::One).run(Queue::by_place(products), &mut duels).await?;
    let Duels { spinner, over: duels } = duels;
    spinner.finish_and_clear();
    let text = if args.json { document(&duels) } else { table(&duels) };
    screen::print(&text)?;
    Ok(Exit::of(duels.iter().map(Duel::verdict)))
}

fn check_names(names: &[String], context: &Context) -> Result<(), Error> {
    let known = || context.browsers.keys().map(String::as_str);
    match names.iter().find(|name| !context.browsers.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::BrowserInvalid {
            name: name.clone(),
            message: format!(
                "there is none of this name{}; the browsers are {}",
                did_you_mean(name, known()),
                known().collect::<Vec<_>>().join(", ")
            ),
        }),
    }
}

/// A matrix product in a browser.
#[derive(Clone)]
struct Product {
    browser: String,
    duel: MatmulDuel,
}

impl Unit for Product {
    type Report = DuelReport;

    fn place(&self) -> Place {
        Place::Browser(self.browser.clone())
    }

    fn job(&self, context: &Context, id: u64) -> Job {
        let target = Target { engine: Engine::Webgpu, device: None, browser: Some(self.browser.clone()) };
        context.job_of(&target, id, Task::MatmulDuel(self.duel.clone()))
    }

    fn limit(&self) -> Duration {
        LIMIT
    }
}

/// The duels that are over.
struct Duels {
    spinner: ProgressBar,
    over: Vec<Duel>,
}

impl Listener<Product> for Duels {
    fn hear(&mut self, event: Event<'_, Product>) -> Result<Then<Product>, Error> {
        match event {
            Event::Opening(_) => {}
            Event::Started(Product { browser, duel: MatmulDuel { size, .. } }) => {
                self.spinner.set_message(format!("{size} x {size} in {browser}"));
            }
            Event::Ended(Product { browser, duel }, ended) => {
                let untimed = || (Verdict::Error, "no round was timed".to_owned());
                let scores = match ended.answer {
                    Ok(report) => Scores::of(report).ok_or_else(untimed),
                    Err(none) => Err((none.verdict(), none.to_string())),
                };
                self.over.push(Duel { browser, size: duel.size, ended: scores });
            }
        }
        Ok(Then::default())
    }
}

impl Scores {
    fn of(report: DuelReport) -> Option<Scores> {
        Some(Scores {
            ours: Summary::of(&report.ours_ms)?,
            peer: Summary::of(&report.peer_ms)?,
            ours_gpu: Summary::of(&report.ours_gpu_ms),
            ratio: Summary::of_ratio(&report.peer_ms, &report.ours_ms)?,
            report,
        })
    }
}

impl Duel {
    fn verdict(&self) -> Verdict {
        self.ended.as_ref().map_or_else(|(verdict, _)| *verdict, |_| Verdict::Pass)
    }

    fn cells(&self) -> Vec<String> {
        let mut cells = vec![self.browser.clone(), self.size.to_string()];
        cells.extend(match &self.ended {
            Ok(scores) => scores.cells(),
            Err((verdict, _)) => [verdict.name(), "–", "–", "–", "–", "–"].map(str::to_owned),
        });
        cells
    }

    fn document(&self) -> Value {
        let (browser, size, verdict) = (&self.browser, self.size, self.verdict());
        match &self.ended {
            Err((_, message)) => {
                json!({ "browser": browser, "size": size, "verdict": verdict, "message": message })
            }
            Ok(scores) => json!({
                "browser": browser, "size": size, "verdict": verdict, "message": null,
                "ours_ms": scores.ours, "peer_ms": scores.peer, "ours_gpu_ms": scores.ours_gpu,
                "peer_over_ours": scores.ratio, "max_abs_difference": scores.report.max_abs_difference,
                "adapter": scores.report.adapter,
                "samples": { "ours_ms": scores.report.ours_ms, "peer_ms": scores.report.peer_ms,
                             "ours_gpu_ms": scores.report.ours_gpu_ms },
            }),
        }
    }
}

impl Scores {
    fn cells(&self) -> [String; 6] {
        [
            number::time_interval(&self.ours),
            number::time_interval(&self.peer),
            number::ratio_interval(&self.ratio),
            self.ours_gpu.map_or("–".to_owned(), |summary| number::time(summary.median)),
            number::error(self.report.max_abs_difference),
            adapter_name(&self.report.adapter),
        ]
    }
}

fn table(duels: &[Duel]) -> String {
    let heads = [
        ("browser", Align::Left),
        ("size", Align::Right),
        ("ours [95 %]", Align::Right),
        ("onnxruntime-web [95 %]", Align::Right),
        ("times as fast [95 %]", Align::Right),
        ("ours on the GPU", Align::Right),
        ("max difference", Align::Right),
        ("ran on", Align::Left),
    ];
    let mut lines = lay_out(&heads, &duels.iter().map(Duel::cells).collect::<Vec<_>>());
    for duel in duels {
        if let Err((_, message)) = &duel.ended {
            lines.push(format!("\n{} x {} in {}:\n  {message}", duel.size, duel.size, duel.browser));
        }
    }
    lines.join("\n")
}

fn document(duels: &[Duel]) -> String {
    format!("{:#}", json!({ "duels": duels.iter().map(Duel::document).collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use protocol::Adapter;

    use super::*;

    fn duel(ours_ms: Vec<f64>, peer_ms: Vec<f64>) -> Duel {
        let adapter = Adapter { vendor: "google".to_owned(), software: true, ..Adapter::default() };
        let report = DuelReport { adapter, ours_ms, peer_ms, ours_gpu_ms: vec![], max_abs_difference: 1e-5 };
        let ended = Scores::of(report).ok_or((Verdict::Error, "no round was timed".to_owned()));
        Duel { browser: "chrome".to_owned(), size: 512, ended }
    }

    #[test]
    fn the_table_says_how_many_times_as_fast_ours_is() {
        let fault = Duel {
            ended: Err((Verdict::Timeout, "no answer within 9 s".to_owned())),
            ..duel(vec![], vec![])
        };
        let text = table(&[duel(vec![10.0; 5], vec![25.0; 5]), fault]);
        for part in ["10.0 ms [10.0, 10.0]", "25.0 ms [25.0, 25.0]", "2.50 [2.50, 2.50]", "google, software"]
        {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(
            text.contains("timeout") && text.contains("512 x 512 in chrome:\n  no answer within 9 s"),
            "{text}"
        );
    }

    #[test]
    fn the_document_holds_the_ratio_and_every_sample() {
        let text = document(&[duel(vec![10.0, 12.0], vec![30.0, 36.0])]);
        let document: Value = serde_json::from_str(&text).unwrap();
        let row = &document["duels"][0];
        assert_eq!(row["peer_over_ours"]["median"], 3.0);
        assert_eq!(row["samples"]["ours_ms"], json!([10.0, 12.0]));
        assert_eq!((&row["verdict"], &row["message"]), (&json!("pass"), &Value::Null));
    }

    #[test]
    fn a_duel_without_rounds_is_an_error() {
        assert_eq!(duel(vec![], vec![]).verdict(), Verdict::Error);
    }
}
