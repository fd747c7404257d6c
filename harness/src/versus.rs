//! `parallax bench models`: each model on two targets, turn by turn, and how many times as long the second takes.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use indicatif::ProgressBar;
use protocol::{Answer, Metric, Target, Verdict};
use serde_json::{Value, json};

use crate::case::{Case, expand};
use crate::cli::{SweepArgs, VersusArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::judge;
use crate::plan::Plan;
use crate::report::columns::{Align, lay_out};
use crate::report::{number, screen};
use crate::session::{self, Context, Place, Session};
use crate::statistics::Summary;

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// Two targets that are compared, written `webgpu@chrome/ort-webgpu@chrome`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The one that is asked about.
    pub ours: Target,
    /// The one it is held against.
    pub other: Target,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Pair, String> {
        let (ours, other) = text.split_once('/').ok_or("two targets are written TARGET/TARGET")?;
        let target = |text: &str| text.parse::<Target>().map_err(|error| error.to_string());
        Ok(Pair { ours: target(ours)?, other: target(other)? })
    }
}

/// One model on a pair of targets.
struct Row {
    model: String,
    pair: Pair,
    ended: Result<Times, (Verdict, String)>,
}

/// The median latency of each round, in milliseconds.
#[derive(Default)]
struct Times {
    ours_ms: Vec<f64>,
    other_ms: Vec<f64>,
}

/// Runs `parallax bench models`.
///
/// # Errors
/// For a model, target or browser that is not known, or a report that cannot be written. A model that goes wrong on
/// either side is a row.
pub async fn run(args: &VersusArgs) -> Result<Exit, Error> {
    let plan = plan(args).await?;
    let context = Context::start(plan.browsers.clone()).await?;
    let cases = expand(&plan);
    let spinner = ProgressBar::new_spinner();
    spinner.enable_steady_tick(TICK);
    let lost = plan.lost.iter().flat_map(|lost| {
        let why = || (lost.failure.kind.into(), lost.failure.message.clone());
        args.pairs.iter().map(move |pair| Row {
            model: lost.name.clone(),
            pair: pair.clone(),
            ended: Err(why()),
        })
    });
    let mut rows: Vec<Row> = lost.collect();
    for pair in &args.pairs {
        let mut field =
            Field { context: &context, timeout: plan.timeout, sessions: BTreeMap::new(), jobs: 0 };
        for model in &plan.models {
            let name = &model.manifest.name;
            let side = |target: &Target| {
                cases.iter().find(|case| case.model.manifest.name == *name && case.target == *target)
            };
            let (Some(ours), Some(other)) = (side(&pair.ours), side(&pair.other)) else { continue };
            spinner.set_message(screen::shown(&format!("{name}: {} against {}", pair.ours, pair.other)));
            let ended = field.rounds([ours, other], args.rounds).await;
            let row = Row { model: name.clone(), pair: pair.clone(), ended };
            // A run of hours that is cut short leaves what it has measured.
            spinner.suspend(|| screen::tell(&row.cells().join("  ")));
            rows.push(row);
        }
        field.close().await;
    }
    spinner.finish_and_clear();
    let text = if args.json { document(&args.pairs, &rows) } else { table(&args.pairs, &rows) };
    screen::print(&text)?;
    Ok(Exit::of(rows.iter().map(Row::verdict)))
}

async fn plan(args: &VersusArgs) -> Result<Plan, Error> {
    let targets = args.pairs.iter().flat_map(|pair| [pair.ours.clone(), pair.other.clone()]).collect();
    Plan::resolve(&SweepArgs {
        plan: None,
        models: args.models.clone(),
        dimensions: args.dimensions.clone(),
        targets,
        samples: Some(args.samples),
        timeout_s: Some(args.timeout_s),
        strict: false,
        db: Default::default(),
        json: args.json,
    })
    .await
}

/// The places where both sides run, each with a session that is replaced when it ends.
struct Field<'a> {
    context: &'a Context,
    timeout: Duration,
    sessions: BTreeMap<Place, Box<dyn Session>>,
    jobs: u64,
}

impl Field<'_> {
    /// Both sides once a round, who begins changing from round to round.
    async fn rounds(&mut self, sides: [&Case; 2], rounds: u32) -> Result<Times, (Verdict, String)> {
        let mut times = Times::default();
        for round in 0..rounds {
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for side in order {
                let latency_ms = self.latency_ms(sides[side]).await.map_err(|(verdict, message)| {
                    (
                        verdict,
                        format!("{} on {}: {message}", sides[side].model.manifest.name, sides[side].target),
                    )
                })?;
                [&mut times.ours_ms, &mut times.other_ms][side].push(latency_ms);
            }
        }
        Ok(times)
    }

    /// The median latency of one job; a wrong answer is as good as none.
    async fn latency_ms(&mut self, case: &Case) -> Result<f64, (Verdict, String)> {
        let place = Place::of(&case.target);
        if !self.sessions.contains_key(&place) {
            let opened = session::open(&place, self.context).await;
            let session = opened.map_err(|fault| (fault.verdict(), fault.to_string()))?;
            self.sessions.insert(place.clone(), session);
        }
        self.jobs += 1;
        let job = self.context.job(case, self.jobs);
        let Some(session) = self.sessions.get_mut(&place) else {
            return Err((Verdict::Error, "no session was open".to_owned()));
        };
        let outcome = match session.run(&job, self.timeout).await {
            Ok(outcome) => outcome,
            Err(fault) => {
                self.sessions.remove(&place);
                return Err((fault.verdict(), fault.to_string()));
            }
        };
        let judgement = judge::outcome(case, &outcome);
        if judgement.verdict != Verdict::Pass {
            return Err((judgement.verdict, judgement.message.unwrap_or_default()));
        }
        let Answer::Inferred(report) = outcome.answer else {
            return Err((Verdict::Error, "it answered another question".to_owned()));
        };
        let latencies = report.metrics.iter().find(|samples| samples.metric == Metric::LatencyMs);
        let summary = latencies.and_then(|samples| Summary::of(&samples.values));
        summary.map(|summary| summary.median).ok_or((Verdict::Error, "no inference was timed".to_owned()))
    }

    async fn close(self) {
        for session in self.sessions.into_values() {
            session.close().await;
        }
    }
}

impl Row {
    fn verdict(&self) -> Verdict {
        self.ended.as_ref().map_or_else(|(verdict, _)| *verdict, |_| Verdict::Pass)
    }

    /// How many times as long the other side takes.
    fn ratio(&self) -> Option<Summary> {
        self.ended.as_ref().ok().and_then(|times| Summary::of_ratio(&times.other_ms, &times.ours_ms))
    }

    fn cells(&self) -> Vec<String> {
        let dash = || "–".to_owned();
        let time =
            |samples: &[f64]| Summary::of(samples).map_or(dash(), |summary| number::time(summary.median));
        let (ours, other) = match &self.ended {
            Ok(times) => (time(&times.ours_ms), time(&times.other_ms)),
            Err((verdict, _)) => (verdict.name().to_owned(), dash()),
        };
        let ratio = self.ratio().map_or(dash(), |ratio| {
            let [ratio, low, high] = [ratio.median, ratio.low, ratio.high].map(number::three_digits);
            format!("{ratio} [{low}, {high}]")
        });
        vec![self.model.clone(), self.pair.ours.to_string(), self.pair.other.to_string(), ours, other, ratio]
    }

    fn document(&self) -> Value {
        let message = self.ended.as_ref().err().map(|(_, message)| message);
        let times = self.ended.as_ref().ok();
        json!({
            "model": self.model, "ours": self.pair.ours, "other": self.pair.other,
            "verdict": self.verdict(), "message": message, "other_over_ours": self.ratio(),
            "samples": times.map(|times| json!({ "ours_ms": times.ours_ms, "other_ms": times.other_ms })),
        })
    }
}

/// The geometric mean of a pair's ratios, the smallest of them, and how many there are.
fn mean(pair: &Pair, rows: &[Row]) -> Option<(f64, f64, usize)> {
    let ratios: Vec<f64> = rows
        .iter()
        .filter(|row| row.pair == *pair)
        .filter_map(Row::ratio)
        .map(|ratio| ratio.median)
        .collect();
    let smallest = ratios.iter().copied().reduce(f64::min)?;
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    Some(((logarithms / ratios.len() as f64).exp(), smallest, ratios.len()))
}

fn table(pairs: &[Pair], rows: &[Row]) -> String {
    let heads = [
        ("model", Align::Left),
        ("target", Align::Left),
        ("against", Align::Left),
        ("latency", Align::Right),
        ("the other's", Align::Right),
        ("times as fast [95 %]", Align::Right),
    ];
    let mut lines = lay_out(&heads, &rows.iter().map(Row::cells).collect::<Vec<_>>());
    for row in rows {
        if let Err((verdict, message)) = &row.ended {
            lines.push(format!(
                "\n{} against {} ({}):\n  {message}",
                row.pair.ours,
                row.pair.other,
                verdict.name()
            ));
        }
    }
    lines.push(String::new());
    for pair in pairs {
        let Some((mean, smallest, count)) = mean(pair, rows) else { continue };
        let [mean, smallest] = [mean, smallest].map(number::three_digits);
        lines.push(format!(
            "{} is {mean} times as fast as {} over {count} models (geometric mean); the least is {smallest}",
            pair.ours, pair.other
        ));
    }
    lines.join("\n")
}

fn document(pairs: &[Pair], rows: &[Row]) -> String {
    let means = pairs.iter().filter_map(|pair| {
        let (mean, smallest, count) = mean(pair, rows)?;
        Some(json!({ "ours": pair.ours, "other": pair.other, "geometric_mean": mean, "least": smallest, "models": count }))
    });
    let rows: Vec<Value> = rows.iter().map(Row::document).collect();
    format!("{:#}", json!({ "means": means.collect::<Vec<_>>(), "rows": rows }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(model: &str, ended: Result<Times, (Verdict, String)>) -> Row {
        Row { model: model.to_owned(), pair: "webgpu@chrome/ort-webgpu@chrome".parse().unwrap(), ended }
    }

    fn times(ours_ms: f64, other_ms: f64) -> Result<Times, (Verdict, String)> {
        Ok(Times { ours_ms: vec![ours_ms; 3], other_ms: vec![other_ms; 3] })
    }

    #[test]
    fn a_pair_is_two_targets() {
        let pair: Pair = "webgpu@chrome/wgpu:vulkan".parse().unwrap();
        assert_eq!(
            (pair.ours.to_string(), pair.other.to_string()),
            ("webgpu@chrome".into(), "wgpu:vulkan".into())
        );
        for wrong in ["webgpu@chrome", "webgpu@chrome/", "webgp@chrome/wgpu:vulkan"] {
            assert!(wrong.parse::<Pair>().is_err(), "{wrong}");
        }
    }

    /// 4 and 9 times as fast are 6 times in the geometric mean; what failed counts as nothing but is told.
    #[test]
    fn the_mean_is_geometric_and_over_what_ran() {
        let failed = Err((Verdict::Unsupported, "no operator Frobnicate".to_owned()));
        let rows = [row("a", times(1.0, 4.0)), row("b", times(2.0, 18.0)), row("c", failed)];
        let pairs = [rows[0].pair.clone()];
        let (mean, smallest, count) = mean(&pairs[0], &rows).unwrap();
        assert!((mean - 6.0).abs() < 1e-9, "{mean}");
        assert_eq!((smallest, count), (4.0, 2));
        let table = table(&pairs, &rows);
        let last = "webgpu@chrome is 6.00 times as fast as ort-webgpu@chrome over 2 models (geometric mean); the least is 4.00";
        assert_eq!(table.lines().last(), Some(last));
        assert!(table.contains("no operator Frobnicate"), "{table}");
        let document: Value = serde_json::from_str(&document(&pairs, &rows)).unwrap();
        assert_eq!(document["means"][0]["models"], 2);
        assert_eq!(document["rows"][2]["verdict"], "unsupported");
    }
}
