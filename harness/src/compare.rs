//! `parallax compare`: two targets, model by model, with a verdict that knows what it does not know.

use protocol::{AdapterChoice, Features, Metric, Target};

use crate::adapter::machine;
use crate::cli::{AdapterArgs, CompareArgs, SweepArgs};
use crate::error::Error;
use crate::exit::Exit;
use crate::gate::LATEST_RUNS;
use crate::pair::Pair;
use crate::plan::each_once;
use crate::precision::AskedPrecision;
use crate::report::{self, comparison};
use crate::rows::comparison::Comparisons;
use crate::rows::measurement::Measurement;
use crate::screen;
use crate::share::Share;
use crate::side::Side;
use crate::side_by_side::{self, Matched, OtherRuns, metric};
use crate::statistics::decision::Rule;
use crate::store::{RunId, Store, Wanted};
use crate::sweep;

/// What is aimed at where nothing else is asked for.
const PRECISION: Share = Share(0.02);
const CORRECTION: &str = "Holm's step-down over all rows of the table";

/// Runs `parallax compare`: measures the models named, else takes what the store has.
///
/// # Errors
/// When the request is bad, nothing may be compared, or the database or the report cannot be written.
pub async fn run(args: &CompareArgs) -> Result<Exit, Error> {
    let pairs = pairs(args)?;
    let metric = metric(&args.metric)?;
    let (store, run, exit) = match args.models.is_empty() {
        true => (Store::open_existing(&args.output.db)?, None, Exit::Success),
        false => {
            // A wrong answer is a failure, however fast it is.
            let (store, run, exit) = sweep::measured(&sweep_of(args, &pairs)?, &args.output.db).await?;
            (store, Some(run), exit)
        }
    };
    let run = match (run, &args.run) {
        (None, Some(name)) => Some(store.find_sweep(name)?),
        (run, _) => run,
    };
    match comparisons(&store, &pairs, metric, run.as_ref(), args.same_within) {
        Ok(found) => {
            screen::print(&if args.output.json {
                report::document(&found)
            } else {
                comparison::render(&found)
            })?;
            Ok(exit)
        }
        // What kept it from being compared is what the exit code tells.
        Err(error) if exit != Exit::Success => {
            screen::tell(&format!("parallax: {error}"));
            Ok(exit)
        }
        Err(error) => Err(error),
    }
}

/// The sides to compare.
fn pairs(args: &CompareArgs) -> Result<Vec<Pair>, Error> {
    let ours = match (&args.a, &args.b) {
        (Some(a), Some(b)) => vec![Pair { a: a.clone(), b: b.clone() }],
        (None, None) => Vec::new(),
        _ => {
            return Err(Error::NotComparable("a comparison has two sides: give both --a and --b".to_owned()));
        }
    };
    let pairs: Vec<Pair> = ours.into_iter().chain(args.pairs.iter().cloned()).collect();
    match pairs.is_empty() {
        true => Err(Error::NotComparable(
            "nothing to compare: name two sides with --a TARGET --b TARGET, or several pairs with --pairs A/B,C/D".to_owned(),
        )),
        false => Ok(pairs.into_iter().map(told_apart_by_features).collect()),
    }
}

/// Where one side names what is turned off there, the other one has all on, and not whatever else was measured of it.
fn told_apart_by_features(Pair { mut a, mut b }: Pair) -> Pair {
    if a.features.is_some() || b.features.is_some() {
        a.features.get_or_insert_default();
        b.features.get_or_insert_default();
    }
    Pair { a, b }
}

/// The sweep that measures what is compared: all targets of a model in turns.
fn sweep_of(args: &CompareArgs, pairs: &[Pair]) -> Result<SweepArgs, Error> {
    let adapters = match args.adapter.choices()? {
        Some(asked) => asked,
        None => adapters(pairs, machine::gpu().is_some()),
    };
    let targets: Vec<Target> =
        pairs.iter().flat_map(|pair| [pair.a.target.clone(), pair.b.target.clone()]).collect();
    let mut axes = args.axes.clone();
    if axes.features.is_empty() {
        axes.features = features(pairs);
    }
    let interval = |asked: &AskedPrecision| matches!(asked, AskedPrecision::Interval(_));
    if args.rounds.rounds.is_none() && !axes.precision.iter().any(interval) {
        axes.precision.push(AskedPrecision::Interval(PRECISION));
    }
    Ok(SweepArgs {
        models: args.models.clone(),
        axes,
        adapter: AdapterArgs::of(adapters),
        targets: each_once(targets),
        rounds: args.rounds.clone(),
        samples: args.samples,
        timeout_s: Some(args.timeout_s),
        ..SweepArgs::default()
    })
}

/// The adapters to measure on where nothing else is asked for: those that sides name. Where none does and this machine has no
/// GPU, browsers and native programs bring a CPU's driver each of their own, and comparing these says little of anything else:
/// so all of them run on the one that all can have, too.
fn adapters(pairs: &[Pair], has_gpu: bool) -> Vec<AdapterChoice> {
    let sides = || pairs.iter().flat_map(|pair| [&pair.a, &pair.b]);
    let named = sides().any(|side| side.adapter.is_some());
    let differ = |pair: &Pair| {
        let choose = [&pair.a, &pair.b].into_iter().all(|side| side.target.engine.chooses_adapter());
        choose && pair.a.target.browser != pair.b.target.browser
    };
    match named {
        true => each_once(sides().map(|side| side.adapter.clone().unwrap_or_default()).collect()),
        false if !has_gpu && pairs.iter().any(differ) => {
            vec![AdapterChoice::Swiftshader, AdapterChoice::Default]
        }
        false => Vec::new(),
    }
}

/// The settings of optimisations to measure where nothing else is asked for: those that sides name, and all on where another
/// names none.
fn features(pairs: &[Pair]) -> Vec<Features> {
    let sides = || pairs.iter().flat_map(|pair| [&pair.a, &pair.b]);
    let named = sides().any(|side| side.features.is_some());
    let settings = || sides().map(|side| side.features.clone().unwrap_or_default()).collect();
    if named { each_once(settings()) } else { Vec::new() }
}

/// The measurements of both sides.
type Sides = (Vec<Measurement>, Vec<Measurement>);

/// What the store has to say of pairs of sides, of one run where one is named.
///
/// # Errors
/// When a run is not there, nothing may be compared, or the database cannot be read.
pub fn comparisons(
    store: &Store,
    pairs: &[Pair],
    metric: Metric,
    run: Option<&RunId>,
    same_within: Share,
) -> Result<Comparisons, Error> {
    let sides = pairs.iter().map(|pair| {
        Ok((measurements(store, &pair.a, metric, run)?, measurements(store, &pair.b, metric, run)?))
    });
    let sides = sides.collect::<Result<Vec<_>, Error>>()?;
    let questions: Vec<(Pair, &Sides)> = pairs
        .iter()
        .zip(&sides)
        .flat_map(|(pair, sides)| {
            side_by_side::by_place(pair, &sides.0, &sides.1).into_iter().map(move |pair| (pair, sides))
        })
        .collect();
    let others = other_runs(store, pairs, metric, run)?;
    let others = OtherRuns::of(&others);
    let (mut matched, mut refused): (Vec<Matched<'_>>, Vec<_>) = (Vec::new(), Vec::new());
    for (question, (a, b)) in &questions {
        let (found, not) = side_by_side::matched(question, a, b, &others);
        matched.extend(found);
        refused.extend(not);
    }
    let (comparisons, undecided) = side_by_side::decide(&matched, metric.name(), Rule::within(same_within.0));
    refused.extend(undecided);
    if comparisons.is_empty() {
        return Err(nothing(pairs, &refused));
    }
    Ok(Comparisons { same_within: same_within.0, correction: CORRECTION, comparisons, refused })
}

fn measurements(
    store: &Store,
    side: &Side,
    metric: Metric,
    run: Option<&RunId>,
) -> Result<Vec<Measurement>, Error> {
    let named = side.run.as_deref().map(|name| store.find_sweep(name)).transpose()?;
    let target = Some(side.target.to_string());
    let latest_runs = Some(LATEST_RUNS);
    let wanted = Wanted { run: named.as_ref().or(run), target, latest_runs, ..Wanted::default() };
    let mut measurements = store.measurements(metric, &wanted)?;
    measurements.retain(|measurement| side.admits(measurement));
    Ok(measurements)
}

/// What the latest runs took of what the named ones have, in short; nothing where none is named, for then the sides are of all of
/// them.
fn other_runs(
    store: &Store,
    pairs: &[Pair],
    metric: Metric,
    run: Option<&RunId>,
) -> Result<Vec<Measurement>, Error> {
    let sides = || pairs.iter().flat_map(|pair| [&pair.a, &pair.b]);
    let named = sides().filter_map(|side| side.run.as_deref()).map(|name| store.find_sweep(name));
    let named = named.chain(run.cloned().map(Ok)).collect::<Result<Vec<_>, Error>>()?;
    let targets =
        each_once(sides().map(|side| side.target.to_string()).filter(|_| !named.is_empty()).collect());
    let of_target = |target| {
        let (target, latest_runs) = (Some(target), Some(LATEST_RUNS));
        let wanted = Wanted { like: &named, target, latest_runs, in_short: true, ..Wanted::default() };
        store.measurements(metric, &wanted)
    };
    let measurements = targets.into_iter().map(of_target).collect::<Result<Vec<_>, Error>>()?;
    Ok(measurements.into_iter().flatten().collect())
}

/// Why nothing of what was asked for may be compared.
fn nothing(pairs: &[Pair], refused: &[crate::rows::comparison::Refusal]) -> Error {
    let reasons: Vec<String> = match refused.is_empty() {
        true => pairs
            .iter()
            .map(|pair| format!("the database has no results of {} and {}", pair.a, pair.b))
            .collect(),
        false => refused.iter().map(|refusal| format!("{}: {}", refusal.model, refusal.reason)).collect(),
    };
    Error::NotComparable(format!(
        "nothing can be compared:\n  {}\nname models with --models to have them measured now",
        reasons.join("\n  ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_side_beside_one_without_an_optimisation_has_all_of_them() {
        for (pair, expected) in [
            ("wgpu:vulkan/webgpu@chrome", [None, None]),
            ("wgpu:vulkan/wgpu:vulkan+features=-fusion", [Some(""), Some("-fusion")]),
            ("wgpu:vulkan+features=-fusion/wgpu:vulkan", [Some("-fusion"), Some("")]),
            ("wgpu:vulkan+features=-f16/wgpu:vulkan+features=-fusion", [Some("-f16"), Some("-fusion")]),
        ] {
            let Pair { a, b } = told_apart_by_features(pair.parse().unwrap());
            let named = [a, b].map(|side| side.features.map(|features| features.to_string()));
            assert_eq!(named.each_ref().map(Option::as_deref), expected, "{pair}");
        }
    }

    #[test]
    fn what_sides_name_of_optimisations_is_measured() {
        for (pairs, expected) in [
            (&["wgpu:vulkan/webgpu@chrome"][..], &[][..]),
            (&["wgpu:vulkan/wgpu:vulkan+features=-fusion"], &["", "-fusion"]),
            (&["wgpu:vulkan+features=-fusion/wgpu:vulkan+features=-tuned"], &["-fusion", "-tuned"]),
            (&["wgpu:vulkan/webgpu@chrome", "webgpu@chrome+features=-kick/webgpu@chrome"], &["", "-kick"]),
        ] {
            let pairs: Vec<Pair> = pairs.iter().map(|pair| pair.parse().unwrap()).collect();
            let settings: Vec<String> = features(&pairs).iter().map(ToString::to_string).collect();
            assert_eq!(settings, expected, "{pairs:?}");
        }
    }
}
