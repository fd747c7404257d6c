//! The latency of a model on a target that it never ran on, from what both did elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::kriging::{Fit, LeftOut, Variances, fit};

/// How often an interval holds what is measured later.
const HELD: f64 = 0.9;
/// Fewer known cells give no interval that honest.
const FEWEST: usize = 12;
/// Known cells are left out in so many parts, each by a fit of its own; up to as many cells one at a time.
const PARTS: usize = 64;
/// What each kind of variance may be multiplied by while they are looked for.
const STEPS: [f64; 2] = [0.25, 4.0];
/// So often all of them are gone through.
const ROUNDS: usize = 3;

/// A model's latency on a target, as measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The model's name.
    pub model: String,
    /// The target's name.
    pub target: String,
    /// Its latency in milliseconds, above zero.
    pub latency_ms: f64,
}

/// A latency that was not measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// The likeliest latency in milliseconds.
    pub latency_ms: f64,
    /// Lower end of the 90 % interval.
    pub low_ms: f64,
    /// Upper end.
    pub high_ms: f64,
}

/// What known cells tell of others.
///
/// The logarithm of a latency is taken for a sum: what the model costs, what the target does, what the model's features
/// (operators, operations, bytes) cost everywhere and on this target beyond that, and one thing more that models differ in
/// and targets answer to, found from the cells themselves (a rank-one interaction). Each part is drawn towards zero by as
/// much as leaving out one cell at a time shows to be best, which makes this a mixed model's best linear unbiased prediction
/// (Henderson, 1975; Robinson, *That BLUP is a good thing*, 1991).
///
/// The interval is as wide as nine in ten of the errors that cells have when they are left out (one at a time, or a 64th of
/// them), in units of how unsure each prediction was, so that it holds even where the sum is wrong (conformal prediction:
/// Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World*, 2005).
#[derive(Debug, Clone)]
pub struct Predictor {
    design: Design,
    variances: Variances,
    fit: Fit,
    left_out: Vec<LeftOut>,
    /// How many times its standard deviation a prediction may be off.
    reach: f64,
}

impl Predictor {
    /// Learns from known cells and from models' features, each above zero and as many for each model; models without
    /// features count as average. Nothing where fewer than twelve cells have a latency above zero.
    pub fn of(cells: &[Cell], features: &BTreeMap<String, Vec<f64>>) -> Option<Predictor> {
        let known: Vec<&Cell> = cells.iter().filter(|cell| cell.latency_ms.ln().is_finite()).collect();
        if known.len() < FEWEST {
            return None;
        }
        let design = Design::new(&known, features);
        let (without, fit) =
            best(&design, Variances { latent: 0.0, ..Variances::starting(&design.ln_latencies) })?;
        let design = design.answering(&fit.left_out);
        let (variances, fit) = best(&design, Variances { latent: without.noise, ..without })?;
        let left_out = leave_out(&known, features, &variances);
        let mut scores: Vec<f64> = left_out.iter().map(LeftOut::score).collect();
        let reach = reach(&mut scores)?;
        Some(Predictor { design, variances, fit, left_out, reach })
    }

    /// Predicts the latency of a model on a target. Nothing where the target ran no model yet, or the model ran nowhere and
    /// has no features.
    pub fn predict(&self, model: &str, target: &str) -> Option<Prediction> {
        let (ln_latency, deviation) = self.design.predict(&self.fit, &self.variances, model, target)?;
        let reach = self.reach * deviation;
        Some(Prediction {
            latency_ms: ln_latency.exp(),
            low_ms: (ln_latency - reach).exp(),
            high_ms: (ln_latency + reach).exp(),
        })
    }

    /// By how much known cells are mistaken when they are left out: the absolute logarithms of predicted over measured.
    pub fn left_out_errors(&self) -> Vec<f64> {
        self.left_out.iter().map(|left_out| left_out.error.abs()).collect()
    }

    /// The share of known cells that lie within the interval that all others give them.
    pub fn held(&self) -> f64 {
        let scores: Vec<f64> = self.left_out.iter().map(LeftOut::score).collect();
        let holds = |at: &usize| {
            let mut others = scores.clone();
            let own = others.swap_remove(*at);
            reach(&mut others).is_some_and(|reach| own <= reach)
        };
        (0..scores.len()).filter(holds).count() as f64 / scores.len().max(1) as f64
    }
}

/// What nine in ten scores are below, one that is still to come counted among them.
fn reach(scores: &mut [f64]) -> Option<f64> {
    scores.sort_by(f64::total_cmp);
    scores.get(((scores.len() + 1) as f64 * HELD).ceil() as usize - 1).copied()
}

/// What each known cell is predicted as by a fit that never saw it: not for its own level, nor for how targets answer.
fn leave_out(known: &[&Cell], features: &BTreeMap<String, Vec<f64>>, variances: &Variances) -> Vec<LeftOut> {
    let mut shuffled = known.to_vec();
    fastrand::Rng::with_seed(0).shuffle(&mut shuffled);
    let without = |part: usize| {
        let in_part = |at: &usize| at % PARTS == part;
        let kept: Vec<&Cell> = (0..shuffled.len()).filter(|at| !in_part(at)).map(|at| shuffled[at]).collect();
        let design = Design::new(&kept, features);
        let first = design.fit(&Variances { latent: 0.0, ..*variances })?;
        let design = design.answering(&first.left_out);
        let fit = design.fit(variances)?;
        let left_out = |at: usize| {
            let Cell { model, target, latency_ms } = shuffled[at];
            let (predicted, deviation) = design.predict(&fit, variances, model, target)?;
            Some(LeftOut { error: latency_ms.ln() - predicted, deviation })
        };
        Some((0..shuffled.len()).filter(in_part).filter_map(left_out).collect::<Vec<LeftOut>>())
    };
    (0..PARTS.min(known.len())).filter_map(without).flatten().collect()
}

/// The variances that predict cells left out best, each tried larger and smaller in turn.
fn best(design: &Design, start: Variances) -> Option<(Variances, Fit)> {
    let mut best = (start, design.fit(&start)?);
    for _ in 0..ROUNDS {
        for kind in Variances::KINDS.into_iter().filter(|kind| start.has(*kind)) {
            for step in STEPS {
                let tried = best.0.with(kind, step);
                if let Some(fit) = design.fit(&tried).filter(|fit| fit.likelihood() > best.1.likelihood()) {
                    best = (tried, fit);
                }
            }
        }
    }
    Some(best)
}

/// A cell, as the sum sees it.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    /// Nothing for a model that never ran.
    model: Option<usize>,
    target: usize,
    /// The model's features: logarithms, over all models of mean 0 and standard deviation 1.
    features: Vec<f64>,
}

/// The known cells and their parts.
#[derive(Debug, Clone)]
struct Design {
    models: Vec<String>,
    targets: Vec<String>,
    features: BTreeMap<String, Vec<f64>>,
    places: Vec<Place>,
    /// Less their mean.
    ln_latencies: Vec<f64>,
    mean: f64,
    /// How each target answers to what models differ in beyond their features.
    answers: Vec<f64>,
}

impl Design {
    fn new(known: &[&Cell], features: &BTreeMap<String, Vec<f64>>) -> Design {
        let names = |name: fn(&Cell) -> &String| -> Vec<String> {
            known.iter().map(|cell| name(cell).clone()).collect::<BTreeSet<String>>().into_iter().collect()
        };
        let (models, targets) = (names(|cell| &cell.model), names(|cell| &cell.target));
        let lns: Vec<f64> = known.iter().map(|cell| cell.latency_ms.ln()).collect();
        let mean = super::mean(&lns);
        let mut design = Design {
            answers: vec![0.0; targets.len()],
            models,
            targets,
            features: standardised(features),
            places: Vec::new(),
            ln_latencies: lns.iter().map(|ln| ln - mean).collect(),
            mean,
        };
        design.places = known.iter().filter_map(|cell| design.place(&cell.model, &cell.target)).collect();
        design
    }

    fn place(&self, model: &str, target: &str) -> Option<Place> {
        let target = self.targets.iter().position(|known| known == target)?;
        let known = self.models.iter().position(|known| known == model);
        let features = self.features.get(model).cloned();
        (known.is_some() || features.is_some()).then(|| Place {
            model: known,
            target,
            features: features.unwrap_or_default(),
        })
    }

    /// How much two cells' logarithms have in common.
    fn covariance(&self, variances: &Variances, one: &Place, other: &Place) -> f64 {
        let same = |is: bool| f64::from(u8::from(is));
        let same_model = same(one.model.is_some() && one.model == other.model);
        let same_target = same(one.target == other.target);
        let features: f64 = one.features.iter().zip(&other.features).map(|(one, other)| one * other).sum();
        variances.model * same_model
            + variances.target * same_target
            + features * (variances.features + variances.features_on_target * same_target)
            + variances.latent * same_model * self.answers[one.target] * self.answers[other.target]
    }

    fn fit(&self, variances: &Variances) -> Option<Fit> {
        let covariance =
            |one: usize, other: usize| self.covariance(variances, &self.places[one], &self.places[other]);
        fit(&self.ln_latencies, covariance, variances.noise)
    }

    /// The logarithm of a cell's latency, and how unsure the fit is of it.
    fn predict(&self, fit: &Fit, variances: &Variances, model: &str, target: &str) -> Option<(f64, f64)> {
        let place = self.place(model, target)?;
        let to_known: Vec<f64> =
            self.places.iter().map(|known| self.covariance(variances, &place, known)).collect();
        let itself = self.covariance(variances, &place, &place);
        let (ln_difference, deviation) = fit.at(&to_known, itself, variances.noise);
        Some((self.mean + ln_difference, deviation))
    }

    /// Finds how targets answer to what models differ in: the direction in which the errors of one model on all targets
    /// mostly lie together (the first principal component, by the power method).
    fn answering(mut self, left_out: &[LeftOut]) -> Design {
        let mut errors = vec![vec![0.0; self.targets.len()]; self.models.len()];
        for (place, left_out) in self.places.iter().zip(left_out) {
            place.model.into_iter().for_each(|model| errors[model][place.target] = left_out.error);
        }
        let largest = errors.iter().max_by(|one, other| norm(one).total_cmp(&norm(other)));
        let mut answers = largest.cloned().unwrap_or_default();
        for _ in 0..100 {
            let mut next = vec![0.0; answers.len()];
            for of_model in &errors {
                let along: f64 = of_model.iter().zip(&answers).map(|(error, answer)| error * answer).sum();
                next.iter_mut().zip(of_model).for_each(|(next, error)| *next += along * error);
            }
            let length = norm(&next) / (next.len() as f64).sqrt();
            if length == 0.0 {
                return self;
            }
            answers = next.into_iter().map(|answer| answer / length).collect();
        }
        self.answers = answers;
        self
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// The logarithms of features, each over all models of mean 0 and standard deviation 1; those of which a logarithm is none
/// count as average.
fn standardised(features: &BTreeMap<String, Vec<f64>>) -> BTreeMap<String, Vec<f64>> {
    let width = features.values().map(Vec::len).max().unwrap_or(0);
    let ln =
        |values: &Vec<f64>, at: usize| values.get(at).map(|value| value.ln()).filter(|ln| ln.is_finite());
    let scales: Vec<(f64, f64)> = (0..width)
        .map(|at| {
            let lns: Vec<f64> = features.values().filter_map(|values| ln(values, at)).collect();
            (super::mean(&lns), (super::squares(&lns) / lns.len() as f64).sqrt())
        })
        .collect();
    let scaled = |values: &Vec<f64>| -> Vec<f64> {
        let scaled = |(at, (mean, deviation)): (usize, &(f64, f64))| match ln(values, at) {
            Some(ln) if *deviation > 0.0 => (ln - mean) / deviation,
            _ => 0.0,
        };
        scales.iter().enumerate().map(scaled).collect()
    };
    features.iter().map(|(model, values)| (model.clone(), scaled(values))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Six models on four targets, each a product of what the model and the target cost, scattered by at most 1 %.
    fn products() -> Vec<Cell> {
        let cell = |at: usize| {
            let (model, target) = (at / 4, at % 4);
            let scatter = 1.0 + 0.005 * ((at * 3 % 5) as f64 - 2.0);
            let latency_ms = (model + 1).pow(2) as f64 * [1.0, 4.0, 0.5, 20.0][target] * scatter;
            Cell { model: format!("model {model}"), target: format!("target {target}"), latency_ms }
        };
        (0..24).map(cell).collect()
    }

    fn features() -> BTreeMap<String, Vec<f64>> {
        (0..8usize).map(|model| (format!("model {model}"), vec![(model + 1).pow(2) as f64])).collect()
    }

    #[test]
    fn a_cell_left_out_is_what_its_model_and_target_make_of_it() {
        let mut known = products();
        let hidden = known.remove(10);
        let predictor = Predictor::of(&known, &BTreeMap::new()).unwrap();
        let predicted = predictor.predict(&hidden.model, &hidden.target).unwrap();
        assert!(
            (predicted.latency_ms / hidden.latency_ms - 1.0).abs() < 0.05,
            "{predicted:?} for {hidden:?}"
        );
        assert!((1.0..1.2).contains(&(predicted.high_ms / predicted.low_ms)), "{predicted:?}");
        assert_eq!(predictor.left_out_errors().len(), known.len());
    }

    #[test]
    fn a_model_that_never_ran_is_told_by_its_features() {
        let predictor = Predictor::of(&products(), &features()).unwrap();
        let predicted = predictor.predict("model 7", "target 1").unwrap();
        assert!((predicted.low_ms..=predicted.high_ms).contains(&(64.0 * 4.0)), "{predicted:?}");
        assert!((0.7..1.4).contains(&(predicted.latency_ms / 256.0)), "{predicted:?}");
    }

    #[test]
    fn what_nothing_is_known_of_is_not_guessed() {
        let known = products();
        let predictor = Predictor::of(&known, &features()).unwrap();
        for (name, model, target) in
            [("no such target", "model 1", "target 9"), ("no such model, no features", "model 9", "target 1")]
        {
            assert_eq!(predictor.predict(model, target), None, "{name}");
        }
        assert!(Predictor::of(&known[..11], &features()).is_none(), "too few cells");
        assert!(Predictor::of(&[], &features()).is_none());
        let mut zeros = known;
        zeros.iter_mut().for_each(|cell| cell.latency_ms = 0.0);
        assert!(Predictor::of(&zeros, &features()).is_none(), "a coarse clock reads zero");
    }

    #[test]
    fn features_that_are_none_count_as_average() {
        let scaled = standardised(&BTreeMap::from([
            ("one".to_string(), vec![1.0, 5.0]),
            ("two".to_string(), vec![100.0, 5.0]),
            ("none".to_string(), vec![0.0]),
        ]));
        assert_eq!(scaled["none"], [0.0, 0.0]);
        assert_eq!(scaled["one"], [-1.0, 0.0]);
        assert_eq!(scaled["two"], [1.0, 0.0]);
    }
}
