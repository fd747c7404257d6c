//! The axes of a plan besides models and targets, lists each: their product is what every model is run as. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;

use protocol::{Engine, Features, Precision};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::cli::AxesArgs;
use crate::model::Variant;
use crate::precision::AskedPrecision;
use crate::share::Share;

/// The name of the dimension that counts the items of one inference, whatever a model calls it.
const BATCH: &str = "batch";

/// A list in a plan, where one value alone may stand for a list of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T>(Vec<T>);

impl<T> Default for Listed<T> {
    fn default() -> Listed<T> {
        Listed(Vec::new())
    }
}

/// The lists of a plan file or of the flags; an empty one varies nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Axes {
    /// Extents by the names of dimensions.
    dimensions: BTreeMap<String, Vec<usize>>,
    precisions: Vec<AskedPrecision>,
    features: Vec<Features>,
}

impl Axes {
    /// The lists of a plan file, and over them those that flags give.
    pub fn new(
        batch: &Listed<NonZeroUsize>,
        dimensions: &BTreeMap<String, Listed<usize>>,
        precisions: &Listed<AskedPrecision>,
        features: &Listed<Features>,
        flags: &AxesArgs,
    ) -> Axes {
        let mut extents: BTreeMap<String, Vec<usize>> =
            dimensions.iter().map(|(name, Listed(extents))| (name.clone(), extents.clone())).collect();
        let mut given: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (name, extent) in &flags.dimensions {
            given.entry(name.clone()).or_default().push(*extent);
        }
        extents.extend(given);
        let batch = over(&flags.batch, batch);
        if !batch.is_empty() {
            extents.insert(BATCH.to_owned(), batch.into_iter().map(NonZeroUsize::get).collect());
        }
        Axes {
            dimensions: extents.into_iter().map(|(name, extents)| (name, each_once(extents))).collect(),
            precisions: each_once(over(&flags.precision, precisions)),
            features: each_once(over(&flags.features, features)),
        }
    }

    /// What models are kept in.
    fn kept(&self) -> Vec<Precision> {
        let kept = self.precisions.iter().filter_map(|asked| match asked {
            AskedPrecision::Kept(precision) => Some(*precision),
            AskedPrecision::Interval(_) => None,
        });
        kept.collect()
    }

    /// How narrow intervals have to be.
    pub fn interval(&self) -> Option<Share> {
        self.precisions.iter().find_map(|asked| match asked {
            AskedPrecision::Interval(share) => Some(*share),
            AskedPrecision::Kept(_) => None,
        })
    }

    /// What every model is run as: precisions outermost, then the dimensions by name, each in the order asked for.
    pub fn variants(&self) -> Vec<Variant> {
        let kept = self.kept();
        let precisions: Vec<Option<Precision>> =
            if kept.is_empty() { vec![None] } else { kept.into_iter().map(Some).collect() };
        let start =
            precisions.into_iter().map(|precision| Variant { precision, ..Variant::default() }).collect();
        let extents = self.dimensions.iter().filter(|(_, extents)| !extents.is_empty());
        extents.fold(start, |variants: Vec<Variant>, (name, extents)| {
            let at = |variant: &Variant, extent: usize| {
                let mut variant = variant.clone();
                variant.dimensions.insert(name.clone(), extent);
                variant
            };
            variants.iter().flat_map(|variant| extents.iter().map(|&extent| at(variant, extent))).collect()
        })
    }

    /// The settings of features to run an engine with: those that it has switches for, each once.
    pub fn features(&self, engine: Engine) -> Vec<Features> {
        let settings = self.features.iter().map(|features| features.on(engine)).collect();
        let settings: Vec<Features> = each_once(settings);
        if settings.is_empty() { vec![Features::default()] } else { settings }
    }

    /// How many variants there are, without making them.
    pub fn count(&self) -> usize {
        let extents = self.dimensions.values().map(|extents| extents.len().max(1));
        extents.fold(self.kept().len().max(1), usize::saturating_mul)
    }
}

/// The list of the flags where there is one, else that of the plan file.
fn over<T: Clone>(flags: &[T], file: &Listed<T>) -> Vec<T> {
    if flags.is_empty() { file.0.clone() } else { flags.to_vec() }
}

/// A list in its order, doubles left out.
pub fn each_once<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut once: Vec<T> = Vec::new();
    for item in list {
        if !once.contains(&item) {
            once.push(item);
        }
    }
    once
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Listed<T>, D::Error> {
        deserializer.deserialize_any(OneOrMany(PhantomData))
    }
}

/// Takes a value or a list of them, so that a wrong one is told as where only one may stand.
struct OneOrMany<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
    type Value = Listed<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Listed<T>, E> {
        T::deserialize(value.into_deserializer()).map(|value| Listed(vec![value]))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Listed<T>, E> {
        T::deserialize(value.into_deserializer()).map(|value| Listed(vec![value]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Listed<T>, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(sequence)).map(Listed)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::model::variant::described;

    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct File {
        batch: Listed<NonZeroUsize>,
        dimensions: BTreeMap<String, Listed<usize>>,
        precision: Listed<AskedPrecision>,
        features: Listed<Features>,
    }

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        axes: AxesArgs,
    }

    fn axes(file: &str, flags: &[&str]) -> Axes {
        let File { batch, dimensions, precision, features } = toml::from_str(file).unwrap();
        let flags = Flags::try_parse_from(["sweep"].iter().chain(flags)).unwrap();
        Axes::new(&batch, &dimensions, &precision, &features, &flags.axes)
    }

    fn told(axes: &Axes) -> Vec<String> {
        let told = |variant: Variant| {
            let precision = variant.precision.map(|precision| format!("{precision} ")).unwrap_or_default();
            format!("{precision}{}", described(&variant.dimensions))
        };
        axes.variants().into_iter().map(told).collect()
    }

    #[test]
    fn every_combination_is_a_variant() {
        type Row = (&'static str, &'static [&'static str], &'static [&'static str]);
        let rows: [Row; 10] = [
            ("", &[], &[""]),
            ("batch = 4", &[], &["batch=4"]),
            ("batch = [1, 4, 1]", &[], &["batch=1", "batch=4"]),
            ("dimensions = { sequence = 16 }", &[], &["sequence=16"]),
            (
                "batch = [1, 4]\ndimensions = { sequence = [16, 128] }",
                &[],
                &[
                    "batch=1 sequence=16",
                    "batch=1 sequence=128",
                    "batch=4 sequence=16",
                    "batch=4 sequence=128",
                ],
            ),
            ("precision = ['fp32', 'q4']\nbatch = 2", &[], &["fp32 batch=2", "q4 batch=2"]),
            // A flag takes the place of the list it names, and of no other.
            (
                "batch = [1, 4]\ndimensions = { sequence = [16, 128], x = 3 }",
                &["--dimension", "sequence=8,sequence=9", "--batch", "2"],
                &["batch=2 sequence=8 x=3", "batch=2 sequence=9 x=3"],
            ),
            ("precision = 'fp32'", &["--precision", "fp16,int8"], &["fp16 ", "int8 "]),
            ("precision = ['fp32', '2%']", &[], &["fp32 "]),
            ("dimensions = { sequence = [] }", &[], &[""]),
        ];
        for (file, flags, expected) in rows {
            let axes = axes(file, flags);
            assert_eq!(told(&axes), expected, "{file} {flags:?}");
            assert_eq!(axes.count(), expected.len(), "{file} {flags:?}");
        }
    }

    #[test]
    fn features_are_varied_where_an_engine_has_them() {
        let settings = |file: &str, flags: &[&str], engine| -> Vec<String> {
            axes(file, flags).features(engine).iter().map(ToString::to_string).collect()
        };
        let all = "features = ['', '-tuned', '-tuned,-fusion']";
        for (file, flags, engine, expected) in [
            ("", &[][..], Engine::Webgpu, &[""][..]),
            (all, &[], Engine::Webgpu, &["", "-tuned", "-tuned,-fusion"]),
            (all, &[], Engine::Onnxruntime, &[""]),
            (all, &["--features", "", "--features=-fusion"], Engine::Wgpu, &["", "-fusion"]),
            ("", &["--features", "-fusion"], Engine::Wgpu, &["-fusion"]),
            ("features = '-fusion'", &[], Engine::Wgpu, &["-fusion"]),
        ] {
            assert_eq!(settings(file, flags, engine), expected, "{file} {flags:?} {}", engine.name());
        }
    }

    #[test]
    fn a_wrong_value_is_told_as_what_it_is() {
        for (file, part) in [
            ("batch = 0", "nonzero"),
            ("batch = [1, 0]", "nonzero"),
            ("batch = 'x'", "string"),
            ("precision = 'fp8'", "there is no precision \"fp8\""),
            ("precision = '0%'", "as in 2%"),
            ("features = ['-tund']", "did you mean \"tuned\""),
            ("dimensions = { x = -1 }", "-1"),
            ("dimensions = { x = true }", "a value or a list of values"),
        ] {
            let message = toml::from_str::<File>(file).map(|_| ()).unwrap_err().to_string();
            assert!(message.contains(part), "{file}: {message}");
        }
    }
}
