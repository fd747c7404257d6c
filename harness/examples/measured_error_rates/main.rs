//! Prints how often verdicts on real latencies err: of a target beside itself, and beside itself with one dispatch more, on an
//! idle machine and beside other load. Arguments are the program `parallax` and a folder for the databases; one that is there
//! already is taken as it is.
//!
//! A long sweep in turns of each target is a stock of sessions, each of two rounds. A comparison draws sessions from it until the
//! tool's own rule ends it, and is decided as `parallax compare` decides. What a target and itself are called is drawn anew for
//! each session, so that every comparison of them is one that could have been taken.

mod load;
mod model;
mod stock;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use harness::store::{Store, Wanted};
use load::Load;
use protocol::Metric;
use stock::{ITSELF, SLOWER, Stock};

/// Each with as many dispatches as make one more about five per cent, with what a submission costs besides.
const TARGETS: [(&str, usize); 3] = [("webgpu@chrome", 5), ("webgpu@firefox", 11), ("wgpu:vulkan", 11)];
/// Rounds of the sweep that they are drawn from.
const ROUNDS: &str = "96";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [parallax, folder] = &arguments[..] else {
        eprintln!("error: name the program parallax and a folder for databases");
        return ExitCode::FAILURE;
    };
    match print(Path::new(parallax), Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(parallax: &Path, folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    println!(
        "                               rounds   beside itself                      with a dispatch more"
    );
    println!(
        "{} comparisons of each     scatter  claimed     same    alike  rounds   slower    found    wrong    alike  rounds",
        stock::COMPARISONS
    );
    for (machine, loaded) in [("idle", false), ("loaded", true)] {
        let database = folder.join(machine).with_extension("duckdb");
        if !database.exists() {
            let load = loaded.then(Load::begin);
            for (target, steps) in TARGETS {
                let model = folder.join("steps.onnx");
                fs::write(&model, model::file(steps))?;
                sweep(parallax, &model, target, &database)?;
            }
            drop(load);
        }
        let store = Store::open(&database)?;
        let taken = store.measurements(Metric::LatencyMs, &Wanted::default())?;
        for (target, _) in TARGETS {
            let rates = Stock::of(target, &taken)?.rates().ok_or("something failed in the sweep")?;
            println!("{target:15}  {machine:12}  {rates}");
        }
    }
    Ok(())
}

/// Measures one target, by itself: turns of a comparison follow each other closely.
fn sweep(parallax: &Path, model: &Path, target: &str, database: &Path) -> Result<(), Box<dyn Error>> {
    let mut sweep = Command::new(parallax);
    sweep.arg("sweep").arg("--models").arg(model).arg("--db").arg(database);
    sweep.args(["--targets", target, "--rounds", ROUNDS, "--large"]);
    sweep.args(["", ITSELF, SLOWER].map(|setting| format!("--features={setting}")));
    let ended = sweep.output()?;
    if ended.status.success() {
        return Ok(());
    }
    Err(format!("the sweep failed: {}", String::from_utf8_lossy(&ended.stderr)).into())
}
