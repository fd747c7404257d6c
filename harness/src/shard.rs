//! Which machine of several runs which models of a plan: evenly by time, and so that another model moves few others. Pure.

pub mod name;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// More shards are a slip of the pen.
const MOST: u32 = 1000;
/// A shard may take this much longer than the mean, in per cent: less evens out better, more moves fewer models.
const SLACK: u128 = 25;

/// One of the shards that a plan is split over, as in `2/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// Its number, from 1.
    pub fn number(self) -> u32 {
        self.number
    }

    /// How many there are.
    pub fn of(self) -> u32 {
        self.of
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let read = |part: &str| part.parse::<u32>().ok().filter(|number| (1..=MOST).contains(number));
        let shard = text.split_once('/').and_then(|(number, of)| Some((read(number)?, read(of)?)));
        let shard = shard.filter(|(number, of)| number <= of).map(|(number, of)| Shard { number, of });
        shard.ok_or_else(|| {
            format!("write which shard of how many, as in 2/5: from 1/N to N/N, of {MOST} at most")
        })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// Gives each model, with the milliseconds that it takes, the number of its shard, from 1.
///
/// Rendezvous hashing with bounded loads (<https://arxiv.org/abs/1608.01350> bounds consistent hashing so): every model ranks
/// the shards by a digest of its name and theirs, and the longest choose first; one takes the first shard of its ranking that
/// it does not fill beyond [`SLACK`], or the emptiest where it would overfill all. So no load is above the mean by more than
/// the slack or by more than the longest model, and whoever has the same models and times comes to the same.
pub fn deal(models: &BTreeMap<String, u64>, of: u32) -> BTreeMap<String, u32> {
    let total: u128 = models.values().copied().map(u128::from).sum();
    let fits = |load: u128| load * u128::from(of) * 100 <= total * (100 + SLACK);
    let mut loads: BTreeMap<u32, u128> = (1..=of).map(|shard| (shard, 0)).collect();
    let mut order: Vec<(&String, u128)> = models.iter().map(|(name, ms)| (name, u128::from(*ms))).collect();
    order.sort_by_key(|(name, ms)| (Reverse(*ms), *name));
    let mut dealt = BTreeMap::new();
    for (name, ms) in order {
        let ranked = ranked(name, of);
        let load = |shard: &u32| loads.get(shard).copied().unwrap_or_default();
        let first = ranked.iter().find(|shard| fits(load(shard) + ms));
        let Some(shard) = first.or_else(|| ranked.iter().min_by_key(|shard| load(shard))).copied() else {
            continue;
        };
        *loads.entry(shard).or_default() += ms;
        dealt.insert(name.clone(), shard);
    }
    dealt
}

/// The shards in the order in which a model of this name likes them.
fn ranked(name: &str, of: u32) -> Vec<u32> {
    let mut shards: Vec<u32> = (1..=of).collect();
    shards.sort_by_cached_key(|shard| Reverse(Sha256::digest(format!("{name}\n{shard}"))));
    shards
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(all: &[(&str, u64)]) -> BTreeMap<String, u64> {
        all.iter().map(|(name, ms)| ((*name).to_owned(), *ms)).collect()
    }

    fn loads(models: &BTreeMap<String, u64>, of: u32) -> Vec<u64> {
        let dealt = deal(models, of);
        let load = |shard| dealt.iter().filter(|(_, of)| **of == shard).map(|(name, _)| models[name]).sum();
        (1..=of).map(load).collect()
    }

    /// Plans of so many models, some alike, some a hundred times as long as others.
    fn plans() -> impl Iterator<Item = (u32, BTreeMap<String, u64>)> {
        let mut random = fastrand::Rng::with_seed(11);
        let sizes = [(1, 7), (2, 10), (3, 3), (5, 40), (5, 100), (20, 10), (20, 100)];
        let all = sizes.into_iter().flat_map(|size| std::iter::repeat_n(size, 40));
        all.enumerate().map(move |(plan, (of, count))| {
            let alike = plan % 3 == 0;
            let model = |at| {
                let ms = if alike { 1000 } else { (1000.0 * 100f64.powf(random.f64())) as u64 };
                (format!("model-{plan}-{at}"), ms)
            };
            (of, (0..count).map(model).collect())
        })
    }

    #[test]
    fn a_shard_is_written_as_its_number_of_how_many() {
        for (text, expected) in
            [("1/1", Some((1, 1))), ("2/5", Some((2, 5))), ("1000/1000", Some((1000, 1000)))]
        {
            let shard: Shard = text.parse().unwrap();
            assert_eq!((Some((shard.number(), shard.of())), shard.to_string().as_str()), (expected, text));
        }
        for wrong in ["0/3", "4/3", "x", "1/0", "", "/", "1", "1/", "/2", "-1/2", "1/1001", "1/2/3", "1.5/2"]
        {
            let error = wrong.parse::<Shard>().unwrap_err();
            assert!(error.contains("as in 2/5"), "{wrong}: {error}");
        }
    }

    #[test]
    fn every_model_is_in_one_shard_and_no_shard_is_overfull() {
        for (of, models) in plans() {
            let dealt = deal(&models, of);
            assert!(dealt.keys().eq(models.keys()) && dealt.values().all(|shard| (1..=of).contains(shard)));
            let mean = models.values().sum::<u64>() as f64 / f64::from(of);
            let longest = models.values().max().copied().unwrap_or_default() as f64;
            let most = loads(&models, of).into_iter().max().unwrap_or_default() as f64;
            assert!(most <= (1.25 * mean).max(mean + longest), "{most} of {mean}, {longest}, in {of}");
        }
    }

    #[test]
    fn another_model_moves_few_others() {
        let (mut moved, mut all) = (0, 0);
        for (of, models) in plans() {
            let before = deal(&models, of);
            let mut more = models.clone();
            more.insert("another".to_owned(), 3000);
            let after = deal(&more, of);
            let movers = before.iter().filter(|(name, shard)| after[*name] != **shard).count();
            assert!(movers <= 2 + models.len() / 3, "{movers} of {} moved, of {of} shards", models.len());
            (moved, all) = (moved + movers, all + models.len());
        }
        // With numbers dealt in turn instead, nearly all of them move.
        assert!(moved * 20 <= all, "{moved} of {all} moved");
    }

    #[test]
    fn models_are_dealt_alike_on_every_machine() {
        // Computed with Python's hashlib, by the ranking that `deal` describes.
        for (of, all, expected) in [
            (3, &[][..], &[][..]),
            (1, &[("a", 5)], &[1]),
            (3, &[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1), ("f", 1)], &[1, 2, 3, 1, 3, 2]),
            (2, &[("bert", 9000), ("clip", 500), ("vit", 700), ("whisper", 8000)], &[1, 2, 2, 2]),
            (2, &[("gone", 0), ("here", 10)], &[2, 1]),
        ] {
            let dealt: Vec<u32> = deal(&models(all), of).into_values().collect();
            assert_eq!(dealt, expected, "{all:?} over {of}");
        }
    }
}
