//! Three years of sweeps as they could have been: a thousand cases that get faster and slower with the browser and the commit, on
//! a machine that has its days. Drawn from a seed, the same each time.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use harness::case::Case;
use harness::event::RunEnd;
use harness::judge::Judgement;
use harness::model::Model;
use harness::origin::{Host, Origin};
use harness::session::SessionTurn;
use harness::statistics::Summary;
use harness::statistics::simulation::normal;
use harness::store::{RunId, RunKind, Store, WholeRun};
use harness::trial::Trial;
use harness::turn::Place;
use protocol::{Adapter, AdapterChoice, Metric, OutputCheck, Phase, Samples, Sampling, Target, Verdict};

const SEED: u64 = 7;
const MODELS: usize = 25;
const TARGETS: [&str; 5] =
    ["webgpu@chrome", "webgpu@firefox", "wgpu:vulkan", "webnn:cpu@headless-shell", "ort-webgpu@chrome"];
const BATCHES: [usize; 4] = [1, 2, 4, 8];
const FEATURES: [&str; 2] = ["", "-fusion"];
/// Cases of the matrix: each model at every batch on every target, with and without fusion.
pub const CASES: usize = MODELS * TARGETS.len() * BATCHES.len() * FEATURES.len();
/// Samples of a trial.
const SAMPLES: u32 = 10;
/// The first sweep: 1 January 2023, UTC.
const FIRST: Duration = Duration::from_secs(1_672_531_200);
/// From one sweep to the next, so that a thousand take three years.
const BETWEEN: Duration = Duration::from_secs(94_680);
const A_TRIAL: Duration = Duration::from_secs(9);
/// Every so many sweeps, one lets a few cases take turns instead.
const IN_TURNS: usize = 50;
const TURNS: usize = 20;
/// One trial in so many of what runs at all fails, and one case in so many runs nowhere.
const FAILS: usize = 200;
const NEVER_RUNS: usize = 97;
/// By so much a model's time changes at each of its two steps, up or down.
const STEP: f64 = 0.12;
/// How much of what a sweep, or a sample, is off by stays for the next.
const KEPT: f64 = 0.4;

/// Everything that sweeps are drawn from.
pub struct Generated {
    random: Rng,
    cases: Vec<Known>,
    adapters: Vec<Adapter>,
    /// By which factor the machine is slower, as a logarithm.
    machine: f64,
    runs: usize,
    /// Sweeps that are drawn.
    drawn: usize,
}

struct Known {
    case: Case,
    key: String,
    /// An inference's logarithm in milliseconds.
    ln_ms: f64,
    /// By how much the last sweep was off.
    off: f64,
    /// The runs at which it steps, and by how much.
    steps: [(usize, f64); 2],
    runs_at_all: bool,
}

/// One sweep, before it is in any database.
pub struct Sweep {
    pub origin: Origin,
    pub started_at: SystemTime,
    pub finished_at: SystemTime,
    pub trials: Vec<Trial>,
    /// The case's key of each trial.
    pub keys: Vec<String>,
    pub controls: Vec<(Vec<f64>, SystemTime, u32)>,
}

impl Sweep {
    /// Adds it to a store as one run.
    pub fn add_to(&self, store: &mut Store) -> Result<RunId, Box<dyn Error>> {
        let whole = WholeRun {
            kind: RunKind::Sweep,
            origin: &self.origin,
            started_at: self.started_at,
            end: (&RunEnd::Finished, self.finished_at),
            trials: &self.trials,
            controls: &self.controls,
        };
        Ok(store.add_run(&whole)?)
    }
}

impl Generated {
    /// History of so many sweeps, none of which is drawn yet.
    pub fn new(runs: usize) -> Result<Generated, Box<dyn Error>> {
        let mut random = Rng::with_seed(SEED);
        let mut cases = Vec::with_capacity(CASES);
        for number in 0..MODELS {
            let steps =
                [(); 2].map(|()| (random.usize(runs / 10..=runs), if random.bool() { STEP } else { -STEP }));
            for batch in BATCHES {
                let model = Arc::new(model(number, batch));
                for (place, target) in TARGETS.iter().enumerate() {
                    for features in FEATURES {
                        let slower = 0.3 * place as f64 + 0.1 * features.len() as f64 / 7.0;
                        let ln_ms = 0.15 * number as f64 + 0.7 * (batch as f64).ln() + slower;
                        let case = case(&model, target, features)?;
                        let runs_at_all = cases.len() % NEVER_RUNS != NEVER_RUNS - 1;
                        cases.push(Known { key: case.key(), case, ln_ms, off: 0.0, steps, runs_at_all });
                    }
                }
            }
        }
        Ok(Generated { random, cases, adapters: adapters(), machine: 0.0, runs, drawn: 0 })
    }

    /// The next sweep.
    pub fn next_sweep(&mut self) -> Sweep {
        let number = self.drawn;
        self.drawn += 1;
        let started_at = UNIX_EPOCH + FIRST + BETWEEN * number as u32;
        self.machine = KEPT * self.machine + 0.05 * normal(&mut self.random);
        let in_turns = number % IN_TURNS == IN_TURNS / 2;
        let few = CASES / TURNS;
        let begun = if in_turns { self.random.usize(0..=CASES - few) } else { 0 };
        let (mut trials, mut keys) = (Vec::with_capacity(CASES), Vec::with_capacity(CASES));
        for position in 0..CASES {
            let (case, round) = match in_turns {
                // There and back: two turns a round.
                true => (begun + position % few, Some(place(position, few))),
                false => (position, None),
            };
            let at = started_at + A_TRIAL * position as u32;
            trials.push(self.trial(number, case, (position as u32, round, at)));
            keys.push(self.cases[case].key.clone());
        }
        let control = |at: usize| {
            let times =
                (0..3).map(|_| 10.0 * (self.machine + 0.005 * normal(&mut self.random)).exp()).collect();
            (times, started_at + A_TRIAL * (at * CASES / 10) as u32, 1)
        };
        let controls = (0..10).map(control).collect();
        let finished_at = started_at + A_TRIAL * CASES as u32;
        Sweep { origin: self.origin(number), started_at, finished_at, trials, keys, controls }
    }

    fn origin(&self, number: usize) -> Origin {
        Origin {
            version: format!("0.{}.0", number * 10 / self.runs),
            commit: Some(format!("{:040x}", number / 4)),
            command_line: ["parallax", "sweep", "plan.toml"].map(str::to_owned).to_vec(),
            host: Host {
                name: Some("bench".to_owned()),
                os: "linux".to_owned(),
                architecture: "x86_64".to_owned(),
                logical_cpus: 16,
            },
        }
    }

    fn trial(
        &mut self,
        number: usize,
        case: usize,
        (position, round, at): (u32, Option<Place>, SystemTime),
    ) -> Trial {
        let fails = self.random.usize(0..FAILS) == 0;
        let random = &mut self.random;
        let known = &mut self.cases[case];
        known.off = KEPT * known.off + 0.02 * normal(random);
        let stepped: f64 = known.steps.iter().filter(|(at, _)| *at <= number).map(|(_, by)| by).sum();
        let (verdict, message) = match (known.runs_at_all, fails) {
            (false, _) => (Verdict::Unsupported, Some("the operator GridSample is not there".to_owned())),
            (true, true) => (Verdict::Crash, Some("the tab ended: out of memory".to_owned())),
            (true, false) => (Verdict::Pass, None),
        };
        let ran = verdict == Verdict::Pass;
        let ln_ms = known.ln_ms + known.off + stepped + self.machine;
        let samples = if ran { measured(random, ln_ms) } else { Vec::new() };
        let summary = |samples: &Samples| Some((samples.metric, Summary::of(&samples.values)?));
        let browser_version = format!("{}.0.{}", 110 + number / 25, number % 25 / 5);
        let facts = [
            ("browser_version", browser_version.clone()),
            ("driver_version", browser_version),
            ("timer_resolution_ms", "0.1".to_owned()),
            ("adapter_evidence", "the drivers that the browser has loaded".to_owned()),
            ("kick", "on".to_owned()),
            ("flags", "--enable-unsafe-webgpu --use-angle=vulkan".to_owned()),
            ("reference", "PyTorch 2.11".to_owned()),
        ];
        Trial {
            case: known.case.clone(),
            judgement: Judgement { verdict, message, actual_target: ran.then(|| known.case.target.clone()) },
            concurrency: 1,
            position,
            round,
            turn: Some(SessionTurn { session: 1 + position / 20, position: position % 20 }),
            started_at: at,
            finished_at: at + A_TRIAL,
            adapter: ran.then(|| self.adapters[case % self.adapters.len()].clone()),
            checks: if ran { vec![check(random)] } else { Vec::new() },
            summaries: samples.iter().filter_map(summary).collect(),
            samples,
            fallback_nodes: Vec::new(),
            features: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }
    }
}

/// A turn's place: in each round `few` cases there and back.
fn place(position: usize, few: usize) -> Place {
    Place { round: (position / (2 * few)) as u32, position: (position % (2 * few)) as u32 }
}

/// What a trial measures: ten latencies, each a little like the one before, and two other things once.
fn measured(random: &mut Rng, ln_ms: f64) -> Vec<Samples> {
    let mut off = 0.0;
    let mut latency = || {
        off = KEPT * off + 0.03 * normal(random);
        (ln_ms + off).exp()
    };
    let latencies: Vec<f64> = (0..SAMPLES).map(|_| latency()).collect();
    let once = |metric, value| Samples { metric, phase: Phase::Measured, values: vec![value] };
    vec![
        once(Metric::CompileMs, 80.0 + 20.0 * random.f64()),
        Samples { metric: Metric::LatencyMs, phase: Phase::Measured, values: latencies },
        once(Metric::WallMs, 900.0 + 100.0 * random.f64()),
    ]
}

fn check(random: &mut Rng) -> OutputCheck {
    OutputCheck {
        output: "logits".to_owned(),
        elements: 4096,
        max_abs_error: 1e-6 * random.f64(),
        max_abs_error_at: vec![0, random.usize(0..4096)],
        scaled_error: 1e-6,
        scaled_error_at: vec![0, 7],
        mean_abs_error: 1e-7,
        cosine_similarity: 1.0,
        fault: None,
    }
}

fn model(number: usize, batch: usize) -> Model {
    let absent = Model::absent(&format!("model-{number:02}"));
    Model {
        digest: format!("{number:064x}"),
        batch: batch as u32,
        dimensions: BTreeMap::from([("batch".to_owned(), batch)]),
        ..absent
    }
}

fn case(model: &Arc<Model>, target: &str, features: &str) -> Result<Case, Box<dyn Error>> {
    let target: Target = target.parse()?;
    let settings = target.browser.as_ref().map(|_| r#"{"arguments":["--enable-unsafe-webgpu"]}"#.to_owned());
    Ok(Case {
        model: Arc::clone(model),
        target,
        adapter: AdapterChoice::Default,
        features: features.parse()?,
        sampling: Sampling { samples: SAMPLES, least_ms: 0, warmup_limit: 30 },
        browser_settings: settings,
        strict: false,
        tuning: None,
    })
}

/// Three adapters with as many features and limits as adapters have.
fn adapters() -> Vec<Adapter> {
    let adapter = |device: &str, software| Adapter {
        vendor: "vendor".to_owned(),
        architecture: "architecture".to_owned(),
        device: device.to_owned(),
        description: "driver 580.159".to_owned(),
        backend: "vulkan".to_owned(),
        software,
        features: (0..12).map(|at| format!("feature-{at:02}")).collect(),
        limits: (0..32).map(|at| (format!("maxSomethingOfEachStage{at:02}"), 1 << at)).collect(),
    };
    vec![adapter("card", false), adapter("card in a browser", false), adapter("processor", true)]
}
