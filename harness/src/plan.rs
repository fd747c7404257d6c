//! The plan of a sweep: a TOML file and the flags that override it, checked in full before anything starts.

mod axes;
pub mod size;

use std::collections::BTreeMap;
use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::suggest::did_you_mean;
use protocol::{AdapterChoice, Failure, FailureKind, Features, Sampling, Target, Verdict};
use serde::Deserialize;

use crate::browser::{self, BrowserEntry, BrowserOverride};
use crate::cli::SweepArgs;
use crate::error::Error;
use crate::exit::Exit;
use crate::interrupt::Interrupt;
use crate::lane::NoAnswer;
use crate::model::{self, Dimensions, Model};
use crate::precision::AskedPrecision;
use crate::session::Context;
use crate::share::Share;
use crate::tuning_file::{TuningChoice, Tunings};
use crate::turn::Rounds;
pub use axes::each_once;
use axes::{Axes, Listed};

/// Seconds that one case may take unless the plan or a flag says otherwise.
const TIMEOUT_S: u64 = 300;
/// Rounds that are taken where a precision is asked for: fewer have no interval.
const LEAST_ROUNDS: NonZeroU32 = NonZeroU32::new(12).unwrap();
/// Rounds after which a precision that is not reached is given up.
const MOST_ROUNDS: NonZeroU32 = NonZeroU32::new(400).unwrap();
/// Minutes that the turns of a model may take, where no precision is reached before.
const MOST_MINUTES: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// Rounds between two new sessions.
const ROUNDS_IN_A_SESSION: NonZeroU32 = NonZeroU32::new(2).unwrap();
/// With fewer rounds there are too few sessions for an interval over them: all of them are in one.
const ROUNDS_FOR_SESSIONS: u32 = 12;

/// A plan in which everything named exists and fits together.
#[derive(Debug)]
pub struct Plan {
    /// The models, at each extent and in each precision, each once.
    pub models: Vec<Arc<Model>>,
    /// Those that were asked for and cannot be had; they cost their own rows and no others'.
    pub lost: Vec<Lost>,
    /// The targets, each once.
    pub targets: Vec<Target>,
    /// The adapters asked for where a target has a choice, each once, at least one.
    pub adapters: Vec<AdapterChoice>,
    /// How targets take turns; none where each case runs once.
    pub rounds: Option<Rounds>,
    /// Jobs that may run at the same time.
    pub jobs: NonZeroU32,
    /// What is varied, beside models and targets.
    pub axes: Axes,
    /// True if it may be of any size.
    pub large: bool,
    /// How each case is measured.
    pub sampling: Sampling,
    /// How long one case may take.
    pub timeout: Duration,
    /// True if a target that cannot run a model as a whole fails, instead of another one running it in its place.
    pub strict: bool,
    /// Every configured browser by name: the built-in ones, changed and added to by the plan.
    pub browsers: BTreeMap<String, BrowserEntry>,
    /// Rows that go before those of the tuning table.
    pub tunings: Tunings,
}

/// A model that cannot be had: the hub does not give it, or it cannot be completed.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// Its name where it was asked for.
    pub name: String,
    /// The extents that were asked for.
    pub dimensions: Dimensions,
    /// Why.
    pub none: NoAnswer,
}

/// The TOML file, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PlanFile {
    models: Vec<String>,
    targets: Vec<Target>,
    adapters: Vec<AdapterChoice>,
    batch: Listed<NonZeroUsize>,
    dimensions: BTreeMap<String, Listed<usize>>,
    precision: Listed<AskedPrecision>,
    features: Listed<Features>,
    rounds: Option<NonZeroU32>,
    most_rounds: Option<NonZeroU32>,
    most_minutes: Option<NonZeroU32>,
    rounds_in_a_session: Option<NonZeroU32>,
    jobs: Option<NonZeroU32>,
    samples: Option<std::num::NonZeroU32>,
    timeout_s: Option<std::num::NonZeroU64>,
    strict: bool,
    tuning: Option<TuningChoice>,
    browsers: BTreeMap<String, BrowserOverride>,
}

impl Plan {
    /// Reads the plan, lays the flags over it and checks all of it, until the user wants it to stop.
    ///
    /// # Errors
    /// For a plan that cannot be read, an unknown key, model, target or browser, or nothing to do.
    pub async fn resolve(args: &SweepArgs, interrupt: &mut Interrupt) -> Result<Plan, Error> {
        let file = args.plan.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let folder = args.plan.as_deref().and_then(Path::parent).map(PathBuf::from).unwrap_or_default();
        let (names, base) = match args.models.is_empty() {
            true => (&file.models, folder),
            false => (&args.models, PathBuf::new()),
        };
        let targets = if args.targets.is_empty() { &file.targets } else { &args.targets };
        check_asked(names, targets)?;
        let adapters = args.adapter.choices()?.unwrap_or_else(|| file.adapters.clone());
        let adapters = if adapters.is_empty() { vec![AdapterChoice::Default] } else { each_once(adapters) };
        check_adapters(&adapters)?;
        let browsers = browser::known(&file.browsers)?;
        for target in targets {
            check_browser(target, &browsers)?;
        }
        let timeout_s = args.timeout_s.or(file.timeout_s.map(Into::into)).unwrap_or(TIMEOUT_S);
        let axes = Axes::new(&file.batch, &file.dimensions, &file.precision, &file.features, &args.axes);
        let targets = each_once(targets.clone());
        let cases = names.len().saturating_mul(cases_of_a_model(&axes, &targets, &adapters));
        let shards = args.shard.shard.map_or(1, |shard| shard.of() as usize);
        size::check(cases.div_ceil(shards), 1, &[], args.axes.large)?;
        let timeout = Duration::from_secs(timeout_s);
        let (models, lost) = tokio::select! {
            biased;
            () = interrupt.received() => return Err(Error::Interrupted),
            found = find_models(names, &base, &axes, timeout) => found?,
        };
        let rounds = rounds(args, &file, axes.interval());
        let sampling = match args.samples.or(file.samples.map(Into::into)) {
            Some(samples) => Sampling { samples, ..Sampling::default() },
            None if rounds.is_some() => Sampling::TURN,
            None => Sampling::default(),
        };
        Ok(Plan {
            models,
            lost,
            adapters,
            rounds,
            targets,
            axes,
            large: args.axes.large,
            jobs: args.jobs.or(file.jobs).unwrap_or(NonZeroU32::MIN),
            sampling,
            timeout,
            strict: args.strict || file.strict,
            tunings: Tunings::of(args.tuning.clone().or(file.tuning).unwrap_or_default())?,
            browsers,
        })
    }

    /// The settings in effect of a target's browser; none of a native target.
    pub fn browser_settings(&self, target: &Target) -> Option<String> {
        target.browser.as_ref().and_then(|name| self.browsers.get(name)).map(BrowserEntry::settings)
    }
}

/// The rounds asked for: a precision asks for some too.
fn rounds(args: &SweepArgs, file: &PlanFile, precision: Option<Share>) -> Option<Rounds> {
    let asked = args.rounds.rounds.or(file.rounds).or(precision.map(|_| LEAST_ROUNDS))?;
    let most = args.rounds.most_rounds.or(file.most_rounds);
    let minutes = args.rounds.most_minutes.or(file.most_minutes).unwrap_or(MOST_MINUTES);
    Some(Rounds {
        least: asked,
        most: most.unwrap_or(if precision.is_some() { MOST_ROUNDS } else { asked }).max(asked),
        longest: Duration::from_secs(60 * u64::from(minutes.get())),
        in_a_session: args
            .rounds
            .rounds_in_a_session
            .or(file.rounds_in_a_session)
            .unwrap_or(if asked.get() < ROUNDS_FOR_SESSIONS { asked } else { ROUNDS_IN_A_SESSION }),
        precision: precision.map(|share| share.0),
    })
}

fn read_file(path: &Path) -> Result<PlanFile, Error> {
    let unreadable = |source| Error::PlanUnreadable { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    toml::from_str(&text).map_err(|error| Error::PlanInvalid {
        path: path.to_owned(),
        message: error.to_string().trim_end().to_owned(),
    })
}

fn check_asked(models: &[String], targets: &[Target]) -> Result<(), Error> {
    match (models.is_empty(), targets.is_empty()) {
        (true, true) => Err(Error::NothingAsked { missing: "models and no targets" }),
        (true, false) => Err(Error::NothingAsked { missing: "models" }),
        (false, true) => Err(Error::NothingAsked { missing: "targets" }),
        (false, false) => Ok(()),
    }
}

/// Checks that no adapter is asked for by an empty name, which all have.
fn check_adapters(adapters: &[AdapterChoice]) -> Result<(), Error> {
    let is_empty = |choice: &AdapterChoice| choice.to_string().trim().is_empty();
    if adapters.iter().any(is_empty) { Err(Error::NoAdapterName) } else { Ok(()) }
}

/// The context in which targets that no plan file is about run: with the built-in browsers.
///
/// # Errors
/// When a target's browser is none of them, or no port can be had.
pub async fn context<'a>(targets: impl IntoIterator<Item = &'a Target>) -> Result<Context, Error> {
    let browsers = browser::known(&BTreeMap::new())?;
    targets.into_iter().try_for_each(|target| check_browser(target, &browsers))?;
    Context::start(browsers).await
}

/// Checks that a target's browser is configured.
///
/// # Errors
/// When it is not, with the names of those that are.
fn check_browser(target: &Target, browsers: &BTreeMap<String, BrowserEntry>) -> Result<(), Error> {
    let Some(browser) = target.browser.as_ref().filter(|name| !browsers.contains_key(*name)) else {
        return Ok(());
    };
    let names = || browsers.keys().map(String::as_str);
    Err(Error::UnknownBrowser {
        target: target.to_string(),
        browser: browser.clone(),
        hint: did_you_mean(browser, names()),
        known: names().collect::<Vec<_>>().join(", "),
    })
}

/// The models that there are, and those that cannot be had; an error where none is left, unless one took too long.
async fn find_models(
    names: &[String],
    base: &Path,
    axes: &Axes,
    limit: Duration,
) -> Result<(Vec<Arc<Model>>, Vec<Lost>), Error> {
    let mut models: Vec<Arc<Model>> = Vec::new();
    let mut errors = Vec::new();
    let variants = axes.variants();
    for (name, asked) in names.iter().flat_map(|name| variants.iter().map(move |asked| (name, asked))) {
        let found = match model::find(name, base, asked, limit).await {
            Ok(found) => found,
            Err(error) if error.is_about_one_model() => {
                errors.push((name, asked, error));
                continue;
            }
            Err(error) => return Err(error),
        };
        let is_same = |other: &Arc<Model>| {
            other.manifest.name == found.manifest.name && other.dimensions == found.dimensions
        };
        match models.iter().find(|other| is_same(other)) {
            None => models.push(Arc::new(found)),
            Some(same) if same.folder == found.folder => {}
            Some(other) => {
                return Err(Error::SameName {
                    name: found.manifest.name,
                    first: other.folder.clone(),
                    second: found.folder,
                });
            }
        }
    }
    let lost = errors.iter().map(|(name, asked, error)| Lost {
        name: (*name).clone(),
        dimensions: asked.dimensions.clone(),
        none: none(error),
    });
    let lost = each_once(lost.collect());
    let is_refused = |(_, _, error): &(_, _, Error)| !matches!(error, Error::Unfinished { .. });
    match (models.is_empty() && errors.iter().all(is_refused), errors.into_iter().next()) {
        (true, Some((_, _, error))) => Err(error),
        _ => Ok((models, lost)),
    }
}

/// Returns what stands in the rows of a model for this reason.
fn none(error: &Error) -> NoAnswer {
    if let Error::Unfinished { fault, .. } = error {
        let step = "completing it with inputs and expected outputs";
        return NoAnswer::Before { step, fault: fault.clone() };
    }
    let unsupported = matches!(
        error,
        Error::Uncompleted { verdict: Verdict::Unsupported, .. }
            | Error::NotResized { verdict: Verdict::Unsupported, .. }
    );
    let kind = match error.exit() {
        _ if unsupported => FailureKind::Unsupported,
        Exit::NothingRan => FailureKind::Unavailable,
        Exit::Success | Exit::GateFailed | Exit::BadRequest | Exit::Interrupted => FailureKind::Error,
    };
    NoAnswer::Failure(Failure { kind, message: error.to_string() })
}

/// How many cases a plan makes of each model that it names.
fn cases_of_a_model(axes: &Axes, targets: &[Target], adapters: &[AdapterChoice]) -> usize {
    let adapters = |target: &Target| if target.engine.chooses_adapter() { adapters.len() } else { 1 };
    let settings = targets.iter().map(|target| axes.features(target.engine).len() * adapters(target));
    axes.count().saturating_mul(settings.sum())
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;
    use crate::case::expand;
    use crate::cli::{Cli, Command};
    use crate::part::Part;

    /// Resolves `parallax sweep FLAGS` with a plan file of this text.
    pub(crate) fn resolve(plan: Option<&str>, flags: &[&str]) -> Result<Plan, Error> {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("plan.toml");
        let mut arguments: Vec<&str> = vec!["parallax", "sweep"];
        if let Some(text) = plan {
            fs::write(&path, text).unwrap();
            arguments.push(path.to_str().unwrap());
        }
        arguments.extend(flags);
        let Command::Sweep(args) = Cli::try_parse_from(arguments).unwrap().command else { unreachable!() };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { Plan::resolve(&args, &mut Interrupt::listen()?).await })
    }

    fn cases(plan: &Plan) -> Vec<String> {
        expand(plan).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn flags_override_the_plan_and_doubles_count_once() {
        let text = "models = ['bert-tiny', 'vit-tiny', 'bert-tiny']\ntargets = ['burn:cpu', 'webgpu@chrome']\n\
                    samples = 7\ntimeout_s = 9\n";
        let plan = resolve(Some(text), &[]).unwrap();
        let expected = [
            "bert-tiny on burn:cpu",
            "bert-tiny on webgpu@chrome",
            "vit-tiny on burn:cpu",
            "vit-tiny on webgpu@chrome",
        ];
        assert_eq!(cases(&plan), expected);
        assert_eq!((plan.sampling.samples, plan.timeout.as_secs()), (7, 9));
        let flags = ["--targets", "wgpu:vulkan,wgpu:vulkan", "--samples", "3", "--models", "vit-tiny"];
        let plan = resolve(Some(text), &flags).unwrap();
        assert_eq!(cases(&plan), ["vit-tiny on wgpu:vulkan"]);
        assert_eq!((plan.sampling.samples, plan.timeout.as_secs()), (3, 9));
    }

    #[test]
    fn adapters_are_an_axis_where_a_target_has_a_choice() {
        let text = "models = ['bert-tiny']\ntargets = ['webgpu@chrome', 'wasm@chrome', 'wgpu:vulkan']\n\
                    adapters = ['default', 'swiftshader', 'default']\n";
        for (name, flags, expected) in [
            (
                "the plan's",
                &[][..],
                &[
                    "bert-tiny on webgpu@chrome",
                    "bert-tiny on webgpu@chrome (swiftshader)",
                    "bert-tiny on wasm@chrome",
                    "bert-tiny on wgpu:vulkan",
                    "bert-tiny on wgpu:vulkan (swiftshader)",
                ][..],
            ),
            (
                "a flag's",
                &["--adapter", "lavapipe"],
                &[
                    "bert-tiny on webgpu@chrome (lavapipe)",
                    "bert-tiny on wasm@chrome",
                    "bert-tiny on wgpu:vulkan (lavapipe)",
                ],
            ),
            (
                "hardware in short",
                &["--require-hardware", "--targets", "wgpu:vulkan,webnn:gpu@edge,burn:cpu"],
                &[
                    "bert-tiny on wgpu:vulkan (hardware)",
                    "bert-tiny on webnn:gpu@edge",
                    "bert-tiny on burn:cpu",
                ],
            ),
        ] {
            assert_eq!(cases(&resolve(Some(text), flags).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn what_is_varied_is_a_case_each_where_it_can_be_varied() {
        let text = "models = ['bert-tiny', 'bert-tiny-int8']\ntargets = ['wgpu:vulkan', 'onnxruntime:cpu']\n\
                    precision = ['fp32', 'int8']\nfeatures = ['', '-tuned', '']\n";
        let plan = resolve(Some(text), &[]).unwrap();
        let expected = ["bert-tiny", "bert-tiny-int8"].map(|model| {
            ["wgpu:vulkan", "-tuned on wgpu:vulkan", "onnxruntime:cpu"].map(|cell| {
                match cell.contains(" on ") {
                    true => format!("{model} {cell}"),
                    false => format!("{model} on {cell}"),
                }
            })
        });
        assert_eq!(cases(&plan), expected.concat());
        let hour = |case: &crate::case::Case| (case.key(), Duration::from_secs(60 * 60));
        let hours = |count| expand(&plan).iter().take(count).map(hour).collect();
        let check = |plan: &Plan, durations: &BTreeMap<String, Duration>| {
            Part::of(plan, durations, None, None).check_size(plan, durations)
        };
        assert!(check(&plan, &hours(1)).is_ok());
        let message = check(&plan, &hours(6)).unwrap_err().to_string();
        assert!(message.contains("6 cases, which take about 6 h"), "{message}");
        let large = resolve(Some(text), &["--large"]).unwrap();
        assert!(check(&large, &hours(6)).is_ok());
    }

    #[test]
    fn a_model_that_cannot_be_had_has_a_row_in_each_place_whatever_is_turned_off() {
        let text = "models = ['bert-tiny']\ntargets = ['wgpu:vulkan', 'onnxruntime:cpu']\n";
        for features in ["", "features = '-tuned'", "features = ['-tuned', '', '-fusion']"] {
            let mut plan = resolve(Some(&format!("{text}{features}")), &[]).unwrap();
            let none = NoAnswer::Failure(Failure { kind: FailureKind::Error, message: "gone".to_owned() });
            plan.lost = vec![Lost { name: "m".to_owned(), dimensions: Dimensions::new(), none }];
            let lost = crate::case::lost(&plan);
            let targets: Vec<String> = lost.iter().map(|(case, _)| case.target.to_string()).collect();
            assert_eq!(targets, ["wgpu:vulkan", "onnxruntime:cpu"], "{features}");
        }
    }

    #[test]
    fn what_is_not_right_is_refused_with_its_place_and_what_would_be() {
        let sweep = "models = ['bert-tiny']\ntargets = ['webgpu@chrome']\n";
        for (name, plan, flags, parts) in [
            ("nothing", None, &[][..], &["no models and no targets", "--models", "--targets"][..]),
            ("no targets", None, &["--models", "bert-tiny"], &["no targets"]),
            ("no models", Some("targets = ['burn:cpu']"), &[], &["no models;"]),
            (
                "unknown key",
                Some("models = ['bert-tiny']\ntargts = []"),
                &[],
                &["line 2", "targts", "targets"],
            ),
            ("not TOML", Some("models = ["), &[], &["plan.toml", "line 1"]),
            ("bad target", Some("targets = ['burn:cpuu']"), &[], &["line 1", "did you mean \"cpu\""]),
            ("no samples", Some("samples = 0"), &[], &["line 1", "samples"]),
            ("browser", Some(sweep), &["--targets", "wasm@chorme"], &["did you mean \"chrome\"", "firefox"]),
            ("model", Some(sweep), &["--models", "bert-tny"], &["did you mean \"bert-tiny\"", "vit-tiny"]),
            (
                "adapters that contradict",
                Some(sweep),
                &["--require-hardware", "--adapter", "software"],
                &["--require-hardware", "software"],
            ),
            (
                "no adapter's name",
                Some("adapters = ['']"),
                &["--models", "bert-tiny", "--targets", "burn:cpu"],
                &["adapters", "part of a name"],
            ),
            ("no batch", Some("batch = [1, 0]"), &[], &["line 1", "nonzero"]),
            ("no precision", Some("precision = 'fp61'"), &[], &["line 1", "did you mean \"fp16\""]),
            ("no feature", Some("features = '-tund'"), &[], &["line 1", "did you mean \"tuned\""]),
            (
                "not kept so",
                Some("models = ['t5-tiny']\nprecision = 'q4'\ntargets = ['burn:cpu']"),
                &[],
                &["only in fp32"],
            ),
            ("browser's key", Some("[browsers.chrome]\nbinry = ''"), &[], &["line 2", "binry"]),
        ] {
            let error = resolve(plan, flags).unwrap_err();
            let message = error.to_string();
            assert_eq!(error.exit(), crate::exit::Exit::BadRequest, "{name}");
            assert!(parts.iter().all(|part| message.contains(part)), "{name}: {message}");
        }
    }

    #[test]
    fn a_browsers_settings_are_all_that_decides_how_it_behaves() {
        let plan = |browser: &str| {
            let text =
                format!("models = ['bert-tiny']\ntargets = ['wasm@chrome']\n[browsers.chrome]\n{browser}");
            let plan = resolve(Some(&text), &[]).unwrap();
            plan.browser_settings(&plan.targets[0]).unwrap()
        };
        let built_in = plan("");
        assert!(built_in.contains("--enable-unsafe-webgpu"), "{built_in}");
        assert_eq!(plan("binary = '/opt/chrome'\ndriver = '/opt/chromedriver'"), built_in);
        assert!(plan("arguments = ['--mute-audio']").contains("--mute-audio"));
        assert!(plan("preferences = { 'a.b' = 1 }").contains("a.b"));
    }
}
