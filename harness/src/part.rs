//! What one call runs of a plan, and what it has in common with the calls that run the rest. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::case::{self, Case};
use crate::digest::digest;
use crate::error::Error;
use crate::model::variant::described;
use crate::plan::{Plan, size};
use crate::shard::{Shard, deal};
use crate::statistics::Summary;

/// What a case is taken to take where nothing is known of any.
const ALIKE: Duration = Duration::from_secs(1);

/// The part of a plan that one call runs: all of it, or the models of its shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Of the whole matrix and of who runs what of it: shards that differ in this are not of one sweep.
    pub plan_digest: String,
    /// Which part it is; none where it is all.
    pub shard: Option<Shard>,
    /// The name of the sweep among others of its plan.
    pub sweep: Option<String>,
    /// The shard of each model, by name; empty where the part is all.
    dealt: BTreeMap<String, u32>,
}

impl Part {
    /// The part of a plan that a shard runs, by what cases took before, by key.
    pub fn of(
        plan: &Plan,
        durations: &BTreeMap<String, Duration>,
        shard: Option<Shard>,
        sweep: Option<String>,
    ) -> Part {
        let cases = case::expand(plan);
        let lost: BTreeSet<String> =
            plan.lost.iter().map(|lost| format!("{} {}", lost.name, described(&lost.dimensions))).collect();
        let models = times_ms(&cases, durations);
        // A model that cannot be had takes no time; its rows belong to somebody all the same.
        let absent = plan.lost.iter().map(|lost| (lost.name.clone(), 0));
        let models = absent.chain(models).collect();
        let dealt = shard.map(|shard| deal(&models, shard.of())).unwrap_or_default();
        let keys: BTreeSet<String> = cases.iter().map(Case::key).collect();
        let text = format!(
            "parallax-plan-1\ncases={keys:?}\nlost={lost:?}\nrounds={:?}\ntimeout={:?}\ndealt={dealt:?}\n",
            plan.rounds, plan.timeout
        );
        Part { plan_digest: digest(&text), shard, sweep, dealt }
    }

    /// Returns whether a model of this name is run here.
    pub fn has(&self, model: &str) -> bool {
        self.shard.is_none_or(|shard| self.dealt.get(model) == Some(&shard.number()))
    }

    /// Holds it to a size that somebody meant, by what its cases took before, where they are known.
    ///
    /// # Errors
    /// When it is larger and was not said to be.
    pub fn check_size(&self, plan: &Plan, durations: &BTreeMap<String, Duration>) -> Result<(), Error> {
        let mut cases = case::expand(plan);
        cases.retain(|case| self.has(&case.model.manifest.name));
        let turns = plan.rounds.map_or(1, |rounds| 2 * rounds.least.get());
        let known = cases.iter().filter_map(|case| durations.get(&case.key()));
        let known: Vec<f64> = known.map(Duration::as_secs_f64).collect();
        size::check(cases.len(), turns, &known, plan.large)
    }

    /// How many models are run elsewhere.
    pub fn elsewhere(&self) -> usize {
        self.dealt.keys().filter(|model| !self.has(model)).count()
    }
}

/// What each model takes in milliseconds, all its cases together; a case that never ran, as long as half of those that did.
fn times_ms(cases: &[Case], durations: &BTreeMap<String, Duration>) -> BTreeMap<String, u64> {
    let known: Vec<Option<Duration>> = cases.iter().map(|case| durations.get(&case.key()).copied()).collect();
    let seconds: Vec<f64> = known.iter().flatten().map(Duration::as_secs_f64).collect();
    let usual = Summary::of(&seconds).and_then(|summary| Duration::try_from_secs_f64(summary.median).ok());
    let mut models = BTreeMap::new();
    for (case, known) in cases.iter().zip(known) {
        let taken = known.or(usual).unwrap_or(ALIKE);
        let ms = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX).max(1);
        let of_model: &mut u64 = models.entry(case.model.manifest.name.clone()).or_default();
        *of_model = of_model.saturating_add(ms);
    }
    models
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::tests::case;
    use crate::lane::NoAnswer;
    use crate::model::Dimensions;
    use crate::plan::Lost;
    use crate::plan::tests::resolve;
    use protocol::{Failure, FailureKind};

    const MODELS: [&str; 5] = ["bert-tiny", "vit-tiny", "clip-tiny", "t5-tiny", "qwen2-tiny"];

    fn plan(flags: &[&str]) -> Plan {
        let models = MODELS.join(",");
        let sweep = ["--models", &models, "--targets", "wgpu:vulkan,onnxruntime:cpu"];
        resolve(None, &[&sweep[..], flags].concat()).unwrap()
    }

    fn lost(name: &str) -> Lost {
        let failure = Failure { kind: FailureKind::Error, message: "gone".to_owned() };
        Lost { name: name.to_owned(), dimensions: Dimensions::new(), none: NoAnswer::Failure(failure) }
    }

    fn part(plan: &Plan, shard: &str) -> Part {
        Part::of(plan, &BTreeMap::new(), Some(shard.parse().unwrap()), None)
    }

    #[test]
    fn every_model_is_run_by_one_shard_and_by_who_runs_all() {
        let mut plan = plan(&[]);
        plan.lost = vec![lost("gone")];
        let shards = ["1/3", "2/3", "3/3"].map(|shard| part(&plan, shard));
        for model in MODELS.iter().chain(&["gone"]) {
            assert_eq!(shards.iter().filter(|part| part.has(model)).count(), 1, "{model}");
        }
        let whole = Part::of(&plan, &BTreeMap::new(), None, None);
        assert!(MODELS.iter().all(|model| whole.has(model)) && whole.elsewhere() == 0);
        assert_eq!(shards.iter().map(Part::elsewhere).sum::<usize>(), 2 * 6);
        // Of six models, some of seven shards have none.
        assert!((1..=7).any(|number| part(&plan, &format!("{number}/7")).elsewhere() == 6));
    }

    #[test]
    fn the_digest_is_of_all_that_shards_have_to_agree_on() {
        // Every case a second, but for the first.
        let taken = |first_s: u64| -> BTreeMap<String, Duration> {
            let keys = case::expand(&plan(&[])).into_iter().map(|case| case.key());
            let seconds = std::iter::once(first_s).chain(std::iter::repeat(1));
            keys.zip(seconds.map(Duration::from_secs)).collect()
        };
        let digest = |plan: &Plan, durations: &BTreeMap<String, Duration>, shard: Option<&str>| {
            Part::of(plan, durations, shard.map(|shard| shard.parse().unwrap()), None).plan_digest
        };
        let none = BTreeMap::new();
        let original = digest(&plan(&[]), &none, Some("1/3"));
        let with_lost = Plan { lost: vec![lost("gone")], ..plan(&[]) };
        for (name, other, same) in [
            ("another shard", digest(&plan(&[]), &none, Some("3/3")), true),
            ("times that change nothing", digest(&plan(&[]), &taken(1), Some("1/3")), true),
            ("jobs", digest(&plan(&["--jobs", "2"]), &none, Some("1/3")), true),
            ("another model", digest(&plan(&["--models", "llava-tiny"]), &none, Some("1/3")), false),
            ("samples", digest(&plan(&["--samples", "3"]), &none, Some("1/3")), false),
            ("rounds", digest(&plan(&["--rounds", "2"]), &none, Some("1/3")), false),
            ("the limit", digest(&plan(&["--timeout-s", "2"]), &none, Some("1/3")), false),
            ("a lost model", digest(&with_lost, &none, Some("1/3")), false),
            ("more shards", digest(&plan(&[]), &none, Some("1/4")), false),
            ("times by which models are dealt otherwise", digest(&plan(&[]), &taken(60), Some("1/3")), false),
            ("all of it", digest(&plan(&[]), &none, None), false),
        ] {
            assert_eq!(other == original, same, "{name}");
        }
        assert_eq!(digest(&plan(&[]), &none, None), digest(&plan(&[]), &taken(60), None), "unsharded");
    }

    #[test]
    fn what_never_ran_takes_as_long_as_is_usual() {
        let cases = [case("a", "burn:cpu"), case("a", "wgpu:vulkan"), case("b", "burn:cpu")];
        let known = |seconds: &[(usize, u64)]| {
            let known = seconds.iter().map(|(at, s)| (cases[*at].key(), Duration::from_secs(*s)));
            known.collect::<BTreeMap<_, _>>()
        };
        for (durations, a, b) in [
            (&[][..], 2000, 1000),
            (&[(0, 5), (1, 7), (2, 9)], 12_000, 9000),
            (&[(0, 5)], 10_000, 5000),
            (&[(0, 0)], 2, 1),
            (&[(0, 4), (2, 8)], 10_000, 8000),
        ] {
            let expected = [("a", a), ("b", b)].map(|(name, ms)| (name.to_owned(), ms));
            assert_eq!(times_ms(&cases, &known(durations)), expected.into(), "{durations:?}");
        }
    }
}
