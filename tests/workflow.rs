//! What CI runs is sound: the action, the workflow and the README's lines keep to rules, and their commands do what they should.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::{Ended, Scene, bad_model, checkout, ended, program};
use serde_yaml_ng::Value;

const ACTION: &str = "action.yml";
const WORKFLOW: &str = ".github/workflows/parallax.yml";
const README: &str = "README.md";

/// A text of the checkout.
fn text(path: &str) -> String {
    fs::read_to_string(checkout().join(path)).unwrap()
}

/// The blocks of a Markdown document in one language.
fn blocks(path: &str, language: &str) -> Vec<String> {
    let text = text(path);
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

/// The README's lines for CI.
fn readme_lines() -> String {
    let [lines] = &blocks(README, "yaml")[..] else { panic!("the README has not one block of YAML") };
    lines.clone()
}

/// What is YAML, with its name.
fn documents() -> [(&'static str, Value); 3] {
    [(ACTION, text(ACTION)), (WORKFLOW, text(WORKFLOW)), (README, readme_lines())].map(|(name, yaml)| {
        (name, serde_yaml_ng::from_str(&yaml).unwrap_or_else(|error| panic!("{name}: {error}")))
    })
}

/// The lists of steps of a document: a workflow's by job, an action's own.
fn lists_of_steps(document: &Value) -> Vec<Vec<Value>> {
    let of = |owner: &Value| owner["steps"].as_sequence().cloned();
    let jobs = document["jobs"].as_mapping().map(|jobs| jobs.values().filter_map(of).collect());
    jobs.unwrap_or_else(|| of(&document["runs"]).into_iter().collect())
}

fn every_step() -> Vec<(&'static str, Value)> {
    let documents = documents().into_iter();
    documents
        .flat_map(|(name, document)| {
            lists_of_steps(&document).into_iter().flatten().map(move |step| (name, step)).collect::<Vec<_>>()
        })
        .collect()
}

/// The strings below a value.
fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Sequence(all) => all.iter().flat_map(strings).collect(),
        Value::Mapping(map) => map.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// The names that expressions of a document have after a word and a dot: of `inputs` those in `inputs.plan`.
fn named(document: &Value, word: &str) -> BTreeSet<String> {
    let start = format!("{word}.");
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let mut found = BTreeSet::new();
    for text in strings(document) {
        for (at, _) in text.match_indices(&start) {
            let before = text[..at].chars().last();
            if before.is_none_or(|c| !is_name(c) && c != '/') {
                found.insert(text[at + start.len()..].chars().take_while(|c| is_name(*c)).collect());
            }
        }
    }
    found
}

fn keys(value: &Value) -> BTreeSet<String> {
    let keys = value.as_mapping().into_iter().flat_map(|map| map.keys());
    keys.filter_map(|key| key.as_str().map(str::to_owned)).collect()
}

#[test]
fn every_action_has_a_version_and_no_script_an_expression() {
    let steps = every_step();
    assert!(steps.len() > 15, "only {} steps found", steps.len());
    for (name, step) in steps {
        match (step["uses"].as_str(), step["run"].as_str()) {
            (Some("./"), None) => {}
            (Some(uses), None) => {
                let (action, version) =
                    uses.split_once('@').unwrap_or_else(|| panic!("{name}: {uses} has no version"));
                let major = version.strip_prefix('v').is_some_and(|number| number.parse::<u32>().is_ok());
                assert!(major || action.ends_with("/parallax"), "{name}: {uses} has no major version");
            }
            (None, Some(script)) => {
                // What is put into a script by an expression is run with it; a variable's value is not.
                assert!(!script.contains("${{"), "{name}: an expression in {script}");
                assert!(name != ACTION || step["shell"] == "bash", "{name}: no shell for {script}");
                let mut bash = Command::new("bash");
                bash.args(["-n", "-c", script]);
                let parsed = ended(bash);
                assert_eq!(parsed.code, Some(0), "{name}: {}", parsed.stderr);
            }
            other => panic!("{name}: a step is {other:?}"),
        }
    }
}

#[test]
fn inputs_and_outputs_are_those_that_the_action_declares() {
    let [(_, action), (_, workflow), (_, readme)] = documents();
    let inputs = keys(&action["inputs"]);
    assert_eq!(named(&action, "inputs"), inputs, "declared, and used");
    for (name, document) in [(WORKFLOW, &workflow), (README, &readme)] {
        let steps: Vec<Value> = lists_of_steps(document).into_iter().flatten().collect();
        let is_ours = |step: &&Value| {
            step["uses"].as_str().is_some_and(|uses| uses == "./" || uses.contains("/parallax@"))
        };
        let ours: Vec<&Value> = steps.iter().filter(is_ours).collect();
        assert!(!ours.is_empty(), "{name} does not use the action");
        for step in ours {
            let given = keys(&step["with"]);
            assert!(given.is_subset(&inputs), "{name}: {given:?} are not all among {inputs:?}");
        }
    }
    let outputs: BTreeSet<String> =
        keys(&action["outputs"]).iter().map(|name| format!("parallax.outputs.{name}")).collect();
    let used: BTreeSet<String> =
        named(&workflow, "steps").into_iter().filter(|name| name.starts_with("parallax.")).collect();
    assert!(!used.is_empty() && used.is_subset(&outputs), "{used:?} are not all among {outputs:?}");
}

#[test]
fn what_a_step_gives_to_others_it_writes() {
    let (_, action) = &documents()[0];
    let steps = lists_of_steps(action).concat();
    for name in named(action, "steps") {
        let (id, output) = name.split_once(".outputs.").unwrap_or_else(|| panic!("steps.{name}"));
        let giver = steps.iter().find(|step| step["id"] == id).unwrap_or_else(|| panic!("no step {id}"));
        let script = giver["run"].as_str().unwrap_or_default();
        assert!(script.contains(&format!("echo \"{output}=")), "{id} does not write {output}");
    }
}

#[test]
fn a_workflow_may_do_no_more_than_it_must() {
    let (_, workflow) = &documents()[1];
    let permissions = |owner: &Value| -> Vec<String> {
        let all = owner["permissions"].as_mapping().into_iter().flatten();
        all.map(|(name, right)| format!("{}: {}", name.as_str().unwrap(), right.as_str().unwrap())).collect()
    };
    assert_eq!(permissions(workflow), ["contents: read"]);
    for (job, value) in workflow["jobs"].as_mapping().unwrap() {
        let expected: &[&str] = if job == "publish" { &["pages: write", "id-token: write"] } else { &[] };
        assert_eq!(permissions(value), expected, "{job:?}");
        assert!(value["timeout-minutes"].is_number(), "{job:?} may hang for hours");
    }
    // A change from elsewhere would run with this repository's rights.
    assert!(!text(WORKFLOW).contains("pull_request_target"));
}

#[test]
fn the_readme_shows_ten_lines() {
    let lines = readme_lines();
    assert_eq!(lines.lines().count(), 10, "{lines}");
}

/// The values of expressions, by what stands between `${{` and `}}`.
type Context = BTreeMap<String, String>;

/// What the action's steps see by default, in a folder.
fn context(folder: &Path, inputs: &[(&str, &str)]) -> Context {
    let (_, action) = &documents()[0];
    let declared = action["inputs"].as_mapping().unwrap();
    let default = |(name, input): (&Value, &Value)| {
        (format!("inputs.{}", name.as_str().unwrap()), input["default"].as_str().unwrap().to_owned())
    };
    let mut context: Context = declared.iter().map(default).collect();
    context.insert("runner.temp".to_owned(), folder.display().to_string());
    context.extend(inputs.iter().map(|(name, value)| (format!("inputs.{name}"), (*value).to_owned())));
    context
}

/// A text with its expressions replaced by their values; a step that was not run has given nothing.
fn filled(text: &str, context: &Context) -> String {
    let mut parts = text.split("${{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once("}}").unwrap();
        let expression = expression.trim();
        let value = context.get(expression).map(String::as_str);
        let value = value.or_else(|| expression.starts_with("steps.").then_some(""));
        filled += value.unwrap_or_else(|| panic!("nothing is known of {expression}"));
        filled += rest;
    }
    filled
}

/// A job on a runner: its folder, what its steps see, the programs on its path.
struct Job<'a> {
    scene: &'a Scene,
    context: Context,
    programs: PathBuf,
    run_id: &'a str,
}

impl Job<'_> {
    /// Runs a step as the runner does, and takes over what it gives to others.
    fn run(&mut self, step: &Value) -> Ended {
        let output = self.scene.path("output");
        fs::write(&output, "").unwrap();
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"].as_str().unwrap()]);
        bash.current_dir(self.scene.path("."));
        for (name, value) in step["env"].as_mapping().into_iter().flatten() {
            bash.env(name.as_str().unwrap(), filled(value.as_str().unwrap(), &self.context));
        }
        let path = std::env::var("PATH").unwrap_or_default();
        bash.env("PATH", format!("{}:{path}", self.programs.display())).env("GITHUB_OUTPUT", &output);
        bash.env("GITHUB_STEP_SUMMARY", self.scene.path("summary.md"))
            .env("GITHUB_PATH", self.scene.path("path"));
        bash.env("GITHUB_ACTION_PATH", checkout()).env("GITHUB_RUN_ID", self.run_id);
        let ended = ended(bash);
        let id = step["id"].as_str().unwrap_or_default();
        for (name, value) in
            fs::read_to_string(&output).unwrap().lines().filter_map(|line| line.split_once('='))
        {
            self.context.insert(format!("steps.{id}.outputs.{name}"), value.to_owned());
        }
        ended
    }

    /// Runs the action's steps of these names one after the other.
    fn run_named(&mut self, ids: &[&str]) -> Vec<Ended> {
        let (_, action) = &documents()[0];
        let steps = lists_of_steps(action).concat();
        let named = |id: &&str| {
            steps.iter().find(|step| step["id"] == **id).unwrap_or_else(|| panic!("no step {id}"))
        };
        ids.iter().map(|id| self.run(named(id))).collect()
    }

    fn output(&self, name: &str) -> &str {
        self.context.get(&format!("steps.{name}")).map(String::as_str).unwrap_or_default()
    }
}

/// Ends what is noted of a call.
const END: &str = "(end)\n";

/// Programs that only note how they were called, an argument a line.
fn stand_ins(scene: &Scene) -> PathBuf {
    let folder = scene.path("stand-ins");
    fs::create_dir(&folder).unwrap();
    for name in ["parallax", "cargo", "rustup"] {
        let path = folder.join(name);
        let calls = scene.path(&format!("{name}.calls"));
        fs::write(&path, format!("#!/bin/sh\nprintf '%s\\n' \"$@\" '(end)' >> '{}'\n", calls.display()))
            .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// Every script that calls `parallax`, with what its step sees.
fn scripts(folder: &Path) -> Vec<(Value, Context)> {
    let (_, action) = &documents()[0];
    let steps = lists_of_steps(action).concat();
    let runs = |step: &&Value| step["run"].is_string();
    let sharded = [("shard", "2"), ("shards", "5"), ("against", "")];
    let mut all: Vec<(Value, Context)> = Vec::new();
    for inputs in [&[][..], &sharded] {
        all.extend(steps.iter().filter(runs).map(|step| (step.clone(), context(folder, inputs))));
    }
    let of_docs = blocks("docs/ci.md", "sh");
    assert!(!of_docs.is_empty(), "docs/ci.md shows no script");
    let as_step =
        |script: String| Value::Mapping([("run".into(), Value::String(script))].into_iter().collect());
    all.extend(of_docs.into_iter().map(|script| (as_step(script), context(folder, &[]))));
    all
}

#[test]
fn every_command_is_one_that_the_tool_knows() {
    let scene = Scene::new();
    let programs = stand_ins(&scene);
    fs::create_dir_all(scene.path("parallax/shards")).unwrap();
    for (step, context) in scripts(&scene.path(".")) {
        let mut job = Job { scene: &scene, context, programs: programs.clone(), run_id: "1" };
        let ended = job.run(&step);
        assert_eq!(ended.code, Some(0), "{step:?}: {ended:?}");
    }
    let calls = fs::read_to_string(scene.path("parallax.calls")).unwrap();
    let calls: BTreeSet<Vec<&str>> = calls.split(END).map(|call| call.lines().collect()).collect();
    let commands: BTreeSet<&str> = calls.iter().filter_map(|call| call.first().copied()).collect();
    for command in ["sweep", "merge", "gate", "report"] {
        assert!(commands.contains(command), "no script calls {command}: {commands:?}");
    }
    for call in calls.into_iter().filter(|call| !call.is_empty()) {
        // Help is shown where all that stands before it was understood.
        let shown = ended(scene.parallax(call.iter().chain(&["--help"])));
        assert_eq!(shown.code, Some(0), "{call:?}: {}", shown.stderr);
    }
    let cargo = fs::read_to_string(scene.path("cargo.calls")).unwrap();
    assert!(cargo.contains("xtask\nsetup") && cargo.contains("xtask\nwasm"), "{cargo}");
}

const PLAN: &str = "models = [\"bert-tiny\", \"vit-tiny\"]\ntargets = [\"onnxruntime:cpu\"]\nsamples = 5\n";

/// A job in a scene with the built programs.
fn job<'a>(scene: &'a Scene, run_id: &'a str, inputs: &[(&str, &str)]) -> Job<'a> {
    let programs = program("parallax").parent().unwrap().to_owned();
    let mut context =
        context(&scene.path("temp"), &[("plan", "plan.toml"), ("shards", "2"), ("max-slowdown", "900%")]);
    context.extend(inputs.iter().map(|(name, value)| (format!("inputs.{name}"), (*value).to_owned())));
    Job { scene, context, programs, run_id }
}

/// Sweeps shards of one run of the workflow, each in its own job; what they upload and the next job fetches is one folder.
fn sweep(scene: &Scene, run_id: &str, shards: &[&str]) {
    let _ = fs::remove_dir_all(scene.path("temp/parallax/shards"));
    for shard in shards {
        let mut job = job(scene, run_id, &[("shard", shard)]);
        let [sweep, verdict] = &job.run_named(&["sweep", "verdict"])[..] else { panic!() };
        assert_eq!((sweep.code, verdict.code), (Some(0), Some(0)), "{sweep:?} {verdict:?}");
        assert_eq!(job.output("sweep.outputs.code"), "0", "{sweep:?}");
        let token =
            sweep.stdout.lines().next().and_then(|line| line.strip_prefix("::stop-commands::")).unwrap();
        assert!(token.len() > 30 && sweep.stdout.ends_with(&format!("::{token}::\n")), "{}", sweep.stdout);
    }
}

#[test]
fn shards_are_swept_put_together_gated_and_reported() {
    let scene = Scene::new();
    fs::write(scene.path("plan.toml"), PLAN).unwrap();
    for (run_id, gate) in [("101", "no earlier sweep that passed"), ("102", "gate pass")] {
        sweep(&scene, run_id, &["1", "2"]);
        fs::write(scene.path("summary.md"), "# Before\n").unwrap();
        let mut job = job(&scene, run_id, &[("part", "report")]);
        let all = job.run_named(&["merge", "gate", "report", "verdict"]);
        let codes: Vec<Option<i32>> = all.iter().map(|ended| ended.code).collect();
        assert_eq!(codes, [Some(0); 4], "{all:#?}");
        assert!(all[1].stdout.contains(gate), "{}", all[1].stdout);
        assert!(
            all[2].stdout.contains("::notice title=Parallax::passed: of 2 cases, 2 pass"),
            "{}",
            all[2].stdout
        );

        let summary = fs::read_to_string(scene.path("summary.md")).unwrap();
        assert!(summary.starts_with("# Before\n## Parallax passed: of 2 cases, 2 pass\n"), "{summary}");
        assert!(
            summary.contains("| `bert-tiny` | pass ") && summary.contains("| `vit-tiny` | pass "),
            "{summary}"
        );
        let junit = fs::read_to_string(job.output("report.outputs.junit")).unwrap();
        assert!(junit.contains("tests=\"2\" skipped=\"0\" failures=\"0\" errors=\"0\""), "{junit}");
        let page = Path::new(job.output("report.outputs.report")).join("index.html");
        assert!(
            page.is_file() && Path::new(job.output("report.outputs.database")).is_file(),
            "{}",
            page.display()
        );
    }
}

#[test]
fn a_shard_that_is_missing_fails_the_job_and_is_named_in_the_report() {
    let scene = Scene::new();
    fs::write(scene.path("plan.toml"), PLAN).unwrap();
    sweep(&scene, "103", &["2"]);
    let mut job = job(&scene, "103", &[("part", "report")]);
    let all = job.run_named(&["merge", "gate", "report", "verdict"]);
    let codes: Vec<Option<i32>> = all.iter().map(|ended| ended.code).collect();
    assert_eq!(codes, [Some(0), Some(0), Some(0), Some(1)], "{all:#?}");
    assert!(all[2].stdout.contains("::error title=shard 1 is missing"), "{}", all[2].stdout);
    let summary = fs::read_to_string(scene.path("summary.md")).unwrap();
    assert!(summary.contains("1 shard missing") && summary.contains("- shard 1 is **missing**"), "{summary}");
}

#[test]
fn what_went_wrong_fails_the_job_after_it_was_reported() {
    let scene = Scene::new();
    let plan = format!("models = [{:?}]\ntargets = [\"onnxruntime:cpu\"]\n", bad_model("truncated"));
    fs::write(scene.path("plan.toml"), plan).unwrap();
    let mut job = job(&scene, "104", &[("shards", "1")]);
    let all = job.run_named(&["sweep", "merge", "gate", "report", "verdict"]);
    let codes: Vec<Option<i32>> = all.iter().map(|ended| ended.code).collect();
    assert_eq!(codes, [Some(0), Some(0), Some(0), Some(0), Some(1)], "{all:#?}");
    assert!(
        all[3].stdout.contains("::error title=truncated on onnxruntime%3Acpu%3A error::"),
        "{}",
        all[3].stdout
    );
    let junit = fs::read_to_string(job.output("report.outputs.junit")).unwrap();
    assert!(junit.contains("errors=\"1\"") && junit.contains("type=\"error\""), "{junit}");
}
