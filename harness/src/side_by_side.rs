//! Puts two sides next to each other, model by model: what may be compared becomes a row with a verdict, what may not is
//! refused with the reason. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use protocol::{Metric, Verdict};

use crate::adapter::same::same_adapter;
use crate::error::Error;
use crate::pair::Pair;
use crate::rows::comparison::{Comparison, Refusal};
use crate::rows::measurement::{Measurement, Place, RunOf, Subject};
use crate::rows::series::{self, ASSUMED_NOISE, Scale};
use crate::side::Side;
use crate::statistics::Summary;
use crate::statistics::decision::{self, Decision, Row, Rule};
use crate::statistics::noise::{self, Effort};
use crate::statistics::ratio::{Pair as Times, Ratio};

/// A metric of which less is better.
///
/// # Errors
/// When there is none of that name.
pub fn metric(name: &str) -> Result<Metric, Error> {
    let less_is_better =
        |metric: &Metric| metric.name().ends_with("_ms") || metric.name().ends_with("_bytes");
    let known = Metric::ALL.into_iter().filter(less_is_better);
    let names = || known.clone().map(Metric::name);
    known.clone().find(|metric| metric.name() == name).ok_or_else(|| {
        let hint = protocol::suggest::did_you_mean(name, names());
        let all = names().collect::<Vec<_>>().join(", ");
        Error::NotComparable(format!("there is no metric \"{name}\" to compare{hint}; there are {all}"))
    })
}

/// A pair for each place, an adapter and a setting of features, in which both sides have results, as far as it leaves them
/// open: what was taken on one adapter is compared with what was taken on the same one, where there is such a thing.
pub fn by_place(pair: &Pair, a: &[Measurement], b: &[Measurement]) -> Vec<Pair> {
    let places = |side: &[Measurement]| side.iter().map(|one| one.place.clone()).collect::<BTreeSet<_>>();
    let (places_a, places_b) = (places(a), places(b));
    let alike = |a: &Place, b: &Place| a.adapter == b.adapter && a.features == b.features;
    let mut pairs = Vec::new();
    for place in &places_a {
        let same: Vec<&Place> = places_b.iter().filter(|other| alike(place, other)).collect();
        let others = if same.is_empty() { places_b.iter().collect() } else { same };
        pairs.extend(others.into_iter().map(|other| Pair { a: pair.a.at(place), b: pair.b.at(other) }));
    }
    // Who asks for a place beside all places of a target does not ask for that place beside itself.
    pairs.retain(|found| found.a != found.b || pair.a == pair.b);
    if pairs.is_empty() { vec![pair.clone()] } else { pairs }
}

/// What two sides have in common, before anything is decided.
pub struct Matched<'a> {
    question: &'a Pair,
    subject: Subject,
    a: Vec<&'a Measurement>,
    b: Vec<&'a Measurement>,
    /// Everything that is known of either, of any run: what runs of the same thing differ by.
    history: Vec<&'a Measurement>,
}

/// What other runs took, by case.
#[derive(Debug, Default)]
pub struct OtherRuns<'a>(HashMap<&'a str, Vec<&'a Measurement>>);

impl<'a> OtherRuns<'a> {
    /// What these are of each case.
    pub fn of(measurements: &'a [Measurement]) -> OtherRuns<'a> {
        let mut cases: HashMap<&str, Vec<&Measurement>> = HashMap::new();
        for one in measurements {
            cases.entry(&one.case_key).or_default().push(one);
        }
        OtherRuns(cases)
    }

    /// What there is of the cases of these.
    fn like(&self, measurements: &[&Measurement]) -> Vec<&'a Measurement> {
        let cases: BTreeSet<&str> = measurements.iter().map(|one| one.case_key.as_str()).collect();
        let runs: BTreeSet<&RunOf> = measurements.iter().map(|one| &one.run).collect();
        let others = cases.iter().filter_map(|case| self.0.get(case)).flatten();
        others.filter(|one| !runs.contains(&one.run)).copied().collect()
    }
}

/// The models that both sides have results of that may be compared, and those that they have not. What runs of the same thing
/// differ by is told by what the sides have and by `others`.
pub fn matched<'a>(
    question: &'a Pair,
    a: &'a [Measurement],
    b: &'a [Measurement],
    others: &OtherRuns<'a>,
) -> (Vec<Matched<'a>>, Vec<Refusal>) {
    let (mut matched, mut refused) = (Vec::new(), Vec::new());
    let sides = [(&question.a, a), (&question.b, b)].map(|(side, all)| (side, all, by_subject(side, all)));
    let subjects: BTreeSet<&Subject> = sides.iter().flat_map(|(_, _, own)| own.keys().copied()).collect();
    for subject in subjects {
        let of_subject = |(side, all, own): &(&Side, &[Measurement], BySubject<'a>)| {
            own.get(subject).cloned().ok_or_else(|| lacking(side, subject, all))
        };
        let [of_a, of_b] = sides.each_ref().map(of_subject);
        match of_a.and_then(|of_a| Matched::of(question, subject, (of_a, of_b?), others)) {
            Ok(found) => matched.push(found),
            Err(reason) => refused.push(Refusal {
                model: subject.model.clone(),
                a: question.a.to_string(),
                b: question.b.to_string(),
                reason,
            }),
        }
    }
    // What one side has at another precision or shape is refused once, not from both sides.
    refused.dedup_by(|one, other| one.model == other.model && one.reason == other.reason);
    (matched, refused)
}

/// A side's measurements of each model.
type BySubject<'a> = BTreeMap<&'a Subject, Vec<&'a Measurement>>;

fn by_subject<'a>(side: &Side, all: &'a [Measurement]) -> BySubject<'a> {
    let mut subjects = BySubject::new();
    for one in all.iter().filter(|one| side.admits(one)) {
        subjects.entry(&one.subject).or_default().push(one);
    }
    subjects
}

impl<'a> Matched<'a> {
    fn of(
        question: &'a Pair,
        subject: &Subject,
        (a, b): (Vec<&'a Measurement>, Vec<&'a Measurement>),
        others: &OtherRuns<'a>,
    ) -> Result<Matched<'a>, String> {
        let mut history: Vec<&Measurement> = a.iter().chain(&b).copied().collect();
        history.extend(others.like(&history));
        let (a, b) = of_latest_runs(&a, &b);
        may_be_compared(question, &a, &b)?;
        Ok(Matched { question, subject: subject.clone(), a, b, history })
    }

    /// The pairs of rounds in which both took turns; nothing where they were taken apart. Of a side against itself
    /// one turn of each round stands against the other.
    fn pairs(&self) -> Option<Vec<Times>> {
        let pairs = series::pairs(&self.a, &self.b)?;
        Some(if self.is_with_itself() { series::with_themselves(&self.a) } else { pairs })
    }

    fn is_with_itself(&self) -> bool {
        self.a.first().zip(self.b.first()).is_some_and(|(a, b)| a.place == b.place && a.run == b.run)
    }

    /// How many times as long b takes, and what the same thing can differ from itself by, where that is known.
    fn ratio(&self) -> Option<(Ratio, Option<f64>, Taken)> {
        if let Some(pairs) = self.pairs() {
            let effort = Effort::of(&pairs);
            let of_side = |side: &[&Measurement]| noise::floor(&series::apart_by_chance(side), effort);
            let noise = of_side(&self.a).into_iter().chain(of_side(&self.b)).reduce(f64::max);
            return Some((Ratio::paired(&pairs)?, noise, Taken::InPairs));
        }
        let scale = Scale::of(self.a.iter().chain(&self.b).copied());
        let ratio = Ratio::unpaired(&scale.values(&self.a), &scale.values(&self.b))?;
        Some((ratio, series::noise_of_runs(&self.history), Taken::Apart))
    }
}

impl Matched<'_> {
    /// Whether typical inferences surely say the opposite of what undisturbed ones say: one is slow by itself at times.
    fn is_contradicted(&self, verdict: decision::Verdict) -> bool {
        let pairs = series::pairs_by(&self.a, &self.b, |samples| Some(Summary::of(samples)?.median));
        match (verdict, pairs.and_then(|pairs| Ratio::paired(&pairs))) {
            (decision::Verdict::Faster, Some(Ratio { high: Some(high), .. })) => high < 1.0,
            (decision::Verdict::Slower, Some(Ratio { low: Some(low), .. })) => low > 1.0,
            _ => false,
        }
    }
}

/// How two sides were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    InPairs,
    Apart,
}

/// Why a side has nothing of a model to compare.
fn lacking(side: &Side, subject: &Subject, all: &[Measurement]) -> String {
    let near = all.iter().map(|measurement| &measurement.subject).find(|other| other.model == subject.model);
    let Some(near) = near else { return format!("there is no result of it on {side}") };
    let differs = if near.precision != subject.precision {
        format!("{side} ran at precision {}, not {}", near.precision, subject.precision)
    } else {
        let shape = |subject: &Subject| {
            let dimensions = subject.dimensions.iter().map(|(name, extent)| format!(", {name} {extent}"));
            format!("batch {}{}", subject.batch, dimensions.collect::<String>())
        };
        format!("{side} ran at another shape ({}, not {})", shape(near), shape(subject))
    };
    format!("{differs}; measure both alike")
}

/// The results of the last run that has both sides; where there is none, of each side's last run.
fn of_latest_runs<'a>(
    a: &[&'a Measurement],
    b: &[&'a Measurement],
) -> (Vec<&'a Measurement>, Vec<&'a Measurement>) {
    let runs_of_b: BTreeSet<_> = b.iter().map(|b| &b.run).collect();
    let both = a.iter().map(|a| &a.run).filter(|run| runs_of_b.contains(run)).max();
    let last = |side: &[&'a Measurement]| side.iter().map(|measurement| &measurement.run).max();
    let of = |side: &[&'a Measurement], run: Option<&_>| -> Vec<&'a Measurement> {
        side.iter().filter(|measurement| Some(&measurement.run) == run).copied().collect()
    };
    (of(a, both.or(last(a))), of(b, both.or(last(b))))
}

/// Says why two sides of a model may not be compared.
fn may_be_compared(question: &Pair, a: &[&Measurement], b: &[&Measurement]) -> Result<(), String> {
    for (side, measurements) in [(&question.a, a), (&question.b, b)] {
        if let Some(failed) = measurements.iter().find(|measurement| measurement.verdict != Verdict::Pass) {
            let why = failed.message.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
            return Err(format!("{side} did not pass ({}): {why}", failed.verdict.name()));
        }
        if measurements.iter().any(|measurement| measurement.values.is_empty()) {
            return Err(format!("{side} has no values of this metric"));
        }
    }
    let (Some(a), Some(b)) = (a.first(), b.first()) else { return Err("there is no result".to_owned()) };
    let chosen = question.a.digest.is_some() || question.b.digest.is_some();
    if a.model_digest != b.model_digest && !chosen {
        return Err(format!(
            "the model changed between them (digest {:.12} and {:.12}); to compare its versions, name them with +digest=",
            a.model_digest, b.model_digest
        ));
    }
    if a.conditions.concurrency != b.conditions.concurrency {
        return Err(format!(
            "one was taken with {} jobs at the same time and the other with {}; measure both with the same --jobs",
            a.conditions.concurrency, b.conditions.concurrency
        ));
    }
    if a.conditions.temperature != b.conditions.temperature {
        let word = |state: &Option<String>| state.clone().unwrap_or_else(|| "not known".to_owned());
        return Err(format!(
            "the state of caches differs ({} and {})",
            word(&a.conditions.temperature),
            word(&b.conditions.temperature)
        ));
    }
    Ok(())
}

fn assumed(noise: Option<f64>, taken: Taken) -> Option<f64> {
    noise.or((taken == Taken::Apart).then_some(ASSUMED_NOISE))
}

/// The rows of a table, decided together: multiple comparisons are corrected for over all of them.
pub fn decide(matched: &[Matched<'_>], metric: &str, rule: Rule) -> (Vec<Comparison>, Vec<Refusal>) {
    let measured: Vec<_> = matched.iter().map(|matched| (matched, matched.ratio())).collect();
    let ratios: Vec<(Ratio, Option<f64>)> = measured
        .iter()
        .filter_map(|(_, found)| found.map(|(ratio, noise, taken)| (ratio, assumed(noise, taken))))
        .collect();
    let rows: Vec<Row<'_>> = ratios.iter().map(|(ratio, noise)| Row { ratio, noise: *noise }).collect();
    let mut decisions = decision::decide(&rows, rule).into_iter();
    let (mut comparisons, mut refused) = (Vec::new(), Vec::new());
    for (matched, found) in measured {
        match found.and_then(|found| Some((found, decisions.next()?))) {
            Some((found, decision)) => comparisons.push(comparison(matched, (metric, rule), found, decision)),
            None => refused.push(Refusal {
                model: matched.subject.model.clone(),
                a: matched.question.a.to_string(),
                b: matched.question.b.to_string(),
                reason: "a time of zero was read, from which no ratio follows".to_owned(),
            }),
        }
    }
    (comparisons, refused)
}

/// How many more rounds would settle a row: as many as make it surer than chance (what is said of it in its table, or alone where
/// it is the noise that is in the way), and where it is no sameness that they show, as many as make the noise, which falls with
/// the root of their number, less than the difference.
fn rounds_to_settle(ratio: &Ratio, noise: Option<f64>, rule: Rule, said: Option<u32>) -> Option<u32> {
    const MOST: f64 = 10_000.0;
    let alone = decision::decide(&[Row { ratio, noise: None }], rule);
    let sure = match (said, alone.first()?.verdict) {
        (Some(said), _) => f64::from(said),
        (None, decision::Verdict::NotSure { samples_to_settle }) => f64::from(samples_to_settle?),
        (None, _) => 0.0,
    };
    let difference = ratio.median.ln().abs();
    let quiet = match noise.filter(|_| difference > rule.same_within.ln_1p()) {
        Some(noise) => ratio.n as f64 * ((noise.ln_1p() / difference).powi(2) - 1.0),
        None => 0.0,
    };
    let more = sure.max(quiet).ceil().max(1.0);
    (more <= MOST).then_some(more as u32)
}

/// The median of some values.
fn middle(values: impl Iterator<Item = f64>) -> Option<f64> {
    Summary::of(&values.collect::<Vec<f64>>()).map(|summary| summary.median)
}

fn comparison(
    matched: &Matched<'_>,
    (metric, rule): (&str, Rule),
    (ratio, noise, taken): (Ratio, Option<f64>, Taken),
    decision: Decision,
) -> Comparison {
    let Matched { question, subject, a, b, .. } = matched;
    let median = |side: &[&Measurement]| middle(side.iter().filter_map(|one| one.median()));
    let pairs = matched.pairs().filter(|_| taken == Taken::InPairs);
    let controls: Vec<f64> = a.iter().chain(b).filter_map(|one| one.control_ms).collect();
    let fastest = controls.iter().copied().reduce(f64::min);
    let slowest = controls.iter().copied().reduce(f64::max);
    let contradicted = taken == Taken::InPairs && matched.is_contradicted(decision.verdict);
    let (verdict, samples_to_settle) = match (decision.verdict, taken) {
        _ if contradicted => ("not-sure", None),
        (decision::Verdict::NotSure { samples_to_settle }, Taken::InPairs) => {
            ("not-sure", rounds_to_settle(&ratio, noise, rule, samples_to_settle))
        }
        // More samples of the same runs would not tell how runs differ.
        (decision::Verdict::NotSure { .. }, Taken::Apart) => ("not-sure", None),
        (sure, _) => (sure.as_str(), None),
    };
    let assumed = match (taken, noise) {
        (Taken::Apart, None) => {
            "; not taken in turns, and what runs of the same thing differ by is not known and taken to be 30 %: sweep \
             with --rounds, or a few more times"
        }
        _ => "",
    };
    let reason = match contradicted {
        true => {
            format!("{}; but of typical inferences, by their medians, the opposite is true", decision.reason)
        }
        false => format!("{}{assumed}", decision.reason),
    };
    let adapter = |side: &[&'_ Measurement]| side.first().and_then(|one| one.adapter.clone());
    let same = same_adapter(adapter(a).as_deref(), adapter(b).as_deref());
    Comparison {
        model: subject.model.clone(),
        precision: subject.precision.clone(),
        batch: subject.batch,
        dimensions: subject.dimensions.clone(),
        a: question.a.to_string(),
        b: question.b.to_string(),
        metric: metric.to_owned(),
        a_median: median(a),
        b_median: median(b),
        a_compared: pairs.as_ref().map_or(median(a), |pairs| middle(pairs.iter().map(|pair| pair.a))),
        b_compared: pairs.as_ref().map_or(median(b), |pairs| middle(pairs.iter().map(|pair| pair.b))),
        ratio: ratio.into(),
        verdict,
        reason,
        samples_to_settle,
        adjusted_p: decision.adjusted_p,
        noise,
        paired: taken == Taken::InPairs,
        rounds: ratio.n,
        control_spread: fastest.zip(slowest).map(|(fastest, slowest)| slowest / fastest),
        same_adapter: same.is_same(),
        adapters: same.words().map(str::to_owned),
        runs: a.iter().chain(b).map(|one| one.run.id.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests;
