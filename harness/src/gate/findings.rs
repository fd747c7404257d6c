//! What is worse than it was, cell by cell, and what changed between. Pure.

use std::collections::BTreeMap;

use protocol::Verdict;

use crate::number;
use crate::rows::gate::{Change, Finding};
use crate::rows::measurement::{Measurement, Place, Subject};
use crate::rows::series::{self, ASSUMED_NOISE, Scale};
use crate::statistics::decision::{self, Decision, Row, Rule};
use crate::statistics::dependence::Dependence;
use crate::statistics::ratio::Ratio;

/// A model in a place.
type Cell<'a> = (&'a Subject, &'a Place);
type Cells<'a> = BTreeMap<Cell<'a>, Vec<&'a Measurement>>;

/// What came of holding one run against another.
#[derive(Debug)]
pub struct Found {
    /// Everything that is worse, what fails first.
    pub findings: Vec<Finding>,
    /// Cells that both have.
    pub cells: usize,
    /// Those of them whose times could be held against each other.
    pub timed: usize,
}

/// Everything that is worse now than before. `history` is all that is known of any run.
pub fn of(now: &[Measurement], before: &[Measurement], history: &[Measurement], max_slowdown: f64) -> Found {
    let (now, before, history) = (by_cell(now), by_cell(before), by_cell(history));
    let mut findings = Vec::new();
    let mut timed = Vec::new();
    let mut cells = 0;
    for (cell, of_now) in &now {
        let of_before = before.get(cell);
        cells += usize::from(of_before.is_some());
        match verdict(*cell, of_now, of_before) {
            Some(finding) => findings.push(finding),
            None => timed.extend(of_before.map(|of_before| Timed {
                cell: *cell,
                now: of_now,
                before: of_before,
                history: history.get(cell).map_or(&[], Vec::as_slice),
            })),
        }
    }
    let (slower, timed) = slowdowns(&timed, max_slowdown);
    findings.extend(slower);
    let gone = before.iter().filter(|(cell, _)| !now.contains_key(*cell));
    findings.extend(gone.map(|(cell, of_before)| {
        remark("not-swept", *cell, of_before, "this run did not take it".to_owned())
    }));
    findings.sort_by_key(|finding| !finding.fails);
    Found { findings, cells, timed }
}

fn by_cell(measurements: &[Measurement]) -> Cells<'_> {
    let mut cells = Cells::new();
    for one in measurements {
        cells.entry((&one.subject, &one.place)).or_default().push(one);
    }
    cells
}

/// The worst of a cell's trials.
fn worst<'a>(trials: &[&'a Measurement]) -> Option<&'a Measurement> {
    trials.iter().copied().find(|one| one.verdict != Verdict::Pass).or(trials.first().copied())
}

/// What a cell's verdict has become worse to.
fn verdict(cell: Cell<'_>, now: &[&Measurement], before: Option<&Vec<&Measurement>>) -> Option<Finding> {
    let now = worst(now)?;
    let before = before.and_then(|before| worst(before));
    let was = before.map(|before| before.verdict);
    let kind = match now.verdict {
        Verdict::Pass => return None,
        Verdict::Unsupported | Verdict::Unavailable if was == Some(Verdict::Pass) => "lost-capability",
        Verdict::Unsupported | Verdict::Unavailable => return None,
        same if was == Some(same) => return None,
        _ => "mismatch",
    };
    let why = now.message.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
    let message = match was {
        Some(was) => format!("was {} and is {}: {why}", was.name(), now.verdict.name()),
        None => format!("is {}, and was not taken before: {why}", now.verdict.name()),
    };
    let changed = before.map(|before| changes(before, now)).unwrap_or_default();
    let since = before.unwrap_or(now).run.id.clone();
    Some(Finding { kind, fails: true, message, changed, ratio: None, since, ..named(cell) })
}

/// A cell that passed then and passes now.
struct Timed<'a> {
    cell: Cell<'a>,
    now: &'a [&'a Measurement],
    before: &'a [&'a Measurement],
    history: &'a [&'a Measurement],
}

/// What takes longer than it did, decided over all cells together, and how many those are that could be decided.
fn slowdowns(timed: &[Timed<'_>], max_slowdown: f64) -> (Vec<Finding>, usize) {
    let mut findings = Vec::new();
    let mut measured = Vec::new();
    for timed in timed {
        match timed.apart() {
            Some(reason) => findings.push(remark("not-compared", timed.cell, timed.before, reason)),
            None => measured.extend(timed.ratio().map(|(ratio, noise)| (timed, ratio, noise))),
        }
    }
    let rows: Vec<Row<'_>> = measured
        .iter()
        .map(|(_, ratio, noise)| Row { ratio, noise: Some(noise.unwrap_or(ASSUMED_NOISE)) })
        .collect();
    let decisions = decision::decide(&rows, Rule::within(max_slowdown));
    let slower = measured.iter().zip(decisions).filter_map(|((timed, ratio, noise), decision)| {
        timed.slowdown(*ratio, *noise, decision, max_slowdown)
    });
    findings.extend(slower);
    (findings, measured.len())
}

impl Timed<'_> {
    /// Why the two may not be compared.
    fn apart(&self) -> Option<String> {
        let (before, now) = (self.before.first()?, self.now.first()?);
        if before.versions.host != now.versions.host {
            let name = |one: &Measurement| {
                one.versions.host.clone().unwrap_or_else(|| "an unnamed machine".to_owned())
            };
            return Some(format!("it was taken on {} then and on {} now", name(before), name(now)));
        }
        (before.conditions.concurrency != now.conditions.concurrency).then(|| {
            format!(
                "{} jobs ran at the same time then, and {} now",
                before.conditions.concurrency, now.conditions.concurrency
            )
        })
    }

    /// How many times as long it takes now, in units of the drift control where both have it, and what runs differ by.
    fn ratio(&self) -> Option<(Ratio, Option<f64>)> {
        let scale = Scale::of(self.before.iter().chain(self.now).copied());
        let ratio = Ratio::unpaired(&scale.values(self.before), &scale.values(self.now))?;
        // The run that is judged must not say what is usual.
        let earlier: Vec<&Measurement> = self.earlier().collect();
        Some((ratio, series::noise_of_runs(&earlier)))
    }

    fn earlier(&self) -> impl Iterator<Item = &Measurement> {
        let now = self.now.first().map(|one| &one.run);
        self.history.iter().copied().filter(move |one| Some(&one.run) != now)
    }

    fn slowdown(
        &self,
        ratio: Ratio,
        noise: Option<f64>,
        decision: Decision,
        max_slowdown: f64,
    ) -> Option<Finding> {
        // Of the run before relative to this one: faster means that it takes longer now.
        let beyond = ratio.median > 1.0 + max_slowdown;
        let proven = decision.verdict == decision::Verdict::Faster;
        if !beyond {
            return None;
        }
        let dependent = self.depends_on_itself();
        let by = format!("takes {} times as long as before", number::three_digits(ratio.median));
        let noise_told = match noise {
            Some(noise) => format!("the noise between runs is {}", number::per_cent(noise)),
            None => format!(
                "fewer than four earlier runs are known, so the noise between runs is taken to be {}",
                number::per_cent(ASSUMED_NOISE)
            ),
        };
        let (fails, kind, why) = match (proven, dependent) {
            (true, false) => (true, "slowdown", noise_told),
            (true, true) => (
                false,
                "slower-unproven",
                "its history depends on itself, each run on the one before, so that this may be chance"
                    .to_owned(),
            ),
            (false, _) => (false, "slower-unproven", format!("{}; {noise_told}", decision.reason)),
        };
        let (before, now) = (worst(self.before)?, worst(self.now)?);
        Some(Finding {
            kind,
            fails,
            message: format!("{by}: {why}"),
            ratio: Some(ratio.into()),
            since: before.run.id.clone(),
            changed: changes(before, now),
            ..named(self.cell)
        })
    }

    /// Whether the runs before depend on each other: then there are fewer of them than there seem.
    fn depends_on_itself(&self) -> bool {
        let earlier: Vec<&Measurement> = self.earlier().collect();
        let medians: Vec<f64> = series::run_medians(&earlier).iter().map(|median| median.ln()).collect();
        Dependence::of(&medians).is_sure()
    }
}

fn remark(kind: &'static str, cell: Cell<'_>, before: &[&Measurement], message: String) -> Finding {
    let since = before.first().map(|one| one.run.id.clone()).unwrap_or_default();
    Finding { kind, message, since, ..named(cell) }
}

/// A remark about a cell, of which nothing is said yet.
fn named((subject, place): Cell<'_>) -> Finding {
    Finding {
        kind: "",
        fails: false,
        model: subject.to_string(),
        place: place.to_string(),
        message: String::new(),
        ratio: None,
        since: String::new(),
        changed: Vec::new(),
    }
}

/// Everything that is not as it was.
pub fn changes(before: &Measurement, now: &Measurement) -> Vec<Change> {
    let adapter = |one: &Measurement| one.adapter.as_deref().map(crate::adapter::adapter_name);
    let digest = |one: &Measurement| Some(one.model_digest.clone()).filter(|digest| !digest.is_empty());
    let version = |one: &Measurement| Some(one.versions.parallax.clone());
    let known: [(&'static str, Option<String>, Option<String>); 9] = [
        ("browser", before.versions.browser.clone(), now.versions.browser.clone()),
        ("driver", before.versions.driver.clone(), now.versions.driver.clone()),
        ("browser settings", before.versions.settings.clone(), now.versions.settings.clone()),
        ("adapter", adapter(before), adapter(now)),
        ("model", digest(before), digest(now)),
        ("Parallax", version(before), version(now)),
        ("commit", before.versions.commit.clone(), now.versions.commit.clone()),
        ("tuning table", before.versions.tuning.clone(), now.versions.tuning.clone()),
        ("machine", before.versions.host.clone(), now.versions.host.clone()),
    ];
    let changed = known.into_iter().filter_map(|(what, from, to)| {
        let (from, to) = (from?, to?);
        (from != to).then_some(Change { what, from, to })
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::measurement::tests::measurement;

    const MAX: f64 = 0.05;

    /// Earlier runs of a thing that takes 10 ms and scatters a little from run to run.
    fn steady(runs: u32) -> Vec<Measurement> {
        let scatter = [1.0, 1.004, 0.997, 1.002, 0.998, 1.003];
        (1..=runs).map(|run| measurement("webgpu@chrome", run, 10.0 * scatter[run as usize % 6])).collect()
    }

    fn kinds(findings: &[Finding]) -> Vec<(&'static str, bool)> {
        findings.iter().map(|finding| (finding.kind, finding.fails)).collect()
    }

    #[test]
    fn times_fail_beyond_noise_and_threshold_only() {
        type Row = (&'static str, Vec<Measurement>, fn(&mut Measurement), &'static [(&'static str, bool)]);
        let slower: fn(&mut Measurement) = |now| now.values.iter_mut().for_each(|value| *value *= 1.2);
        let rows: [Row; 9] = [
            ("as before", steady(8), |_| {}, &[]),
            ("faster", steady(8), |now| now.values.iter_mut().for_each(|value| *value /= 2.0), &[]),
            ("slower", steady(8), slower, &[("slowdown", true)]),
            (
                "slower within the threshold",
                steady(8),
                |now| now.values.iter_mut().for_each(|value| *value *= 1.04),
                &[],
            ),
            (
                "slower, and so is the machine",
                steady(8),
                |now| {
                    now.values.iter_mut().for_each(|value| *value *= 1.2);
                    now.control_ms = Some(12.0);
                },
                &[],
            ),
            ("slower, but not known for long", steady(1), slower, &[("slower-unproven", false)]),
            (
                "much slower, and not known for long",
                steady(1),
                |now| {
                    now.values.iter_mut().for_each(|value| *value *= 2.0);
                },
                &[("slowdown", true)],
            ),
            (
                "on another machine",
                steady(8),
                |now| {
                    now.versions.host = Some("there".to_owned());
                    now.values.iter_mut().for_each(|value| *value *= 2.0);
                },
                &[("not-compared", false)],
            ),
            (
                "beside another job",
                steady(8),
                |now| {
                    now.conditions.concurrency = 2;
                    now.values.iter_mut().for_each(|value| *value *= 2.0);
                },
                &[("not-compared", false)],
            ),
        ];
        for (name, earlier, change, expected) in rows {
            let mut now = measurement("webgpu@chrome", 20, 10.0);
            change(&mut now);
            let before: Vec<Measurement> = earlier.last().cloned().into_iter().collect();
            let history: Vec<Measurement> = earlier.into_iter().chain([now.clone()]).collect();
            let Found { findings, cells, timed } = of(&[now], &before, &history, MAX);
            assert_eq!((kinds(&findings).as_slice(), cells), (expected, 1), "{name}: {findings:?}");
            let apart = findings.iter().filter(|finding| finding.kind == "not-compared").count();
            assert_eq!(timed, 1 - apart, "{name}");
        }
    }

    #[test]
    fn a_history_that_depends_on_itself_is_said_to_be_so_and_not_alarmed_on() {
        // It wanders, each run near the one before.
        let level = |run: u32| 10.0 * (1.0 + 0.2 * (f64::from(run) / 4.0).sin());
        let earlier: Vec<Measurement> =
            (1..=24).map(|run| measurement("webgpu@chrome", run, level(run))).collect();
        let now = measurement("webgpu@chrome", 25, 2.0 * level(24));
        let before = [earlier[23].clone()];
        let history: Vec<Measurement> = earlier.into_iter().chain([now.clone()]).collect();
        let Found { findings, .. } = of(&[now], &before, &history, MAX);
        assert_eq!(kinds(&findings), [("slower-unproven", false)], "{findings:?}");
        assert!(findings[0].message.contains("depends on itself"), "{findings:?}");
    }

    #[test]
    fn verdicts_that_became_worse_fail_with_what_changed() {
        let at = |verdict, run| Measurement { verdict, ..measurement("webgpu@chrome", run, 10.0) };
        use Verdict::{Crash, Mismatch, Pass, Unavailable, Unsupported};
        for (was, is, expected) in [
            (Some(Pass), Mismatch, Some("mismatch")),
            (Some(Pass), Crash, Some("mismatch")),
            (Some(Pass), Unsupported, Some("lost-capability")),
            (Some(Pass), Unavailable, Some("lost-capability")),
            (Some(Mismatch), Mismatch, None),
            (Some(Unsupported), Unsupported, None),
            (Some(Unsupported), Mismatch, Some("mismatch")),
            (Some(Mismatch), Pass, None),
            (None, Mismatch, Some("mismatch")),
            (None, Unsupported, None),
        ] {
            let mut now = at(is, 2);
            now.versions.browser = Some("157".to_owned());
            let before: Vec<Measurement> = was.map(|was| at(was, 1)).into_iter().collect();
            let Found { findings, .. } = of(&[now], &before, &[], MAX);
            assert_eq!(findings.first().map(|finding| finding.kind), expected, "{was:?} {is:?}");
            for finding in findings.iter().filter(|_| was.is_some()) {
                let change = Change { what: "browser", from: "156".to_owned(), to: "157".to_owned() };
                assert_eq!((finding.fails, &finding.changed), (true, &vec![change]));
                assert_eq!(finding.since, "run-01");
            }
        }
        let Found { findings, cells, .. } = of(&[], &[at(Pass, 1)], &[], MAX);
        assert_eq!((kinds(&findings).as_slice(), cells), (&[("not-swept", false)][..], 0));
    }
}
