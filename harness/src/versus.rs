//! `parallax bench models`: each model on two targets, turn by turn, and how many times as long the second takes.

use std::mem;
use std::time::Duration;

use indicatif::ProgressBar;
use protocol::{InferenceReport, Job, Metric, Target, Verdict};
use serde_json::{Value, json};

use crate::case::{Case, expand};
use crate::cli::{SweepArgs, VersusArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::judge;
use crate::lane::{Ended, Event, Lane, Listener, NoAnswer, Open, Queue, Then, Unit};
use crate::number;
use crate::pair::Pair;
use crate::plan::Plan;
use crate::report::columns::{Align, lay_out};
use crate::screen;
use crate::session::{Context, Place};
use crate::statistics::Summary;

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

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
        let side = |name: &str, target: &Target| {
            cases.iter().find(|case| case.model.manifest.name == name && case.target == *target)
        };
        let turns = plan.models.iter().filter_map(|model| {
            let name = &model.manifest.name;
            let sides = [side(name, &pair.ours)?, side(name, &pair.other)?];
            Some(Turn { sides, turn: 0, limit: plan.timeout })
        });
        let mut comparisons = Comparisons {
            pair,
            rounds: args.rounds,
            spinner: &spinner,
            times: Times::default(),
            rows: Vec::new(),
        };
        Lane::new(&context, Open::OneAtEachPlace).run(Queue::new(turns), &mut comparisons).await?;
        rows.extend(comparisons.rows);
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

/// One side of a model's comparison in a round: who begins changes from round to round.
#[derive(Clone)]
struct Turn<'a> {
    sides: [&'a Case; 2],
    /// From 0: two to a round.
    turn: u32,
    limit: Duration,
}

impl Turn<'_> {
    fn side(&self) -> usize {
        let second_of_its_round = self.turn % 2;
        let other_begins = self.turn / 2 % 2;
        (second_of_its_round ^ other_begins) as usize
    }

    fn case(&self) -> &Case {
        self.sides[self.side()]
    }
}

impl Unit for Turn<'_> {
    type Report = InferenceReport;

    fn place(&self) -> Place {
        Place::of(&self.case().target)
    }

    fn job(&self, context: &Context, id: u64) -> Job {
        self.case().job(context, id)
    }

    fn limit(&self) -> Duration {
        self.limit
    }
}

/// What a pair's comparisons come to.
struct Comparisons<'a> {
    pair: &'a Pair,
    rounds: u32,
    spinner: &'a ProgressBar,
    times: Times,
    rows: Vec<Row>,
}

impl<'a> Listener<Turn<'a>> for Comparisons<'_> {
    fn hear(&mut self, event: Event<'_, Turn<'a>>) -> Result<Then<Turn<'a>>, Error> {
        match event {
            Event::Opening(_) => {}
            Event::Started(turn) => {
                let Pair { ours, other } = self.pair;
                let model = &turn.case().model.manifest.name;
                self.spinner.set_message(screen::shown(&format!("{model}: {ours} against {other}")));
            }
            Event::Ended(turn, ended) => return Ok(Then { spent: false, next: self.ended(turn, ended) }),
        }
        Ok(Then::default())
    }
}

impl Comparisons<'_> {
    /// Keeps a turn's time, and gives the next turn of the model, if there is one.
    fn ended<'a>(&mut self, turn: Turn<'a>, ended: Ended<InferenceReport>) -> Option<Turn<'a>> {
        let ended = match latency_ms(turn.case(), ended.answer) {
            Ok(latency_ms) => {
                [&mut self.times.ours_ms, &mut self.times.other_ms][turn.side()].push(latency_ms);
                if turn.turn + 1 < 2 * self.rounds {
                    return Some(Turn { turn: turn.turn + 1, ..turn });
                }
                Ok(mem::take(&mut self.times))
            }
            Err((verdict, message)) => {
                self.times = Times::default();
                Err((verdict, format!("{}: {message}", turn.case())))
            }
        };
        let row = Row { model: turn.case().model.manifest.name.clone(), pair: self.pair.clone(), ended };
        // A run of hours that is cut short leaves what it has measured.
        self.spinner.suspend(|| screen::tell(&row.cells().join("  ")));
        self.rows.push(row);
        None
    }
}

/// The median latency of one job; a wrong answer is as good as none.
fn latency_ms(case: &Case, answer: Result<InferenceReport, NoAnswer>) -> Result<f64, (Verdict, String)> {
    let judgement = judge::answer(case, &answer);
    let Ok(report) = answer else {
        return Err((judgement.verdict, judgement.message.unwrap_or_default()));
    };
    if judgement.verdict != Verdict::Pass {
        return Err((judgement.verdict, judgement.message.unwrap_or_default()));
    }
    let latencies = report.metrics.iter().find(|samples| samples.metric == Metric::LatencyMs);
    let summary = latencies.and_then(|samples| Summary::of(&samples.values));
    summary.map(|summary| summary.median).ok_or((Verdict::Error, "no inference was timed".to_owned()))
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
        let ratio = self.ratio().map_or(dash(), |ratio| number::ratio_interval(&ratio));
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
