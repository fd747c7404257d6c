//! What is asked of the database, each question by a process of its own, so that time and memory are that question's alone.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::Instant;

use clap::Parser;
use harness::cli::{Cli, Command};
use harness::statistics::Summary;
use harness::store::{Store, Wanted};
use harness::{compare, gate, history, matrix, noise, page, predict, publish, recommend};
use protocol::Metric;
use tokio::runtime::Runtime;

use crate::loaded::Runs;

type Answer = Result<(), Box<dyn Error>>;

/// So many processes ask each question.
const TIMES: usize = 5;
/// What follows a question's number on the command line of such a process.
pub const ASKED: &str = "--question";

/// A question, as tables have it, and how it is asked.
struct Question {
    name: &'static str,
    ask: fn(&Path, &Runs) -> Answer,
}

const QUESTIONS: [Question; 16] = [
    Question {
        name: "opening",
        ask: |file, _| {
            let _ = Store::open(file)?;
            Ok(())
        },
    },
    Question { name: "report", ask: |file, _| command(file, &["report"]) },
    Question { name: "matrix", ask: |file, _| command(file, &["matrix"]) },
    Question {
        name: "compare, in one sweep",
        ask: |file, _| command(file, &["compare", "--a", CHROME, "--b", FIREFOX, "--run", "last"]),
    },
    Question {
        name: "compare, by the last results",
        ask: |file, _| command(file, &["compare", "--a", CHROME, "--b", FIREFOX]),
    },
    Question { name: "gate", ask: |file, runs| command(file, &["gate", "--against", &runs.before_last]) },
    Question {
        name: "the last sweep that passed",
        ask: |file, _| {
            let store = Store::open(file)?;
            // There may be none.
            let _ = store.last_passing_sweep(&store.find_sweep("last")?);
            Ok(())
        },
    },
    Question { name: "noise", ask: |file, runs| command(file, &["noise", "--run", &runs.in_turns]) },
    Question {
        name: "history, a model on a target",
        ask: |file, _| command(file, &["history", "--model", MODEL, "--target", CHROME]),
    },
    Question { name: "history, a model", ask: |file, _| command(file, &["history", "--model", MODEL]) },
    Question { name: "history, everything", ask: |file, _| command(file, &["history"]) },
    Question { name: "recommend", ask: |file, _| command(file, &["recommend", "--model", MODEL]) },
    Question {
        name: "the page: cells of a sweep",
        ask: |file, _| {
            let store = Store::open(file)?;
            store.report(&store.find_sweep("last")?)?;
            Ok(())
        },
    },
    Question {
        name: "the page: a case's history",
        ask: |file, _| {
            let target = Some(CHROME.to_owned());
            let wanted = Wanted { model: Some(MODEL), target, in_short: true, ..Wanted::default() };
            Store::open(file)?.measurements(Metric::LatencyMs, &wanted)?;
            Ok(())
        },
    },
    Question {
        name: "the page: all of a sweep",
        ask: |file, _| {
            let store = Store::open(file)?;
            page::sweep::of(&store, &store.find_sweep("last")?)?;
            Ok(())
        },
    },
    Question {
        name: "what cases take, before a sweep",
        ask: |file, _| {
            let _ = Store::open(file)?.durations()?;
            Ok(())
        },
    },
];

const CHROME: &str = "webgpu@chrome";
const FIREFOX: &str = "webgpu@firefox";
const MODEL: &str = "model-03";

/// Runs a command as `parallax` does.
fn command(file: &Path, words: &[&str]) -> Answer {
    let file = file.display().to_string();
    let line = ["parallax"].into_iter().chain(words.iter().copied()).chain(["--db", file.as_str()]);
    match Cli::try_parse_from(line)?.command {
        Command::Report(args) => publish::run(&args)?,
        Command::Matrix(args) => matrix::run(&args)?,
        Command::Compare(args) => Runtime::new()?.block_on(compare::run(&args))?,
        Command::Gate(args) => Runtime::new()?.block_on(gate::run(&args))?,
        Command::Noise(args) => Runtime::new()?.block_on(noise::run(&args))?,
        Command::History(args) => history::run(&args)?,
        Command::Recommend(args) => recommend::run(&args)?,
        Command::Predict(args) => predict::run(&args)?,
        _ => return Err(format!("nothing here runs {words:?}").into()),
    };
    Ok(())
}

/// Asks one question and tells on standard error what it took: milliseconds, those of processors, and megabytes at the most.
pub fn answer(number: &str, folder: &Path) -> Answer {
    let question = QUESTIONS.get(number.parse::<usize>()?).ok_or("there is no such question")?;
    let (file, runs) = (folder.join(crate::DATABASE), Runs::read(folder)?);
    let begun = Instant::now();
    (question.ask)(&file, &runs)?;
    eprintln!("{} {} {}", begun.elapsed().as_secs_f64() * 1e3, processor_ms()?, peak_mb()?);
    Ok(())
}

/// Has every question asked, and prints what it took.
pub fn print_all(folder: &Path) -> Answer {
    println!("question                          median ms  slowest ms  of processors ms  MB at most");
    for (number, question) in QUESTIONS.iter().enumerate() {
        let taken = (0..TIMES).map(|_| asked(number, folder)).collect::<Result<Vec<_>, _>>()?;
        let column = |at: usize| taken.iter().map(|one| one[at]).collect::<Vec<f64>>();
        let median = |at: usize| Summary::of(&column(at)).map_or(f64::NAN, |summary| summary.median);
        let most = |at: usize| column(at).into_iter().fold(0.0, f64::max);
        let (name, [ms, slowest_ms, processor_ms, mb]) =
            (question.name, [median(0), most(0), median(1), most(2)]);
        println!("{name:32}  {ms:>9.0}  {slowest_ms:>10.0}  {processor_ms:>16.0}  {mb:>10.0}");
    }
    Ok(())
}

/// What a question told that was asked by a process of its own.
fn asked(number: usize, folder: &Path) -> Result<[f64; 3], Box<dyn Error>> {
    let mut process = Process::new(std::env::current_exe()?);
    process.arg(ASKED).arg(number.to_string()).arg(folder).stdout(Stdio::null());
    let output = process.output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    let numbers = told.lines().last().unwrap_or_default().split(' ').map(str::parse);
    let numbers = numbers.collect::<Result<Vec<f64>, _>>().unwrap_or_default();
    match (output.status.success(), &numbers[..]) {
        (true, &[ms, processor_ms, mb]) => Ok([ms, processor_ms, mb]),
        _ => Err(format!("{}: {told}", QUESTIONS[number].name).into()),
    }
}

/// How long processors worked for this process, its start included, as Linux counts it: in hundredths of a second.
fn processor_ms() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name before may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? * 10.0)
}

/// The most memory that this process ever had resident, as Linux counts it.
pub fn peak_mb() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .ok_or("this system does not count memory so")?;
    Ok(kib.trim().parse::<f64>()? * 1024.0 / 1e6)
}
