//! Comparisons, noise, gates and what follows from them, with real engines and a real database.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;

use end_to_end::{Ended, Scene, ended};
use serde_json::Value;

/// Runs a command of `parallax` on the scene's database.
fn run(scene: &Scene, words: &[&str]) -> Ended {
    let mut command = scene.parallax(words);
    command.arg("--db").arg(scene.database());
    ended(command)
}

fn rows<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document[name].as_array().map_or_else(|| panic!("{document:#}"), Vec::as_slice)
}

#[test]
fn two_engines_far_apart_are_told_apart_and_a_thing_is_not_told_from_itself() {
    let scene = Scene::new();
    let sides = ["--a", "onnxruntime:cpu", "--b", "wgpu:vulkan"];
    let measured = run(
        &scene,
        &[&["compare", "--models", "bert-tiny", "--rounds", "8", "--samples", "4", "--json"], &sides[..]]
            .concat(),
    );
    assert_eq!(measured.code, Some(0), "{measured:?}");
    let document = measured.document();
    let [row] = rows(&document, "comparisons") else { panic!("{document:#}") };
    assert_eq!(
        (&row["verdict"], &row["paired"], &row["rounds"]),
        (&"faster".into(), &true.into(), &8.into()),
        "{row:#}"
    );
    assert_eq!(row["same_adapter"], false, "a CPU's engine against a CPU in place of a GPU: {row:#}");
    // What was measured is compared from the store, too, and as a table.
    let stored = run(&scene, &[&["compare", "--json"], &sides[..]].concat());
    assert_eq!(stored.document()["comparisons"], document["comparisons"]);
    let table = run(&scene, &[&["compare"], &sides[..]].concat());
    assert!(table.stdout.contains("faster") && table.stdout.contains("two: "), "{table:?}");

    let itself = run(&scene, &["compare", "--a", "onnxruntime:cpu", "--b", "onnxruntime:cpu", "--json"]);
    let document = itself.document();
    let verdict = document["comparisons"][0]["verdict"].as_str().unwrap();
    assert!(matches!(verdict, "same" | "not-sure"), "{document:#}");
    let noise = run(&scene, &["noise", "--json"]);
    let found = noise.document();
    assert_eq!(rows(&found, "noise").len(), 2, "{found:#}");
    assert!(
        rows(&found, "noise").iter().all(|row| row["within_a_run"].as_f64().is_some_and(|noise| noise > 0.0))
    );
}

#[test]
fn a_target_is_compared_with_itself_without_an_optimisation() {
    let scene = Scene::new();
    let sides = ["--a", "wgpu:vulkan", "--b", "wgpu:vulkan+features=-fusion"];
    let words = ["compare", "--models", "bert-tiny", "--rounds", "4", "--samples", "4", "--json"];
    let measured = run(&scene, &[&words[..], &sides].concat());
    assert_eq!(measured.code, Some(0), "{measured:?}");
    let document = measured.document();
    let [row] = rows(&document, "comparisons") else { panic!("{document:#}") };
    assert_eq!(
        (&row["a"], &row["b"], &row["rounds"]),
        (&sides[1].into(), &sides[3].into(), &4.into()),
        "{row:#}"
    );
}

#[test]
fn a_gate_lets_the_same_through_and_fails_on_what_is_slower_or_gone() {
    let scene = Scene::new();
    let sweep = |models: &str, targets: &str| {
        run(&scene, &["sweep", "--models", models, "--targets", targets, "--samples", "100", "--json"])
    };
    // So many that a drift among them, which makes each tell less, leaves enough to be sure.
    let (fast, again) = (sweep("bert-tiny", "onnxruntime:cpu"), sweep("bert-tiny", "onnxruntime:cpu"));
    assert_eq!((fast.code, again.code), (Some(0), Some(0)), "{again:?}");
    // Ten times as long by chance, which a machine shared with others can take, shall not decide what comes here.
    let gate =
        |against: &str| run(&scene, &["gate", "--against", against, "--max-slowdown", "900%", "--json"]);
    let passed = gate("last-pass");
    assert_eq!((passed.code, &passed.document()["verdict"]), (Some(0), &"pass".into()), "{passed:?}");
    let run_id = fast.document()["run"]["id"].as_str().unwrap().to_owned();
    assert_eq!(gate(&run_id).document()["against"], run_id.as_str());

    // The same cell of a baseline whose every sample took a thousandth of the quickest.
    let baseline = scene.database().with_extension("json");
    let mut quicker: Value = serde_json::from_str(&fast.stdout).unwrap();
    let samples = quicker["cases"][0]["metrics"]["latency_ms"]["samples"].as_array_mut().unwrap();
    let quickest = samples.iter().filter_map(Value::as_f64).fold(f64::INFINITY, f64::min);
    samples.fill((quickest / 1000.0).into());
    fs::write(&baseline, quicker.to_string()).unwrap();
    let slower = gate(baseline.to_str().unwrap());
    let document = slower.document();
    assert_eq!((slower.code, &document["verdict"]), (Some(1), &"fail".into()), "{document:#}");
    assert_eq!(document["findings"][0]["kind"], "slowdown", "{document:#}");
    let table = run(&scene, &["gate", "--against", baseline.to_str().unwrap()]);
    assert!(table.code == Some(1) && table.stdout.contains("times as long as before"), "{table:?}");
    // One that worked elsewhere.
    quicker["cases"][0]["target"] = "burn:cpu".into();
    fs::write(&baseline, quicker.to_string()).unwrap();
    let apart = gate(baseline.to_str().unwrap());
    assert!(apart.code == Some(2) && apart.stderr.contains("no cell in common"), "{apart:?}");
}

#[test]
fn what_cannot_be_answered_is_said_with_what_would_do() {
    let scene = Scene::new();
    let sweep =
        run(&scene, &["sweep", "--models", "bert-tiny", "--targets", "onnxruntime:cpu", "--samples", "3"]);
    assert_eq!(sweep.code, Some(0), "{sweep:?}");
    let pair = ["compare", "--a", "onnxruntime:cpu", "--b"];
    for (words, parts) in [
        (
            &[&pair[..], &["wgpu:vulkan"]].concat()[..],
            &["nothing can be compared", "there is no result of it on wgpu:vulkan"][..],
        ),
        (&[&pair[..], &["onnxruntime:cpu", "--run", "zzz"]].concat(), &["there is no run \"zzz\"", "last"]),
        (
            &[&pair[..], &["onnxruntime:cpu", "--metric", "latncy_ms"]].concat(),
            &["no metric \"latncy_ms\"", "did you mean \"latency_ms\""],
        ),
        (&["compare", "--a", "onnxruntime:cpu"], &["give both --a and --b"]),
        (&["compare"], &["nothing to compare", "--pairs"]),
        (&["gate", "--against", "last-pass"], &["no earlier sweep that passed"]),
        (&["gate", "--against", "zzz"], &["there is no run \"zzz\""]),
        (&["gate", "--against", "none/such.json"], &["none/such.json", "No such file"]),
        (&["gate", "--against", "last", "--run", "zzz"], &["there is no run \"zzz\""]),
        (&["noise"], &["no target took turns", "--rounds"]),
        (&["history"], &["there is one run of it"]),
        (&["history", "--model", "bert-tny"], &["no result of that"]),
        (&["predict"], &["1 cells are known", "twelve"]),
        (&["recommend", "--model", "bert-tny"], &["did you mean \"bert-tiny\""]),
    ] {
        let answered = run(&scene, words);
        assert_eq!(answered.code, Some(2), "{words:?}: {answered:?}");
        for part in parts {
            assert!(answered.stderr.contains(part), "{words:?}: {}", answered.stderr);
        }
    }
    let recommended = run(&scene, &["recommend", "--model", "bert-tiny", "--json"]);
    assert_eq!(recommended.document()["recommended"]["place"], "onnxruntime:cpu");
    let accurate = run(&scene, &["recommend", "--model", "bert-tiny", "--goal", "accuracy"]);
    assert!(accurate.code == Some(0) && accurate.stdout.contains("for accuracy take"), "{accurate:?}");
    let kept =
        run(&scene, &["sweep", "--models", "bert-tiny", "--targets", "onnxruntime:cpu", "--samples", "3"]);
    assert_eq!(kept.code, Some(0), "nothing is lost by a question: {kept:?}");
    let history = run(&scene, &["history", "--json"]);
    assert_eq!(rows(&history.document()["histories"][0], "points").len(), 2);
}

#[test]
fn several_jobs_at_a_time_say_so_and_are_not_compared_with_one() {
    let scene = Scene::new();
    let words = [
        "sweep",
        "--models",
        "bert-tiny,vit-tiny",
        "--targets",
        "onnxruntime:cpu,wgpu:vulkan",
        "--samples",
        "200",
    ];
    let both = run(&scene, &[&words[..], &["--jobs", "2", "--json"]].concat());
    assert_eq!(both.code, Some(0), "{both:?}");
    let document = both.document();
    let most = rows(&document, "cases").iter().filter_map(|case| case["concurrency"].as_u64()).max();
    assert_eq!(most, Some(2), "{document:#}");
    assert_eq!(document["time_spent"], Value::Null, "what overlaps does not add up");
    let one = run(&scene, &[&words[..], &["--json"]].concat());
    let alone = one.document();
    assert!(rows(&alone, "cases").iter().all(|case| case["concurrency"] == 1), "{alone:#}");
    assert!(alone["time_spent"]["harness_ms_a_case"].as_f64().is_some(), "{alone:#}");
}
