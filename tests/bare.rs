//! Bare ONNX files: inputs that the model accepts, extents as asked or by custom and told in the row, doubts about the
//! reference told too, and a cache that is shown and cleared.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use end_to_end::{Process, Scene, case, checkout, descendants, ended, signal, started, survivors, wait_for};

const OURS: &str = "wgpu:vulkan";
const REFERENCE: &str = "onnxruntime:cpu";

fn bare(name: &str) -> String {
    checkout().join("fixtures/cases/bare").join(format!("{name}.onnx")).to_string_lossy().into_owned()
}

/// Lets a command see caches of the scene's own.
fn at(scene: &Scene, mut command: Command) -> Command {
    command.env("XDG_CACHE_HOME", scene.path("cache"));
    command.env("PARALLAX_ONNXRUNTIME", protocol::cache::onnxruntime_library());
    command
}

/// A file, what is asked of it, and what the row has to say.
struct Row {
    file: &'static str,
    flags: &'static [&'static str],
    target: &'static str,
    verdict: &'static str,
    batch: u32,
    notes: &'static [&'static str],
}

const ROWS: [Row; 7] = [
    Row {
        file: "minus_one_dimension",
        flags: &[],
        target: OURS,
        verdict: "pass",
        batch: 1,
        notes: &["open dimensions: x.0 = 1; others with --dimension"],
    },
    Row {
        file: "unnamed_dimensions",
        flags: &[],
        target: OURS,
        verdict: "pass",
        batch: 1,
        notes: &["open dimensions: x.0 = 1, s.1 = 1;"],
    },
    Row {
        file: "unnamed_dimensions",
        flags: &["--dimension", "x.0=3"],
        target: OURS,
        verdict: "pass",
        batch: 3,
        notes: &["open dimensions: x.0 = 3, s.1 = 3;"],
    },
    Row {
        file: "accepted_integers",
        flags: &["--dimension", "sequence=64"],
        target: OURS,
        verdict: "pass",
        batch: 1,
        notes: &["open dimensions: N = 1, sequence = 64;"],
    },
    Row { file: "two_scales", flags: &[], target: OURS, verdict: "pass", batch: 1, notes: &[] },
    Row {
        file: "random_nodes",
        flags: &[],
        target: REFERENCE,
        verdict: "mismatch",
        batch: 1,
        notes: &["the reference differs from itself"],
    },
    Row {
        file: "cancelling",
        flags: &[],
        target: REFERENCE,
        verdict: "pass",
        batch: 1,
        notes: &[
            "the reference is no surer than what is allowed, 1e-4: with its optimisations off, its output \"y\"",
        ],
    },
];

#[test]
fn a_bare_file_is_completed_with_what_the_model_accepts_and_its_row_says_how() {
    let scene = Scene::new();
    for Row { file, flags, target, verdict, batch, notes } in ROWS {
        let mut more = vec!["--samples", "2"];
        more.extend(flags);
        let sweep = ended(at(&scene, scene.sweep(&[&bare(file)], &[target], &more)));
        let cases = sweep.cases();
        let row = case(&cases, file, target);
        assert_eq!((&row["verdict"], &row["batch"]), (&verdict.into(), &batch.into()), "{file}: {row:#}");
        let told = row["features"]["notes"].as_str().unwrap_or_default();
        assert!(notes.iter().all(|note| told.contains(note)), "{file}: {told}");
        assert_eq!(told.is_empty(), notes.is_empty(), "{file}: {told}");
    }
}

#[test]
fn a_file_that_never_ends_costs_its_own_rows_within_the_limit() {
    let scene = Scene::new();
    let endless = bare("endless");
    for (models, verdicts) in
        [(&[endless.as_str(), "bert-tiny"][..], ["pass", "timeout"].as_slice()), (&[&endless], &["timeout"])]
    {
        let begun = Instant::now();
        let sweep =
            ended(at(&scene, scene.sweep(models, &[REFERENCE], &["--samples", "2", "--timeout-s", "3"])));
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        assert_eq!(sweep.code, Some(1), "{sweep:?}");
        let cases = sweep.cases();
        let found: Vec<&str> = cases.iter().filter_map(|case| case["verdict"].as_str()).collect();
        assert_eq!(found, verdicts, "{cases:#?}");
        let message = case(&cases, &endless, REFERENCE)["message"].as_str();
        assert_eq!(message, Some("completing it with inputs and expected outputs: no answer within 3 s"));
    }
}

#[test]
fn an_interrupt_ends_what_is_being_completed() {
    let scene = Scene::new();
    let targets = ["sweep", "--targets", REFERENCE, "--db", "sweep.duckdb", "--models"];
    for command in [&targets[..], &["profile", "--target", OURS, "--model"]] {
        let mut harness =
            started(at(&scene, scene.parallax(command.iter().copied().chain([bare("endless").as_str()]))));
        let family = wait_for("the runner", Duration::from_secs(60), || {
            let family = descendants(harness.id());
            let computes = |process: &Process| {
                !process.command.contains("guard --") && process.command.contains("native-runner")
            };
            family.iter().any(computes).then_some(family)
        });
        signal("INT", harness.id());
        assert_eq!(harness.wait().unwrap().code(), Some(130), "{command:?}");
        wait_for("every process to end", Duration::from_secs(10), || {
            survivors(&family).is_empty().then_some(())
        });
    }
}

#[test]
fn the_cache_is_shown_and_cleared() {
    let scene = Scene::new();
    let show = |flags: &[&str]| {
        let shown = ended(at(&scene, scene.parallax(["cache"].iter().chain(flags))));
        assert_eq!(shown.code, Some(0), "{shown:?}");
        shown.stdout
    };
    assert!(show(&[]).contains("0 folders, 0 B of at most 1.07 GB"));
    ended(at(&scene, scene.sweep(&[&bare("minus_one_dimension")], &[REFERENCE], &["--samples", "2"])));
    let shown = show(&[]);
    assert!(shown.contains("minus_one_dimension-") && shown.contains("1 folder, "), "{shown}");
    assert!(show(&["--clear"]).starts_with("1 folder, "));
    assert!(show(&[]).contains("0 folders"));
    let left: Vec<PathBuf> = fs::read_dir(scene.path("cache/parallax/models"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
